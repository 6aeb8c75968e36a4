#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An API key was created.
public struct ApiKeyCreated: Event {
    public static let name = "api_key.created"
    public static let summary = "An API key was created."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = [
        "apiKeyName": "The name that people gave it.",
        "scopes": "The permissions that it grants.",
        "snapshot": "The key as GET shows it: without its secret.",
    ]

    public var apiKeyId: UUID
    public var apiKeyName: String
    public var scopes: [String]
    public var expiresAt: Timestamp?
    public var createdByUserId: UUID?
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        apiKeyId: UUID, apiKeyName: String, scopes: [String], expiresAt: Timestamp? = nil,
        createdByUserId: UUID? = nil, createdAt: Timestamp, snapshot: JSONObject?
    ) {
        self.apiKeyId = apiKeyId
        self.apiKeyName = apiKeyName
        self.scopes = scopes
        self.expiresAt = expiresAt
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "api_key", id: apiKeyId) }

    public static var example: Self {
        ApiKeyCreated(
            apiKeyId: Example.id("api-key"), apiKeyName: "Web shop", scopes: ["tickets.read"],
            expiresAt: Example.time(minutes: 20160), createdByUserId: Example.id("agent"), createdAt: Example.time(),
            snapshot: ["id": .uuid(Example.id("api-key")), "name": "Web shop", "scopes": ["tickets.read"]])
    }
}
