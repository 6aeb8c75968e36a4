#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A user was created.
public struct UserCreated: Event {
    public static let name = "user.created"
    public static let summary = "A user was created."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = ["createdByUserId": "Absent for somebody who registered."]

    public var userId: UUID
    public var email: String
    public var displayName: String?
    public var createdByUserId: UUID?
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        userId: UUID, email: String, displayName: String? = nil, createdByUserId: UUID? = nil, createdAt: Timestamp,
        snapshot: JSONObject?
    ) {
        self.userId = userId
        self.email = email
        self.displayName = displayName
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "user", id: userId) }

    public static var example: Self {
        UserCreated(
            userId: Example.id("new-agent"), email: "grace@example.com", displayName: "Grace Hopper",
            createdByUserId: Example.id("agent"), createdAt: Example.time(),
            snapshot: [
                "id": .uuid(Example.id("new-agent")), "email": "grace@example.com", "displayName": "Grace Hopper",
                "version": 1,
            ])
    }
}
