#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client got an account owner or changed it.
public struct ClientOwnerAssigned: Event {
    public static let name = "client_owner.assigned"
    public static let summary = "A client got an account owner or changed it."
    public static let category = "CRM"
    public static let owner = "crm"

    public var clientId: UUID
    public var previousOwnerUserId: UUID?
    public var newOwnerUserId: UUID
    public var assignedByUserId: UUID
    public var assignedAt: Timestamp

    public init(
        clientId: UUID, previousOwnerUserId: UUID? = nil, newOwnerUserId: UUID, assignedByUserId: UUID,
        assignedAt: Timestamp
    ) {
        self.clientId = clientId
        self.previousOwnerUserId = previousOwnerUserId
        self.newOwnerUserId = newOwnerUserId
        self.assignedByUserId = assignedByUserId
        self.assignedAt = assignedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "client", id: clientId) }

    public static var example: Self {
        ClientOwnerAssigned(
            clientId: Example.id("client"), previousOwnerUserId: Example.id("colleague"),
            newOwnerUserId: Example.id("agent"), assignedByUserId: Example.id("agent"), assignedAt: Example.time())
    }
}
