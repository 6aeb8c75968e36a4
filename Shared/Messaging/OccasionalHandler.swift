import AMQP
import Database

/// A handler that subscribes to its events only while somebody has use for them, such as to everything while there are
/// webhooks: the broker then neither keeps nor sends copies that nobody would look at.
public protocol OccasionalHandler: BatchEventHandler {
    /// Whether somebody has use for the events. The transaction sees all tenants' rows.
    func isWanted(in tx: Transaction) async throws -> Bool
}

/// The broker can't be asked for something at present.
public struct BrokerUnavailable: Error {
    /// Why, for the log.
    public let detail: String
}

/// The subscription of an occasional handler. Whoever comes to have use for it demands it in the transaction that says so;
/// whenever the service declares what it consumes from, a subscription that nobody wants any more is ended.
///
/// Both take a lock, so that none is ended that somebody is about to rely on.
public struct Demand: Sendable {
    private let service: String
    private let topology: Topology
    private let partitions: Int
    private let amqp: AMQPClient
    private let handler: any OccasionalHandler

    /// - Parameter partitions: the service's, see ``ConsumerConfiguration/partitions``.
    public init(
        service: String, topology: Topology, partitions: Int, amqp: AMQPClient, handler: any OccasionalHandler
    ) {
        self.service = service
        self.topology = topology
        self.partitions = partitions
        self.amqp = amqp
        self.handler = handler
    }

    /// Subscribes, unless that has been done for somebody else whose rows the transaction sees. Every event that is published
    /// after the transaction's commit comes. Throws `BrokerUnavailable` where that can't be had.
    public func arise(in tx: Transaction) async throws {
        tx.enqueue("SELECT pg_advisory_xact_lock_shared(\(key))")
        if try await handler.isWanted(in: tx) { return }
        do {
            try await topology.declareConsumer(
                service: service, patterns: Set(handler.patterns), partitions: partitions, on: amqp)
        } catch {
            throw BrokerUnavailable(detail: "\(error)")
        }
    }

    /// Subscribes or ends the subscription, as it is wanted.
    ///
    /// - Parameter others: what the service's other handlers subscribe to, which stays.
    func settle(besides others: Set<String>, in database: Database) async throws {
        try await database.transaction(as: .admin) { tx in
            tx.enqueue("SELECT pg_advisory_xact_lock(\(key))")
            let isWanted = try await handler.isWanted(in: tx)
            for pattern in handler.patterns where !others.contains(pattern) {
                if isWanted {
                    try await topology.subscribe(service, to: pattern, on: amqp)
                } else {
                    try await topology.unsubscribe(service, from: pattern, on: amqp)
                }
            }
        }
    }

    /// Of the lock.
    private var key: SQL {
        "hashtextextended('demand of ' || current_schema() || ' for ' || \(handler.name), 0)"
    }
}
