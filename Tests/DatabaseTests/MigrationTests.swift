import Contracts
import Foundation
import TestKit
import Testing

@testable import Database

@Suite("Migrations happen once, in order, and are never rewritten")
struct MigrationTests {
    private func step(_ version: Int, _ sql: String? = nil) -> Migration {
        Migration(
            version: version, name: "step \(version)",
            sql: sql ?? "CREATE TABLE t\(version) (x integer); SELECT open_table('t\(version)');")
    }

    @Test("They are applied in order, and what is applied is not pending")
    func apply() async throws {
        try await TestDatabase.with { test async throws in
            let steps = [step(101), .platform, step(100), step(1)]
            #expect(try await test.migrator().pending(steps).map(\.version) == [1, 100, 101])
            #expect(try await test.database.pending(steps).map(\.version) == [1, 100, 101])
            #expect(try await test.migrator().migrate(steps).map(\.version) == [1, 100, 101])
            #expect(try await test.migrator().migrate(steps).isEmpty)
            #expect(try await test.database.pending(steps).isEmpty)
            #expect(try await test.migrator().migrate(steps + [step(2)]).map(\.version) == [2])
            try await test.database.transaction(as: .none) { try await $0.execute("INSERT INTO t101 VALUES (1)") }
        }
    }

    @Test("Several migrators at once: each step is applied by one of them")
    func concurrency() async throws {
        try await TestDatabase.with { test async throws in
            let steps =
                [.platform] + (100..<105).map { step($0, "CREATE TABLE t\($0) (x integer); SELECT pg_sleep(0.02);") }
            let applied = try await withThrowingTaskGroup(of: [Migration].self) { group in
                for _ in 0..<8 { group.addTask { try await test.migrator().migrate(steps) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.map(\.version).sorted() == Array(100..<105))
        }
    }

    @Test("A step that fails leaves nothing behind, and those before it stay")
    func failure() async throws {
        try await TestDatabase.with { test async throws in
            let bad = step(101, "CREATE TABLE half (x integer); SELECT absent;")
            let error = await #expect(throws: MigrationError.self) {
                try await test.migrator().migrate([.platform, step(100), bad])
            }
            guard case .failed(101, "step 101", let reason) = error else {
                return #expect(Bool(false), "\(String(describing: error))")
            }
            #expect(reason.contains("absent") && reason.contains("42703"))
            #expect(
                try await test.superuser("SELECT to_regclass('tests.half'), to_regclass('tests.t100')") == [
                    [nil, "tests.t100"]
                ])
            #expect(try await test.migrator().migrate([.platform, step(100), step(101)]).map(\.version) == [101])
            let committing = await #expect(throws: MigrationError.self) {
                try await test.migrator().migrate([.platform, step(100), step(101), step(102, "COMMIT")])
            }
            #expect(committing?.description.contains("commit") == true)
        }
    }

    @Test("A migration that can't lock a table lets others pass, and gets it later")
    func locks() async throws {
        try await Tickets.with { test async throws in
            var migrator = test.migrator()
            migrator.lockTimeout = .milliseconds(30)
            migrator.lockAttempts = 200
            let steps = Tickets.migrations + [step(101, "ALTER TABLE tickets ADD COLUMN more text")]
            let migration = try await test.database.transaction(as: .admin) { tx async throws in
                _ = try await tx.query("SELECT 1 FROM tickets")
                let migration = Task { [migrator] in try await migrator.migrate(steps) }
                try await eventually("the migrator has given up and tried again") {
                    let rolledBack = try await test.superuser(
                        "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()")
                    return rolledBack != [["0"]]
                }
                #expect(try await test.database.ticketCount(as: .admin) == 0)
                return migration
            }
            #expect(try await migration.value.map(\.version) == [101])
            migrator.lockAttempts = 1
            try await test.database.transaction(as: .admin) { tx async throws in
                _ = try await tx.query("SELECT 1 FROM tickets")
                let error = await #expect(throws: MigrationError.self) {
                    try await migrator.migrate(steps + [step(102, "DROP TABLE tickets")])
                }
                #expect(error?.description.contains("55P03") == true)
            }
        }
    }

    @Test("A migration sees all tenants' rows, so that it can fill new columns")
    func backfill() async throws {
        try await Tickets.with { test async throws in
            for _ in 0..<3 {
                let tenant = UUID.v7()
                try await test.database.file(tenant)
            }
            try await test.migrator().migrate(Tickets.migrations + [step(101, "UPDATE tickets SET subject = 'filled'")])
            #expect(try await test.superuser("SELECT DISTINCT subject FROM tests.tickets") == [["filled"]])
        }
    }

    @Test(
        "A history that does not fit is refused",
        arguments: [
            ([0, 100, 101], [0, 100, 99_100], MigrationError.unknown(version: 99_100)),
            ([0, 100, 101, 102], [0, 100, 102], .outOfOrder(version: 101)),
            ([0, 1, 2, 3], [0, 1, 3], .outOfOrder(version: 2)),
            ([0, 100, 100], [0], .duplicate(version: 100)),
        ] as [([Int], [Int], MigrationError)])
    func history(known: [Int], applied: [Int], expected: MigrationError) {
        let records = applied.map { Migration.Record(version: $0, checksum: step($0).checksum) }
        #expect(throws: expected) { try Migration.plan(known.map { step($0) }, applied: records) }
    }

    @Test("A changed text is refused; a platform step may follow a service's own")
    func changes() throws {
        let applied = [0, 100].map { Migration.Record(version: $0, checksum: step($0).checksum) }
        #expect(throws: MigrationError.changed(version: 100)) {
            try Migration.plan([step(0), step(100, "SELECT 2")], applied: applied)
        }
        #expect(try Migration.plan([0, 1, 100, 101].map { step($0) }, applied: applied).map(\.version) == [1, 101])
    }
}
