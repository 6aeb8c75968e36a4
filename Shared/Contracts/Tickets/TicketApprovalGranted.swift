#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval for a ticket was granted.
public struct TicketApprovalGranted: Event {
    public static let name = "ticket_approval.granted"
    public static let summary = "An approval for a ticket was granted."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var ticketId: UUID
    public var approvalRequestId: UUID
    public var approvedByUserId: UUID
    public var approvedAt: Timestamp
    public var conditions: String?

    public init(
        ticketId: UUID, approvalRequestId: UUID, approvedByUserId: UUID, approvedAt: Timestamp,
        conditions: String? = nil
    ) {
        self.ticketId = ticketId
        self.approvalRequestId = approvalRequestId
        self.approvedByUserId = approvedByUserId
        self.approvedAt = approvedAt
        self.conditions = conditions
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketApprovalGranted(
            ticketId: Example.id("ticket"), approvalRequestId: Example.id("approval-request"),
            approvedByUserId: Example.id("agent"), approvedAt: Example.time(),
            conditions: "Only until the end of March")
    }
}
