#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A recipient called an email spam.
public struct EmailComplaintReceived: Event {
    public static let name = "email_complaint.received"
    public static let summary = "A recipient called an email spam."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"

    public var messageId: UUID
    public var providerMessageId: String
    public var to: String
    public var complainedAt: Timestamp
    public var provider: String
    public var complaintType: String?

    public init(
        messageId: UUID, providerMessageId: String, to: String, complainedAt: Timestamp, provider: String,
        complaintType: String? = nil
    ) {
        self.messageId = messageId
        self.providerMessageId = providerMessageId
        self.to = to
        self.complainedAt = complainedAt
        self.provider = provider
        self.complaintType = complaintType
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        EmailComplaintReceived(
            messageId: Example.id("message"), providerMessageId: "<4711@mail.example.com>", to: "ada@example.com",
            complainedAt: Example.time(), provider: "google", complaintType: "abuse")
    }
}
