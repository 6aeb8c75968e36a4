#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A project was created.
public struct ProjectCreated: Event {
    public static let name = "project.created"
    public static let summary = "A project was created."
    public static let category = "Core"
    public static let owner = "field"

    public var projectId: UUID
    public var projectName: String
    public var clientId: UUID?
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var status: String?
    public var snapshot: JSONObject?

    public init(
        projectId: UUID, projectName: String, clientId: UUID? = nil, createdByUserId: UUID, createdAt: Timestamp,
        status: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.projectId = projectId
        self.projectName = projectName
        self.clientId = clientId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectCreated(
            projectId: Example.id("project"), projectName: "Office move", clientId: Example.id("client"),
            createdByUserId: Example.id("agent"), createdAt: Example.time(), status: "active",
            snapshot: ["id": .uuid(Example.id("project")), "version": 1])
    }
}
