// What can be promised to a customer, and when its clock runs. Pure.

import Contracts

/// The metrics that targets are set for.
public enum Metric: String, Sendable, Hashable, CaseIterable, Codable {
    /// Creation to the first public message of an agent.
    case firstResponse = "first_response"
    /// The oldest unanswered public message of a customer to the next public message of an agent.
    case nextResponse = "next_response"
    /// From one public message of an agent to the next.
    case periodicUpdate = "periodic_update"
    /// The same, not in pausing statuses.
    case pausableUpdate = "pausable_update"
    /// While the requester waits.
    case requesterWait = "requester_wait"
    /// While agents hold it.
    case agentWork = "agent_work"
    /// Creation to resolved, not in pausing statuses.
    case resolution

    /// Whether it ends with a message of an agent; the others end with the ticket's resolution.
    var endsWithResponse: Bool {
        switch self {
        case .firstResponse, .nextResponse, .periodicUpdate, .pausableUpdate: true
        case .requesterWait, .agentWork, .resolution: false
        }
    }

    /// Whether its clock runs in a status of an unresolved ticket.
    func runs(in status: String, pausing: Set<String>) -> Bool {
        switch self {
        case .firstResponse, .nextResponse, .periodicUpdate: true
        case .pausableUpdate, .resolution: !pausing.contains(status)
        case .requesterWait: ["open", "in_progress", "on_hold"].contains(status)
        case .agentWork: ["open", "in_progress"].contains(status)
        }
    }

    /// The stage that events name.
    public var stage: TicketSlaStageEntered.Stage {
        switch self {
        case .firstResponse, .nextResponse: .response
        case .resolution: .resolution
        case .periodicUpdate, .pausableUpdate, .requesterWait, .agentWork: .custom
        }
    }
}

/// What clocks need to know of statuses.
enum TicketStatuses {
    static let all = ["open", "in_progress", "answered", "waiting_for_response", "on_hold", "resolved", "closed"]
    /// Those that a policy may pause in.
    static let unresolved = ["open", "in_progress", "answered", "waiting_for_response", "on_hold"]
    static let pausingByDefault: Set = ["waiting_for_response", "on_hold"]

    static func isDone(_ status: String) -> Bool { status == "resolved" || status == "closed" }
}

enum TicketPriorities {
    static let all = ["low", "normal", "high", "urgent"]
}
