import Glibc
import Logging
import Synchronization

/// What a pool does and has done; gauges first, then totals since the start.
public struct PoolStatistics: Sendable, Hashable {
    /// Open connections.
    public var open = 0
    /// Of these, unused ones.
    public var idle = 0
    /// Attempts to connect that are under way.
    public var connecting = 0
    /// Transactions that wait for a connection.
    public var waiting = 0
    /// Whether the server could not be reached when last tried.
    public var isUnreachable = false
    /// Leases given.
    public var acquired: UInt64 = 0
    /// Leases that had to wait.
    public var waited: UInt64 = 0
    /// How long they waited, together.
    public var waitedMicroseconds: UInt64 = 0
    /// Leases refused, because the queue was full, the wait too long, or the server away.
    public var refused: UInt64 = 0
    /// Exchanges with the server that a transaction waited for, by connections that have been given back since.
    public var roundTrips: UInt64 = 0
    /// Connections opened.
    public var opened: UInt64 = 0
    /// Connections closed: broken, stale or spare.
    public var closed: UInt64 = 0
}

/// The connections of a process to its database.
///
/// Who needs one takes the connection used last, or waits in a queue of bounded length for a bounded time. Connecting
/// goes on beside it: while the server is away, one attempt at a time with backoff. Those who wait go on when it is
/// back; if it has been away for longer than anybody would wait, they are refused at once.
final class Pool: Sendable {
    private final class Waiter: Sendable {
        let token = Reactor.shared.newToken()
        let outcome = Mutex<Result<Connection, DatabaseError>?>(nil)
    }

    private struct State {
        var idle: [Connection] = []
        var waiting: [Waiter] = []
        var open = 0
        var connecting = 0
        var minimum = 0
        /// Connections of an earlier generation have prepared statements that a migration made stale.
        var generation = 0
        var unreachableSince: ContinuousClock.Instant?
        var lastError = DatabaseError(.connection(outcomeUnknown: false))
        var isClosed = false
        var totals = PoolStatistics()
    }

    private let configuration: DatabaseConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: DatabaseConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    var statistics: PoolStatistics {
        state.withLock { state in
            var statistics = state.totals
            statistics.open = state.open
            statistics.idle = state.idle.count
            statistics.connecting = state.connecting
            statistics.waiting = state.waiting.count
            statistics.isUnreachable = state.unreachableSince != nil
            return statistics
        }
    }

    // MARK: Leasing

    /// A connection for the caller alone, until `release`.
    func acquire(within timeout: Duration? = nil) async throws(DatabaseError) -> Connection {
        let start = ContinuousClock.now
        var hasWaited = false
        while true {
            let connection: Connection
            if let idle = try takeIdle() {
                connection = idle
            } else {
                hasWaited = true
                connection = try await queue(until: start + (timeout ?? configuration.acquireTimeout))
            }
            guard connection.isUsable() else {
                discard(connection)
                continue
            }
            state.withLock { state in
                state.totals.acquired += 1
                guard hasWaited else { return }
                state.totals.waited += 1
                state.totals.waitedMicroseconds += UInt64((ContinuousClock.now - start).microseconds)
            }
            return connection
        }
    }

    private func takeIdle() throws(DatabaseError) -> Connection? {
        let result: Result<Connection?, DatabaseError> = state.withLock { state in
            if let connection = state.idle.popLast() { return .success(connection) }
            let refusal = refusal(state)
            if refusal != nil { state.totals.refused += 1 }
            return refusal.map(Result.failure) ?? .success(nil)
        }
        return try result.get()
    }

    /// Why nobody may queue at present.
    private func refusal(_ state: borrowing State) -> DatabaseError? {
        if state.isClosed { return DatabaseError(.connection(outcomeUnknown: false), "the pool is closed") }
        if state.waiting.count >= configuration.maxWaiting {
            return DatabaseError(.poolExhausted, "\(state.waiting.count) transactions wait for a connection already")
        }
        guard let since = state.unreachableSince, state.open == 0 else { return nil }
        return ContinuousClock.now - since > configuration.acquireTimeout ? state.lastError : nil
    }

    private func queue(until deadline: ContinuousClock.Instant) async throws(DatabaseError) -> Connection {
        let waiter = Waiter()
        let outcome = await Reactor.shared.park(waiter.token, until: deadline) {
            let idle: Connection? = state.withLock { state in
                if let connection = state.idle.popLast() { return connection }
                state.waiting.append(waiter)
                startConnecting(&state)
                return nil
            }
            if let idle { hand(.success(idle), to: waiter) }
        }
        if outcome == .ready, let result = waiter.outcome.withLock({ $0 }) { return try result.get() }
        let (isUnreachable, lastError) = state.withLock { state in
            state.waiting.removeAll { $0 === waiter }
            state.totals.refused += 1
            return (state.unreachableSince != nil && state.open == 0, state.lastError)
        }
        if outcome == .cancelled { throw DatabaseError(.cancelled) }
        if isUnreachable { throw lastError }
        throw DatabaseError(.poolExhausted, "no connection of \(configuration.maxConnections) became free in time")
    }

