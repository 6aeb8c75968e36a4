#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A project changed.
public struct ProjectUpdated: Event {
    public static let name = "project.updated"
    public static let summary = "A project changed."
    public static let category = "Projects"
    public static let owner = "field"

    public var projectId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        projectId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil, changes: [String: Change]? = nil
    ) {
        self.projectId = projectId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectUpdated(
            projectId: Example.id("project"), updatedAt: Example.time(), updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
