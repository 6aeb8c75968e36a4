import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// An HTTP server on a loopback address that answers as a test says, and misbehaves as a test says.
public final class TestHTTPServer: Sendable {
    public struct Request: Sendable {
        public let method: String
        public let path: String
        public let headers: [(name: String, value: String)]
        public let body: [UInt8]

        public func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    public enum Reply: Sendable {
        case status(Int, headers: [(name: String, value: String)] = [], body: String = "")
        /// These bytes, and then the connection's end.
        case bytes(String)
        /// These bytes, and then nothing more.
        case stall(after: String)
        /// These bytes, and then others without end.
        case flood(after: String)
    }

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var channels: [any Channel] = []
    }

    private let state = Mutex(State())
    private let answer: @Sendable (Request) async -> Reply

    private init(_ answer: @escaping @Sendable (Request) async -> Reply) {
        self.answer = answer
    }

    /// Runs `body` with a server that answers so; it gets the port, too.
    public static func with<R>(
        host: String = "127.0.0.1", port: Int = 0, identity: TCPProxy.Identity? = nil,
        answer: @escaping @Sendable (Request) async -> Reply = { _ in .status(204) },
        _ body: (TestHTTPServer, Int) async throws -> R
    ) async throws -> R {
        let server = TestHTTPServer(answer)
        let tls = try identity?.serverContext()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                server.state.withLock {
                    $0.connections += 1
                    $0.channels.append(channel)
                }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(Exchange(server))
                }
            }.bind(host: host, port: port).get()
        do {
            let result = try await body(server, listener.localAddress?.port ?? 0)
            await server.stop(listener)
            return result
        } catch {
            await server.stop(listener)
            throw error
        }
    }

    /// Whole requests so far, in the order of their ends.
    public var requests: [Request] { state.withLock { $0.requests } }
    public var connectionCount: Int { state.withLock { $0.connections } }

    private func stop(_ listener: any Channel) async {
        try? await listener.close()
        for channel in state.withLock({ $0.channels }) { channel.close(promise: nil) }
    }

    private func reply(to request: Request, on channel: any Channel) {
        state.withLock { $0.requests.append(request) }
        Task {
            do {
                switch await answer(request) {
                case .status(let code, let headers, let body):
                    var head = "HTTP/1.1 \(code) Answer\r\nContent-Length: \(body.utf8.count)\r\n"
                    for (name, value) in headers { head += "\(name): \(value)\r\n" }
                    try await Self.write(head + "\r\n" + body, to: channel)
                case .bytes(let bytes):
                    try await Self.write(bytes, to: channel)
                    try await channel.close()
                case .stall(let bytes):
                    try await Self.write(bytes, to: channel)
                case .flood(let bytes):
                    try await Self.write(bytes, to: channel)
                    let more = String(repeating: "flood: \(String(repeating: "x", count: 1_000))\r\n", count: 64)
                    while true { try await Self.write(more, to: channel) }
                }
            } catch {
                channel.close(promise: nil)
            }
        }
    }

    private static func write(_ text: String, to channel: any Channel) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    private final class Exchange: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart

        private let server: TestHTTPServer
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ server: TestHTTPServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch Self.unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(let part): body += Array(part.readableBytesView)
            case .end:
                guard let head else { return }
                let request = Request(
                    method: head.method.rawValue, path: head.uri, headers: head.headers.map { ($0.name, $0.value) },
                    body: body)
                (self.head, body) = (nil, [])
                server.reply(to: request, on: context.channel)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
