#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An email bounced.
public struct EmailBounced: Event {
    public static let name = "email.bounced"
    public static let summary = "An email bounced."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let notes = ["bounceType": "hard: the address is bad. soft: it may work later."]

    public enum BounceType: String, Sendable, Codable, CaseIterable {
        case hard, soft
    }

    public var messageId: UUID
    public var providerMessageId: String
    public var to: String
    public var bouncedAt: Timestamp
    public var bounceType: BounceType
    public var smtpCode: Int?
    public var smtpMessage: String?

    public init(
        messageId: UUID, providerMessageId: String, to: String, bouncedAt: Timestamp, bounceType: BounceType,
        smtpCode: Int? = nil, smtpMessage: String? = nil
    ) {
        self.messageId = messageId
        self.providerMessageId = providerMessageId
        self.to = to
        self.bouncedAt = bouncedAt
        self.bounceType = bounceType
        self.smtpCode = smtpCode
        self.smtpMessage = smtpMessage
    }

    public var aggregate: Aggregate { Aggregate(type: "email", id: messageId) }

    public static var example: Self {
        EmailBounced(
            messageId: Example.id("message"), providerMessageId: "<4711@mail.example.com>", to: "ada@example.com",
            bouncedAt: Example.time(), bounceType: .hard, smtpCode: 550, smtpMessage: "550 5.1.1 User unknown")
    }
}
