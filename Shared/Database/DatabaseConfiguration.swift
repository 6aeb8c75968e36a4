/// Where the database is and how it is used. Every limit has a number and a unit.
public struct DatabaseConfiguration: Sendable {
    /// `postgresql://user:password@host:port/database?sslmode=…` as libpq reads it.
    public var url: String
    /// The service's schema: the first of the search path.
    public var schema: String
    /// What the server's views call this process.
    public var applicationName: String
    /// Connections kept open while `Database.run` runs.
    public var minConnections = 2
    /// Connections at most.
    public var maxConnections = 16
    /// Transactions that may queue for a connection; more are refused at once.
    public var maxWaiting = 1_000
    /// How long a transaction may queue for a connection.
    public var acquireTimeout: Duration = .seconds(5)
    /// How long an attempt to connect may take (libpq: whole seconds, 2 at least).
    public var connectTimeout: Duration = .seconds(5)
    /// The server ends a statement after this.
    public var statementTimeout: Duration = .seconds(10)
    /// A round trip may take the statement timeout and this; then the server counts as gone.
    public var answerGrace: Duration = .seconds(5)
    /// The server ends a session whose transaction does nothing for this long.
    public var idleInTransactionTimeout: Duration = .seconds(30)
    /// Connections above the minimum are closed when unused for this long.
    public var idleTimeout: Duration = .seconds(60)
    /// A connection is replaced at this age, so that a failover or a grown backend does not stay for ever.
    public var maxLifetime: Duration = .seconds(1800)
    /// Prepared statements kept on each connection.
    public var maxPreparedStatements = 256
    /// JSON fields of constraints whose names don't follow the convention `<table>_<field>_<kind>`.
    public var constraintFields: [String: String] = [:]
    /// Row-level security does not apply to superusers, so they are refused as a rule.
    public var allowsSuperuser = false

    /// The defaults for a database and a schema in it.
    public init(url: String, schema: String, applicationName: String? = nil) {
        self.url = url
        self.schema = schema
        self.applicationName = applicationName ?? "deskwire-\(schema)"
    }

    /// Keyword and value pairs for libpq; what comes later wins.
    var connectionParameters: [(String, String)] {
        [
            ("dbname", url),
            ("application_name", applicationName),
            ("client_encoding", "UTF8"),
            ("connect_timeout", String(max(2, connectTimeout.components.seconds))),
            ("keepalives", "1"),
            ("keepalives_idle", "10"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
            ("options", sessionSettings.map { "-c \($0)=\(Self.escaped($1))" }.joined(separator: " ")),
        ]
    }

    private var sessionSettings: [(String, String)] {
        [
            ("search_path", "\(SQL.quoted(identifier: schema)),public"),
            ("statement_timeout", String(statementTimeout.milliseconds)),
            ("idle_in_transaction_session_timeout", String(idleInTransactionTimeout.milliseconds)),
            ("TimeZone", "UTC"),
        ]
    }

    /// In `options`, a backslash protects a blank or a backslash.
    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            if character == " " || character == "\\" { text += "\\" }
            text.append(character)
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
