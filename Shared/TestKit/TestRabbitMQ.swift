import AMQP
import Foundation

/// A RabbitMQ of a test's own, for tests that kill it or take its memory away. It comes back by itself when it dies.
public final class TestRabbitMQ: Sendable {
    /// What the broker's script did not say.
    public struct Incomplete: Error {
        public let output: String
    }

    /// The broker's URL, virtual host `/`.
    public let url: String
    private let home: String
    private let port: String
    private let pidFile: String

    /// Runs `body` with a new broker, which is gone afterwards.
    public static func with<Result>(_ body: (TestRabbitMQ) async throws -> Result) async throws -> Result {
        let home = NSTemporaryDirectory() + "/deskwire-rabbitmq-\(UUID().uuidString)"
        do {
            let broker = try await TestRabbitMQ(home: home)
            let result = try await body(broker)
            try await Shell.run([script("broker"), "stop", home])
            return result
        } catch {
            _ = try? await Shell.run([script("broker"), "stop", home])
            throw error
        }
    }

    private init(home: String) async throws {
        self.home = home
        let output = try await Shell.run([Self.script("broker"), "start", home])
        func value(_ name: String) throws -> String {
            let line = output.split(separator: "\n").first { $0.hasPrefix(name + "=") }
            guard let line else { throw Incomplete(output: output) }
            return String(line.dropFirst(name.count + 1))
        }
        url = try value("URL")
        port = try value("PORT")
        pidFile = try value("PID_FILE")
    }

    /// Runs rabbitmqctl against this broker and answers what it printed.
    @discardableResult
    public func control(_ arguments: String...) async throws -> String {
        try await Shell.run([Self.script("rabbitmqctl"), home, port] + arguments)
    }

    /// Has the broker write down which log belongs to which quorum queue, which it otherwise does seconds after a queue is
    /// declared: killed before, it loses the queue's messages.
    public func settleQueues() async throws {
        let script = try String(contentsOf: Self.file("rabbitmq/settle_queues.erl"), encoding: .utf8)
        try await control("eval", script)
    }

    /// Kills the broker's process without warning.
    public func crash() throws {
        let text = try String(contentsOfFile: pidFile, encoding: .utf8)
        guard let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), kill(pid, SIGKILL) == 0 else {
            throw Incomplete(output: text)
        }
    }

    /// A script of the deploy library, found from this file's place in the repository.
    private static func script(_ name: String) -> String { file("lib/\(name)").path }

    private static func file(_ path: String) -> URL {
        URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("deploy/\(path)")
    }
}
