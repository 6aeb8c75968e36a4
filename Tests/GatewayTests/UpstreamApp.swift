import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Web

/// A tiny service behind the gateway: it documents a few routes and does what tests tell it to.
final class UpstreamApp: Sendable {
    private struct State {
        var port = 0
        /// Answers to give before good ones: a status each.
        var failures: [Int] = []
        var seen: [String] = []
        var extraPath = false
    }

    private let state = Mutex(State())

    var port: Int { state.withLock { $0.port } }
    /// Method and path of every request to `/v1/…`.
    var seen: [String] { state.withLock { $0.seen } }
    func fail(_ statuses: [Int]) { state.withLock { $0.failures = statuses } }
    func addPath() { state.withLock { $0.extraPath = true } }

    /// Runs `body` with the service, on a free port or a given one.
    static func with(port: Int = 0, _ body: @escaping @Sendable (UpstreamApp) async throws -> Void) async throws {
        let service = UpstreamApp()
        let started = AsyncStream<Void>.makeStream()
        let app = Application(
            router: service.router(),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                service.state.withLock { $0.port = channel.localAddress?.port ?? 0 }
                started.continuation.yield()
            },
            logger: Logger(label: "upstream", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await app.run() }
            var iterator = started.stream.makeAsyncIterator()
            _ = await iterator.next()
            group.addTask { try await body(service) }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private var document: JSON {
        let answers: JSON = ["200": ["description": "ok"]]
        func operations(_ methods: [String], _ extra: JSONObject = [:]) -> JSON {
            var item = JSONObject()
            for method in methods {
                var operation: JSONObject = ["responses": answers]
                for (key, value) in extra { operation[key] = value }
                item[method] = .object(operation)
            }
            return .object(item)
        }
        var paths: JSONObject = [
            "/v1/tenants/{tenantId}/echo": operations(["get", "post", "delete"]),
            "/v1/tenants/{tenantId}/imports": operations(["post"], ["x-body-bytes-max": .int(200 << 20)]),
            "/v1/tenants/{tenantId}/flaky": operations(["get", "post"]),
            "/v1/tenants/{tenantId}/slow": operations(["get"], ["x-timeout-ms": 300]),
            "/v1/tenants/{tenantId}/large": operations(["get"]),
            "/v1/tenants/{tenantId}/broken": operations(["get"]),
            "/v1/tenants/{tenantId}/tagged": operations(["get"]),
            "/v1/open": operations(["get"], ["security": []]),
            "/v1/admin/echo": operations(["get"]),
            "/internal": operations(["get"]),
        ]
        if state.withLock({ $0.extraPath }) { paths["/v1/tenants/{tenantId}/extra"] = operations(["get"]) }
        return ["openapi": "3.1.0", "security": [["bearer": []]], "paths": .object(paths)]
    }

    private func note(_ request: Request) {
        state.withLock { $0.seen.append("\(request.method) \(request.uri.path)") }
    }

    /// What the service got, as JSON.
    private func echo(_ request: Request) async throws -> Response {
        note(request)
        var headers = JSONObject()
        for field in request.headers { headers[field.name.canonicalName] = .string(field.value) }
        var length = 0
        for try await part in request.body { length += part.readableBytes }
        var answer: JSONObject = [
            "method": .string(request.method.rawValue), "target": .string(request.head.path ?? ""),
            "headers": .object(headers), "bodyBytes": .int(Int64(length)),
        ]
        let keys = try InternalContext.Keys(current: GatewayUnderTest.contextKey)
        if let verified = try? InternalContext.verify(
            request.headers[InternalContext.header], audience: "demo", now: .now, keys: keys)
        {
            answer["caller"] = try Wire.json(verified.caller)
            answer["requestId"] = .string(verified.requestId)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: JSON.object(answer).serialized())))
    }

    private func flaky(_ request: Request) -> Response {
        note(request)
        let status = state.withLock { $0.failures.isEmpty ? 200 : $0.failures.removeFirst() }
        return Response(status: .init(code: status), body: .init(byteBuffer: ByteBuffer(string: "\(status)")))
    }

    private func router() -> Hummingbird.Router<BasicRequestContext> {
        let router = Hummingbird.Router()
        router.get("openapi.json") { [self] _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(bytes: document.serialized())))
        }
        router.get("asyncapi.json") { _, _ in Response(status: .notFound) }
        for path in ["v1/tenants/:tenantId/echo", "v1/admin/echo", "v1/open", "v1/tenants/:tenantId/extra", "internal"]
        {
            for method in [HTTPRequest.Method.get, .post, .delete] {
                router.on(RouterPath(path), method: method) { [self] request, _ in try await echo(request) }
            }
        }
        router.post("v1/tenants/:tenantId/imports") { [self] request, _ in try await echo(request) }
        router.get("v1/tenants/:tenantId/flaky") { [self] request, _ in flaky(request) }
        router.post("v1/tenants/:tenantId/flaky") { [self] request, _ in flaky(request) }
        router.get("v1/tenants/:tenantId/slow") { _, _ in
            try await Task.sleep(for: .seconds(2))
            return Response(status: .ok)
        }
        router.get("v1/tenants/:tenantId/large") { _, _ in
            let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 * 1024)
            return Response(
                status: .ok,
                body: ResponseBody { writer in
                    for _ in 0..<160 { try await writer.write(part) }
                    try await writer.finish(nil)
                })
        }
        for method in [HTTPRequest.Method.get, .head] {
            router.on("v1/tenants/:tenantId/tagged", method: method) { request, _ in
                let headers: HTTPFields = [.eTag: "\"1\"", .contentType: "text/plain"]
                if request.headers[.ifNoneMatch] == "\"1\"" { return Response(status: .notModified, headers: headers) }
                let body = ResponseBody(byteBuffer: ByteBuffer(string: "tagged"))
                let response = Response(status: .ok, headers: headers, body: body)
                return method == .head ? response.createHeadResponse() : response
            }
        }
        router.get("v1/tenants/:tenantId/broken") { _, _ in
            // Promises more than it gives.
            Response(
                status: .ok,
                body: ResponseBody(contentLength: 1000) { writer in
                    try await writer.write(ByteBuffer(string: "only this"))
                    throw CancellationError()
                })
        }
        return router
    }
}
