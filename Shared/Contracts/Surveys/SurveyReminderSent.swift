#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A reminder of a survey was sent.
public struct SurveyReminderSent: Event {
    public static let name = "survey_reminder.sent"
    public static let summary = "A reminder of a survey was sent."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "surveys"
    public static let notes = ["reminderNumber": "1 for the first."]

    public var surveyId: UUID
    public var recipientId: UUID
    public var ticketId: UUID?
    public var sentAt: Timestamp
    public var channel: String
    public var reminderNumber: Int

    public init(
        surveyId: UUID, recipientId: UUID, ticketId: UUID? = nil, sentAt: Timestamp, channel: String,
        reminderNumber: Int
    ) {
        self.surveyId = surveyId
        self.recipientId = recipientId
        self.ticketId = ticketId
        self.sentAt = sentAt
        self.channel = channel
        self.reminderNumber = reminderNumber
    }

    public var aggregate: Aggregate { Aggregate(type: "survey", id: surveyId) }

    public static var example: Self {
        SurveyReminderSent(
            surveyId: Example.id("survey"), recipientId: Example.id("customer"), ticketId: Example.id("ticket"),
            sentAt: Example.time(), channel: "email", reminderNumber: 1)
    }
}
