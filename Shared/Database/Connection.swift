import CLibPQ
import Logging

/// One connection to the server, in libpq's pipeline mode: statements go out together, answers come back in order.
///
/// Unchecked because the pool leases a connection to one transaction at a time, and only that one touches it. The
/// exception is `cancel`, which libpq allows from any thread.
final class Connection: @unchecked Sendable {
    private static let logger = Logger(label: "deskwire.database")

    private let pg: OpaquePointer
    private let canceller: OpaquePointer?
    private let socket: CInt
    let configuration: DatabaseConfiguration
    private var statements: StatementCache
    /// Answers that are on their way and that nobody waits for: those to the `COMMIT` of read-only transactions.
    private var unreadSyncs = 0
    /// Once true the connection is of no more use, and the server forgets whatever was not committed.
    private(set) var isBroken = false
    private var roundTrips: UInt64 = 0
    /// A statement was refused because a migration changed its result: all statements prepared until now are stale.
    private(set) var isStale = false
    let openedAt = ContinuousClock.now
    /// When the pool got it back; the pool's to use.
    var idleSince = ContinuousClock.now
    /// The pool's generation of connections; see `Pool`.
    var generation = 0
    private var plannedAt = ContinuousClock.now

    /// Connects, blocking.
    init(blocking configuration: DatabaseConfiguration) throws(DatabaseError) {
        let parameters = configuration.connectionParameters
        pg = try Self.connect(parameters)
        self.configuration = configuration
        statements = StatementCache(limit: configuration.maxPreparedStatements)
        socket = PQsocket(pg)
        canceller = PQgetCancel(pg)
        Reactor.shared.add(socket)
        if !configuration.allowsSuperuser, PQparameterStatus(pg, "is_superuser").map({ String(cString: $0) }) == "on" {
            throw DatabaseError(.misuse, "row-level security does not bind a superuser: connect as the service's role")
        }
        guard PQsetnonblocking(pg, 1) == 0, PQenterPipelineMode(pg) == 1 else { throw lost() }
    }

    deinit {
        Reactor.shared.remove(socket)
        PQfreeCancel(canceller)
        PQfinish(pg)
    }

    /// A blocking connection as libpq makes it.
    static func connect(_ parameters: [(String, String)]) throws(DatabaseError) -> OpaquePointer {
        let keywords = CStrings(parameters.map(\.0))
        let values = CStrings(parameters.map(\.1))
        guard let pg = PQconnectdbParams(keywords.pointers, values.pointers, 1) else {
            throw DatabaseError(.connection(outcomeUnknown: false), "out of memory")
        }
        guard PQstatus(pg) == CONNECTION_OK else {
            defer { PQfinish(pg) }
            throw DatabaseError(.connection(outcomeUnknown: false), String(cString: PQerrorMessage(pg)))
        }
        PQsetNoticeProcessor(pg, { _, _ in }, nil)
        return pg
    }

    /// Whether the connection can be leased: not broken, and not closed by the server while it lay idle.
    func isUsable() -> Bool {
        if isBroken || isStale { return false }
        switch deskwire_socket_state(socket) {
        case 0: return true
        case 1: return PQconsumeInput(pg) == 1 && PQstatus(pg) == CONNECTION_OK
        default: return false
        }
    }

    /// What is to be done with the answers.
    enum Purpose {
        /// They are awaited; a lost connection means that nothing was committed.
        case work
        /// They are awaited even when the task is cancelled; a lost connection leaves the outcome unknown.
        case commit
        /// They are awaited even when the task is cancelled.
        case rollback
    }

