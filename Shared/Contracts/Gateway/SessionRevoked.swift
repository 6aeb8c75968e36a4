#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A session was ended.
public struct SessionRevoked: Event {
    public static let name = "session.revoked"
    public static let summary = "A session was ended."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = ["reason": "Such as logout, revoked, password_changed or token_reuse."]

    public var sessionId: UUID
    public var userId: UUID
    public var revokedByUserId: UUID?
    public var revokedAt: Timestamp
    public var reason: String?

    public init(
        sessionId: UUID, userId: UUID, revokedByUserId: UUID? = nil, revokedAt: Timestamp, reason: String? = nil
    ) {
        self.sessionId = sessionId
        self.userId = userId
        self.revokedByUserId = revokedByUserId
        self.revokedAt = revokedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "session", id: sessionId) }

    public static var example: Self {
        SessionRevoked(
            sessionId: Example.id("session"), userId: Example.id("agent"), revokedByUserId: Example.id("agent"),
            revokedAt: Example.time(), reason: "logout")
    }
}
