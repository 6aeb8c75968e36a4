#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Somebody joined a ticket.
public struct TicketParticipantAdded: Event {
    public static let name = "ticket_participant.added"
    public static let summary = "Somebody joined a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["userId": "Absent for somebody known by email address only."]

    public enum Role: String, Sendable, Codable, CaseIterable {
        case requester, cc, follower, collaborator
    }

    public var ticketId: UUID
    public var participantId: UUID
    public var role: Role
    public var userId: UUID?
    public var email: String?
    public var addedAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, participantId: UUID, role: Role, userId: UUID? = nil, email: String? = nil, addedAt: Timestamp,
        snapshot: JSONObject?
    ) {
        self.ticketId = ticketId
        self.participantId = participantId
        self.role = role
        self.userId = userId
        self.email = email
        self.addedAt = addedAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketParticipantAdded(
            ticketId: Example.id("ticket"), participantId: Example.id("participant"), role: .follower,
            userId: Example.id("agent"), email: "ada@example.com", addedAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("participant")), "role": "follower", "email": "ada@example.com"])
    }
}
