import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import Notifications

/// The commands of the administrator's page, sent as they stand there.
@Suite("The page about notifications")
struct DocumentationTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/notifications.md")

    private struct Command {
        var method: HTTPRequest.Method
        var path: String
        var body: JSON?
        /// Names a row that only the reader has.
        var isAboutARow: Bool
    }

    @Test("has commands that work")
    func commands() async throws {
        let commands = try Self.commands()
        #expect(commands.count >= 12)
        try await NotificationsUnderTest.with { desk in
            for command in commands {
                let reply = try await desk.send(command.method, command.path, command.body)
                if command.isAboutARow {
                    #expect(reply.status == 404 && reply.text.contains("There is no such"), "\(command) \(reply.text)")
                } else {
                    #expect((200..<300).contains(reply.status), "\(command) \(reply.text)")
                }
            }
        }
    }

    private static func commands() throws -> [Command] {
        let text = try String(contentsOf: page, encoding: .utf8)
        let blocks = text.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        return try blocks.joined(separator: "\n").split(separator: "\napi ").dropFirst().map { rest in
            let isAboutARow = rest.contains("$ID")
            var command = String(rest)
            for name in ["'$BOSS'", "'$USER'", "$ID"] { command.replace(name, with: UUID.v7().text) }
            let parts = command.split(separator: " ", maxSplits: 1)
            let path = String(parts[0]).trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
            let others = parts.count > 1 ? parts[1] : ""
            if others.hasPrefix("-X DELETE") {
                return Command(method: .delete, path: path, isAboutARow: isAboutARow)
            }
            guard let quote = others.firstRange(of: "-d '"), let end = others[quote.upperBound...].firstIndex(of: "'")
            else {
                let method: HTTPRequest.Method = others.hasPrefix("-X POST") ? .post : .get
                return Command(method: method, path: path, isAboutARow: isAboutARow)
            }
            let body = String(others[quote.upperBound..<end])
            return Command(method: .post, path: path, body: try JSON.parse(body), isAboutARow: isAboutARow)
        }
    }
}
