import AMQP
import Testing

@Suite("Broker URLs and backoff")
struct AddressTests {
    @Test(
        "A URL is taken apart",
        arguments: [
            ("amqp://localhost", "localhost", 5672, "guest", "guest", "/", false),
            ("amqp://u:p@broker:5673/support", "broker", 5673, "u", "p", "support", false),
            ("amqps://u@broker/", "broker", 5671, "u", "", "/", true),
            ("AMQPS://u:a%40b%2Fc@broker/%2Fdeep%2Fname", "broker", 5671, "u", "a@b/c", "/deep/name", true),
            ("amqp://[::1]:99/%2F?heartbeat=5", "::1", 99, "guest", "guest", "/", false),
            ("amqp://u:p@ss@host", "host", 5672, "u", "p@ss", "/", false),
            ("amqp://", "localhost", 5672, "guest", "guest", "/", false),
        ])
    func parses(
        url: String, host: String, port: Int, user: String, password: String, virtualHost: String, tls: Bool
    ) throws {
        let address = try AMQPConfiguration.Address(url: url)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.user == user)
        #expect(address.password == password)
        #expect(address.virtualHost == virtualHost)
        #expect(address.usesTLS == tls)
    }

    @Test(
        "What is not a broker URL is refused",
        arguments: [
            "", "localhost:5672", "http://localhost", "amqp://host:0", "amqp://host:70000", "amqp://host:x",
            "amqp://host/a%2", "amqp://host/%zz", "amqp://host/a/b", "amqp://[::1]x", "amqp://host/%ff",
        ])
    func refuses(url: String) {
        #expect(throws: AMQPError.self) { try AMQPConfiguration.Address(url: url) }
    }

    @Test("Backoff doubles up to its limit and is shortened by at most a half")
    func backoff() {
        let backoff = AMQPBackoff(first: .milliseconds(100), limit: .seconds(2))
        var generator = SystemRandomNumberGenerator()
        for attempt in 1...40 {
            let full = min(Duration.milliseconds(100) * (1 << min(attempt - 1, 10)), .seconds(2))
            for _ in 0..<20 {
                let delay = backoff.delay(beforeAttempt: attempt, using: &generator)
                #expect(delay <= full)
                #expect(delay >= full / 2)
            }
        }
    }
}
