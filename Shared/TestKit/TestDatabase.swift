import Database
import Foundation
import Synchronization

/// A service's schema in a test's database.
public struct TestSchema: Sendable {
    public let service: String
    public let migrations: [Migration]

    /// The schema of `service`, made by its migrations.
    public init(_ service: String, _ migrations: [Migration] = [.platform]) {
        self.service = service
        self.migrations = migrations
    }
}

/// A database of its own for a test, with the roles and schemas of a deployment.
///
/// The server is the one that `DESKWIRE_TEST_DATABASE_URL` names for a superuser, or the test's own. The first test
/// that wants a set of migrations makes a template of them, which stays for the next run; each test gets a copy of it,
/// dropped at its end.
public final class TestDatabase: Sendable {
    /// The name of the database.
    public let name: String
    /// The services that have a schema in it.
    public let services: [String]
    /// The first service's database, as that service sees it.
    public let database: Database
    private let server: URLComponents
    private let opened = Mutex<[Database]>([])

    /// Runs `body` with a database that has one service's schema.
    public static func with<Result>(
        _ service: String = "tests", _ migrations: [Migration] = [.platform],
        on server: String? = nil, configure: (inout DatabaseConfiguration) -> Void = { _ in },
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        try await with([TestSchema(service, migrations)], on: server, configure: configure, body)
    }

    /// Runs `body` with a database that has the schemas of several services.
    public static func with<Result>(
        _ schemas: [TestSchema], on server: String? = nil,
        configure: (inout DatabaseConfiguration) -> Void = { _ in },
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        let test = try await create(schemas, on: server, configure: configure)
        do {
            let result = try await body(test)
            try await test.drop()
            return result
        } catch {
            try? await test.drop()
            throw error
        }
    }

    /// Creates a database; `drop` it at the end.
    public static func create(
        _ schemas: [TestSchema], on server: String? = nil,
        configure: (inout DatabaseConfiguration) -> Void = { _ in }
    ) async throws -> TestDatabase {
        let server = try testServer(server)
        let name = "deskwire_test_\(getpid())_\(counter.add(1, ordering: .relaxed).newValue)"
        try await TestTemplate(schemas, on: server).copy(to: name)
        return TestDatabase(name: name, services: schemas.map(\.service), server: server, configure: configure)
    }

    private static let counter = Atomic<Int>(0)

    private static func testServer(_ url: String?) throws -> URLComponents {
        guard let url = url ?? ProcessInfo.processInfo.environment["DESKWIRE_TEST_DATABASE_URL"] else {
            throw TestSetupError("DESKWIRE_TEST_DATABASE_URL does not name a PostgreSQL server for the tests")
        }
        guard let components = URLComponents(string: url) else { throw TestSetupError("not a URL: \(url)") }
        return components
    }

    private init(
        name: String, services: [String], server: URLComponents, configure: (inout DatabaseConfiguration) -> Void
    ) {
        self.name = name
        self.services = services
        self.server = server
        let url = server.url(of: name, role: "deskwire_\(services[0])")
        var configuration = Self.configuration(url, schema: services[0])
        configure(&configuration)
        database = Database(configuration)
    }

    /// Who holds a connection may wait for a thread while tests that only compute have them all: for longer than a service would let
    /// the next one wait.
    private static func configuration(_ url: String, schema: String) -> DatabaseConfiguration {
        var configuration = DatabaseConfiguration(url: url, schema: schema)
        configuration.maxConnections = 8
        configuration.acquireTimeout = .seconds(60)
        return configuration
    }

    /// Where a service connects to, as its application role.
    public func url(_ service: String? = nil) -> String {
        server.url(of: name, role: "deskwire_\(service ?? services[0])")
    }

    /// Where a service's migrator connects to, as the owner of the schema.
    public func ownerURL(_ service: String? = nil) -> String {
        server.url(of: name, role: "deskwire_\(service ?? services[0])_owner")
    }

    /// The database as a superuser reaches it.
    public var superuserURL: String { server.url(of: name) }

    /// The server's host and port, for a proxy in front of it.
    public var address: (host: String, port: Int) { (server.host ?? "127.0.0.1", server.port ?? 5432) }

    /// Another pool, of another service or with another configuration; closed with the test's database.
    public func open(
        _ service: String? = nil, configure: (inout DatabaseConfiguration) -> Void = { _ in }
    ) -> Database {
        let service = service ?? services[0]
        var configuration = Self.configuration(url(service), schema: service)
        configure(&configuration)
        let database = Database(configuration)
        opened.withLock { $0.append(database) }
        return database
    }

    /// A migrator of a service's schema.
    public func migrator(_ service: String? = nil) -> Migrator {
        let service = service ?? services[0]
        return Migrator(url: ownerURL(service), schema: service, applicationRole: "deskwire_\(service)")
    }

