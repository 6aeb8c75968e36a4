#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A call, meeting or other contact with a client was logged.
public struct InteractionLogged: Event {
    public static let name = "interaction.logged"
    public static let summary = "A call, meeting or other contact with a client was logged."
    public static let category = "CRM"
    public static let owner = "crm"
    public static let notes = ["interactionType": "Such as call, meeting or email."]

    public var interactionId: UUID
    public var clientId: UUID
    public var contactId: UUID?
    public var interactionType: String
    public var channel: String
    public var loggedByUserId: UUID
    public var subject: String?
    public var outcome: String?

    public init(
        interactionId: UUID, clientId: UUID, contactId: UUID? = nil, interactionType: String, channel: String,
        loggedByUserId: UUID, subject: String? = nil, outcome: String? = nil
    ) {
        self.interactionId = interactionId
        self.clientId = clientId
        self.contactId = contactId
        self.interactionType = interactionType
        self.channel = channel
        self.loggedByUserId = loggedByUserId
        self.subject = subject
        self.outcome = outcome
    }

    public var aggregate: Aggregate { Aggregate(type: "interaction", id: interactionId) }

    public static var example: Self {
        InteractionLogged(
            interactionId: Example.id("interaction"), clientId: Example.id("client"),
            contactId: Example.id("customer"), interactionType: "call", channel: "phone",
            loggedByUserId: Example.id("agent"), subject: "Renewal of the contract", outcome: "Solved")
    }
}
