import Contracts
import Database
import Foundation
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Projections

@Suite("Projections")
struct ProjectionTests {
    let tickets = Projection.tickets(of: "sla")
    let tenant = UUID.v7()

    static let migrations: [Migration] = [
        .platform, .messaging,
        Projection.migration(version: 100, [.tickets(of: "sla"), .users(of: "sla")]),
    ]

    /// What the projection shows of a row, against what the ticket's service would.
    func expect(_ row: ProjectedRow, shows story: TicketStory, _ comment: Comment? = nil) {
        for (field, value) in zip(tickets.fields, row.values) {
            switch field.name {
            case "deletedAt": #expect((value == .null) != story.isDeleted, comment)
            default: #expect(value ?? .null == story.shown[field.name] ?? .null, comment)
            }
        }
    }

    @Test("events in any order, repeated and cut anywhere, say the same", arguments: 0..<200)
    func convergence(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let story = TicketStory(tenant: tenant, length: 12, using: &generator)
        let inOrder = try #require(try tickets.rows(of: story.messages).values.first)
        expect(inOrder, shows: story)

        let noise = story.messages.filter { _ in Bool.random(using: &generator) }
        let shuffled = (story.messages + noise).shuffled(using: &generator)
        var merged = ProjectedRow(fields: tickets.fields.count)
        for batch in shuffled.batches(upTo: 5, using: &generator) {
            merged.merge(try #require(try tickets.rows(of: batch).values.first))
        }
        #expect(merged == inOrder)
        #expect(merged.lastSequence == Int64(story.messages.count))
    }

    @Test("the table ends in the same rows as the events say, whatever order they came in")
    func table() async throws {
        try await TestDatabase.with("sla", Self.migrations) { test in
            var generator = SeededGenerator(seed: 7)
            let stories = (0..<40).map { _ in TicketStory(tenant: tenant, length: 10, using: &generator) }
            let all = stories.flatMap(\.messages)
            let shuffled = (all + all.prefix(100)).shuffled(using: &generator)
            for batch in shuffled.batches(upTo: 100, using: &generator) {
                try await test.database.transaction(as: .admin) { tx in try await tickets.handle(batch, in: tx) }
            }
            try await expect(test.database, holds: stories)
        }
    }

    @Test("a rebuild from the history equals what live events made, live events in between")
    func rebuild() async throws {
        try await TestDatabase.with("sla", Self.migrations) { test in
            var generator = SeededGenerator(seed: 8)
            let stories = (0..<20).map { _ in TicketStory(tenant: tenant, length: 8, using: &generator) }
            func handle(_ messages: [RawMessage]) async throws {
                try await test.database.transaction(as: .admin) { tx in try await tickets.handle(messages, in: tx) }
            }
            for story in stories { try await handle(Array(story.messages.dropLast(2))) }
            // Somebody damages a row, and the rows are made again while the last events come in.
            try await test.database.transaction(as: .admin) { tx in
                _ = try await tx.execute("UPDATE tickets SET subject = 'wrong', sequences[5] = 99")
            }
            let rebuild = ProjectionRebuild(service: "sla", database: test.database, projections: [tickets])
            #expect(try await rebuild.begin() == 20)
            for story in stories {
                try await handle([story.messages[story.messages.count - 2]])
                try await handle(Array(story.messages.dropLast()))
                try await handle([story.messages[story.messages.count - 1]])
            }
            try await expect(test.database, holds: stories)
        }
    }

    func expect(_ database: Database, holds stories: [TicketStory]) async throws {
        let columns = SQL.joined(tickets.fields.map { "t.\(identifier: $0.column)" })
        let rows = try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query("SELECT t.id, \(columns) FROM tickets AS t")
        }
        #expect(rows.count == stories.count)
        let byId = try Dictionary(uniqueKeysWithValues: rows.map { (try $0.get(0, as: UUID.self), $0) })
        for story in stories {
            let row = try #require(byId[story.ticket])
            for (index, field) in tickets.fields.enumerated() {
                let value = try row.json(index + 1)
                switch field.name {
                case "deletedAt": #expect(value.isNull != story.isDeleted)
                default: #expect(value == story.shown[field.name] ?? .null, "\(field.name)")
                }
            }
        }
    }

