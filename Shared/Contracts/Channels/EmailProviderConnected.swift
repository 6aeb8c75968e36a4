#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A mailbox was connected.
public struct EmailProviderConnected: Event {
    public static let name = "email_provider.connected"
    public static let summary = "A mailbox was connected."
    public static let category = "Core"
    public static let owner = "channels"
    public static let notes = [
        "provider": "Such as google, microsoft or imap.",
        "mailbox": "The address.",
    ]

    public var providerId: UUID
    public var provider: String
    public var mailbox: String
    public var connectedAt: Timestamp
    public var connectedByUserId: UUID?

    public init(
        providerId: UUID, provider: String, mailbox: String, connectedAt: Timestamp, connectedByUserId: UUID? = nil
    ) {
        self.providerId = providerId
        self.provider = provider
        self.mailbox = mailbox
        self.connectedAt = connectedAt
        self.connectedByUserId = connectedByUserId
    }

    public var aggregate: Aggregate { Aggregate(type: "email_provider", id: providerId) }

    public static var example: Self {
        EmailProviderConnected(
            providerId: Example.id("email-provider"), provider: "google", mailbox: "support@example.com",
            connectedAt: Example.time(), connectedByUserId: Example.id("agent"))
    }
}
