import AMQP
import Contracts
import Database
import Foundation
import TestKit
import Testing

@testable import Messaging

/// Not tests but measurements, beside their bounds; run when asked by `MESSAGING_PACE=<rows>`.
@Suite("Pace", .serialized, .enabled(if: Pace.isWanted))
struct PaceTests {
    @Test("The relay drains a prepared outbox; consumers take it in batches")
    func drain() async throws {
        try await World.with { world in
            let rows = Pace.rows
            try await prepare(rows, in: world)
            let queues = Topology.queues(World.service, count: 4)
            try await world.topology.declareConsumer(
                service: World.service, patterns: ["#"], partitions: 4, on: world.amqp)

            let bare = try await bareRate(world, count: min(rows, 50_000))
            for queue in queues { try await world.amqp.purgeQueue(queue) }

            let drained = try await seconds {
                try await world.running(world.relay()) {
                    try await eventually("an empty outbox", within: .seconds(600)) {
                        try await world.test.superuser("SELECT FROM tests.outbox LIMIT 1").isEmpty
                    }
                }
            }
            let handlers = [MessageHandler(BatchRecorder(name: "batch", patterns: ["#"]))]
            let consumed = try await seconds {
                try await world.running(world.consumer(handlers)) {
                    try await eventually("all effects", within: .seconds(600)) {
                        try await world.test.superuser(
                            "SELECT last_value >= \(rows) FROM tests.effects_position_seq")[0][0] == "t"
                    }
                }
            }
            let again = [MessageHandler(Recorder())]
            let single = min(rows, 20_000)
            let replay = HistoryReplay(
                service: World.service, topology: world.topology, history: EventHistory(database: world.database),
                amqp: world.amqp)
            let end = try await EventHistory(database: world.database).page(after: .start, limit: 1000)
            var cursor = end.next
            for _ in 1..<(single / 1000) {
                cursor = try await EventHistory(database: world.database).page(after: cursor, limit: 1000).next
            }
            var replayed = 0
            let replaying = try await seconds {
                replayed = try await replay.run(after: .start, until: cursor, to: .service(World.service)).sent
            }
            let singly = try await seconds {
                try await world.running(world.consumer(again)) {
                    try await eventually("all effects", within: .seconds(600)) {
                        try await world.count("inbox") >= rows + replayed
                    }
                }
            }
            print(
                """
                PACE bare confirmed publishing \(Int(bare))/s
                PACE relay drain of \(rows): \(Int(Double(rows) / drained))/s
                PACE batch handler: \(Int(Double(rows) / consumed))/s
                PACE one handler, message by message: \(Int(Double(replayed) / singly))/s
                PACE replay: \(Int(Double(replayed) / replaying))/s
                """)
        }
    }

    /// Rows as transactions leave them: three events of each aggregate, 600 bytes each.
    private func prepare(_ rows: Int, in world: World) async throws {
        try await world.test.superuser(
            """
            WITH made AS (
                SELECT gen_random_uuid() AS aggregate_id, n FROM generate_series(1, \(rows / 3)) AS n
            ),
            numbered AS MATERIALIZED (
                SELECT aggregate_id, n, s, gen_random_uuid() AS id FROM made, generate_series(1, 3) AS s
            ),
            e AS (
                INSERT INTO tests.events (tenant_id, event_id, occurred_at, name, schema_version, schema_ref, aggregate_type,
                    aggregate_id, aggregate_version, sequence, payload)
                SELECT '\(world.tenant)', id, now(), 'item.moved', 1, 'payload.ItemMoved.v1', 'item', aggregate_id, 1, s,
                    '{"eventId":"' || id || '","tenantId":"\(world.tenant)","occurredAt":"2026-01-02T03:04:05.678Z","version":1,"sequence":'
                        || s || ',"itemId":"' || aggregate_id || '","step":1,"note":"' || repeat('x', 350) || '"}'
                FROM numbered
                ORDER BY n, s
                RETURNING *
            )
            INSERT INTO tests.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
            SELECT tenant_id, position, abs(hashtext(aggregate_id::text)) % 16, aggregate_id, sequence, event_id, xid, recorded_at
            FROM e
            """)
        try await world.test.superuser("ANALYZE tests.outbox")
    }

    /// Messages that the broker confirms in a second when nothing else is done: the relay's bound.
    private func bareRate(_ world: World, count: Int) async throws -> Double {
        let publications = (0..<1000).map { index in
            let record = EventRecord.made(position: Int64(index), aggregate: UUID(), sequence: 1)
            var publication = record.publication(service: World.service, topology: world.topology)
            publication.message.body = Array(repeating: 120, count: 600)
            return publication
        }
        let elapsed = try await seconds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<4 {
                    group.addTask {
                        let part = Array(publications[(lane * 250)..<(lane * 250 + 250)])
                        for _ in 0..<(count / 1000) { _ = try await world.amqp.publish(part) }
                    }
                }
                try await group.waitForAll()
            }
        }
        return Double(count) / elapsed
    }

    private func seconds(_ body: () async throws -> Void) async throws -> Double {
        let begin = ContinuousClock.now
        try await body()
        return (.now - begin) / .seconds(1)
    }
}

private enum Pace {
    static var rows: Int { Int(ProcessInfo.processInfo.environment["MESSAGING_PACE"] ?? "") ?? 0 }
    static var isWanted: Bool { rows > 0 }
}
