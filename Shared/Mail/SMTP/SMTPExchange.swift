import NIOCore
import NIOPosix
import NIOSSL

/// One connection's conversation: who waits for which reply, and how long. Lives on the channel's event loop.
final class SMTPExchange: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private struct Waiting {
        let promise: EventLoopPromise<SMTPReply>
        let limit: TimeAmount
    }

    private var parser = SMTPReplyParser()
    private var waiting = CircularBuffer<Waiting>()
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    /// Why there is nothing to hope for any more.
    private(set) var failure: SMTPError?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(SMTPError(.connectionLost, .idle, "The connection was closed."))
        self.context = nil
    }

    /// The next reply that nobody waits for yet.
    func expect(within limit: Duration, on loop: any EventLoop) -> EventLoopFuture<SMTPReply> {
        if let failure { return loop.makeFailedFuture(failure) }
        let promise = loop.makePromise(of: SMTPReply.self)
        waiting.append(Waiting(promise: promise, limit: TimeAmount(limit)))
        if waiting.count == 1 { startTimer() }
        return promise.futureResult
    }

    /// Begins TLS after the server agreed to it. Bytes that came before in clear could be somebody else's (RFC 3207, section 6).
    func startTLS(_ context: NIOSSLContext, host: String) throws {
        guard parser.isEmpty, waiting.isEmpty, let handlers = self.context?.pipeline.syncOperations else {
            throw SMTPError(.tls, .tls, "The server said something between its consent and TLS.")
        }
        try handlers.addHandler(try SMTPConnection.tlsHandler(context, host: host), position: .first)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let replies: [SMTPReply]
        do throws(MailFault) {
            replies = try parser.feed(unwrapInboundIn(data).readableBytesView)
        } catch {
            return end(SMTPError(.protocolViolation, .idle, error.hint), context)
        }
        for reply in replies {
            timer?.cancel()
            timer = nil
            guard let next = waiting.popFirst() else {
                // A goodbye, as a rule (421).
                return end(SMTPError(.connectionLost, .idle, "The server said \(reply).", reply: reply), context)
            }
            if !waiting.isEmpty { startTimer() }
            next.promise.succeed(reply)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(SMTPError(.connectionLost, .idle, "The server closed the connection."))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as IOError: end(SMTPError(.connectionLost, .idle, error.description), context)
        // A server that hangs up without TLS's goodbye has hung up all the same.
        case NIOSSLError.uncleanShutdown: end(SMTPError(.connectionLost, .idle, "The server hung up."), context)
        default: end(SMTPError(.tls, .tls, String(String(describing: error).prefix(500))), context)
        }
    }

    private func startTimer() {
        guard let limit = waiting.first?.limit, let context else { return }
        let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: limit) {
            let exchange = loop.value
            guard let context = exchange.context else { return }
            exchange.end(SMTPError(.timedOut, .idle, "The server did not answer in time."), context)
        }
    }

    private func end(_ error: SMTPError, _ context: ChannelHandlerContext) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: SMTPError) {
        guard failure == nil else { return }
        failure = error
        timer?.cancel()
        timer = nil
        while let next = waiting.popFirst() { next.promise.fail(error) }
    }
}
