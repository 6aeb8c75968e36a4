import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A connection to a server, greeted and logged in, that takes one message after another.
final class SMTPConnection: Sendable {
    private struct State {
        var extensions: SMTPExtensions
        var messages = 0
        /// The server knows nothing of an earlier message.
        var isClean = true
    }

    private let channel: any Channel
    private let exchange: NIOLoopBound<SMTPExchange>
    private let configuration: SMTPConfiguration
    private let state: Mutex<State>

    private init(_ channel: any Channel, _ exchange: NIOLoopBound<SMTPExchange>, _ configuration: SMTPConfiguration) {
        self.channel = channel
        self.exchange = exchange
        self.configuration = configuration
        state = Mutex(State(extensions: SMTPExtensions(SMTPReply(code: 250, lines: []))))
    }

    var isOpen: Bool { channel.isActive }
    var messageCount: Int { state.withLock { $0.messages } }
    var extensions: SMTPExtensions { state.withLock { $0.extensions } }
    var closed: EventLoopFuture<Void> { channel.closeFuture }
    var eventLoop: any EventLoop { channel.eventLoop }

    // MARK: Opening

    /// Connects, greets, encrypts and logs in.
    static func open(
        _ configuration: SMTPConfiguration, tls: NIOSSLContext?, group: any EventLoopGroup
    ) async throws -> SMTPConnection {
        let connection = try await connect(configuration, tls: tls, group: group)
        do {
            try await connection.begin(tls: tls)
        } catch {
            connection.abandon()
            throw error
        }
        return connection
    }

