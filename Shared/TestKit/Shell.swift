import Foundation

/// Runs a program and answers what it printed.
public enum Shell {
    /// A program that ended with another status than 0.
    public struct Failure: Error, CustomStringConvertible {
        public let arguments: [String]
        public let status: Int32
        public let output: String

        public var description: String { "\(arguments.joined(separator: " ")): status \(status)\n\(output)" }
    }

    /// Runs `arguments[0]`, looked up in PATH, with the rest as its arguments; standard error is part of the output.
    @discardableResult
    public static func run(_ arguments: [String], environment: [String: String]? = nil) async throws -> String {
        let (status, output) = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<(Int32, String), any Error>) in
            Thread.detachNewThread {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments = arguments
                if let environment { process.environment = environment }
                process.standardInput = FileHandle.nullDevice
                let pipe = Pipe()
                process.standardOutput = pipe
                process.standardError = pipe
                do {
                    try process.run()
                } catch {
                    return continuation.resume(throwing: error)
                }
                let output = pipe.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: (process.terminationStatus, String(decoding: output, as: UTF8.self)))
            }
        }
        guard status == 0 else { throw Failure(arguments: arguments, status: status, output: output) }
        return output
    }
}