    /// Gives a connection, or the reason why there is none, to one who waits; if he has gone, to the next.
    private func hand(_ result: Result<Connection, DatabaseError>, to waiter: Waiter) {
        waiter.outcome.withLock { $0 = result }
        if !Reactor.shared.resume(waiter.token, .ready), case .success(let connection) = result { release(connection) }
    }

    /// Takes a connection back.
    func release(_ connection: Connection) {
        let isOld = ContinuousClock.now - connection.openedAt > configuration.maxLifetime
        offer(connection, isSpent: isOld || connection.isBroken || connection.isStale)
    }

    /// Gives a connection to who waits longest, or keeps it.
    private func offer(_ connection: Connection, isSpent: Bool) {
        var isKept = false
        var outdated: [Connection] = []
        let waiter: Waiter? = state.withLock { state in
            state.totals.roundTrips += connection.takeRoundTrips()
            if connection.isStale && connection.generation == state.generation {
                state.generation += 1
                swap(&outdated, &state.idle)
            }
            isKept = !isSpent && connection.generation == state.generation && !state.isClosed
            guard isKept else { return nil }
            if !state.waiting.isEmpty { return state.waiting.removeFirst() }
            connection.idleSince = .now
            state.idle.append(connection)
            return nil
        }
        for connection in outdated { discard(connection) }
        if !isKept { return discard(connection) }
        if let waiter { hand(.success(connection), to: waiter) }
    }

    private func discard(_ connection: Connection) {
        state.withLock { state in
            state.open -= 1
            state.totals.closed += 1
            startConnecting(&state)
        }
    }

    // MARK: Connecting

    /// Starts as many attempts to connect as are wanted and allowed.
    private func startConnecting(_ state: inout State) {
        let room = configuration.maxConnections - state.open - state.connecting
        var wanted = max(state.waiting.count, state.minimum - state.open) - state.connecting
        if state.unreachableSince != nil { wanted = min(wanted, 1 - state.connecting) }
        if state.isClosed { wanted = 0 }
        for _ in 0..<max(0, min(wanted, room)) {
            state.connecting += 1
            BlockingThread.start { [weak self, configuration] in
                var backoffMs: UInt32 = 20
                while true {
                    let attempt = Result { () throws(DatabaseError) in try Connection(blocking: configuration) }
                    guard let self, self.finish(attempt) else { return }
                    usleep(backoffMs * UInt32.random(in: 500...1_000))
                    backoffMs = min(backoffMs * 2, 1_000)
                }
            }
        }
    }

    /// Takes the result of an attempt. True if the same thread shall try again.
    private func finish(_ attempt: Result<Connection, DatabaseError>) -> Bool {
        switch attempt {
        case .success(let connection):
            let wasUnreachable = state.withLock { state in
                state.connecting -= 1
                state.open += 1
                state.totals.opened += 1
                connection.generation = state.generation
                defer { state.unreachableSince = nil }
                return state.unreachableSince != nil
            }
            if wasUnreachable { logger.info("the database is reachable again") }
            offer(connection, isSpent: false)
            state.withLock { startConnecting(&$0) }
            return false
        case .failure(let error):
            let isHopeless = error.kind == .misuse
            let (isFirst, refused, tryAgain) = state.withLock { state in
                let isFirst = state.unreachableSince == nil
                let tryAgain = state.connecting == 1 && !state.isClosed && !isHopeless
                if !tryAgain { state.connecting -= 1 }
                if isHopeless {
                    defer { state.waiting = [] }
                    return (isFirst, state.waiting, tryAgain)
                }
                state.unreachableSince = state.unreachableSince ?? .now
                state.lastError = error
                return (isFirst, [Waiter](), tryAgain)
            }
            for waiter in refused { hand(.failure(error), to: waiter) }
            if isFirst {
                logger.warning("the database cannot be reached", metadata: ["error": "\(error.serverMessage)"])
            }
            return tryAgain
        }
    }

    // MARK: Upkeep

    /// Keeps `count` connections open from now on, and closes those above it that have long been idle.
    func maintain(minimum count: Int) {
        let now = ContinuousClock.now
        let spare: [Connection] = state.withLock { state in
            state.minimum = count
            var excess = state.open - count
            var spare: [Connection] = []
            state.idle.removeAll { connection in
                guard excess > 0, now - connection.idleSince > configuration.idleTimeout else { return false }
                excess -= 1
                spare.append(connection)
                return true
            }
            state.open -= spare.count
            state.totals.closed += UInt64(spare.count)
            startConnecting(&state)
            return spare
        }
        _ = spare
    }

    /// Closes what is idle, refuses who waits; leased connections are closed as they come back.
    func close() {
        let (idle, waiting) = state.withLock { state in
            state.isClosed = true
            state.open -= state.idle.count
            state.totals.closed += UInt64(state.idle.count)
            defer { (state.idle, state.waiting) = ([], []) }
            return (state.idle, state.waiting)
        }
        _ = idle
        let error = DatabaseError(.connection(outcomeUnknown: false), "the pool is closed")
        for waiter in waiting { hand(.failure(error), to: waiter) }
    }
}

extension Duration {
    fileprivate var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
