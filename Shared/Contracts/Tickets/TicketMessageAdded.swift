#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message was added to a ticket.
public struct TicketMessageAdded: Event {
    public static let name = "ticket_message.added"
    public static let summary = "A message was added to a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["authorId": "A user or a contact, as authorType says."]

    public enum Visibility: String, Sendable, Codable, CaseIterable {
        case `public`, `internal`
    }

    public enum AuthorType: String, Sendable, Codable, CaseIterable {
        case user, contact
    }

    public enum Channel: String, Sendable, Codable, CaseIterable {
        case email, portal, ui, api
    }

    public var ticketId: UUID
    public var messageId: UUID
    public var visibility: Visibility
    public var authorId: UUID
    public var authorType: AuthorType
    public var channel: Channel
    public var createdAt: Timestamp
    public var attachmentsCount: Int?
    public var snapshot: JSONObject?

    public init(
        ticketId: UUID, messageId: UUID, visibility: Visibility, authorId: UUID, authorType: AuthorType,
        channel: Channel, createdAt: Timestamp, attachmentsCount: Int? = nil, snapshot: JSONObject?
    ) {
        self.ticketId = ticketId
        self.messageId = messageId
        self.visibility = visibility
        self.authorId = authorId
        self.authorType = authorType
        self.channel = channel
        self.createdAt = createdAt
        self.attachmentsCount = attachmentsCount
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketMessageAdded(
            ticketId: Example.id("ticket"), messageId: Example.id("message"), visibility: .public,
            authorId: Example.id("customer"), authorType: .contact, channel: .email, createdAt: Example.time(),
            attachmentsCount: 1,
            snapshot: [
                "id": .uuid(Example.id("message")), "authorType": "customer", "isPublic": true,
                "bodyText": "It says timeout.",
            ])
    }
}
