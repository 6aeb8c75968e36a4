#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Time was blocked in a schedule.
public struct ScheduleBlockCreated: Event {
    public static let name = "schedule_block.created"
    public static let summary = "Time was blocked in a schedule."
    public static let category = "Scheduling"
    public static let owner = "field"
    public static let notes = ["ownerId": "The user or team whose time it is."]

    public enum OwnerType: String, Sendable, Codable, CaseIterable {
        case user, team
    }

    public var scheduleBlockId: UUID
    public var ownerId: UUID
    public var ownerType: OwnerType
    public var startAt: Timestamp
    public var endAt: Timestamp
    public var timezone: String
    public var createdAt: Timestamp
    public var reason: String?
    public var snapshot: JSONObject?

    public init(
        scheduleBlockId: UUID, ownerId: UUID, ownerType: OwnerType, startAt: Timestamp, endAt: Timestamp,
        timezone: String, createdAt: Timestamp, reason: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.scheduleBlockId = scheduleBlockId
        self.ownerId = ownerId
        self.ownerType = ownerType
        self.startAt = startAt
        self.endAt = endAt
        self.timezone = timezone
        self.createdAt = createdAt
        self.reason = reason
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "schedule_block", id: scheduleBlockId) }

    public static var example: Self {
        ScheduleBlockCreated(
            scheduleBlockId: Example.id("schedule-block"), ownerId: Example.id("technician"), ownerType: .user,
            startAt: Example.time(minutes: 1440), endAt: Example.time(minutes: 1500), timezone: "Europe/Berlin",
            createdAt: Example.time(), reason: "Asked by the customer",
            snapshot: ["id": .uuid(Example.id("schedule-block")), "version": 1])
    }
}
