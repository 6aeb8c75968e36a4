#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A login of a known user failed.
public struct UserLoginFailed: Event {
    public static let name = "user.login_failed"
    public static let summary = "A login of a known user failed."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = [
        "reason": "Such as wrong_password, wrong_code, locked or deactivated.",
        "lockedUntil": "Absent where the account is not locked.",
    ]

    public var userId: UUID
    public var reason: String
    public var ipAddress: String?
    public var userAgent: String?
    public var failedAt: Timestamp
    public var lockedUntil: Timestamp?

    public init(
        userId: UUID, reason: String, ipAddress: String? = nil, userAgent: String? = nil, failedAt: Timestamp,
        lockedUntil: Timestamp? = nil
    ) {
        self.userId = userId
        self.reason = reason
        self.ipAddress = ipAddress
        self.userAgent = userAgent
        self.failedAt = failedAt
        self.lockedUntil = lockedUntil
    }

    public var aggregate: Aggregate { Aggregate(type: "user", id: userId) }

    public static var example: Self {
        UserLoginFailed(
            userId: Example.id("agent"), reason: "wrong_password", ipAddress: "192.0.2.17", userAgent: "Mozilla/5.0",
            failedAt: Example.time(), lockedUntil: Example.time(minutes: 5))
    }
}
