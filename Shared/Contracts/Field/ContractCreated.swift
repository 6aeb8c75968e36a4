#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A contract was created.
public struct ContractCreated: Event {
    public static let name = "contract.created"
    public static let summary = "A contract was created."
    public static let category = "Billing"
    public static let owner = "field"

    public var contractId: UUID
    public var clientId: UUID
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var startDate: CalendarDate?
    public var endDate: CalendarDate?
    public var status: String?
    public var snapshot: JSONObject?

    public init(
        contractId: UUID, clientId: UUID, createdByUserId: UUID, createdAt: Timestamp, startDate: CalendarDate? = nil,
        endDate: CalendarDate? = nil, status: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.contractId = contractId
        self.clientId = clientId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.startDate = startDate
        self.endDate = endDate
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "contract", id: contractId) }

    public static var example: Self {
        ContractCreated(
            contractId: Example.id("contract"), clientId: Example.id("client"), createdByUserId: Example.id("agent"),
            createdAt: Example.time(), startDate: Example.date("2026-01-01"), endDate: Example.date("2026-12-31"),
            status: "active", snapshot: ["id": .uuid(Example.id("contract")), "version": 1])
    }
}
