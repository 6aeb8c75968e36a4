#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contract is about to renew.
public struct ContractRenewalUpcoming: Event {
    public static let name = "contract_renewal.upcoming"
    public static let summary = "A contract is about to renew."
    public static let category = "Billing"
    public static let owner = "field"

    public var contractId: UUID
    public var clientId: UUID
    public var renewalAt: Timestamp
    public var daysUntilRenewal: Int

    public init(contractId: UUID, clientId: UUID, renewalAt: Timestamp, daysUntilRenewal: Int) {
        self.contractId = contractId
        self.clientId = clientId
        self.renewalAt = renewalAt
        self.daysUntilRenewal = daysUntilRenewal
    }

    public var aggregate: Aggregate { Aggregate(type: "contract", id: contractId) }

    public static var example: Self {
        ContractRenewalUpcoming(
            contractId: Example.id("contract"), clientId: Example.id("client"),
            renewalAt: Example.time(minutes: 43200), daysUntilRenewal: 30)
    }
}
