#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An agent became available or unavailable.
public struct AgentAvailabilityChanged: Event {
    public static let name = "agent.availability_changed"
    public static let summary = "An agent became available or unavailable."
    public static let category = "Identity"
    public static let owner = "routing"
    public static let status = EventStatus.emitted
    public static let notes = [
        "until": "When the state is expected to end.", "agentId": "The same person as an agent of routing.",
    ]

    public enum Availability: String, Sendable, Codable, CaseIterable {
        case online
        case away
        case offline
        case onLeave = "on_leave"
    }

    public var userId: UUID
    public var previousAvailability: Availability?
    public var newAvailability: Availability
    public var changedAt: Timestamp
    public var until: Timestamp?
    public var reason: String?
    public var agentId: UUID?

    public init(
        userId: UUID, previousAvailability: Availability? = nil, newAvailability: Availability, changedAt: Timestamp,
        until: Timestamp? = nil, reason: String? = nil, agentId: UUID? = nil
    ) {
        self.userId = userId
        self.previousAvailability = previousAvailability
        self.newAvailability = newAvailability
        self.changedAt = changedAt
        self.until = until
        self.reason = reason
        self.agentId = agentId
    }

    public var aggregate: Aggregate { Aggregate(type: "agent", id: agentId ?? userId) }

    public static var example: Self {
        AgentAvailabilityChanged(
            userId: Example.id("agent"), previousAvailability: .online, newAvailability: .away,
            changedAt: Example.time(), until: Example.time(minutes: 60), reason: "Lunch",
            agentId: Example.id("routing-agent"))
    }
}
