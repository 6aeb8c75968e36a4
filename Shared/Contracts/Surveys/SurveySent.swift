#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A survey was sent.
public struct SurveySent: Event {
    public static let name = "survey.sent"
    public static let summary = "A survey was sent."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "surveys"

    public enum SurveyType: String, Sendable, Codable, CaseIterable {
        case csat, nps, custom
    }

    public var surveyId: UUID
    public var surveyType: SurveyType
    public var recipientId: UUID
    public var ticketId: UUID?
    public var sentAt: Timestamp
    public var channel: String
    public var templateId: UUID?

    public init(
        surveyId: UUID, surveyType: SurveyType, recipientId: UUID, ticketId: UUID? = nil, sentAt: Timestamp,
        channel: String, templateId: UUID? = nil
    ) {
        self.surveyId = surveyId
        self.surveyType = surveyType
        self.recipientId = recipientId
        self.ticketId = ticketId
        self.sentAt = sentAt
        self.channel = channel
        self.templateId = templateId
    }

    public var aggregate: Aggregate { Aggregate(type: "survey", id: surveyId) }

    public static var example: Self {
        SurveySent(
            surveyId: Example.id("survey"), surveyType: .csat, recipientId: Example.id("customer"),
            ticketId: Example.id("ticket"), sentAt: Example.time(), channel: "email",
            templateId: Example.id("template"))
    }
}
