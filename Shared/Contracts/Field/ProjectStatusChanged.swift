#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of a project changed.
public struct ProjectStatusChanged: Event {
    public static let name = "project.status_changed"
    public static let summary = "The status of a project changed."
    public static let category = "Projects"
    public static let owner = "field"

    public var projectId: UUID
    public var previousStatus: String
    public var newStatus: String
    public var changedAt: Timestamp

    public init(projectId: UUID, previousStatus: String, newStatus: String, changedAt: Timestamp) {
        self.projectId = projectId
        self.previousStatus = previousStatus
        self.newStatus = newStatus
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectStatusChanged(
            projectId: Example.id("project"), previousStatus: "active", newStatus: "on_hold",
            changedAt: Example.time())
    }
}
