#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Routing found nobody who can hold a ticket; it waits.
public struct RoutingDecisionFailed: Event {
    public static let name = "routing_decision.failed"
    public static let summary = "Routing found nobody who can hold a ticket; it waits."
    public static let category = "Routing"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "reason": "What was in the way of most: at_capacity, not_available, missing_skill …",
        "queueId": "Absent where the ticket's own group is its queue.",
    ]

    public var decisionId: UUID
    public var ticketId: UUID
    public var queueId: UUID?
    public var ruleId: UUID?
    public var strategy: String
    public var reason: String
    public var decidedAt: Timestamp

    public init(
        decisionId: UUID, ticketId: UUID, queueId: UUID? = nil, ruleId: UUID? = nil, strategy: String, reason: String,
        decidedAt: Timestamp
    ) {
        self.decisionId = decisionId
        self.ticketId = ticketId
        self.queueId = queueId
        self.ruleId = ruleId
        self.strategy = strategy
        self.reason = reason
        self.decidedAt = decidedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "routing_decision", id: decisionId) }

    public static var example: Self {
        RoutingDecisionFailed(
            decisionId: Example.id("decision"), ticketId: Example.id("ticket"), queueId: Example.id("queue"),
            ruleId: Example.id("rule"),
            strategy: "round_robin",
            reason: "at_capacity", decidedAt: Example.time())
    }
}
