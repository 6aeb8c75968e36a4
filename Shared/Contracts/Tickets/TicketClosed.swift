#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was closed.
public struct TicketClosed: Event {
    public static let name = "ticket.closed"
    public static let summary = "A ticket was closed."
    public static let category = "Core"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["closedByUserId": "Absent where the system or a customer closed it."]

    public var ticketId: UUID
    public var previousStatusId: String
    public var closedByUserId: UUID?
    public var closedAt: Timestamp
    public var resolution: String?

    public init(
        ticketId: UUID, previousStatusId: String, closedByUserId: UUID? = nil, closedAt: Timestamp,
        resolution: String? = nil
    ) {
        self.ticketId = ticketId
        self.previousStatusId = previousStatusId
        self.closedByUserId = closedByUserId
        self.closedAt = closedAt
        self.resolution = resolution
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketClosed(
            ticketId: Example.id("ticket"), previousStatusId: "resolved", closedByUserId: Example.id("agent"),
            closedAt: Example.time(), resolution: "The gateway was restarted")
    }
}
