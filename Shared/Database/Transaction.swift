import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Whose rows a transaction sees. Row-level security enforces it; there is no default.
public enum Scope: Sendable, Hashable {
    /// One tenant's rows.
    case tenant(UUID)
    /// Every tenant's rows: platform administration and the machinery that serves all tenants.
    case admin
    /// No tenant's rows, only tables that have none.
    case none

    /// The values of `app.tenant_id` and `app.scope`.
    var settings: (tenant: String, scope: String) {
        switch self {
        case .tenant(let id): (id.text, "tenant")
        case .admin: ("", "admin")
        case .none: ("", "none")
        }
    }
}

/// How a transaction sees concurrent ones.
public enum Isolation: String, Sendable {
    /// Each statement sees what was committed before it.
    case readCommitted = "READ COMMITTED"
    /// All statements see what was committed before the first.
    case repeatableRead = "REPEATABLE READ"
    /// As if transactions ran one after the other; be ready to retry.
    case serializable = "SERIALIZABLE"
}

/// Names something that is attached to a transaction.
public struct TransactionKey<Value>: Sendable {
    let name: String

    /// Names must be unique in the program.
    public init(_ name: String) {
        self.name = name
    }
}

/// A transaction in progress: the unit of truth. Everything that must happen together goes through one.
///
/// Nothing is sent before the first statement; that one travels with `BEGIN` and the scope in a single round trip. A
/// statement that fails dooms the transaction, unless it ran inside a `savepoint`: an error that the body swallows is
/// thrown again at commit.
public final class Transaction {
    /// Whose rows are visible.
    public let scope: Scope
    /// When the transaction began, by this machine's clock.
    public let startedAt = Timestamp.now
    /// Whether the transaction may only read.
    public let isReadOnly: Bool

    /// The transaction is over with its first round trip.
    private let isSingle: Bool
    private let connection: Connection
    private let isolation: Isolation
    private let timeout: Duration?
    /// How long a round trip may take.
    private let limit: Duration
    private var pending: [SQL] = []
    private var hasBegun = false
    private var isOver = false
    private var failure: DatabaseError?
    private var savepoints = 0
    private var attachments: [String: Any] = [:]
    private var beforeCommitHooks: [(Transaction) async throws -> Void] = []
    private var afterCommitHooks: [@Sendable () -> Void] = []

    init(
        on connection: Connection, scope: Scope, readOnly: Bool, isSingle: Bool = false,
        isolation: Isolation = .readCommitted, timeout: Duration?
    ) {
        self.connection = connection
        self.scope = scope
        self.isReadOnly = readOnly || isSingle
        self.isSingle = isSingle
        self.isolation = isolation
        self.timeout = timeout
        limit = (timeout ?? connection.configuration.statementTimeout) + connection.configuration.answerGrace
    }

    /// The rows of a statement.
    public func query(_ sql: SQL) async throws -> [Row] {
        try await run([sql])[0].rows
    }

    /// The first row of a statement, if there is one.
    public func first(_ sql: SQL) async throws -> Row? {
        try await run([sql])[0].rows.first
    }

    /// Runs a statement and says how many rows it affected.
    @discardableResult
    public func execute(_ sql: SQL) async throws -> Int {
        try await run([sql])[0].affected
    }

    /// The rows of each of several statements, in one round trip.
    public func batch(_ statements: [SQL]) async throws -> [[Row]] {
        try await run(statements).map(\.rows)
    }

    /// Plans the transaction's statements for finding their rows by index, whatever the values. For those that look up many keys at
    /// once, often.
    ///
    /// A plan that was made when a table was small takes whatever index, and the server keeps it until it takes the table's
    /// statistics again: within a minute or so, in which a table of a new installation may have grown a lot. So a connection
    /// makes these plans again every other second.
    public func planForManyKeys() {
        if connection.takesNewPlans(after: .seconds(2)) { enqueue("DISCARD PLANS") }
        enqueue(
            "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
        )
    }

