import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import TestKit
import Testing
import Web

@testable import Gateway
@testable import ServiceKit

@Suite("Edge")
struct EdgeTests {
    private func withService(
        settings: [String: String] = [:],
        _ body: @escaping @Sendable (GatewayUnderTest, UpstreamApp) async throws -> Void
    ) async throws {
        try await UpstreamApp.with { service in
            try await GatewayUnderTest.with(
                services: "demo=http://127.0.0.1:\(service.port)", settings: settings
            ) { gateway in try await body(gateway, service) }
        }
    }

    @Test("carries a request and its answer, with a signed context and without what a client must not write")
    func proxies() async throws {
        try await withService { gateway, _ in
            let answer = try await gateway.send(
                .POST, gateway.tenantPath + "/echo?status=open&x=%C3%A4", key: gateway.tenantKey,
                headers: [
                    ("x-deskwire-context", "forged"), ("x-user", "root"), ("x-forwarded-for", "1.2.3.4"),
                    ("x-request-id", "my-request-1"),
                    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                    ("connection", "x-hop"), ("x-hop", "1"), ("accept-language", "de"), ("idempotency-key", "k1"),
                ], body: .bytes(ByteBuffer(string: #"{"a":1}"#)))
            #expect(answer.status == 200)
            #expect(answer.json["target"]?.stringValue == gateway.tenantPath + "/echo?status=open&x=%C3%A4")
            #expect(answer.json["bodyBytes"]?.intValue == 7)
            #expect(answer.json.value(at: "/caller/tenantId")?.stringValue == gateway.tenantId.text)
            #expect(answer.json.value(at: "/caller/permissions/0")?.stringValue == "*")
            #expect(answer.json.value(at: "/caller/platformAdmin") == false)
            #expect(answer.json["requestId"]?.stringValue == "my-request-1")
            let headers = answer.json["headers"] ?? .null
            #expect(headers["x-user"] == nil)
            #expect(headers["x-hop"] == nil)
            #expect(headers["authorization"] == nil)
            #expect(headers["x-forwarded-for"]?.stringValue == "127.0.0.1")
            #expect(headers["accept-language"]?.stringValue == "de")
            #expect(headers["idempotency-key"]?.stringValue == "k1")
            #expect(headers["traceparent"] != nil)
            #expect(
                (headers["x-request-timeout-ms"]?.stringValue).flatMap { Int($0) }.map { (1...30_000).contains($0) }
                    == true)
            #expect(answer.header("x-request-id") == "my-request-1")
            #expect(answer.header("x-content-type-options") == "nosniff")
            #expect(answer.header("ratelimit-policy")?.hasPrefix("\"key\";q=60000;w=60, \"organization\";q=") == true)
            #expect(answer.header("ratelimit")?.hasPrefix("\"key\";r=59") == true)
        }
    }

    @Test("refuses who is not known, another's organization, other methods, unknown paths, malformed requests")
    func refusals() async throws {
        try await withService { gateway, service in
            let path = gateway.tenantPath + "/echo"
            let other = "/v1/tenants/\(UUID.v7().text)/echo"
            for (key, target, status) in [
                (nil, path, 401), ("nonsense", path, 401), ("dw_live_" + String(repeating: "a", count: 40), path, 401),
                ("a.b.c", path, 401), (gateway.tenantKey, other, 404), (gateway.adminKey, other, 200),
                (gateway.tenantKey, "/v1/admin/echo", 403), (gateway.adminKey, "/v1/admin/echo", 200),
                (gateway.tenantKey, "/v1/tenants/nonsense/echo", 404), (gateway.tenantKey, "/v1/nothing", 404),
                (gateway.tenantKey, "/internal", 404), (nil, "/v1/open", 200), (nil, "/", 404),
                (gateway.tenantKey, path + "/%00", 400), (gateway.tenantKey, path + "/../echo", 400),
            ] as [(String?, String, UInt)] {
                let answer = try await gateway.send(.GET, target, key: key)
                #expect(answer.status == status, "\(target): \(answer.text)")
                if status >= 400 {
                    #expect(answer.header("content-type") == "application/problem+json")
                    #expect(answer.json["requestId"]?.stringValue == answer.header("x-request-id"))
                }
                if status == 401 { #expect(answer.header("www-authenticate") == "Bearer") }
            }
            let patch = try await gateway.send(.PATCH, path, key: gateway.tenantKey)
            #expect(patch.status == 405)
            #expect(patch.header("allow") == "DELETE, GET, HEAD, OPTIONS, POST")
            #expect(!service.seen.contains { $0.contains("internal") })
        }
    }

    @Test("bodies flow in both directions; too large ones are refused, declared or not")
    func bodies() async throws {
        try await withService { gateway, _ in
            let path = gateway.tenantPath
            let large = try await gateway.send(.GET, path + "/large", key: gateway.tenantKey)
            #expect(large.bytes.count == 160 * 64 * 1024)
            struct Parts: AsyncSequence, Sendable {
                let count: Int
                struct AsyncIterator: AsyncIteratorProtocol {
                    var left: Int
                    mutating func next() async -> ByteBuffer? {
                        guard left > 0 else { return nil }
                        left -= 1
                        return ByteBuffer(repeating: 1, count: 100_000)
                    }
                }
                func makeAsyncIterator() -> AsyncIterator { AsyncIterator(left: count) }
            }
            let upload = try await gateway.send(
                .POST, path + "/imports", key: gateway.tenantKey, headers: [("content-type", "text/csv")],
                body: .stream(Parts(count: 400), length: .unknown))
            #expect(upload.json["bodyBytes"]?.intValue == 40_000_000)
            let known = try await gateway.send(
                .POST, path + "/imports", key: gateway.tenantKey, headers: [("content-type", "text/csv")],
                body: .stream(Parts(count: 20), length: .known(Int64(2_000_000))))
            #expect(known.json["bodyBytes"]?.intValue == 2_000_000)
            let declared = try await gateway.send(
                .POST, path + "/echo", key: gateway.tenantKey, headers: [("content-type", "application/json")],
                body: .bytes(ByteBuffer(repeating: 32, count: (1 << 20) + 1)))
            #expect(declared.status == 413)
            let undeclared = try await gateway.send(
                .POST, path + "/echo", key: gateway.tenantKey, headers: [("content-type", "application/json")],
                body: .stream(Parts(count: 30), length: .unknown))
            #expect(undeclared.status == 413)
            // The gateway still answers.
            #expect(try await gateway.send(.GET, path + "/echo", key: gateway.tenantKey).status == 200)
        }
    }

    @Test("HEAD, OPTIONS, conditional requests, encodings, expectations and request ids mean what HTTP says")
    func semantics() async throws {
        try await withService { gateway, _ in
            let path = gateway.tenantPath + "/tagged"
            for _ in 0..<3 {
                let head = try await gateway.send(.HEAD, path, key: gateway.tenantKey)
                #expect(head.status == 200)
                #expect(head.bytes.isEmpty)
                #expect(head.header("content-length") == "6")
                #expect(head.header("etag") == "\"1\"")
                let get = try await gateway.send(
                    .GET, path, key: gateway.tenantKey, headers: [("accept-encoding", "gzip, br")])
                #expect(get.text == "tagged")
                #expect(get.header("content-encoding") == nil)
                for method in [HTTPMethod.GET, .HEAD] {
                    let same = try await gateway.send(
                        method, path, key: gateway.tenantKey, headers: [("if-none-match", "\"1\"")])
                    #expect(same.status == 304)
                    #expect(same.bytes.isEmpty)
                    #expect(same.header("etag") == "\"1\"")
                }
            }
            let options = try await gateway.send(.OPTIONS, path, key: nil)
            #expect(options.status == 204)
            #expect(options.header("allow") == "GET, HEAD, OPTIONS")

            let mine = try await gateway.send(
                .GET, path, key: gateway.tenantKey, headers: [("x-request-id", "order-4711")])
            #expect(mine.header("x-request-id") == "order-4711")
            for unusable in ["short", "with space in it", String(repeating: "a", count: 129)] {
                let given = try await gateway.send(
                    .GET, path, key: gateway.tenantKey, headers: [("x-request-id", unusable)])
                #expect(given.header("x-request-id").flatMap { UUID(text: $0) } != nil)
            }

            let post = "POST \(gateway.tenantPath)/echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
            let rest = "Content-Length: 2\r\nContent-Type: application/json\r\n\r\n"
            let invited = try await gateway.raw(post + "Authorization: Bearer \(gateway.tenantKey)\r\n" + rest)
            #expect(invited.hasPrefix("HTTP/1.1 100"), "\(invited)")
            let refused = try await gateway.raw(post + rest)
            #expect(refused.hasPrefix("HTTP/1.1 401"), "\(refused)")
        }
    }

    @Test("a service that breaks off half-way, takes too long or is not there is a clean problem")
    func failures() async throws {
        try await withService { gateway, _ in
            let broken = try await gateway.send(.GET, gateway.tenantPath + "/broken", key: gateway.tenantKey)
            #expect(broken.status == 502)
            let slow = try await gateway.send(.GET, gateway.tenantPath + "/slow", key: gateway.tenantKey)
            #expect(slow.status == 504)
            #expect(slow.json["type"]?.stringValue == "urn:deskwire:problem:gateway_timeout")
        }
    }

    @Test("with two instances, one that dies costs nobody a request; with none left the answer is 503 with Retry-After")
    func instances() async throws {
        try await UpstreamApp.with { survivor in
            // Port 1 refuses connections.
            let services = "demo=http://127.0.0.1:\(survivor.port)|http://127.0.0.1:1"
            try await GatewayUnderTest.with(services: services) { gateway in
                let path = gateway.tenantPath + "/echo"
                var statuses: Set<UInt> = []
                for _ in 0..<60 {
                    statuses.insert(try await gateway.send(.GET, path, key: gateway.tenantKey).status)
                    // Nothing of a POST to a dead instance was sent, so it is sent elsewhere.
                    let post = try await gateway.send(
                        .POST, path, key: gateway.tenantKey, body: .bytes(ByteBuffer(string: "{}")))
                    statuses.insert(post.status)
                }
                #expect(statuses == [200])
                #expect(survivor.seen.count >= 120)
            }
        }
        try await UpstreamApp.with { service in
            service.fail([])
            let port = service.port
            try await GatewayUnderTest.with(services: "demo=http://127.0.0.1:\(port)") { gateway in
                let path = gateway.tenantPath + "/flaky"
                service.fail(Array(repeating: 503, count: 100))
                var statuses: [UInt] = []
                for _ in 0..<20 { statuses.append(try await gateway.send(.POST, path, key: gateway.tenantKey).status) }
                #expect(statuses.allSatisfy { $0 == 503 })
                // The circuit opened: the service saw only the first of them.
                #expect(service.seen.count { $0 == "POST \(path)" } < 10)
                let refused = try await gateway.send(.POST, path, key: gateway.tenantKey)
                #expect(refused.header("retry-after") != nil)
                service.fail([])
                try await eventually("the circuit closes again") {
                    try await gateway.send(.GET, path, key: gateway.tenantKey).status == 200
                }
            }
        }
    }

    @Test("a resource that a service adds is public without anybody touching the gateway, and documented")
    func discovery() async throws {
        try await withService { gateway, service in
            let path = gateway.tenantPath + "/extra"
            #expect(try await gateway.send(.GET, path, key: gateway.tenantKey).status == 404)
            service.addPath()
            try await eventually("the new route is known") {
                try await gateway.send(.GET, path, key: gateway.tenantKey).status == 200
            }
            let document = try await gateway.send(.GET, "/openapi.json", key: nil)
            #expect(document.status == 200)
            let paths = document.json["paths"]
            #expect(paths?["/v1/tenants/{tenantId}/extra"] != nil)
            #expect(paths?["/v1/tenants/{tenantId}/users"] != nil)
            #expect(paths?["/v1/sessions"] != nil)
            let again = try await gateway.send(
                .GET, "/openapi.json", key: nil, headers: [("if-none-match", document.header("etag") ?? "")])
            #expect(again.status == 304)
        }
    }

    @Test("a service that has not told its routes yet is a 503, not a 404; its routes stay known while it is away")
    func missingService() async throws {
        try await GatewayUnderTest.with(services: "demo=http://127.0.0.1:1", settings: [:], waitsForRoutes: false) {
            gateway in
            let early = try await gateway.send(.GET, gateway.tenantPath + "/echo", key: gateway.tenantKey)
            #expect(early.status == 503)
            #expect(early.header("retry-after") == "1")
        }
    }

    @Test("cross-origin requests: an organization's own origins, and nobody else's")
    func cors() async throws {
        try await withService(settings: ["CORS_ORIGINS": "https://console.example.com"]) { gateway, _ in
            let path = gateway.tenantPath + "/echo"
            let preflight = [("origin", "https://help.example.com"), ("access-control-request-method", "POST")]
            #expect(try await gateway.send(.OPTIONS, path, key: nil, headers: preflight).status == 403)
            let changed = try await gateway.send(
                .PATCH, gateway.tenantPath + "/organizations/\(gateway.tenantId.text)", key: gateway.tenantKey,
                json: ["corsOrigins": ["https://*.example.com"]])
            #expect(changed.status == 200, "\(changed.text)")
            let allowed = try await gateway.send(.OPTIONS, path, key: nil, headers: preflight)
            #expect(allowed.status == 204)
            #expect(allowed.header("access-control-allow-origin") == "https://help.example.com")
            #expect(allowed.header("access-control-allow-methods")?.contains("POST") == true)
            let get = try await gateway.send(
                .GET, path, key: gateway.tenantKey, headers: [("origin", "https://help.example.com")])
            #expect(get.header("access-control-allow-origin") == "https://help.example.com")
            #expect(get.header("vary")?.contains("Origin") == true)
            let foreign = try await gateway.send(
                .GET, path, key: gateway.tenantKey, headers: [("origin", "https://evil.example.org")])
            #expect(foreign.header("access-control-allow-origin") == nil)
            let login = try await gateway.send(
                .OPTIONS, "/v1/sessions", key: nil,
                headers: [("origin", "https://console.example.com"), ("access-control-request-method", "POST")])
            #expect(login.status == 204)
        }
    }

    @Test("what is no HTTP or smuggles a request is refused; slow clients hold up nobody")
    func wire() async throws {
        try await withService { gateway, service in
            let host = "Host: 127.0.0.1\r\n"
            for bad in [
                "GARBAGE\r\n\r\n",
                "GET / HTTP/1.1\r\n\(host)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET / HTTP/1.1\r\n\(host)Bad\u{1}Name: x\r\n\r\n",
                "POST / HTTP/1.1\r\n\(host)Content-Length: -1\r\n\r\n",
            ] {
                let answer = try await gateway.raw(bad)
                #expect(answer.hasPrefix("HTTP/1.1 400"), "\(bad.prefix(30)): \(answer.prefix(40))")
            }
            let invalid = try await gateway.raw(
                "GET /v1/open HTTP/1.1\r\n\(host)X-A: caf\u{1}\r\nConnection: close\r\n\r\n")
            #expect(invalid.hasPrefix("HTTP/1.1 400"))
            #expect(invalid.contains("application/problem+json") && invalid.contains("X-A"))
            let long = try await gateway.raw("GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\n\(host)\r\n")
            #expect(long.hasPrefix("HTTP/1.1 414"))
            let large = try await gateway.raw(
                "GET / HTTP/1.1\r\n\(host)X-A: \(String(repeating: "a", count: 33_000))\r\n\r\n")
            #expect(large.hasPrefix("HTTP/1.1 431"))
            #expect(service.seen.isEmpty)
            #expect(try await gateway.send(.GET, "/v1/open", key: nil).status == 200)
        }
    }
}
