import Contracts
import Database
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What Hummingbird keeps for a request; ours is in ``Call``.
public struct WebContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    public init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The address at the other end of the connection.
    public var remoteAddress: String? { channel.remoteAddress?.ipAddress }
}

/// Takes a request through everything that is the same for all routes: ids, routing, authentication, authorization,
/// query, body, measuring, tracing, and problems for all that goes wrong.
public struct WebResponder: HTTPResponder {
    public typealias Context = WebContext

    let api: ServiceAPI

    public func respond(to request: Request, context: WebContext) async throws -> Response {
        let started = ContinuousClock.now
        let now = Timestamp.now
        var requestId = Self.requestId(request)
        let target = Target(request)
        let outcome = Result { () throws(Problem) in try find(request, target) }
        var metrics = api.unmatched
        var response: Response
        switch outcome {
        case .success(.route(let mounted, let values)):
            metrics = mounted.metrics
            (response, requestId) = await serve(request, target, mounted, values, requestId, now)
        case .success(.otherMethods(let methods)):
            response = answerOtherMethods(request, methods, target, requestId)
        case .success(.none):
            response = await answerUnmatched(request, target, requestId)
        case .failure(let error):
            response = failure(error, request, target, requestId)
        }
        response.headers[.requestId] = requestId
        let duration = ContinuousClock.now - started
        metrics.record(status: response.status.code, nanoseconds: duration.nanoseconds)
        Logger.current.debug(
            "request answered",
            metadata: [
                "request.id": "\(requestId)", "http.method": "\(request.method.rawValue)",
                "http.path": "\(target.path)", "http.status": "\(response.status.code)",
                "duration.us": "\(duration.nanoseconds / 1_000)",
            ])
        return response
    }

    // MARK: Finding

    private func find(_ request: Request, _ target: Target) throws(Problem) -> Router.Match {
        guard target.path.utf8.count <= api.limits.pathBytes else {
            throw Problem(
                .uriTooLong, code: "uri_too_long", title: "The path is too long",
                detail: "At most \(api.limits.pathBytes) bytes are accepted.")
        }
        guard target.path.utf8.first == UInt8(ascii: "/") else { throw .badRequest("The path must begin with /.") }
        var segments: [String] = []
        let parts = target.path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for part in parts where !(parts.count == 1 && part.isEmpty) {
            guard let segment = Percent.decode(part, plusIsSpace: false) else {
                throw .badRequest("The path must be percent-encoded UTF-8 without NUL.")
            }
            guard !segment.isEmpty else { return .none }
            segments.append(segment)
        }
        return api.router.match(request.method, segments)
    }

    private func answerOtherMethods(
        _ request: Request, _ methods: [String], _ target: Target, _ requestId: String
    ) -> Response {
        guard request.method == .options else {
            return failure(Problem.methodNotAllowed(allow: methods), request, target, requestId)
        }
        var answer = Answer.noContent.with(.allow, methods.joined(separator: ", "))
        if methods.contains("PATCH") { answer.headers[.acceptPatch] = "\(Body.mergePatch), \(Body.json)" }
        return answer.response(isHead: false)
    }

    private func answerUnmatched(_ request: Request, _ target: Target, _ requestId: String) async -> Response {
        guard let fallback = api.fallback else { return failure(Problem.notFound(), request, target, requestId) }
        do {
            return try await fallback(request, requestId)
        } catch {
            return failure(error, request, target, requestId)
        }
    }

    // MARK: Serving

