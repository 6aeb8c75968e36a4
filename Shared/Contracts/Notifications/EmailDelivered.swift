#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email was delivered.
public struct EmailDelivered: Event {
    public static let name = "email.delivered"
    public static let summary = "An email was delivered."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"

    public var messageId: UUID
    public var providerMessageId: String
    public var to: String
    public var deliveredAt: Timestamp
    public var provider: String

    public init(messageId: UUID, providerMessageId: String, to: String, deliveredAt: Timestamp, provider: String) {
        self.messageId = messageId
        self.providerMessageId = providerMessageId
        self.to = to
        self.deliveredAt = deliveredAt
        self.provider = provider
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        EmailDelivered(
            messageId: Example.id("message"), providerMessageId: "<4711@mail.example.com>", to: "ada@example.com",
            deliveredAt: Example.time(), provider: "google")
    }
}
