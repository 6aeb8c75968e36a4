import Contracts
import Database
import Foundation
import Synchronization
import TestKit
import Testing

@testable import Messaging

@Suite("Handlers that subscribe while somebody has use for their events", .serialized)
struct DemandTests {
    /// Wanted as long as the item is there.
    struct Sometimes: OccasionalHandler {
        let recorder = BatchRecorder(name: "sometimes", patterns: ["#"])
        let reason: UUID
        var name: String { recorder.name }
        var patterns: [String] { recorder.patterns }

        func isWanted(in tx: Transaction) async throws -> Bool {
            try await tx.first("SELECT FROM items WHERE id = \(reason)") != nil
        }

        func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
            try await recorder.handle(messages, in: tx)
        }
    }

    private func demand(_ handler: Sometimes, in world: World) -> Demand {
        Demand(service: World.service, topology: world.topology, partitions: 4, amqp: world.amqp, handler: handler)
    }

    private func want(_ handler: Sometimes, in world: World, before commit: () async throws -> Void = {}) async throws {
        try await world.database.transaction(as: .tenant(world.tenant)) { tx in
            try await demand(handler, in: world).arise(in: tx)
            try await tx.execute(
                "INSERT INTO items (tenant_id, id, version) VALUES (\(world.tenant), \(handler.reason), 1)")
            try await commit()
        }
    }

    @Test("Nothing comes before it is wanted, all comes after, and nothing once nobody wants it any more")
    func comesAndGoes() async throws {
        try await World.with { world in
            let handler = Sometimes(reason: .v7())
            let other = BatchRecorder(name: "other", patterns: ["thing.*"])
            // Alone in its queues: whatever is in them has come by its subscription.
            let handlers = [MessageHandler(handler), MessageHandler(other)]
            func publish(_ comes: Bool) async throws {
                let item = UUID.v7()
                let witness = try await world.subscribe(queue: "witness-\(item.uuidString)")
                try await world.running(world.consumer(handlers)) {
                    try await world.bound([MessageHandler(other)])
                    try await world.running(world.relay()) {
                        try await world.publish([item])
                        _ = try await witness.receive(1)
                        if comes {
                            try await eventually("it has come") { try await world.effects("sometimes")[item] == [1] }
                        } else {
                            try await world.drained()
                            #expect(try await world.effects("sometimes")[item] == nil)
                        }
                    }
                }
            }
            try await publish(false)
            try await want(handler, in: world)
            try await publish(true)
            // Another start of the service.
            try await publish(true)
            _ = try await world.test.superuser("DELETE FROM tests.items WHERE id = '\(handler.reason.text)'")
            try await publish(false)
        }
    }

    @Test("A subscription is not ended while somebody is about to rely on it")
    func race() async throws {
        try await World.with { world in
            let handler = Sometimes(reason: .v7())
            let item = UUID.v7()
            let isAsked = Mutex(false)
            let starting: @Sendable () async throws -> Void = {
                try await eventually("it is asked for") { isAsked.withLock { $0 } }
                try await world.consumer([MessageHandler(handler)]).run()
            }
            try await world.running([starting]) {
                try await want(handler, in: world) {
                    isAsked.withLock { $0 = true }
                    try await eventually("the service waits for the lock") {
                        try await world.test.superuser(
                            """
                            SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
                            WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted
                            """
                        ).count == 1
                    }
                }
                try await world.bound([MessageHandler(handler)])
                try await world.running(world.relay()) {
                    try await world.publish([item])
                    try await eventually("the event has come") { try await world.effects("sometimes")[item] == [1] }
                }
            }
        }
    }

    @Test("What can't be subscribed to is not promised")
    func brokerAway() async throws {
        try await World.with { world in
            let away = Demand(
                service: World.service, topology: world.topology, partitions: 4, amqp: try AMQPClientStub.unconnected(),
                handler: Sometimes(reason: .v7()))
            await #expect(throws: BrokerUnavailable.self) {
                try await world.database.transaction(as: .tenant(world.tenant)) { tx in try await away.arise(in: tx) }
            }
        }
    }
}