    /// Keeps one plan of each of the transaction's statements for all values. For long statements whose rows come from a few
    /// others in the end, so that planning them takes longer than anything that another plan could spare.
    public func planForAnyValues() {
        enqueue("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
    }

    /// Takes ``planForManyKeys()`` and ``planForAnyValues()`` back.
    public func planAsUsual() {
        enqueue("SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'on', true)")
    }

    /// Sends a statement with the next round trip, at the latest with `COMMIT`. Its error surfaces there.
    public func enqueue(_ sql: SQL) {
        pending.append(sql)
    }

    /// Runs `hook` just before `COMMIT`, hooks in the order of registration. What they enqueue travels with the commit.
    public func beforeCommit(_ hook: @escaping (Transaction) async throws -> Void) {
        beforeCommitHooks.append(hook)
    }

    /// Runs `hook` once the commit is known to have happened.
    public func afterCommit(_ hook: @escaping @Sendable () -> Void) {
        afterCommitHooks.append(hook)
    }

    /// Something kept with the transaction. Values are restored when a savepoint is rolled back (references are not).
    public subscript<Value>(key: TransactionKey<Value>) -> Value? {
        get { attachments[key.name] as? Value }
        set { attachments[key.name] = newValue }
    }

    /// Runs `body` such that its failure undoes what it did, and no more; the error is thrown on.
    public func savepoint<Result>(_ body: (Transaction) async throws -> Result) async throws -> Result {
        savepoints += 1
        let name = "s\(savepoints)"
        let before = (attachments, beforeCommitHooks.count, afterCommitHooks.count)
        _ = try await run(["SAVEPOINT \(identifier: name)"])
        do {
            let result = try await body(self)
            _ = try await run(["RELEASE SAVEPOINT \(identifier: name)"])
            return result
        } catch {
            pending = []
            (attachments, _, _) = before
            beforeCommitHooks.removeSubrange(before.1...)
            afterCommitHooks.removeSubrange(before.2...)
            if !connection.isBroken {
                failure = nil
                do {
                    _ = try await exchange(["ROLLBACK TO SAVEPOINT \(identifier: name)"], for: .rollback)
                } catch let rollbackError as DatabaseError {
                    failure = rollbackError
                }
            }
            throw error
        }
    }

    // MARK: For Database

    /// Hooks, what is pending, and `COMMIT`.
    func commit() async throws {
        while !beforeCommitHooks.isEmpty {
            let hooks = beforeCommitHooks
            beforeCommitHooks = []
            for hook in hooks { try await hook(self) }
        }
        if let failure { throw failure }
        if isSingle {
            isOver = true
        } else if isReadOnly && isolation != .serializable && pending.isEmpty {
            // Nothing depends on the answer, so nobody waits for it, nor minds when the connection is lost over it.
            if hasBegun { try? connection.send(unawaited: "COMMIT") }
        } else if hasBegun || !pending.isEmpty {
            let results = try await exchange(["COMMIT"], for: isReadOnly ? .work : .commit)
            guard results[0].tag == "COMMIT" else { throw endedEarly() }
        }
        isOver = true
        for hook in afterCommitHooks { hook() }
    }

    /// Undoes everything. Should that fail, the connection is broken, and the server undoes it when it notices.
    func rollback() async {
        defer { isOver = true }
        guard hasBegun, !isSingle, !connection.isBroken else { return }
        _ = try? await connection.exchange(["ROLLBACK"], for: .rollback, within: limit)
        if connection.isInTransaction { connection.retire() }
    }

    private func run(_ statements: [SQL]) async throws -> [ResultSet] {
        let results = try await exchange(statements, for: .work)
        if isSingle { isOver = true }
        guard connection.isInTransaction != isSingle else { throw endedEarly() }
        return results
    }

    private func exchange(_ statements: [SQL], for purpose: Connection.Purpose) async throws -> [ResultSet] {
        if isOver { throw DatabaseError(.misuse, "the transaction is over") }
        if let failure { throw failure }
        let queue = opening + pending + statements
        pending = []
        hasBegun = true
        do {
            return Array(try await connection.exchange(queue, for: purpose, within: limit).suffix(statements.count))
        } catch {
            failure = error
            throw error
        }
    }

    private func endedEarly() -> DatabaseError {
        connection.retire()
        let error = DatabaseError(.misuse, "a statement ended the transaction")
        failure = error
        return error
    }

    /// What goes before the first statement.
    private var opening: [SQL] {
        if hasBegun { return [] }
        let (tenant, scopeName) = scope.settings
        let settings: SQL =
            "SELECT set_config('app.tenant_id', \(tenant), true), set_config('app.scope', \(scopeName), true)"
        var opening: [SQL]
        if isSingle {
            // What goes out together is a transaction without being called one.
            opening = [settings + ", set_config('transaction_read_only', 'on', true)"]
        } else {
            opening = [
                SQL(unsafe: "BEGIN ISOLATION LEVEL \(isolation.rawValue)\(isReadOnly ? " READ ONLY" : "")"), settings,
            ]
        }
        if let timeout {
            opening.append("SELECT set_config('statement_timeout', \(String(timeout.milliseconds)), true)")
        }
        return opening
    }
}
