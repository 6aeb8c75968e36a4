#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A session was started.
public struct SessionCreated: Event {
    public static let name = "session.created"
    public static let summary = "A session was started."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = ["expiresAt": "When it ends at the latest."]

    public var sessionId: UUID
    public var userId: UUID
    public var createdAt: Timestamp
    public var expiresAt: Timestamp
    public var ipAddress: String?
    public var userAgent: String?
    public var snapshot: JSONObject?

    public init(
        sessionId: UUID, userId: UUID, createdAt: Timestamp, expiresAt: Timestamp, ipAddress: String? = nil,
        userAgent: String? = nil, snapshot: JSONObject?
    ) {
        self.sessionId = sessionId
        self.userId = userId
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.ipAddress = ipAddress
        self.userAgent = userAgent
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "session", id: sessionId) }

    public static var example: Self {
        SessionCreated(
            sessionId: Example.id("session"), userId: Example.id("agent"), createdAt: Example.time(),
            expiresAt: Example.time(minutes: 20160), ipAddress: "192.0.2.17", userAgent: "Mozilla/5.0",
            snapshot: ["id": .uuid(Example.id("session")), "userId": .uuid(Example.id("agent"))])
    }
}
