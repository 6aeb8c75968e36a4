#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An integration's credentials could not be renewed.
public struct IntegrationTokenRefreshFailed: Event {
    public static let name = "integration_token_refresh.failed"
    public static let summary = "An integration's credentials could not be renewed."
    public static let category = "Integrations"
    public static let owner = "integrations"

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID
    public var failedAt: Timestamp
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID, failedAt: Timestamp, errorCode: String? = nil,
        errorMessage: String, retryable: Bool? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.failedAt = failedAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationTokenRefreshFailed(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            failedAt: Example.time(), errorCode: "timeout",
            errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
