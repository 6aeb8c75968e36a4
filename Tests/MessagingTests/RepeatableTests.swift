import Contracts
import Foundation
import Synchronization
import TestKit
import Testing

@testable import Messaging

@Suite("Handlers that may repeat themselves", .serialized)
struct RepeatableTests {
    @Test("Of a handler that may repeat itself only what was given up is remembered, and order holds all the same")
    func repeatable() async throws {
        try await World.with { world in
            let (item, hopeless, stuck) = (UUID.v7(), UUID.v7(), UUID.v7())
            let isBroken = Mutex(true)
            let handler = BatchRecorder(
                name: "again", patterns: ["item.*"],
                behaviour: { messages in
                    for message in messages where message.envelope.sequence == 2 {
                        if message.aggregate.id == hopeless { throw PermanentFailure("hopeless") }
                        if message.aggregate.id == stuck, isBroken.withLock({ $0 }) { throw Failure() }
                    }
                }, isRepeatable: true)
            let handlers = [MessageHandler(handler)]
            let deadLetters = DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp)
            let consumer = world.consumer(handlers) {
                $0.retryPolicy = RetryPolicy(delays: Array(repeating: .milliseconds(100), count: 1000))
            }
            try await world.running(consumer) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    for _ in 0..<3 { try await world.publish([item, hopeless, stuck]) }
                    try await eventually("what can be done is done") {
                        let effects = try await world.effects("again")
                        return effects[item] == [1, 2, 3] && effects[hopeless] == [1, 3] && effects[stuck] == [1]
                    }
                    try await eventually("the third waits behind the second") {
                        try await world.count("parked_messages") == 2
                    }
                    isBroken.withLock { $0 = false }
                    try await eventually("they go on") { try await world.effects("again")[stuck] == [1, 2, 3] }
                    #expect(try await deadLetters.count() == 1)
                    // What was parked was noted when it had its turn.
                    #expect(try await world.count("inbox") == 3)

                    let history = EventHistory(database: world.database)
                    try await eventually("all is readable") {
                        try await history.page(after: .start, limit: 20).events.count == 9
                    }
                    let replay = HistoryReplay(
                        service: World.service, topology: world.topology, history: history, amqp: world.amqp)
                    _ = try await replay.run(after: .start, to: .service(World.service))
                    try await world.drained()
                }
            }
            let effects = try await world.effects("again")
            #expect(effects[item] == [1, 2, 3, 1, 2, 3])
            #expect(effects[hopeless] == [1, 3, 1, 3])
            #expect(effects[stuck] == [1, 2, 3, 1])
            #expect(try await deadLetters.count() == 1)
        }
    }
}
