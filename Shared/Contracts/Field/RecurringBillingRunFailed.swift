#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A recurring billing run failed.
public struct RecurringBillingRunFailed: Event {
    public static let name = "recurring_billing_run.failed"
    public static let summary = "A recurring billing run failed."
    public static let category = "Billing"
    public static let owner = "field"

    public var runId: UUID
    public var failedAt: Timestamp
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        runId: UUID, failedAt: Timestamp, errorCode: String? = nil, errorMessage: String, retryable: Bool? = nil
    ) {
        self.runId = runId
        self.failedAt = failedAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "recurring_billing_run", id: runId) }

    public static var example: Self {
        RecurringBillingRunFailed(
            runId: Example.id("run"), failedAt: Example.time(), errorCode: "timeout",
            errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
