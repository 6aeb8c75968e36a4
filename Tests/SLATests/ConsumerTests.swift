import AMQP
import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing

@testable import SLA

/// The service's handlers behind a real broker.
struct ConsumerTests {
    private static let tickets = 40

    @Test func `ticket events make clocks, once, also when the consumer dies in the middle`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["first_response": 600, "resolution": 7_200])
            func finished() async throws -> Int {
                try await harness.events().count { $0.name == "ticket_sla_stage.met" }
            }
            try await withConsumer(
                harness,
                { source in
                    let start = Timestamp.now + .seconds(1)
                    for _ in 0..<Self.tickets { try await publish(UUID.v7(), start, harness.tenant, in: source) }
                    try await eventually("the consumer is at work") { try await finished() > 0 }
                },
                { _ in
                    try await eventually("all tickets are done", within: .seconds(60)) {
                        try await finished() >= Self.tickets * 2
                    }
                })
            let clocks = try await harness.ok(.get, "sla_clocks?limit=200")["data"]?.arrayValue ?? []
            #expect(clocks.count == Self.tickets * 2)
            #expect(clocks.allSatisfy { $0.text("state") == "met" })
            #expect(Set(clocks.map { $0["usedSeconds"]?.intValue }) == [60, 180])
            let told = Dictionary(grouping: try await harness.events()) { $0.payload.text("ticketId") ?? "" }
            #expect(told.count == Self.tickets)
            for events in told.values {
                let names = events.map { "\($0.name.dropFirst(17)) \($0.payload.text("metric") ?? "")" }
                #expect(
                    names == ["entered first_response", "entered resolution", "met first_response", "met resolution"])
                #expect(events.map { $0.payload["sequence"]?.intValue } == [1, 2, 3, 4])
            }
        }
    }

    @Test func `a policy asks who the customer is, and whose organization it is`() async throws {
        try await Harness.with { harness in
            func policy(_ position: Int64, _ field: String, _ op: String, _ value: JSON) async throws -> String {
                try await harness.policy(
                    ["resolution": 600],
                    [
                        "position": .int(position),
                        "conditions": [
                            "all": [["field": .string(field), "operator": .string(op), "value": value]]
                        ],
                    ])
            }
            let gold = try await policy(1, "requester.email", "ends_with", "@gold.example.com")
            let other = try await policy(2, "organization.plan", "eq", "unlimited")
            _ = try await policy(3, "organization.plan", "eq", "standard")
            let (ada, ben) = (UUID.v7(), UUID.v7())
            var told: [(UUID, String)] = []
            try await withConsumer(
                harness,
                { source in
                    try await source.transaction(as: .tenant(harness.tenant)) { tx in
                        let tenant = harness.tenant
                        try tx.publish(
                            OrganizationCreated(
                                organizationId: tenant, organizationName: "Acme", createdAt: .now,
                                snapshot: ["id": .uuid(tenant), "name": "Acme", "plan": "unlimited"]), version: 1)
                        for (user, email) in [(ada, "ada@gold.example.com"), (ben, "ben@example.com")] {
                            try tx.publish(
                                UserCreated(
                                    userId: user, email: email, createdAt: .now,
                                    snapshot: ["id": .uuid(user), "email": .string(email), "roles": ["customer"]]),
                                version: 1)
                        }
                    }
                    try await eventually("they are known") {
                        let known = try await harness.test.superuser(
                            "SELECT (SELECT count(*) FROM sla.users) + (SELECT count(*) FROM sla.organizations)")
                        return known[0][0] == "3"
                    }
                    for (user, policy) in [(ada, gold), (ben, other)] {
                        let ticket = UUID.v7()
                        var created = TicketCreated.example
                        created.ticketId = ticket
                        created.snapshot = [
                            "id": .uuid(ticket), "status": "open", "priority": "normal", "requesterId": .uuid(user),
                        ]
                        try await source.transaction(as: .tenant(harness.tenant)) { [created] tx in
                            try tx.publish(created, version: 1, actor: .system, occurredAt: .now + .seconds(1))
                        }
                        told.append((ticket, policy))
                    }
                    try await eventually("both have a clock") {
                        try await harness.ok(.get, "sla_clocks")["data"]?.arrayValue?.count == 2
                    }
                })
            for (ticket, policy) in told {
                #expect(try await harness.sla(ticket).map { $0.text("policyId") } == [policy])
            }
        }
    }

    /// Runs the service's consumer beside a body that may publish what other services tell. For each further body that
    /// consumer is cancelled and another one takes over.
    private func withConsumer(_ harness: Harness, _ bodies: ((Database) async throws -> Void)...) async throws {
        let topology = Topology(exchange: "support")
        let handlers = harness.service.handlers
        try await TestDatabase.with("tickets", [.platform, .messaging]) { source in
            try await TestBroker.with { broker in
                try await broker.withClient { amqp in
                    // What is published before the queues are there is not for them.
                    try await topology.declareConsumer(
                        service: "sla", patterns: Set(handlers.flatMap(\.patterns)), partitions: 4, on: amqp)
                    let relay = OutboxRelay(
                        service: "tickets", topology: topology, database: source.database, amqp: amqp)
                    let relaying = Task { try await relay.run() }
                    for body in bodies {
                        let consumer = ConsumerRuntime(
                            service: "sla", topology: topology, handlers: handlers, database: harness.database,
                            amqp: amqp)
                        let consuming = Task { try await consumer.run() }
                        let outcome: Result<Void, any Error>
                        do { outcome = .success(try await body(source.database)) } catch { outcome = .failure(error) }
                        consuming.cancel()
                        _ = await consuming.result
                        try outcome.get()
                    }
                    relaying.cancel()
                    _ = await relaying.result
                }
            }
        }
    }

    /// A ticket that is answered after a minute and resolved after three, as its service tells it.
    private func publish(_ ticket: UUID, _ start: Timestamp, _ tenant: UUID, in source: Database) async throws {
        var created = TicketCreated.example
        (created.ticketId, created.snapshot) = (ticket, ["id": .uuid(ticket), "status": "open", "priority": "normal"])
        var answered = TicketMessageAdded.example
        (answered.ticketId, answered.snapshot) = (ticket, ["authorType": "agent"])
        let resolved = TicketUpdated(
            ticketId: ticket, updatedAt: start + .seconds(180), updatedFields: ["status"],
            changes: ["status": Change(previous: "open", new: "resolved")])
        try await source.transaction(as: .tenant(tenant)) { [created, answered] tx in
            try tx.publish(created, version: 1, actor: .system, occurredAt: start)
            try tx.publish(answered, version: 2, actor: .system, occurredAt: start + .seconds(60))
            try tx.publish(resolved, version: 3, actor: .system, occurredAt: start + .seconds(180))
        }
    }
}
