#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A synchronization was completed.
public struct IntegrationSyncCompleted: Event {
    public static let name = "integration_sync.completed"
    public static let summary = "A synchronization was completed."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = ["summary": "How many records were touched."]

    public struct Summary: Sendable, Codable, Equatable {
        public var created: Int
        public var updated: Int
        public var deleted: Int
        public var skipped: Int

        public init(created: Int, updated: Int, deleted: Int, skipped: Int) {
            self.created = created
            self.updated = updated
            self.deleted = deleted
            self.skipped = skipped
        }
    }

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID?
    public var syncId: UUID
    public var startedAt: Timestamp
    public var completedAt: Timestamp
    public var durationMs: Int
    public var summary: Summary
    public var warnings: [String]?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID? = nil, syncId: UUID, startedAt: Timestamp,
        completedAt: Timestamp, durationMs: Int, summary: Summary, warnings: [String]? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.syncId = syncId
        self.startedAt = startedAt
        self.completedAt = completedAt
        self.durationMs = durationMs
        self.summary = summary
        self.warnings = warnings
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationSyncCompleted(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            syncId: Example.id("sync"), startedAt: Example.time(), completedAt: Example.time(), durationMs: 412,
            summary: Summary(created: 12, updated: 40, deleted: 1, skipped: 0),
            warnings: ["2 records had no email address"])
    }
}