    /// Runs a statement as a superuser, whom no policy binds, and gives back its rows as text.
    @discardableResult
    public func superuser(_ sql: String) async throws -> [[String?]] {
        let url = superuserURL
        return try await BlockingThread.run { try PlainSession(url: url).rows(sql) }
    }

    /// Runs `body` while the database lets nobody in, and nobody who was in stays.
    public func away<Result>(_ body: () async throws -> Result) async throws -> Result {
        let (server, name) = (server.url(of: nil), name)
        func letIn(_ isOpen: Bool) async throws {
            try await BlockingThread.run {
                let session = try PlainSession(url: server)
                try session.execute("ALTER DATABASE \"\(name)\" ALLOW_CONNECTIONS \(isOpen)")
                if isOpen { return }
                _ = try session.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name])
            }
        }
        try await letIn(false)
        let result: Result
        do {
            result = try await body()
        } catch {
            try await letIn(true)
            throw error
        }
        try await letIn(true)
        return result
    }

    /// Closes the pools and drops the database.
    public func drop() async throws {
        database.close()
        for database in opened.withLock({ $0 }) { database.close() }
        let url = server.url(of: nil)
        let name = name
        try await BlockingThread.run {
            try PlainSession(url: url).execute("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
        }
    }
}

/// The tests can't run here, and why.
public struct TestSetupError: Error, CustomStringConvertible {
    public let description: String

    /// An error with a reason.
    public init(_ description: String) {
        self.description = description
    }
}

/// A migrated database that the tests' databases are copies of. Its name tells its content, so that a changed
/// migration makes another template.
private struct TestTemplate {
    private let schemas: [TestSchema]
    private let server: URLComponents
    private let rolesSQL: String
    private let name: String

    /// Trusted servers ignore it; the others are the tests' own.
    static let password = "deskwire-test"

    init(_ schemas: [TestSchema], on server: URLComponents) throws {
        self.schemas = schemas
        self.server = server
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        rolesSQL = try String(contentsOf: root.appending(path: "deploy/postgres/roles.sql"), encoding: .utf8)
        let content = schemas.flatMap { [$0.service] + $0.migrations.map { "\($0.version) \($0.name) \($0.sql)" } }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in ([rolesSQL] + content).joined(separator: "\u{0}").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        name = "deskwire_template_\(String(hash, radix: 16))"
    }

    /// Creates a database as a copy of the template, and the template before it where it is missing.
    func copy(to copy: String) async throws {
        try await BlockingThread.run {
            let session = try PlainSession(url: server.url(of: nil))
            try ensureExists(session)
            try session.execute("CREATE DATABASE \"\(copy)\" TEMPLATE \"\(name)\"")
        }
    }

    /// One process at a time, under a lock of the session. The template gets its name when it is complete.
    private func ensureExists(_ session: PlainSession) throws {
        func exists() throws -> Bool {
            try !session.rows("SELECT FROM pg_database WHERE datname = $1", [name]).isEmpty
        }
        if try exists() { return }
        try session.execute("SELECT pg_advisory_lock(hashtextextended('\(name)', 0))")
        defer { try? session.execute("SELECT pg_advisory_unlock_all()") }
        if try exists() { return }
        let unfinished = name + "_new"
        try session.execute("DROP DATABASE IF EXISTS \"\(unfinished)\" WITH (FORCE)")
        try session.execute("CREATE DATABASE \"\(unfinished)\" TEMPLATE template0 ENCODING 'UTF8'")
        try session.execute(rolesSQL)
        for schema in schemas {
            _ = try session.rows("SELECT pg_temp.create_service_roles($1, $2, $2)", [schema.service, Self.password])
            try createSchema(of: schema.service, in: unfinished)
            let migrator = Migrator(
                url: server.url(of: unfinished, role: "deskwire_\(schema.service)_owner"), schema: schema.service,
                applicationRole: "deskwire_\(schema.service)")
            _ = try migrator.migrateBlocking(schema.migrations)
        }
        try session.execute("ALTER DATABASE \"\(unfinished)\" RENAME TO \"\(name)\"")
    }

    private func createSchema(of service: String, in database: String) throws {
        let session = try PlainSession(url: server.url(of: database))
        try session.execute(rolesSQL)
        _ = try session.rows("SELECT pg_temp.create_service_schema($1)", [service])
    }
}

extension URLComponents {
    /// The server's URL with another database, and with another role where one is given.
    fileprivate func url(of database: String?, role: String? = nil) -> String {
        var components = self
        if let database { components.path = "/" + database }
        if let role {
            components.user = role
            components.password = TestTemplate.password
        }
        return components.string ?? ""
    }
}
