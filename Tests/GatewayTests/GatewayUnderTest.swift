import AMQP
import AsyncHTTPClient
import Contracts
import Database
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit
import Testing
import Web

@testable import Gateway
@testable import ServiceKit

/// A gateway as it runs in production (same runner, real sockets, real PostgreSQL and RabbitMQ), in this process.
struct GatewayUnderTest: Sendable {
    static let contextKey = "a key that only tests know, 32 bytes and more"

    let port: Int
    let database: TestDatabase
    let broker: TestBroker
    let tenantId: UUID
    let tenantKey: String
    let adminKey: String
    static let demoPassword = "violet-harbor-lamp-93"

    var url: String { "http://127.0.0.1:\(port)" }
    var tenantPath: String { "/v1/tenants/\(tenantId.text)" }

    /// Runs `body` with a gateway before these services.
    static func with(
        services: String = "", settings: [String: String] = [:], waitsForRoutes: Bool = true,
        _ body: @escaping @Sendable (GatewayUnderTest) async throws -> Void
    ) async throws {
        try await TestBroker.with { broker in
            try await TestDatabase.with("gateway", GatewayService.allMigrations) { database in
                try await with(
                    database, broker, services: services, settings: settings,
                    waitsForRoutes: waitsForRoutes, body)
            }
        }
    }

    /// Runs `body` with one more gateway on a database and a broker that are there.
    static func with(
        _ database: TestDatabase, _ broker: TestBroker, services: String = "", settings: [String: String] = [:],
        keys: (api: String, admin: String)? = nil, waitsForRoutes: Bool = true,
        _ body: @escaping @Sendable (GatewayUnderTest) async throws -> Void
    ) async throws {
        let port = try await Self.freePort()
        var environment = [
            "DATABASE_URL": database.url(), "DATABASE_MIGRATION_URL": database.ownerURL(), "AMQP_URL": broker.url,
            "HTTP_PORT": String(port), "INTERNAL_CONTEXT_KEY": contextKey, "LOG_LEVEL": "warning",
            "TOKEN_ISSUER": "https://help.example.com",
        ]
        if !services.isEmpty { environment["SERVICES"] = services }
        environment.merge(settings) { $1 }
        let read = environment
        let resolved = try Settings(GatewayService.allSettings, environment: read)
        let process = try await ServiceProcess(
            GatewayService.self, settings: resolved, metrics: MetricsRegistry(), sink: LogSink(service: "gateway")
        ) { () throws(SettingFaults) in try Settings(GatewayService.allSettings, environment: read) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await process.run(ownsProcess: false) }
            group.addTask {
                let probe = GatewayUnderTest(
                    port: port, database: database, broker: broker, tenantId: UUID.v7(), tenantKey: "", adminKey: "")
                try await eventually("the gateway is ready") {
                    let answer = try? await probe.send(.GET, "/health/ready", key: nil)
                    return answer?.status == 200
                }
                // What is published before the gateway's queues are bound for the first time reaches nobody. They are bound
                // after all of them are there, and consumed from after that.
                try await broker.withClient { client in
                    try await eventually("the gateway consumes") {
                        try await client.queueStatus("gateway.events.3")?.consumerCount ?? 0 > 0
                    }
                }
                let bootstrap = try await Bootstrap(database: database.database).run(
                    apiKey: keys.flatMap { ApiKeySecret($0.api) }, adminKey: keys.flatMap { ApiKeySecret($0.admin) },
                    demoPassword: demoPassword)
                let gateway = GatewayUnderTest(
                    port: port, database: database, broker: broker, tenantId: bootstrap.tenantId,
                    tenantKey: bootstrap.apiKey.text, adminKey: bootstrap.adminKey.text)
                if waitsForRoutes {
                    try await eventually("the services' routes are known") {
                        let status = try await gateway.send(.GET, "/v1/nothing", key: nil).status
                        return status == 404
                    }
                }
                try await body(gateway)
            }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1).bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    // MARK: - Requests

    struct Answer: Sendable {
        let status: UInt
        let headers: HTTPHeaders
        let bytes: [UInt8]

        var json: JSON { (try? JSON.parse(bytes)) ?? .null }
        var text: String { String(decoding: bytes, as: UTF8.self) }
        func header(_ name: String) -> String? { headers.first(name: name) }
    }

    func send(
        _ method: HTTPMethod, _ path: String, key: String?, headers: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = body
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = Array(try await answer.body.collect(upTo: 64 << 20).readableBytesView)
        return Answer(status: answer.status.code, headers: answer.headers, bytes: bytes)
    }

    func send(
        _ method: HTTPMethod, _ path: String, key: String?, headers: [(String, String)] = [], json: JSON
    ) async throws -> Answer {
        try await send(
            method, path, key: key, headers: [("content-type", "application/json")] + headers,
            body: .bytes(ByteBuffer(bytes: json.serialized())))
    }

    /// Writes bytes to a connection of their own and reads what comes until it closes or `until` has come.
    func raw(_ bytes: String, until end: String = "\r\n\r\n") async throws -> String {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: bytes))
            var text = ""
            for try await part in inbound {
                text += String(buffer: part)
                if text.contains(end) { break }
            }
            return text
        }
    }

    func logIn(
        _ email: String = "agent@example.com", password: String = demoPassword
    ) async throws -> Answer {
        try await send(
            .POST, "/v1/sessions", key: nil,
            json: ["organizationId": .uuid(tenantId), "email": .string(email), "password": .string(password)])
    }
}
