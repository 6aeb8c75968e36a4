#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A recurring billing run was started.
public struct RecurringBillingRunStarted: Event {
    public static let name = "recurring_billing_run.started"
    public static let summary = "A recurring billing run was started."
    public static let category = "Billing"
    public static let owner = "field"

    public var runId: UUID
    public var scheduleId: UUID?
    public var startedAt: Timestamp
    public var initiatedByUserId: UUID?

    public init(runId: UUID, scheduleId: UUID? = nil, startedAt: Timestamp, initiatedByUserId: UUID? = nil) {
        self.runId = runId
        self.scheduleId = scheduleId
        self.startedAt = startedAt
        self.initiatedByUserId = initiatedByUserId
    }

    public var aggregate: Aggregate { Aggregate(type: "recurring_billing_run", id: runId) }

    public static var example: Self {
        RecurringBillingRunStarted(
            runId: Example.id("run"), scheduleId: Example.id("schedule"), startedAt: Example.time(),
            initiatedByUserId: Example.id("agent"))
    }
}
