import Contracts
import Foundation
import Synchronization

/// A service's executable, started for a test beside the test bundle.
public final class SpawnedService: Sendable {
    private let process: Mutex<Process>
    private let log: URL
    public let identifier: Int32

    /// The key that internal requests to it are signed with.
    public static let contextKey = "0123456789abcdef0123456789abcdef"

    /// - Parameters:
    ///   - name: of the service.
    ///   - environment: its whole configuration.
    public init(_ name: String, _ environment: [String: String]) throws {
        let process = Process()
        process.executableURL = Self.executable(name)
        process.environment = environment
        log = FileManager.default.temporaryDirectory.appending(path: "deskwire-\(name)-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        try process.run()
        identifier = process.processIdentifier
        self.process = Mutex(process)
    }

    /// Where the executable of a service is.
    public static func executable(_ name: String) -> URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "deskwire-\(name)")
    }

    /// The settings of a service in a test's database and broker.
    public static func environment(
        _ name: String, database: TestDatabase, amqpURL: String
    ) -> [String: String] {
        [
            "DATABASE_URL": database.url(name), "DATABASE_MIGRATION_URL": database.ownerURL(name),
            "AMQP_URL": amqpURL, "HTTP_PORT": "0", "INTERNAL_CONTEXT_KEY": contextKey,
            "SECRETS_KEY": "a key for tests of at least 32 bytes",
        ]
    }

    /// What it has logged.
    public var lines: [JSON] {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
    }

    public func said(_ message: String) -> Bool { lines.contains { $0["message"]?.stringValue == message } }

    public var isRunning: Bool { process.withLock { $0.isRunning } }

    public func send(_ signal: Int32) { kill(identifier, signal) }

    /// The port that it says it listens on.
    public func port() async throws -> Int {
        var port: Int?
        try await eventually("the service listens") {
            port = lines.lazy.compactMap { $0["metadata"]?["port"]?.intValue.map { Int($0) } }.first
            return port != nil
        }
        return port ?? 0
    }

    /// Its exit status, once it has ended.
    public func ended(within limit: Duration = .seconds(120)) async throws -> Int32 {
        try await eventually("the service ends", within: limit) { !isRunning }
        return process.withLock { $0.terminationReason == .exit ? $0.terminationStatus : -$0.terminationStatus }
    }

    /// For the end of a test, whatever happened.
    public func dispose() {
        if isRunning { send(SIGKILL) }
        try? FileManager.default.removeItem(at: log)
    }
}

/// Runs `body` with a service's process and ends it after.
public func withService<R>(
    _ name: String, _ environment: [String: String], _ body: (SpawnedService) async throws -> R
) async throws -> R {
    let service = try SpawnedService(name, environment)
    defer { service.dispose() }
    do {
        return try await body(service)
    } catch {
        for line in service.lines.suffix(20) { print(line.text) }
        throw error
    }
}
