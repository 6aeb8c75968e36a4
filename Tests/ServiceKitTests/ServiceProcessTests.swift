import AMQP
import Contracts
import Database
import Foundation
import Messaging
import TestKit
import Testing

@testable import ServiceKit

/// A service's real process against a real database and broker.
@Suite("A service's process")
struct ServiceProcessTests {
    /// The schemas of a service that publishes and of one that listens.
    static let schemas = [TestSchema("sla"), TestSchema("tickets", [.platform, .messaging])]

    func with(_ body: (TestDatabase, TestBroker) async throws -> Void) async throws {
        try await TestDatabase.with(Self.schemas) { database in
            try await body(database, try await TestBroker.fresh())
        }
    }

    func isReady(_ service: SpawnedService) async throws -> Bool { try await service.get("health/ready").status == 200 }

    @Test("boots, migrates, is ready, and ends with 0 when told to")
    func boots() async throws {
        try await with { database, broker in
            let environment = SpawnedService.environment("sla", database: database, amqpURL: broker.url)
            try await withService("sla", environment) { service in
                try await eventually("ready") { try await isReady(service) }
                #expect(try await service.get("health/live").body == ["status": "up"])
                let ready = try await service.get("health/ready").body
                #expect(ready["checks"]?["database"] == ["status": "up"])
                #expect(ready["checks"]?["migrations"] == ["status": "up"])
                #expect(ready["checks"]?["broker"] == ["status": "up"])
                service.send(SIGTERM)
                #expect(try await service.ended() == 0)
                #expect(service.said("service stopped"))
            }
        }
    }

    @Test("ends where its port is taken, rather than run without being reached")
    func portTaken() async throws {
        try await with { database, broker in
            try await TestHTTPServer.with { _, port in
                var environment = SpawnedService.environment("sla", database: database, amqpURL: broker.url)
                environment["HTTP_PORT"] = "\(port)"
                try await withService("sla", environment) { service in
                    let status = try await service.ended(within: .seconds(30))
                    #expect(status != 0)
                    #expect(service.said("service failed"))
                }
            }
        }
    }

    @Test("starts without database and broker, says so, and heals when they come")
    func heals() async throws {
        try await with { database, broker in
            let broken = try await TCPProxy.start(to: broker.address.host, port: broker.address.port)
            let away = try await TCPProxy.start(to: database.address.host, port: database.address.port)
            await broken.refuse()
            await away.refuse()
            var environment = SpawnedService.environment("sla", database: database, amqpURL: broker.url)
            for (name, proxy) in [("AMQP_URL", broken), ("DATABASE_URL", away), ("DATABASE_MIGRATION_URL", away)] {
                var url = try #require(URLComponents(string: environment[name] ?? ""))
                url.host = "127.0.0.1"
                url.port = proxy.port
                environment[name] = url.string
            }
            try await withService("sla", environment) { service in
                let first = try await service.get("health/ready")
                #expect(first.status == 503)
                #expect(first.body["checks"]?["broker"]?["status"] == "down")
                #expect(first.body["checks"]?["migrations"]?["status"] == "down")
                #expect(try await service.get("health/live").status == 200)
                try await away.accept()
                try await eventually("the database is back") {
                    try await service.get("health/ready").body["checks"]?["migrations"]?["status"] == "up"
                }
                #expect(try await !isReady(service))
                try await broken.accept()
                try await eventually("ready") { try await isReady(service) }
                await broken.refuse()
                broken.cut()
                try await eventually("not ready without a broker") { try await !isReady(service) }
                try await broken.accept()
                try await eventually("ready again") { try await isReady(service) }
                #expect(service.isRunning)
            }
        }
    }

