#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A notification was delivered.
public struct NotificationDelivered: Event {
    public static let name = "notification.delivered"
    public static let summary = "A notification was delivered."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let status = EventStatus.emitted

    public var notificationId: UUID
    public var channel: NotificationSent.Channel
    public var recipientId: UUID
    public var deliveredAt: Timestamp
    public var providerMessageId: String?

    public init(
        notificationId: UUID, channel: NotificationSent.Channel, recipientId: UUID, deliveredAt: Timestamp,
        providerMessageId: String? = nil
    ) {
        self.notificationId = notificationId
        self.channel = channel
        self.recipientId = recipientId
        self.deliveredAt = deliveredAt
        self.providerMessageId = providerMessageId
    }

    public var aggregate: Aggregate { Aggregate(type: "notification", id: notificationId) }

    public static var example: Self {
        NotificationDelivered(
            notificationId: Example.id("notification"), channel: .email, recipientId: Example.id("customer"),
            deliveredAt: Example.time(), providerMessageId: "<4711@mail.example.com>")
    }
}
