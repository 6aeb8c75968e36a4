#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email was queued for sending.
public struct OutboundEmailQueued: Event {
    public static let name = "outbound_email.queued"
    public static let summary = "An email was queued for sending."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"

    public var messageId: UUID
    public var threadId: String?
    public var ticketId: UUID?
    public var from: String
    public var to: [String]
    public var cc: [String]?
    public var subject: String
    public var queuedAt: Timestamp
    public var provider: String

    public init(
        messageId: UUID, threadId: String? = nil, ticketId: UUID? = nil, from: String, to: [String],
        cc: [String]? = nil, subject: String, queuedAt: Timestamp, provider: String
    ) {
        self.messageId = messageId
        self.threadId = threadId
        self.ticketId = ticketId
        self.from = from
        self.to = to
        self.cc = cc
        self.subject = subject
        self.queuedAt = queuedAt
        self.provider = provider
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        OutboundEmailQueued(
            messageId: Example.id("message"), threadId: "18c5f2a9", ticketId: Example.id("ticket"),
            from: "support@example.com", to: ["ada@example.com"], cc: ["team@example.com"],
            subject: "Re: Cannot reach the VPN", queuedAt: Example.time(), provider: "google")
    }
}
