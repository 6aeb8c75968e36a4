#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A resolved or closed ticket was opened again.
public struct TicketReopened: Event {
    public static let name = "ticket.reopened"
    public static let summary = "A resolved or closed ticket was opened again."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var previousStatusId: String
    public var newStatusId: String
    public var reopenedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, previousStatusId: String, newStatusId: String, reopenedAt: Timestamp, reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.previousStatusId = previousStatusId
        self.newStatusId = newStatusId
        self.reopenedAt = reopenedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketReopened(
            ticketId: Example.id("ticket"), previousStatusId: "resolved", newStatusId: "open",
            reopenedAt: Example.time(), reason: "Asked by the customer")
    }
}
