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

@testable import Messaging
@testable import Routing
@testable import Tickets

/// The routing service and the tickets service over real HTTP and PostgreSQL, for one tenant. Events go from one to the
/// other when `settle()` carries them, so that a test decides what happens when.
final class World: Sendable {
    static let keys = try! InternalContext.Keys(current: String(repeating: "k", count: 32))

    struct Side: Sendable {
        let name: String
        let client: any TestClientProtocol
        let test: TestDatabase
        let handlers: [MessageHandler]
        var database: Database { test.database }
    }

    let routing: Side
    let tickets: Side
    let service: RoutingService
    let tenant = UUID.v7()
    let boss = UUID.v7()
    private let carried = Carried()

    private actor Carried {
        var positions: [String: Int64] = [:]
        func position(_ way: String) -> Int64 { positions[way] ?? 0 }
        func set(_ way: String, _ position: Int64) { positions[way] = position }
    }

    init(routing: Side, tickets: Side, service: RoutingService) {
        self.routing = routing
        self.tickets = tickets
        self.service = service
    }

    static func with(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await TestDatabase.with("routing", RoutingService.allMigrations, configure: { $0.maxConnections = 12 }) {
            routed in
            try await TestDatabase.with("tickets", TicketsService.allMigrations, configure: { $0.maxConnections = 8 }) {
                filed in
                let service = RoutingService(database: routed.database)
                let other = TicketsService(database: filed.database)
                try await app("routing", routed, RoutingService.resources, service.routes).test(.ahc()) { client in
                    let routing = Side(name: "routing", client: client, test: routed, handlers: service.handlers)
                    try await app("tickets", filed, TicketsService.resources, other.routes).test(.ahc()) { client in
                        let tickets = Side(name: "tickets", client: client, test: filed, handlers: other.handlers)
                        try await body(World(routing: routing, tickets: tickets, service: service))
                    }
                }
            }
        }
    }

    private static func app(
        _ name: String, _ test: TestDatabase, _ resources: [any Resource], _ routes: [Route]
    ) -> some ApplicationProtocol {
        let api = ServiceAPI(
            service: name, database: test.database, authentication: .signedContext(keys: keys, audience: name),
            resources: resources, routes: routes)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Application(responder: api.responder, logger: logger)
    }

    // MARK: Requests

    func caller(_ id: UUID? = nil, permissions: Set<String> = ["*"]) -> Caller {
        Caller(
            tenantId: tenant, actor: .user(id ?? boss), roles: ["supervisor"], permissions: permissions,
            displayName: "boss@example.com")
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, to side: Side? = nil,
        as caller: Caller? = nil
    ) async throws -> Reply {
        let side = side ?? routing
        var headers: HTTPFields = [:]
        if body != nil { headers[.contentType] = "application/json" }
        headers[.deskwireContext] = InternalContext.sign(
            caller ?? self.caller(), requestId: "r-1", audience: side.name, expires: .now + .seconds(60),
            keys: Self.keys)
        let uri = path.hasPrefix("/") ? path : "/v1/tenants/\(tenant.text)/\(path)"
        let bytes = body.map { ByteBuffer(bytes: $0.serialized()) }
        var reply = Reply(status: 503, json: .null)
        // On a crowded machine the service may have no connection to spare, and says so: a client comes again.
        try await eventually("the service takes the request") {
            let response = try await side.client.execute(uri: uri, method: method, headers: headers, body: bytes)
            let json = (try? JSON.parse(String(buffer: response.body))) ?? .null
            reply = Reply(status: response.status.code, json: json)
            return reply.status != 503
        }
        return reply
    }

    /// Sends what must succeed.
    @discardableResult
    func ok(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, to side: Side? = nil,
        as caller: Caller? = nil
    ) async throws -> JSON {
        let reply = try await send(method, path, body, to: side, as: caller)
        try #require((200..<300).contains(reply.status), "\(method) \(path): \(reply.status) \(reply.json)")
        return reply.json
    }

    @discardableResult
    func ticket(_ fields: JSONObject = [:]) async throws -> UUID {
        var body: JSONObject = ["subject": "It does not work"]
        for (key, value) in fields { body[key] = value }
        return try #require(try await ok(.post, "tickets", .object(body), to: tickets)["id"]?.uuidValue)
    }

