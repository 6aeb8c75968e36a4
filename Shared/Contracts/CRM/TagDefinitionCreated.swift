#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tag was defined.
public struct TagDefinitionCreated: Event {
    public static let name = "tag_definition.created"
    public static let summary = "A tag was defined."
    public static let category = "CRM"
    public static let owner = "crm"

    public var tagId: UUID
    public var tagName: String
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        tagId: UUID, tagName: String, createdByUserId: UUID, createdAt: Timestamp, snapshot: JSONObject? = nil
    ) {
        self.tagId = tagId
        self.tagName = tagName
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "tag", id: tagId) }

    public static var example: Self {
        TagDefinitionCreated(
            tagId: Example.id("tag"), tagName: "vip", createdByUserId: Example.id("agent"), createdAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("tag")), "version": 1])
    }
}
