import AMQP
import Contracts
import Foundation
import NIOHTTP1
import Synchronization

/// Runs a body with a connected AMQP client.
func withBroker<R: Sendable>(_ stack: StackUnderTest, _ body: (AMQPClient) async throws -> R) async throws -> R {
    let client = AMQPClient(
        try AMQPConfiguration(url: stack.amqpURL, connectionName: "bench"))
    let running = Task { try await client.run() }
    defer { running.cancel() }
    try await client.waitUntilConnected()
    let result = try await body(client)
    client.stop()
    return result
}

/// From the commit to a subscriber, at a steady rate.
struct LatencyMeasure {
    let stack: StackUnderTest
    let seconds: Int
    static let eventsPerSecond = 200

    func run(into table: inout ResultTable) async throws {
        let arrivals = Arrivals()
        let queue = "bench.latency.\(UUID().uuidString)"
        try await withBroker(stack) { client in
            try await client.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            try await client.bindQueue(queue, to: stack.exchange, routingKey: "\(stack.exchange).ticket.created")
            let consumer = try await client.consume(queue, prefetch: 500)
            let receiving = Task {
                for await delivery in consumer {
                    let now = Date().timeIntervalSince1970
                    if let id = delivery.message.messageId { arrivals.note(id.lowercased(), at: now) }
                    consumer.ack(delivery.tag)
                }
            }
            try await load()
            try await Task.sleep(for: .seconds(2))
            receiving.cancel()
            _ = try? await client.deleteQueue(queue)
        }
        let committed = try stack.sql(
            """
            SELECT event_id, extract(epoch FROM recorded_at) FROM tickets.events
            WHERE name = 'ticket.created' AND recorded_at > now() - interval '\(seconds + 30) seconds'
            """)
        var milliseconds: [Double] = []
        let seen = arrivals.all
        for line in committed.split(separator: "\n") {
            let fields = line.split(separator: "|")
            if let at = Double(fields[1]), let arrival = seen[String(fields[0])] {
                milliseconds.append((arrival - at) * 1000)
            }
        }
        milliseconds.sort()
        func percentile(_ share: Double) -> Double {
            milliseconds.isEmpty
                ? .nan : milliseconds[min(milliseconds.count - 1, Int(Double(milliseconds.count) * share))]
        }
        table.add(
            "commit to subscriber at \(Self.eventsPerSecond) events/s (\(milliseconds.count) events)",
            String(format: "p50 %.1f ms, p99 %.1f ms", percentile(0.5), percentile(0.99)),
            least: "p50 30 ms, p99 250 ms", aim: "p50 5 ms, p99 30 ms")
    }

    private func load() async throws {
        let path = "/v1/tenants/\(stack.tenant)/tickets"
        try await withThrowingTaskGroup(of: Void.self) { group in
            let started = ContinuousClock.now
            for number in 0..<(seconds * Self.eventsPerSecond) {
                try await Task.sleep(until: started + .seconds(Double(number) / Double(Self.eventsPerSecond)))
                group.addTask {
                    _ = try await stack.send(.POST, path, json: #"{"subject":"Where can I change my time zone?"}"#)
                }
            }
            try await group.waitForAll()
        }
    }
}

/// When each event arrived, in seconds since the epoch, by event id.
private final class Arrivals: Sendable {
    private let times = Mutex<[String: Double]>([:])
    var all: [String: Double] { times.withLock { $0 } }
    func note(_ id: String, at time: Double) { times.withLock { $0[id] = time } }
}

/// The relay emptying a prepared outbox, against the broker's own rate of confirmed messages.
struct DrainMeasure {
    let stack: StackUnderTest
    let rows: Int

    func run(into table: inout ResultTable) async throws {
        let bound = try await bareConfirmedRate()
        try stack.sql(Self.prepare(rows: rows, tenant: stack.tenant))
        let elapsed = try await stack.seconds(within: 600) {
            try stack.sql("SELECT NOT EXISTS (SELECT FROM tickets.outbox)") == "t"
        }
        let rate = elapsed.map { Double(rows) / $0 } ?? 0
        table.add(
            "relay drain of \(rows) prepared outbox rows", perSecond(rate), bound: "bare broker \(perSecond(bound))",
            ratio: rate / bound, least: "3,000/s", aim: "50 %")
    }

    /// Rows as a publishing transaction writes them, of an event that no service handles.
    private static func prepare(rows: Int, tenant: String) -> String {
        """
        BEGIN;
        CREATE TEMPORARY TABLE prepared AS
            SELECT gen_random_uuid() AS event_id, gen_random_uuid() AS aggregate_id, n FROM generate_series(1, \(rows)) AS n;
        WITH made AS (
            INSERT INTO tickets.events (tenant_id, event_id, occurred_at, name, schema_version, schema_ref,
                aggregate_type, aggregate_id, aggregate_version, sequence, payload)
            SELECT '\(tenant)', event_id, now(), 'bench_row.prepared', 1, 'payload.BenchRowPrepared.v1', 'bench_row',
                aggregate_id, 1, 1, '{"eventId":"' || event_id || '","tenantId":"\(tenant)","sequence":1,"text":"'
                || repeat('x', 500) || '"}'
            FROM prepared
            RETURNING tenant_id, position, aggregate_id, sequence, event_id, xid, recorded_at
        )
        INSERT INTO tickets.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
        SELECT tenant_id, position, abs(hashtext(aggregate_id::text)) % 16, aggregate_id, sequence, event_id, xid, recorded_at
        FROM made;
        COMMIT;
        """
    }

    private func bareConfirmedRate() async throws -> Double {
        let count = 60_000
        let queue = "bench.bare.\(UUID().uuidString)"
        return try await withBroker(stack) { client in
            try await client.declareExchange("bench.bare", type: "topic")
            try await client.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            try await client.bindQueue(queue, to: "bench.bare", routingKey: "#")
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 600)
            let batch = (0..<500).map { _ in
                AMQPPublication(exchange: "bench.bare", routingKey: "bench.row", message: AMQPMessage(body: body))
            }
            let started = ContinuousClock.now
            for _ in 0..<(count / batch.count) { _ = try await client.publish(batch) }
            let elapsed = (ContinuousClock.now - started).seconds
            _ = try await client.deleteQueue(queue)
            try await client.deleteExchange("bench.bare")
            return Double(count) / elapsed
        }
    }
}
