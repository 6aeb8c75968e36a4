#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email was handed to the mail provider.
public struct OutboundEmailSent: Event {
    public static let name = "outbound_email.sent"
    public static let summary = "An email was handed to the mail provider."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"

    public var messageId: UUID
    public var providerMessageId: String
    public var threadId: String?
    public var ticketId: UUID?
    public var sentAt: Timestamp
    public var provider: String

    public init(
        messageId: UUID, providerMessageId: String, threadId: String? = nil, ticketId: UUID? = nil, sentAt: Timestamp,
        provider: String
    ) {
        self.messageId = messageId
        self.providerMessageId = providerMessageId
        self.threadId = threadId
        self.ticketId = ticketId
        self.sentAt = sentAt
        self.provider = provider
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        OutboundEmailSent(
            messageId: Example.id("message"), providerMessageId: "<4711@mail.example.com>", threadId: "18c5f2a9",
            ticketId: Example.id("ticket"), sentAt: Example.time(), provider: "google")
    }
}
