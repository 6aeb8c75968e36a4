#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email came in that answers nothing we sent.
public struct InboundEmailReceived: Event {
    public static let name = "inbound_email.received"
    public static let summary = "An email came in that answers nothing we sent."
    public static let category = "Core"
    public static let owner = "channels"
    public static let notes = [
        "messageId": "Our id of the stored message.",
        "threadId": "The provider's id of the conversation.",
        "ticketId": "The ticket that was made from it.",
    ]

    public var messageId: UUID
    public var threadId: String?
    public var from: String
    public var to: [String]
    public var subject: String
    public var receivedAt: Timestamp
    public var provider: String
    public var ticketId: UUID?

    public init(
        messageId: UUID, threadId: String? = nil, from: String, to: [String], subject: String, receivedAt: Timestamp,
        provider: String, ticketId: UUID? = nil
    ) {
        self.messageId = messageId
        self.threadId = threadId
        self.from = from
        self.to = to
        self.subject = subject
        self.receivedAt = receivedAt
        self.provider = provider
        self.ticketId = ticketId
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        InboundEmailReceived(
            messageId: Example.id("message"), threadId: "18c5f2a9", from: "ada@example.com",
            to: ["support@example.com"], subject: "Cannot reach the VPN", receivedAt: Example.time(),
            provider: "google", ticketId: Example.id("ticket"))
    }
}
