#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of a contract changed.
public struct ContractStatusChanged: Event {
    public static let name = "contract.status_changed"
    public static let summary = "The status of a contract changed."
    public static let category = "Billing"
    public static let owner = "field"

    public var contractId: UUID
    public var clientId: UUID
    public var previousStatus: String
    public var newStatus: String
    public var changedAt: Timestamp

    public init(contractId: UUID, clientId: UUID, previousStatus: String, newStatus: String, changedAt: Timestamp) {
        self.contractId = contractId
        self.clientId = clientId
        self.previousStatus = previousStatus
        self.newStatus = newStatus
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "contract", id: contractId) }

    public static var example: Self {
        ContractStatusChanged(
            contractId: Example.id("contract"), clientId: Example.id("client"), previousStatus: "active",
            newStatus: "suspended", changedAt: Example.time())
    }
}
