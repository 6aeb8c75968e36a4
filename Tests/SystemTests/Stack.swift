import Foundation
import Synchronization
import TestKit
import Testing

/// A whole Deskwire of one's own, brought up by `deploy/up` exactly as an operator does it, in a temporary state
/// directory. One stack serves all system tests of a run; the tests keep apart by organization.
actor Stack {
    static let shared = Stack()

    /// What `$DESKWIRE_HOME/env` says.
    struct Environment: Sendable {
        let home: URL
        let values: [String: String]
        /// Where the stack's mail goes.
        let mail: SMTPSink

        subscript(_ name: String) -> String {
            get throws {
                guard let value = values[name] else { throw StackError("env does not set \(name)") }
                return value
            }
        }

        var url: String { get throws { try self["DESKWIRE_URL"] } }
        var tenant: String { get throws { try self["DESKWIRE_TENANT"] } }

        /// The process id of a service, `postgres` or `rabbitmq`; nil while it is not running.
        func pid(of name: String) -> pid_t? {
            let file = home.appendingPathComponent("run/\(name).pid")
            guard let text = try? String(contentsOf: file, encoding: .utf8),
                let pid = pid_t(text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""),
                kill(pid, 0) == 0
            else { return nil }
            return pid
        }
    }

    private var starting: Task<Environment, any Error>?

    /// The running stack; the first caller brings it up and the process's end takes it down.
    func environment() async throws -> Environment {
        if let starting { return try await starting.value }
        let task = Task { try await Self.up() }
        starting = task
        return try await task.value
    }

    /// The repository's root, found from this file's place in it.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Where the test build put its executables: beside the test bundle.
    static let binaries = CommandLine.arguments.first.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }

    private static func up() async throws -> Environment {
        let home = FileManager.default.temporaryDirectory
            .appendingPathComponent("deskwire-system-\(ProcessInfo.processInfo.processIdentifier)")
        var environment = ProcessInfo.processInfo.environment
        environment["DESKWIRE_HOME"] = home.path
        environment["DESKWIRE_PORT"] = environment["DESKWIRE_TEST_PORT"] ?? "0"
        // The executables that the test build has just made, instead of a release build of their own.
        environment["DESKWIRE_BIN"] = binaries?.path
        let mail = try await SMTPSink.start()
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        try Data("SMTP_URL=smtp://127.0.0.1:\(mail.port)?tls=none\n".utf8)
            .write(to: home.appendingPathComponent("settings"))
        StackCleanup.home.withLock { $0 = home.path }
        atexit { StackCleanup.down() }
        let result = try await deskwireRun(root.appendingPathComponent("deploy/up").path, [], environment: environment)
        guard result.status == 0 else { throw StackError("deploy/up ended with \(result.status):\n\(result.output)") }
        return Environment(
            home: home, values: try readEnvironment(home.appendingPathComponent("env")), mail: mail)
    }

    /// Reads the shell-sourceable file as a shell would: the values after the shell's own unquoting.
    private static func readEnvironment(_ file: URL) throws -> [String: String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "set -a; . \"$0\"; env", file.path]
        process.environment = ["PATH": "/usr/bin:/bin"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        var values: [String: String] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where line.hasPrefix("DESKWIRE_") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        return values
    }
}

struct StackError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What a finished process left.
struct ProcessResult: Sendable {
    let status: Int32
    let output: String
}

/// Becomes the program named by the arguments, with no signal blocked.
private let unblockSignals = """
    import os, signal, sys
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(sys.argv[1], sys.argv[1:])
    """

/// Runs a program to its end and collects what it printed on both streams.
func deskwireRun(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, directory: URL? = nil
) async throws -> ProcessResult {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("out-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: file.path, contents: nil)
    let handle = try FileHandle(forWritingTo: file)
    let process = Process()
    // The threads of Swift's runtime block signals, and a child inherits that: what it starts could not be told to end.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", unblockSignals, program] + arguments
    if let environment { process.environment = environment }
    if let directory { process.currentDirectoryURL = directory }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = handle
    process.standardError = handle
    let status: Int32 = try await withCheckedThrowingContinuation { continuation in
        process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
        do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    try handle.close()
    defer { try? FileManager.default.removeItem(at: file) }
    return ProcessResult(status: status, output: (try? String(contentsOf: file, encoding: .utf8)) ?? "")
}
