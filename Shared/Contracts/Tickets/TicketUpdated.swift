#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Fields of a ticket changed.
public struct TicketUpdated: Event {
    public static let name = "ticket.updated"
    public static let summary = "Fields of a ticket changed."
    public static let category = "Core"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]
    public var changes: [String: Change]

    public init(ticketId: UUID, updatedAt: Timestamp, updatedFields: [String], changes: [String: Change]) {
        self.ticketId = ticketId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketUpdated(
            ticketId: Example.id("ticket"), updatedAt: Example.time(), updatedFields: ["subject"],
            changes: ["subject": Change(previous: "VPN", new: "Cannot reach the VPN")])
    }
}
