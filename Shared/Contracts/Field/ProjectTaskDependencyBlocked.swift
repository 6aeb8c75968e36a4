#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A task was blocked by another.
public struct ProjectTaskDependencyBlocked: Event {
    public static let name = "project_task_dependency.blocked"
    public static let summary = "A task was blocked by another."
    public static let category = "Projects"
    public static let owner = "field"

    public var taskId: UUID
    public var projectId: UUID
    public var blockedByTaskId: UUID
    public var blockedAt: Timestamp

    public init(taskId: UUID, projectId: UUID, blockedByTaskId: UUID, blockedAt: Timestamp) {
        self.taskId = taskId
        self.projectId = projectId
        self.blockedByTaskId = blockedByTaskId
        self.blockedAt = blockedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskDependencyBlocked(
            taskId: Example.id("task"), projectId: Example.id("project"), blockedByTaskId: Example.id("other-task"),
            blockedAt: Example.time())
    }
}
