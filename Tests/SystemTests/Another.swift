import Foundation
import NIOHTTP1

/// One more process of a service, beside the one that the stack supervises. Killed at the latest when it is forgotten.
final class Another {
    private let process = Process()
    private let port: String

    /// Starts it.
    init(_ service: String, in environment: Stack.Environment) throws {
        process.executableURL = Stack.root.appendingPathComponent("deploy/lib/another")
        process.arguments = [service]
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DESKWIRE_HOME": environment.home.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Whether it takes part.
    func isReady() async -> Bool {
        let answer = try? await Client(url: "http://127.0.0.1:\(port)", key: "").send(.GET, "/health/ready")
        return answer?.isSuccess == true
    }

    func kill() { _ = Glibc.kill(process.processIdentifier, SIGKILL) }

    deinit { kill() }
}
