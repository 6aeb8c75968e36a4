import AsyncHTTPClient
import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import TestKit
import Testing
import Web

@testable import ServiceKit

/// What an operator sees of a running process.
@Suite("Operation")
struct OperationTests {
    static let nowhere = [
        "DATABASE_URL": "postgresql://x@127.0.0.1:1/none", "AMQP_URL": "amqp://127.0.0.1:1", "HTTP_PORT": "0",
        "INTERNAL_CONTEXT_KEY": SpawnedService.contextKey,
    ]

    func send(
        _ method: HTTPMethod, _ path: String, to service: SpawnedService, as caller: Caller?, body: String? = nil
    ) async throws -> (status: Int, body: JSON) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(try await service.port())\(path)")
        request.method = method
        if let caller {
            let keys = try InternalContext.Keys(current: SpawnedService.contextKey)
            let context = InternalContext.sign(
                caller, requestId: "r-1", audience: "sla", expires: .now + .seconds(30), keys: keys)
            request.headers.add(name: "X-Deskwire-Context", value: context)
        }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), (try? JSON.parse(Array(bytes.readableBytesView))) ?? .null)
    }

    @Test("a platform administrator changes the log level, nobody else")
    func logLevel() async throws {
        try await withService("sla", Self.nowhere) { service in
            let path = "/v1/admin/sla/log_level"
            let user = Caller(tenantId: .v7(), actor: Actor(type: .user, userId: .v7()), permissions: ["*"])
            var admin = user
            admin.platformAdmin = true
            admin.displayName = "root@example.com"
            #expect(try await send(.GET, path, to: service, as: nil).status == 401)
            #expect(try await send(.PATCH, path, to: service, as: user, body: #"{"level":"debug"}"#).status == 403)
            #expect(try await send(.GET, path, to: service, as: admin).body == ["level": "info"])
            let changed = try await send(.PATCH, path, to: service, as: admin, body: #"{"level":"debug"}"#)
            #expect(changed.status == 200 && changed.body == ["level": "debug"])
            #expect(try await send(.GET, path, to: service, as: admin).body == ["level": "debug"])
            let wrong = try await send(.PATCH, path, to: service, as: admin, body: #"{"level":"loud"}"#)
            #expect(wrong.status == 422)
            let line = try #require(service.lines.first { $0["message"] == "log level changed" })
            #expect(line["requestId"] == "r-1")
            #expect(line["metadata"]?["user"] == "root@example.com")
        }
    }

    @Test("secrets are nowhere in the log, however much is logged")
    func secrets() async throws {
        var environment = Self.nowhere
        environment["LOG_LEVEL"] = "trace"
        environment["DATABASE_URL"] = "postgresql://x:hunter2hunter2@127.0.0.1:1/none"
        environment["AMQP_URL"] = "amqp://y:swordfish@127.0.0.1:1"
        try await withService("sla", environment) { service in
            let ready = try await service.get("health/ready")
            #expect(ready.status == 503)
            service.send(SIGTERM)
            #expect(try await service.ended() == 0)
            let log = service.lines.map(\.text).joined()
            #expect(service.lines.count > 5)
            for secret in ["hunter2", "swordfish", SpawnedService.contextKey] { #expect(!log.contains(secret)) }
        }
    }

    @Test("metrics can be scraped, and count what was asked")
    func metrics() async throws {
        try await withService("sla", Self.nowhere) { service in
            _ = try await service.get("health/live")
            let url = "http://127.0.0.1:\(try await service.port())/metrics"
            let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
            #expect(response.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
            let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
            #expect(text.contains(#"http_requests_total{method="GET",route="/health/live",status="200"} 1"#))
            #expect(text.contains(#"deskwire_build_info{service="sla""#))
            #expect(text.contains(#"health_check_up{check="broker"} 0"#))
            #expect(text.contains("process_resident_memory_bytes "))
            // Each line is a comment or `name{labels} value`, and each name has one type.
            let lines = text.split(separator: "\n")
            #expect(lines.allSatisfy { $0.hasPrefix("# ") || $0.contains(/^[a-z_:][a-z0-9_:]*(\{.*\})? \S+$/) })
            let types = lines.filter { $0.hasPrefix("# TYPE") }
            #expect(Set(types).count == types.count)
        }
    }

    @Test("a marked request's span reaches the collector, an unmarked one's does not")
    func spans() async throws {
        let bodies = Mutex<[JSON]>([])
        let router = Hummingbird.Router()
        router.post("v1/traces") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            let json = try JSON.parse(Array(body.readableBytesView))
            bodies.withLock { $0.append(json) }
            return HTTPResponse.Status.ok
        }
        let port = Mutex<Int?>(nil)
        let collector = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.withLock { $0 = channel.localAddress?.port } },
            logger: Logger(label: "collector", factory: { _ in SwiftLogNoOpLogHandler() }))
        let collecting = Task { try await collector.run() }
        defer { collecting.cancel() }
        try await eventually("the collector listens") { port.withLock { $0 != nil } }

        var environment = Self.nowhere
        environment["OTLP_ENDPOINT"] = "http://127.0.0.1:\(port.withLock { $0 } ?? 0)"
        try await withService("sla", environment) { service in
            let url = "http://127.0.0.1:\(try await service.port())/openapi.json"
            for (span, flag) in [("1111111111111111", "01"), ("2222222222222222", "00")] {
                var request = HTTPClientRequest(url: url)
                request.headers.add(name: "traceparent", value: "00-0af7651916cd43dd8448eb211c80319c-\(span)-\(flag)")
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                #expect(response.status == .ok)
                _ = try await response.body.collect(upTo: 1 << 22)
            }
            service.send(SIGTERM)
            #expect(try await service.ended() == 0)
        }
        let all = bodies.withLock { $0 }
        #expect(
            all.first?["resourceSpans"]?[0]?["resource"]?["attributes"]?[0]?["value"]?["stringValue"] == "deskwire-sla")
        let spans = all.flatMap { $0["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue ?? [] }
        #expect(spans.contains { $0["parentSpanId"] == "1111111111111111" && $0["name"] == "GET /openapi.json" })
        #expect(!spans.contains { $0["parentSpanId"] == "2222222222222222" })
        // The export makes requests itself: they are not traced, or every batch would make the next.
        #expect(spans.count == 1)
    }
}
