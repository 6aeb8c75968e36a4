#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tag was taken off an entity.
public struct TagRemoved: Event {
    public static let name = "tag.removed"
    public static let summary = "A tag was taken off an entity."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = ["entityType": "Such as client, contact or asset."]

    public var tagId: UUID
    public var entityType: String
    public var entityId: UUID
    public var removedByUserId: UUID
    public var removedAt: Timestamp

    public init(tagId: UUID, entityType: String, entityId: UUID, removedByUserId: UUID, removedAt: Timestamp) {
        self.tagId = tagId
        self.entityType = entityType
        self.entityId = entityId
        self.removedByUserId = removedByUserId
        self.removedAt = removedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "tag", id: tagId) }

    public static var example: Self {
        TagRemoved(
            tagId: Example.id("tag"), entityType: "client", entityId: Example.id("client"),
            removedByUserId: Example.id("agent"), removedAt: Example.time())
    }
}
