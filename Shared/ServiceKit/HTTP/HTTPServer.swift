import HummingbirdCore
import Logging
import NIOCore
import Synchronization

extension HTTPServerBuilder {
    /// HTTP/1.1 that stands whatever a client sends: see ``Connection``.
    static func guarded(_ limits: ConnectionLimits) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in GuardedHTTP1(limits: limits, responder: responder) }
    }
}

/// Hummingbird's HTTP/1.1 with a ``Connection`` around its parser.
struct GuardedHTTP1: ServerChildChannel {
    /// What the parser may find too large beyond what the scanner has let pass: trailers.
    private static let parserFieldBytes = 80 << 10

    let limits: ConnectionLimits
    private let http1: HTTP1Channel

    init(limits: ConnectionLimits, responder: @escaping HTTPChannelHandler.Responder) {
        self.limits = limits
        let parser = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: max(Self.parserFieldBytes, limits.headerBytes, limits.targetBytes + 1),
            maxHeaderListSize: limits.headerBytes + limits.targetBytes + Self.parserFieldBytes,
            maxHeaderFieldCount: limits.headerFields + 1)
        http1 = HTTP1Channel(
            responder: { request, writer, channel in
                guard request.headers.expectsContinue else { return try await responder(request, writer, channel) }
                let body = RequestBody(asyncSequence: InvitedBody(body: request.body, channel: channel))
                try await responder(Request(head: request.head, body: body), writer, channel)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ExchangeHandler()], idleTimeout: limits.idleTime,
                httpDecoderConfiguration: parser))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<AcceptedConnection> {
        http1.setup(channel: channel, logger: logger).flatMapThrowing { [limits] value in
            // First: what fails from here on lets go of it.
            let accepted = AcceptedConnection(value)
            let pipeline = channel.pipeline.syncOperations
            let connection = Connection(limits)
            try pipeline.handler(type: ExchangeHandler.self).join(connection)
            try pipeline.addHandler(WireHandler(connection), position: .first)
            return accepted
        }
    }

    func handle(value: AcceptedConnection, logger: Logger) async {
        guard let channel = value.take() else { return }
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await http1.handle(value: channel, logger: logger)
        }
    }
}

/// A connection that was accepted, to be served once.
///
/// A server that stops at that moment serves it no more and lets go of it. It is closed then: NIO ends the process where a
/// `NIOAsyncChannel` is given up that was never used.
final class AcceptedConnection: ServerChildChannelValue {
    let channel: any Channel
    private let unserved: Mutex<HTTP1Channel.Value?>

    init(_ value: HTTP1Channel.Value) {
        channel = value.channel
        unserved = Mutex(value)
    }

    /// What serves it, the first time.
    func take() -> HTTP1Channel.Value? {
        unserved.withLock { unserved in
            defer { unserved = nil }
            return unserved
        }
    }

    deinit {
        guard let channel = take() else { return }
        Task { try? await channel.executeThenClose { _, _ in } }
    }
}
