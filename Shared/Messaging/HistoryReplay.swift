import AMQP
import Contracts

/// Sends events from the history again: to one subscriber, past the exchange that everybody listens to.
public struct HistoryReplay: Sendable {
    /// Who gets the events.
    public enum Target: Sendable, Hashable {
        /// A queue, through the default exchange. The routing key of the messages is the queue's name; the event's name is in
        /// the header `cloudEvents_type`.
        case queue(String)
        /// A service of the platform, through the exchange that is its own.
        case service(String)
    }

    private let service: String
    private let topology: Topology
    private let history: EventHistory
    private let amqp: AMQPClient

    /// - Parameter service: whose history it is.
    public init(service: String, topology: Topology, history: EventHistory, amqp: AMQPClient) {
        self.service = service
        self.topology = topology
        self.history = history
        self.amqp = amqp
    }

    /// How a replay went.
    public struct Progress: Sendable, Hashable {
        /// Messages that the broker confirmed.
        public var sent: Int
        /// Where it stands: all up to here are sent. Begin here to go on after a failure.
        public var cursor: EventCursor
    }

    /// Sends what lies between two places, in order; without `until`, to the end as it is when it gets there. Messages carry the
    /// header `replayed`.
    ///
    /// Each page is confirmed before the next is sent. At the first message that the target does not take, this throws.
    public func run(
        after start: EventCursor, until end: EventCursor? = nil, filter: EventHistory.Filter = .all, to target: Target,
        pageSize: Int = 500, onProgress: (Progress) -> Void = { _ in }
    ) async throws -> Progress {
        var progress = Progress(sent: 0, cursor: start)
        while true {
            let page = try await history.page(after: progress.cursor, limit: pageSize, filter: filter)
            let events = page.events.filter { event in end.map { event.cursor <= $0 } ?? true }
            try await send(events, to: target)
            progress.sent += events.count
            let isPastEnd = end.map { page.next >= $0 } ?? false
            progress.cursor = isPastEnd ? (end ?? page.next) : page.next
            onProgress(progress)
            if !page.hasMore || isPastEnd { return progress }
            try Task.checkCancellation()
        }
    }

    private func send(_ events: [EventRecord], to target: Target) async throws {
        try await Self.send(events.map { ($0, service) }, to: target, topology: topology, amqp: amqp)
    }

    /// Sends events that are kept elsewhere than in a service's own history, each with the service that published it.
    ///
    /// Returns when the broker has confirmed all; throws at the first that the target does not take.
    public static func send(
        _ events: [(event: EventRecord, service: String)], to target: Target, topology: Topology, amqp: AMQPClient
    ) async throws {
        let publications = events.map { event, service in
            let message = event.message(service: service, topology: topology, isReplay: true)
            return switch target {
            case .queue(let queue):
                AMQPPublication(exchange: "", routingKey: queue, mandatory: true, message: message)
            case .service(let name):
                AMQPPublication(
                    exchange: Topology.partitioned(name), routingKey: topology.routingKey(event.name), mandatory: true,
                    message: message)
            }
        }
        if publications.isEmpty { return }
        let outcomes = try await amqp.publish(publications)
        guard let failed = outcomes.first(where: { !$0.isConfirmed }) else { return }
        throw ReplayError(target: target, outcome: failed)
    }
}

/// The target of a replay did not take a message.
public struct ReplayError: Error, Sendable, CustomStringConvertible {
    public let target: HistoryReplay.Target
    public let outcome: PublishOutcome

    public var description: String {
        switch (target, outcome) {
        case (.queue(let name), .returned): "there is no queue \(name)"
        case (.service(let name), .returned): "the service \(name) has no queues"
        default: "the target did not take a message: \(outcome)"
        }
    }
}
