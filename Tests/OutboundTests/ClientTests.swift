import Foundation
import NIOCore
import Synchronization
import TestKit
import Testing

@testable import Outbound

/// A resolver of a test's own: each name's answers, one after the other; the last one stays.
private final class LocalResolver: HostResolver {
    private let answers: Mutex<[String: [[String]]]>
    private let asked = Mutex<[String]>([])

    init(_ answers: [String: [[String]]]) { self.answers = Mutex(answers) }

    var questions: [String] { asked.withLock { $0 } }

    func addresses(of name: String) async -> [IPAddress] {
        asked.withLock { $0.append(name) }
        let answer = answers.withLock { answers in
            guard let first = answers[name]?.first else { return [String]() }
            if let count = answers[name]?.count, count > 1 { answers[name]?.removeFirst() }
            return first
        }
        return answer.compactMap { IPAddress($0) }
    }
}

/// Never answers.
private struct DeafResolver: HostResolver {
    func addresses(of name: String) async -> [IPAddress] {
        try? await Task.sleep(for: .seconds(3_600))
        return []
    }
}

private func client(
    allowing blocks: [String] = ["127.0.0.0/8"], resolver: any HostResolver = LocalResolver([:]),
    totalTime: TimeAmount = .seconds(120),
    authority: TestAuthority? = nil
) throws -> OutboundClient {
    var limits = OutboundClient.Limits()
    limits.totalTime = totalTime
    limits.connectTime = .seconds(60)
    return try OutboundClient(
        policy: AddressPolicy(allowed: blocks.compactMap { AddressBlock($0) }), allowsPlain: true, limits: limits,
        resolver: resolver,
        authorityFile: authority?.certificate)
}

private func outcome(of client: OutboundClient, _ url: String, body: String = "{}") async throws -> Result<
    OutboundAnswer, OutboundError
> {
    let request = OutboundRequest(try OutboundURL(url), headers: [("x-test", "1")], body: Array(body.utf8))
    do throws(OutboundError) {
        return .success(try await client.send(request))
    } catch {
        return .failure(error)
    }
}

extension Result where Success == OutboundAnswer, Failure == OutboundError {
    fileprivate var error: OutboundError.Kind? { if case .failure(let error) = self { error.kind } else { nil } }
    fileprivate var reason: String? { if case .failure(let error) = self { error.reason } else { nil } }
}

@Suite("Requests to strangers' addresses")
struct ClientTests {
    @Test("A request arrives as it was meant, and its answer comes back")
    func exchange() async throws {
        let answer = TestHTTPServer.Reply.status(202, headers: [("X-Answer", "yes")], body: "thanks")
        try await TestHTTPServer.with(answer: { _ in answer }) { server, port in
            let resolver = LocalResolver(["hooks.example": [["127.0.0.1"]]])
            let answer = try await outcome(
                of: client(resolver: resolver), "http://hooks.example:\(port)/in?x=1", body: "{\"a\":1}"
            ).get()
            #expect(answer.status == 202)
            #expect(answer.header("x-answer") == "yes")
            #expect(String(decoding: answer.body, as: UTF8.self) == "thanks")
            #expect(!answer.isTruncated)
            let request = try #require(server.requests.first)
            #expect(request.method == "POST")
            #expect(request.path == "/in?x=1")
            #expect(request.header("host") == "hooks.example:\(port)")
            #expect(request.header("content-length") == "7")
            #expect(request.header("x-test") == "1")
            #expect(request.text == "{\"a\":1}")
        }
    }

    // MARK: Addresses

