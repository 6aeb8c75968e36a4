#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket waits for somebody to hold it.
public struct RoutingQueueEntryCreated: Event {
    public static let name = "routing_queue_entry.created"
    public static let summary = "A ticket waits for somebody to hold it."
    public static let category = "Routing"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "queueId": "Absent where the ticket's own group is its queue.",
        "routableAt": "Since when it could have been held.",
        "fromUserId": "Who is to be relieved of it.",
    ]

    public var queueEntryId: UUID
    public var ticketId: UUID
    public var queueId: UUID?
    public var ruleId: UUID?
    public var groupIds: [UUID]
    public var strategy: String
    public var priority: String
    public var fromUserId: UUID?
    public var routableAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        queueEntryId: UUID, ticketId: UUID, queueId: UUID? = nil, ruleId: UUID? = nil, groupIds: [UUID],
        strategy: String, priority: String, fromUserId: UUID? = nil, routableAt: Timestamp, snapshot: JSONObject?
    ) {
        self.queueEntryId = queueEntryId
        self.ticketId = ticketId
        self.queueId = queueId
        self.ruleId = ruleId
        self.groupIds = groupIds
        self.strategy = strategy
        self.priority = priority
        self.fromUserId = fromUserId
        self.routableAt = routableAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "routing_queue_entry", id: queueEntryId) }

    public static var example: Self {
        RoutingQueueEntryCreated(
            queueEntryId: Example.id("queue-entry"), ticketId: Example.id("ticket"), queueId: Example.id("queue"),
            ruleId: Example.id("rule"),
            groupIds: [Example.id("network")],
            strategy: "round_robin", priority: "normal", fromUserId: Example.id("colleague"),
            routableAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("queue-entry")), "ticketId": .uuid(Example.id("ticket")), "version": 1])
    }
}
