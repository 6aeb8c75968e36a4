import AMQP
import Contracts
import Database
import Foundation
import HTTPTypes
import ServiceLifecycle
import TestKit
import Testing

@testable import Messaging
@testable import Notifications

/// The whole service behind a real broker: consumer, workers and jobs.
@Suite("Behind a broker")
struct ConsumerTests {
    private static let tickets = 30

    @Test("each agent is told once of each ticket, also when consumers and workers die in the middle")
    func journey() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let topology = Topology(exchange: "support")
            let handlers = desk.service.handlers
            try await TestDatabase.with("tickets", [.platform, .messaging]) { source in
                try await TestBroker.with { broker in
                    try await broker.withClient { amqp in
                        // What is published before the queues are there is not for them.
                        try await topology.declareConsumer(
                            service: "notifications", patterns: Set(handlers.flatMap(\.patterns)), partitions: 4,
                            on: amqp)
                        let relay = OutboxRelay(
                            service: "tickets", topology: topology, database: source.database, amqp: amqp)
                        try await desk.running([relay]) {
                            let agent = UUID.v7()
                            func consuming(_ body: () async throws -> Void) async throws {
                                let consumer = ConsumerRuntime(
                                    service: "notifications", topology: topology, handlers: handlers,
                                    database: desk.database, amqp: amqp)
                                try await desk.running([consumer] + desk.service.jobs, body)
                            }
                            try await consuming {
                                try await Self.publish(agent: agent, desk.tenant, in: source.database)
                                try await eventually("the agent is known") {
                                    try await desk.ok(.get, "notifications/users")["data"]?.arrayValue?.count == 1
                                }
                                for _ in 0..<Self.tickets {
                                    try await Self.publish(ticketOf: agent, desk.tenant, in: source.database)
                                }
                                try await eventually("some are told") { !mail.messages.isEmpty }
                            }
                            // What was under way when the workers died comes again when their lease is over.
                            _ = try await desk.test.superuser(
                                "UPDATE notifications.notification_deliveries SET due_at = now() WHERE state = 'sending'"
                            )
                            try await consuming {
                                for (channel, state) in [("in_app", "delivered"), ("email", "sent")] {
                                    try await eventually("all are told by \(channel)") {
                                        try await desk.deliveries("channel=\(channel)&state=\(state)").count
                                            == Self.tickets
                                    }
                                }
                            }
                        }
                    }
                }
            }
            #expect(Set(mail.messages.map(\.id)).count == Self.tickets)
            #expect(try await desk.ok(.get, "notifications?limit=200")["data"]?.arrayValue?.count == Self.tickets)
        }
    }

    private static func publish(agent: UUID, _ tenant: UUID, in source: Database) async throws {
        try await source.transaction(as: .tenant(tenant)) { tx in
            try tx.publish(
                UserCreated(
                    userId: agent, email: "ada@example.com", createdAt: .now,
                    snapshot: ["id": .uuid(agent), "email": "ada@example.com", "roles": ["agent"], "status": "active"]),
                version: 1)
        }
    }

    private static func publish(ticketOf agent: UUID, _ tenant: UUID, in source: Database) async throws {
        let ticket = UUID.v7()
        var created = TicketCreated.example
        created.ticketId = ticket
        created.snapshot = [
            "id": .uuid(ticket), "key": "T-1", "number": 1, "subject": "VPN", "status": "open", "priority": "high",
            "assigneeId": .uuid(agent),
        ]
        let assigned = TicketAssigned(
            ticketId: ticket, newAssigneeId: agent, newAssigneeType: "user", assignedAt: .now)
        try await source.transaction(as: .tenant(tenant)) { [created] tx in
            try tx.publish(created, version: 1, actor: .system)
            try tx.publish(assigned, version: 1, actor: .system)
        }
    }
}
