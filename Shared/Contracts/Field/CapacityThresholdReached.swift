#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The booked work of a team reached its limit for a day.
public struct CapacityThresholdReached: Event {
    public static let name = "capacity_threshold.reached"
    public static let summary = "The booked work of a team reached its limit for a day."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = [
        "capacityLimit": "In minutes.",
        "currentBooked": "In minutes.",
    ]

    public var teamId: UUID
    public var date: CalendarDate
    public var capacityLimit: Int
    public var currentBooked: Int
    public var triggeredAt: Timestamp

    public init(teamId: UUID, date: CalendarDate, capacityLimit: Int, currentBooked: Int, triggeredAt: Timestamp) {
        self.teamId = teamId
        self.date = date
        self.capacityLimit = capacityLimit
        self.currentBooked = currentBooked
        self.triggeredAt = triggeredAt
    }

    public var aggregate: Aggregate { Aggregate(type: "team", id: teamId) }

    public static var example: Self {
        CapacityThresholdReached(
            teamId: Example.id("network"), date: Example.date("2026-01-05"), capacityLimit: 2400, currentBooked: 2430,
            triggeredAt: Example.time())
    }
}
