#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An organization changed.
public struct OrganizationUpdated: Event {
    public static let name = "organization.updated"
    public static let summary = "An organization changed."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted

    public var organizationId: UUID
    public var updatedByUserId: UUID?
    public var updatedAt: Timestamp
    public var updatedFields: [String]
    public var changes: [String: Change]

    public init(
        organizationId: UUID, updatedByUserId: UUID? = nil, updatedAt: Timestamp, updatedFields: [String],
        changes: [String: Change]
    ) {
        self.organizationId = organizationId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "organization", id: organizationId) }

    public static var example: Self {
        OrganizationUpdated(
            organizationId: Example.id("tenant"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
