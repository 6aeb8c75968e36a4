#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A mailbox was disconnected.
public struct EmailProviderDisconnected: Event {
    public static let name = "email_provider.disconnected"
    public static let summary = "A mailbox was disconnected."
    public static let category = "Core"
    public static let owner = "channels"
    public static let notes = [
        "provider": "Such as google, microsoft or imap.",
        "mailbox": "The address.",
    ]

    public var providerId: UUID
    public var provider: String
    public var mailbox: String
    public var disconnectedAt: Timestamp
    public var reason: String?

    public init(
        providerId: UUID, provider: String, mailbox: String, disconnectedAt: Timestamp, reason: String? = nil
    ) {
        self.providerId = providerId
        self.provider = provider
        self.mailbox = mailbox
        self.disconnectedAt = disconnectedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "email_provider", id: providerId) }

    public static var example: Self {
        EmailProviderDisconnected(
            providerId: Example.id("email-provider"), provider: "google", mailbox: "support@example.com",
            disconnectedAt: Example.time(), reason: "Asked by the customer")
    }
}
