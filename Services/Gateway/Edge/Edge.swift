import Contracts
import Database
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Tracing
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every request to the platform comes through here: it is checked, given an id, matched with a route, authenticated,
/// counted, and carried to the service whose route it is. What the gateway itself serves is a service among others,
/// only without a wire in between.
struct Edge: Sendable {
    struct Limits: Sendable {
        /// Of a body, where the route says nothing else.
        var jsonBytes = 1 << 20
        /// Of a body that is no JSON.
        var uploadBytes = 25 << 20
        /// Until an answer must begin, where the route says nothing else.
        var timeout: Duration = .seconds(30)
        /// Added to the life of a signed context, for clocks that differ.
        var contextSlack: Duration = .seconds(30)
        /// How many proxies before the gateway write `X-Forwarded-For`.
        var trustedProxies = 0
        /// Whether requests are counted at all.
        var areCounted = true
        /// Of callers without credentials, per address.
        var anonymous = RateQuota(requests: 600, windowSeconds: 60)
        /// Origins that may use the routes that belong to no organization.
        var corsOrigins: [String] = []
    }

    /// Serves the gateway's own routes and probes; the request has passed the edge.
    typealias Local = @Sendable (Request) async throws -> Response

    /// The name under which the gateway's own routes are known, and their audience.
    static let ownName = "gateway"

    let limits: Limits
    let directory: RouteDirectory
    let upstreams: [String: Upstream]
    let authenticator: Authenticator
    let limiter: RateLimiter
    let proxy: Proxy
    let contextKeys: InternalContext.Keys
    let meters: EdgeMeters
    let accessLog: AccessLog

    /// What is known of a request before anything has been done for it.
    private struct Arrival {
        let requestId: String
        let path: String
        let origin: String?
        let address: String
    }

    /// What has been found out about a request on its way.
    private struct Passage {
        var route = EdgeMeters.unmatched
        var caller: Caller?
        var tenant: Substring?
        var standings: [RateLimiter.Standing] = []
    }

    func respond(to request: Request, from peer: String?, local: Local) async -> Response {
        let started = ContinuousClock.now
        let arrival = Arrival(
            requestId: Self.requestId(of: request), path: Self.path(of: request), origin: request.headers[.origin],
            address: clientAddress(of: request, peer: peer))
        var passage = Passage()
        var response: Response
        do {
            response = try await answer(request, arrival, &passage, local)
        } catch {
            response = Self.response(for: Self.problem(for: error), arrival)
        }
        if request.method == .head, response.body.contentLength != 0 { response = response.createHeadResponse() }
        await finish(&response.headers, arrival, passage)
        let took = ContinuousClock.now - started
        meters.record(passage.route, status: response.status.code, took: took)
        accessLog.write(
            AccessLog.Entry(
                requestId: arrival.requestId, method: request.method.rawValue, route: passage.route,
                address: arrival.address, caller: passage.caller, status: response.status.code, took: took))
        return response
    }

    /// The headers that every answer has, whoever made it.
    private func finish(_ headers: inout HTTPFields, _ arrival: Arrival, _ passage: Passage) async {
        headers[.requestId] = arrival.requestId
        RateLimiter.Standing.write(passage.standings, to: &headers)
        if let origin = arrival.origin, passage.route != EdgeMeters.unmatched,
            (try? await allows(origin, tenant: passage.tenant)) == true
        {
            CORS.expose(&headers, to: origin)
        }
        StandardHeaders.add(to: &headers)
    }

    // MARK: - The way of a request

    private func answer(
        _ request: Request, _ arrival: Arrival, _ passage: inout Passage, _ local: Local
    ) async throws -> Response {
        try Self.checkHygiene(request)
        let snapshot = directory.snapshot
        if let document = EdgeDocuments.answer(request, path: arrival.path, snapshot: snapshot) { return document }
        if request.method == .options {
            return try await preflight(request, arrival, snapshot.table)
        }
        switch snapshot.table.match(method: request.method.rawValue, path: arrival.path) {
        case .route(let route, let tenant):
            passage.route = route
            passage.tenant = tenant
            return try await serve(request, arrival, &passage, local)
        case .methodNotAllowed(let allow):
            throw Problem.methodNotAllowed(allow: allow)
        case .none where arrival.path.hasPrefix(RouteReader.prefix):
            // The service that has it may be starting: "not there" must not be said too early.
            let missing = snapshot.missing
            guard missing.isEmpty else {
                throw Problem.unavailable(
                    "Not every service has told its routes yet (\(missing.joined(separator: ", "))).")
            }
            throw Problem.notFound()
        case .none:
            // Probes and documents of the gateway itself.
            var request = request
            request.strip()
            request.set(.requestId, arrival.requestId)
            return try await local(request)
        }
    }

