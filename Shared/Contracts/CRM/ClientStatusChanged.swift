#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of a client changed.
public struct ClientStatusChanged: Event {
    public static let name = "client.status_changed"
    public static let summary = "The status of a client changed."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var previousStatus: String
    public var newStatus: String
    public var changedAt: Timestamp

    public init(clientId: UUID, previousStatus: String, newStatus: String, changedAt: Timestamp) {
        self.clientId = clientId
        self.previousStatus = previousStatus
        self.newStatus = newStatus
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ClientStatusChanged(
            clientId: Example.id("client"), previousStatus: "active", newStatus: "suspended",
            changedAt: Example.time())
    }
}
