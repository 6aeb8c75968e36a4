#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An API key was revoked.
public struct ApiKeyRevoked: Event {
    public static let name = "api_key.revoked"
    public static let summary = "An API key was revoked."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted

    public var apiKeyId: UUID
    public var revokedByUserId: UUID?
    public var revokedAt: Timestamp
    public var reason: String?

    public init(apiKeyId: UUID, revokedByUserId: UUID? = nil, revokedAt: Timestamp, reason: String? = nil) {
        self.apiKeyId = apiKeyId
        self.revokedByUserId = revokedByUserId
        self.revokedAt = revokedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "api_key", id: apiKeyId) }

    public static var example: Self {
        ApiKeyRevoked(
            apiKeyId: Example.id("api-key"), revokedByUserId: Example.id("agent"), revokedAt: Example.time(),
            reason: "Asked by the customer")
    }
}
