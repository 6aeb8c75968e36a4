#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A task was given to somebody.
public struct ProjectTaskAssigned: Event {
    public static let name = "project_task.assigned"
    public static let summary = "A task was given to somebody."
    public static let category = "Projects"
    public static let owner = "field"

    public enum AssigneeType: String, Sendable, Codable, CaseIterable {
        case user, team
    }

    public var taskId: UUID
    public var projectId: UUID
    public var assignedToId: UUID
    public var assignedToType: AssigneeType
    public var assignedByUserId: UUID
    public var assignedAt: Timestamp

    public init(
        taskId: UUID, projectId: UUID, assignedToId: UUID, assignedToType: AssigneeType, assignedByUserId: UUID,
        assignedAt: Timestamp
    ) {
        self.taskId = taskId
        self.projectId = projectId
        self.assignedToId = assignedToId
        self.assignedToType = assignedToType
        self.assignedByUserId = assignedByUserId
        self.assignedAt = assignedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskAssigned(
            taskId: Example.id("task"), projectId: Example.id("project"), assignedToId: Example.id("agent"),
            assignedToType: .user, assignedByUserId: Example.id("agent"), assignedAt: Example.time())
    }
}
