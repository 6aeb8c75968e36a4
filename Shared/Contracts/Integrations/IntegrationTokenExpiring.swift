#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An integration's credentials are about to run out.
public struct IntegrationTokenExpiring: Event {
    public static let name = "integration_token.expiring"
    public static let summary = "An integration's credentials are about to run out."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = ["expiresAt": "When they run out."]

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID
    public var expiresAt: Timestamp
    public var daysUntilExpiry: Int
    public var notifiedAt: Timestamp

    public init(
        integrationId: UUID, provider: String, connectionId: UUID, expiresAt: Timestamp, daysUntilExpiry: Int,
        notifiedAt: Timestamp
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.expiresAt = expiresAt
        self.daysUntilExpiry = daysUntilExpiry
        self.notifiedAt = notifiedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationTokenExpiring(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            expiresAt: Example.time(minutes: 20160), daysUntilExpiry: 14, notifiedAt: Example.time())
    }
}
