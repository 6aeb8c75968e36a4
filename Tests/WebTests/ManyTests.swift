import Contracts
import Database
import Foundation
import HTTPTypes
import Synchronization
import TestKit
import Testing
import Web

@Suite("Many rows at once")
struct ManyTests {
    private static let store = GadgetRoutes.store
    /// What the gadgets are to have, one after the other.
    private static let changes: [Values] = [
        ["status": "live"], ["name": "Same"], ["size": Int64?.none, "tags": ["a", "b"]],
        ["status": "live", "size": Int64(12)], ["name": "New", "active": false],
        ["dueAt": Timestamp(microseconds: 1_800_000_000_000_000)],
    ]

    /// Rows, audits and events after the changes, without what differs from run to run.
    private static func effects(
        _ change: @escaping @Sendable ([Record], Web.Operation) async throws -> Void
    ) async throws -> [[[String?]]] {
        let seen = Mutex<[[[String?]]]>([])
        try await Harness.with { api in
            for index in changes.indices {
                let made = try await api.send(
                    .post, "gadgets", ["name": .string(index == 1 ? "Same" : "Old \(index)"), "size": 7, "tags": ["x"]])
                #expect(made.status == 201)
            }
            try await api.database.transaction(as: .tenant(api.tenant)) { tx in
                let op = Operation(tx: tx, tenantId: api.tenant, actorName: "test")
                let rows = try await store.select(
                    "TRUE ORDER BY t.number", in: tx, tenantId: api.tenant, forUpdate: true)
                try await change(rows, op)
            }
            let read = [
                """
                SELECT to_jsonb(g) - 'id' - 'tenant_id' - 'created_at' - 'updated_at' - 'retired_at' - 'created_by'
                FROM sample.gadgets AS g ORDER BY number
                """,
                """
                SELECT g.number, a.entity_version, a.action, a.actor_name, a.changes FROM sample.audits AS a
                JOIN sample.gadgets AS g ON g.id = a.entity_id WHERE a.action = 'update' ORDER BY g.number, 2
                """,
                """
                SELECT g.number, e.name, e.sequence, e.aggregate_version, e.payload::jsonb -> 'updatedFields'
                FROM sample.events AS e JOIN sample.gadgets AS g ON g.id = e.aggregate_id
                WHERE e.name <> 'gadget.created' ORDER BY g.number, e.sequence
                """,
            ]
            var effects: [[[String?]]] = []
            for sql in read { effects.append(try await api.test.superuser(sql)) }
            seen.withLock { $0 = effects }
        }
        return seen.withLock { $0 }
    }

    @Test("Changed together, rows have what they have when each is changed alone: values, versions, audit, events")
    func update() async throws {
        let alone = try await Self.effects { rows, op in
            for (row, changes) in zip(rows, Self.changes) {
                _ = try await Self.store.update(row, changes: changes, in: op)
            }
        }
        let together = try await Self.effects { rows, op in
            let answers = try await Self.store.update(
                many: zip(rows, Self.changes).map { ($0, $1, nil) }, in: op)
            #expect(answers.map(\.id) == rows.map(\.id))
            #expect(answers.map(\.version) == [2, 1, 2, 2, 2, 2])
        }
        #expect(alone[1].count == 5 && alone[2].count == 5)
        #expect(together == alone)
    }

    @Test("A row that was changed meanwhile is a conflict, and a rule that one of them breaks is told")
    func refusals() async throws {
        try await Harness.with { api in
            for name in ["One", "Two"] {
                let made = try await api.send(.post, "gadgets", ["name": .string(name)])
                #expect(made.status == 201, "\(made.text)")
            }
            try await api.database.transaction(as: .tenant(api.tenant)) { tx in
                let op = Operation(tx: tx, tenantId: api.tenant)
                let rows = try await Self.store.select("TRUE ORDER BY t.number", in: tx, tenantId: api.tenant)
                try #require(rows.count == 2)
                _ = try await Self.store.update(rows[1], changes: ["name": "Mine"], in: op)
                let late = await #expect(throws: Problem.self) {
                    try await Self.store.update(many: rows.map { ($0, ["name": "Late"], nil) }, in: op)
                }
                #expect(late?.code == "changed_meanwhile")
                let wrong = await #expect(throws: Problem.self) {
                    try await Self.store.update(many: [(rows[0], ["status": "retired"], nil)], in: op)
                }
                #expect(wrong?.code == "bad_transition")
            }
        }
    }
}
