import AMQP
import Contracts
import Database
import Foundation
import Logging
import Synchronization
import TestKit
import Testing

@testable import Messaging

/// The event that the tests publish.
struct ItemMoved: Event {
    static let name = "item.moved"
    static let version = 1
    static let summary = "An item moved a step."
    static let category = "Test"
    static let owner = "tests"
    static let example = ItemMoved(itemId: UUID(), step: 1, note: nil)

    var itemId: UUID
    var step: Int
    var note: String?

    var aggregate: Aggregate { Aggregate(type: "item", id: itemId) }
}

/// A service's database and a broker, with tables for what handlers do.
struct World: Sendable {
    static let service = "tests"

    let test: TestDatabase
    let broker: TestBroker
    let amqp: AMQPClient
    let topology = Topology(exchange: "shop")
    let tenant = UUID.v7()

    var database: Database { test.database }

    static let migrations: [Migration] = [
        .platform, .messaging,
        Migration(
            version: 100, name: "items",
            sql: """
                CREATE TABLE items (
                    tenant_id uuid NOT NULL, id uuid NOT NULL, version bigint NOT NULL, PRIMARY KEY (tenant_id, id)
                );
                SELECT secure_tenant_table('items');
                -- What handlers did, in the order in which they did it.
                CREATE TABLE effects (
                    tenant_id uuid NOT NULL, position bigint GENERATED ALWAYS AS IDENTITY, handler text NOT NULL,
                    item_id uuid NOT NULL, sequence bigint NOT NULL, PRIMARY KEY (tenant_id, position)
                );
                SELECT secure_tenant_table('effects');
                """),
    ]

    static func with<R: Sendable>(
        connections: Int = 16, _ body: (World) async throws -> R
    ) async throws -> R {
        try await TestDatabase.with(service, migrations, configure: { $0.maxConnections = connections }) { test in
            let broker = try await TestBroker.fresh()
            return try await broker.withClient { amqp in
                let world = World(test: test, broker: broker, amqp: amqp)
                try await world.topology.declareExchange(on: amqp)
                return try await body(world)
            }
        }
    }

    // MARK: Publishing

    /// Publishes one event per item, each in a transaction of its own.
    func publish(_ items: [UUID], tenant: UUID? = nil) async throws {
        for item in items { try await publish(item, count: 1, tenant: tenant) }
    }

    /// Changes an item and publishes `count` events of it, in one transaction.
    func publish(_ item: UUID, count: Int, tenant: UUID? = nil, note: String? = nil) async throws {
        let tenant = tenant ?? self.tenant
        try await database.transaction(as: .tenant(tenant)) { tx in
            let row = try await tx.first(
                """
                INSERT INTO items AS i (tenant_id, id, version) VALUES (\(tenant), \(item), 1)
                ON CONFLICT (tenant_id, id) DO UPDATE SET version = i.version + 1
                RETURNING version
                """)
            let version = try #require(try row?.get(0, as: Int64.self))
            for step in 1...count {
                try tx.publish(ItemMoved(itemId: item, step: step, note: note), version: version, actor: .system)
            }
        }
    }

    // MARK: Running

    func relay(
        database: Database? = nil, amqp: AMQPClient? = nil, limits: RelayLimits = RelayLimits(),
        configure: (inout OutboxRelayConfiguration) -> Void = { _ in }
    ) -> OutboxRelay {
        var configuration = OutboxRelayConfiguration()
        configure(&configuration)
        return OutboxRelay(
            service: Self.service, topology: topology, database: database ?? self.database, amqp: amqp ?? self.amqp,
            configuration: configuration, limits: limits)
    }

    func consumer(
        _ handlers: [MessageHandler], service: String = World.service, amqp: AMQPClient? = nil,
        database: Database? = nil, configure: (inout ConsumerConfiguration) -> Void = { _ in }
    ) -> ConsumerRuntime {
        var configuration = ConsumerConfiguration()
        configuration.retryPolicy = RetryPolicy(delays: Array(repeating: .milliseconds(30), count: 5))
        configure(&configuration)
        return ConsumerRuntime(
            service: service, topology: topology, handlers: handlers, database: database ?? self.database,
            amqp: amqp ?? self.amqp, configuration: configuration)
    }

