import AMQP
import Database
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a relay works.
public struct OutboxRelayConfiguration: Sendable {
    /// How long a relay that vanished keeps its partitions; the events of other processes that were its to publish wait
    /// so long. A relay that can't renew its leases stops publishing at four fifths of this.
    public var leaseTimeToLive = Duration.milliseconds(900)
    /// How soon the outbox is read again after something was found in it.
    public var pollIntervalMin = Duration.milliseconds(20)
    /// How often the outbox is read when nothing happens.
    public var pollIntervalMax = Duration.seconds(1)
    /// How long a stopping relay waits for the broker's last confirms.
    public var drainTimeout = Duration.seconds(5)

    public init() {}
}

/// Publishes what the service's transactions left in the outbox: with confirms, in commit order per aggregate, at least
/// once. Any number of relays share the work; each runs `RelayMachine` over the partitions that it has leased.
public final class OutboxRelay: Service {
    private let service: String
    private let topology: Topology
    private let database: Database
    private let amqp: AMQPClient
    private let configuration: OutboxRelayConfiguration
    private let limits: RelayLimits
    private let leases: RelayLeases
    private let wakeup = Wakeup()
    private let isStopping = Atomic(false)
    private let logger: Logger

    public convenience init(
        service: String, topology: Topology, database: Database, amqp: AMQPClient,
        configuration: OutboxRelayConfiguration = OutboxRelayConfiguration()
    ) {
        self.init(
            service: service, topology: topology, database: database, amqp: amqp, configuration: configuration,
            limits: RelayLimits())
    }

    init(
        service: String, topology: Topology, database: Database, amqp: AMQPClient,
        configuration: OutboxRelayConfiguration, limits: RelayLimits
    ) {
        self.service = service
        self.topology = topology
        self.database = database
        self.amqp = amqp
        self.configuration = configuration
        self.limits = limits
        leases = RelayLeases(database: database, me: UUID(), timeToLive: configuration.leaseTimeToLive)
        logger = Logger(label: "messaging.relay")
    }

    /// Publishes until the task is cancelled or a graceful shutdown begins; then finishes what is under way and hands its
    /// partitions on.
    public func run() async throws {
        OutboxSignal.register(wakeup)
        defer { OutboxSignal.unregister(wakeup) }
        await withGracefulShutdownHandler {
            await work()
        } onGracefulShutdown: {
            self.isStopping.store(true, ordering: .relaxed)
            self.wakeup.wake()
        }
    }

    // MARK: The loop

    /// What the loop waits for.
    private enum Happening: Sendable {
        case leases(LeaseRound?)
        case step(StepResult)
        case wave([RelayMachine.Sending], [PublishOutcome])
        case woke
    }

    private struct StepResult: Sendable {
        var deletions: [RelayMachine.Deletion]
        var reading: RelayMachine.Reading?
        /// What was read and how many rows each deletion found; nil when the transaction failed.
        var answer: (events: [OutboxEvent], deleted: [Int: Int])?
    }

    /// When the loop does what.
    private struct Schedule {
        var leases = ContinuousClock.now
        var poll = ContinuousClock.now
        var pollInterval: Duration
        /// Something may be in the outbox; read as soon as there is room in memory.
        var wantsRead = true
        /// Confirmed events are deleted with the next read, at the latest now.
        var deletion: ContinuousClock.Instant?
        var stepNotBefore = ContinuousClock.now
        var publishNotBefore = ContinuousClock.now
        var publishBackoff = Duration.zero
        var isLeasing = false
        var isStepping = false
        var sleepsUntil: ContinuousClock.Instant?
        var stopBy: ContinuousClock.Instant?
        var hasReleased = false
    }

    private static let deletionDelay = Duration.milliseconds(25)
    /// What is committed within so long after a read is read together: the longer, the more that one found.
    private static func readSpacing(afterReading count: Int) -> Duration {
        switch count {
        case ..<8: .milliseconds(8)
        case ..<32: .milliseconds(20)
        default: .milliseconds(40)
        }
    }
    private static let retryDelay = Duration.milliseconds(250)

