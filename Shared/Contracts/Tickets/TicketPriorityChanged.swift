#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The priority of a ticket changed.
public struct TicketPriorityChanged: Event {
    public static let name = "ticket.priority_changed"
    public static let summary = "The priority of a ticket changed."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var previousPriorityId: String
    public var newPriorityId: String
    public var changedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, previousPriorityId: String, newPriorityId: String, changedAt: Timestamp, reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.previousPriorityId = previousPriorityId
        self.newPriorityId = newPriorityId
        self.changedAt = changedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketPriorityChanged(
            ticketId: Example.id("ticket"), previousPriorityId: "normal", newPriorityId: "urgent",
            changedAt: Example.time(), reason: "Asked by the customer")
    }
}
