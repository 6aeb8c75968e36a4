import AMQP
import Synchronization
import TestKit
import Testing

@testable import Messaging

@Suite("What several queues hold is handled together")
struct BatchGathererTests {
    struct Bad: Error {}

    private func message(_ id: String) -> ReceivedMessage {
        ReceivedMessage(exchange: "", routingKey: "", message: AMQPMessage(body: [], messageId: id))
    }

    /// A gatherer whose batches are noted; the first one waits for `gate`.
    private func gatherer(
        full: Int = 1_000, spacing: Duration, patience: Duration = .seconds(3_600), log: Log,
        handle: @escaping @Sendable (Int) async throws -> Void
    ) -> BatchGatherer {
        BatchGatherer(spacing: spacing, patience: patience, full: full) { batch in
            try await handle(log.note(batch.compactMap(\.message.messageId)))
        }
    }

    final class Log: Sendable {
        private let batches = Mutex<[[String]]>([])
        /// Answers the batch's number, from 0.
        func note(_ batch: [String]) -> Int {
            batches.withLock {
                $0.append(batch)
                return $0.count - 1
            }
        }
        var all: [[String]] { batches.withLock { $0 } }
    }

    @Test("A message that comes alone is handled at once, and by itself")
    func alone() async throws {
        let log = Log()
        let gatherer = gatherer(spacing: .zero, log: log) { _ in }
        for number in 0..<5 { try await gatherer.process([message("\(number)")]) }
        #expect(log.all == [["0"], ["1"], ["2"], ["3"], ["4"]])
    }

    @Test(
        "What comes while a batch is handled is handled together, each in its order, and each caller hears of its own")
    func together() async throws {
        let log = Log()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let gatherer = gatherer(spacing: .zero, log: log) { number in
            if number == 0 { for await _ in gate { break } }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gatherer.process([message("first")]) }
            try await eventually("the first is handled") { log.all.count == 1 }
            for queue in 0..<4 {
                group.addTask { try await gatherer.process((0..<3).map { message("\(queue)-\($0)") }) }
            }
            try await eventually("the others wait") { gatherer.waitingCount == 12 }
            open.yield()
            try await group.waitForAll()
        }
        #expect(log.all.count == 2)
        let rest = log.all[1]
        for queue in 0..<4 {
            #expect(rest.filter { $0.hasPrefix("\(queue)-") } == (0..<3).map { "\(queue)-\($0)" })
        }
    }

    @Test("A failure reaches all whose messages were in the batch, and nobody else")
    func failure() async throws {
        let log = Log()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let gatherer = gatherer(spacing: .zero, log: log) { number in
            if number == 0 { for await _ in gate { break } }
            if number == 1 { throw Bad() }
        }
        await withTaskGroup(of: Bool.self) { group in
            func add(_ name: String) {
                group.addTask {
                    do {
                        try await gatherer.process([message(name)])
                        return true
                    } catch {
                        return false
                    }
                }
            }
            add("first")
            try? await eventually("the first is handled") { log.all.count == 1 }
            for name in ["a", "b", "c"] { add(name) }
            try? await eventually("the others wait") { gatherer.waitingCount == 3 }
            open.yield()
            var outcomes: [Bool] = []
            for await outcome in group { outcomes.append(outcome) }
            #expect(outcomes.filter { $0 }.count == 1)
        }
        #expect(log.all.map { $0.count } == [1, 3])
        try await gatherer.process([message("later")])
    }

    @Test("A batch waits for its time, and no longer than until somebody's is full")
    func spacing() async throws {
        let log = Log()
        let gatherer = gatherer(full: 3, spacing: .seconds(3_600), log: log) { _ in }
        // The time of the first has come; its successor's comes in an hour.
        try await gatherer.process([message("0")])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gatherer.process([message("1")]) }
            try await eventually("it waits") { gatherer.waitingCount == 1 }
            group.addTask { try await gatherer.process([message("2"), message("3")]) }
            try await eventually("it waits") { gatherer.waitingCount == 3 }
            group.addTask { try await gatherer.process((4...6).map { message("\($0)") }) }
            try await group.waitForAll()
        }
        #expect(log.all.map(\.count) == [1, 6])
    }

    @Test("A batch that does not end holds nobody up for long")
    func patience() async throws {
        let log = Log()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let gatherer = gatherer(spacing: .zero, patience: .milliseconds(20), log: log) { number in
            if number == 0 { for await _ in gate { break } }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gatherer.process([message("slow")]) }
            try await eventually("the slow one is handled") { log.all.count == 1 }
            try await gatherer.process([message("a")])
            try await gatherer.process([message("b")])
            #expect(log.all == [["slow"], ["a"], ["b"]])
            open.yield()
            try await group.waitForAll()
        }
        try await gatherer.process([message("c")])
        #expect(log.all.count == 4)
    }
}
