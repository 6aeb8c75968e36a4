#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An organization was created.
public struct OrganizationCreated: Event {
    public static let name = "organization.created"
    public static let summary = "An organization was created."
    public static let category = "Identity"
    public static let owner = "gateway"
    public static let status = EventStatus.emitted
    public static let notes = ["parentId": "The organization above it."]

    public var organizationId: UUID
    public var organizationName: String
    public var parentId: UUID?
    public var createdByUserId: UUID?
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(
        organizationId: UUID, organizationName: String, parentId: UUID? = nil, createdByUserId: UUID? = nil,
        createdAt: Timestamp, snapshot: JSONObject?
    ) {
        self.organizationId = organizationId
        self.organizationName = organizationName
        self.parentId = parentId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "organization", id: organizationId) }

    public static var example: Self {
        OrganizationCreated(
            organizationId: Example.id("tenant"), organizationName: "Analytical Engines Ltd",
            parentId: Example.id("parent-organization"), createdByUserId: Example.id("agent"),
            createdAt: Example.time(),
            snapshot: [
                "id": .uuid(Example.id("tenant")), "name": "Analytical Engines Ltd", "ticketPrefix": "AE", "version": 1,
            ])
    }
}
