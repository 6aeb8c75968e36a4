import Contracts
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Web

/// Carries one request to a service and its answer back. Small bodies are read before a service is bothered (a slow
/// client then holds nothing but its own connection, and the request can be repeated); large ones flow through part by
/// part in both directions.
struct Proxy: Sendable {
    /// A body of known length up to this is read whole before the service is called.
    static let smallBodyBytes = 64 * 1024
    /// An attempt with less time left than this isn't made.
    static let leastTime: Duration = .milliseconds(20)
    /// How many times a request may be sent in all.
    static let attemptsMax = 3

    let client: ServiceClient

    /// What is to be sent, beside the body.
    struct Order: Sendable {
        let upstream: Upstream
        let method: HTTPRequest.Method
        /// Path and query, as the client sent them.
        let target: String
        let headers: HTTPHeaders
        let bodyLimitBytes: Int
        /// When the answer must have begun.
        let deadline: ContinuousClock.Instant
        /// May be repeated: the method is idempotent, or an `Idempotency-Key` makes it so.
        let isRepeatable: Bool
    }

    func send(_ order: Order, body: RequestBody, declaredLength: Int?, hasBody: Bool) async throws -> Response {
        if let declaredLength, declaredLength > order.bodyLimitBytes {
            throw Problem.contentTooLarge(maxBytes: order.bodyLimitBytes)
        }
        guard hasBody else { return try await sendRepeatedly(order, body: nil) }
        if let declaredLength, declaredLength <= Self.smallBodyBytes {
            let bytes = try await collect(body, declared: declaredLength, deadline: order.deadline)
            return try await sendRepeatedly(order, body: bytes)
        }
        return try await sendStreaming(order, body: body, declaredLength: declaredLength)
    }

    private func collect(
        _ body: RequestBody, declared: Int, deadline: ContinuousClock.Instant
    ) async throws -> ByteBuffer {
        do {
            return try await withDeadline(deadline) { try await body.collect(upTo: Self.smallBodyBytes) }
        } catch is DeadlineExceeded {
            throw Problem(
                .requestTimeout, code: "request_timeout", title: "The request took too long to arrive",
                headers: [.connection: "close"])
        }
    }

    // MARK: - Attempts

    private func sendRepeatedly(_ order: Order, body: ByteBuffer?) async throws -> Response {
        var failed: Int?
        var attempt = 1
        while true {
            let permit = try begin(order, avoiding: failed)
            do throws(Failure) {
                return try await call(order, permit, body: body.map { .bytes($0) } ?? .none)
            } catch {
                let mayRepeat = error.wasNotSent || (order.isRepeatable && error.isTransient)
                let hasTime = order.deadline - .now > Self.leastTime
                guard mayRepeat, hasTime, attempt < Self.attemptsMax, order.upstream.mayRetry() else {
                    throw error.problem(service: order.upstream.name)
                }
                failed = permit.index
                attempt += 1
            }
        }
    }

    private func begin(_ order: Order, avoiding: Int?) throws -> Upstream.Permit {
        switch order.upstream.begin(avoiding: avoiding, at: .now) {
        case .success(let permit):
            return permit
        case .failure(let refusal):
            throw Problem.unavailable(
                "The \(order.upstream.name) service does not answer at the moment.",
                retryAfterSeconds: max(1, Int((refusal.retryAfter / .seconds(1)).rounded(.up))))
        }
    }

