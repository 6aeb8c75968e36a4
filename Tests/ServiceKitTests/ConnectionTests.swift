import Contracts
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestKit
import Testing
import Web

@testable import ServiceKit

/// What a client may do to a connection, over real sockets.
@Suite("A connection")
struct ConnectionTests {
    /// Short times, so that slow clients are cut off soon.
    static let limits = ConnectionLimits(
        headTime: .milliseconds(300), bodyTime: .milliseconds(300), bodyBytesPerSecond: 1 << 10,
        writeTime: .milliseconds(500), drainedBytes: 64 << 10, lingerTime: .seconds(5))

    /// Runs `body` with a server that answers:
    /// `/echo` how many bytes the body had, `/early` 401 without reading it, `/late` when the gate opens.
    func with(
        _ limits: ConnectionLimits = Self.limits, gate: Gate = Gate(),
        _ body: @escaping @Sendable (RawClient) async throws -> Void
    ) async throws {
        let port = AsyncStream<Int>.makeStream()
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            do {
                switch request.uri.path {
                case "/early":
                    return Response(status: .unauthorized, body: ResponseBody(byteBuffer: ByteBuffer(string: "no")))
                case "/large":
                    let part = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)
                    return Response(
                        status: .ok,
                        body: ResponseBody { writer in
                            for _ in 0..<64 { try await writer.write(part) }
                            try await writer.finish(nil)
                        })
                case "/late":
                    try await gate.wait()
                default:
                    break
                }
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                return Response(
                    status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "\(request.uri.path) \(count)")))
            } catch let problem as Problem {
                return Response(
                    status: problem.status,
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.bytes(instance: "/", requestId: "1"))))
            }
        }
        let app = Application(
            responder: responder,
            server: .guarded(limits),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.continuation.yield(channel.localAddress?.port ?? 0) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await app.run() }
            var ports = port.stream.makeAsyncIterator()
            let client = RawClient(port: try #require(await ports.next()))
            group.addTask { try await body(client) }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        let status: Int
        let code: String

        init(_ name: String, _ text: String, _ status: Int, _ code: String) {
            self.init(name, bytes: Array(text.utf8), status, code)
        }

        init(_ name: String, bytes: [UInt8], _ status: Int, _ code: String) {
            testDescription = name
            self.bytes = bytes
            self.status = status
            self.code = code
        }
    }

    static func many(_ count: Int) -> String { String(repeating: "a", count: count) }
    static let start = "GET /echo HTTP/1.1\r\nHost: h\r\n"
    static let post = "POST /echo HTTP/1.1\r\nHost: h\r\n"

    static let refused: [Refused] = [
        Refused("a header of 100 KB", start + "X-A: \(many(100 << 10))\r\n\r\n", 431, "headers_too_large"),
        Refused("a header of 4 MB", start + "X-A: \(many(4 << 20))\r\n\r\n", 431, "headers_too_large"),
        Refused("a header of 4 MB without an end", start + "X-A: \(many(4 << 20))", 431, "headers_too_large"),
        Refused("a header name of 4 MB", start + many(4 << 20), 431, "headers_too_large"),
        Refused(
            "1000 headers", start + (0..<1_000).map { "X-\($0): 1\r\n" }.joined() + "\r\n", 431, "headers_too_large"),
        Refused("a target of 20 KB", "GET /\(many(20 << 10)) HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target_too_long"),
        Refused("a target of 4 MB", "GET /\(many(4 << 20)) HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target_too_long"),
        Refused("a query of 4 MB", "GET /?\(many(4 << 20)) HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target_too_long"),
        Refused("no method", many(4 << 20), 400, "malformed_request_line"),
        Refused("a method that is none", "GETS / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "invalid_method"),
        Refused("no HTTP", "hello\r\n\r\n", 400, "invalid_method"),
        Refused("a TLS greeting", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00], 400, "control_character"),
        Refused("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed"),
        Refused("HTTP/9.1", "GET / HTTP/9.1\r\nHost: h\r\n\r\n", 400, "unsupported_version"),
        Refused("NUL in a header", start + "X-A: a\0b\r\n\r\n", 400, "control_character"),
        Refused("a control character in a header", start + "X-A: a\u{1}b\r\n\r\n", 400, "control_character"),
        Refused(
            "invalid UTF-8 in a header", bytes: Array((start + "X-A: ").utf8) + [0x61, 0xFF] + Array("\r\n\r\n".utf8),
            400, "invalid_utf8"),
        Refused(
            "UTF-8 that is cut short in a header",
            bytes: Array((start + "X-A: ").utf8) + [0xC3] + Array("\r\n\r\n".utf8), 400, "invalid_utf8"),
        Refused("a control character in a name", start + "X\u{1}A: b\r\n\r\n", 400, "malformed_header"),
        Refused("a space before the colon", start + "X-A : b\r\n\r\n", 400, "malformed_header"),
        Refused("a name of nothing", start + ": b\r\n\r\n", 400, "malformed_header"),
        Refused("a folded header", start + "X-A: b\r\n c\r\n\r\n", 400, "folded_header"),
        Refused("a bare line feed", "GET /echo HTTP/1.1\nHost: h\n\n", 400, "bare_line_feed"),
        Refused("a bare line feed after a header", start + "X-A: b\n\r\n", 400, "bare_line_feed"),
        Refused("a bare carriage return", start + "X-A: b\rX-B: c\r\n\r\n", 400, "bare_carriage_return"),
        Refused("raw UTF-8 in the target", "GET /ä HTTP/1.1\r\nHost: h\r\n\r\n", 400, "malformed_request_line"),
        Refused("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "control_character"),
        Refused("a Content-Length below 0", post + "Content-Length: -1\r\n\r\n", 400, "invalid_content_length"),
        Refused("a Content-Length of letters", post + "Content-Length: five\r\n\r\n", 400, "invalid_content_length"),
        Refused(
            "a Content-Length beyond all numbers",
            post + "Content-Length: \(String(repeating: "9", count: 40))\r\n\r\n",
            400, "invalid_content_length"),
        Refused(
            "two Content-Lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400,
            "invalid_content_length"),
        Refused(
            "Content-Length and Transfer-Encoding",
            post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "malformed"),
        Refused(
            "Transfer-Encoding and Content-Length",
            post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, "invalid_content_length"),
    ]

    @Test("refuses what is no request, and the client sees why", arguments: refused)
    func refuses(_ input: Refused) async throws {
        try await with { client in
            let answer = await client.run([.send(input.bytes), .finish])
            #expect(answer.ending == .closed)
            #expect(answer.wroteAll)
            try #require(answer.parts.count == 1, "\(answer.text.prefix(200))")
            let part = answer.parts[0]
            #expect(part.status == input.status)
            #expect(part.headers["content-type"] == "application/problem+json")
            #expect(part.headers["connection"] == "close")
            #expect(part.headers["x-content-type-options"] == "nosniff")
            #expect(part.headers["x-request-id"] == part.json["requestId"]?.stringValue)
            #expect(part.json["type"]?.stringValue == "urn:deskwire:problem:\(input.code)")
            #expect(part.json["status"] == .int(Int64(input.status)))
            #expect(part.json["detail"]?.stringValue?.isEmpty == false)
        }
    }

    @Test("that a server which stops does not serve any more is closed, and the process goes on")
    func abandoned() async throws {
        let http = GuardedHTTP1(limits: Self.limits) { _, _, _ in }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in http.setup(channel: channel, logger: logger).map { _ in } }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = RawClient(port: try #require(server.localAddress?.port))
        #expect(await client.run([]).ending == .closed)
        try await server.close()
    }

    /// The client does not stop by itself, and does not shut its side: the server ends it.
    @Test("is closed by the server when the client never stops", arguments: ["X-A: ", "Content-Length: x\r\nX-A: "])
    func endless(header: String) async throws {
        var limits = Self.limits
        limits.lingerTime = .milliseconds(500)
        try await with(limits) { client in
            let answer = await client.run(
                [.send(Self.start + header), .send(Self.many(1 << 20)), .await("\r\n\r\n"), .send(Self.many(8 << 20))])
            #expect(answer.ending != .silence)
            #expect([400, 431].contains(answer.parts.first?.status))
            #expect(answer.took < .seconds(25))
        }
    }

    @Test("names the header that is at fault")
    func names() async throws {
        try await with { client in
            let answer = await client.run(Self.start + "X-Colour: r\u{1}d\r\n\r\n")
            #expect(answer.parts.first?.json["errors"]?[0]?["header"] == "X-Colour")
        }
    }

    @Test("gives a client its early answer while it sends 4 MB that nobody reads", arguments: [true, false])
    func earlyAnswer(declared: Bool) async throws {
        try await with { client in
            let size = 4 << 20
            let framing = declared ? "Content-Length: \(size)\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n400000\r\n"
            let answer = await client.run([
                .send("POST /early HTTP/1.1\r\nHost: h\r\n" + framing), .send(Self.many(size)),
                .send(declared ? "" : "\r\n0\r\n\r\n"),
            ])
            #expect(answer.ending == .closed)
            #expect(answer.wroteAll)
            #expect(answer.parts.map(\.status) == [401])
            #expect(answer.parts.first?.headers["connection"] == (declared ? "close" : nil))
        }
    }

    @Test("is used again after an early answer to a small body")
    func smallEarlyAnswer() async throws {
        try await with { client in
            let answer = await client.run([
                .send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"), .await("no"),
                .send("hello" + Self.start + "Connection: close\r\n\r\n"),
            ])
            #expect(answer.parts.map(\.status) == [401, 200])
            #expect(answer.parts.first?.headers["connection"] == nil)
        }
    }

    @Test(
        "does not wait for a slow head",
        arguments: [
            [RawClient.Step.send("GET /echo HT")], [.send(start)], [.send(start + "X-A: "), .send("b\r\n")],
            [.send(start), .trickle(Array(repeating: UInt8(ascii: "a"), count: 1_000), milliseconds: 20)],
            [.send(start + "\r\n"), .await("/echo 0"), .send("GET /ec")],
        ])
    func slowHead(steps: [RawClient.Step]) async throws {
        try await with { client in
            let answer = await client.run(steps)
            #expect(answer.ending == .closed)
            #expect(answer.parts.last?.status == 408)
            #expect(answer.parts.last?.headers["content-type"] == "application/problem+json")
            #expect(answer.took < .seconds(15))
        }
    }

    @Test(
        "does not wait for a slow body",
        arguments: [
            [RawClient.Step.send(post + "Content-Length: 5\r\n\r\n")],
            [.send(post + "Content-Length: 5\r\n\r\nhel")],
            [.send(post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel")],
            [
                .send(post + "Content-Length: 1000\r\n\r\n"),
                .trickle(Array(repeating: UInt8(ascii: "a"), count: 1_000), milliseconds: 20),
            ],
        ])
    func slowBody(steps: [RawClient.Step]) async throws {
        try await with { client in
            let answer = await client.run(steps)
            #expect(answer.ending == .closed)
            #expect(answer.parts.map(\.status) == [408])
            #expect(answer.parts.last?.headers["connection"] == "close")
            #expect(answer.took < .seconds(15))
        }
    }

    @Test("waits for a body that comes in time")
    func steadyBody() async throws {
        try await with { client in
            let part = Array(Self.many(40).utf8)
            let steps = (0..<20).map { _ in RawClient.Step.send(part) }
            var paced: [RawClient.Step] = [.send(Self.post + "Connection: close\r\nContent-Length: 820\r\n\r\n")]
            for step in steps { paced += [step, .trickle([UInt8(ascii: "b")], milliseconds: 30)] }
            let answer = await client.run(paced)
            #expect(answer.parts.map(\.status) == [200], "\(answer.text)")
            #expect(answer.text.hasSuffix("/echo 820"))
        }
    }

    @Test("does not count the time in which nobody wants the body")
    func slowService() async throws {
        let gate = Gate()
        try await with(gate: gate) { client in
            let size = 16 << 20
            async let answer = client.run([
                .send("POST /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: \(size)\r\n\r\n"),
                .send(Self.many(size)),
            ])
            // Longer than a body may take.
            try await Task.sleep(for: .milliseconds(700))
            gate.open()
            #expect(await answer.parts.map(\.status) == [200])
        }
    }

    @Test(
        "answers broken framing in a body",
        arguments: [
            ("Transfer-Encoding: chunked\r\n\r\nzz\r\nhello", 400),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n", 400),
            ("Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: \(many(300 << 10))\r\n\r\n", 431),
        ])
    func brokenBody(rest: String, status: Int) async throws {
        try await with { client in
            let answer = await client.run(Self.post + rest)
            #expect(answer.ending == .closed)
            #expect(answer.parts.map(\.status) == [status], "\(answer.text)")
        }
    }

    @Test("asks for a body that waits to be asked for, when somebody wants it")
    func expectation() async throws {
        try await with { client in
            let head = "Host: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            let last = Self.start + "Connection: close\r\n\r\n"
            let asked = await client.run([
                .send("POST /echo HTTP/1.1\r\n" + head), .await("100 Continue"), .send("hello"), .await("/echo 5"),
                .send(last),
            ])
            #expect(asked.parts.map(\.status) == [100, 200, 200], "\(asked.text)")
            let unasked = await client.run("POST /echo HTTP/1.1\r\n" + head + "hello" + last)
            #expect(unasked.parts.map(\.status).filter { $0 != 100 } == [200, 200], "\(unasked.text)")
            let refused = await client.run("POST /early HTTP/1.1\r\n" + head)
            #expect(refused.parts.map(\.status) == [401], "\(refused.text)")
            #expect(refused.parts.first?.headers["connection"] == "close")
            #expect(refused.ending == .closed)
        }
    }

    @Test("answers a body that ends too soon")
    func shortBody() async throws {
        try await with { client in
            let answer = await client.run([.send(Self.post + "Content-Length: 10\r\n\r\nhello"), .finish])
            #expect(answer.parts.map(\.status) == [400], "\(answer.text)")
        }
    }

    @Test("answers pipelined requests in order, also when a later one is refused")
    func pipelined() async throws {
        try await with { client in
            let chunked = "POST /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            let sized = "POST /sized HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
            let good = [Self.start + "\r\n", sized, chunked, "\r\n\r\n" + sized, chunked, Self.start + "\r\n"]
            for last in [Self.start + "Bad Name: x\r\n\r\n", Self.start + "X-A: \(Self.many(1 << 20))\r\n\r\n"] {
                let text = good.joined() + last
                for steps in [
                    [RawClient.Step.send(text)],
                    text.utf8.prefix(700).map { .send([$0]) } + [
                        .send(Array(text.utf8.dropFirst(700)))
                    ],
                ] {
                    let answer = await client.run(steps)
                    #expect(answer.ending == .closed)
                    #expect(
                        answer.parts.dropLast().map { String(decoding: $0.body, as: UTF8.self) } == [
                            "/echo 0", "/sized 3", "/chunked 3", "/sized 3", "/chunked 3", "/echo 0",
                        ])
                    #expect(answer.parts.dropLast().allSatisfy { $0.headers["connection"] == nil })
                    #expect([400, 431].contains(answer.parts.last?.status))
                }
            }
        }
    }

    @Test("a refusal waits for the answers before it")
    func ordered() async throws {
        let gate = Gate()
        try await with(gate: gate) { client in
            async let answer = client.run("GET /late HTTP/1.1\r\nHost: h\r\n\r\nGET /ä HTTP/1.1\r\n\r\n")
            // The refusal is ready before the answer is.
            try await Task.sleep(for: .milliseconds(100))
            gate.open()
            #expect(await answer.parts.map(\.status) == [200, 400])
        }
    }

    @Test(
        "closes after the answer when that is the last",
        arguments: [
            start + "Connection: close\r\n\r\n", "GET /echo HTTP/1.0\r\n\r\n",
            start + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", start + "Connection: close\r\n\r\n" + start + "\r\n",
        ])
    func last(text: String) async throws {
        try await with { client in
            let answer = await client.run(text)
            #expect(answer.ending == .closed)
            #expect(answer.parts.map(\.status) == [200])
            #expect(answer.parts.first?.headers["connection"] == "close")
        }
    }

    @Test("answers a client that has shut its side")
    func halfClosed() async throws {
        try await with { client in
            let answer = await client.run([.send(Self.start + "\r\n"), .finish])
            #expect(answer.ending == .closed)
            #expect(answer.parts.map(\.status) == [200])
            let nothing = await client.run([.finish])
            #expect(nothing.ending == .closed)
            #expect(nothing.bytes.isEmpty)
        }
    }

    @Test("is closed when the client does not take its answer")
    func slowReader() async throws {
        try await with { client in
            let answer = await client.run([
                .send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n"),
                // Reads nothing for longer than a client may take.
                .pause(milliseconds: 1_500),
            ])
            #expect(answer.bytes.count < 64 << 20)
            #expect(answer.ending != .silence)
        }
    }

    @Test("random bytes are answered or refused, and the server goes on", arguments: 0..<8)
    func noise(seed: UInt64) async throws {
        try await with { client in
            var random = SeededGenerator(seed: seed)
            let sound = Array((Self.post + "Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nabc\r\n0\r\n\r\n").utf8)
            for _ in 0..<25 {
                var bytes = sound
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                    }
                }
                let answer = await client.run([.send(bytes), .finish])
                #expect(answer.ending == .closed, "\(bytes)")
                #expect(answer.parts.allSatisfy { $0.status < 500 && $0.status >= 200 })
            }
            #expect(await client.run([.send(Self.start + "\r\n"), .finish]).parts.map(\.status) == [200])
        }
    }
}

