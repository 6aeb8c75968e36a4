#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A survey was answered.
public struct SurveyResponseReceived: Event {
    public static let name = "survey_response.received"
    public static let summary = "A survey was answered."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "surveys"

    public var surveyId: UUID
    public var responseId: UUID
    public var recipientId: UUID
    public var ticketId: UUID?
    public var respondedAt: Timestamp
    public var score: Double
    public var comment: String?

    public init(
        surveyId: UUID, responseId: UUID, recipientId: UUID, ticketId: UUID? = nil, respondedAt: Timestamp,
        score: Double, comment: String? = nil
    ) {
        self.surveyId = surveyId
        self.responseId = responseId
        self.recipientId = recipientId
        self.ticketId = ticketId
        self.respondedAt = respondedAt
        self.score = score
        self.comment = comment
    }

    public var aggregate: Aggregate { Aggregate(type: "survey", id: surveyId) }

    public static var example: Self {
        SurveyResponseReceived(
            surveyId: Example.id("survey"), responseId: Example.id("response"), recipientId: Example.id("customer"),
            ticketId: Example.id("ticket"), respondedAt: Example.time(), score: 4, comment: "Quick and friendly")
    }
}
