#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket moved to another queue.
public struct TicketQueueChanged: Event {
    public static let name = "ticket.queue_changed"
    public static let summary = "A ticket moved to another queue."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "previousQueueId": "Absent where it was in none.",
        "newQueueId": "Absent where it is in none.",
    ]

    public var ticketId: UUID
    public var previousQueueId: UUID?
    public var newQueueId: UUID?
    public var changedAt: Timestamp

    public init(ticketId: UUID, previousQueueId: UUID? = nil, newQueueId: UUID? = nil, changedAt: Timestamp) {
        self.ticketId = ticketId
        self.previousQueueId = previousQueueId
        self.newQueueId = newQueueId
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketQueueChanged(
            ticketId: Example.id("ticket"), previousQueueId: Example.id("first-line"),
            newQueueId: Example.id("network"), changedAt: Example.time())
    }
}
