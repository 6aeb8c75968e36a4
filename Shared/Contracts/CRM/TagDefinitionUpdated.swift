#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tag was renamed.
public struct TagDefinitionUpdated: Event {
    public static let name = "tag_definition.updated"
    public static let summary = "A tag was renamed."
    public static let category = "CRM"
    public static let owner = "crm"

    public var tagId: UUID
    public var previousName: String?
    public var newName: String?
    public var updatedByUserId: UUID
    public var updatedAt: Timestamp

    public init(
        tagId: UUID, previousName: String? = nil, newName: String? = nil, updatedByUserId: UUID, updatedAt: Timestamp
    ) {
        self.tagId = tagId
        self.previousName = previousName
        self.newName = newName
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "tag", id: tagId) }

    public static var example: Self {
        TagDefinitionUpdated(
            tagId: Example.id("tag"), previousName: "vip", newName: "key_account",
            updatedByUserId: Example.id("agent"), updatedAt: Example.time())
    }
}
