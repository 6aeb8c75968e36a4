import AMQP
import Contracts
import Database
import Foundation
import TestKit
import Testing

@testable import Messaging

@Suite("The history of events", .serialized)
struct HistoryTests {
    @Test("A reader misses nothing of transactions that commit late, and sees every event once")
    func lateCommits() async throws {
        try await World.with { world in
            let history = EventHistory(database: world.database)
            var cursor = EventCursor.start
            var seen: [UUID] = []
            func read() async throws {
                while true {
                    let page = try await history.page(after: cursor, limit: 3)
                    seen += page.events.map(\.eventId)
                    cursor = page.next
                    if !page.hasMore { return }
                }
            }
            try await world.publish([.v7()])
            // Transactions of other tests on the same server hold the readable history back until they end.
            try await eventually("the first is readable") {
                try await read()
                return seen.count == 1
            }
            var late: UUID?
            try await world.database.transaction(as: .tenant(world.tenant)) { tx in
                late = try tx.publish(ItemMoved(itemId: .v7(), step: 1), version: 1, actor: .system)
                // Takes a transaction id now, and commits long after others.
                try await tx.execute("SELECT pg_current_xact_id()::text")
                try await world.publish((0..<10).map { _ in .v7() })
                try await read()
                // Nothing is shown that the late one could still come before.
                #expect(seen.count == 1)
            }
            try await eventually("everything is there") {
                try await read()
                return seen.count == 12
            }
            #expect(Set(seen).count == 12)
            #expect(seen.contains(try #require(late)))
        }
    }

