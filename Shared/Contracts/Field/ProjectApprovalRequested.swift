#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval in a project was requested.
public struct ProjectApprovalRequested: Event {
    public static let name = "project_approval.requested"
    public static let summary = "An approval in a project was requested."
    public static let category = "Projects"
    public static let owner = "field"

    public var approvalId: UUID
    public var projectId: UUID
    public var approvalType: String
    public var requestedByUserId: UUID
    public var requestedAt: Timestamp
    public var notes: String?

    public init(
        approvalId: UUID, projectId: UUID, approvalType: String, requestedByUserId: UUID, requestedAt: Timestamp,
        notes: String? = nil
    ) {
        self.approvalId = approvalId
        self.projectId = projectId
        self.approvalType = approvalType
        self.requestedByUserId = requestedByUserId
        self.requestedAt = requestedAt
        self.notes = notes
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectApprovalRequested(
            approvalId: Example.id("approval"), projectId: Example.id("project"), approvalType: "purchase",
            requestedByUserId: Example.id("agent"), requestedAt: Example.time(), notes: "Within the budget")
    }
}