    @Test("of an entity whose creation was missed, nothing is shown")
    func partialRows() async throws {
        try await TestDatabase.with("sla", Self.migrations) { test in
            var generator = SeededGenerator(seed: 9)
            var story = TicketStory(tenant: tenant, length: 3, using: &generator)
            while story.messages.dropFirst().contains(where: { $0.name != "ticket.updated" }) {
                story = TicketStory(tenant: tenant, length: 3, using: &generator)
            }
            let later = Array(story.messages.dropFirst())
            try await test.database.transaction(as: .admin) { tx in try await tickets.handle(later, in: tx) }
            let condition = try #require(ProjectionResource(tickets).visible(to: .anonymous))
            func shown() async throws -> Int {
                try await test.database.transaction(as: .tenant(tenant), readOnly: true) { tx in
                    try await tx.query("SELECT t.id FROM tickets AS t WHERE \(condition)").count
                }
            }
            #expect(try await shown() == 0)
            let first = [story.messages[0]]
            try await test.database.transaction(as: .admin) { tx in try await tickets.handle(first, in: tx) }
            #expect(try await shown() == 1)
            try await expect(test.database, holds: [story])
        }
    }

    @Test("rows of tenants stay apart")
    func tenants() async throws {
        try await TestDatabase.with("sla", Self.migrations) { test in
            var generator = SeededGenerator(seed: 10)
            let other = UUID.v7()
            let mine = TicketStory(tenant: tenant, length: 0, using: &generator)
            let theirs = TicketStory(tenant: other, length: 0, using: &generator)
            let messages = mine.messages + theirs.messages
            try await test.database.transaction(as: .admin) { tx in try await tickets.handle(messages, in: tx) }
            for (scope, id) in [(tenant, mine.ticket), (other, theirs.ticket)] {
                let ids = try await test.database.transaction(as: .tenant(scope), readOnly: true) { tx in
                    try await tx.query("SELECT id FROM tickets").map { try $0.get(0, as: UUID.self) }
                }
                #expect(ids == [id])
            }
        }
    }

    @Test("a field of another type than the entity has is refused for good")
    func wrongTypes() {
        var generator = SeededGenerator(seed: 11)
        let good = TicketStory(tenant: tenant, length: 0, using: &generator).messages[0]
        for (name, value) in [("number", "one"), ("assigneeId", "nobody"), ("tags", 3), ("createdAt", "soon")]
            as [(String, JSON)]
        {
            var snapshot = good.payload["snapshot"]?.objectValue ?? [:]
            snapshot[name] = value
            let bad = RawMessage(
                name: good.name, routingKey: good.routingKey, schemaRef: good.schemaRef, schemaVersion: 1,
                envelope: good.envelope, aggregate: good.aggregate, payload: ["snapshot": .object(snapshot)],
                source: nil, traceparent: nil, isReplay: false, body: [])
            #expect(throws: PermanentFailure.self) { _ = try tickets.rows(of: [bad]) }
        }
    }

    @Test("a deactivated user is shown as such")
    func deactivation() throws {
        let users = Projection.users(of: "sla")
        let user = UUID.v7()
        func message(_ name: String, _ sequence: Int64, _ payload: JSONObject) -> RawMessage {
            RawMessage(
                name: name, routingKey: "support.\(name)", schemaRef: "", schemaVersion: 1,
                envelope: EventEnvelope(
                    eventId: .v7(), tenantId: tenant, occurredAt: .now, version: sequence, sequence: sequence),
                aggregate: Aggregate(type: "user", id: user), payload: .object(payload), source: nil, traceparent: nil,
                isReplay: false, body: [])
        }
        let snapshot: JSONObject = ["email": "a@b.c", "displayName": "Ann", "roles": ["agent"], "status": "active"]
        let rows = try users.rows(of: [
            message("user.created", 1, ["snapshot": .object(snapshot)]), message("user.deactivated", 2, [:]),
        ])
        let row = try #require(rows.values.first)
        let status = try #require(users.fields.firstIndex { $0.name == "status" })
        #expect(row.values[status] == "deactivated")
        let name = try #require(users.fields.firstIndex { $0.name == "displayName" })
        #expect(row.values[name] == "Ann")
        #expect(
            users.patterns == ["user.created", "user.updated", "user.deleted", "user.restored", "user.deactivated"])
    }
}
