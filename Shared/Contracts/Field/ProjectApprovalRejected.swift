#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval in a project was rejected.
public struct ProjectApprovalRejected: Event {
    public static let name = "project_approval.rejected"
    public static let summary = "An approval in a project was rejected."
    public static let category = "Projects"
    public static let owner = "field"

    public var approvalId: UUID
    public var projectId: UUID
    public var approvalType: String
    public var rejectedByUserId: UUID
    public var rejectedAt: Timestamp
    public var reason: String?

    public init(
        approvalId: UUID, projectId: UUID, approvalType: String, rejectedByUserId: UUID, rejectedAt: Timestamp,
        reason: String? = nil
    ) {
        self.approvalId = approvalId
        self.projectId = projectId
        self.approvalType = approvalType
        self.rejectedByUserId = rejectedByUserId
        self.rejectedAt = rejectedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "project", id: projectId) }

    public static var example: Self {
        ProjectApprovalRejected(
            approvalId: Example.id("approval"), projectId: Example.id("project"), approvalType: "purchase",
            rejectedByUserId: Example.id("agent"), rejectedAt: Example.time(), reason: "Asked by the customer")
    }
}
