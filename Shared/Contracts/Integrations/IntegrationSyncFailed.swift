#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A synchronization failed.
public struct IntegrationSyncFailed: Event {
    public static let name = "integration_sync.failed"
    public static let summary = "A synchronization failed."
    public static let category = "Integrations"
    public static let owner = "integrations"

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID?
    public var syncId: UUID
    public var startedAt: Timestamp
    public var failedAt: Timestamp
    public var durationMs: Int
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID? = nil, syncId: UUID, startedAt: Timestamp,
        failedAt: Timestamp, durationMs: Int, errorCode: String? = nil, errorMessage: String, retryable: Bool? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.syncId = syncId
        self.startedAt = startedAt
        self.failedAt = failedAt
        self.durationMs = durationMs
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationSyncFailed(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            syncId: Example.id("sync"), startedAt: Example.time(), failedAt: Example.time(), durationMs: 412,
            errorCode: "timeout", errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
