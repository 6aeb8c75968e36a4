#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client was created.
public struct ClientCreated: Event {
    public static let name = "client.created"
    public static let summary = "A client was created."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var clientName: String
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var status: String?
    public var snapshot: JSONObject?

    public init(
        clientId: UUID, clientName: String, createdByUserId: UUID, createdAt: Timestamp, status: String? = nil,
        snapshot: JSONObject? = nil
    ) {
        self.clientId = clientId
        self.clientName = clientName
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ClientCreated(
            clientId: Example.id("client"), clientName: "Analytical Engines Ltd", createdByUserId: Example.id("agent"),
            createdAt: Example.time(), status: "active", snapshot: ["id": .uuid(Example.id("client")), "version": 1])
    }
}
