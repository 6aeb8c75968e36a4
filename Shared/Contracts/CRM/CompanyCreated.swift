#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A company was created.
public struct CompanyCreated: Event {
    public static let name = "company.created"
    public static let summary = "A company was created."
    public static let category = "Core"
    public static let owner = "crm"

    public var companyId: UUID
    public var companyName: String
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var status: String?
    public var snapshot: JSONObject?

    public init(
        companyId: UUID, companyName: String, createdByUserId: UUID, createdAt: Timestamp, status: String? = nil,
        snapshot: JSONObject? = nil
    ) {
        self.companyId = companyId
        self.companyName = companyName
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "company", id: companyId) }

    public static var example: Self {
        CompanyCreated(
            companyId: Example.id("company"), companyName: "Analytical Engines Ltd",
            createdByUserId: Example.id("agent"), createdAt: Example.time(), status: "active",
            snapshot: ["id": .uuid(Example.id("company")), "version": 1])
    }
}
