#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval for a ticket was rejected.
public struct TicketApprovalRejected: Event {
    public static let name = "ticket_approval.rejected"
    public static let summary = "An approval for a ticket was rejected."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var ticketId: UUID
    public var approvalRequestId: UUID
    public var rejectedByUserId: UUID
    public var rejectedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, approvalRequestId: UUID, rejectedByUserId: UUID, rejectedAt: Timestamp, reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.approvalRequestId = approvalRequestId
        self.rejectedByUserId = rejectedByUserId
        self.rejectedAt = rejectedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketApprovalRejected(
            ticketId: Example.id("ticket"), approvalRequestId: Example.id("approval-request"),
            rejectedByUserId: Example.id("agent"), rejectedAt: Example.time(), reason: "Asked by the customer")
    }
}