    private func work() async {
        var machine = RelayMachine(limits: limits)
        var schedule = Schedule(pollInterval: configuration.pollIntervalMin)
        await withTaskGroup(of: Happening.self) { group in
            while !Task.isCancelled, !isOver(&schedule, machine) {
                start(in: &group, &machine, &schedule)
                guard let happening = await group.next() else { break }
                take(happening, &machine, &schedule)
            }
            group.cancelAll()
        }
    }

    /// Whether a stopping relay is done: everything is settled and its partitions are free, or it took too long.
    private func isOver(_ schedule: inout Schedule, _ machine: RelayMachine) -> Bool {
        guard isStopping.load(ordering: .relaxed) else { return false }
        let now = ContinuousClock.now
        if schedule.stopBy == nil {
            schedule.stopBy = now + configuration.drainTimeout
            schedule.leases = now
        }
        let isTooLate = schedule.stopBy.map { now >= $0 } ?? false
        return isTooLate || (schedule.hasReleased && machine.partitionCount == 0)
    }

    private func start(
        in group: inout TaskGroup<Happening>, _ machine: inout RelayMachine, _ schedule: inout Schedule
    ) {
        let now = ContinuousClock.now
        let isStopping = isStopping.load(ordering: .relaxed)
        if now >= schedule.poll {
            schedule.wantsRead = true
            schedule.poll = now + schedule.pollInterval
        }
        if !schedule.isLeasing, now >= schedule.leases {
            schedule.isLeasing = true
            let idle = machine.idle
            let leaving = machine.leaving
            group.addTask { .leases(await self.leaseRound(idle: idle, leaving: leaving, isStopping: isStopping)) }
        }
        if !schedule.isStepping, now >= schedule.stepNotBefore {
            let reading = schedule.wantsRead && !isStopping ? machine.startReading(at: now) : nil
            let deletes = schedule.deletion.map { now >= $0 } ?? false
            if reading != nil || (machine.hasDeletions && (deletes || isStopping)) {
                schedule.isStepping = true
                schedule.deletion = nil
                if reading != nil { schedule.wantsRead = false }
                let deletions = machine.takeDeletions()
                group.addTask { .step(await self.step(deletions, reading)) }
            }
        }
        if now >= schedule.publishNotBefore, !isStopping {
            while true {
                let wave = machine.nextWave(at: now)
                if wave.isEmpty { break }
                group.addTask { .wave(wave, await self.publish(wave)) }
            }
        }
        sleep(in: &group, machine, &schedule)
    }

    /// Keeps one task asleep until the next thing is due.
    private func sleep(in group: inout TaskGroup<Happening>, _ machine: RelayMachine, _ schedule: inout Schedule) {
        var next = schedule.isLeasing ? schedule.poll : min(schedule.leases, schedule.poll)
        if !schedule.isStepping {
            if let deletion = schedule.deletion { next = min(next, max(deletion, schedule.stepNotBefore)) }
            if schedule.wantsRead, schedule.stepNotBefore > .now { next = min(next, schedule.stepNotBefore) }
        }
        if let unblocking = machine.nextUnblocking { next = min(next, unblocking) }
        if machine.hasReady, schedule.publishNotBefore > .now { next = min(next, schedule.publishNotBefore) }
        if let stopBy = schedule.stopBy { next = min(next, stopBy) }
        // Whatever is overdue waits for something under way; that wakes the loop.
        next = max(next, .now + .milliseconds(1))
        if let sleepsUntil = schedule.sleepsUntil {
            if next < sleepsUntil - .milliseconds(1) { wakeup.wake() }
        } else {
            schedule.sleepsUntil = next
            group.addTask { [wakeup] in
                await wakeup.sleep(until: next)
                return .woke
            }
        }
    }

