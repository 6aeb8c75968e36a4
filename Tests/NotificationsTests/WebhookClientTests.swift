import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import Notifications

/// The receiver of the documentation, as a process of its own, with the official library.
private final class DocumentedReceiver {
    private let process = Process()
    private let folder: URL
    private var output: URL { folder.appending(path: "output") }

    static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/webhooks.md")

    /// The code of the page in a language.
    static func code(_ language: String) throws -> String {
        let text = try String(contentsOf: page, encoding: .utf8)
        let block = text.components(separatedBy: "```\(language)\n").dropFirst().first
        return try #require(block?.components(separatedBy: "\n```").first)
    }

    init(secret: String) throws {
        let python = try #require(
            ProcessInfo.processInfo.environment["DESKWIRE_TEST_PYTHON"],
            "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
        folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-receiver-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Self.code("python").write(to: folder.appending(path: "receiver.py"), atomically: true, encoding: .utf8)
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.executableURL = URL(filePath: python)
        process.arguments = [folder.appending(path: "receiver.py").path]
        process.environment = ["WEBHOOK_SECRET": secret, "PORT": "0"]
        process.standardOutput = handle
        // Its log of requests.
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    var lines: [String] {
        ((try? String(contentsOf: output, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    func port() async throws -> Int {
        try await eventually("the receiver listens: \(lines)") { lines.contains { $0.hasPrefix("listening ") } }
        return try #require(lines.compactMap { Int($0.dropFirst("listening ".count)) }.first)
    }

    func stop() async throws {
        // Not TERM: a child of a thread that blocks signals, as Swift's do, never hears it.
        kill(process.processIdentifier, SIGKILL)
        try await eventually("the receiver has ended") { !process.isRunning }
        try FileManager.default.removeItem(at: folder)
    }
}

@Suite("Webhooks and the official library")
struct WebhookClientTests {
    /// Starts a receiver that believes in a secret and points the endpoint at it.
    private func receive(
        _ hooks: WebhooksUnderTest, _ endpoint: String, secret: String,
        _ body: (DocumentedReceiver) async throws -> Void
    ) async throws {
        let receiver = try DocumentedReceiver(secret: secret)
        let url = "http://127.0.0.1:\(try await receiver.port())/"
        _ = try await hooks.ok(.patch, "webhook_endpoints/\(endpoint)", ["url": .string(url)])
        do {
            try await body(receiver)
        } catch {
            try await receiver.stop()
            throw error
        }
        try await receiver.stop()
    }

    @Test("The documented receiver takes what we sign, with the old secret while it lasts, and nothing else")
    func rotation() async throws {
        try await WebhooksUnderTest.run { hooks in
            let (id, first) = try await hooks.endpoint(9)
            try await hooks.working([hooks.worker]) {
                try await receive(hooks, id, secret: first) { receiver in
                    let ids = try await hooks.tell((1...3).map { Told(name: "ticket.created", sequence: $0) })
                    try await hooks.deliveries(are: "delivered", count: 3)
                    #expect(Set(receiver.lines.dropFirst()) == Set(ids.map { "ticket.created \($0.text)" }))
                }
                let rotated = try await hooks.ok(.post, "webhook_endpoints/\(id)/rotate_secret", ["overlapHours": 1])
                let second = try #require(rotated["secret"]?.stringValue)
                #expect(second != first)
                for (count, secret) in [(4, first), (5, second)] {
                    try await receive(hooks, id, secret: secret) { receiver in
                        try await hooks.tell([Told()])
                        try await hooks.deliveries(are: "delivered", count: count)
                        #expect(receiver.lines.count == 2)
                    }
                }
                let third = try #require(
                    try await hooks.ok(.post, "webhook_endpoints/\(id)/rotate_secret", ["overlapHours": 0])["secret"]?
                        .stringValue)
                try await receive(hooks, id, secret: second) { _ in
                    try await hooks.tell([Told()])
                    try await eventually("the receiver refuses") {
                        try await hooks.deliveries("&status=pending").first?["error"] == "status_401"
                    }
                }
                try await receive(hooks, id, secret: third) { _ in
                    try await hooks.deliveries(are: "delivered", count: 6)
                }
            }
        }
    }

    @Test("The documented shell commands print our signature")
    func shell() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-shell-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let body = Array(#"{"type":"ticket.created","data":{"note":"ünïcode"}}"#.utf8)
        try Data(body).write(to: folder.appending(path: "body.json"))
        let key = WebhookKey.random()
        let signature = WebhookSignature(id: "id-1", timestamp: 1_700_000_000, body: body, keys: [key])
        let printed = try await Shell.run(
            ["sh", "-c", "cd \(folder.path) && \(DocumentedReceiver.code("sh"))"],
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "WEBHOOK_SECRET": key.text, "WEBHOOK_ID": signature.id,
                "WEBHOOK_TIMESTAMP": String(signature.timestamp),
            ])
        #expect("v1,\(printed)" == signature.signatures)
    }
}
