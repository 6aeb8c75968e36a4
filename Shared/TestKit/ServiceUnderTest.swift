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
import Testing
import Web

/// A service over a database of its own, asked over real HTTP on behalf of one tenant. Its jobs and consumers do not run: a test
/// calls them when it wants them.
public final class ServiceUnderTest<S: Microservice>: Sendable {
    public let service: S
    public let test: TestDatabase
    public let tenant = UUID.v7()
    public let agentId = UUID.v7()
    public let supervisorId = UUID.v7()
    private let client: any TestClientProtocol
    private let keys: InternalContext.Keys

    public var database: Database { test.database }

    private init(service: S, test: TestDatabase, client: any TestClientProtocol, keys: InternalContext.Keys) {
        self.service = service
        self.test = test
        self.client = client
        self.keys = keys
    }

    /// Runs `body` with the service that `make` makes of a database.
    public static func with(
        _ make: (Database) -> S, configure: (inout DatabaseConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (ServiceUnderTest<S>) async throws -> Void
    ) async throws {
        let keys = try InternalContext.Keys(current: String(repeating: "k", count: 32))
        func configured(_ configuration: inout DatabaseConfiguration) {
            configuration.maxConnections = 16
            configure(&configuration)
        }
        try await TestDatabase.with(S.name, S.allMigrations, configure: configured) { test in
            let service = make(test.database)
            let api = ServiceAPI(
                service: S.name, database: test.database,
                authentication: .signedContext(keys: keys, audience: S.name), resources: service.resources,
                routes: service.routes)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let app = Application(responder: api.responder, logger: logger)
            try await app.test(.live) { client in
                try await body(ServiceUnderTest(service: service, test: test, client: client, keys: keys))
            }
        }
    }

    // MARK: Callers

    /// Somebody of the tenant.
    public func caller(_ permissions: Set<String>, id: UUID? = nil) -> Caller {
        Caller(
            tenantId: tenant, actor: .user(id ?? agentId), roles: [], permissions: permissions,
            displayName: "ada@example.com")
    }

    /// The tenant's administrator, who may do everything.
    public var administrator: Caller { caller(["*"], id: supervisorId) }

    // MARK: Requests

    /// Sends a request; a path without a leading slash is the tenant's.
    @discardableResult
    public func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil,
        headers others: HTTPFields = [:]
    ) async throws -> ServiceReply {
        var headers = others
        if body != nil { headers[.contentType] = "application/json" }
        return try await send(method, path, bytes: body?.serialized(), as: caller, headers: headers)
    }

    /// Sends a request with any body, whose type is among the headers.
    @discardableResult
    public func send(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, as caller: Caller? = nil,
        headers others: HTTPFields
    ) async throws -> ServiceReply {
        var headers = others
        headers[.deskwireContext] = InternalContext.sign(
            caller ?? administrator, requestId: "r-1", audience: S.name, expires: .now + .seconds(60), keys: keys)
        let response = try await client.execute(
            uri: path.hasPrefix("/") ? path : "/v1/tenants/\(tenant.text)/\(path)", method: method, headers: headers,
            body: bytes.map { ByteBuffer(bytes: $0) })
        return ServiceReply(
            status: response.status.code, headers: response.headers, bytes: Array(response.body.readableBytesView))
    }

    /// Sends what must succeed.
    @discardableResult
    public func ok(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil)
        async throws -> JSON
    {
        let reply = try await send(method, path, body, as: caller)
        try #require((200..<300).contains(reply.status), "\(method) \(path): \(reply.text)")
        return reply.json
    }

    // MARK: Events

    /// What another service tells.
    public func message(
        _ name: String, _ payload: JSONObject, of aggregate: Aggregate, actor: Actor = .system, sequence: Int64 = 1,
        tenant: UUID? = nil, isReplay: Bool = false, isSimulated: Bool = false
    ) -> RawMessage {
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: tenant ?? self.tenant, occurredAt: .now, actor: actor, version: sequence,
            sequence: sequence, simulated: isSimulated ? true : nil)
        return RawMessage(
            name: name, routingKey: "support.\(name)", schemaRef: "", schemaVersion: 1, envelope: envelope,
            aggregate: aggregate, payload: .object(payload), source: "test", traceparent: nil, isReplay: isReplay,
            body: [])
    }

    /// Hands messages to the service's handlers, as its consumer does, apart from the inbox that keeps repeats away.
    public func give(_ messages: [RawMessage]) async throws {
        try await database.transaction(as: .admin) { tx in
            for handler in service.handlers {
                let own = messages.filter(handler.takes)
                if !own.isEmpty { try await handler.handle(own, in: tx) }
            }
        }
    }

    /// The published events whose names begin so, oldest first.
    public func events(_ prefix: String) async throws -> [(name: String, payload: JSON)] {
        try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query("SELECT name, payload FROM events ORDER BY position").map { row in
                (try row.get(0, as: String.self), try JSON.parse(try row.get(1, as: String.self)))
            }
        }.filter { $0.name.hasPrefix(prefix) }
    }
}

/// An answer, read.
public struct ServiceReply: Sendable {
    public let status: Int
    public let headers: HTTPFields
    public let bytes: [UInt8]

    public var text: String { String(decoding: bytes, as: UTF8.self) }
    public var json: JSON { (try? JSON.parse(text)) ?? .null }

    /// Each fault's place and code, sorted: `/title required`.
    public var faults: [String] {
        (json["errors"]?.arrayValue ?? []).map { fault in
            let place = fault["pointer"] ?? fault["parameter"] ?? fault["header"] ?? ""
            return "\(place.stringValue ?? "") \(fault["code"]?.stringValue ?? "")"
        }.sorted()
    }
}
