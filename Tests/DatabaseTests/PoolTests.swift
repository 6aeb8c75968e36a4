import Contracts
import Database
import Foundation
import TestKit
import Testing

@Suite("The pool is bounded, fair and honest")
struct PoolTests {
    /// A pool of one connection that somebody holds while `body` runs.
    private func withBusyPool(
        configure: (inout DatabaseConfiguration) -> Void, _ body: (Database, _ letGo: () -> Void) async throws -> Void
    ) async throws {
        try await TestDatabase.with { test async throws in
            let database = test.open(configure: { configuration in
                configuration.maxConnections = 1
                configure(&configuration)
            })
            let (held, holding) = AsyncStream<Void>.makeStream()
            let (release, releasing) = AsyncStream<Void>.makeStream()
            let holder = Task {
                defer { holding.finish() }
                try await database.transaction(as: .none) { tx async throws in
                    _ = try await tx.query("SELECT 1")
                    holding.finish()
                    for await _ in release {}
                }
            }
            for await _ in held {}
            try await body(database) { releasing.finish() }
            releasing.finish()
            try await holder.value
        }
    }

    @Test("Who waits too long is refused with a transient error that says so")
    func exhaustion() async throws {
        try await withBusyPool(configure: { $0.acquireTimeout = .milliseconds(500) }) { database, _ async throws in
            let error = await #expect(throws: DatabaseError.self) { try await database.select("SELECT 1") }
            #expect(error?.kind == .poolExhausted && error?.isTransient == true)
            #expect(database.statistics.waiting == 0 && database.statistics.refused == 1)
        }
    }

    @Test("A full queue refuses at once")
    func fullQueue() async throws {
        try await withBusyPool(configure: { ($0.acquireTimeout, $0.maxWaiting) = (.seconds(30), 2) }) {
            database, letGo async throws in
            let waiting = (0..<2).map { _ in
                Task { try await database.transaction(as: .none) { try await $0.query("SELECT 1").count } }
            }
            try await eventually("both wait") { database.statistics.waiting == 2 }
            let error = await #expect(throws: DatabaseError.self) { try await database.select("SELECT 1") }
            #expect(error?.kind == .poolExhausted)
            letGo()
            for task in waiting { #expect(try await task.value == 1) }
        }
    }

    @Test("Waiters are served in order; one that is cancelled leaves the queue")
    func order() async throws {
        let served = Journal<Int>()
        try await withBusyPool(configure: { $0.acquireTimeout = .seconds(30) }) { database, letGo async throws in
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<5 {
                tasks.append(
                    Task {
                        try await database.transaction(as: .none) { tx async throws in
                            served.note(number)
                            _ = try await tx.query("SELECT 1")
                        }
                    })
                try await eventually("\(number) waits") { database.statistics.waiting == number + 1 }
            }
            tasks[2].cancel()
            try await eventually("it has left") { database.statistics.waiting == 4 }
            letGo()
            for (number, task) in tasks.enumerated() where number != 2 { try await task.value }
            let error = await #expect(throws: DatabaseError.self) { try await tasks[2].value }
            #expect(error?.kind == .cancelled)
        }
        #expect(served.entries == [0, 1, 3, 4])
    }

    @Test("Many tasks share few connections and nobody reads another's answer")
    func sharing() async throws {
        try await TestDatabase.with(configure: { ($0.maxConnections, $0.acquireTimeout) = (4, .seconds(120)) }) {
            test async throws in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<400 {
                    group.addTask {
                        if number % 7 == 0 {
                            let task = Task { try await test.database.select("SELECT pg_sleep(\(0.01))") }
                            task.cancel()
                            _ = await task.result
                            return true
                        }
                        return try await test.database.transaction(as: .none, readOnly: number % 2 == 0) {
                            tx async throws in
                            let one = try await tx.first("SELECT \(number)")?.get(0, as: Int.self)
                            if number % 5 == 0 { _ = try? await tx.savepoint { try await $0.query("SELECT 1 / 0") } }
                            let two = try await tx.first("SELECT \(-number)")?.get(0, as: Int.self)
                            return one == number && two == -number
                        }
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            let statistics = test.database.statistics
            #expect(statistics.open <= 4 && statistics.waiting == 0 && statistics.waited > 0)
            #expect(statistics.idle == statistics.open)
        }
    }

    @Test("Running keeps connections warm; a graceful end closes them and refuses what comes after")
    func lifecycle() async throws {
        try await TestDatabase.with { test async throws in
            let database = test.open(configure: { $0.minConnections = 3 })
            let run = Task { try await database.run() }
            try await eventually("three connections are open") { database.statistics.idle == 3 }
            run.cancel()
            try await run.value
            #expect(database.statistics.open == 0)
            let error = await #expect(throws: DatabaseError.self) { try await database.select("SELECT 1") }
            #expect(error?.kind == .connection(outcomeUnknown: false))
        }
    }

    @Test("Connections that have been idle for long, or are old, are replaced")
    func upkeep() async throws {
        try await TestDatabase.with { test async throws in
            let database = test.open(configure: { ($0.minConnections, $0.idleTimeout) = (0, .milliseconds(1)) })
            let run = Task { try await database.run() }
            defer { run.cancel() }
            _ = try await database.select("SELECT 1")
            try await eventually("the idle connection is closed") { database.statistics.open == 0 }
            let aging = test.open(configure: { $0.maxLifetime = .zero })
            for _ in 0..<3 { _ = try await aging.select("SELECT 1") }
            #expect(aging.statistics.opened == 3)
        }
    }
}
