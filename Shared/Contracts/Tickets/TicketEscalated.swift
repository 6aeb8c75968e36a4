#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket was escalated.
public struct TicketEscalated: Event {
    public static let name = "ticket.escalated"
    public static let summary = "A ticket was escalated."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var ticketId: UUID
    public var fromQueueId: UUID?
    public var toQueueId: UUID?
    public var escalatedAt: Timestamp
    public var reason: String?

    public init(
        ticketId: UUID, fromQueueId: UUID? = nil, toQueueId: UUID? = nil, escalatedAt: Timestamp,
        reason: String? = nil
    ) {
        self.ticketId = ticketId
        self.fromQueueId = fromQueueId
        self.toQueueId = toQueueId
        self.escalatedAt = escalatedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketEscalated(
            ticketId: Example.id("ticket"), fromQueueId: Example.id("first-line"), toQueueId: Example.id("network"),
            escalatedAt: Example.time(), reason: "Asked by the customer")
    }
}
