#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A group or its membership changed.
public struct GroupUpdated: Event {
    public static let name = "group.updated"
    public static let summary = "A group or its membership changed."
    public static let category = "Identity"
    public static let owner = "gateway"

    public var groupId: UUID
    public var updatedByUserId: UUID?
    public var updatedAt: Timestamp
    public var updatedFields: [String]
    public var changes: [String: Change]

    public init(
        groupId: UUID, updatedByUserId: UUID? = nil, updatedAt: Timestamp, updatedFields: [String],
        changes: [String: Change]
    ) {
        self.groupId = groupId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "group", id: groupId) }

    public static var example: Self {
        GroupUpdated(
            groupId: Example.id("network"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
