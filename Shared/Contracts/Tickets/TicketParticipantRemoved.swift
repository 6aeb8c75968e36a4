#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Somebody left a ticket.
public struct TicketParticipantRemoved: Event {
    public static let name = "ticket_participant.removed"
    public static let summary = "Somebody left a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "userId": "Absent for somebody known by email address only.",
        "snapshot": "The entity as GET showed it last.",
    ]

    public var ticketId: UUID
    public var participantId: UUID
    public var role: TicketParticipantAdded.Role
    public var userId: UUID?
    public var email: String?
    public var removedAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, participantId: UUID, role: TicketParticipantAdded.Role, userId: UUID? = nil,
        email: String? = nil, removedAt: Timestamp, snapshot: JSONObject?
    ) {
        self.ticketId = ticketId
        self.participantId = participantId
        self.role = role
        self.userId = userId
        self.email = email
        self.removedAt = removedAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketParticipantRemoved(
            ticketId: Example.id("ticket"), participantId: Example.id("participant"), role: .follower,
            userId: Example.id("agent"), email: "ada@example.com", removedAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("participant")), "role": "follower", "email": "ada@example.com"])
    }
}
