import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A TCP proxy that misbehaves on request: it cuts, resets, stalls and refuses connections.
///
/// Put it between a client and a server to see how the client takes it. With a TLS identity it terminates TLS and
/// forwards in clear, so that a server without TLS can be reached through it.
public final class TCPProxy: Sendable {
    /// A certificate chain and its key, as PEM files.
    public struct Identity: Sendable {
        let certificateFile: String
        let keyFile: String

        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }

        func serverContext() throws -> NIOSSLContext {
            let chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
            let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
            return try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
        }
    }

    private struct State {
        var listener: (any Channel)?
        var port = 0
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isStalled = false
        /// Channels whose other side ended during a stall, which nobody has been told yet.
        var widowed: [any Channel] = []
    }

    private let target: (host: String, port: Int)
    private let tls: NIOSSLContext?
    private let state = Mutex(State())

    private init(target: (host: String, port: Int), tls: NIOSSLContext?) {
        self.target = target
        self.tls = tls
    }

    /// The port on 127.0.0.1 that forwards to the target; the same after `refuse` and `accept`.
    public var port: Int { state.withLock { $0.port } }

    /// Starts a proxy on a free port.
    public static func start(to host: String, port: Int, identity: Identity? = nil) async throws -> TCPProxy {
        let proxy = TCPProxy(target: (host, port), tls: try identity?.serverContext())
        try await proxy.listen()
        return proxy
    }

    /// Runs `body` with a proxy and shuts it down afterwards.
    public static func with<R>(
        to host: String, port: Int, identity: Identity? = nil, _ body: (TCPProxy) async throws -> R
    ) async throws -> R {
        let proxy = try await start(to: host, port: port, identity: identity)
        do {
            let result = try await body(proxy)
            await proxy.refuse()
            return result
        } catch {
            await proxy.refuse()
            throw error
        }
    }

    /// Connections that are open between the client and the proxy, or the proxy and the server, by two.
    public var connectionCount: Int { state.withLock { $0.channels.count / 2 } }

    /// Closes all connections, politely.
    public func cut() {
        for channel in openChannels { channel.close(promise: nil) }
    }

    /// Closes all connections with a TCP reset.
    public func reset() {
        for channel in openChannels {
            guard let socket = channel as? any SocketOptionProvider else { continue }
            socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
        }
    }

    /// Keeps connections open and moves nothing, not even an end, in either direction until `resume`.
    public func stall() {
        state.withLock { $0.isStalled = true }
        for channel in openChannels { channel.setOption(.autoRead, value: false).whenComplete { _ in } }
    }

    /// Ends a stall.
    public func resume() {
        let widowed = state.withLock { state in
            state.isStalled = false
            defer { state.widowed = [] }
            return state.widowed
        }
        for channel in widowed { channel.close(promise: nil) }
        for channel in openChannels { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    /// Closes all connections and refuses new ones until `accept`.
    public func refuse() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try? await listener?.close()
        cut()
    }

    /// Listens again, as soon as nobody else has the port.
    public func accept() async throws {
        try await eventually("port \(port) is free again") {
            do {
                try await listen()
                return true
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                return false
            }
        }
    }

    /// Listens on the port; at first, the system chooses one.
    private func listen() async throws {
        let listener = try await ServerBootstrap(group: Self.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in self.connect(client) }
            .bind(host: "127.0.0.1", port: port)
            .get()
        state.withLock { state in
            state.listener = listener
            state.port = listener.localAddress?.port ?? 0
        }
    }

    // MARK: Forwarding

    private static let group = MultiThreadedEventLoopGroup.singleton

    private var openChannels: [any Channel] { state.withLock { Array($0.channels.values) } }

    fileprivate var isStalled: Bool { state.withLock { $0.isStalled } }

    /// Connects a new client to the server; bytes flow once both ends stand.
    private func connect(_ client: any Channel) -> EventLoopFuture<Void> {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: target.host, port: target.port)
            .hop(to: client.eventLoop)
            .flatMapThrowing { server in
                if let tls = self.tls {
                    try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                }
                try client.pipeline.syncOperations.addHandler(Forwarder(to: server, of: self))
                try server.pipeline.syncOperations.addHandler(Forwarder(to: client, of: self))
                self.register(client)
                self.register(server)
                guard !self.isStalled else { return }
                client.setOption(.autoRead, value: true).whenComplete { _ in }
                server.setOption(.autoRead, value: true).whenComplete { _ in }
            }
    }

    /// One side ended: so does the other, unless nothing gets through at the moment.
    fileprivate func sideEnded(other: any Channel) {
        let closes = state.withLock { state in
            if state.isStalled { state.widowed.append(other) }
            return !state.isStalled
        }
        if closes { other.close(promise: nil) }
    }

    private func register(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { $0.channels[id] = channel }
        channel.closeFuture.whenComplete { _ in
            _ = self.state.withLock { $0.channels.removeValue(forKey: id) }
        }
    }
}

/// Hands everything it reads to the other side, no faster than the other side takes it.
private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let proxy: TCPProxy

    init(to other: any Channel, of proxy: TCPProxy) {
        self.other = other
        self.proxy = proxy
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.write(unwrapInboundIn(data), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        other.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let reads = context.channel.isWritable && !proxy.isStalled
        other.setOption(.autoRead, value: reads).whenComplete { _ in }
    }

    func channelInactive(context: ChannelHandlerContext) {
        proxy.sideEnded(other: other)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
