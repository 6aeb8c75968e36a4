#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One contact was merged into another.
public struct ContactMerged: Event {
    public static let name = "contact.merged"
    public static let summary = "One contact was merged into another."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = [
        "sourceContactId": "The contact that was given up.",
        "targetContactId": "The contact that goes on.",
        "strategy": "How conflicting fields were settled.",
    ]

    public var sourceContactId: UUID
    public var targetContactId: UUID
    public var mergedByUserId: UUID
    public var mergedAt: Timestamp
    public var strategy: String?

    public init(
        sourceContactId: UUID, targetContactId: UUID, mergedByUserId: UUID, mergedAt: Timestamp,
        strategy: String? = nil
    ) {
        self.sourceContactId = sourceContactId
        self.targetContactId = targetContactId
        self.mergedByUserId = mergedByUserId
        self.mergedAt = mergedAt
        self.strategy = strategy
    }

    public var aggregate: Aggregate { Aggregate(type: "contact", id: sourceContactId) }

    public static var example: Self {
        ContactMerged(
            sourceContactId: Example.id("other-contact"), targetContactId: Example.id("customer"),
            mergedByUserId: Example.id("agent"), mergedAt: Example.time(), strategy: "keep_target")
    }
}