    struct AgentHandle: Sendable, Hashable {
        var id: UUID
        var userId: UUID
    }

    @discardableResult
    func agent(_ groups: [UUID], _ fields: JSONObject = [:]) async throws -> AgentHandle {
        let userId = UUID.v7()
        var body: JSONObject = [
            "userId": .uuid(userId), "displayName": "Agent", "groupIds": .array(groups.map { .uuid($0) }),
            "availability": "online",
        ]
        for (key, value) in fields { body[key] = value }
        let made = try await ok(.post, "agents", .object(body))
        return AgentHandle(id: try #require(made["id"]?.uuidValue), userId: userId)
    }

    func holder(of ticket: UUID) async throws -> UUID? {
        try await ok(.get, "tickets/\(ticket.text)", to: tickets)["assigneeId"]?.uuidValue
    }

    // MARK: Events and decisions

    /// Carries events both ways and decides, until nothing happens any more.
    func settle(now: Timestamp? = nil) async throws {
        var moved = true
        while moved {
            moved = try await carry(from: tickets, to: routing)
            try await dispatch(now: now)
            let back = try await carry(from: routing, to: tickets)
            moved = moved || back
        }
    }

    func dispatch(now: Timestamp? = nil) async throws {
        try await service.dispatch.runAll(now: now)
    }

    /// What one side has published goes to the other, and to itself.
    @discardableResult
    func carry(from source: Side, to sink: Side) async throws -> Bool {
        let way = "\(source.name) \(sink.name)"
        let after = await carried.position(way)
        let events = try await events(of: source, after: after)
        guard let last = events.last else { return false }
        for side in [sink] { try await give(events.map(\.message), to: side) }
        await carried.set(way, last.position)
        return true
    }

    func give(_ messages: [RawMessage], to side: Side) async throws {
        for handler in side.handlers {
            let own = messages.filter(handler.takes)
            guard !own.isEmpty else { continue }
            try await side.database.transaction(as: .admin) { tx in try await handler.handle(own, in: tx) }
        }
    }

    func events(of side: Side, after: Int64 = 0) async throws -> [(position: Int64, message: RawMessage)] {
        try await side.database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query(
                """
                SELECT position, name, schema_ref, aggregate_type, aggregate_id, payload FROM events
                WHERE position > \(after) ORDER BY position
                """
            ).map { row in
                let (position, name, ref, type, id, text) = try row.decode(
                    (Int64, String, String, String, UUID, String).self)
                let payload = try JSON.parse(text)
                return (
                    position,
                    RawMessage(
                        name: name, routingKey: "support.\(name)", schemaRef: ref, schemaVersion: 1,
                        envelope: try Wire.decode(EventEnvelope.self, from: payload),
                        aggregate: Aggregate(type: type, id: id), payload: payload, source: side.name, traceparent: nil,
                        isReplay: false, body: Array(text.utf8))
                )
            }
        }
    }

    /// The events of routing, by name.
    func told(_ name: String) async throws -> [JSON] {
        try await events(of: routing).map(\.message).filter { $0.name == name }.map(\.payload)
    }

    /// What must hold at any moment: nobody above capacity, counts right.
    func checkLoads() async throws {
        try await routing.database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            let wrong = try await tx.query(
                """
                SELECT l.agent_id FROM agent_loads AS l
                WHERE l.held_units > l.capacity_units OR l.held_units <> COALESCE((
                    SELECT sum(h.units) FROM routing_holdings AS h WHERE h.agent_id = l.agent_id), 0)
                """)
            #expect(wrong.isEmpty, "\(wrong.count) agents hold too much, or are counted wrong")
        }
    }
}

struct Reply: Sendable {
    let status: Int
    let json: JSON

    var faults: [String] {
        (json["errors"]?.arrayValue ?? []).map {
            "\($0["pointer"]?.stringValue ?? "") \($0["code"]?.stringValue ?? "")"
        }
    }
}

func leaf(_ field: String, _ op: String, _ value: JSON) -> JSON {
    ["field": .string(field), "operator": .string(op), "value": value]
}
