#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket waits for the other side now, or for nobody.
public struct TicketResponseStateChanged: Event {
    public static let name = "ticket.response_state_changed"
    public static let summary = "A ticket waits for the other side now, or for nobody."
    public static let category = "Core"
    public static let owner = "tickets"
    public static let status = EventStatus.emitted
    public static let notes = [
        "newResponseState": "Absent where nobody is waited for.",
        "trigger": "What caused it.",
    ]

    public enum ResponseState: String, Sendable, Codable, CaseIterable {
        case awaitingClient = "awaiting_client"
        case awaitingInternal = "awaiting_internal"
    }

    public enum Trigger: String, Sendable, Codable, CaseIterable {
        case comment, manual, close
    }

    public var ticketId: UUID
    public var previousResponseState: ResponseState?
    public var newResponseState: ResponseState?
    public var trigger: Trigger

    public init(
        ticketId: UUID, previousResponseState: ResponseState? = nil, newResponseState: ResponseState? = nil,
        trigger: Trigger
    ) {
        self.ticketId = ticketId
        self.previousResponseState = previousResponseState
        self.newResponseState = newResponseState
        self.trigger = trigger
    }

    public var aggregate: Aggregate { Aggregate(type: "ticket", id: ticketId) }

    public static var example: Self {
        TicketResponseStateChanged(
            ticketId: Example.id("ticket"), previousResponseState: .awaitingInternal,
            newResponseState: .awaitingClient, trigger: .comment)
    }
}
