#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A recurring billing run was completed.
public struct RecurringBillingRunCompleted: Event {
    public static let name = "recurring_billing_run.completed"
    public static let summary = "A recurring billing run was completed."
    public static let category = "Billing"
    public static let owner = "field"

    public var runId: UUID
    public var completedAt: Timestamp
    public var invoicesCreated: Int
    public var failedCount: Int
    public var warnings: [String]?

    public init(
        runId: UUID, completedAt: Timestamp, invoicesCreated: Int, failedCount: Int, warnings: [String]? = nil
    ) {
        self.runId = runId
        self.completedAt = completedAt
        self.invoicesCreated = invoicesCreated
        self.failedCount = failedCount
        self.warnings = warnings
    }

    public var aggregate: Aggregate { Aggregate(type: "recurring_billing_run", id: runId) }

    public static var example: Self {
        RecurringBillingRunCompleted(
            runId: Example.id("run"), completedAt: Example.time(), invoicesCreated: 118, failedCount: 2,
            warnings: ["2 records had no email address"])
    }
}
