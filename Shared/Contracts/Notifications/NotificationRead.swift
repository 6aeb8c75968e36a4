#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A notification was read.
public struct NotificationRead: Event {
    public static let name = "notification.read"
    public static let summary = "A notification was read."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let status = EventStatus.emitted
    public static let notes = ["client": "Where it was read, such as web or ios."]

    public var notificationId: UUID
    public var channel: NotificationSent.Channel
    public var recipientId: UUID
    public var readAt: Timestamp
    public var client: String?

    public init(
        notificationId: UUID, channel: NotificationSent.Channel, recipientId: UUID, readAt: Timestamp,
        client: String? = nil
    ) {
        self.notificationId = notificationId
        self.channel = channel
        self.recipientId = recipientId
        self.readAt = readAt
        self.client = client
    }

    public var aggregate: Aggregate { Aggregate(type: "notification", id: notificationId) }

    public static var example: Self {
        NotificationRead(
            notificationId: Example.id("notification"), channel: .email, recipientId: Example.id("customer"),
            readAt: Example.time(), client: "web")
    }
}
