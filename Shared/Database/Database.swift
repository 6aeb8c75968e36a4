import Logging
import ServiceLifecycle

/// A service's database: a pool of connections, and transactions on them.
///
/// ```swift
/// let subject = try await database.transaction(as: .tenant(id), readOnly: true) { tx in
///     let row = try await tx.first("SELECT subject FROM tickets WHERE tenant_id = \(id) AND id = \(ticket)")
///     return try row?.get("subject", as: String.self)
/// }
/// ```
public final class Database: Sendable, Service {
    public let configuration: DatabaseConfiguration
    private let pool: Pool

    /// Nothing is connected before it is needed.
    public init(_ configuration: DatabaseConfiguration) {
        self.configuration = configuration
        var logger = Logger(label: "deskwire.database")
        logger[metadataKey: "schema"] = "\(configuration.schema)"
        pool = Pool(configuration, logger: logger)
    }

    deinit { pool.close() }

    /// Runs `body` in a transaction that sees the rows of `scope` alone: commits when it returns, rolls back when it
    /// throws.
    ///
    /// - Parameters:
    ///   - retries: How often the body is run again after a serialization failure or a deadlock.
    ///   - timeout: Instead of the configured limit for each statement.
    @discardableResult
    public func transaction<Result>(
        as scope: Scope, readOnly: Bool = false, isolation: Isolation = .readCommitted, retries: Int = 0,
        timeout: Duration? = nil, _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        var retriesLeft = retries
        while true {
            do {
                return try await attempt(
                    { connection in
                        Transaction(
                            on: connection, scope: scope, readOnly: readOnly, isolation: isolation, timeout: timeout)
                    }, body: body)
            } catch let error as DatabaseError where error.isConflict && retriesLeft > 0 {
                retriesLeft -= 1
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...20)))
        }
    }

    /// Runs `body` in a transaction that reads in one round trip and is over with it: neither `BEGIN` nor `COMMIT` is sent,
    /// and nobody waits for them. A second query, as a write, is refused.
    public func lookup<Result>(as scope: Scope, _ body: (Transaction) async throws -> Result) async throws -> Result {
        try await attempt { connection in
            Transaction(on: connection, scope: scope, readOnly: true, isSingle: true, timeout: nil)
        } body: { transaction in
            try await body(transaction)
        }
    }

    private func attempt<Result>(
        _ begin: (Connection) -> Transaction, body: (Transaction) async throws -> Result
    ) async throws -> Result {
        let connection = try await pool.acquire()
        defer { pool.release(connection) }
        let transaction = begin(connection)
        do {
            let result = try await body(transaction)
            try await transaction.commit()
            return result
        } catch {
            await transaction.rollback()
            throw error
        }
    }

    /// Whether the database answers within a second or two.
    public func ping() async -> Bool {
        guard let connection = try? await pool.acquire(within: .seconds(1)) else { return false }
        defer { pool.release(connection) }
        return (try? await connection.exchange(["SELECT 1"], within: .seconds(1))) != nil
    }

    /// What the pool does and has done.
    public var statistics: PoolStatistics { pool.statistics }

    /// Keeps the configured number of connections warm until the process shuts down, then closes them.
    public func run() async throws {
        defer { pool.close() }
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.pool.maintain(minimum: self.configuration.minConnections)
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Closes the connections; transactions in progress finish, new ones are refused.
    public func close() {
        pool.close()
    }
}
