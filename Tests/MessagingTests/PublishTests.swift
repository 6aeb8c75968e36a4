import Contracts
import Database
import Foundation
import TestKit
import Testing

@testable import Messaging

@Suite("Publishing on a transaction")
struct PublishTests {
    private struct Rollback: Error {}

    @Test(
        "The history has exactly the events of committed transactions, savepoints included",
        arguments: 0..<6 as Range<UInt64>)
    func exactlyItsEvents(seed: UInt64) async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let tenants = [UUID.v7(), UUID.v7()]
            let items = (0..<5).map { _ in UUID.v7() }
            var random = SeededGenerator(seed: seed)
            var expected: Set<UUID> = []
            for _ in 0..<40 {
                let tenant = tenants.randomElement(using: &random)!
                var published: Set<UUID> = []
                var script = random
                _ = random.next()
                do {
                    try await test.database.transaction(as: .tenant(tenant)) { tx in
                        func publishSome() throws -> Set<UUID> {
                            var ids: Set<UUID> = []
                            for _ in 0..<Int.random(in: 0...3, using: &script) {
                                let item = items.randomElement(using: &script)!
                                ids.insert(try tx.publish(ItemMoved(itemId: item, step: 0), version: 1, actor: .system))
                            }
                            return ids
                        }
                        published.formUnion(try publishSome())
                        for _ in 0..<Int.random(in: 0...2, using: &script) {
                            do {
                                let inside = try await tx.savepoint { _ in
                                    let ids = try publishSome()
                                    if Bool.random(using: &script) { throw Rollback() }
                                    return ids
                                }
                                published.formUnion(inside)
                            } catch is Rollback {}
                            published.formUnion(try publishSome())
                        }
                        if Int.random(in: 0..<3, using: &script) == 0 { throw Rollback() }
                    }
                    expected.formUnion(published)
                } catch is Rollback {}
            }
            let rows = try await test.superuser("SELECT event_id, payload FROM tests.events")
            #expect(Set(rows.compactMap { $0[0].flatMap { UUID(text: $0) } }) == expected)
            #expect(try await test.superuser("SELECT event_id FROM tests.outbox").count == expected.count)
            // Without gaps, also over rollbacks.
            let gaps = try await test.superuser(
                """
                SELECT tenant_id, aggregate_id FROM tests.events GROUP BY 1, 2
                HAVING count(*) <> max(sequence) OR min(sequence) <> 1 OR count(DISTINCT sequence) <> count(*)
                """)
            #expect(gaps.isEmpty)
        }
    }

    @Test("Concurrent transactions number an aggregate's events without gaps, and positions rise with the numbers")
    func concurrentNumbers() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let tenant = UUID.v7()
            let items = (0..<3).map { _ in UUID.v7() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for round in 0..<20 {
                            try await test.database.transaction(as: .tenant(tenant)) { tx in
                                // In different orders, which must not end in deadlocks.
                                for item in writer % 2 == 0 ? items : items.reversed() {
                                    try tx.publish(ItemMoved(itemId: item, step: round), version: 1, actor: .system)
                                    if round % 3 == 0 {
                                        try tx.publish(
                                            ItemMoved(itemId: item, step: -round), version: 1, actor: .system)
                                    }
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            for item in items {
                let rows = try await test.superuser(
                    "SELECT sequence, payload::json->>'sequence' FROM tests.events WHERE aggregate_id = '\(item)' ORDER BY position"
                )
                #expect(rows.map { $0[0] } == (1...216).map { "\($0)" })
                #expect(rows.allSatisfy { $0[0] == $0[1] })
            }
        }
    }

    @Test("The payload is the envelope and the event's fields; awkward text survives")
    func payload() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let tenant = UUID.v7()
            var random = SeededGenerator(seed: 4)
            for step in 1...20 {
                let event = ItemMoved(itemId: UUID.v7(), step: step, note: random.text(maxLength: 40))
                let actor = Actor.user(.v7())
                let at = Timestamp(milliseconds: 1_700_000_000_123)
                let id = try await test.database.transaction(as: .tenant(tenant)) { tx in
                    try tx.publish(
                        event, version: 7, actor: actor, occurredAt: at, causationId: "req-\"1\"", idempotencyKey: "k")
                }
                let text = try #require(
                    try await test.superuser("SELECT payload FROM tests.events WHERE event_id = '\(id)'")[0][0])
                let message = try Wire.decode(Message<ItemMoved>.self, from: Array(text.utf8))
                #expect(message.event == event)
                let envelope = EventEnvelope(
                    eventId: id, tenantId: tenant, occurredAt: at, actor: actor, version: 7, sequence: 1,
                    causationId: "req-\"1\"", idempotencyKey: "k")
                #expect(message.envelope == envelope)
            }
        }
    }

    @Test("The context gives what the publisher does not say")
    func context() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let context = MessagingContext(
                tenantId: .v7(), actor: .system, causationId: "request-1",
                traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            let id = try await MessagingContext.$current.withValue(context) {
                try await test.database.transaction(as: .admin) { tx in
                    try tx.publish(ItemMoved(itemId: .v7(), step: 1), version: 1)
                }
            }
            let row = try await test.superuser(
                "SELECT tenant_id, traceparent, payload::json->>'causationId', payload::json->>'actorType' FROM tests.events WHERE event_id = '\(id)'"
            )[0]
            #expect(row == [context.tenantId!.text, context.traceparent, "request-1", "system"])
        }
    }

    @Test("A draft publishes a contract that is a value")
    func draft() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let contract = EventContract(
                name: "canned_reply.created", summary: "s", category: "c", owner: "tests", status: .emitted,
                schema: [:],
                example: [:])
            let id = UUID.v7()
            try await test.database.transaction(as: .tenant(.v7())) { tx in
                try tx.publish(
                    EventDraft(
                        contract: contract, aggregate: Aggregate(type: "canned_reply", id: id),
                        fields: ["cannedReplyId": .uuid(id), "title": "Hello"], version: 1, actor: .system))
            }
            let row = try await test.superuser("SELECT name, schema_ref, payload::json->>'title' FROM tests.events")[0]
            #expect(row == ["canned_reply.created", contract.schemaRef, "Hello"])
        }
    }

    @Test("Publishing for nobody, for somebody else, or something huge is refused")
    func refusals() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let event = ItemMoved(itemId: .v7(), step: 1)
            func reason(_ scope: Scope, tenantId: UUID? = nil, note: String? = nil, version: Int64 = 1) async throws
                -> PublishError.Reason?
            {
                do {
                    try await test.database.transaction(as: scope) { tx in
                        var event = event
                        event.note = note
                        try tx.publish(event, version: version, tenantId: tenantId)
                    }
                    return nil
                } catch let error as PublishError {
                    return error.reason
                }
            }
            #expect(try await reason(.admin) == .noTenant)
            #expect(try await reason(.none) == .noTenant)
            #expect(try await reason(.tenant(.v7()), tenantId: .v7()) == .otherTenant)
            #expect(try await reason(.admin, tenantId: .v7()) == nil)
            #expect(try await reason(.tenant(.v7()), version: 0) == .invalidVersion(0))
            let huge = String(repeating: "x", count: Transaction.eventSizeBytesMax)
            guard case .tooLarge? = try await reason(.tenant(.v7()), note: huge) else {
                Issue.record("a huge event was taken")
                return
            }
            #expect(try await test.superuser("SELECT FROM tests.events").count == 1)
        }
    }
}

