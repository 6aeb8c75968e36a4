import AMQP
import TestKit
import Testing

@Suite("TLS")
struct TLSTests {
    /// Connects through a proxy that terminates TLS; answers the first failure, or nil when it worked.
    private func connect(
        trusting authority: TestAuthority?, identity: TCPProxy.Identity?, host: String = "127.0.0.1",
        verifies: Bool = true
    ) async throws -> AMQPError? {
        try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port, identity: identity) { proxy in
                var configuration = try broker.configuration(through: proxy)
                configuration.address.host = host
                configuration.address.usesTLS = true
                configuration.tls = AMQPConfiguration.TLS(
                    authorityFile: authority?.certificate, verifiesPeer: verifies)
                configuration.connectTimeout = .seconds(60)
                let client = AMQPClient(configuration)
                async let life: Void = client.run()
                var failure: AMQPError?
                for await state in client.states {
                    if case .disconnected(let error) = state {
                        if error.message == "not connected yet" { continue }
                        failure = error
                    }
                    break
                }
                if failure == nil {
                    // Enough to fill many TLS records both ways.
                    try await client.declareQueue("q")
                    let body = (0..<500_000).map { UInt8(truncatingIfNeeded: $0) }
                    let publication = AMQPPublication(
                        exchange: "", routingKey: "q", message: AMQPMessage(body: body))
                    let outcomes = try await client.publish(Array(repeating: publication, count: 8))
                    #expect(outcomes.allSatisfy { $0.isConfirmed })
                    let consumer = try await client.consume("q")
                    for _ in 0..<8 {
                        let delivery = try #require(await consumer.next())
                        #expect(delivery.message.body == body)
                        consumer.ack(delivery.tag)
                    }
                }
                client.stop()
                try await life
                return failure
            }
        }
    }

    @Test("A broker with a trusted certificate is talked to", arguments: ["127.0.0.1", "localhost"])
    func trusted(host: String) async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1,DNS:localhost")
        defer { authority.remove() }
        #expect(try await connect(trusting: authority, identity: authority.identity, host: host) == nil)
    }

    @Test("A certificate of another authority is refused")
    func untrusted() async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1")
        defer { authority.remove() }
        let other = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1")
        defer { other.remove() }
        let failure = try await connect(trusting: other, identity: authority.identity)
        #expect(failure?.kind == .tls)
        #expect(failure?.message.contains("certificate is refused") == true)
        #expect(try await connect(trusting: nil, identity: authority.identity)?.kind == .tls)
        #expect(try await connect(trusting: nil, identity: authority.identity, verifies: false) == nil)
    }

    @Test(
        "A certificate for another host is refused",
        arguments: [("127.0.0.1", "DNS:localhost,IP:127.0.0.2"), ("localhost", "DNS:broker.example,IP:127.0.0.1")])
    func wrongName(host: String, names: String) async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: names)
        defer { authority.remove() }
        let failure = try await connect(trusting: authority, identity: authority.identity, host: host)
        #expect(failure?.kind == .tls)
        #expect(failure?.message.contains("mismatch") == true)
    }

    @Test("An expired certificate is refused")
    func expired() async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1", days: -1)
        defer { authority.remove() }
        let failure = try await connect(trusting: authority, identity: authority.identity)
        #expect(failure?.kind == .tls)
        #expect(failure?.message.contains("expired") == true)
    }

    @Test("A broker without TLS is not talked to in clear")
    func plainBroker() async throws {
        let authority = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1")
        defer { authority.remove() }
        let failure = try await connect(trusting: authority, identity: nil)
        #expect(failure != nil)
    }

    @Test("A missing authority file is told")
    func missingFile() async throws {
        var configuration = try AMQPConfiguration(url: "amqps://127.0.0.1:1")
        configuration.tls.authorityFile = "/nonexistent.pem"
        let failure = try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port) { proxy in
                configuration.address.port = proxy.port
                let client = AMQPClient(configuration)
                async let life: Void = client.run()
                var failure: AMQPError?
                for await case .disconnected(let error) in client.states where error.message != "not connected yet" {
                    failure = error
                    break
                }
                client.stop()
                try await life
                return failure
            }
        }
        #expect(failure?.message.contains("/nonexistent.pem") == true)
    }
}
