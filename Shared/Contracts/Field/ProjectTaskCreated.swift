#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A task was created.
public struct ProjectTaskCreated: Event {
    public static let name = "project_task.created"
    public static let summary = "A task was created."
    public static let category = "Projects"
    public static let owner = "field"

    public var taskId: UUID
    public var projectId: UUID
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var title: String
    public var dueDate: CalendarDate?
    public var status: String
    public var snapshot: JSONObject?

    public init(
        taskId: UUID, projectId: UUID, createdByUserId: UUID, createdAt: Timestamp, title: String,
        dueDate: CalendarDate? = nil, status: String, snapshot: JSONObject? = nil
    ) {
        self.taskId = taskId
        self.projectId = projectId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.title = title
        self.dueDate = dueDate
        self.status = status
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "project_task", id: taskId) }

    public static var example: Self {
        ProjectTaskCreated(
            taskId: Example.id("task"), projectId: Example.id("project"), createdByUserId: Example.id("agent"),
            createdAt: Example.time(), title: "Order the switches", dueDate: Example.date("2026-01-31"),
            status: "open", snapshot: ["id": .uuid(Example.id("task")), "version": 1])
    }
}
