#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A survey ran out without an answer.
public struct SurveyExpired: Event {
    public static let name = "survey.expired"
    public static let summary = "A survey ran out without an answer."
    public static let category = "Email + Notifications + Surveys"
    public static let owner = "surveys"

    public var surveyId: UUID
    public var recipientId: UUID
    public var ticketId: UUID?
    public var expiredAt: Timestamp

    public init(surveyId: UUID, recipientId: UUID, ticketId: UUID? = nil, expiredAt: Timestamp) {
        self.surveyId = surveyId
        self.recipientId = recipientId
        self.ticketId = ticketId
        self.expiredAt = expiredAt
    }

    public var aggregate: Aggregate { Aggregate(type: "survey", id: surveyId) }

    public static var example: Self {
        SurveyExpired(
            surveyId: Example.id("survey"), recipientId: Example.id("customer"), ticketId: Example.id("ticket"),
            expiredAt: Example.time())
    }
}
