import AMQP
import Database
import Logging
import ServiceLifecycle

/// How long a service keeps what, and how often it looks.
public struct UpkeepConfiguration: Sendable {
    /// Days that events stay in the history; nil keeps them for ever.
    public var eventRetentionDays: Int? = 90
    /// Days that a handled event is remembered. Longer than any message may be on its way.
    public var inboxRetentionDays = 14
    /// Queues of the service, for the gauge of what waits in them.
    public var partitions = 4
    public var gaugeInterval = Duration.seconds(5)
    public var missingQueueInterval = Duration.seconds(60)
    public var housekeepingInterval = Duration.seconds(3600)

    public init() {}
}

/// Keeps the messaging tables in shape (partitions, retention, inbox) and reports how the service stands.
public final class MessagingUpkeep: Service {
    private let service: String
    private let database: Database
    private let amqp: AMQPClient
    private let configuration: UpkeepConfiguration
    private let logger = Logger(label: "messaging.upkeep")

    public init(
        service: String, database: Database, amqp: AMQPClient,
        configuration: UpkeepConfiguration = UpkeepConfiguration()
    ) {
        self.service = service
        self.database = database
        self.amqp = amqp
        self.configuration = configuration
    }

    /// Works until the task is cancelled or a graceful shutdown begins.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.work() }
    }

    private func work() async {
        var housekeepingAt = ContinuousClock.now
        var queuesAt = ContinuousClock.now
        while !Task.isCancelled {
            do {
                let status = try await OutboxStatus.read(database)
                MessagingMetrics.outbox(pending: status.pending, ageSeconds: status.ageSeconds, service: service)
                if amqp.isConnected, ContinuousClock.now >= queuesAt, try await !reportQueues() {
                    // A service without queues: the broker logs each question for what is not there.
                    queuesAt = .now + configuration.missingQueueInterval
                }
                if ContinuousClock.now >= housekeepingAt {
                    try await keepHouse()
                    housekeepingAt = .now + configuration.housekeepingInterval
                }
            } catch {
                logger.debug("upkeep waits", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: configuration.gaugeInterval)
        }
    }

    /// Makes the partitions ahead, drops what is too old.
    func keepHouse() async throws {
        try await adoptRestoredHistory()
        try await database.transaction(as: .admin) { tx in
            _ = try await tx.query("SELECT ensure_event_partitions(\(eventPartitionDaysAhead)::integer)")
        }
        if let days = configuration.eventRetentionDays {
            let row = try await database.transaction(as: .admin) { tx in
                try await tx.first("SELECT drop_event_partitions(\(days)::integer)::bigint")
            }
            if let dropped = try row?.get(0, as: Int.self), dropped > 0 {
                logger.info("old events dropped", metadata: ["partition.count": "\(dropped)"])
            }
        }
        let age = Duration.seconds(configuration.inboxRetentionDays * 86_400)
        let limit = 10_000
        while !Task.isCancelled {
            let pruned = try await database.transaction(as: .admin) { tx in
                try await Inbox.prune(olderThan: age, limit: limit, in: tx)
            }
            if pruned < limit { break }
        }
    }

    /// In a healthy cluster no event comes from a transaction that has not begun.
    private func adoptRestoredHistory() async throws {
        let isForeign = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first(
                """
                SELECT coalesce(
                    (SELECT xid FROM events ORDER BY xid DESC LIMIT 1) >= pg_snapshot_xmax(pg_current_snapshot()), false)
                """)?.get(0, as: Bool.self)
        }
        guard isForeign == true else { return }
        let row = try await database.transaction(as: .admin, timeout: .seconds(3600)) { tx in
            try await tx.first("SELECT rebase_event_history()")
        }
        let count = try row?.get(0, as: Int64.self) ?? 0
        logger.notice("the history of another cluster was adopted", metadata: ["event.count": "\(count)"])
    }

    /// False when the service has no queues (yet).
    private func reportQueues() async throws -> Bool {
        guard let deadLetters = try await amqp.queueStatus(Topology.deadLetters(service)) else { return false }
        var ready = 0
        for queue in Topology.queues(service, count: configuration.partitions) {
            guard let status = try await amqp.queueStatus(queue) else { return false }
            ready += status.messageCount
        }
        MessagingMetrics.queues(ready: ready, deadLetters: deadLetters.messageCount, service: service)
        return true
    }
}

/// What waits in the outbox.
public struct OutboxStatus: Sendable, Hashable {
    /// Events that the broker has not confirmed, counted up to 100,000.
    public var pending: Int
    /// Age of the oldest of them; 0 when there is none.
    public var ageSeconds: Double

    public static func read(_ database: Database) async throws -> OutboxStatus {
        try await database.transaction(as: .admin, readOnly: true) { tx in
            let row = try await tx.first(
                """
                SELECT
                    (SELECT count(*) FROM (SELECT FROM outbox LIMIT 100000) AS o),
                    coalesce(extract(epoch FROM clock_timestamp() - (
                        SELECT min(o.recorded_at)
                        FROM generate_series(0, \(OutboxPartition.count - 1)) AS p (partition)
                        CROSS JOIN LATERAL (
                            SELECT recorded_at
                            FROM outbox
                            WHERE partition = p.partition
                            ORDER BY position
                            LIMIT 1
                        ) AS o
                    )), 0)::double precision
                """)
            return OutboxStatus(pending: try row?.get(0) ?? 0, ageSeconds: max(0, try row?.get(1) ?? 0))
        }
    }
}
