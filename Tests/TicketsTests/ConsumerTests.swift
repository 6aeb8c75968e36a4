import AMQP
import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing
import Web

@testable import Tickets

/// The service's handlers behind a real broker.
@Suite struct ConsumerTests {
    @Test func `events make metrics, and people known`() async throws {
        try await Harness.with { harness in
            try await TestBroker.with { broker in
                try await broker.withClient { amqp in
                    let topology = Topology(exchange: "support")
                    let relay = OutboxRelay(
                        service: "tickets", topology: topology, database: harness.database, amqp: amqp)
                    let handlers = TicketsService(database: harness.database).handlers
                    let consumer = ConsumerRuntime(
                        service: "tickets", topology: topology, handlers: handlers, database: harness.database,
                        amqp: amqp)
                    // What is published before the queues are there is not for them.
                    try await topology.declareConsumer(
                        service: "tickets", patterns: Set(handlers.flatMap(\.patterns)), partitions: 4, on: amqp)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await relay.run() }
                        group.addTask { try await consumer.run() }
                        try await story(harness)
                        group.cancelAll()
                    }
                }
            }
        }
    }

    private func story(_ harness: Harness) async throws {
        let (jane, now) = (UUID.v7(), Timestamp.now)
        let tenant = harness.tenant
        // As the gateway tells it.
        try await harness.database.transaction(as: .tenant(tenant)) { tx in
            try tx.publish(
                OrganizationCreated(
                    organizationId: tenant, organizationName: "Acme", createdAt: now,
                    snapshot: [
                        "id": .uuid(tenant), "name": "Acme", "ticketPrefix": "AC", "settings": ["reopenWindowDays": 2],
                    ]),
                version: 1)
            try tx.publish(
                UserCreated(
                    userId: jane, email: "jane@example.com", displayName: "Jane", createdAt: now,
                    snapshot: [
                        "id": .uuid(jane), "email": "jane@example.com", "displayName": "Jane", "roles": ["agent"],
                        "status": "active",
                    ]), version: 1)
        }
        try await eventually("the user is known") {
            try await harness.get("tenant_users/\(jane.text)").status == 200
        }
        let known = try await harness.get("tenant_users?email=jane@example.com").data
        #expect(known.map { $0.text("displayName") } == ["Jane"])
        for method in [HTTPRequest.Method.patch, .delete, .put] {
            #expect(try await harness.send(method, "tenant_users/\(jane.text)", ["email": "x"]).status == 405)
        }
        #expect(try await harness.send(.post, "tenant_groups", ["name": "x"]).status == 405)
        let ticket = try await harness.ticket(["requesterEmail": "JANE@example.com"])
        #expect(ticket["requesterId"]?.uuidValue == jane && ticket.text("key") == "AC-1")
        let path = "tickets/\(ticket.id)"
        try await harness.ok(.post, "\(path)/messages", ["bodyText": "hello"])
        try await harness.ok(.post, "\(path)/messages", ["bodyText": "thanks", "authorType": "customer"])
        try await harness.ok(.post, "\(path)/messages", ["bodyText": "note", "isPublic": false])
        try await harness.ok(.post, "\(path)/close")
        try await harness.ok(.post, "\(path)/reopen")
        try await eventually("the metrics have followed") {
            try await harness.get("\(path)/metrics").data.first?.number("reopens") == 1
        }
        let version = try await harness.get(path).json.number("version")
        let live = try await harness.get("\(path)?expand=metrics").json
        #expect(live["metrics"]?.number("replies") == 2 && live["metrics"]?.number("agentReplies") == 1)
        #expect(live["metrics"]?.number("internalNotes") == 1 && live["metrics"]?["resolutionSeconds"] == .null)
        #expect(live.number("version") == version, "what is counted is no change")
        try await harness.ok(.post, "ticket_metrics/rebuild")
        #expect(try await harness.get("\(path)?expand=metrics").json == live)
        try await harness.database.transaction(as: .tenant(tenant)) { tx in
            try tx.publish(UserDeactivated(userId: jane, deactivatedAt: .now), version: 2)
        }
        try await eventually("the deactivation is known") {
            try await harness.send(.post, "\(path)/assign", ["assigneeId": .uuid(jane)]).status == 422
        }
    }
}
