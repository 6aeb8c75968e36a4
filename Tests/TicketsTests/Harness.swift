import Contracts
import Database
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServiceKit
import TestKit
import Testing
import Web

@testable import Tickets

/// The tickets service over a database of its own, over real HTTP, for one tenant. Nothing consumes events: `settle()`
/// feeds them to the metrics by hand.
final class Harness: Sendable {
    static let keys = try! InternalContext.Keys(current: String(repeating: "k", count: 32))
    static let agentId = UUID.v7()

    let client: any TestClientProtocol
    let test: TestDatabase
    let tenant = UUID.v7()
    var database: Database { test.database }

    init(client: any TestClientProtocol, test: TestDatabase) {
        self.client = client
        self.test = test
    }

    static func with(_ body: @escaping @Sendable (Harness) async throws -> Void) async throws {
        try await TestDatabase.with(
            "tickets", TicketsService.allMigrations, configure: { $0.maxConnections = 24 }
        ) { test in
            let service = TicketsService(database: test.database)
            let api = ServiceAPI(
                service: "tickets", database: test.database,
                authentication: .signedContext(keys: keys, audience: "tickets"), resources: service.resources,
                routes: service.routes)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let app = Application(responder: api.responder, logger: logger)
            try await app.test(.ahc()) { client in
                try await body(Harness(client: client, test: test))
            }
        }
    }

    // MARK: Callers

    func agent(_ permissions: Set<String> = ["*"], tenant: UUID? = nil) -> Caller {
        Caller(
            tenantId: tenant ?? self.tenant, actor: .user(Self.agentId), roles: ["agent"], permissions: permissions,
            displayName: "ada@example.com")
    }

    func customer(_ id: UUID) -> Caller {
        Caller(
            tenantId: tenant, actor: .user(id), roles: ["customer"],
            permissions: ["tickets.read_own", "tickets.create", "tickets.reply"], displayName: "customer@example.com")
    }

    static let admin = Caller(
        tenantId: nil, actor: .user(agentId), permissions: ["*"], platformAdmin: true, displayName: "root")

    // MARK: Requests

    func url(_ path: String) -> String { path.hasPrefix("/") ? path : "/v1/tenants/\(tenant.text)/\(path)" }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Reply {
        var headers = headers
        if body != nil { headers[.contentType] = "application/json" }
        return try await send(method, path, bytes: body?.serialized(), as: caller, headers: headers)
    }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, as caller: Caller? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Reply {
        var headers = headers
        headers[.deskwireContext] = InternalContext.sign(
            caller ?? agent(), requestId: "r-1", audience: "tickets", expires: .now + .seconds(60), keys: Self.keys)
        let response = try await client.execute(
            uri: url(path), method: method, headers: headers, body: bytes.map { ByteBuffer(bytes: $0) })
        return Reply(response)
    }

    func get(_ path: String, as caller: Caller? = nil) async throws -> Reply {
        try await send(.get, path, as: caller)
    }

    /// Sends what must succeed.
    @discardableResult
    func ok(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil) async throws
        -> JSON
    {
        let reply = try await send(method, path, body, as: caller)
        try #require((200..<300).contains(reply.status), "\(method) \(path): \(reply.text)")
        return reply.json
    }

    /// A new ticket.
    @discardableResult
    func ticket(_ fields: JSONObject = [:], as caller: Caller? = nil) async throws -> JSON {
        var body: JSONObject = ["subject": "It does not work"]
        for (key, value) in fields { body[key] = value }
        return try await ok(.post, "tickets", .object(body), as: caller)
    }

    func upload(_ text: String, _ query: String = "", type: String = "text/csv") async throws -> Reply {
        try await send(
            .post, "tickets/import?\(query)", bytes: Array(text.utf8), headers: [.contentType: type])
    }

