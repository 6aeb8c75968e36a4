import NIOCore
import NIOPosix
import Synchronization

/// An SMTP server that takes every message and keeps it, and misbehaves where a test tells it to: it refuses, stalls, hangs up.
public final class SMTPSink: Sendable {
    /// What a server can react to.
    public enum Moment: Sendable, Hashable {
        case connected
        /// A command line, without its end.
        case command(String)
        /// The dot that ends a message.
        case message

        /// The command's first word, in upper case.
        public var verb: String? {
            guard case .command(let line) = self else { return nil }
            return line.split(separator: " ").first.map { $0.uppercased() }
        }
    }

    public enum Reaction: Sendable {
        /// What a server that is well does.
        case usual
        /// Lines without their ends.
        case say(String)
        /// Says nothing, ever.
        case stall
        case hangUp
        case sayAndHangUp(String)
    }

    public struct Message: Sendable {
        /// Number of the connection, from 1.
        public let connection: Int
        /// The command as it was given.
        public let mail: String
        public let recipients: [String]
        /// What was meant: without stuffed dots.
        public let bytes: [UInt8]
    }

    private struct State {
        var messages: [Message] = []
        var commands: [String] = []
        var connections = 0
        var open: [ObjectIdentifier: any Channel] = [:]
        var openMax = 0
    }

    private let extensions: [String]
    private let react: @Sendable (Moment, Int) -> Reaction
    private let state = Mutex(State())
    private let listener = Mutex<(any Channel)?>(nil)

    /// Everything taken so far, in order.
    public var messages: [Message] { state.withLock { $0.messages } }
    /// Every command line so far, in order.
    public var commands: [String] { state.withLock { $0.commands } }
    /// Connections made so far.
    public var connectionCount: Int { state.withLock { $0.connections } }
    public var openCount: Int { state.withLock { $0.open.count } }
    /// The most connections that were open at once.
    public var openMax: Int { state.withLock { $0.openMax } }
    public var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }

    private init(_ extensions: [String], _ react: @escaping @Sendable (Moment, Int) -> Reaction) {
        self.extensions = extensions
        self.react = react
    }

    /// What a server of today offers.
    public static let usualExtensions = ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10485760", "ENHANCEDSTATUSCODES"]

    /// A sink on a free port of 127.0.0.1, until it is stopped or the process ends.
    ///
    /// - Parameter react: what it does at a moment of a connection, which has a number from 1.
    public static func start(
        extensions: [String] = usualExtensions,
        react: @escaping @Sendable (Moment, Int) -> Reaction = { _, _ in .usual }
    ) async throws -> SMTPSink {
        let sink = SMTPSink(extensions, react)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SMTPSinkHandler(sink, sink.register(channel)))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        sink.listener.withLock { $0 = channel }
        return sink
    }

    /// Runs `body` with a sink, which is gone afterwards.
    ///
    /// - Parameter react: what it does at a moment of a connection, which has a number from 1.
    public static func with<R>(
        extensions: [String] = usualExtensions,
        react: @escaping @Sendable (Moment, Int) -> Reaction = { _, _ in .usual },
        _ body: (SMTPSink) async throws -> R
    ) async throws -> R {
        let sink = try await start(extensions: extensions, react: react)
        do {
            let result = try await body(sink)
            await sink.stop()
            return result
        } catch {
            await sink.stop()
            throw error
        }
    }

    public func stop() async {
        try? await listener.withLock { $0 }?.close()
        cut()
    }

    /// Closes all connections.
    public func cut() {
        for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
    }

    private func register(_ channel: any Channel) -> Int {
        channel.closeFuture.whenComplete { _ in
            _ = self.state.withLock { $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        return state.withLock { state in
            state.open[ObjectIdentifier(channel)] = channel
            state.openMax = max(state.openMax, state.open.count)
            state.connections += 1
            return state.connections
        }
    }

    fileprivate func reaction(to moment: Moment, _ connection: Int) -> Reaction {
        if case .command(let line) = moment { state.withLock { $0.commands.append(line) } }
        return react(moment, connection)
    }

    fileprivate func take(_ message: Message) { state.withLock { $0.messages.append(message) } }

    fileprivate var hello: String {
        let lines = ["sink at your service"] + extensions
        return lines.enumerated().map { index, line in
            "250\(index + 1 < lines.count ? "-" : " ")\(line)"
        }.joined(separator: "\r\n")
    }
}

/// One connection of the sink.
private final class SMTPSinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let sink: SMTPSink
    private let connection: Int
    private var line: [UInt8] = []
    private var mail: String?
    private var recipients: [String] = []
    private var content: [UInt8]?
    private var isStalled = false

    init(_ sink: SMTPSink, _ connection: Int) {
        self.sink = sink
        self.connection = connection
    }

    func channelActive(context: ChannelHandlerContext) {
        react(.connected, context) { "220 sink.example ESMTP" }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView where !isStalled {
            line.append(byte)
            guard byte == 0x0A, line.count >= 2, line[line.count - 2] == 0x0D else { continue }
            let whole = line
            line.removeAll(keepingCapacity: true)
            if content == nil {
                command(String(decoding: whole.dropLast(2), as: UTF8.self), context)
            } else {
                contentLine(whole, context)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func command(_ line: String, _ context: ChannelHandlerContext) {
        let moment = SMTPSink.Moment.command(line)
        react(moment, context) {
            switch moment.verb {
            case "EHLO": return sink.hello
            case "HELO", "NOOP": return "250 2.0.0 OK"
            case "RSET":
                (mail, recipients) = (nil, [])
                return "250 2.0.0 OK"
            case "MAIL":
                (mail, recipients) = (line, [])
                return "250 2.1.0 OK"
            case "RCPT":
                guard mail != nil else { return "503 5.5.1 MAIL first" }
                recipients.append(line)
                return "250 2.1.5 OK"
            case "DATA":
                guard !recipients.isEmpty else { return "554 5.5.1 No valid recipients" }
                content = []
                return "354 Go on"
            case "QUIT": return "221 2.0.0 Bye"
            default: return "502 5.5.2 Not known here"
            }
        }
    }

    private func contentLine(_ line: [UInt8], _ context: ChannelHandlerContext) {
        guard line == [0x2E, 0x0D, 0x0A] else {
            content?.append(contentsOf: line.first == 0x2E ? line.dropFirst() : line[...])
            return
        }
        let message = SMTPSink.Message(
            connection: connection, mail: mail ?? "", recipients: recipients, bytes: content ?? [])
        content = nil
        (mail, recipients) = (nil, [])
        react(.message, context) {
            sink.take(message)
            return "250 2.0.0 Taken as \(connection)-\(message.bytes.count)"
        }
    }

    private func react(_ moment: SMTPSink.Moment, _ context: ChannelHandlerContext, usual: () -> String) {
        switch sink.reaction(to: moment, connection) {
        case .usual: say(usual(), context)
        case .say(let line): say(line, context)
        case .stall: isStalled = true
        case .hangUp: context.close(promise: nil)
        case .sayAndHangUp(let line):
            say(line, context)
            context.flush()
            context.close(promise: nil)
        }
        if case .connected = moment { context.flush() }
    }

    private func say(_ line: String, _ context: ChannelHandlerContext) {
        context.write(NIOAny(ByteBuffer(string: line + "\r\n")), promise: nil)
    }
}
