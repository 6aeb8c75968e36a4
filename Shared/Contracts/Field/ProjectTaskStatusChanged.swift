#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The status of a task changed.
public struct ProjectTaskStatusChanged: Event {
    public static let name = "project_task.status_changed"
    public static let summary = "The status of a task changed."
    public static let category = "Projects"
    public static let owner = "field"

    public var taskId: UUID
    public var projectId: UUID
    public var previousStatus: String
    public var newStatus: String
    public var changedAt: Timestamp

    public init(taskId: UUID, projectId: UUID, previousStatus: String, newStatus: String, changedAt: Timestamp) {
        self.taskId = taskId
        self.projectId = projectId
        self.previousStatus = previousStatus
        self.newStatus = newStatus
        self.changedAt = changedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskStatusChanged(
            taskId: Example.id("task"), projectId: Example.id("project"), previousStatus: "open", newStatus: "done",
            changedAt: Example.time())
    }
}
