// What somebody can be told about, as a value.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The part that somebody plays in what happened.
enum RecipientRole: String, CaseIterable, Sendable {
    case requester, assignee
    /// Who had the ticket before.
    case previousAssignee = "previous_assignee"
    /// The members of the ticket's group.
    case group
    /// Everybody who takes part in the ticket.
    case participants
    /// Those of them who follow or help.
    case followers
    case supervisors, administrators
    /// Whom the event is about: the user who changed, the participant who was added.
    case subject
    /// Users and groups that the event itself names, as steps of an escalation do.
    case named
}

/// A kind of notification: what makes it, whom it is for, how it reaches them, and its words.
struct NotificationType: Sendable {
    /// The words in one language, as Mustache templates.
    struct Words: Sendable {
        let subject: String
        let text: String
    }

    /// Something of the event that templates can show.
    enum Detail: Sendable {
        /// The value at a JSON pointer into the payload, as it is.
        case text(String)
        /// One of the platform's own words, shown in the recipient's language.
        case label(String)
        /// An instant, shown on the recipient's clocks.
        case instant(String)
        /// Seconds, shown as whole minutes.
        case minutes(String)
    }

    /// `ticket_assigned`
    let name: String
    let summary: String
    /// The event that makes it; nil for what the service says by itself.
    var event: String?
    /// Whether it is about a ticket.
    var hasTicket = true
    var recipients: [RecipientRole] = []
    var channels: [String] = [ChannelName.inApp, ChannelName.email]
    /// Nobody can turn it off, nor is it delayed.
    var isMandatory = false
    /// Never for customers, whatever a rule says.
    var isInternal = false
    /// It says what an agent wrote: mail has the agent's signature.
    var isSigned = false
    /// Which of the events; by default all.
    var when: @Sendable (JSON) -> Bool = { _ in true }
    /// By the name that templates use: `status.new`.
    var details: [String: Detail] = [:]
    /// A list that templates can repeat for, and the members of its items.
    var list: (name: String, members: [String])?
    /// By locale: `en`, `de`.
    let words: [String: Words]

    /// Everything that its templates can name.
    var variables: [String] {
        var names = ["recipient.name", "recipient.email", "actor.name", "organization.name"]
        if hasTicket { names += TicketVariables.all.map { "ticket.\($0)" } }
        names += details.keys.sorted()
        if let list { names += ["count", list.name] + list.members.map { "\(list.name).\($0)" } }
        return names
    }
}

/// What templates can show of a ticket.
enum TicketVariables {
    static let all = ["id", "key", "number", "subject"] + labels + ["url"]
    /// Shown in the recipient's language.
    static let labels = ["status", "priority", "type", "channel"]
}

/// The channels by name.
enum ChannelName {
    static let email = "email"
    static let inApp = "in_app"
    static let sms = "sms"
    static let push = "push"
    static let slack = "slack"

    /// What preferences, rules and templates can name.
    static let all = [inApp, email, sms, push, slack]
}