    /// Uploads a file and files its rows; the import when it is over.
    func importFile(_ text: String, _ query: String = "", type: String = "text/csv") async throws -> JSON {
        let reply = try await upload(text, query, type: type)
        try #require(reply.status == 202, "\(reply.text)")
        let runner = ImportRunner(database: database)
        while try await runner.runNext() {}
        return try await ok(.get, "ticket_imports/\(reply.json.id)")
    }

    // MARK: Events and time

    /// The published events, oldest first.
    func events(of ticket: String? = nil) async throws -> [PublishedEvent] {
        try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query(
                "SELECT name, aggregate_id, sequence, aggregate_version, payload FROM events ORDER BY position"
            ).map(PublishedEvent.init)
        }.filter { ticket == nil || $0.aggregateId.text == ticket }
    }

    /// Gives the tickets' events to the metrics.
    func settle() async throws {
        let events = try await events().filter { MetricsTable.changes.contains($0.name) }
        try await database.transaction(as: .admin) { tx in
            try await MetricsTable.take(
                events.map { event in
                    (
                        key: MetricsTable.Key(tenantId: tenant, ticketId: event.aggregateId),
                        event: TicketEvent(
                            name: event.name, sequence: event.sequence,
                            occurredAt: event.payload["occurredAt"]!.timestampValue!,
                            payload: event.payload.objectValue!)
                    )
                }, in: tx)
        }
    }

    /// Makes a ticket older than it is, as a superuser can: its closing, and what its audit says of it.
    func age(_ ticket: String, days: Int) async throws {
        try await test.superuser(
            "UPDATE tickets.tickets SET closed_at = closed_at - interval '\(days) days' WHERE id = '\(ticket)'")
    }

    func user(_ id: UUID, email: String, roles: [String] = ["agent"], status: String = "active") async throws {
        try await database.transaction(as: .tenant(tenant)) { tx in
            tx.enqueue(
                """
                INSERT INTO tenant_users (tenant_id, id, last_sequence, sequences, version, created_at, updated_at, email, \
                display_name, roles, status)
                VALUES (\(tenant), \(id), 1, '{}', 1, now(), now(), \(email), \(email), \(roles), \(status))
                """)
        }
    }

    func organization(prefix: String? = nil, settings: JSONObject = [:]) async throws {
        try await database.transaction(as: .tenant(tenant)) { tx in
            tx.enqueue(
                """
                INSERT INTO tenant_organizations (tenant_id, id, last_sequence, sequences, version, created_at, ticket_prefix, settings)
                VALUES (\(tenant), \(tenant), 1, '{}', 1, now(), \(prefix.sqlValue), \(settings))
                """)
        }
    }
}

/// An event as the history keeps it.
struct PublishedEvent: Sendable {
    let name: String
    let aggregateId: UUID
    let sequence: Int64
    let version: Int64
    let payload: JSON

    init(_ row: Row) throws {
        name = try row.get(0)
        aggregateId = try row.get(1)
        sequence = try row.get(2)
        version = try row.get(3)
        payload = try JSON.parse(try row.get(4, as: String.self))
    }
}

/// An answer, read.
struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let text: String

    init(_ response: TestResponse) {
        status = response.status.code
        headers = response.headers
        text = String(buffer: response.body)
    }

    var json: JSON { (try? JSON.parse(text)) ?? .null }
    var data: [JSON] { json["data"]?.arrayValue ?? [] }
    var faults: [String] {
        (json["errors"]?.arrayValue ?? []).map { fault in
            let place = fault["pointer"] ?? fault["parameter"] ?? fault["header"] ?? ""
            return "\(place.stringValue ?? "") \(fault["code"]?.stringValue ?? "")"
        }.sorted()
    }
    var allowed: [String]? { json["allowed"]?.arrayValue?.compactMap(\.stringValue) }
}

extension JSON {
    var id: String { self["id"]?.stringValue ?? "" }
    func text(_ key: String) -> String? { self[key]?.stringValue }
    func number(_ key: String) -> Int64? { self[key]?.intValue }
}