    private static func connect(
        _ configuration: SMTPConfiguration, tls: NIOSSLContext?, group: any EventLoopGroup
    ) async throws -> SMTPConnection {
        do {
            return try await ClientBootstrap(group: group)
                .connectTimeout(TimeAmount(configuration.timeouts.connect))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.autoRead, value: false)
                .connect(host: configuration.host, port: configuration.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls, configuration.encryption == .implicitTLS {
                            try channel.pipeline.syncOperations.addHandler(
                                tlsHandler(tls, host: configuration.host))
                        }
                        let exchange = SMTPExchange()
                        try channel.pipeline.syncOperations.addHandler(exchange)
                        let bound = NIOLoopBound(exchange, eventLoop: channel.eventLoop)
                        return SMTPConnection(channel, bound, configuration)
                    }
                }
        } catch {
            throw SMTPError(.notConnected, .connect, String(String(describing: error).prefix(500)))
        }
    }

    /// Verifies the certificate against the host's name, or against its address if it was given as one.
    static func tlsHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }

    private func begin(tls: NIOSSLContext?) async throws {
        let limits = configuration.timeouts
        let greeting = try await replies(to: [], count: 1, .greeting, limits.greeting, startsReading: true)
        guard greeting[0].code == 220 else { throw SMTPError.refused(.greeting, greeting[0]) }
        try await hello()
        if configuration.encryption == .startTLS, let tls {
            guard extensions.startTLS else { throw SMTPError(.tls, .tls, "The server offers no STARTTLS.") }
            let consent = try await command("STARTTLS", .tls, limits.command)
            guard consent.code == 220 else { throw SMTPError(.tls, .tls, consent.description, reply: consent) }
            try await channel.eventLoop.submit { [exchange, host = configuration.host] in
                try exchange.value.startTLS(tls, host: host)
            }.get()
            // What was said in clear counts for nothing (RFC 3207, section 4.2).
            try await hello()
        }
        if let login = configuration.login { try await authenticate(login) }
    }

    private func hello() async throws {
        let reply = try await command("EHLO \(configuration.clientName)", .hello, configuration.timeouts.command)
        if reply.code == 250 {
            state.withLock { $0.extensions = SMTPExtensions(reply) }
            return
        }
        // A server from before RFC 1869.
        guard [500, 502, 504].contains(reply.code) else { throw SMTPError.refused(.hello, reply) }
        let plain = try await command("HELO \(configuration.clientName)", .hello, configuration.timeouts.command)
        guard plain.code == 250 else { throw SMTPError.refused(.hello, plain) }
        state.withLock { $0.extensions = SMTPExtensions(SMTPReply(code: 250, lines: [])) }
    }

    /// RFC 4954 with PLAIN (RFC 4616), else with LOGIN, which no RFC has and some servers have alone.
    private func authenticate(_ login: SMTPConfiguration.Login) async throws {
        let limit = configuration.timeouts.command
        let mechanisms = extensions.authMechanisms
        var reply: SMTPReply
        if mechanisms.contains("PLAIN") {
            let secret = [0] + Array(login.user.utf8) + [0] + Array(login.password.utf8)
            reply = try await command("AUTH PLAIN \(Base64.encode(secret))", .authentication, limit)
        } else if mechanisms.contains("LOGIN") {
            reply = try await command("AUTH LOGIN", .authentication, limit)
            for answer in [login.user, login.password] where reply.code == 334 {
                reply = try await command(Base64.encode(Array(answer.utf8)), .authentication, limit)
            }
        } else {
            let offered = mechanisms.sorted().joined(separator: ", ")
            throw SMTPError(.authentication, .authentication, "The server offers neither PLAIN nor LOGIN: \(offered)")
        }
        guard reply.code == 235 else {
            throw SMTPError(.authentication, .authentication, String(reply.description.prefix(500)), reply: reply)
        }
    }

    // MARK: Messages

    /// Hands a message over. After a failure the connection can be used again if it is still open.
    func deliver(_ envelope: SMTPEnvelope, _ message: [UInt8]) async throws -> SMTPReceipt {
        let offered = extensions
        let commands = try SMTPTransaction.commands(envelope, message, offered)
        let limits = configuration.timeouts
        if !state.withLock({ $0.isClean }) {
            let reply = try await command("RSET", .reset, limits.command)
            guard reply.code == 250 else { throw SMTPError.refused(.reset, reply) }
        }
        state.withLock { $0.isClean = false }

        var answers: [SMTPReply] = []
        if offered.pipelining {
            answers = try await replies(to: commands + ["DATA"], count: commands.count + 1, .mail, limits.command)
        } else {
            for (index, line) in commands.enumerated() {
                answers.append(try await command(line, index == 0 ? .mail : .recipient, limits.command))
                if index == 0, !answers[0].isPositive { throw SMTPError.refused(.mail, answers[0]) }
            }
            if answers.dropFirst().contains(where: \.isPositive) {
                answers.append(try await command("DATA", .data, limits.data))
            }
        }

        let verdict = SMTPTransaction.verdict(envelope, answers)
        if verdict.mustEndEmpty {
            // RFC 2920, section 3.1: a server that goes on although it took no recipient waits for a message.
            _ = try await send([0x2E, 0x0D, 0x0A], limits)
        }
        if let error = verdict.error { throw error }

        let reply = try await send(SMTPTransaction.stuffed(message), limits)
        guard reply.isPositive else { throw SMTPError.refused(.content, reply) }
        state.withLock {
            $0.isClean = true
            $0.messages += 1
        }
        return SMTPReceipt(reply: reply, accepted: verdict.accepted, refused: verdict.refused)
    }

    private static let blockOctets = 65_536

    /// Sends a message with its end. Until its last block is under way, the server can't have taken it; from then on it may have.
    private func send(_ content: [UInt8], _ limits: SMTPConfiguration.Timeouts) async throws -> SMTPReply {
        var at = 0
        while content.count - at > Self.blockOctets {
            try await write(content[at..<at + Self.blockOctets], within: limits.block)
            at += Self.blockOctets
        }
        do {
            return try await replies(to: content[at...], count: 1, .content, limits.end)[0]
        } catch let error as SMTPError {
            throw SMTPError(.unknownOutcome, .content, error.detail, reply: error.reply)
        }
    }

    // MARK: The wire

    private func command(_ line: String, _ phase: SMTPError.Phase, _ limit: Duration) async throws -> SMTPReply {
        try await replies(to: [line], count: 1, phase, limit)[0]
    }

    private func replies(
        to lines: [String], count: Int, _ phase: SMTPError.Phase, _ limit: Duration, startsReading: Bool = false
    ) async throws -> [SMTPReply] {
        let bytes = Array(lines.map { "\($0)\r\n" }.joined().utf8)
        return try await replies(to: bytes[...], count: count, phase, limit, startsReading: startsReading)
    }

    /// Writes bytes and waits for as many replies. Where the connection breaks after some of them, those are answered that came, if
    /// one of them says no: it is the reason.
    private func replies(
        to bytes: ArraySlice<UInt8>, count: Int, _ phase: SMTPError.Phase, _ limit: Duration,
        startsReading: Bool = false
    ) async throws -> [SMTPReply] {
        guard !Task.isCancelled else { throw SMTPError(.cancelled, phase, "The task was cancelled.") }
        let loop = channel.eventLoop
        let results = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<[Result<SMTPReply, any Error>], Never>) in
                loop.flatSubmit { [channel, exchange] () -> EventLoopFuture<[Result<SMTPReply, any Error>]> in
                    let replies = (0..<count).map { _ in exchange.value.expect(within: limit, on: loop) }
                    if startsReading { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
                    if !bytes.isEmpty { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
                    return EventLoopFuture.whenAllComplete(replies, on: loop)
                }.whenComplete { result in
                    continuation.resume(
                        returning: (try? result.get()) ?? [.failure(SMTPError(.closed, phase, "No event loop."))])
                }
            }
        } onCancel: {
            channel.close(promise: nil)
        }
        var answers: [SMTPReply] = []
        for result in results {
            switch result {
            case .success(let reply): answers.append(reply)
            case .failure(let error):
                if answers.contains(where: { !$0.isPositive }) { return answers }
                throw Self.error(error, in: phase)
            }
        }
        return answers
    }

    private func write(_ bytes: ArraySlice<UInt8>, within limit: Duration) async throws {
        let channel = self.channel
        let promise = channel.eventLoop.makePromise(of: Void.self)
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: promise)
        let timer = channel.eventLoop.scheduleTask(in: TimeAmount(limit)) { channel.close(promise: nil) }
        defer { timer.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            throw Self.error(error, in: .content)
        }
    }

    /// The exchange does not know what is being said: the phase is added here.
    private static func error(_ error: any Error, in phase: SMTPError.Phase) -> SMTPError {
        if Task.isCancelled { return SMTPError(.cancelled, phase, "The task was cancelled.") }
        guard let error = error as? SMTPError else {
            return SMTPError(.connectionLost, phase, String(String(describing: error).prefix(500)))
        }
        return SMTPError(error.kind, phase, error.detail, reply: error.reply)
    }

    // MARK: Ending

    /// Says goodbye; does not wait for an answer that nothing depends on.
    func quit() {
        channel.writeAndFlush(ByteBuffer(string: "QUIT\r\n"), promise: nil)
        channel.close(promise: nil)
    }

    func abandon() { channel.close(promise: nil) }
}
