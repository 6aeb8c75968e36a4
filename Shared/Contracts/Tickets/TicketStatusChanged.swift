#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of a ticket changed.
public struct TicketStatusChanged: Event {
    public static let name = "ticket.status_changed"
    public static let summary = "The status of a ticket changed."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var previousStatusId: String
    public var newStatusId: String
    public var changedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, previousStatusId: String, newStatusId: String, changedAt: Timestamp, reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.previousStatusId = previousStatusId
        self.newStatusId = newStatusId
        self.changedAt = changedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketStatusChanged(
            ticketId: Example.id("ticket"), previousStatusId: "open", newStatusId: "resolved",
            changedAt: Example.time(), reason: "Asked by the customer")
    }
}
