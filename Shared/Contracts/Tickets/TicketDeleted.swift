#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was deleted.
public struct TicketDeleted: Event {
    public static let name = "ticket.deleted"
    public static let summary = "A ticket was deleted."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["deletedByUserId": "Absent where the system deleted it."]

    public var ticketId: UUID
    public var deletedByUserId: UUID?
    public var deletedAt: Timestamp
    public var reason: String?
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, deletedByUserId: UUID? = nil, deletedAt: Timestamp, reason: String? = nil,
        snapshot: JSONObject?
    ) {
        self.ticketId = ticketId
        self.deletedByUserId = deletedByUserId
        self.deletedAt = deletedAt
        self.reason = reason
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketDeleted(
            ticketId: Example.id("ticket"), deletedByUserId: Example.id("agent"), deletedAt: Example.time(),
            reason: "Spam",
            snapshot: [
                "id": .uuid(Example.id("ticket")), "key": "T-42", "subject": "Cannot reach the VPN", "status": "open",
                "version": 3,
            ])
    }
}
