#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Routing chose who is to hold a ticket.
public struct RoutingDecisionMade: Event {
    public static let name = "routing_decision.made"
    public static let summary = "Routing chose who is to hold a ticket."
    public static let category = "Routing"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "userId": "Who is to hold it.",
        "agentId": "The same person as an agent of routing.",
        "fromUserId": "Who is to be relieved of it; absent where nobody holds it.",
        "queueId": "Absent where the ticket's own group is its queue.",
        "strategy": "Such as round_robin, or manual where a supervisor chose.",
        "reservedUntil": "Until then the agent's capacity is kept for the ticket.",
    ]

    public var decisionId: UUID
    public var ticketId: UUID
    public var agentId: UUID
    public var userId: UUID
    public var fromUserId: UUID?
    public var groupId: UUID?
    public var queueId: UUID?
    public var ruleId: UUID?
    public var strategy: String
    public var score: Double?
    public var waitedSeconds: Double
    public var reservedUntil: Timestamp
    public var decidedAt: Timestamp

    public init(
        decisionId: UUID, ticketId: UUID, agentId: UUID, userId: UUID, fromUserId: UUID? = nil, groupId: UUID? = nil,
        queueId: UUID? = nil, ruleId: UUID? = nil, strategy: String, score: Double? = nil, waitedSeconds: Double,
        reservedUntil: Timestamp, decidedAt: Timestamp
    ) {
        self.decisionId = decisionId
        self.ticketId = ticketId
        self.agentId = agentId
        self.userId = userId
        self.fromUserId = fromUserId
        self.groupId = groupId
        self.queueId = queueId
        self.ruleId = ruleId
        self.strategy = strategy
        self.score = score
        self.waitedSeconds = waitedSeconds
        self.reservedUntil = reservedUntil
        self.decidedAt = decidedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "routing_decision", id: decisionId) }

    public static var example: Self {
        RoutingDecisionMade(
            decisionId: Example.id("decision"), ticketId: Example.id("ticket"), agentId: Example.id("routing-agent"),
            userId: Example.id("agent"), fromUserId: Example.id("colleague"),
            groupId: Example.id("network"), queueId: Example.id("queue"), ruleId: Example.id("rule"),
            strategy: "round_robin", score: 0.5,
            waitedSeconds: 1.5, reservedUntil: Example.time(minutes: 1), decidedAt: Example.time())
    }
}
