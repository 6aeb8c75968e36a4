import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Stands between the socket and the parser: sees bytes.
final class WireHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let connection: Connection

    init(_ connection: Connection) {
        self.connection = connection
    }

    func handlerAdded(context: ChannelHandlerContext) { connection.wire = context }

    func handlerRemoved(context: ChannelHandlerContext) { connection.isGone() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(Self.unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if connection.isLingering { context.read() } else { context.fireChannelReadComplete() }
    }

    func read(context: ChannelHandlerContext) {
        if connection.wantsMore() { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.becameWritable(context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if connection.mayPass(event) { context.fireUserInboundEventTriggered(event) }
    }
}

/// Stands between the parser and what serves requests: sees requests and answers.
final class ExchangeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var connection: Connection?
    private var context: ChannelHandlerContext?

    func join(_ connection: Connection) {
        self.connection = connection
        connection.exchange = context
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        connection?.isGone()
        connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection?.arrived(Self.unwrapInboundIn(data)) != false else { return }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard connection?.failed(error) != true else { return }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var part = Self.unwrapOutboundIn(data)
        guard connection?.answers(with: &part) != false else {
            promise?.succeed()
            return
        }
        context.write(Self.wrapOutboundOut(part), promise: promise)
        if case .end = part { connection?.answered() }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard connection?.takesOver(closing: mode, promise) != true else { return }
        context.close(mode: mode, promise: promise)
    }
}
