import NIOCore
import NIOPosix

/// Plays a broker's part of the protocol by script, for what a real broker can't be made to do in a test.
final class FakeBroker: Sendable {
    /// What it does once a client has logged in.
    enum Script: Sendable {
        /// Accepts the TCP connection and never says a word.
        case mute
        /// Says something that is no AMQP.
        case garbage
        /// Refuses the user.
        case refuseLogin
        /// Logs in, opens channels, never confirms, and blocks publishers for the reason until `unblock`.
        case block(reason: String)
    }

    let port: Int
    private let listener: any Channel

    private init(_ listener: any Channel) {
        self.listener = listener
        port = listener.localAddress?.port ?? 0
    }

    static func start(_ script: Script) async throws -> FakeBroker {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Player(script))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return FakeBroker(listener)
    }

    func stop() async throws { try await listener.close() }
}

private final class Player: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: FakeBroker.Script
    private var input = ByteBuffer()
    private var hasGreeted = false
    private var isBlocking = false

    init(_ script: FakeBroker.Script) { self.script = script }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .mute = script { return }
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        if !hasGreeted {
            guard input.readSlice(length: 8) != nil else { return }
            hasGreeted = true
            if case .garbage = script {
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")), promise: nil)
                return
            }
            // connection.start: 0-9, no properties, PLAIN, en_US
            send(context, channel: 0, [0, 10, 0, 10, 0, 9, 0, 0, 0, 0] + long("PLAIN") + long("en_US"))
        }
        while let (channel, type, payload) = nextFrame() {
            if type == 1 { answer(context, channel, payload) }
        }
    }

    private func answer(_ context: ChannelHandlerContext, _ channel: UInt16, _ payload: [UInt8]) {
        switch Array(payload.prefix(4)) {
        case [0, 10, 0, 11]:  // connection.start-ok
            if case .refuseLogin = script {
                // connection.close 403
                send(context, channel: 0, [0, 10, 0, 50, 1, 147] + short("ACCESS_REFUSED - by script") + [0, 0, 0, 0])
            } else {
                // connection.tune: 100 channels, 64 KiB frames, heartbeats every 2 s
                send(context, channel: 0, [0, 10, 0, 30, 0, 100, 0, 1, 0, 0, 0, 2])
            }
        case [0, 10, 0, 40]:  // connection.open
            send(context, channel: 0, [0, 10, 0, 41, 0])
        case [0, 10, 0, 50]:  // connection.close
            send(context, channel: 0, [0, 10, 0, 51])
        case [0, 20, 0, 10]:  // channel.open
            send(context, channel: channel, [0, 20, 0, 11, 0, 0, 0, 0])
        case [0, 85, 0, 10]:  // confirm.select
            send(context, channel: channel, [0, 85, 0, 11])
            if case .block(let reason) = script, !isBlocking {
                isBlocking = true
                send(context, channel: 0, [0, 10, 0, 60] + short(reason))
            }
        case [0, 50, 0, 10]:  // queue.declare is how the test asks to unblock
            send(context, channel: channel, [0, 50, 0, 11] + short("q") + [0, 0, 0, 0, 0, 0, 0, 0])
        case [0, 60, 0, 40]:  // basic.publish: confirm the first one
            send(context, channel: channel, [0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0])
        default: break
        }
        if case .block = script { keepAlive(context) }
    }

    /// Unblocks a quarter of a second after it blocked, and answers heartbeats with heartbeats.
    private func keepAlive(_ context: ChannelHandlerContext) {
        guard isBlocking else { return }
        isBlocking = false
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(250)) {
            let (player, context) = bound.value
            player.send(context, channel: 0, [0, 10, 0, 61])
        }
    }

    private func nextFrame() -> (channel: UInt16, type: UInt8, payload: [UInt8])? {
        guard let size = input.getInteger(at: input.readerIndex + 3, as: UInt32.self),
            input.readableBytes >= Int(size) + 8, let type = input.readInteger(as: UInt8.self),
            let channel = input.readInteger(as: UInt16.self)
        else { return nil }
        input.moveReaderIndex(forwardBy: 4)
        let payload = input.readBytes(length: Int(size)) ?? []
        input.moveReaderIndex(forwardBy: 1)
        return (channel, type, payload)
    }

    private func send(_ context: ChannelHandlerContext, channel: UInt16, _ payload: [UInt8]) {
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(1))
        frame.writeInteger(channel)
        frame.writeInteger(UInt32(payload.count))
        frame.writeBytes(payload)
        frame.writeInteger(UInt8(0xCE))
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
    private func long(_ text: String) -> [UInt8] { [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }
}