    @Test("consumes events into its projection, and goes on where it was after a restart")
    func consumes() async throws {
        try await with { database, broker in
            let environment = SpawnedService.environment("sla", database: database, amqpURL: broker.url)
            let tickets = database.open("tickets")
            let tenant = UUID.v7()
            let count = 200
            try await broker.withClient { amqp in
                let relay = OutboxRelay(
                    service: "tickets", topology: Topology(), database: tickets, amqp: amqp)
                let running = Task { try await relay.run() }
                defer { running.cancel() }
                func publish(_ count: Int) async throws {
                    try await tickets.transaction(as: .tenant(tenant)) { tx in
                        for number in 1...count { try tx.publish(ticket(number), version: 1, actor: .system) }
                    }
                }
                func projected() async throws -> Int {
                    let rows = try await database.superuser("SELECT count(*) FROM sla.tickets")
                    return rows.first?.first?.flatMap { $0 }.flatMap { Int($0) } ?? -1
                }
                try await withService("sla", environment) { service in
                    try await eventually("ready") { try await isReady(service) }
                    try await eventually("the queues are there") {
                        try await amqp.queueStatus("sla.events.3")?.consumerCount == 1
                    }
                    try await publish(count)
                    try await eventually("projected") { try await projected() == count }
                    // Killed: nothing is finished, nothing is handed back.
                    service.send(SIGKILL)
                    _ = try await service.ended()
                }
                try await publish(count)
                try await withService("sla", environment) { service in
                    try await eventually("all are projected") { try await projected() == 2 * count }
                    service.send(SIGTERM)
                    #expect(try await service.ended() == 0)
                }
            }
        }
    }

    private func ticket(_ number: Int) -> TicketCreated {
        let id = UUID.v7()
        return TicketCreated(
            ticketId: id, number: number, subject: "Ticket \(number)", statusId: "open", priorityId: "normal",
            channel: "api", createdAt: .now,
            snapshot: [
                "id": .uuid(id), "number": .int(Int64(number)), "subject": .string("Ticket \(number)"),
                "status": "open", "priority": "normal", "createdAt": .timestamp(.now), "updatedAt": .timestamp(.now),
                "version": 1,
            ])
    }

    @Test("the settings are checked before anything runs", arguments: ["--check-config", "--migrate", nil])
    func wrongSettings(option: String?) async throws {
        let arguments = [SpawnedService.executable("sla").path] + (option.map { [$0] } ?? [])
        do {
            _ = try await Shell.run(arguments, environment: ["HTTP_PORT": "x", "DATABASE_URL": "mysql://u:secret12@h"])
            Issue.record("it should not run")
        } catch let failure as Shell.Failure {
            #expect(failure.status == 78)
            for name in ["HTTP_PORT", "DATABASE_URL", "AMQP_URL", "INTERNAL_CONTEXT_KEY"] {
                #expect(failure.output.contains(name))
            }
            #expect(!failure.output.contains("secret12"))
        }
    }

    @Test("answers what it is and what it can be told", arguments: ["--version", "--help", "--print-config"])
    func documentation(option: String) async throws {
        let output = try await Shell.run([SpawnedService.executable("sla").path, option], environment: [:])
        #expect(output.contains("sla"))
        if option == "--print-config" { #expect(output.contains("| `DATABASE_URL` |")) }
        if option == "--help" { #expect(output.contains("--migrate")) }
    }

    @Test("SIGHUP takes the log level from the file")
    func hangup() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("log_level: info\n".utf8).write(to: file)
        let environment = [
            "DATABASE_URL": "postgresql://127.0.0.1:1/none", "AMQP_URL": "amqp://127.0.0.1:1", "HTTP_PORT": "0",
            "INTERNAL_CONTEXT_KEY": SpawnedService.contextKey, "CONFIG_FILE": file.path,
        ]
        try await withService("sla", environment) { service in
            _ = try await service.port()
            try Data("log_level: debug\n".utf8).write(to: file)
            try await eventually("the level is read again") {
                service.send(SIGHUP)
                return service.lines.contains { $0["metadata"]?["log.level"]?.stringValue == "debug" }
            }
            try Data("log_level: shouting\n".utf8).write(to: file)
            try await eventually("a fault is told") {
                service.send(SIGHUP)
                return service.said("the settings have faults; nothing was changed")
            }
            #expect(service.isRunning)
        }
    }
}