    @Test("Concurrent writers, some slow, some rolled back: a reader who follows gets exactly what was committed")
    func follows() async throws {
        try await World.with { world in
            let history = EventHistory(database: world.database)
            let published = try await withThrowingTaskGroup(of: [UUID].self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        var random = SeededGenerator(seed: UInt64(writer))
                        var ids: [UUID] = []
                        for _ in 0..<30 {
                            let pause = Int.random(in: 0...15, using: &random)
                            let fails = Int.random(in: 0..<4, using: &random) == 0
                            do {
                                let id = try await world.database.transaction(as: .tenant(world.tenant)) { tx in
                                    try await tx.execute("SELECT pg_current_xact_id()::text")
                                    try await Task.sleep(for: .milliseconds(pause))
                                    let id = try tx.publish(
                                        ItemMoved(itemId: .v7(), step: 1), version: 1, actor: .system)
                                    if fails { throw Failure() }
                                    return id
                                }
                                ids.append(id)
                            } catch is Failure {}
                        }
                        return ids
                    }
                }
                var cursor = EventCursor.start
                var seen: [EventRecord] = []
                var committed: [UUID] = []
                var isWriting = true
                let deadline = ContinuousClock.now + .seconds(30)
                while isWriting || seen.count < committed.count, ContinuousClock.now < deadline {
                    let page = try await history.page(after: cursor, limit: 7)
                    #expect(zip(page.events, page.events.dropFirst()).allSatisfy { $0.cursor < $1.cursor })
                    seen += page.events
                    cursor = page.next
                    if page.events.isEmpty, isWriting {
                        if let ids = try await group.next() { committed += ids } else { isWriting = false }
                    }
                }
                #expect(seen.map(\.eventId).count == Set(seen.map(\.eventId)).count)
                #expect(Set(seen.map(\.eventId)) == Set(committed))
                return committed
            }
            #expect(published.count > 60)
        }
    }

    @Test("A reader can start at an instant, after an event, at the end, with one tenant, with some names")
    func starts() async throws {
        try await World.with { world in
            let history = EventHistory(database: world.database)
            let other = UUID.v7()
            try await world.publish([.v7(), .v7()])
            try await Task.sleep(for: .milliseconds(5))
            let middle = Timestamp.now
            try await world.publish([.v7()], tenant: other)
            try await world.publish([.v7(), .v7()])
            func all(_ cursor: EventCursor, _ filter: EventHistory.Filter = .all) async throws -> [EventRecord] {
                try await history.page(after: cursor, limit: 100, filter: filter).events
            }
            try await eventually("all is readable") { try await all(.start).count == 5 }
            let everything = try await all(.start)
            #expect(try await all(history.cursor(at: middle)).map(\.eventId) == everything.suffix(3).map(\.eventId))
            #expect(try await all(history.cursor(at: .now + .seconds(60))).isEmpty)
            let second = try #require(try await history.cursor(of: everything[1].eventId))
            #expect(try await all(second).map(\.eventId) == everything.suffix(3).map(\.eventId))
            #expect(try await history.cursor(of: .v7()) == nil)
            #expect(try await history.cursor(of: everything[1].eventId, tenantId: other) == nil)
            #expect(try await all(history.end()).isEmpty)
            #expect(try await all(.start, .init(tenantId: other)).map(\.tenantId) == [other])
            #expect(try await all(.start, .init(patterns: ["item.moved"])).count == 5)
            #expect(try await all(.start, .init(patterns: ["item.*", "x"])).count == 5)
            #expect(try await all(.start, .init(patterns: ["item.lost"])).isEmpty)
            #expect(try await all(.start, .init(patterns: ["*.lost"])).isEmpty)
            let end = try await history.end()
            try await world.publish([.v7()])
            try await eventually("what comes after the end") { try await all(end).count == 1 }
        }
    }

    @Test("A replay goes to one queue and no other, in order, marked as a replay")
    func replay() async throws {
        try await World.with { world in
            let item = UUID.v7()
            try await world.publish(item, count: 6)
            let others = try await world.subscribe(queue: "others")
            let target = try await world.subscribe("never", queue: "target")
            let replay = HistoryReplay(
                service: World.service, topology: world.topology, history: EventHistory(database: world.database),
                amqp: world.amqp)
            try await eventually("all is readable") {
                try await EventHistory(database: world.database).page(after: .start).events.count == 6
            }
            let progress = try await replay.run(after: .start, to: .queue("target"), pageSize: 2)
            #expect(progress.sent == 6)
            let deliveries = try await target.receive(6)
            #expect(target.firstDeliveries[item] == [1, 2, 3, 4, 5, 6])
            for delivery in deliveries {
                let message = try RawMessage(
                    message: delivery.message, routingKey: delivery.routingKey, topology: world.topology)
                #expect(message.isReplay)
                #expect(message.name == "item.moved")
            }
            #expect(try await world.amqp.queueStatus("others")?.messageCount == 0)
            #expect(others.deliveries.isEmpty)
            let third = try #require(
                try await EventHistory(database: world.database).cursor(
                    of: UUID(text: deliveries[2].message.messageId!)!))
            let partial = try await replay.run(after: .start, until: third, to: .queue("target"), pageSize: 2)
            #expect(partial.sent == 3)
            #expect(partial.cursor == third)
            await #expect(throws: ReplayError.self) { try await replay.run(after: .start, to: .queue("nobody")) }
        }
    }

    @Test("A handler's progress moves with the sequence and stays behind a gap when it needs all")
    func progress() async throws {
        try await World.with { world in
            let item = UUID.v7()
            func advance(_ sequence: Int64, all: Bool = false) async throws -> SequenceVerdict {
                try await world.database.transaction(as: .tenant(world.tenant)) { tx in
                    try await SequenceGuard.advance(
                        "x", tenantId: world.tenant, aggregateId: item, sequence: sequence, requiringAll: all, in: tx)
                }
            }
            var verdicts: [SequenceVerdict] = []
            for (sequence, needsAll) in [(1, false), (1, false), (3, true), (2, true), (5, false), (4, false)] {
                verdicts.append(try await advance(Int64(sequence), all: needsAll))
            }
            #expect(verdicts == [.next, .stale, .gap(expected: 2), .next, .gap(expected: 3), .stale])
        }
    }
}
