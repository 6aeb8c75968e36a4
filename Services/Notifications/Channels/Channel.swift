// What every way to reach somebody has in common.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A way to reach somebody. Adding one is one file: a type that conforms, and its line in `NotificationsService`.
protocol Channel: Sendable {
    /// Name in preferences, templates and deliveries: `email`, `in_app`, `sms`, `push`, `webhook`, `slack`.
    var name: String { get }
    /// How many sends may be under way at once in this process.
    var concurrency: Int { get }
    /// Hands one message over. Returning means that the next hop has accepted it.
    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt
    /// How long a send may take at the most. After that the message is taken for abandoned, and is sent again.
    var lease: Duration { get }
    /// Tells of mail, beside what is told of every notification; nil for a channel that sends none.
    var emails: OutboundEmails? { get }
}

extension Channel {
    var lease: Duration { .seconds(180) }
    var emails: OutboundEmails? { nil }
}

/// One message to one recipient, ready to be handed over.
struct OutboundMessage: Sendable {
    /// The delivery's id: the same at every try, so that the far side can know a repeat.
    let id: UUID
    let tenantId: UUID
    let notificationId: UUID
    /// The notification's type, `ticket_assigned`.
    let type: String
    let recipientId: UUID?
    let recipientName: String?
    /// As the channel understands it: a mailbox, an E.164 number, a push subscription's id, a URL.
    let address: String
    let locale: String
    /// Rendered; empty where the channel has none.
    let subject: String
    let text: String
    let html: String?
    /// Whose words they are; nil where they are the platform's.
    var authorId: UUID?
    /// `ticket`
    let contextType: String?
    let contextId: UUID?
    /// It is sent whatever the recipient prefers.
    let isMandatory: Bool
    let queuedAt: Timestamp
    /// 1 for the first.
    let attempt: Int
}

/// What the next hop said when it accepted a message.
struct DeliveryReceipt: Sendable {
    let providerMessageId: String?
    /// True where acceptance is delivery (`in_app`).
    let isDelivered: Bool
    /// Called once the database knows of it: lets go of what the channel does not use before.
    var release: (@Sendable () -> Void)?
}

/// Why a message was not accepted.
enum DeliveryFailure: Error {
    /// Worth another try, not before `retryAfter` if the far side said so.
    case transient(code: String, detail: String, retryAfter: Duration?)
    /// No try will help. With `suppress` nothing is sent to the address again until somebody lifts that.
    case permanent(code: String, detail: String, suppress: Bool)
}
