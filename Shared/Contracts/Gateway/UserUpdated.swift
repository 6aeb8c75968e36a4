#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A user changed.
public struct UserUpdated: Event {
    public static let name = "user.updated"
    public static let summary = "A user changed."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted

    public var userId: UUID
    public var updatedByUserId: UUID?
    public var updatedAt: Timestamp
    public var updatedFields: [String]
    public var changes: [String: Change]

    public init(
        userId: UUID, updatedByUserId: UUID? = nil, updatedAt: Timestamp, updatedFields: [String],
        changes: [String: Change]
    ) {
        self.userId = userId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "user", id: userId) }

    public static var example: Self {
        UserUpdated(
            userId: Example.id("agent"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
