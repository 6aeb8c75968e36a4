#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An approval for a ticket was requested.
public struct TicketApprovalRequested: Event {
    public static let name = "ticket_approval.requested"
    public static let summary = "An approval for a ticket was requested."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var ticketId: UUID
    public var approvalRequestId: UUID
    public var approvalType: String
    public var requestedByUserId: UUID
    public var requestedAt: Timestamp
    public var notes: String?
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, approvalRequestId: UUID, approvalType: String, requestedByUserId: UUID, requestedAt: Timestamp,
        notes: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.ticketId = ticketId
        self.approvalRequestId = approvalRequestId
        self.approvalType = approvalType
        self.requestedByUserId = requestedByUserId
        self.requestedAt = requestedAt
        self.notes = notes
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketApprovalRequested(
            ticketId: Example.id("ticket"), approvalRequestId: Example.id("approval-request"),
            approvalType: "purchase", requestedByUserId: Example.id("agent"), requestedAt: Example.time(),
            notes: "Within the budget", snapshot: ["id": .uuid(Example.id("approval-request")), "version": 1])
    }
}
