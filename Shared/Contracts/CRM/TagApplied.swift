#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tag was put on an entity.
public struct TagApplied: Event {
    public static let name = "tag.applied"
    public static let summary = "A tag was put on an entity."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = ["entityType": "Such as client, contact or asset."]

    public var tagId: UUID
    public var entityType: String
    public var entityId: UUID
    public var appliedByUserId: UUID
    public var appliedAt: Timestamp

    public init(tagId: UUID, entityType: String, entityId: UUID, appliedByUserId: UUID, appliedAt: Timestamp) {
        self.tagId = tagId
        self.entityType = entityType
        self.entityId = entityId
        self.appliedByUserId = appliedByUserId
        self.appliedAt = appliedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "tag", id: tagId) }

    public static var example: Self {
        TagApplied(
            tagId: Example.id("tag"), entityType: "client", entityId: Example.id("client"),
            appliedByUserId: Example.id("agent"), appliedAt: Example.time())
    }
}
