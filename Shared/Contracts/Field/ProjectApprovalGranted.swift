#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval in a project was granted.
public struct ProjectApprovalGranted: Event {
    public static let name = "project_approval.granted"
    public static let summary = "An approval in a project was granted."
    public static let category = "Projects"
    public static let owner = "field"

    public var approvalId: UUID
    public var projectId: UUID
    public var approvalType: String
    public var approvedByUserId: UUID
    public var approvedAt: Timestamp
    public var notes: String?

    public init(
        approvalId: UUID, projectId: UUID, approvalType: String, approvedByUserId: UUID, approvedAt: Timestamp,
        notes: String? = nil
    ) {
        self.approvalId = approvalId
        self.projectId = projectId
        self.approvalType = approvalType
        self.approvedByUserId = approvedByUserId
        self.approvedAt = approvedAt
        self.notes = notes
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectApprovalGranted(
            approvalId: Example.id("approval"), projectId: Example.id("project"), approvalType: "purchase",
            approvedByUserId: Example.id("agent"), approvedAt: Example.time(), notes: "Within the budget")
    }
}
