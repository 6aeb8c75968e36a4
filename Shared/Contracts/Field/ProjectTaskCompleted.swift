#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A task was completed.
public struct ProjectTaskCompleted: Event {
    public static let name = "project_task.completed"
    public static let summary = "A task was completed."
    public static let category = "Projects"
    public static let owner = "field"

    public var taskId: UUID
    public var projectId: UUID
    public var completedByUserId: UUID
    public var completedAt: Timestamp

    public init(taskId: UUID, projectId: UUID, completedByUserId: UUID, completedAt: Timestamp) {
        self.taskId = taskId
        self.projectId = projectId
        self.completedByUserId = completedByUserId
        self.completedAt = completedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskCompleted(
            taskId: Example.id("task"), projectId: Example.id("project"), completedByUserId: Example.id("agent"),
            completedAt: Example.time())
    }
}
