import NIOCore
import NIOHTTP1
import NIOPosix

/// Calls services over HTTP/1.1, on connections that are kept. A call stays on the event loop that it is made from, and so
/// does its connection: between the client's bytes and the service's, nothing is handed from thread to thread.
final class ServiceClient: Sendable {
    struct Limits: Sendable {
        var connectTime: TimeAmount = .seconds(2)
        /// A little less than the services keep a connection on which nothing happens (75 s).
        var idleTime: TimeAmount = .seconds(60)
        /// Between two parts of an answer.
        var readTime: TimeAmount = .seconds(120)
        /// To one instance, from each event loop; calls beyond that wait for a connection to become free.
        var connections = 128
        /// An answer of known length up to this is given whole, so that a service that dies half-way gives none.
        var wholeAnswerBytes = 64 * 1024
    }

    struct Request: Sendable {
        /// `http://127.0.0.1:8101`
        let origin: String
        let head: HTTPRequestHead
        let body: Body
        /// When the answer must have begun; a whole one must have come.
        let deadline: NIODeadline
    }

    enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        case stream(BodyPipe, length: Int?)

        /// What has flowed away can't be sent again.
        var mayBeRepeated: Bool {
            if case .stream = self { false } else { true }
        }
    }

    struct Answer: Sendable {
        enum Body: Sendable {
            case whole(ByteBuffer)
            case parts(Parts)
        }

        let head: HTTPResponseHead
        let body: Body
    }

    typealias Parts = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark,
        ServiceConnection.Reader
    >

    private let group: any EventLoopGroup
    private let pools: [ObjectIdentifier: ServiceConnections]

    init(group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, limits: Limits = Limits()) {
        self.group = group
        pools = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map {
                (ObjectIdentifier($0), ServiceConnections(on: $0, limits))
            })
    }

    /// The answer, or its beginning. Throws a ``Proxy/Failure``, or what the body threw.
    func call(_ request: Request) async throws -> Answer {
        // On one of the group's event loops, that one.
        let loop = group.any()
        guard let pool = pools[ObjectIdentifier(loop)] else { preconditionFailure("the group has another loop now") }
        let exchange = Exchange(request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if loop.inEventLoop {
                    pool.begin(exchange, continuation)
                } else {
                    loop.execute { pool.begin(exchange, continuation) }
                }
            }
        } onCancel: {
            loop.execute { exchange.cancel() }
        }
    }
}

/// A call under way.
///
/// Unchecked because it is touched on its event loop alone, once it has begun.
final class Exchange: @unchecked Sendable {
    let request: ServiceClient.Request
    /// The connection that carries it.
    var connection: ServiceConnection?
    private var continuation: CheckedContinuation<ServiceClient.Answer, any Error>?
    private var isCancelled = false

    init(_ request: ServiceClient.Request) {
        self.request = request
    }

    /// Nobody waits for an answer any more.
    var isOver: Bool { continuation == nil }

    /// False if the caller has gone already.
    func begin(_ continuation: CheckedContinuation<ServiceClient.Answer, any Error>) -> Bool {
        self.continuation = continuation
        if isCancelled { fail(CancellationError()) }
        return !isCancelled
    }

    func answer(_ answer: ServiceClient.Answer) {
        continuation?.resume(returning: answer)
        continuation = nil
    }

    func fail(_ error: any Error) {
        continuation?.resume(throwing: error)
        continuation = nil
    }

    func cancel() {
        isCancelled = true
        guard !isOver else { return }
        fail(CancellationError())
        connection?.abandon(self)
    }
}

/// The connections of one event loop.
///
/// Unchecked because it is touched on its event loop alone.
final class ServiceConnections: @unchecked Sendable {
    /// One instance of a service.
    private struct Instance {
        let host: String
        let port: Int
        var idle: [ServiceConnection] = []
        var open = 0
        var waiting: [Exchange] = []

        init(_ origin: String) {
            var authority = origin.dropFirst("http://".utf8.count).prefix { $0 != "/" }
            var port: Int?
            // The last colon, unless it stands inside the brackets of an IPv6 address.
            if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
                port = Int(authority[authority.index(after: colon)...])
                authority = authority[..<colon]
            }
            host = String(authority.filter { $0 != "[" && $0 != "]" })
            self.port = port ?? 80
        }
    }

    let loop: any EventLoop
    let limits: ServiceClient.Limits
    private var instances: [String: Instance] = [:]

    init(on loop: any EventLoop, _ limits: ServiceClient.Limits) {
        self.loop = loop
        self.limits = limits
    }

    func begin(_ exchange: Exchange, _ continuation: CheckedContinuation<ServiceClient.Answer, any Error>) {
        guard exchange.begin(continuation) else { return }
        let origin = exchange.request.origin
        while let connection = instances[origin, default: Instance(origin)].idle.popLast() {
            if connection.serve(exchange) { return }
        }
        if instances[origin, default: Instance(origin)].open < limits.connections {
            connect(for: exchange)
        } else {
            instances[origin]?.waiting.append(exchange)
            loop.scheduleTask(deadline: exchange.request.deadline) {
                if exchange.connection == nil { exchange.fail(Proxy.Failure.timeout) }
            }
        }
    }

    private func connect(for exchange: Exchange) {
        let origin = exchange.request.origin
        guard let instance = instances[origin] else { return }
        instances[origin]?.open += 1
        let patience = min(limits.connectTime, max(.milliseconds(1), exchange.request.deadline - .now()))
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(patience)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    // The proxy says how a request is framed, and has checked the fields.
                    var encoder = HTTPRequestEncoder.Configuration()
                    encoder.automaticallySetFramingHeaders = false
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers(
                        enableOutboundHeaderValidation: false, encoderConfiguration: encoder)
                    try pipeline.addHandler(ServiceConnection(origin, among: self))
                }
            }
        let address = try? SocketAddress(ipAddress: instance.host, port: instance.port)
        let channel =
            address.map { bootstrap.connect(to: $0) } ?? bootstrap.connect(host: instance.host, port: instance.port)
        channel.flatMapThrowing { try $0.pipeline.syncOperations.handler(type: ServiceConnection.self) }
            .whenComplete { [self] result in
                switch result {
                case .success(let connection) where connection.isOpen:
                    connection.isCounted = true
                    if exchange.isOver || !connection.serve(exchange) { isFree(connection) }
                case .success, .failure:
                    exchange.fail(Proxy.Failure.unreachable)
                    isGone(origin)
                }
            }
    }

    /// The connection can take another call.
    func isFree(_ connection: ServiceConnection) {
        guard connection.isOpen else { return }
        if let exchange = nextWaiting(connection.origin), connection.serve(exchange) { return }
        instances[connection.origin]?.idle.append(connection)
    }

    /// A connection of an instance has ended, or did not come about.
    func isGone(_ origin: String, _ connection: ServiceConnection? = nil) {
        instances[origin]?.open -= 1
        if let connection { instances[origin]?.idle.removeAll { $0 === connection } }
        if let exchange = nextWaiting(origin) { connect(for: exchange) }
    }

    private func nextWaiting(_ origin: String) -> Exchange? {
        while let waiting = instances[origin]?.waiting, !waiting.isEmpty {
            instances[origin]?.waiting.removeFirst()
            if !waiting[0].isOver { return waiting[0] }
        }
        return nil
    }
}