    private func serve(
        _ request: Request, _ arrival: Arrival, _ passage: inout Passage, _ local: Local
    ) async throws -> Response {
        let route = passage.route
        let caller: Caller
        let rateLimits: [RateLimit]
        if route.isPublic {
            caller = .anonymous
            rateLimits = [
                RateLimit(
                    policy: .address, tenantId: PlatformOrganization.id, bucket: "address:" + arrival.address,
                    quota: limits.anonymous)
            ]
        } else {
            let principal = try await authenticator.authenticate(request.headers[.authorization])
            try Self.authorize(principal.caller, tenant: passage.tenant, path: arrival.path)
            caller = principal.caller
            passage.caller = caller
            rateLimits = principal.limits
        }
        passage.standings = await count(rateLimits)
        try Self.refuseExcess(passage.standings)
        guard route.service != Edge.ownName else {
            return try await local(own(request, arrival, caller, route))
        }
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.headers, into: &parent, using: FieldExtractor())
        return try await withSpan(route.name, context: parent, ofKind: .server) { span in
            let response = try await forward(request, arrival, route, caller, span.context)
            span.attributes["http.response.status_code"] = response.status.code
            return response
        }
    }

    private static func refuseExcess(_ standings: [RateLimiter.Standing]) throws(Problem) {
        guard let refused = standings.first(where: { $0.retryAfter != nil }), let wait = refused.retryAfter else {
            return
        }
        let (policy, quota) = (refused.limit.policy.rawValue, refused.limit.quota)
        throw .tooManyRequests(
            "The limit of the \(policy) is \(quota.requests) requests in \(quota.windowSeconds) seconds.",
            retryAfterSeconds: max(1, Int((wait / .seconds(1)).rounded(.up))))
    }

    /// Another organization's routes are not there; the platform's are not allowed. The permission that a route needs is
    /// checked by the service that declares it.
    private static func authorize(_ caller: Caller, tenant: Substring?, path: String) throws {
        if caller.platformAdmin { return }
        if let tenant {
            guard let id = UUID(text: tenant), id == caller.tenantId else { throw Problem.notFound() }
        } else if path.hasPrefix("/v1/admin/") {
            throw Problem.forbidden("Only platform administrators may use these routes.")
        }
    }

    private func count(_ rateLimits: [RateLimit]) async -> [RateLimiter.Standing] {
        guard limits.areCounted else { return [] }
        var standings: [RateLimiter.Standing] = []
        standings.reserveCapacity(rateLimits.count)
        for limit in rateLimits {
            let standing = await limiter.spend(limit)
            standings.append(standing)
            // What one limit refuses must not be charged to the next.
            if standing.retryAfter != nil { break }
        }
        return standings
    }

    // MARK: - To the service

    private func context(_ caller: Caller, _ arrival: Arrival, _ route: PublicRoute, _ timeout: Duration) -> String {
        InternalContext.sign(
            caller, requestId: arrival.requestId, audience: route.service,
            expires: .now + timeout + limits.contextSlack, keys: contextKeys)
    }

    /// The request as the gateway's own interface gets it.
    private func own(_ request: Request, _ arrival: Arrival, _ caller: Caller, _ route: PublicRoute) -> Request {
        var request = request
        request.strip()
        request.set(.deskwireContext, context(caller, arrival, route, limits.timeout))
        request.set(.requestId, arrival.requestId)
        request.set(.forwardedFor, arrival.address)
        return request
    }

    private func forward(
        _ request: Request, _ arrival: Arrival, _ route: PublicRoute, _ caller: Caller, _ trace: ServiceContext
    ) async throws -> Response {
        let timeout = route.timeout ?? limits.timeout
        guard let upstream = upstreams[route.service] else { throw Problem.notFound() }
        var headers = Self.passedOn(request.headers)
        headers.add(name: InternalContext.headerName, value: context(caller, arrival, route, timeout))
        headers.add(name: "X-Request-Id", value: arrival.requestId)
        headers.add(name: "X-Forwarded-For", value: arrival.address)
        InstrumentationSystem.instrument.inject(trace, into: &headers, using: HeaderInjector())
        let isIdempotent =
            switch request.method {
            case .get, .head, .options, .put, .delete: true
            default: request.headers.contains(.idempotencyKey)
            }
        let declaredLength = try Self.contentLength(of: request.headers)
        let order = Proxy.Order(
            upstream: upstream, method: request.method, target: request.head.path ?? "/", headers: headers,
            bodyLimitBytes: bodyLimit(of: request, route), deadline: .now + timeout, isRepeatable: isIdempotent)
        let hasBody = declaredLength.map { $0 > 0 } ?? request.headers.contains(.transferEncoding)
        return try await proxy.send(order, body: request.body, declaredLength: declaredLength, hasBody: hasBody)
    }

    private func bodyLimit(of request: Request, _ route: PublicRoute) -> Int {
        if let limit = route.bodyLimitBytes { return limit }
        let isJSON = request.headers[.contentType].map { $0.lowercased().contains("json") } ?? true
        return isJSON ? limits.jsonBytes : limits.uploadBytes
    }

    private static func contentLength(of headers: HTTPFields) throws -> Int? {
        guard let text = headers[.contentLength] else { return nil }
        guard let length = Int(text), length >= 0 else {
            throw Problem.badRequest(errors: [
                Fault(.header("Content-Length"), "malformed", "It must be a number of bytes.")
            ])
        }
        return length
    }

    /// The client's header fields without those that only the gateway may write.
    private static func passedOn(_ fields: HTTPFields) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count + 5)
        var named: Set<String> = []
        if let connection = fields[.connection] {
            named = Set(connection.lowercased().split(separator: ",").map { String($0.filter { $0 != " " }) })
        }
        for field in fields {
            let name = field.name.canonicalName
            guard !ownFields.contains(name), !HopByHop.contains(canonical: name), !named.contains(name) else {
                continue
            }
            headers.add(name: field.name.rawName, value: field.value)
        }
        return headers
    }

    /// Fields that would let a client pass for the gateway, or that the gateway writes anew.
    static let ownFields: Set<String> = [
        "x-deskwire-context", "x-user", "x-request-id", "x-request-timeout-ms", "x-forwarded-for", "x-forwarded-proto",
        "x-forwarded-host", "forwarded", "x-real-ip", "authorization", "cookie", "host", "content-length", "expect",
    ]

    // MARK: - CORS

    private func preflight(_ request: Request, _ arrival: Arrival, _ table: RouteTable) async throws -> Response {
        let allow = table.allowedMethods(path: arrival.path)
        guard let origin = arrival.origin, request.headers.contains(.accessControlRequestMethod) else {
            guard let allow else { throw Problem.notFound() }
            return Response(status: .noContent, headers: [.allow: allow.joined(separator: ", ")])
        }
        var tenant: Substring?
        if case .route(_, let found) = table.match(method: allow?.first { $0 != "OPTIONS" } ?? "", path: arrival.path) {
            tenant = found
        }
        guard try await allows(origin, tenant: tenant) else {
            throw Problem.forbidden("This origin may not use the organization's routes from a browser.")
        }
        return Response(status: .noContent, headers: CORS.preflight(origin: origin, allow: allow))
    }

    private func allows(_ origin: String, tenant: Substring?) async throws -> Bool {
        if CORS.allows(origin, among: limits.corsOrigins) { return true }
        guard let tenant, let id = UUID(text: tenant) else { return false }
        guard let organization = try await authenticator.organizationFacts(id) else { return false }
        return CORS.allows(origin, among: organization.corsOrigins)
    }

    // MARK: - Details

    private static func checkHygiene(_ request: Request) throws {
        do throws(RequestHygiene.Fault) {
            _ = try RequestHygiene.check(target: request.head.path ?? "")
        } catch {
            throw Problem(
                HTTPResponse.Status(code: error.status), code: error.code, title: "The request is malformed",
                detail: error.detail)
        }
    }

    private static func path(of request: Request) -> String {
        let target = request.head.path ?? "/"
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return target }
        return String(target[..<mark])
    }

    private static func requestId(of request: Request) -> String {
        if let given = request.headers[.requestId], RequestHygiene.isUsable(requestId: given) { return given }
        return UUID.v7().text
    }

    /// The address that limits count: the connection's, or the one that the outermost trusted proxy saw.
    private func clientAddress(of request: Request, peer: String?) -> String {
        let peer = peer ?? "unknown"
        guard limits.trustedProxies > 0 else { return peer }
        let hops = request.headers[values: .forwardedFor].joined(separator: ",").split(separator: ",")
            .map { String($0.filter { !$0.isWhitespace }) }
        let index = hops.count - limits.trustedProxies
        return hops.indices.contains(index) && hops[index].utf8.count <= 64 ? hops[index] : peer
    }

    static func problem(for error: any Error) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let refusal as CredentialRefusal: return refusal.problem
        case let error as DatabaseError where error.isTransient:
            return .unavailable("The platform's database does not answer at the moment.")
        default:
            Logger.current.error("a request failed in the gateway", metadata: ["error": "\(error)"])
            return .internalError
        }
    }

    private static func response(for problem: Problem, _ arrival: Arrival) -> Response {
        var headers = problem.headers
        headers[.contentType] = Problem.mediaType
        let bytes = problem.bytes(instance: arrival.path, requestId: arrival.requestId)
        return Response(
            status: problem.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension Edge {
    /// What the gateway's own routes may see, unlike the services: streams check their credentials again and again.
    fileprivate static let keptFields: Set<String> = ["authorization", "content-length", "host"]
}

extension Request {
    /// Removes what only the gateway may write.
    fileprivate mutating func strip() {
        var head = self.head
        for name in Edge.ownFields where !Edge.keptFields.contains(name) {
            if let field = HTTPField.Name(name) { head.headerFields[field] = nil }
        }
        self = Request(head: head, body: body)
    }

    fileprivate mutating func set(_ name: HTTPField.Name, _ value: String) {
        var head = self.head
        head.headerFields[name] = value
        self = Request(head: head, body: body)
    }
}

private struct FieldExtractor: Extractor {
    func extract(key: String, from fields: HTTPFields) -> String? { HTTPField.Name(key).flatMap { fields[$0] } }
}

private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout HTTPHeaders) {
        headers.replaceOrAdd(name: key, value: value)
    }
}

extension HTTPField.Name {
    static let forwardedFor = fieldName("X-Forwarded-For")
}
