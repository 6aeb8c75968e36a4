// A ticket's figures, folded from its events and from nothing else: the consumer that keeps them and the rebuild from
// history run the same function, so they cannot disagree.
import Contracts

/// What is counted of a ticket.
public struct TicketMetrics: Sendable, Hashable {
    /// Public messages, whoever wrote them.
    public var replies: Int64 = 0
    public var agentReplies: Int64 = 0
    public var customerReplies: Int64 = 0
    public var internalNotes: Int64 = 0
    public var reopens: Int64 = 0
    /// From creation to the first public message of an agent.
    public var firstResponseSeconds: Int64?
    /// From creation to the last time it was resolved; none while it is not.
    public var resolutionSeconds: Int64?
    /// Spent in `waiting_for_response`, the stretches that have ended.
    public var waitingSeconds: Int64 = 0

    /// The creation, from which the spans are counted.
    public var ticketCreatedAt: Timestamp
    public var status: TicketStatus
    public var statusSince: Timestamp
    /// The last event that is in these figures.
    public var lastSequence: Int64
    public var lastEventAt: Timestamp
}

/// What the fold reads of an event.
public struct TicketEvent: Sendable {
    /// `ticket.created`.
    public var name: String
    public var sequence: Int64
    public var occurredAt: Timestamp
    public var payload: JSONObject

    public init(name: String, sequence: Int64, occurredAt: Timestamp, payload: JSONObject) {
        self.name = name
        self.sequence = sequence
        self.occurredAt = occurredAt
        self.payload = payload
    }
}

extension TicketMetrics {
    /// Takes the next event of the ticket. One that is in the figures already changes nothing.
    public static func folding(_ event: TicketEvent, into metrics: TicketMetrics?) -> TicketMetrics? {
        guard var metrics else {
            guard event.name == "ticket.created" else { return nil }
            return TicketMetrics(created: event)
        }
        guard event.sequence > metrics.lastSequence else { return metrics }
        metrics.lastSequence = event.sequence
        metrics.lastEventAt = event.occurredAt
        switch event.name {
        case "ticket_message.added": metrics.count(message: event)
        case "ticket.status_changed": metrics.enter(event)
        case "ticket.reopened": metrics.reopens += 1
        default: break
        }
        return metrics
    }

    /// The figures of a ticket that was just made.
    /// - Parameter sequence: of the event that says so, which `happened` then.
    init(createdAt: Timestamp, status: TicketStatus, sequence: Int64 = 1, happened: Timestamp) {
        ticketCreatedAt = createdAt
        self.status = status
        statusSince = createdAt
        resolutionSeconds = status.isDone ? 0 : nil
        lastSequence = sequence
        lastEventAt = happened
    }

    private init(created event: TicketEvent) {
        let snapshot = event.payload["snapshot"]?.objectValue
        self.init(
            createdAt: snapshot?["createdAt"]?.stringValue.flatMap(Timestamp.init(rfc3339:)) ?? event.occurredAt,
            status: snapshot?["status"]?.stringValue.flatMap(TicketStatus.init(rawValue:)) ?? .open,
            sequence: event.sequence, happened: event.occurredAt)
    }

    private mutating func count(message event: TicketEvent) {
        guard event.payload["visibility"]?.stringValue == "public" else {
            internalNotes += 1
            return
        }
        replies += 1
        switch event.payload["snapshot"]?.objectValue?["authorType"]?.stringValue {
        case AuthorType.agent.rawValue:
            agentReplies += 1
            if firstResponseSeconds == nil { firstResponseSeconds = Self.seconds(ticketCreatedAt, event.occurredAt) }
        case AuthorType.customer.rawValue:
            customerReplies += 1
        default:
            break
        }
    }

    private mutating func enter(_ event: TicketEvent) {
        guard let new = event.payload["newStatusId"]?.stringValue.flatMap(TicketStatus.init(rawValue:)) else { return }
        if status == .waitingForResponse { waitingSeconds += Self.seconds(statusSince, event.occurredAt) }
        if new.isDone, !status.isDone { resolutionSeconds = Self.seconds(ticketCreatedAt, event.occurredAt) }
        if !new.isDone { resolutionSeconds = nil }
        status = new
        statusSince = event.occurredAt
    }

    private static func seconds(_ from: Timestamp, _ to: Timestamp) -> Int64 {
        max(0, (to.microseconds - from.microseconds) / 1_000_000)
    }
}
