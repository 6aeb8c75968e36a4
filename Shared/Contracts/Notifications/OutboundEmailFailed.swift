#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email could not be sent.
public struct OutboundEmailFailed: Event {
    public static let name = "outbound_email.failed"
    public static let summary = "An email could not be sent."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"

    public var messageId: UUID
    public var threadId: String?
    public var ticketId: UUID?
    public var failedAt: Timestamp
    public var provider: String
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        messageId: UUID, threadId: String? = nil, ticketId: UUID? = nil, failedAt: Timestamp, provider: String,
        errorCode: String? = nil, errorMessage: String, retryable: Bool? = nil
    ) {
        self.messageId = messageId
        self.threadId = threadId
        self.ticketId = ticketId
        self.failedAt = failedAt
        self.provider = provider
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        OutboundEmailFailed(
            messageId: Example.id("message"), threadId: "18c5f2a9", ticketId: Example.id("ticket"),
            failedAt: Example.time(), provider: "google", errorCode: "timeout",
            errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
