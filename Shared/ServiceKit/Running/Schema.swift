// Sees to it that the database has the schema that the program needs.

import Database
import Logging
import ServiceLifecycle
import Synchronization

/// Migrates, or waits until somebody else has; tries until it is done, however long the database is away.
final class Schema: Service {
    private let database: Database
    private let migrator: Migrator?
    private let migrations: [Migration]
    private let gate: Gate
    private let current = Mutex(HealthState.down("not checked yet"))

    /// - Parameter gate: opened when the schema is up to date.
    init(service: String, settings: Settings, database: Database, migrations: [Migration], gate: Gate) {
        self.database = database
        self.migrations = migrations
        self.gate = gate
        migrator = Schema.migrator(service: service, settings: settings)
    }

    /// Whether the schema is up to date.
    var state: HealthState { current.withLock { $0 } }

    /// The schema's owner at work; nil where the process was not given that role.
    static func migrator(service: String, settings: Settings) -> Migrator? {
        settings.optionalText("DATABASE_MIGRATION_URL").map {
            Migrator(url: $0, schema: service, applicationRole: applicationRole(service, settings))
        }
    }

    /// The role in the application's own URL, to which migrations grant its rights.
    static func applicationRole(_ service: String, _ settings: Settings) -> String {
        let url = settings.text("DATABASE_URL")
        let afterScheme = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let authority = afterScheme.prefix { $0 != "/" && $0 != "?" }
        let user = authority.lastIndex(of: "@").map { authority[..<$0].prefix { $0 != ":" } } ?? ""
        return user.isEmpty ? "deskwire_\(service)" : String(user)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.bringUpToDate() }
        // Others shut down before this; a service that ends by itself would end the process.
        try? await gracefulShutdown()
    }

    private func bringUpToDate() async {
        var backoff = Backoff()
        var told = ""
        while !Task.isCancelled {
            let reason: String
            do {
                let applied = try await migrator?.migrate(migrations) ?? []
                for migration in applied {
                    Logger.current.info(
                        "migration applied",
                        metadata: ["version": .stringConvertible(migration.version), "name": .string(migration.name)])
                }
                if migrator != nil { break }
                if try await database.pending(migrations).isEmpty { break }
                reason = "migrations are pending"
            } catch let error as MigrationError {
                reason = "migrations failed"
                if told != reason { Logger.current.error("migrations failed", error: error) }
            } catch {
                reason = "the database is not there"
                if told != reason { Logger.current.warning("the database is not there; trying on", error: error) }
            }
            told = reason
            current.withLock { $0 = .down(reason) }
            try? await Task.sleep(for: backoff.pause())
        }
        guard !Task.isCancelled else { return }
        current.withLock { $0 = .up }
        gate.open()
    }
}