    private func serve(
        _ request: Request, _ target: Target, _ mounted: MountedRoute, _ values: [String], _ requestId: String,
        _ now: Timestamp
    ) async -> (Response, String) {
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.headers, into: &parent, using: HeaderExtractor())
        return await withSpan(mounted.spanName, context: parent, ofKind: .server) { span in
            var requestId = requestId
            var response: Response
            do {
                let identity = try await identify(request, mounted, now)
                if let known = identity.requestId { requestId = known }
                var metadata: Logger.Metadata = [
                    "request.id": "\(requestId)", "route": "\(mounted.spanName)",
                    "user": "\(identity.caller.displayName)",
                ]
                if let tenant = identity.caller.tenantId { metadata["tenant.id"] = "\(tenant.text)" }
                response = await withLogger(mergingMetadata: metadata) { _ in
                    do {
                        let call = try call(
                            request, target, mounted, values, identity.caller, requestId: requestId, now: now)
                        return try await answer(call).response(isHead: request.method == .head)
                    } catch {
                        return failure(error, request, target, requestId)
                    }
                }
            } catch {
                response = failure(error, request, target, requestId)
            }
            span.updateAttributes { attributes in
                attributes["http.request.method"] = request.method.rawValue
                attributes["http.route"] = mounted.path
                attributes["http.response.status_code"] = response.status.code
            }
            if response.status.code >= 500 { span.setStatus(SpanStatus(code: .error)) }
            return (response, requestId)
        }
    }

    private func identify(
        _ request: Request, _ mounted: MountedRoute, _ now: Timestamp
    ) async throws -> Authentication.Identity {
        if mounted.route.access == .open { return Authentication.Identity(caller: .anonymous) }
        guard let identity = try await api.authentication.identify(request, now) else {
            throw Problem.unauthorized("Say who is calling.")
        }
        return identity
    }

    private func call(
        _ request: Request, _ target: Target, _ mounted: MountedRoute, _ values: [String], _ caller: Caller,
        requestId: String, now: Timestamp
    ) throws -> Call {
        let tenantId = try authorize(caller, mounted, values)
        let query = try Query.parse(target.query)
        let arguments = try Arguments(query, accepting: mounted.parameters)
        let scope: Scope =
            switch mounted.mount {
            case .tenant: tenantId.map { .tenant($0) } ?? .none
            case .admin: .admin
            case .platform, .root: .none
            }
        return Call(
            request: request, caller: caller, scope: scope,
            tenantId: tenantId ?? (mounted.mount == .admin ? arguments.uuid("tenantId") : nil), requestId: requestId,
            arguments: arguments, now: now, database: api.database, mounted: mounted, path: target.path, query: query,
            pathValues: values)
    }

    /// Reads the body and lets the route answer. What is wrong with a body is of no interest, and nobody's business, where
    /// the row that it is for is not there: then that is the answer.
    private func answer(_ call: Call) async throws -> Answer {
        do {
            var call = call
            let body = try await BodyReader(limits: api.limits).read(call.request, call.mounted.route.body)
            (call.bodyBytes, call.json, call.values) = (body.bytes, body.json, body.values)
            return try await call.mounted.route.handler(call)
        } catch let problem as Problem where problem.isAboutContent && call.mounted.route.body.isTaken {
            for target in call.mounted.targets { try await target.require(call) }
            throw problem
        }
    }

    /// The path's tenant, if the caller may use the route at all.
    private func authorize(_ caller: Caller, _ mounted: MountedRoute, _ values: [String]) throws(Problem) -> UUID? {
        var tenantId: UUID?
        switch mounted.mount {
        case .tenant:
            tenantId = values.first.flatMap { UUID(text: $0) }
            // Not 403: whether another tenant exists is not revealed.
            guard let tenantId, mounted.route.access == .open || caller.platformAdmin || caller.tenantId == tenantId
            else { throw .notFound() }
        case .admin:
            guard caller.platformAdmin else { throw .forbidden("Platform administrators only.") }
        case .platform, .root:
            break
        }
        switch mounted.route.access {
        case .permission(let permission):
            guard caller.platformAdmin || caller.may(permission) else { throw .forbidden(permission: permission) }
        case .anyPermission(let permissions):
            guard caller.platformAdmin || permissions.contains(where: caller.may) else {
                throw .forbidden(permission: permissions.first ?? "")
            }
        case .platformAdmin:
            guard caller.platformAdmin else { throw .forbidden("Platform administrators only.") }
        case .caller, .open:
            break
        }
        return tenantId
    }

    // MARK: Failing

    private func failure(_ error: any Error, _ request: Request, _ target: Target, _ requestId: String) -> Response {
        let problem: Problem
        switch error {
        case let known as Problem:
            problem = known
        case let database as DatabaseError:
            if let known = Problem(database) {
                problem = known
                if known.status.code >= 500 { log(database, as: .warning, requestId) }
            } else {
                problem = .internalError
                log(database, as: .error, requestId)
            }
        case is CancellationError:
            problem = .unavailable("The request was cancelled.")
        default:
            problem = .internalError
            log(error, as: .error, requestId)
        }
        return Answer(problem, instance: String(target.path), requestId: requestId)
            .response(isHead: request.method == .head)
    }

    private func log(_ error: any Error, as level: Logger.Level, _ requestId: String) {
        var metadata: Logger.Metadata = ["request.id": "\(requestId)", "error": "\(error)"]
        if let error = error as? DatabaseError { metadata["database.message"] = "\(error.serverMessage)" }
        Logger.current.log(level: level, "request failed", metadata: metadata)
    }

    // MARK: Ids

    static let requestIdLengthMax = 128

    /// The caller's X-Request-Id if it is fit to be logged and stored, else a new one.
    private static func requestId(_ request: Request) -> String {
        if let given = request.headers[.requestId], (1...requestIdLengthMax).contains(given.utf8.count),
            given.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            return given
        }
        return UUID.v7().text
    }
}

/// A request's target as it was sent, still encoded.
struct Target {
    let path: Substring
    let query: Substring?

    init(_ request: Request) {
        var text = (request.head.path ?? "/")[...]
        // The absolute form names the host first.
        if text.utf8.first != UInt8(ascii: "/"), let scheme = text.firstRange(of: "://") {
            let rest = text[scheme.upperBound...]
            text = rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? "/"
        }
        if let fragment = text.utf8.firstIndex(of: UInt8(ascii: "#")) { text = text[..<fragment] }
        if let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = text[..<mark]
            query = text[text.utf8.index(after: mark)...]
        } else {
            path = text
            query = nil
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

private struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: HTTPFields) -> String? { HTTPField.Name(key).flatMap { headers[$0] } }
}
