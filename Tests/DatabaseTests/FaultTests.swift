import Contracts
import Database
import Foundation
import TestKit
import Testing

@Suite("The server may stall, die and come back")
struct FaultTests {
    private let tenant = UUID.v7()

    private static let terminate = """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'deskwire_tests'
        """

    /// A database behind a proxy, with short limits.
    private func with(_ body: (TestDatabase, Database, TCPProxy) async throws -> Void) async throws {
        try await Tickets.with { test async throws in
            try await TCPProxy.with(to: test.address.host, port: test.address.port) { proxy in
                let database = test.open(configure: { configuration in
                    var url = URLComponents(string: configuration.url)
                    url?.port = proxy.port
                    configuration.url = url?.string ?? ""
                    configuration.statementTimeout = .milliseconds(600)
                    configuration.answerGrace = .milliseconds(200)
                    configuration.acquireTimeout = .milliseconds(1_000)
                })
                try await body(test, database, proxy)
                await proxy.refuse()
                database.close()
            }
        }
    }

    @Test("Sessions ended by an administrator: idle ones go unnoticed, one in use is a transient error")
    func terminated() async throws {
        try await Tickets.with { test async throws in
            for _ in 0..<3 {
                #expect(try await test.database.ticketCount(as: .admin) == 0)
                try await test.superuser(Self.terminate)
            }
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    try await tx.execute(Tickets.insert(tenant))
                    try await test.superuser(Self.terminate)
                    try await tx.execute(Tickets.insert(tenant))
                }
            }
            #expect(error?.kind == .connection(outcomeUnknown: false) && error?.isTransient == true)
            #expect(try await test.database.ticketCount(as: .admin) == 0)
        }
    }

    @Test("A transaction that idles too long is ended by the server, and nothing of it is committed")
    func idling() async throws {
        try await Tickets.with(configure: { $0.idleInTransactionTimeout = .milliseconds(50) }) { test async throws in
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(tenant)) { tx async throws in
                    try await tx.execute(Tickets.insert(tenant))
                    try await eventually("the session is gone") {
                        try await test.sessions("state = 'idle in transaction'") == 0
                    }
                }
            }
            #expect(error?.kind == .timeout)
            #expect(try await test.database.ticketCount(as: .admin) == 0)
        }
    }

    @Test("A server that stops answering does not hang the caller")
    func stalled() async throws {
        try await with { _, database, proxy async throws in
            #expect(try await database.ticketCount(as: .admin) == 0)
            proxy.stall()
            try await eventually("a call fails") {
                let start = ContinuousClock.now
                defer { #expect(ContinuousClock.now - start < .seconds(25)) }
                do {
                    return try await database.ticketCount(as: .admin) == nil
                } catch let error as DatabaseError {
                    return error.kind == .connection(outcomeUnknown: false)
                }
            }
            #expect(await !database.ping())
            proxy.reset()
            proxy.resume()
            try await eventually("it is back") { await database.ping() }
        }
    }

    @Test("A reset in the middle of a statement is a transient error, and the pool heals")
    func reset() async throws {
        try await with { _, database, proxy async throws in
            for _ in 0..<5 {
                let error = await #expect(throws: DatabaseError.self) {
                    try await database.transaction(as: .none) { tx async throws in
                        _ = try await tx.query("SELECT 1")
                        proxy.reset()
                        _ = try await tx.query("SELECT pg_sleep(0.5)")
                    }
                }
                #expect(error?.kind == .connection(outcomeUnknown: false))
                #expect(try await database.ticketCount(as: .admin) == 0)
            }
        }
    }

    @Test(
        "A commit whose answer is lost is neither success nor retryable: it may have happened",
        arguments: [true, false])
    func lostCommit(isReset: Bool) async throws {
        try await with { test, database, proxy async throws in
            // The commit waits on the server for a lock, so that the connection can be spoiled behind its back. No timeout
            // of the server applies to what happens in a commit.
            try await test.superuser(
                """
                CREATE FUNCTION tests.dawdle() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'
                """)
            try await test.superuser(
                """
                CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON tests.tickets DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION tests.dawdle()
                """)
            try await test.database.transaction(as: .none) { tx async throws in
                _ = try await tx.query("SELECT pg_advisory_xact_lock(1)")
                let write = Task {
                    try await database.transaction(as: .tenant(tenant)) { tx async throws in
                        tx.afterCommit { Issue.record("nobody knows that it was committed") }
                        try await tx.execute(Tickets.insert(tenant))
                    }
                }
                try await eventually("it is committing") {
                    try await test.sessions("query = 'COMMIT' AND state = 'active'") == 1
                }
                if isReset { proxy.reset() } else { proxy.stall() }
                let error = await #expect(throws: DatabaseError.self) { try await write.value }
                #expect(error?.kind == .connection(outcomeUnknown: true) && error?.isTransient == false)
            }
            try await eventually("the server is done with it") {
                try await test.sessions("query = 'COMMIT' AND state = 'active'") == 0
            }
            #expect(try await test.database.ticketCount(as: .tenant(tenant)) == 1)
        }
    }

    @Test(
        "While the server is away callers wait for a while, then are refused at once; when it is back they are served")
    func away() async throws {
        try await with { _, database, proxy async throws in
            #expect(await database.ping())
            await proxy.refuse()
            try await eventually("all connections are cut") { proxy.connectionCount == 0 }
            let short = Task { try await database.ticketCount(as: .admin) }
            try await eventually("it has noticed") { database.statistics.isUnreachable }
            try await proxy.accept()
            #expect(try await short.value == 0)
            await proxy.refuse()
            try await eventually("all connections are cut") { proxy.connectionCount == 0 }
            let first = await #expect(throws: DatabaseError.self) { try await database.ticketCount(as: .admin) }
            #expect(first?.kind == .connection(outcomeUnknown: false) && first?.isTransient == true)
            try await eventually("nobody has to wait any more") {
                let start = ContinuousClock.now
                _ = try? await database.ticketCount(as: .admin)
                return ContinuousClock.now - start < .milliseconds(100)
            }
            try await proxy.accept()
            try await eventually("it is back") { (try? await database.ticketCount(as: .admin)) == 0 }
            #expect(!database.statistics.isUnreachable)
        }
    }

    @Test("A crash of the server under load: what was acknowledged is there, what was refused is not, and it heals")
    func crash() async throws {
        try await TestPostgres.with { server in
            try await TestDatabase.with("tests", Tickets.migrations, on: server.url) { test async throws in
                try await withThrowingTaskGroup(of: [UUID: Bool?].self) { group in
                    let isOver = Flag()
                    for _ in 0..<8 {
                        group.addTask {
                            var outcomes: [UUID: Bool?] = [:]
                            while !isOver.isSet {
                                let id = UUID.v7()
                                do {
                                    try await test.database.file(tenant, id)
                                    outcomes[id] = true
                                } catch let error as DatabaseError where error.kind == .connection(outcomeUnknown: true)
                                {
                                    outcomes[id] = .some(nil)
                                } catch let error as DatabaseError where error.isTransient {
                                    outcomes[id] = false
                                    try await Task.sleep(for: .milliseconds(5))
                                }
                            }
                            return outcomes
                        }
                    }
                    for _ in 0..<2 {
                        let before = test.database.statistics.acquired
                        try await eventually("the load is on") { test.database.statistics.acquired > before + 200 }
                        try await server.stop(mode: "immediate")
                        try await server.start()
                    }
                    try await eventually("it has healed") { await test.database.ping() }
                    isOver.set()
                    var outcomes: [UUID: Bool?] = [:]
                    for try await part in group { outcomes.merge(part) { first, _ in first } }
                    let stored = try await test.database.transaction(as: .admin) { tx async throws in
                        Set(try await tx.query("SELECT id FROM tickets").map { try $0.get(0, as: UUID.self) })
                    }
                    #expect(outcomes.values.contains(true))
                    for (id, outcome) in outcomes {
                        if let outcome { #expect(stored.contains(id) == outcome) }
                    }
                }
            }
        }
    }
}