@Suite("The scanner of chunks")
struct ChunkScannerTests {
    @Test(
        "finds the end however the bytes are cut",
        arguments: [
            "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "A;x=1\r\n0\r\n\r\n12345\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n",
            "1\r\n\n\r\n0;last\r\n\r\n",
        ])
    func end(body: String) {
        let bytes = Array((body + "GET / HTTP/1.1\r\n\r\n").utf8)
        for cut in 0...bytes.count {
            var scanner = ChunkScanner()
            let first = bytes[..<cut].withUnsafeBytes { scanner.scan($0) }
            let end = first ?? bytes[cut...].withUnsafeBytes { scanner.scan($0) }.map { $0 + cut }
            #expect(end == body.utf8.count)
        }
    }
}

/// What the scanner says does not depend on how the bytes were cut.
@Suite("The scanner of heads")
struct HeadScannerTests {
    static let heads = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\nGET / HTTP/1.0\r\nX: ä\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\0\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX: \r\n\r\n",
        "\n\nGET / HTTP/1.1\r\n",
        "GET /\u{7F} HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n X: a\r\n\r\n", "GET / HTTP/1.1\r\nX: a\r\r\n\r\n",
    ]

    @Test("agrees with itself however the bytes are cut", arguments: heads)
    func cuts(head: String) {
        let bytes = Array((head + "rest").utf8)
        let whole = outcome([bytes])
        for cut in 0...bytes.count {
            #expect(outcome([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
        }
        #expect(outcome(bytes.map { [$0] }) == whole)
    }

    private func outcome(_ parts: [[UInt8]]) -> String {
        var scanner = HeadScanner(ConnectionLimits())
        var before = 0
        for part in parts {
            switch part.withUnsafeBytes({ scanner.scan($0) }) {
            case .incomplete: before += part.count
            case .complete(let length): return "complete \(before + length) \(scanner.isOldVersion)"
            case .refused(let problem): return problem.code
            }
        }
        return "incomplete"
    }
}
