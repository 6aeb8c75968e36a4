import Contracts
import Database
import Foundation
import TestKit
import Testing

@testable import Messaging

@Suite("Fencing in the database")
struct FencingTests {
    @Test("What was confirmed under an epoch is deleted only while the lease has that epoch and that owner")
    func deletion() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let item = UUID.v7()
            try await test.database.transaction(as: .tenant(.v7())) { tx in
                for step in 1...3 { try tx.publish(ItemMoved(itemId: item, step: step), version: 1, actor: .system) }
            }
            let (me, other) = (UUID(), UUID())
            let leases = RelayLeases(database: test.database, me: me, timeToLive: .seconds(60))
            let held = try await leases.round(idle: [], leaving: []).held
            #expect(held.count == OutboxPartition.count)
            let partition = OutboxPartition.of(item)
            let epoch = try #require(held[partition]?.epoch)
            let positions = try await test.superuser("SELECT position FROM tests.outbox ORDER BY position")
                .compactMap { $0[0].flatMap(Int64.init) }
            func delete(_ position: Int64, epoch: Int64, owner: UUID) async throws -> Int {
                try await test.database.transaction(as: .admin) { tx in
                    let deletion = RelayMachine.Deletion(partition: partition, epoch: epoch, positions: [position])
                    return try await tx.query(OutboxSQL.delete([deletion], owner: owner)).first?.get(1) ?? 0
                }
            }
            #expect(try await delete(positions[0], epoch: epoch - 1, owner: me) == 0)
            #expect(try await delete(positions[0], epoch: epoch, owner: other) == 0)
            #expect(try await delete(positions[0], epoch: epoch, owner: me) == 1)

            // Another relay finds the first one's time run out and takes its leases.
            try await test.superuser("UPDATE tests.relay_members SET expires_at = now() - interval '1 second'")
            let taken = try await RelayLeases(database: test.database, me: other, timeToLive: .seconds(60))
                .round(idle: [], leaving: []).held
            #expect(taken[partition]?.epoch == epoch + 1)
            #expect(try await delete(positions[1], epoch: epoch, owner: me) == 0)
            #expect(try await leases.round(idle: [], leaving: []).held.isEmpty)
            #expect(try await test.superuser("SELECT FROM tests.outbox").count == 2)
        }
    }

    @Test("However large the backlog and whatever the statistics say, the outbox is read by its index")
    func plan() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            try await test.superuser(
                """
                INSERT INTO tests.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
                SELECT gen_random_uuid(), n, n % 16, gen_random_uuid(), 1, gen_random_uuid(), '3', now()
                FROM generate_series(1, 20000) AS n
                """)
            let reading = RelayMachine.Reading(
                partitions: Dictionary(uniqueKeysWithValues: (0..<16).map { ($0, 1) }), limit: 100, known: [1, 2, 3],
                skipped: [UUID()])
            for (isAnalyzed, mode) in [
                (false, "force_generic_plan"), (false, "force_custom_plan"), (true, "force_generic_plan"),
                (true, "force_custom_plan"),
            ] {
                if isAnalyzed { try await test.superuser("ANALYZE tests.outbox") }
                let plan = try await test.database.transaction(as: .admin) { tx in
                    tx.enqueue(relayTransactionSettings)
                    tx.enqueue("SELECT set_config('plan_cache_mode', \(mode), true)")
                    return try await tx.query("EXPLAIN \(OutboxSQL.read(reading))")
                        .map { try $0.get(0, as: String.self) }.joined(separator: "\n")
                }
                #expect(plan.contains("Index Scan using outbox_partition_position_idx"), "\(plan)")
                #expect(!plan.contains("Seq Scan"), "\(plan)")
                #expect(!plan.contains("Sort"), "\(plan)")
            }
        }
    }
}
