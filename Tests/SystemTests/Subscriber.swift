import Contracts
import Foundation

/// The Python subscriber of Tests/clients, running as a process of its own.
final class Subscriber {
    private let process = Process()
    private let output: URL
    let queue: String

    /// One delivery as the subscriber wrote it down.
    struct Delivery: Sendable {
        let line: JSON
        var payload: JSON { line["payload"] ?? .null }
        var eventId: String { payload["eventId"]?.stringValue ?? "" }
        /// Whose sequence its number is of: services number an aggregate's events each for itself.
        var stream: String {
            "\(line["appId"]?.stringValue ?? "") \(line["headers"]?["aggregate-id"]?.stringValue ?? "")"
        }
        var name: String { line["routingKey"]?.stringValue ?? "" }
    }

    /// The Python that has the packages of Tests/clients/requirements.txt; nil where the test command did not make one.
    static var python: String? { ProcessInfo.processInfo.environment["DESKWIRE_TEST_PYTHON"] }

    init(patterns: [String] = ["#"], schemas: URL? = nil, in environment: Stack.Environment) throws {
        guard let python = Self.python else { throw StackError("DESKWIRE_TEST_PYTHON is not set: run deploy/test") }
        queue = "test.subscriber.\(UUID().uuidString.lowercased())"
        output = FileManager.default.temporaryDirectory.appendingPathComponent("\(queue).ndjson")
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments =
            [
                Stack.root.appendingPathComponent("Tests/clients/subscriber.py").path,
                "--url", try environment["DESKWIRE_AMQP_URL"], "--exchange", try environment["DESKWIRE_EXCHANGE"],
                "--queue", queue, "--output", output.path,
            ] + patterns.flatMap { ["--pattern", $0] } + (schemas.map { ["--schemas", $0.path] } ?? [])
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let ready = pipe.fileHandleForReading.availableData
        guard String(decoding: ready, as: UTF8.self).hasPrefix("ready") else {
            throw StackError("the subscriber did not come up")
        }
    }

    /// Everything delivered so far, in order of arrival.
    func deliveries() throws -> [Delivery] {
        guard let data = try? Data(contentsOf: output) else { return [] }
        return data.split(separator: UInt8(ascii: "\n")).compactMap { line in
            (try? JSON.parse(Array(line))).map(Delivery.init(line:))
        }
    }

    deinit {
        // Not TERM: a child of a thread that blocks signals, as Swift's do, never hears it.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: output)
    }
}
