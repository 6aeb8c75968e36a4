#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A customer wrote a message in a ticket.
public struct TicketCustomerReplied: Event {
    public static let name = "ticket.customer_replied"
    public static let summary = "A customer wrote a message in a ticket."
    public static let category = "Tickets"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = ["receivedAt": "When the message came in."]

    public var ticketId: UUID
    public var messageId: UUID
    public var contactId: UUID
    public var channel: String
    public var receivedAt: Timestamp
    public var attachmentsCount: Int?

    public init(
        ticketId: UUID, messageId: UUID, contactId: UUID, channel: String, receivedAt: Timestamp,
        attachmentsCount: Int? = nil
    ) {
        self.ticketId = ticketId
        self.messageId = messageId
        self.contactId = contactId
        self.channel = channel
        self.receivedAt = receivedAt
        self.attachmentsCount = attachmentsCount
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketCustomerReplied(
            ticketId: Example.id("ticket"), messageId: Example.id("message"), contactId: Example.id("customer"),
            channel: "email", receivedAt: Example.time(), attachmentsCount: 1)
    }
}
