#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was taken from its assignee.
public struct TicketUnassigned: Event {
    public static let name = "ticket.unassigned"
    public static let summary = "A ticket was taken from its assignee."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var previousAssigneeId: UUID
    public var previousAssigneeType: String
    public var unassignedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, previousAssigneeId: UUID, previousAssigneeType: String, unassignedAt: Timestamp,
        reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.previousAssigneeId = previousAssigneeId
        self.previousAssigneeType = previousAssigneeType
        self.unassignedAt = unassignedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketUnassigned(
            ticketId: Example.id("ticket"), previousAssigneeId: Example.id("colleague"), previousAssigneeType: "user",
            unassignedAt: Example.time(), reason: "Asked by the customer")
    }
}
