import Contracts
import Database
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Messaging
import NIOCore
import ServiceKit
import TestKit
import Testing
import Web

@testable import SLA

/// The sla service over a database of its own, over real HTTP, for one tenant. Ticket facts are given by hand, and time
/// passes when a test says so.
final class Harness: Sendable {
    static let keys = try! InternalContext.Keys(current: String(repeating: "k", count: 32))
    static let agentId = UUID.v7()

    let client: any TestClientProtocol
    let test: TestDatabase
    let service: SLAService
    let keeper: KeepClocks
    let tenant = UUID.v7()
    var database: Database { test.database }

    init(client: any TestClientProtocol, test: TestDatabase, service: SLAService) {
        self.client = client
        self.test = test
        self.service = service
        keeper = KeepClocks(terms: TermsStore())
    }

    /// The same service, for another tenant.
    func another() -> Harness { Harness(client: client, test: test, service: service) }

    static func with(_ body: @escaping @Sendable (Harness) async throws -> Void) async throws {
        try await TestDatabase.with("sla", SLAService.allMigrations, configure: { $0.maxConnections = 16 }) { test in
            let service = SLAService(database: test.database)
            let api = ServiceAPI(
                service: "sla", database: test.database,
                authentication: .signedContext(keys: keys, audience: "sla"), resources: service.resources,
                routes: service.routes)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let app = Application(responder: api.responder, logger: logger)
            try await app.test(.ahc()) { client in
                try await body(Harness(client: client, test: test, service: service))
            }
        }
    }

    // MARK: Requests

    var agent: Caller {
        Caller(
            tenantId: tenant, actor: .user(Self.agentId), roles: ["agent"], permissions: ["*"],
            displayName: "ada@example.com")
    }

    /// An administrator of the platform.
    static let `operator` = Caller(
        tenantId: nil, actor: .user(agentId), roles: ["platform_admin"], permissions: ["*"], platformAdmin: true,
        displayName: "root@example.com")

    @discardableResult
    func send(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil) async throws
        -> Reply
    {
        try await send(method, path, bytes: body?.serialized(), as: caller)
    }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, type: String = "application/json",
        as caller: Caller? = nil
    ) async throws -> Reply {
        var headers: HTTPFields = [:]
        if bytes != nil { headers[.contentType] = type }
        headers[.deskwireContext] = InternalContext.sign(
            caller ?? agent, requestId: "r-1", audience: "sla", expires: .now + .seconds(60), keys: Self.keys)
        let response = try await client.execute(
            uri: path.hasPrefix("/") ? path : "/v1/tenants/\(tenant.text)/\(path)", method: method, headers: headers,
            body: bytes.map { ByteBuffer(bytes: $0) })
        return Reply(response)
    }

    /// Sends what must succeed.
    @discardableResult
    func ok(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil) async throws -> JSON {
        let reply = try await send(method, path, body)
        try #require((200..<300).contains(reply.status), "\(method) \(path): \(reply.text)")
        return reply.json
    }

    // MARK: Promises

    static let office: JSONObject = [
        "name": "Office", "timezone": "UTC",
        "weeklyHours": [
            "mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]], "wed": [["09:00", "17:00"]],
            "thu": [["09:00", "17:00"]], "fri": [["09:00", "17:00"]],
        ],
    ]

    func calendar(_ document: JSONObject = office) async throws -> String {
        try await ok(.post, "business_calendars", .object(document)).id
    }

    /// A policy for all tickets; its targets are in seconds of real time.
    @discardableResult
    func policy(_ targets: [String: Int64], _ members: JSONObject = [:]) async throws -> String {
        let metrics = JSONObject(
            targets.map { metric, seconds in
                let target: JSON = ["seconds": .int(seconds)]
                return (metric, target)
            })
        var document: JSONObject = ["name": .string("P \(UUID.v7().text)"), "targets": ["normal": .object(metrics)]]
        for (key, value) in members { document[key] = value }
        return try await ok(.post, "sla_policies", .object(document)).id
    }

    // MARK: Tickets and time

    /// Hands a story's facts over, as the consumer would.
    func tell(_ ticket: UUID, _ facts: [TicketFact], asOf instant: Timestamp = .now) async throws {
        let key = TicketKey(tenantId: tenant, ticketId: ticket)
        try await database.transaction(as: .admin) { tx in
            try await MessagingContext.$current.withValue(MessagingContext(tenantId: self.tenant, actor: .system)) {
                try await keeper.take(facts.map { (key, $0) }, at: instant, in: tx)
            }
        }
    }

    /// Lets everything happen that is due before an instant.
    func sweep(at instant: Timestamp) async throws {
        while try await service.sweeper.sweep(at: instant).folded > 0 {}
    }

    func sla(_ ticket: UUID) async throws -> [JSON] {
        try await ok(.get, "tickets/\(ticket.text)/sla")["clocks"]?.arrayValue ?? []
    }

    /// The published events, oldest first.
    func events(_ prefix: String = "ticket_sla_stage.") async throws -> [(name: String, payload: JSON)] {
        try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query("SELECT name, payload FROM events ORDER BY position").map { row in
                (try row.get(0, as: String.self), try JSON.parse(try row.get(1, as: String.self)))
            }
        }.filter { $0.name.hasPrefix(prefix) }
    }
}

/// An answer, read.
struct Reply: Sendable {
    let status: Int
    let text: String

    init(_ response: TestResponse) {
        status = response.status.code
        text = String(buffer: response.body)
    }

    var json: JSON { (try? JSON.parse(text)) ?? .null }
    var faults: [String] {
        (json["errors"]?.arrayValue ?? []).map { fault in
            let place = fault["pointer"] ?? fault["parameter"] ?? fault["header"] ?? ""
            return "\(place.stringValue ?? "") \(fault["code"]?.stringValue ?? "")"
        }.sorted()
    }
}

extension JSON {
    var id: String { self["id"]?.stringValue ?? "" }
    func text(_ key: String) -> String? { self[key]?.stringValue }
}
