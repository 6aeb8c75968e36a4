#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Messages of a ticket became tickets of their own.
public struct TicketSplit: Event {
    public static let name = "ticket.split"
    public static let summary = "Messages of a ticket became tickets of their own."
    public static let category = "Tickets"
    public static let owner = "tickets"

    public var originalTicketId: UUID
    public var newTicketIds: [UUID]
    public var splitAt: Timestamp
    public var reason: String?

    public init(originalTicketId: UUID, newTicketIds: [UUID], splitAt: Timestamp, reason: String? = nil) {
        self.originalTicketId = originalTicketId
        self.newTicketIds = newTicketIds
        self.splitAt = splitAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: originalTicketId) }

    public static var example: Self {
        TicketSplit(
            originalTicketId: Example.id("ticket"), newTicketIds: [Example.id("other-ticket")],
            splitAt: Example.time(), reason: "Asked by the customer")
    }
}
