import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A request to one address.
struct Attempt: Sendable {
    let request: OutboundRequest
    let address: IPAddress
    let tls: NIOSSLContext?
    let deadline: NIODeadline
    let connectTime: TimeAmount
    let bodyBytes: Int

    func run(on loop: any EventLoop) async -> Result<OutboundAnswer, OutboundError> {
        let promise = loop.makePromise(of: Result<OutboundAnswer, OutboundError>.self)
        let channel = connect(answering: promise, on: loop)
        channel.whenFailure { error in
            promise.succeed(.failure(error is NIOSSLError || error is NIOSSLExtraError ? .tls : .unreachable))
        }
        // The channel's end ends the exchange; one that is still being connected ends by its own limit.
        let alarm = loop.scheduleTask(deadline: deadline) { channel.whenSuccess { Self.end($0, .timeout) } }
        let result = await withTaskCancellationHandler {
            (try? await promise.futureResult.get()) ?? .failure(.dropped)
        } onCancel: {
            channel.whenSuccess { channel in channel.eventLoop.execute { Self.end(channel, .cancelled) } }
        }
        alarm.cancel()
        return result
    }

    private func connect(
        answering promise: EventLoopPromise<Result<OutboundAnswer, OutboundError>>, on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let patience = min(connectTime, max(.milliseconds(1), deadline - .now()))
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(patience).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let tls {
                    // Without a name, the certificate must be for the address.
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: serverName)
                    try pipeline.addHandler(handler)
                }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(AnswerReader(request: request, bodyBytes: bodyBytes, promise: promise))
            }
        }
        do {
            let packed = ByteBuffer(bytes: address.bytes)
            return bootstrap.connect(to: try SocketAddress(packedIPAddress: packed, port: request.url.port))
        } catch {
            return loop.makeFailedFuture(error)
        }
    }

    private var serverName: String? {
        if case .name(let name) = request.url.host { name } else { nil }
    }

    private static func end(_ channel: any Channel, _ error: OutboundError) {
        channel.pipeline.fireUserInboundEventTriggered(error)
    }
}

extension OutboundError {
    static let tls = OutboundError(.tls, hint: "The host's certificate is not one for this name, or is not trusted.")
    static let malformed = OutboundError(.malformed, hint: "What the host answered is not HTTP.")
}

/// Sends the request, and reads as much of the answer as is kept.
private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: OutboundRequest
    private let bodyBytes: Int
    private let promise: EventLoopPromise<Result<OutboundAnswer, OutboundError>>
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()
    private var isConnected = false
    private var isOver = false

    init(
        request: OutboundRequest, bodyBytes: Int, promise: EventLoopPromise<Result<OutboundAnswer, OutboundError>>
    ) {
        self.request = request
        self.bodyBytes = bodyBytes
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        isConnected = true
        var headers = HTTPHeaders(request.headers.map { ($0.name, $0.value) })
        headers.replaceOrAdd(name: "host", value: request.url.authority)
        headers.replaceOrAdd(name: "content-length", value: String(request.body.count))
        headers.replaceOrAdd(name: "connection", value: "close")
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.url.target, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        if !request.body.isEmpty {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request.body)))), promise: nil)
        }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
        case .body(var part):
            let room = bodyBytes - body.readableBytes
            guard part.readableBytes <= room else {
                if let kept = part.readSlice(length: room) { body.writeImmutableBuffer(kept) }
                return finish(context, .dropped)
            }
            body.writeImmutableBuffer(part)
        case .end:
            finish(context, nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let error = event as? OutboundError {
            finish(context, error)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOSSLError.uncleanShutdown: break  // channelInactive follows
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: finish(context, .tls)
        case HTTPParserError.invalidEOFState: finish(context, .dropped)
        case is HTTPParserError: finish(context, .malformed)
        default: finish(context, .dropped)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { finish(context, .dropped) }
    func handlerRemoved(context: ChannelHandlerContext) { finish(context, isConnected ? .dropped : .unreachable) }

    /// Once there is a status it counts, whatever becomes of the body: the far side has said what it did.
    private func finish(_ context: ChannelHandlerContext, _ error: OutboundError?) {
        guard !isOver else { return }
        isOver = true
        context.close(promise: nil)
        guard let head else { return promise.succeed(.failure(error ?? .dropped)) }
        promise.succeed(
            .success(
                OutboundAnswer(
                    status: Int(head.status.code), headers: head.headers.map { ($0.name, $0.value) },
                    body: Array(body.readableBytesView), isTruncated: error != nil)))
    }
}
