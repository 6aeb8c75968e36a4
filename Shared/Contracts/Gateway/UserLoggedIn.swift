#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A user logged in.
public struct UserLoggedIn: Event {
    public static let name = "user.logged_in"
    public static let summary = "A user logged in."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = ["method": "Such as password, totp or oidc."]

    public var userId: UUID
    public var sessionId: UUID?
    public var method: String
    public var ipAddress: String?
    public var userAgent: String?
    public var loggedInAt: Timestamp

    public init(
        userId: UUID, sessionId: UUID? = nil, method: String, ipAddress: String? = nil, userAgent: String? = nil,
        loggedInAt: Timestamp
    ) {
        self.userId = userId
        self.sessionId = sessionId
        self.method = method
        self.ipAddress = ipAddress
        self.userAgent = userAgent
        self.loggedInAt = loggedInAt
    }

    public var aggregate: Aggregate { Aggregate(type: "user", id: userId) }

    public static var example: Self {
        UserLoggedIn(
            userId: Example.id("agent"), sessionId: Example.id("session"), method: "password", ipAddress: "192.0.2.17",
            userAgent: "Mozilla/5.0", loggedInAt: Example.time())
    }
}