    /// Sends a body that flows: one attempt, because what has been sent can't be sent again.
    private func sendStreaming(_ order: Order, body: RequestBody, declaredLength: Int?) async throws -> Response {
        let permit = try begin(order, avoiding: nil)
        let pipe = BodyPipe()
        let limit = order.bodyLimitBytes
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Self.pump(body, into: pipe, limit: limit) }
            let answer: Result<Response, Failure>
            do throws(Failure) {
                answer = .success(try await call(order, permit, body: .stream(pipe, length: declaredLength)))
            } catch {
                answer = .failure(error)
            }
            // The client's body is read by the task above and by nobody else: end it before the handler returns.
            pipe.cancel()
            group.cancelAll()
            try await group.waitForAll()
            switch answer {
            case .success(let response): return response
            case .failure(let failure): throw failure.problem(service: order.upstream.name)
            }
        }
    }

    private static func pump(_ body: RequestBody, into pipe: BodyPipe, limit: Int) async {
        var total = 0
        do {
            for try await part in body {
                total += part.readableBytes
                guard total <= limit else {
                    pipe.finish(.failure(Problem.contentTooLarge(maxBytes: limit)))
                    return
                }
                guard await pipe.send(part) else { return }
            }
            pipe.finish()
        } catch let problem as Problem {
            pipe.finish(.failure(problem))
        } catch {
            pipe.finish(.failure(ClientGone()))
        }
    }

    /// The client closed its connection in the middle of its request.
    private struct ClientGone: Error {}

    // MARK: - One call

    private func call(
        _ order: Order, _ permit: Upstream.Permit, body: ServiceClient.Body
    ) async throws(Failure) -> Response {
        let left = order.deadline - .now
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: order.method.rawValue), uri: order.target,
            headers: order.headers)
        head.headers.add(name: "Host", value: String(permit.origin.dropFirst("http://".utf8.count)))
        head.headers.add(name: DeadlineHeader.name, value: DeadlineHeader.value(left))
        Self.frame(&head, body)
        let answer: ServiceClient.Answer
        do {
            answer = try await client.call(
                ServiceClient.Request(
                    origin: permit.origin, head: head, body: body,
                    deadline: .now() + .nanoseconds(Self.nanoseconds(left))))
        } catch {
            let failure = Failure(error)
            order.upstream.finish(permit, failure.outcome, at: .now)
            throw failure
        }
        if let failure = Failure(status: answer.head.status.code), failure.isTransient, order.isRepeatable,
            body.mayBeRepeated, order.upstream.origins.count > 1
        {
            order.upstream.finish(permit, .failure, at: .now)
            throw failure
        }
        return receive(answer, order, permit)
    }

    /// Says where the request's body ends.
    private static func frame(_ head: inout HTTPRequestHead, _ body: ServiceClient.Body) {
        switch body {
        case .none:
            switch head.method {
            case .POST, .PUT, .PATCH: head.headers.add(name: "Content-Length", value: "0")
            default: break
            }
        case .bytes(let bytes):
            head.headers.add(name: "Content-Length", value: String(bytes.readableBytes))
        case .stream(_, let length?):
            head.headers.add(name: "Content-Length", value: String(length))
        case .stream(_, nil):
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
        }
    }

    private func receive(_ answer: ServiceClient.Answer, _ order: Order, _ permit: Upstream.Permit) -> Response {
        let status = HTTPResponse.Status(code: Int(answer.head.status.code))
        var fields = HTTPFields()
        fields.reserveCapacity(answer.head.headers.count + 8)
        var length: Int?
        let dropped = HopByHop.named(in: answer.head.headers)
        for (name, value) in answer.head.headers {
            guard let name = HTTPField.Name(name) else { continue }
            if name == .contentLength {
                length = Int(value)
            } else if !HopByHop.contains(canonical: name.canonicalName), !dropped.contains(name.canonicalName) {
                fields.append(HTTPField(name: name, value: value))
            }
        }
        let upstream = order.upstream
        let outcome: CircuitBreaker.Outcome = Failure(status: answer.head.status.code) == nil ? .success : .failure
        switch answer.body {
        case .whole(let bytes):
            upstream.finish(permit, outcome, at: .now)
            if order.method == .head || status == .noContent || status == .notModified {
                if let length, order.method == .head { fields[.contentLength] = String(length) }
                return Response(status: status, headers: fields)
            }
            return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: bytes))
        case .parts(let parts):
            let call = UnfinishedCall(permit, of: upstream)
            let body = ResponseBody(contentLength: length) { writer in
                var ended = CircuitBreaker.Outcome.ignored
                defer { call.finish(ended) }
                let iterator = parts.makeAsyncIterator()
                while true {
                    let part: ByteBuffer?
                    do {
                        part = try await iterator.next()
                    } catch {
                        ended = .failure
                        throw error
                    }
                    guard let part else { break }
                    try await writer.write(part)
                }
                ended = outcome
                try await writer.finish(nil)
            }
            return Response(status: status, headers: fields, body: body)
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

/// Tells a service how long the caller will wait, so that it doesn't work for nobody.
enum DeadlineHeader {
    static let name = "X-Request-Timeout-Ms"

    static func value(_ left: Duration) -> String {
        String(max(1, left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000))
    }
}

/// Header fields that belong to one connection and are never passed on (RFC 9110, 7.6.1).
enum HopByHop {
    private static let names: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "date", "server",
    ]

    /// Those that a `Connection` field names besides.
    static func named(in headers: HTTPHeaders) -> Set<String> {
        guard headers.contains(name: "connection") else { return [] }
        return Set(headers[canonicalForm: "connection"].map { $0.lowercased() })
    }

    /// `name` in lower case.
    static func contains(canonical name: String) -> Bool { names.contains(name) }

}

extension Proxy {
    /// Why a call brought no answer that could be passed on.
    enum Failure: Error {
        /// No connection: the service has seen nothing of the request.
        case unreachable
        /// The time was up.
        case timeout
        /// The connection broke, or the service says that it can't serve now.
        case broken
        /// The client went away.
        case clientGone
        /// Our own refusal, raised while the body was read.
        case refused(Problem)

        init(_ error: any Error) {
            self =
                switch error {
                case let failure as Failure: failure
                case let problem as Problem: .refused(problem)
                case is ClientGone, is CancellationError: .clientGone
                default: .broken
                }
        }

        /// Answers that say something about the instance, not about the request.
        init?(status: UInt) {
            switch status {
            case 502, 503: self = .broken
            case 504: self = .timeout
            default: return nil
            }
        }

        var wasNotSent: Bool {
            if case .unreachable = self { true } else { false }
        }

        var isTransient: Bool {
            switch self {
            case .unreachable, .broken: true
            case .timeout, .clientGone, .refused: false
            }
        }

        var outcome: CircuitBreaker.Outcome {
            switch self {
            case .unreachable, .timeout, .broken: .failure
            case .clientGone, .refused: .ignored
            }
        }

        func problem(service: String) -> Problem {
            switch self {
            case .refused(let problem):
                problem
            case .unreachable:
                .unavailable("The \(service) service does not answer at the moment.")
            case .timeout:
                Problem(
                    .gatewayTimeout, code: "gateway_timeout", title: "The service took too long",
                    detail: "The \(service) service did not answer in time. The request may still take effect.")
            case .broken, .clientGone:
                Problem(
                    .badGateway, code: "bad_gateway", title: "The service broke off",
                    detail:
                        "The \(service) service broke off before it had answered. The request may have taken effect.")
            }
        }
    }
}

/// The time was up before the work was done.
struct DeadlineExceeded: Error {}

/// Runs `work`, but no longer than until `deadline`.
func withDeadline<R: Sendable>(
    _ deadline: ContinuousClock.Instant, _ work: @escaping @Sendable () async throws -> R
) async throws -> R {
    try await withThrowingTaskGroup(of: R.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(until: deadline, clock: .continuous)
            throw DeadlineExceeded()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw DeadlineExceeded() }
        return first
    }
}
