/// Brings a schema up to date, as the role that owns it.
///
/// One migrator works at a time (the others wait for its advisory lock), each migration in a transaction of its own.
/// A migration sees `app.application_role`, whom it grants rights to, and runs with `app.scope = 'admin'`, so that it
/// can change rows of all tenants.
public struct Migrator: Sendable {
    private let url: String
    private let schema: String
    private let applicationRole: String
    /// How long to wait for another migrator.
    public var migratorTimeout: Duration = .seconds(300)
    /// How long a migration may wait for a lock on a table: as long the table's other users queue behind it. Then it
    /// lets them pass and tries again.
    public var lockTimeout: Duration = .seconds(2)
    /// How often a migration that gets no lock is tried.
    public var lockAttempts = 30

    /// A migrator of `schema`. The URL is that of the schema's owner.
    public init(url: String, schema: String, applicationRole: String) {
        self.url = url
        self.schema = schema
        self.applicationRole = applicationRole
    }

    /// Applies what is missing, and says what that was.
    @discardableResult
    public func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        try await BlockingThread.run { try migrateBlocking(migrations) }
    }

    /// `migrate` on the caller's thread.
    package func migrateBlocking(_ migrations: [Migration]) throws -> [Migration] {
        let session = try open()
        try session.execute(
            """
            SELECT pg_advisory_lock(hashtextextended('deskwire.migrate.' || current_schema, 0));
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version    integer        PRIMARY KEY,
                name       text           NOT NULL,
                checksum   text           NOT NULL,
                applied_at timestamptz(3) NOT NULL DEFAULT now()
            );
            GRANT SELECT ON schema_migrations TO \(SQL.quoted(identifier: applicationRole));
            """)
        let pending = try Migration.plan(migrations, applied: try Self.applied(session))
        try set("lock_timeout", String(lockTimeout.milliseconds), session)
        for migration in pending { try apply(migration, session) }
        return pending
    }

    /// What `migrate` would apply.
    public func pending(_ migrations: [Migration]) async throws -> [Migration] {
        try await BlockingThread.run {
            let session = try open()
            let exists = try session.rows("SELECT to_regclass('schema_migrations')")[0][0] != nil
            return try Migration.plan(migrations, applied: exists ? try Self.applied(session) : [])
        }
    }

    private func open() throws -> PlainSession {
        var configuration = DatabaseConfiguration(url: url, schema: schema)
        configuration.applicationName += "-migrate"
        configuration.statementTimeout = .zero
        configuration.idleInTransactionTimeout = .zero
        let session = try PlainSession(configuration.connectionParameters)
        try set("app.application_role", applicationRole, session)
        try set("app.scope", "admin", session)
        try set("lock_timeout", String(migratorTimeout.milliseconds), session)
        return session
    }

    private func set(_ name: String, _ value: String, _ session: PlainSession) throws {
        _ = try session.rows("SELECT set_config($1, $2, false)", [name, value])
    }

    private static func applied(_ session: PlainSession) throws -> [Migration.Record] {
        try session.rows("SELECT version, checksum FROM schema_migrations").map { row in
            Migration.Record(version: Int(row[0] ?? "") ?? 0, checksum: row[1] ?? "")
        }
    }

    private func apply(_ migration: Migration, _ session: PlainSession) throws {
        for attempt in 1... {
            do {
                return try applyOnce(migration, session)
            } catch let error as DatabaseError {
                if error.kind == .timeout && attempt < lockAttempts {
                    try session.execute("ROLLBACK")
                    continue
                }
                let state = error.sqlState.map { " (SQLSTATE \($0))" } ?? ""
                throw MigrationError.failed(
                    version: migration.version, name: migration.name, reason: error.serverMessage + state)
            }
        }
    }

    private func applyOnce(_ migration: Migration, _ session: PlainSession) throws {
        try session.execute("BEGIN")
        try session.execute(migration.sql)
        guard session.isInTransaction else { throw DatabaseError(.misuse, "a migration does not commit by itself") }
        _ = try session.rows(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            [String(migration.version), migration.name, migration.checksum])
        try session.execute("COMMIT")
    }
}

extension Database {
    /// Which migrations the schema lacks, as the application role sees it: for readiness.
    public func pending(_ migrations: [Migration]) async throws -> [Migration] {
        let applied = try await transaction(as: .none, readOnly: true) { transaction in
            let table = try await transaction.first("SELECT to_regclass('schema_migrations')::text")
            guard try table?.get(0, as: String?.self) != nil else { return [Migration.Record]() }
            return try await transaction.query("SELECT version, checksum FROM schema_migrations").map { row in
                let (version, checksum) = try row.decode((Int, String).self)
                return Migration.Record(version: version, checksum: checksum)
            }
        }
        return try Migration.plan(migrations, applied: applied)
    }
}
