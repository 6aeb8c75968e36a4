import NIOCore
import NIOHTTP1

/// A connection to a service; carries one call at a time.
///
/// Unchecked because it is touched on its event loop alone.
final class ServiceConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// What of an answer has come.
    private enum Reading {
        case nothing
        case whole(HTTPResponseHead, ByteBuffer)
        case parts(ServiceClient.Parts.Source)
    }

    let origin: String
    /// Among those that the pool has open. Of several that were tried for a name with several addresses, one is.
    var isCounted = false
    private let pool: ServiceConnections
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var reading = Reading.nothing
    private var isSent = true
    private var keepsAlive = true
    /// The caller takes what comes.
    private var mayRead = true
    private var readIsDue = false
    /// When what is waited for must have come: an answer, its next part, or the next call.
    private var due: NIODeadline?
    private var alarm: (due: NIODeadline, task: Scheduled<Void>)?

    init(_ origin: String, among pool: ServiceConnections) {
        self.origin = origin
        self.pool = pool
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    // MARK: - A call

    var isOpen: Bool { context?.channel.isActive ?? false }

    /// Sends a request; false if the connection is closed.
    func serve(_ exchange: Exchange) -> Bool {
        guard let context, isOpen else { return false }
        let request = exchange.request
        self.exchange = exchange
        exchange.connection = self
        expect(by: request.deadline)
        context.write(Self.wrapOutboundOut(.head(request.head)), promise: nil)
        switch request.body {
        case .none:
            context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        case .bytes(let bytes):
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
            context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
        case .stream(let pipe, _):
            context.flush()
            isSent = false
            send(pipe, for: exchange)
        }
        return true
    }

    /// Sends a body as it comes, part by part: the next one is asked for when the socket has taken the one before.
    private func send(_ pipe: BodyPipe, for exchange: Exchange) {
        guard let channel = context?.channel else { return }
        Task {
            let failure: (any Error)?
            do {
                for try await part in pipe {
                    try await channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(part)))
                }
                try await channel.writeAndFlush(HTTPClientRequestPart.end(nil))
                failure = nil
            } catch {
                failure = error
            }
            channel.eventLoop.execute {
                guard self.exchange === exchange else { return }
                guard let failure else { return self.isSent = true }
                // What has begun to answer may do so to its end.
                if case .nothing = self.reading { self.end(failure) }
            }
        }
    }

    /// The caller wants nothing more of the call.
    func abandon(_ exchange: Exchange) {
        if self.exchange === exchange { end(CancellationError()) }
    }

    /// Ends the call, if there is one, and the connection.
    private func end(_ error: any Error) {
        let (ended, reading) = (exchange, reading)
        exchange = nil
        self.reading = .nothing
        due = nil
        context?.close(promise: nil)
        if case .parts(let source) = reading { source.finish(error) }
        ended?.fail(error)
    }

    // MARK: - The answer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): begins(head)
        case .body(let part): goesOn(part)
        case .end: isComplete()
        }
    }

    private func begins(_ head: HTTPResponseHead) {
        guard let exchange else { return end(Proxy.Failure.broken) }
        keepsAlive = head.isKeepAlive
        let hasBody = exchange.request.head.method != .HEAD && head.status.mayHaveResponseBody
        let length = hasBody ? head.headers.first(name: "content-length").flatMap { Int($0) } : 0
        if let length, length <= pool.limits.wholeAnswerBytes {
            reading = .whole(head, ByteBuffer())
            return
        }
        let made = ServiceClient.Parts.makeSequence(
            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8), finishOnDeinit: true,
            delegate: Reader(connection: self, exchange: exchange))
        reading = .parts(made.source)
        expect(by: .now() + pool.limits.readTime)
        exchange.answer(ServiceClient.Answer(head: head, body: .parts(made.sequence)))
    }

    private func goesOn(_ part: ByteBuffer) {
        switch reading {
        case .nothing:
            break
        case .whole(let head, var bytes):
            reading = .nothing
            if bytes.readableBytes == 0 { bytes = part } else { bytes.writeImmutableBuffer(part) }
            reading = .whole(head, bytes)
        case .parts(let source):
            switch source.yield(part) {
            case .produceMore:
                expect(by: .now() + pool.limits.readTime)
            case .stopProducing:
                // From now on the client is waited for, not the service.
                mayRead = false
                due = nil
            case .dropped:
                end(CancellationError())
            }
        }
    }

    private func isComplete() {
        let (ended, reading) = (exchange, reading)
        exchange = nil
        self.reading = .nothing
        resume()
        if keepsAlive && isSent && ended != nil {
            expect(by: .now() + pool.limits.idleTime)
            pool.isFree(self)
        } else {
            due = nil
            context?.close(promise: nil)
        }
        switch reading {
        case .nothing: break
        case .whole(let head, let bytes): ended?.answer(ServiceClient.Answer(head: head, body: .whole(bytes)))
        case .parts(let source): source.finish()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(Proxy.Failure.broken)
        if isCounted { pool.isGone(origin, self) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm?.task.cancel()
        alarm = nil
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(Proxy.Failure.broken) }

    // MARK: - Pace

    /// Tells the connection when the caller wants more of a long answer, and when it wants none.
    struct Reader: NIOAsyncSequenceProducerDelegate {
        fileprivate let connection: ServiceConnection
        fileprivate let exchange: Exchange

        func produceMore() {
            connection.pool.loop.execute {
                guard connection.exchange === exchange else { return }
                connection.expect(by: .now() + connection.pool.limits.readTime)
                connection.resume()
            }
        }

        func didTerminate() {
            connection.pool.loop.execute { connection.abandon(exchange) }
        }
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { readIsDue = true }
    }

    private func resume() {
        mayRead = true
        if readIsDue { context?.read() }
        readIsDue = false
    }

    // MARK: - Time

    /// One alarm at a time: it looks at what is due when it goes off, so that nothing is scheduled per call.
    private func expect(by due: NIODeadline) {
        self.due = due
        if let alarm {
            guard due < alarm.due else { return }
            alarm.task.cancel()
        }
        alarm = (due, pool.loop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in self?.ring() })
    }

    private func ring() {
        alarm = nil
        guard let due else { return }
        if due <= .now() { end(Proxy.Failure.timeout) } else { expect(by: due) }
    }
}
