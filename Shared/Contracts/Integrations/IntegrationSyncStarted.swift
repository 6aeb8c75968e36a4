#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A synchronization was started.
public struct IntegrationSyncStarted: Event {
    public static let name = "integration_sync.started"
    public static let summary = "A synchronization was started."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = ["scope": "What is synchronized, where it is not everything."]

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID?
    public var syncId: UUID
    public var scope: String?
    public var initiatedByUserId: UUID?
    public var startedAt: Timestamp

    public init(
        integrationId: UUID, provider: String, connectionId: UUID? = nil, syncId: UUID, scope: String? = nil,
        initiatedByUserId: UUID? = nil, startedAt: Timestamp
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.syncId = syncId
        self.scope = scope
        self.initiatedByUserId = initiatedByUserId
        self.startedAt = startedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationSyncStarted(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            syncId: Example.id("sync"), scope: "contacts", initiatedByUserId: Example.id("agent"),
            startedAt: Example.time())
    }
}
