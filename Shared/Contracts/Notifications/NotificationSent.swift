#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A notification was sent.
public struct NotificationSent: Event {
    public static let name = "notification.sent"
    public static let summary = "A notification was sent."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let status = EventStatus.emitted
    public static let notes = [
        "contextType": "What it is about, such as ticket.",
        "recipientId": "A user, or an id that stands for the mailbox of somebody who is none.",
    ]

    public enum Channel: String, Sendable, Codable, CaseIterable {
        case email
        case sms
        case inApp = "in_app"
        case push
    }

    public var notificationId: UUID
    public var channel: Channel
    public var recipientId: UUID
    public var sentAt: Timestamp
    public var templateId: UUID?
    public var contextType: String?
    public var contextId: UUID?

    public init(
        notificationId: UUID, channel: Channel, recipientId: UUID, sentAt: Timestamp, templateId: UUID? = nil,
        contextType: String? = nil, contextId: UUID? = nil
    ) {
        self.notificationId = notificationId
        self.channel = channel
        self.recipientId = recipientId
        self.sentAt = sentAt
        self.templateId = templateId
        self.contextType = contextType
        self.contextId = contextId
    }

    public var aggregate: Aggregate { Aggregate(type: "notification", id: notificationId) }

    public static var example: Self {
        NotificationSent(
            notificationId: Example.id("notification"), channel: .email, recipientId: Example.id("customer"),
            sentAt: Example.time(), templateId: Example.id("template"), contextType: "ticket",
            contextId: Example.id("ticket"))
    }
}
