// What happened to a ticket, told from how it was before and how it is after. Every writer of tickets asks this one
// function, so no path can change a ticket without the events that say so.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One thing that happened to a ticket.
public enum TicketFact: Sendable, Hashable {
    case statusChanged(previous: TicketStatus, new: TicketStatus)
    case closed(previous: TicketStatus)
    case reopened(previous: TicketStatus, new: TicketStatus)
    case priorityChanged(previous: TicketPriority, new: TicketPriority)
    case queueChanged(previous: UUID?, new: UUID?)
    case assigned(previous: UUID?, new: UUID)
    case unassigned(previous: UUID)
    case tagsChanged(added: [String], removed: [String])
    case responseStateChanged(previous: ResponseState?, new: ResponseState?)

    /// Everything that happened between two states, in the order it is told.
    public static func between(_ before: TicketState, _ after: TicketState) -> [TicketFact] {
        var facts: [TicketFact] = []
        if before.status != after.status {
            facts.append(.statusChanged(previous: before.status, new: after.status))
            if after.status == .closed { facts.append(.closed(previous: before.status)) }
            if before.status.isDone, !after.status.isDone {
                facts.append(.reopened(previous: before.status, new: after.status))
            }
        }
        if before.priority != after.priority {
            facts.append(.priorityChanged(previous: before.priority, new: after.priority))
        }
        if before.groupId != after.groupId {
            facts.append(.queueChanged(previous: before.groupId, new: after.groupId))
        }
        if before.assigneeId != after.assigneeId {
            if let assignee = after.assigneeId {
                facts.append(.assigned(previous: before.assigneeId, new: assignee))
            } else if let previous = before.assigneeId {
                facts.append(.unassigned(previous: previous))
            }
        }
        if before.tags != after.tags {
            let (old, new) = (Set(before.tags), Set(after.tags))
            let (added, removed) = (new.subtracting(old).sorted(), old.subtracting(new).sorted())
            if !added.isEmpty || !removed.isEmpty { facts.append(.tagsChanged(added: added, removed: removed)) }
        }
        if before.responseState != after.responseState {
            facts.append(.responseStateChanged(previous: before.responseState, new: after.responseState))
        }
        return facts
    }
}
