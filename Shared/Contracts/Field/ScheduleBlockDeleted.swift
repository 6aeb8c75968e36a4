#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Blocked time was freed in a schedule.
public struct ScheduleBlockDeleted: Event {
    public static let name = "schedule_block.deleted"
    public static let summary = "Blocked time was freed in a schedule."
    public static let category = "Scheduling"
    public static let owner = "field"

    public var scheduleBlockId: UUID
    public var deletedAt: Timestamp
    public var reason: String?
    public var snapshot: JSONObject?

    public init(scheduleBlockId: UUID, deletedAt: Timestamp, reason: String? = nil, snapshot: JSONObject? = nil) {
        self.scheduleBlockId = scheduleBlockId
        self.deletedAt = deletedAt
        self.reason = reason
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "schedule_block", id: scheduleBlockId) }

    public static var example: Self {
        ScheduleBlockDeleted(
            scheduleBlockId: Example.id("schedule-block"), deletedAt: Example.time(), reason: "Asked by the customer",
            snapshot: ["id": .uuid(Example.id("schedule-block")), "version": 1])
    }
}