    /// Sends the statements in one go and waits for their results, for `limit` at most: one round trip.
    ///
    /// When a statement fails, the server skips the rest, and its error is thrown with all answers read: the connection
    /// remains good for a `ROLLBACK`.
    func exchange(
        _ sql: [SQL], for purpose: Purpose = .work, within limit: Duration
    ) async throws(DatabaseError) -> [ResultSet] {
        if purpose == .work && Task.isCancelled { throw DatabaseError(.cancelled) }
        let deadline = ContinuousClock.now + limit
        let requests = try sql.map { sql throws(DatabaseError) in try Request(sql) }
        if isBroken { throw DatabaseError(.connection(outcomeUnknown: false), "the connection is gone") }
        roundTrips += 1
        do {
            let expected = try send(requests, mayDeallocate: purpose == .work)
            return try await receive(expected, until: deadline, shielded: purpose != .work)
        } catch {
            // A session that was ended for idling in its transaction had been ended before it could commit.
            guard purpose == .commit, isBroken, error.sqlState != DatabaseError.idleInTransaction else { throw error }
            throw DatabaseError(.connection(outcomeUnknown: true), error.serverMessage, sqlState: error.sqlState)
        }
    }

    /// How many exchanges there have been since this was last asked.
    func takeRoundTrips() -> UInt64 {
        defer { roundTrips = 0 }
        return roundTrips
    }

    /// Whether the plans that the session keeps are older than that; if so, they are said to be made anew now.
    func takesNewPlans(after age: Duration) -> Bool {
        let now = ContinuousClock.now
        guard now - plannedAt > age else { return false }
        plannedAt = now
        return true
    }

    /// Whether the session is in a transaction, sound or failed. Known after an exchange.
    var isInTransaction: Bool { PQtransactionStatus(pg) != PQTRANS_IDLE }

    /// Gives the connection up: it is in a state that nobody else may find.
    func retire() { isBroken = true }

    /// Sends a statement whose result nobody needs. Its answer is read, and judged, before the next exchange.
    func send(unawaited sql: SQL) throws(DatabaseError) {
        _ = try send([try Request(sql)], mayDeallocate: false)
        guard PQflush(pg) == 0 else { throw lost() }
        unreadSyncs += 1
    }

    /// Asks the server to stop what it does for this connection, and gives the connection up: the request might arrive
    /// late and hit whoever used the connection next.
    private func cancel() {
        isBroken = true
        BlockingThread.start {
            var message = [CChar](repeating: 0, count: 256)
            PQcancel(self.canceller, &message, Int32(message.count))
        }
    }

    // MARK: Sending

    /// A statement with its values in binary form, ready to be sent.
    private struct Request {
        let key: StatementCache.Key
        /// All values, one behind the other.
        private var bytes: [UInt8] = []
        /// Where each value is; nil is NULL.
        private var ranges: [Range<Int>?] = []

        init(_ sql: SQL) throws(DatabaseError) {
            let (text, values, types) = sql.rendered()
            guard !text.utf8.contains(0) else { throw DatabaseError(.misuse, "a statement contains a NUL character") }
            guard values.count <= Int(UInt16.max) else {
                throw DatabaseError(.misuse, "a statement has \(values.count) values, 65535 is the most: bind an array")
            }
            key = StatementCache.Key(text: text, types: types)
            ranges.reserveCapacity(values.count)
            for value in values {
                let start = bytes.count
                ranges.append(try value.encode(to: &bytes) ? start..<bytes.count : nil)
            }
        }

        func send(_ name: String, on pg: OpaquePointer) -> Bool {
            // Never empty, so that an empty text has an address: NULL is the absence of one.
            (bytes + [0]).withUnsafeBytes { bytes in
                let base = bytes.bindMemory(to: CChar.self).baseAddress
                let pointers = ranges.map { $0.flatMap { range in base.map { $0 + range.lowerBound } } }
                let lengths = ranges.map { Int32($0?.count ?? 0) }
                let formats = [Int32](repeating: 1, count: ranges.count)
                return PQsendQueryPrepared(pg, name, Int32(ranges.count), pointers, lengths, formats, 1) == 1
            }
        }
    }

    /// An answer that will come.
    private enum Expected {
        case nothing
        case preparation(StatementCache.Statement)
        case result(StatementCache.Statement)
    }

