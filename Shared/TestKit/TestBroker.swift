import AMQP
import Foundation
import Logging

/// A virtual host of its own for one test, on the broker of `DESKWIRE_TEST_AMQP_URL`.
public struct TestBroker: Sendable {
    /// Says what a test run lacks.
    public struct NotConfigured: Error, CustomStringConvertible {
        public let description: String
    }

    /// `amqp://…` of the test's virtual host.
    public let url: String
    public let virtualHost: String
    public let address: AMQPConfiguration.Address

    /// Runs `body` with an empty virtual host.
    public static func with<R>(_ body: (TestBroker) async throws -> R) async throws -> R {
        try await body(fresh())
    }

    /// An empty virtual host. It is deleted by a later run of tests, after this process has ended.
    public static func fresh() async throws -> TestBroker {
        guard let base = ProcessInfo.processInfo.environment["DESKWIRE_TEST_AMQP_URL"] else {
            throw NotConfigured(description: "DESKWIRE_TEST_AMQP_URL is not set: run the tests with deploy/test")
        }
        let server = try AMQPConfiguration.Address(url: base)
        let name = try await VirtualHosts.shared.take(for: server.user)
        let url =
            "amqp://\(escaped(server.user)):\(escaped(server.password))@\(server.host):\(server.port)/\(escaped(name))"
        return TestBroker(url: url, virtualHost: name, address: try AMQPConfiguration.Address(url: url))
    }

    /// Runs rabbitmqctl against the test broker and answers what it printed.
    @discardableResult
    public static func control(_ arguments: String...) async throws -> String {
        let prefix = ProcessInfo.processInfo.environment["DESKWIRE_TEST_RABBITMQCTL"] ?? "rabbitmqctl"
        return try await Shell.run(["sh", "-c", "exec \(prefix) \"$@\"", "rabbitmqctl"] + arguments)
    }

    /// Settings for a client of this virtual host that reconnects quickly and, unless asked, logs nothing.
    public func configuration(
        through proxy: TCPProxy? = nil, heartbeatSeconds: Int = 15,
        logger: Logger = Logger(label: "amqp", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws -> AMQPConfiguration {
        var configuration = try AMQPConfiguration(
            url: url, connectionName: "test", heartbeatSeconds: heartbeatSeconds,
            requestTimeout: .seconds(120), confirmTimeout: .seconds(120),
            backoff: AMQPBackoff(first: .milliseconds(20), limit: .milliseconds(200)), logger: logger)
        if let proxy {
            configuration.address.host = "127.0.0.1"
            configuration.address.port = proxy.port
        }
        return configuration
    }

    /// Runs `body` with a connected client and stops the client afterwards.
    public func withClient<R: Sendable>(
        _ configuration: AMQPConfiguration? = nil, _ body: (AMQPClient) async throws -> R
    ) async throws -> R {
        let client = AMQPClient(try configuration ?? self.configuration())
        async let running: Void = client.run()
        do {
            try await client.waitUntilConnected()
            let result = try await body(client)
            client.stop()
            try await running
            return result
        } catch {
            client.stop()
            try? await running
            throw error
        }
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}

/// Virtual hosts in stock. rabbitmqctl takes a second to start, so one call makes several.
private actor VirtualHosts {
    static let shared = VirtualHosts()

    private var stock: [String] = []
    private var made = 0
    private var refill: Task<Void, any Error>?

    func take(for user: String) async throws -> String {
        while true {
            if let name = stock.popLast() { return name }
            let running = refill ?? Task { try await restock(for: user) }
            refill = running
            try await running.value
        }
    }

    private func restock(for user: String) async throws {
        defer { refill = nil }
        let count = made == 0 ? 4 : 12
        let names = (made..<(made + count)).map { "test-\(ProcessInfo.processInfo.processIdentifier)-\($0)" }
        made += count
        try await Self.make(names, for: user)
        stock += names
    }

    /// Makes the virtual hosts, and deletes those of test processes that are no more.
    private static func make(_ names: [String], for user: String) async throws {
        let list = names.map { "<<\"\($0)\">>" }.joined(separator: ",")
        try await TestBroker.control(
            "eval",
            """
            IsStale = fun(Name) ->
                case binary:split(Name, <<"-">>, [global]) of
                    [<<"test">>, Pid, _] -> not filelib:is_dir(<<"/proc/", Pid/binary>>);
                    _ -> false
                end
            end,
            [rabbit_vhost:delete(Name, <<"test">>) || Name <- rabbit_vhost:list_names(), IsStale(Name)],
            [begin
                rabbit_vhost:add(Name, <<"test">>),
                rabbit_auth_backend_internal:set_permissions(
                    <<"\(user)">>, Name, <<".*">>, <<".*">>, <<".*">>, <<"test">>)
            end || Name <- [\(list)]],
            ok.
            """)
    }
}
