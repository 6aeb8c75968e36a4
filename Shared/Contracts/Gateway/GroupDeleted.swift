#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A group was deleted.
public struct GroupDeleted: Event {
    public static let name = "group.deleted"
    public static let summary = "A group was deleted."
    public static let category = "Identity"
    public static let owner = "gateway"

    public var groupId: UUID
    public var deletedByUserId: UUID?
    public var deletedAt: Timestamp
    public var snapshot: JSONObject?

    public init(groupId: UUID, deletedByUserId: UUID? = nil, deletedAt: Timestamp, snapshot: JSONObject? = nil) {
        self.groupId = groupId
        self.deletedByUserId = deletedByUserId
        self.deletedAt = deletedAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "group", id: groupId) }

    public static var example: Self {
        GroupDeleted(
            groupId: Example.id("network"), deletedByUserId: Example.id("agent"), deletedAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("network")), "name": "Network", "version": 1])
    }
}
