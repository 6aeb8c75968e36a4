// What a ticket's present state means for its place in the queue and for who holds it. Pure: the same state has the same
// consequences, however many events told of it and in whatever order.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket as routing knows it.
struct TicketView: Sendable {
    var id: UUID
    var status: String?
    var isDeleted = false
    var assigneeUserId: UUID?
    /// The same person as an agent; nil for somebody whom routing does not know.
    var assigneeAgentId: UUID?
    var groupId: UUID?
    var requesterId: UUID?
    var priority = "normal"
    var channel: String?
    var dueAt: Timestamp?
    /// What conditions look at.
    var fields: JSONObject = [:]
    var requester: JSONObject = [:]

    var isActive: Bool { !isDeleted && TicketRank.isActive(status) }
}

struct Reconciliation: Sendable, Hashable {
    enum HoldingChange: Sendable, Hashable {
        case keep
        case release
        case hold(agentId: UUID)
    }

    /// Why the entry goes; nil if it stays.
    var removal: String?
    /// Whether the ticket joins the queue.
    var joins = false
    /// Whether what it asks for is worked out again.
    var isReplaced = false
    var holding = HoldingChange.keep

    init(of ticket: TicketView, entry: Entry?, holding present: Holding?) {
        guard ticket.isActive else {
            removal = entry == nil ? nil : ticket.isDeleted ? "ticket_deleted" : "ticket_over"
            holding = present == nil ? .keep : .release
            return
        }
        guard let assignee = ticket.assigneeUserId else {
            switch entry?.state {
            case nil:
                joins = true
                holding = present == nil ? .keep : .release
            case .reserved:
                break  // The tickets service has yet to answer.
            case .waiting, .manual:
                isReplaced = true
                holding = present == nil ? .keep : .release
            }
            return
        }
        if let entry, entry.fromUserId == assignee {
            // It is still with whom it is to be taken from.
            if entry.state == .reserved { return }
            isReplaced = true
        } else if entry != nil {
            removal = "assigned"
        }
        if let agentId = ticket.assigneeAgentId {
            holding = present?.agentId == agentId && present?.state == .held ? .keep : .hold(agentId: agentId)
        } else {
            holding = present == nil ? .keep : .release
        }
    }
}
