#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client was archived.
public struct ClientArchived: Event {
    public static let name = "client.archived"
    public static let summary = "A client was archived."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var archivedByUserId: UUID
    public var archivedAt: Timestamp
    public var reason: String?

    public init(clientId: UUID, archivedByUserId: UUID, archivedAt: Timestamp, reason: String? = nil) {
        self.clientId = clientId
        self.archivedByUserId = archivedByUserId
        self.archivedAt = archivedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ClientArchived(
            clientId: Example.id("client"), archivedByUserId: Example.id("agent"), archivedAt: Example.time(),
            reason: "Asked by the customer")
    }
}