@Suite("The messaging tables")
struct SchemaTests {
    @Test("Every table with a tenant has forced row-level security and shows nothing without a tenant")
    func isolation() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let (mine, other) = (UUID.v7(), UUID.v7())
            for tenant in [mine, other] {
                try await test.database.transaction(as: .tenant(tenant)) { tx in
                    try tx.publish(ItemMoved(itemId: .v7(), step: 1), version: 1, actor: .system)
                    tx.enqueue(
                        "INSERT INTO inbox (tenant_id, consumer, event_id) VALUES (\(tenant), 'x', \(UUID.v7()))")
                    tx.enqueue(
                        "INSERT INTO aggregate_progress (tenant_id, consumer, aggregate_id, last_sequence) VALUES (\(tenant), 'x', \(UUID.v7()), 1)"
                    )
                    tx.enqueue(
                        """
                        INSERT INTO parked_messages (
                            tenant_id, consumer, event_id, aggregate_id, attempts, exchange, routing_key, properties, body
                        ) VALUES (\(tenant), 'x', \(UUID.v7()), \(UUID.v7()), 0, '', '', '{}', '')
                        """)
                }
            }
            let tables = try await test.superuser(
                """
                SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, c.relispartition
                FROM pg_class AS c
                WHERE c.relnamespace = 'tests'::regnamespace AND c.relkind IN ('r', 'p')
                    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')
                """)
            #expect(tables.count > 8)
            for table in tables {
                let name = try #require(table[0])
                #expect(table[1] == "t", "\(name) lacks forced row-level security")
                let count = SQL(unsafe: "SELECT count(*) FROM \(name)")
                func visible(_ scope: Scope) async throws -> Int {
                    try await test.database.transaction(as: scope) { try await $0.first(count)!.get(0) }
                }
                #expect(try await visible(.none) == 0, "\(name)")
                if table[2] != "t", name != "items", name != "effects" {
                    #expect(try await visible(.tenant(mine)) == 1, "\(name)")
                    #expect(try await visible(.admin) == 2, "\(name)")
                }
            }
        }
    }

    @Test("The service can neither change nor delete history, nor drop its partitions but by age")
    func appendOnly() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            for statement: SQL in [
                "UPDATE events SET payload = '{}'", "DELETE FROM events", "TRUNCATE events",
                "DROP TABLE events_default",
            ] {
                await #expect(throws: DatabaseError.self) {
                    try await test.database.transaction(as: .admin) { try await $0.execute(statement) }
                }
            }
            await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .admin) {
                    try await $0.execute("SELECT drop_event_partitions(0)")
                }
            }
        }
    }

    @Test(
        "Partitions are made ahead, rows move out of the default, old ones are dropped unless they wait in the outbox")
    func partitions() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            let upkeep = MessagingUpkeep(
                service: World.service, database: test.database,
                amqp: try AMQPClientStub.unconnected())
            // As if upkeep had not run for long: today's partition is missing.
            let today = try #require(
                try await test.superuser("SELECT 'events_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")[0][0])
            try await test.superuser("DROP TABLE IF EXISTS tests.\(today)")
            try await test.database.transaction(as: .tenant(.v7())) { tx in
                try tx.publish(ItemMoved(itemId: .v7(), step: 1), version: 1, actor: .system)
            }
            #expect(try await test.superuser("SELECT FROM tests.events_default").count == 1)
            try await upkeep.keepHouse()
            #expect(try await test.superuser("SELECT FROM tests.events_default").isEmpty)
            #expect(try await test.superuser("SELECT FROM tests.\(today)").count == 1)
            let secured = try await test.superuser(
                "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'tests.\(today)'::regclass")
            #expect(secured[0][0] == "t")

            // Two days of long ago, one with an event that the broker has not confirmed.
            for day in ["20200101", "20200102"] {
                let from = "\(day.prefix(4))-01-\(day.suffix(2))"
                try await test.superuser(
                    "CREATE TABLE tests.events_\(day) (LIKE tests.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
                try await test.superuser(
                    "ALTER TABLE tests.events_\(day) OWNER TO deskwire_tests_owner")
                try await test.superuser(
                    "ALTER TABLE tests.events ATTACH PARTITION tests.events_\(day) FOR VALUES FROM ('\(from) 00:00+00') TO ('\(from) 23:59:59+00')"
                )
            }
            try await test.superuser(
                """
                INSERT INTO tests.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
                VALUES (gen_random_uuid(), 0, 0, gen_random_uuid(), 1, gen_random_uuid(), '1', '2020-01-02 12:00+00')
                """)
            try await upkeep.keepHouse()
            let left = try await test.superuser(
                "SELECT relname FROM pg_class WHERE relname ~ '^events_2020[0-9]+$' AND relkind = 'r'")
            #expect(left.map { $0[0] } == ["events_20200102"])
            try await test.superuser("DELETE FROM tests.outbox WHERE position = 0")
            try await upkeep.keepHouse()
            #expect(try await test.superuser("SELECT FROM pg_class WHERE relname = 'events_20200102'").isEmpty)
        }
    }

    @Test("A history that was restored into another cluster can be read on, and so can the outbox")
    func restored() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            for step in 1...3 {
                try await test.database.transaction(as: .tenant(.v7())) { tx in
                    try tx.publish(ItemMoved(itemId: .v7(), step: step), version: 1, actor: .system)
                }
            }
            // Transaction ids of a cluster that was much older.
            for table in ["events", "outbox"] {
                try await test.superuser("UPDATE tests.\(table) SET xid = (xid::text::bigint + 4000000000)::text::xid8")
            }
            let history = EventHistory(database: test.database)
            #expect(try await history.page(after: .start).events.isEmpty)
            let upkeep = MessagingUpkeep(
                service: World.service, database: test.database, amqp: try AMQPClientStub.unconnected())
            try await upkeep.keepHouse()
            try await test.database.transaction(as: .tenant(.v7())) { tx in
                try tx.publish(ItemMoved(itemId: .v7(), step: 4), version: 1, actor: .system)
            }
            try await eventually("all is readable") { try await history.page(after: .start).events.count == 4 }
            let events = try await history.page(after: .start).events
            let steps = try events.map { try Wire.decode(ItemMoved.self, from: $0.payload).step }
            #expect(steps == [1, 2, 3, 4])
            let joined = try await test.superuser("SELECT FROM tests.outbox JOIN tests.events USING (xid, position)")
            #expect(joined.count == 4)
        }
    }

    @Test("Old inbox rows are pruned, young ones stay")
    func inboxPruning() async throws {
        try await TestDatabase.with(World.service, World.migrations) { test in
            try await test.superuser(
                """
                INSERT INTO tests.inbox (tenant_id, consumer, event_id, handled_at)
                SELECT gen_random_uuid(), 'x', gen_random_uuid(), now() - make_interval(days => n) FROM generate_series(0, 29) AS n
                """)
            let upkeep = MessagingUpkeep(
                service: World.service, database: test.database, amqp: try AMQPClientStub.unconnected())
            try await upkeep.keepHouse()
            #expect(try await test.superuser("SELECT FROM tests.inbox").count == 14)
        }
    }
}
