#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was given to somebody.
public struct TicketAssigned: Event {
    public static let name = "ticket.assigned"
    public static let summary = "A ticket was given to somebody."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "previousAssigneeId": "Absent where nobody had it.",
        "newAssigneeType": "user today.",
    ]

    public var ticketId: UUID
    public var previousAssigneeId: UUID?
    public var previousAssigneeType: String?
    public var newAssigneeId: UUID
    public var newAssigneeType: String
    public var assignedAt: Timestamp

    public init(
        ticketId: UUID, previousAssigneeId: UUID? = nil, previousAssigneeType: String? = nil, newAssigneeId: UUID,
        newAssigneeType: String, assignedAt: Timestamp
    ) {
        self.ticketId = ticketId
        self.previousAssigneeId = previousAssigneeId
        self.previousAssigneeType = previousAssigneeType
        self.newAssigneeId = newAssigneeId
        self.newAssigneeType = newAssigneeType
        self.assignedAt = assignedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketAssigned(
            ticketId: Example.id("ticket"), previousAssigneeId: Example.id("colleague"), previousAssigneeType: "user",
            newAssigneeId: Example.id("agent"), newAssigneeType: "user", assignedAt: Example.time())
    }
}