    /// Runs services beside `body` and cancels them afterwards.
    func running<R: Sendable>(
        _ services: [@Sendable () async throws -> Void], _ body: () async throws -> R
    ) async throws -> R {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service() } }
            let result: R
            do {
                result = try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
            while let _ = await group.nextResult() {}
            return result
        }
    }

    func running<R: Sendable>(_ relays: [OutboxRelay], _ body: () async throws -> R) async throws -> R {
        var services: [@Sendable () async throws -> Void] = []
        for relay in relays { services.append { try await relay.run() } }
        return try await running(services, body)
    }

    func running<R: Sendable>(_ relay: OutboxRelay, _ body: () async throws -> R) async throws -> R {
        try await running([{ try await relay.run() }], body)
    }

    func running<R: Sendable>(_ consumer: ConsumerRuntime, _ body: () async throws -> R) async throws -> R {
        try await running([{ try await consumer.run() }], body)
    }

    /// A queue of a subscriber, and what arrived in it.
    func subscribe(_ pattern: String = "#", queue: String = "subscriber") async throws -> Subscriber {
        try await amqp.declareQueue(queue)
        try await amqp.bindQueue(queue, to: topology.exchange, routingKey: topology.routingKey(pattern))
        return Subscriber(consumer: try await amqp.consume(queue, prefetch: 1000))
    }

    // MARK: Looking

    func count(_ table: String) async throws -> Int {
        Int(try await test.superuser("SELECT count(*) FROM tests.\(table)")[0][0] ?? "") ?? -1
    }

    /// The sequences that a handler applied, by item, in the order of their application.
    func effects(_ handler: String) async throws -> [UUID: [Int64]] {
        let rows = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query("SELECT item_id, sequence FROM effects WHERE handler = \(handler) ORDER BY position")
        }
        return try rows.reduce(into: [:]) { effects, row in
            effects[try row.get(0), default: []].append(try row.get(1))
        }
    }
}

/// Collects what a queue delivers.
final class Subscriber: Sendable {
    private let consumer: AMQPConsumer
    private let received = Mutex<[AMQPDelivery]>([])

    init(consumer: AMQPConsumer) {
        self.consumer = consumer
    }

    var deliveries: [AMQPDelivery] { received.withLock { $0 } }

    /// Takes deliveries until there are `count`.
    func receive(_ count: Int, within limit: Duration = .seconds(120)) async throws -> [AMQPDelivery] {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while self.deliveries.count < count {
                    let batch = await self.consumer.next(upTo: 500)
                    guard let last = batch.last else { break }
                    self.received.withLock { $0 += batch }
                    self.consumer.ack(last.tag, multiple: true)
                }
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw TooFew(expected: count, received: self.deliveries.count)
            }
            try await group.next()
            group.cancelAll()
        }
        return deliveries
    }

    /// Takes deliveries until every item has `count` different ones.
    func receive(_ count: Int, ofEach items: [UUID], within limit: Duration = .seconds(120)) async throws {
        let collecting = Task {
            while !Task.isCancelled {
                let batch = await self.consumer.next(upTo: 500)
                guard let last = batch.last else { break }
                self.received.withLock { $0 += batch }
                self.consumer.ack(last.tag, multiple: true)
            }
        }
        defer { collecting.cancel() }
        try await eventually("\(count) events of each of \(items.count) items", within: limit) {
            let byItem = self.firstDeliveries
            return items.allSatisfy { byItem[$0, default: []].count >= count }
        }
    }

    /// The sequences of each aggregate in the order of their first arrival.
    var firstDeliveries: [UUID: [Int64]] {
        var seen: Set<String> = []
        var sequences: [UUID: [Int64]] = [:]
        for delivery in deliveries {
            guard let id = delivery.message.messageId, seen.insert(id).inserted,
                let aggregate = delivery.message.headers["aggregate-id"]?.stringValue.flatMap(UUID.init(text:)),
                let sequence = delivery.message.headers["aggregate-sequence"]?.intValue
            else { continue }
            sequences[aggregate, default: []].append(sequence)
        }
        return sequences
    }
}

/// Notes what it handled in `effects`, unless told to fail.
struct Recorder: EventHandler {
    typealias Payload = ItemMoved
    static let name = "recorder"

    var behaviour: @Sendable (Message<ItemMoved>) async throws -> Void = { _ in }

    func handle(_ message: Message<ItemMoved>, in tx: Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO effects (tenant_id, handler, item_id, sequence)
            VALUES (\(message.envelope.tenantId), \(Self.name), \(message.event.itemId), \(message.envelope.sequence))
            """)
        try await behaviour(message)
    }
}

/// The same for batches.
struct BatchRecorder: BatchEventHandler {
    let name: String
    let patterns: [String]
    var behaviour: @Sendable ([RawMessage]) async throws -> Void = { _ in }
    var concerns: @Sendable (RawMessage) -> Bool = { _ in true }
    var isRepeatable = false

    func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool] { messages.map(concerns) }

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        try await tx.execute(
            """
            INSERT INTO effects (tenant_id, handler, item_id, sequence)
            SELECT m.tenant_id, \(name), m.item_id, m.sequence
            FROM unnest(
                \(messages.map(\.envelope.tenantId)), \(messages.map(\.aggregate.id)),
                \(messages.map(\.envelope.sequence))
            ) WITH ORDINALITY AS m (tenant_id, item_id, sequence, ordinal)
            ORDER BY ordinal
            """)
        try await behaviour(messages)
    }
}

struct Failure: Error {}

struct TooFew: Error {
    var expected: Int
    var received: Int
}
