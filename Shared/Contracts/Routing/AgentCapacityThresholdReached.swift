#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An agent holds so much that little capacity is left.
public struct AgentCapacityThresholdReached: Event {
    public static let name = "agent_capacity.threshold_reached"
    public static let summary = "An agent holds so much that little capacity is left."
    public static let category = "Routing"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "thresholdPercent": "The tenant's threshold.",
        "heldUnits": "Tickets held and reserved, weighted by channel.",
    ]

    public var agentId: UUID
    public var userId: UUID
    public var heldUnits: Int
    public var capacityUnits: Int
    public var thresholdPercent: Int
    public var reachedAt: Timestamp

    public init(
        agentId: UUID, userId: UUID, heldUnits: Int, capacityUnits: Int, thresholdPercent: Int, reachedAt: Timestamp
    ) {
        self.agentId = agentId
        self.userId = userId
        self.heldUnits = heldUnits
        self.capacityUnits = capacityUnits
        self.thresholdPercent = thresholdPercent
        self.reachedAt = reachedAt
    }

    public var aggregate: Aggregate {
        Aggregate(type: "agent_capacity", id: UUID(derivedFrom: "capacity \(agentId.text)"))
    }

    public static var example: Self {
        AgentCapacityThresholdReached(
            agentId: Example.id("routing-agent"), userId: Example.id("agent"), heldUnits: 8, capacityUnits: 10,
            thresholdPercent: 80,
            reachedAt: Example.time())
    }
}
