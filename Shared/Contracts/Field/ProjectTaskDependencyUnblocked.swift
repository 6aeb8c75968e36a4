#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A task is no longer blocked by another.
public struct ProjectTaskDependencyUnblocked: Event {
    public static let name = "project_task_dependency.unblocked"
    public static let summary = "A task is no longer blocked by another."
    public static let category = "Projects"
    public static let owner = "field"

    public var taskId: UUID
    public var projectId: UUID
    public var unblockedByTaskId: UUID
    public var unblockedAt: Timestamp

    public init(taskId: UUID, projectId: UUID, unblockedByTaskId: UUID, unblockedAt: Timestamp) {
        self.taskId = taskId
        self.projectId = projectId
        self.unblockedByTaskId = unblockedByTaskId
        self.unblockedAt = unblockedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskDependencyUnblocked(
            taskId: Example.id("task"), projectId: Example.id("project"), unblockedByTaskId: Example.id("other-task"),
            unblockedAt: Example.time())
    }
}
