import Contracts
import Database
import Foundation
import Synchronization
import TestKit
import Testing

private struct Oops: Error {}

@Suite("A transaction is all or nothing")
struct TransactionTests {
    private let tenant = UUID.v7()

    /// One connection, so that a test notices when it is lost.
    private func with(_ body: (TestDatabase) async throws -> Void) async throws {
        try await Tickets.with(configure: { $0.maxConnections = 1 }) { test async throws in
            try await body(test)
            #expect(test.database.statistics.opened <= 1, "the connection was lost")
        }
    }

    @Test("What the body throws undoes everything and comes out unchanged")
    func rollback() async throws {
        try await with { test async throws in
            await #expect(throws: Oops.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    try await tx.execute(Tickets.insert(tenant))
                    throw Oops()
                }
            }
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 0)
        }
    }

    @Test("A failure anywhere in a pipeline leaves the connection usable", arguments: 0..<4)
    func pipelineFailure(at position: Int) async throws {
        try await with { test async throws in
            var statements: [SQL] = [Tickets.insert(tenant), "SELECT 1", Tickets.insert(tenant)]
            statements.insert("SELECT \(1) / \(0)", at: min(position, statements.count))
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { _ = try await $0.batch(statements) }
            }
            #expect(error?.sqlState == "22012")
            let rows = try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                try await tx.batch([Tickets.insert(tenant), Tickets.count, "SELECT \(1) / \(1)"])
            }
            #expect(try rows.map { try $0.first?.get(0, as: Int.self) } == [nil, 1, 1])
        }
    }

    @Test("A statement that can't be prepared is refused each time, not only the first")
    func unpreparable() async throws {
        try await with { test async throws in
            for _ in 0..<3 {
                let error = await #expect(throws: DatabaseError.self) {
                    try await test.database.transaction(as: .none) { tx async throws in
                        _ = try await tx.batch(["SELECT 1", "SELECT absent FROM tickets", "SELECT 2"])
                    }
                }
                #expect(error?.sqlState == "42703")
            }
        }
    }

    @Test("An error that the body swallows is thrown at commit; nothing is committed")
    func swallowed() async throws {
        try await with { test async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    try await tx.execute(Tickets.insert(tenant))
                    _ = try? await tx.query("SELECT 1 / 0")
                    _ = try? await tx.query("SELECT 1")
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 0)
        }
    }

    @Test("Enqueued statements travel with the next round trip or the commit, in order; their errors surface there")
    func enqueued() async throws {
        try await with { test async throws in
            try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                tx.enqueue(Tickets.insert(tenant))
                #expect(try await tx.first(Tickets.count)?.get(0) == 1)
                tx.enqueue(Tickets.insert(tenant))
            }
            try await test.database.transaction(as: .tenant(tenant)) { $0.enqueue(Tickets.insert(tenant)) }
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 3)
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    tx.enqueue(Tickets.insert(tenant))
                    tx.enqueue("UPDATE tickets SET status = 'odd'")
                }
            }
            #expect(error?.kind == .check)
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 3)
        }
    }

    @Test("A savepoint undoes its own statements, attachments and hooks, and nothing else")
    func savepoints() async throws {
        let events = TransactionKey<[String]>("events")
        let hooks = Mutex<[String]>([])
        try await with { test async throws in
            try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                try await tx.execute(Tickets.insert(tenant))
                tx[events] = ["outer"]
                try await tx.savepoint { tx async throws in
                    try await tx.execute(Tickets.insert(tenant))
                    tx[events]?.append("kept")
                    await #expect(throws: DatabaseError.self) {
                        try await tx.savepoint { tx async throws in
                            try await tx.execute(Tickets.insert(tenant))
                            tx[events]?.append("lost")
                            tx.afterCommit { hooks.withLock { $0.append("lost") } }
                            tx.enqueue("SELECT 1 / 0")
                        }
                    }
                }
                await #expect(throws: Oops.self) {
                    try await tx.savepoint { tx async throws in
                        tx.enqueue(Tickets.insert(tenant))
                        throw Oops()
                    }
                }
                tx.afterCommit { hooks.withLock { $0.append("kept") } }
                #expect(tx[events] == ["outer", "kept"])
            }
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 2)
            #expect(hooks.withLock { $0 } == ["kept"])
        }
    }

    @Test("Hooks run in order before the commit, once after it, and not at all when it fails")
    func hooks() async throws {
        let log = Mutex<[String]>([])
        @Sendable func note(_ text: String) { log.withLock { $0.append(text) } }
        try await with { test async throws in
            try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                tx.afterCommit { note("after") }
                tx.beforeCommit { tx async throws in
                    note("first")
                    tx.enqueue(Tickets.insert(tenant))
                    tx.beforeCommit { _ in note("added") }
                }
                tx.beforeCommit { _ in note("second") }
            }
            #expect(log.withLock { $0 } == ["first", "second", "added", "after"])
            await #expect(throws: Oops.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    tx.afterCommit { note("never") }
                    tx.enqueue(Tickets.insert(tenant))
                    tx.beforeCommit { _ in throw Oops() }
                }
            }
            #expect(!log.withLock { $0.contains("never") })
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 1)
        }
    }

    @Test(
        "Constraints name the field and no data",
        arguments: [
            (
                """
                INSERT INTO tickets (tenant_id, id, subject, external_id)
                SELECT tenant_id, gen_random_uuid(), 'secret', external_id FROM tickets
                """,
                DatabaseError.Kind.unique, "externalId"
            ),
            ("UPDATE tickets SET status = 'secret'", .check, "status"),
            ("UPDATE tickets SET subject = NULL", .notNull, "subject"),
            ("UPDATE tickets SET merged_into = gen_random_uuid()", .foreignKey, "mergedInto"),
            ("UPDATE tickets SET subject = 'odd'", .check, "oddField"),
            ("INSERT INTO tickets (tenant_id, id, subject) SELECT tenant_id, id, 'secret' FROM tickets", .unique, nil),
        ] as [(String, DatabaseError.Kind, String?)])
    func constraints(sql: String, kind: DatabaseError.Kind, field: String?) async throws {
        try await Tickets.with(configure: { $0.constraintFields = ["odd_name": "oddField"] }) { test async throws in
            try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                try await tx.execute(Tickets.insert(tenant))
                try await tx.execute("UPDATE tickets SET external_id = 'x'")
            }
            let error = try await #require(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { $0.enqueue(SQL(unsafe: sql)) }
            }
            #expect(error.kind == kind)
            #expect(error.field == field)
            #expect(!error.isTransient)
            #expect(!"\(error)".contains("secret") && !"\(error)".contains("SET"))
        }
    }

    @Test("A read-only transaction writes nothing, and its unawaited COMMIT disturbs nobody")
    func readOnly() async throws {
        try await with { test async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant), readOnly: true) {
                    try await $0.execute(Tickets.insert(tenant))
                }
            }
            #expect(error?.sqlState == "25006")
            for number in 0..<200 {
                let read = try await test.database.transaction(as: .none, readOnly: number % 3 != 0) {
                    tx async throws in
                    try await tx.first("SELECT \(number)")?.get(0, as: Int.self)
                }
                #expect(read == number)
            }
            #expect(try await test.sessions("state LIKE 'idle in transaction%'") == 0)
        }
    }

    @Test("A serialization failure is retried when asked, and only then")
    func retries() async throws {
        try await Tickets.with { test async throws in
            let id = UUID.v7()
            try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                try await tx.execute(Tickets.insert(tenant, id, subject: "0"))
            }
            func count(retries: Int) async throws {
                let attempts = Mutex(0)
                try await test.database.transaction(as: .tenant(tenant), isolation: .repeatableRead, retries: retries) {
                    tx async throws in
                    let seen = try await tx.first("SELECT subject::integer FROM tickets")?.get(0, as: Int.self) ?? 0
                    if attempts.withLock({
                        $0 += 1; return $0
                    }) == 1 {
                        try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                            try await tx.execute("UPDATE tickets SET subject = (subject::integer + 10)::text")
                        }
                    }
                    try await tx.execute("UPDATE tickets SET subject = \(String(seen + 1))")
                }
            }
            let error = await #expect(throws: DatabaseError.self) { try await count(retries: 0) }
            #expect(error?.kind == .serialization && error?.isTransient == true)
            try await count(retries: 1)
            let subject = try await test.database.transaction(as: .admin) {
                try await $0.first("SELECT subject FROM tickets")?.get(0, as: String.self)
            }
            #expect(subject == "21")
        }
    }

    @Test("More statements than are kept prepared: old ones are deallocated on the server")
    func preparedStatements() async throws {
        try await Tickets.with(configure: { ($0.maxConnections, $0.maxPreparedStatements) = (1, 8) }) {
            test async throws in
            for number in 0..<50 {
                let value = try await test.database.transaction(as: .none, readOnly: number % 2 == 0) {
                    tx async throws in
                    try await tx.first(SQL(unsafe: "SELECT \(number)"))?.get(0, as: Int.self)
                }
                #expect(value == number)
            }
            let prepared = try await test.database.transaction(as: .none) { tx async throws in
                try await tx.first("SELECT count(*) FROM pg_prepared_statements")?.get(0, as: Int.self)
            }
            #expect(try #require(prepared) <= 10)
            #expect(test.database.statistics.opened == 1)
        }
    }

    @Test("A migration under prepared statements costs one transient error, not one for each connection")
    func migrationUnderStatements() async throws {
        try await Tickets.with { test async throws in
            @Sendable func read() async throws -> [String]? {
                try await test.database.transaction(as: .admin) { tx async throws in
                    _ = try await tx.query("SELECT pg_sleep(0.02)")
                    return try await tx.first("SELECT * FROM leases")?.names
                }
            }
            try await test.database.transaction(as: .none) {
                try await $0.execute("INSERT INTO leases VALUES ('a', 'b')")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try await read() } }
                try await group.waitForAll()
            }
            // The connection used last is the next one's as well.
            #expect(try await read() == ["name", "owner"])
            try await test.superuser("ALTER TABLE tests.leases ADD COLUMN more text")
            let error = await #expect(throws: DatabaseError.self) { try await read() }
            #expect(error?.kind == .serialization && error?.isTransient == true)
            for _ in 0..<10 { #expect(try await read() == ["name", "owner", "more"]) }
        }
    }

    @Test("A statement that takes too long ends in time, and the transaction can set its own limit")
    func timeouts() async throws {
        try await with { test async throws in
            let start = ContinuousClock.now
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .none, timeout: .milliseconds(100)) {
                    try await $0.query("SELECT pg_sleep(30)")
                }
            }
            #expect(error?.kind == .timeout && error?.isTransient == true)
            #expect(ContinuousClock.now - start < .seconds(25))
            #expect(
                try await test.database.transaction(as: .none) {
                    try await $0.first("SHOW statement_timeout")?.get(0, as: String.self)
                } == "10s")
        }
    }

    @Test("A cancelled task gets its thread back at once, and the server stops working for it")
    func cancellation() async throws {
        try await Tickets.with(configure: { $0.statementTimeout = .seconds(60) }) { test async throws in
            let task = Task {
                try await test.database.select("SELECT pg_sleep(30)")
            }
            let asleep = "query LIKE '%pg_sleep(30)%' AND state = 'active'"
            try await eventually("the statement runs") { try await test.sessions(asleep) == 1 }
            task.cancel()
            let result = await task.result
            #expect(throws: DatabaseError.self) { _ = try result.get() }
            if case .failure(let error as DatabaseError) = result { #expect(error.kind == .cancelled) }
            try await eventually("the server has stopped") { try await test.sessions(asleep) == 0 }
            let opened = test.database.statistics.opened
            await #expect(throws: DatabaseError.self) {
                try await Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await test.database.select("SELECT 1")
                }.value
            }
            #expect(await test.database.ping())
            #expect(test.database.statistics.opened <= opened + 1, "what never began costs no connection")
        }
    }

    @Test("Ending the transaction by hand, or using it after its end, is refused")
    func misuse() async throws {
        try await Tickets.with { test async throws in
            let early = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    try await tx.execute("COMMIT")
                }
            }
            #expect(early?.kind == .misuse)
            var escaped: Transaction?
            try await test.database.transaction(as: .none) { escaped = $0 }
            let late = await #expect(throws: DatabaseError.self) { try await escaped?.query("SELECT 1") }
            #expect(late?.kind == .misuse)
            #expect(await test.database.ping())
        }
    }
}
