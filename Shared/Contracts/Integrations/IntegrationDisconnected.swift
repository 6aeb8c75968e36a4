#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An integration was disconnected.
public struct IntegrationDisconnected: Event {
    public static let name = "integration.disconnected"
    public static let summary = "An integration was disconnected."
    public static let category = "Integrations"
    public static let owner = "integrations"

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID
    public var disconnectedAt: Timestamp
    public var disconnectedByUserId: UUID?
    public var reason: String?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID, disconnectedAt: Timestamp,
        disconnectedByUserId: UUID? = nil, reason: String? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.disconnectedAt = disconnectedAt
        self.disconnectedByUserId = disconnectedByUserId
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationDisconnected(
            integrationId: Example.id("integration"), provider: "slack", connectionId: Example.id("connection"),
            disconnectedAt: Example.time(), disconnectedByUserId: Example.id("agent"), reason: "Asked by the customer")
    }
}
