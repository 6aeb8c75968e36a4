import Contracts
import Database
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import TestKit
import Testing
import Web

/// The sample service over a database of its own, served over real HTTP.
struct Harness: Sendable {
    static let keys = try! InternalContext.Keys(current: String(repeating: "k", count: 32))

    let client: any TestClientProtocol
    let test: TestDatabase
    let tenant = UUID.v7()
    var database: Database { test.database }

    static func with(
        _ setup: TestingSetup = .ahc(), limits: ServiceAPI.Limits = ServiceAPI.Limits(),
        configure: (inout DatabaseConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        try await TestDatabase.with("sample", Sample.migrations, configure: configure) { test in
            try await with(test, database: test.database, setup, limits: limits, body)
        }
    }

    /// The same over a pool of the test's own.
    static func with(
        _ test: TestDatabase, database: Database, _ setup: TestingSetup = .ahc(),
        limits: ServiceAPI.Limits = ServiceAPI.Limits(), _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        let api = ServiceAPI(
            service: "sample", database: database, authentication: .signedContext(keys: keys, audience: "sample"),
            resources: Sample.resources, routes: Sample.routes, limits: limits)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let app = Application(responder: api.responder, logger: logger)
        try await app.test(setup) { client in
            try await body(Harness(client: client, test: test))
        }
    }

    // MARK: Callers

    func user(_ permissions: Set<String> = ["*"], tenant: UUID? = nil) -> Caller {
        Caller(
            tenantId: tenant ?? self.tenant, actor: .user(Self.userId), permissions: permissions,
            displayName: "ada@example.com")
    }

    static let userId = UUID.v7()
    static let admin = Caller(
        tenantId: nil, actor: .user(userId), permissions: ["*"], platformAdmin: true, displayName: "root")

    // MARK: Requests

    /// A path under the tenant, unless it begins with a slash.
    func url(_ path: String, tenant: UUID? = nil) -> String {
        path.hasPrefix("/") ? path : "/v1/tenants/\((tenant ?? self.tenant).text)/\(path)"
    }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, as caller: Caller? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Reply {
        try await send(method, path, bytes: body?.serialized(), as: caller, headers: headers)
    }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, as caller: Caller? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Reply {
        var headers = headers
        if bytes != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        headers[.deskwireContext] = InternalContext.sign(
            caller ?? user(), requestId: headers[.requestId] ?? "r-1", audience: "sample",
            expires: .now + .seconds(30), keys: Self.keys)
        return try await sendUnsigned(method, path, bytes: bytes, headers: headers)
    }

    func sendUnsigned(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]? = nil, headers: HTTPFields = [:]
    ) async throws -> Reply {
        let response = try await client.execute(
            uri: url(path), method: method, headers: headers, body: bytes.map { ByteBuffer(bytes: $0) })
        return Reply(response)
    }

    func get(_ path: String, as caller: Caller? = nil, headers: HTTPFields = [:]) async throws -> Reply {
        try await send(.get, path, as: caller, headers: headers)
    }

    /// A new gadget.
    @discardableResult
    func gadget(_ fields: JSONObject = [:], as caller: Caller? = nil) async throws -> JSON {
        var body: JSONObject = ["name": .string("gadget \(UUID.v7().text.suffix(12))")]
        for (key, value) in fields { body[key] = value }
        let reply = try await send(
            .post, url("gadgets", tenant: caller?.tenantId), .object(body), as: caller)
        try #require(reply.status == 201, "\(reply.text)")
        return reply.json
    }

    /// The published events' payloads, oldest first.
    func events(tenant: UUID? = nil) async throws -> [JSON] {
        try await database.transaction(as: .tenant(tenant ?? self.tenant), readOnly: true) { tx in
            try await tx.query("SELECT payload FROM events ORDER BY position").map { row in
                try JSON.parse(try row.get(0, as: String.self))
            }
        }
    }

    func eventNames() async throws -> [String] {
        try await database.transaction(as: .tenant(tenant), readOnly: true) { tx in
            try await tx.query("SELECT name FROM events ORDER BY position").map { try $0.get(0) }
        }
    }

    func count(_ table: String) async throws -> Int {
        try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.first("SELECT count(*) FROM \(identifier: table)")!.get(0)
        }
    }
}

/// An answer, read.
struct Reply {
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
    var id: String { json["id"]?.stringValue ?? "" }
    var next: String? { json["page"]?["next"]?.stringValue }
    /// `pointer code` of every fault, sorted.
    var faults: [String] {
        (json["errors"]?.arrayValue ?? []).map { fault in
            let place = fault["pointer"] ?? fault["parameter"] ?? fault["header"] ?? ""
            return "\(place.stringValue ?? "") \(fault["code"]?.stringValue ?? "")"
        }.sorted()
    }
}

extension JSON {
    var id: String { self["id"]?.stringValue ?? "" }
}