    @Test(
        "An address that is refused is not connected to, however it is found",
        arguments: ["127.0.0.1", "a.example", "localhost"])
    func refused(host: String) async throws {
        try await TestHTTPServer.with { server, port in
            let resolver = LocalResolver([
                "a.example": [["127.0.0.1", "::1", "10.0.0.1"]], "localhost": [["::1", "127.0.0.1"]],
            ])
            let result = try await outcome(of: client(allowing: [], resolver: resolver), "http://\(host):\(port)/")
            #expect(result.error == .refused)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("The system's own names are checked like any other")
    func systemResolver() async throws {
        try await TestHTTPServer.with { server, port in
            let result = try await outcome(
                of: client(allowing: [], resolver: SystemResolver.shared), "http://localhost:\(port)/")
            #expect(result.error == .refused)
            let allowed = try await outcome(of: client(resolver: SystemResolver.shared), "http://localhost:\(port)/")
                .get()
            #expect(allowed.status == 204)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("A name that means another host the second time is asked once, and checked every time")
    func rebinding() async throws {
        try await TestHTTPServer.with { server, port in
            let resolver = LocalResolver(["rebind.example": [["127.0.0.1"], ["127.0.0.2"]]])
            let client = try client(allowing: ["127.0.0.1"], resolver: resolver)
            #expect(try await outcome(of: client, "http://rebind.example:\(port)/").get().status == 204)
            #expect(resolver.questions == ["rebind.example"])
            #expect(try await outcome(of: client, "http://rebind.example:\(port)/").error == .refused)
            #expect(server.connectionCount == 1)
        }
    }

    @Test("Of several addresses only those are tried that are allowed")
    func mixed() async throws {
        try await TestHTTPServer.with(host: "127.0.0.1") { inside, port in
            try await TestHTTPServer.with(host: "127.0.0.2", port: port) { outside, _ in
                let resolver = LocalResolver(["mixed.example": [["127.0.0.1", "127.0.0.2", "10.0.0.1"]]])
                let client = try client(allowing: ["127.0.0.2"], resolver: resolver)
                #expect(try await outcome(of: client, "http://mixed.example:\(port)/").get().status == 204)
                #expect(inside.connectionCount == 0)
                #expect(outside.connectionCount == 1)
            }
        }
    }

    @Test("Where one address takes no connection, the next one is tried")
    func nextAddress() async throws {
        try await TestHTTPServer.with(host: "127.0.0.3") { server, port in
            let resolver = LocalResolver([
                "two.example": [["127.0.0.4", "127.0.0.3"]], "none.example": [["127.0.0.4"]],
            ])
            let client = try client(resolver: resolver)
            #expect(try await outcome(of: client, "http://two.example:\(port)/").get().status == 204)
            #expect(server.connectionCount == 1)
            #expect(try await outcome(of: client, "http://none.example:\(port)/").error == .unreachable)
            #expect(try await outcome(of: client, "http://unknown.example:\(port)/").error == .unknownHost)
        }
    }

    @Test("A redirect is an answer", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let reply = TestHTTPServer.Reply.status(
            status, headers: [("Location", "http://169.254.169.254/latest/"), ("Set-Cookie", "a=b")])
        try await TestHTTPServer.with(answer: { _ in reply }) { server, port in
            let client = try client()
            for _ in 0..<2 {
                #expect(try await outcome(of: client, "http://127.0.0.1:\(port)/").get().status == status)
            }
            #expect(server.requests.count == 2)
            #expect(server.requests.allSatisfy { $0.header("cookie") == nil })
        }
    }

    // MARK: Answers

    @Test("Of a long answer 64 KiB are kept; the status counts")
    func flood() async throws {
        try await TestHTTPServer.with(answer: { _ in .flood(after: "HTTP/1.1 200 OK\r\n\r\n") }) { _, port in
            let answer = try await outcome(of: client(), "http://127.0.0.1:\(port)/").get()
            #expect(answer.status == 200)
            #expect(answer.body.count == 64 * 1024)
            #expect(answer.isTruncated)
        }
    }

    @Test(
        "What is no answer is told as what it is",
        arguments: [
            (TestHTTPServer.Reply.bytes("SSH-2.0-OpenSSH_9.6\r\n"), OutboundError.Kind.malformed),
            (.bytes(""), .dropped),
            (.bytes("HTTP/1.1 200"), .dropped), (.bytes("HTTP/1.1 200 OK\r\nX: y\r\n"), .dropped),
            (.flood(after: "HTTP/1.1 200 OK\r\n"), .malformed),
            (.bytes("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), .malformed),
        ])
    func malformed(reply: TestHTTPServer.Reply, kind: OutboundError.Kind) async throws {
        try await TestHTTPServer.with(answer: { _ in reply }) { _, port in
            let result = try await outcome(of: client(), "http://127.0.0.1:\(port)/")
            #expect(result.error == kind)
        }
    }

    @Test(
        "A body that breaks off or stalls leaves the status",
        arguments: [
            TestHTTPServer.Reply.bytes("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf"),
            .stall(after: "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf"),
        ])
    func brokenBody(reply: TestHTTPServer.Reply) async throws {
        try await TestHTTPServer.with(answer: { _ in reply }) { _, port in
            let answer = try await outcome(of: client(totalTime: .seconds(3)), "http://127.0.0.1:\(port)/").get()
            #expect(answer.status == 201)
            #expect(String(decoding: answer.body, as: UTF8.self) == "half")
            #expect(answer.isTruncated)
        }
    }

    @Test(
        "Who does not answer is not waited for",
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"])
    func silence(sofar: String) async throws {
        try await TestHTTPServer.with(answer: { _ in .stall(after: sofar) }) { _, port in
            let client = try client(totalTime: .milliseconds(300))
            #expect(try await outcome(of: client, "http://127.0.0.1:\(port)/").error == .timeout)
            // A TLS handshake that the other side never takes part in.
            #expect(try await outcome(of: client, "https://127.0.0.1:\(port)/").error != nil)
        }
        let deaf = try client(resolver: DeafResolver(), totalTime: .milliseconds(300))
        #expect(try await outcome(of: deaf, "http://a.example/").error == .timeout)
    }

    @Test("A request that is given up ends")
    func cancelled() async throws {
        try await TestHTTPServer.with(answer: { _ in .stall(after: "") }) { server, port in
            let client = try client()
            let running = Task { try await outcome(of: client, "http://127.0.0.1:\(port)/") }
            try await eventually("the request has come") { !server.requests.isEmpty }
            running.cancel()
            #expect(try await running.value.error == .cancelled)
        }
    }

    @Test(
        "A header can't smuggle another one in",
        arguments: [("x-a", "b\r\nx-c: d"), ("x a", "b"), ("x-a\r\nx-c", "d"), ("x-a", "b\u{0}")])
    func smuggling(name: String, value: String) async throws {
        try await TestHTTPServer.with { server, port in
            let request = OutboundRequest(try OutboundURL("http://127.0.0.1:\(port)/"), headers: [(name, value)])
            await #expect(throws: OutboundError.self) { try await client().send(request) }
            #expect(server.requests.isEmpty)
        }
    }

    // MARK: TLS

    @Test("TLS is by name, on the address that was checked")
    func tls() async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: "DNS:hooks.example")
        let other = try await TestAuthority.make(subjectAlternativeName: "DNS:hooks.example")
        defer {
            authority.remove()
            other.remove()
        }
        try await TestHTTPServer.with(identity: authority.identity) { server, port in
            let resolver = LocalResolver(["hooks.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]])
            let trusting = try client(resolver: resolver, authority: authority)
            #expect(try await outcome(of: trusting, "https://hooks.example:\(port)/").get().status == 204)
            #expect(try await outcome(of: trusting, "https://other.example:\(port)/").error == .tls)
            #expect(try await outcome(of: trusting, "https://127.0.0.1:\(port)/").error == .tls)
            #expect(
                try await outcome(of: client(resolver: resolver, authority: other), "https://hooks.example:\(port)/")
                    .error == .tls)
            #expect(try await outcome(of: client(resolver: resolver), "https://hooks.example:\(port)/").error == .tls)
            #expect(server.requests.count == 1)
        }
    }

    @Test("An expired certificate is refused, one for the address is taken")
    func certificates() async throws {
        for (names, days, kind) in [("IP:127.0.0.1", -1, OutboundError.Kind.tls), ("IP:127.0.0.1", 2, nil)] {
            let authority = try await TestAuthority.make(subjectAlternativeName: names, days: days)
            defer { authority.remove() }
            try await TestHTTPServer.with(identity: authority.identity) { _, port in
                let result = try await outcome(of: client(authority: authority), "https://127.0.0.1:\(port)/")
                #expect(result.error == kind)
            }
        }
    }

    @Test("A server that speaks no TLS is sent nothing in clear")
    func noTLS() async throws {
        try await TestHTTPServer.with(answer: { _ in .status(200) }) { server, port in
            let result = try await outcome(of: client(), "https://127.0.0.1:\(port)/")
            #expect(result.error != nil)
            #expect(server.requests.isEmpty)
        }
    }
}
