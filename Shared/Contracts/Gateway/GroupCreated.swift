#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A group was created.
public struct GroupCreated: Event {
    public static let name = "group.created"
    public static let summary = "A group was created."
    public static let category = "Identity"
    public static let owner = "gateway"

    public var groupId: UUID
    public var groupName: String
    public var createdByUserId: UUID?
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        groupId: UUID, groupName: String, createdByUserId: UUID? = nil, createdAt: Timestamp,
        snapshot: JSONObject? = nil
    ) {
        self.groupId = groupId
        self.groupName = groupName
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "group", id: groupId) }

    public static var example: Self {
        GroupCreated(
            groupId: Example.id("network"), groupName: "Network", createdByUserId: Example.id("agent"),
            createdAt: Example.time(), snapshot: ["id": .uuid(Example.id("network")), "name": "Network", "version": 1])
    }
}