    private func take(_ happening: Happening, _ machine: inout RelayMachine, _ schedule: inout Schedule) {
        let now = ContinuousClock.now
        switch happening {
        case .woke:
            schedule.sleepsUntil = nil
            // Somebody committed, or something is due.
            schedule.wantsRead = true
        case .leases(let round):
            schedule.isLeasing = false
            guard let round else {
                schedule.leases = now + Self.retryDelay
                return
            }
            let before = machine.partitionCount
            machine.hold(round.held)
            if machine.partitionCount > before { schedule.wantsRead = true }
            let isStopping = isStopping.load(ordering: .relaxed)
            schedule.hasReleased = isStopping
            let isHandingOver = isStopping || !machine.leaving.isEmpty
            let renewal = configuration.leaseTimeToLive / 4
            let expiry = round.untilNextExpiry.map { max($0, .zero) + .milliseconds(5) } ?? renewal
            schedule.leases = now + (isHandingOver ? .milliseconds(50) : min(renewal, expiry))
        case .step(let result):
            schedule.isStepping = false
            take(result, &machine, &schedule, now)
        case .wave(let wave, let outcomes):
            let (refused, lost) = machine.settle(wave, outcomes, at: now)
            MessagingMetrics.published(wave.count - refused - lost, service: service)
            if refused > 0 {
                MessagingMetrics.refused(refused, service: service)
                logger.warning("the broker refused events", metadata: ["event.count": "\(refused)"])
            }
            if lost > 0 {
                let doubled = max(.milliseconds(50), schedule.publishBackoff * 2)
                schedule.publishBackoff = min(doubled, .seconds(1))
                schedule.publishNotBefore = now + schedule.publishBackoff
            } else {
                schedule.publishBackoff = .zero
            }
            if machine.hasDeletions, schedule.deletion == nil { schedule.deletion = now + Self.deletionDelay }
        }
    }

    private func take(
        _ result: StepResult, _ machine: inout RelayMachine, _ schedule: inout Schedule, _ now: ContinuousClock.Instant
    ) {
        guard let answer = result.answer else {
            machine.notDeleted(result.deletions)
            if machine.hasDeletions { schedule.deletion = now }
            schedule.stepNotBefore = now + Self.retryDelay
            schedule.wantsRead = schedule.wantsRead || result.reading != nil
            return
        }
        machine.deleted(result.deletions)
        for deletion in result.deletions where answer.deleted[deletion.partition] != deletion.positions.count {
            machine.lose(deletion.partition)
            schedule.leases = now
        }
        if machine.hasDeletions, schedule.deletion == nil { schedule.deletion = now + Self.deletionDelay }
        guard let reading = result.reading else { return }
        let added = machine.read(answer.events, for: reading)
        let isCutOff = Dictionary(grouping: answer.events, by: \.partition).values.contains {
            $0.count >= reading.limit
        }
        if isCutOff {
            schedule.pollInterval = configuration.pollIntervalMin
            schedule.wantsRead = true
        } else {
            schedule.pollInterval =
                added > 0
                ? configuration.pollIntervalMin : min(schedule.pollInterval * 2, configuration.pollIntervalMax)
            schedule.poll = now + schedule.pollInterval
            schedule.stepNotBefore = now + Self.readSpacing(afterReading: answer.events.count)
        }
    }

    // MARK: Input and output

