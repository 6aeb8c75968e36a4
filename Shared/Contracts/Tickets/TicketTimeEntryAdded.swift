#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Time was booked on a ticket.
public struct TicketTimeEntryAdded: Event {
    public static let name = "ticket_time_entry.added"
    public static let summary = "Time was booked on a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var ticketId: UUID
    public var timeEntryId: UUID
    public var minutes: Int
    public var billable: Bool
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, timeEntryId: UUID, minutes: Int, billable: Bool, createdAt: Timestamp,
        snapshot: JSONObject? = nil
    ) {
        self.ticketId = ticketId
        self.timeEntryId = timeEntryId
        self.minutes = minutes
        self.billable = billable
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketTimeEntryAdded(
            ticketId: Example.id("ticket"), timeEntryId: Example.id("time-entry"), minutes: 25, billable: true,
            createdAt: Example.time(), snapshot: ["id": .uuid(Example.id("time-entry")), "version": 1])
    }
}
