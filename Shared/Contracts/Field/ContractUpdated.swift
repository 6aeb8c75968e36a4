#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contract changed.
public struct ContractUpdated: Event {
    public static let name = "contract.updated"
    public static let summary = "A contract changed."
    public static let category = "Billing"
    public static let owner = "field"

    public var contractId: UUID
    public var clientId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        contractId: UUID, clientId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil,
        changes: [String: Change]? = nil
    ) {
        self.contractId = contractId
        self.clientId = clientId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "contract", id: contractId) }

    public static var example: Self {
        ContractUpdated(
            contractId: Example.id("contract"), clientId: Example.id("client"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
