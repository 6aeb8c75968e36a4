#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client changed.
public struct ClientUpdated: Event {
    public static let name = "client.updated"
    public static let summary = "A client changed."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var updatedByUserId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        clientId: UUID, updatedByUserId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil,
        changes: [String: Change]? = nil
    ) {
        self.clientId = clientId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ClientUpdated(
            clientId: Example.id("client"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
