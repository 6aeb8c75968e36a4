#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A company changed.
public struct CompanyUpdated: Event {
    public static let name = "company.updated"
    public static let summary = "A company changed."
    public static let category = "Core"
    public static let owner = "crm"

    public var companyId: UUID
    public var updatedByUserId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        companyId: UUID, updatedByUserId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil,
        changes: [String: Change]? = nil
    ) {
        self.companyId = companyId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "company", id: companyId) }

    public static var example: Self {
        CompanyUpdated(
            companyId: Example.id("company"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