    private func leaseRound(idle: Set<Int>, leaving: Set<Int>, isStopping: Bool) async -> LeaseRound? {
        do {
            return try await leases.round(idle: idle, leaving: leaving, isStopping: isStopping)
        } catch {
            logger.warning("no leases from the database", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func publish(_ wave: [RelayMachine.Sending]) async -> [PublishOutcome] {
        let publications = wave.map { $0.event.record.publication(service: service, topology: topology) }
        do {
            var outcomes = try await amqp.publish(publications)
            // An exchange that is missing is declared, for the next try.
            if case .lost(let error)? = outcomes.first(where: { !$0.isConfirmed }), error.isNotFound {
                try await topology.declareExchange(on: amqp)
                outcomes = try await amqp.publish(publications)
            }
            return outcomes
        } catch {
            let reason = error as? AMQPError ?? AMQPError(.notConnected, "\(error)")
            return Array(repeating: .lost(reason), count: wave.count)
        }
    }

    /// Deletes what was confirmed and reads what comes next, in one transaction. It need not be on disk when it commits:
    /// a database that crashes forgets the deletion, and the event is repeated.
    private func step(_ deletions: [RelayMachine.Deletion], _ reading: RelayMachine.Reading?) async -> StepResult {
        do {
            let answer = try await database.transaction(as: .admin) { tx in
                tx.enqueue(relayTransactionSettings)
                tx.enqueue("SELECT set_config('synchronous_commit', 'off', true)")
                var statements: [SQL] = []
                if !deletions.isEmpty { statements.append(OutboxSQL.delete(deletions, owner: leases.me)) }
                if let reading {
                    statements.append(OutboxSQL.read(reading))
                }
                var results = try await tx.batch(statements)[...]
                var deleted: [Int: Int] = [:]
                if !deletions.isEmpty {
                    for row in results.removeFirst() { deleted[try row.get(0)] = try row.get(1, as: Int.self) }
                }
                var events: [OutboxEvent] = []
                if reading != nil, let rows = results.last { events = try OutboxSQL.events(rows) }
                return (events: events, deleted: deleted)
            }
            return StepResult(deletions: deletions, reading: reading, answer: answer)
        } catch {
            if !Task.isCancelled { logger.warning("the outbox can't be read", metadata: ["error": "\(error)"]) }
            return StepResult(deletions: deletions, reading: reading, answer: nil)
        }
    }
}

/// What the relay says to the database.
enum OutboxSQL {
    /// Deletes confirmed events where the lease still has the epoch under which they were confirmed; answers how many of
    /// each partition.
    static func delete(_ deletions: [RelayMachine.Deletion], owner: UUID) -> SQL {
        var partitions: [Int] = []
        var epochs: [Int64] = []
        var positions: [Int64] = []
        for deletion in deletions {
            for position in deletion.positions {
                partitions.append(deletion.partition)
                epochs.append(deletion.epoch)
                positions.append(position)
            }
        }
        return """
            WITH confirmed AS (
                SELECT c.*
                FROM unnest(\(partitions), \(epochs), \(positions)) AS c (partition, epoch, position)
                JOIN relay_leases AS l ON l.partition = c.partition AND l.epoch = c.epoch AND l.owner = \(owner)
            ),
            deleted AS (
                DELETE FROM outbox AS o
                USING confirmed AS c
                WHERE o.partition = c.partition AND o.position = c.position
                RETURNING o.partition
            )
            SELECT partition::bigint, count(*) FROM deleted GROUP BY partition
            """
    }

    /// The oldest events of each partition that are not in memory. Positions alone would not do as a place to go on from:
    /// a transaction may commit a position lower than those already seen. `NOT IN` with a query looks them up in a hash, where
    /// `<> ALL` of an array that the plan does not know would compare each with each.
    static func read(_ reading: RelayMachine.Reading) -> SQL {
        let partitions = reading.partitions.keys.sorted()
        return """
            SELECT \(EventRecord.columns), o.partition::bigint
            FROM unnest(\(partitions)) AS p (partition)
            CROSS JOIN LATERAL (
                SELECT partition, position, xid, recorded_at
                FROM outbox
                WHERE partition = p.partition
                    AND position NOT IN (SELECT unnest(\(reading.known)))
                    AND aggregate_id NOT IN (SELECT unnest(\(reading.skipped)))
                ORDER BY position
                LIMIT \(reading.limit)
            ) AS o
            CROSS JOIN LATERAL (
                SELECT * FROM events WHERE recorded_at = o.recorded_at AND xid = o.xid AND position = o.position LIMIT 1
            ) AS e
            """
    }

    /// The rows of `read`, by position.
    static func events(_ rows: [Row]) throws -> [OutboxEvent] {
        try rows.map { row in
            OutboxEvent(partition: try row.get(14), record: try EventRecord(row: row))
        }.sorted { $0.position < $1.position }
    }
}