    /// A failed transaction refuses `DEALLOCATE`, so it is sent ahead of work alone.
    private func send(_ requests: [Request], mayDeallocate: Bool) throws(DatabaseError) -> [Expected] {
        var expected: [Expected] = []
        if mayDeallocate {
            for name in statements.trim() {
                guard PQsendQueryParams(pg, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1) == 1 else { throw lost() }
                expected.append(.nothing)
            }
        }
        for request in requests {
            let (statement, isNew) = statements.statement(request.key)
            if isNew {
                let types = request.key.types.map(\.oid)
                guard PQsendPrepare(pg, statement.name, request.key.text, Int32(types.count), types) == 1 else {
                    throw lost()
                }
                expected.append(.preparation(statement))
            }
            guard request.send(statement.name, on: pg) else { throw lost() }
            expected.append(.result(statement))
        }
        guard PQpipelineSync(pg) == 1 else { throw lost() }
        return expected
    }

    // MARK: Receiving

    private func receive(
        _ expected: [Expected], until deadline: ContinuousClock.Instant, shielded: Bool
    ) async throws(DatabaseError) -> [ResultSet] {
        while unreadSyncs > 0 {
            guard let result = try await nextResult(until: deadline, shielded: shielded) else { continue }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { unreadSyncs -= 1 }
        }
        var results: [ResultSet] = []
        var failure: DatabaseError?
        for answer in expected {
            var failed = false
            while let result = try await nextResult(until: deadline, shielded: shielded) {
                switch PQresultStatus(result) {
                case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                    guard case .result(let statement) = answer else {
                        PQclear(result)
                        continue
                    }
                    let columns = statement.columns ?? Columns(of: result)
                    statement.columns = columns
                    results.append(ResultSet(result, columns: columns))
                case PGRES_PIPELINE_ABORTED:
                    PQclear(result)
                    failed = true
                case PGRES_FATAL_ERROR:
                    defer { PQclear(result) }
                    failed = true
                    let error = error(of: result)
                    if isBroken { throw error }
                    failure = failure ?? error
                default:
                    PQclear(result)
                    isBroken = true
                    throw DatabaseError(.misuse, "COPY and the like are not for transactions")
                }
            }
            if failed, case .preparation(let statement) = answer { statements.remove(statement) }
        }
        guard let sync = try await nextResult(until: deadline, shielded: shielded) else { throw lost() }
        defer { PQclear(sync) }
        guard PQresultStatus(sync) == PGRES_PIPELINE_SYNC else { throw lost() }
        if let failure { throw failure }
        return results
    }

    /// libpq's next result; nil between the results of two statements.
    private func nextResult(
        until deadline: ContinuousClock.Instant, shielded: Bool
    ) async throws(DatabaseError) -> OpaquePointer? {
        while PQisBusy(pg) == 1 {
            let unsent = PQflush(pg)
            let outcome = await Reactor.shared.wait(
                for: socket, unsent == 1 ? [.read, .write] : .read, until: deadline, shielded: shielded)
            switch outcome {
            case .ready:
                // A failure is not the end yet: what the server said before it went away is still to be read.
                guard PQconsumeInput(pg) == 0 else { continue }
                isBroken = true
                if PQisBusy(pg) == 1 { throw lost() }
            case .deadline:
                isBroken = true
                throw DatabaseError(.connection(outcomeUnknown: false), "the server does not answer")
            case .cancelled:
                cancel()
                throw DatabaseError(.cancelled)
            }
        }
        let result = PQgetResult(pg)
        if result == nil, PQstatus(pg) == CONNECTION_BAD { throw lost() }
        return result
    }

    private func lost() -> DatabaseError {
        isBroken = true
        return DatabaseError(.connection(outcomeUnknown: false), String(cString: PQerrorMessage(pg)))
    }

    private func error(of result: OpaquePointer) -> DatabaseError {
        guard var error = DatabaseError(result) else { return lost() }
        isBroken = isBroken || PQstatus(pg) == CONNECTION_BAD || error.endsSession
        isStale = isStale || error.isStaleStatement
        if case .other(let state) = error.kind, state.hasPrefix("42") {
            // The statement itself is wrong; the message names things of the schema, not values.
            Self.logger.error("a statement is refused", metadata: ["error": "\(error.serverMessage)"])
        }
        if let field = error.constraint.flatMap({ configuration.constraintFields[$0] }) { error.field = field }
        return error
    }
}
