#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One ticket was merged into another and closed.
public struct TicketMerged: Event {
    public static let name = "ticket.merged"
    public static let summary = "One ticket was merged into another and closed."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let notes = [
        "sourceTicketId": "The ticket that was closed.",
        "targetTicketId": "The ticket that goes on.",
    ]

    public var sourceTicketId: UUID
    public var targetTicketId: UUID
    public var mergedAt: Timestamp
    public var reason: String?

    public init(sourceTicketId: UUID, targetTicketId: UUID, mergedAt: Timestamp, reason: String? = nil) {
        self.sourceTicketId = sourceTicketId
        self.targetTicketId = targetTicketId
        self.mergedAt = mergedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: sourceTicketId) }

    public static var example: Self {
        TicketMerged(
            sourceTicketId: Example.id("ticket"), targetTicketId: Example.id("other-ticket"), mergedAt: Example.time(),
            reason: "Asked by the customer")
    }
}
