// Takes tickets into the queue, out of it, and notes who holds them.
import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// After the copy of the tickets has taken the same events in: what they mean for routing, tenant by tenant.
struct FollowTickets: BatchEventHandler {
    let books: RuleBookStore
    let name = "follow_tickets"
    let patterns = [
        "ticket.created", "ticket.updated", "ticket.deleted", "ticket.restored", "ticket_message.added",
        RoutingDecisionRejected.name, "ticket_sla_stage.entered",
    ]

    /// How long a ticket waits after its decision was refused.
    private static let refusalPause = Duration.seconds(5)

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let byTenant = Dictionary(grouping: messages, by: \.envelope.tenantId)
        // All take the tenants' locks in this order.
        for tenantId in byTenant.keys.sorted() {
            let messages = byTenant[tenantId] ?? []
            // Rules take their time, and others need the lock.
            let judged = try await judge(messages, at: Desk(tenantId, books: books, in: tx))
            let desk = try await Desk.open(tenantId, books: books, in: tx)
            for message in messages { try await note(message, at: desk) }
            try await desk.reconcile(judged)
        }
    }

    /// The tickets that the messages are about, where that may have changed who is to hold them.
    private func judge(_ messages: [RawMessage], at desk: Desk) async throws -> JudgedTickets {
        var tickets: [UUID] = []
        var changes: [UUID: JSONObject] = [:]
        for message in messages where !Self.notes.contains(message.name) {
            guard let ticketId = message.payload["ticketId"]?.uuidValue else { continue }
            if changes.updateValue(changes[ticketId] ?? [:], forKey: ticketId) == nil { tickets.append(ticketId) }
            for (field, change) in message.payload["changes"]?.objectValue ?? [:] {
                changes[ticketId]?[field] = change
            }
        }
        return try await JudgedTickets(tickets, changes: changes, at: desk)
    }

    /// Events after which the same is asked for of the same ticket.
    private static let notes: Set<String> = ["ticket_message.added", "ticket_sla_stage.entered"]

    private func note(_ message: RawMessage, at desk: Desk) async throws {
        guard let ticketId = message.payload["ticketId"]?.uuidValue else { return }
        switch message.name {
        case "ticket_message.added": noteReply(message, to: ticketId, at: desk)
        case RoutingDecisionRejected.name: try await giveBack(message, ticketId: ticketId, at: desk)
        case "ticket_sla_stage.entered": noteDeadline(message, of: ticketId, at: desk)
        default: break
        }
    }

    /// A ticket that its holder has answered stays theirs where only untouched ones are redistributed.
    private func noteReply(_ message: RawMessage, to ticketId: UUID, at desk: Desk) {
        guard message.payload["visibility"] == "public", message.payload["authorType"] == "user",
            let author = message.payload["authorId"]?.uuidValue
        else { return }
        desk.tx.enqueue(
            """
            UPDATE routing_holdings AS h SET is_touched = true
            FROM agent_loads AS l
            WHERE h.tenant_id = \(desk.tenantId) AND h.ticket_id = \(ticketId) AND NOT h.is_touched
                AND l.tenant_id = h.tenant_id AND l.agent_id = h.agent_id AND l.user_id = \(author)
            """)
    }

    /// The tickets service refused a decision: the ticket waits in its old place. Its capacity is given back with what
    /// else follows from the ticket as it is.
    private func giveBack(_ message: RawMessage, ticketId: UUID, at desk: Desk) async throws {
        guard let decisionId = message.payload["decisionId"]?.uuidValue else { return }
        let entries = try await desk.entries(where: "e.ticket_id = \(ticketId) AND e.decision_id = \(decisionId)")
        guard var entry = entries.first, entry.state == .reserved else { return }
        entry.giveUpReservation(notBefore: desk.now + FollowTickets.refusalPause)
        desk.tx.enqueue(Entry.updating([entry], tenantId: desk.tenantId, now: desk.now))
    }

    /// Queues in the order of deadlines look at it.
    private func noteDeadline(_ message: RawMessage, of ticketId: UUID, at desk: Desk) {
        guard let target = message.payload["targetAt"]?.timestampValue else { return }
        desk.tx.enqueue(
            """
            UPDATE routing_queue_entries SET order_due = LEAST(order_due, \(target))
            WHERE tenant_id = \(desk.tenantId) AND ticket_id = \(ticketId) AND strategy = 'priority'
            """)
    }
}
