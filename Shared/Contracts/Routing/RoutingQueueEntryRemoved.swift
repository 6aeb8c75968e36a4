#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket waits no longer.
public struct RoutingQueueEntryRemoved: Event {
    public static let name = "routing_queue_entry.removed"
    public static let summary = "A ticket waits no longer."
    public static let category = "Routing"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "reason": "assigned, ticket_over or ticket_deleted."
    ]

    public var queueEntryId: UUID
    public var ticketId: UUID
    public var queueId: UUID?
    public var reason: String
    public var waitedSeconds: Double
    public var removedAt: Timestamp

    public init(
        queueEntryId: UUID, ticketId: UUID, queueId: UUID? = nil, reason: String, waitedSeconds: Double,
        removedAt: Timestamp
    ) {
        self.queueEntryId = queueEntryId
        self.ticketId = ticketId
        self.queueId = queueId
        self.reason = reason
        self.waitedSeconds = waitedSeconds
        self.removedAt = removedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "routing_queue_entry", id: queueEntryId) }

    public static var example: Self {
        RoutingQueueEntryRemoved(
            queueEntryId: Example.id("queue-entry"), ticketId: Example.id("ticket"), queueId: Example.id("queue"),
            reason: "assigned",
            waitedSeconds: 1.5, removedAt: Example.time(minutes: 1))
    }
}
