#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A deleted ticket was brought back.
public struct TicketRestored: Event {
    public static let name = "ticket.restored"
    public static let summary = "A deleted ticket was brought back."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["restoredByUserId": "Absent where the system restored it."]

    public var ticketId: UUID
    public var restoredByUserId: UUID?
    public var restoredAt: Timestamp
    public var snapshot: JSONObject?

    public init(ticketId: UUID, restoredByUserId: UUID? = nil, restoredAt: Timestamp, snapshot: JSONObject?) {
        self.ticketId = ticketId
        self.restoredByUserId = restoredByUserId
        self.restoredAt = restoredAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketRestored(
            ticketId: Example.id("ticket"), restoredByUserId: Example.id("agent"), restoredAt: Example.time(),
            snapshot: [
                "id": .uuid(Example.id("ticket")), "key": "T-42", "subject": "Cannot reach the VPN", "status": "open",
                "version": 3,
            ])
    }
}
