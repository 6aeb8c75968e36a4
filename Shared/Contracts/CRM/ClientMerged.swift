#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One client was merged into another.
public struct ClientMerged: Event {
    public static let name = "client.merged"
    public static let summary = "One client was merged into another."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = [
        "sourceClientId": "The client that was given up.",
        "targetClientId": "The client that goes on.",
        "strategy": "How conflicting fields were settled.",
    ]

    public var sourceClientId: UUID
    public var targetClientId: UUID
    public var mergedByUserId: UUID
    public var mergedAt: Timestamp
    public var strategy: String?

    public init(
        sourceClientId: UUID, targetClientId: UUID, mergedByUserId: UUID, mergedAt: Timestamp, strategy: String? = nil
    ) {
        self.sourceClientId = sourceClientId
        self.targetClientId = targetClientId
        self.mergedByUserId = mergedByUserId
        self.mergedAt = mergedAt
        self.strategy = strategy
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: sourceClientId) }

    public static var example: Self {
        ClientMerged(
            sourceClientId: Example.id("other-client"), targetClientId: Example.id("client"),
            mergedByUserId: Example.id("agent"), mergedAt: Example.time(), strategy: "keep_target")
    }
}
