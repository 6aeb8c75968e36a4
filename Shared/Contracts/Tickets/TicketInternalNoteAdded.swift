#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An internal note was added to a ticket.
public struct TicketInternalNoteAdded: Event {
    public static let name = "ticket_internal_note.added"
    public static let summary = "An internal note was added to a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted

    public var ticketId: UUID
    public var noteId: UUID
    public var createdAt: Timestamp
    public var snapshot: JSONObject?

    public init(ticketId: UUID, noteId: UUID, createdAt: Timestamp, snapshot: JSONObject?) {
        self.ticketId = ticketId
        self.noteId = noteId
        self.createdAt = createdAt
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketInternalNoteAdded(
            ticketId: Example.id("ticket"), noteId: Example.id("message"), createdAt: Example.time(),
            snapshot: [
                "id": .uuid(Example.id("message")), "authorType": "agent", "isPublic": false,
                "bodyText": "The gateway is down.",
            ])
    }
}
