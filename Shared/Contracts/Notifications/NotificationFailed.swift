#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A notification could not be delivered.
public struct NotificationFailed: Event {
    public static let name = "notification.failed"
    public static let summary = "A notification could not be delivered."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "notifications"
    public static let status = EventStatus.emitted

    public var notificationId: UUID
    public var channel: NotificationSent.Channel
    public var recipientId: UUID
    public var failedAt: Timestamp
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        notificationId: UUID, channel: NotificationSent.Channel, recipientId: UUID, failedAt: Timestamp,
        errorCode: String? = nil, errorMessage: String, retryable: Bool? = nil
    ) {
        self.notificationId = notificationId
        self.channel = channel
        self.recipientId = recipientId
        self.failedAt = failedAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "notification", id: notificationId) }

    public static var example: Self {
        NotificationFailed(
            notificationId: Example.id("notification"), channel: .email, recipientId: Example.id("customer"),
            failedAt: Example.time(), errorCode: "timeout",
            errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
