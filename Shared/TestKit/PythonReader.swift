import Contracts
import Foundation
import Testing

/// Messages as Python's `email`, `mail-parser` and `dkimpy` read them.
public enum PythonReader {
    /// Reads messages, each under its name, with the DNS records that signatures may be verified with.
    public static func read(_ messages: [String: [UInt8]], dns: [String: String] = [:]) async throws -> JSON {
        let python = try #require(
            ProcessInfo.processInfo.environment["DESKWIRE_TEST_PYTHON"],
            "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
        let folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-mail-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, bytes) in messages {
            try Data(bytes).write(to: folder.appending(path: "\(name).eml"))
        }
        let records = JSON.object(JSONObject(dns.map { ($0, JSON.string($1)) }))
        try Data(records.serialized()).write(to: folder.appending(path: "dns.json"))
        let output = try await Shell.run([python, clients.appending(path: "read_mail.py").path, folder.path])
        return try JSON.parse(output)
    }

    /// The folder of the Python programs.
    public static let clients = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Tests/clients")
}
