#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Somebody unsubscribed from emails.
public struct EmailUnsubscribed: Event {
    public static let name = "email.unsubscribed"
    public static let summary = "Somebody unsubscribed from emails."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let notes = ["source": "Such as link, header or complaint."]

    public var recipientEmail: String
    public var unsubscribedAt: Timestamp
    public var source: String
    public var messageId: UUID?

    public init(recipientEmail: String, unsubscribedAt: Timestamp, source: String, messageId: UUID? = nil) {
        self.recipientEmail = recipientEmail
        self.unsubscribedAt = unsubscribedAt
        self.source = source
        self.messageId = messageId
    }

    public var aggregate: Aggregate {
        messageId.map { Aggregate(type: "email", id: $0) }
            ?? Aggregate(type: "email_recipient", id: UUID(derivedFrom: recipientEmail))
    }

    public static var example: Self {
        EmailUnsubscribed(
            recipientEmail: "ada@example.com", unsubscribedAt: Example.time(), source: "link",
            messageId: Example.id("message"))
    }
}
