#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A user was deactivated; the sessions ended at once.
public struct UserDeactivated: Event {
    public static let name = "user.deactivated"
    public static let summary = "A user was deactivated; the sessions ended at once."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted

    public var userId: UUID
    public var deactivatedByUserId: UUID?
    public var deactivatedAt: Timestamp
    public var reason: String?

    public init(userId: UUID, deactivatedByUserId: UUID? = nil, deactivatedAt: Timestamp, reason: String? = nil) {
        self.userId = userId
        self.deactivatedByUserId = deactivatedByUserId
        self.deactivatedAt = deactivatedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "user", id: userId) }

    public static var example: Self {
        UserDeactivated(
            userId: Example.id("agent"), deactivatedByUserId: Example.id("agent"), deactivatedAt: Example.time(),
            reason: "Asked by the customer")
    }
}
