#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email came in that answers one of ours.
public struct InboundEmailReplyReceived: Event {
    public static let name = "inbound_email_reply.received"
    public static let summary = "An email came in that answers one of ours."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "channels"
    public static let notes = [
        "messageId": "Our id of the stored message.",
        "threadId": "The provider's id of the conversation.",
        "matchedBy": "How the conversation was recognized, such as references, subject_key or thread_id.",
    ]

    public var messageId: UUID
    public var threadId: String
    public var ticketId: UUID?
    public var from: String
    public var to: [String]
    public var subject: String
    public var receivedAt: Timestamp
    public var provider: String
    public var matchedBy: String

    public init(
        messageId: UUID, threadId: String, ticketId: UUID? = nil, from: String, to: [String], subject: String,
        receivedAt: Timestamp, provider: String, matchedBy: String
    ) {
        self.messageId = messageId
        self.threadId = threadId
        self.ticketId = ticketId
        self.from = from
        self.to = to
        self.subject = subject
        self.receivedAt = receivedAt
        self.provider = provider
        self.matchedBy = matchedBy
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        InboundEmailReplyReceived(
            messageId: Example.id("message"), threadId: "18c5f2a9", ticketId: Example.id("ticket"),
            from: "ada@example.com", to: ["support@example.com"], subject: "Re: Cannot reach the VPN",
            receivedAt: Example.time(), provider: "google", matchedBy: "references")
    }
}
