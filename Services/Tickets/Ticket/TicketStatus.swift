// The seven statuses of a ticket, and where each may lead. Pure: no clock, no database.

/// Where a ticket stands in its life.
public enum TicketStatus: String, CaseIterable, Codable, Sendable, Hashable {
    case open
    case inProgress = "in_progress"
    case answered
    case waitingForResponse = "waiting_for_response"
    case onHold = "on_hold"
    case resolved
    case closed
}

extension TicketStatus {
    /// What an agent may move a ticket of this status to, were there no reopen window (which only narrows `closed`).
    ///
    /// A status is never its own target, and nothing but a customer's message leads from the working statuses back to
    /// `open`.
    public var targets: [TicketStatus] {
        switch self {
        case .open: [.inProgress, .answered, .waitingForResponse, .onHold, .resolved, .closed]
        case .inProgress, .answered, .waitingForResponse, .onHold:
            [.inProgress, .answered, .waitingForResponse, .onHold, .resolved, .closed].filter { $0 != self }
        case .resolved: [.closed, .open, .inProgress]
        case .closed: [.open]
        }
    }

    /// Whether the work is over: resolved or closed.
    public var isDone: Bool { self == .resolved || self == .closed }
}

/// How urgent a ticket is. The order of the cases is the order of `sort=priority`.
public enum TicketPriority: String, CaseIterable, Codable, Sendable, Hashable {
    case low, normal, high, urgent

    /// 1 for `low` … 4 for `urgent`: what lists sort by.
    public var rank: Int {
        switch self {
        case .low: 1
        case .normal: 2
        case .high: 3
        case .urgent: 4
        }
    }
}

/// What kind of work a ticket is.
public enum TicketType: String, CaseIterable, Codable, Sendable, Hashable {
    case question, incident, problem, task, change
}

/// How a ticket, or a message of it, came in.
public enum TicketChannel: String, CaseIterable, Codable, Sendable, Hashable {
    case email
    case webForm = "web_form"
    case chat, api, phone
    case imported = "import"
}

/// Whose turn it is.
public enum ResponseState: String, CaseIterable, Codable, Sendable, Hashable {
    case awaitingClient = "awaiting_client"
    case awaitingInternal = "awaiting_internal"
}
