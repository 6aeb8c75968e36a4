#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An integration was connected.
public struct IntegrationConnected: Event {
    public static let name = "integration.connected"
    public static let summary = "An integration was connected."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = ["provider": "Such as slack, salesforce or jira."]

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID
    public var connectedAt: Timestamp
    public var connectedByUserId: UUID?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID, connectedAt: Timestamp,
        connectedByUserId: UUID? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.connectedAt = connectedAt
        self.connectedByUserId = connectedByUserId
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationConnected(
            integrationId: Example.id("integration"), provider: "slack", connectionId: Example.id("connection"),
            connectedAt: Example.time(), connectedByUserId: Example.id("agent"))
    }
}
