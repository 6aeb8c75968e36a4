import Contracts
import Foundation
import HTTPTypes
import Testing

@testable import Routing

/// The examples of docs/routing.md, sent as they stand there.
@Suite struct DocsTests {
    struct Example: Sendable {
        var method: String
        var path: String
        var body: JSON
        var answer: JSON?
    }

    @Test func theExamplesAreTrue() async throws {
        let examples = try Self.examples()
        #expect(examples.count >= 9)
        try await World.with { world in
            for example in examples {
                let method = try #require(HTTPRequest.Method(example.method))
                let reply = try await world.send(method, example.path, example.body)
                if example.answer?["status"] == nil { #expect((200..<300).contains(reply.status), "\(reply.json)") }
                guard let answer = example.answer else { continue }
                #expect(reply.json.covers(answer), "\(example.path): \(reply.json)")
            }
        }
    }

    private static func examples() throws -> [Example] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/routing.md").standardized
        var examples: [Example] = []
        var fence: (kind: String, lines: [Substring])?
        for line in try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            guard line.hasPrefix("```") else {
                fence?.lines.append(line)
                continue
            }
            guard let (kind, lines) = fence else {
                fence = (String(line.dropFirst(3)), [])
                continue
            }
            fence = nil
            let text = try names(in: lines.dropFirst(kind == "http" ? 1 : 0).joined(separator: "\n"))
            if kind == "http" {
                let words = try #require(lines.first).split(separator: " ").map(String.init)
                examples.append(Example(method: words[0], path: words[1], body: try JSON.parse(text)))
            } else if kind == "json" {
                examples[examples.count - 1].answer = try JSON.parse(text)
            }
        }
        return examples
    }

    /// `{ada}` becomes an id, the same wherever it stands.
    private static func names(in text: String) throws -> String {
        text.replacing(/"\{([a-z]+)\}"/) { match in "\"\(UUID(derivedFrom: String(match.1)).text)\"" }
    }
}

extension JSON {
    /// Whether everything that the other says is true here; this may say more.
    func covers(_ other: JSON) -> Bool {
        switch (self, other) {
        case (.object(let own), .object(let wanted)):
            wanted.allSatisfy { key, value in (own[key] ?? .null).covers(value) }
        case (.array(let own), .array(let wanted)):
            own.count == wanted.count && zip(own, wanted).allSatisfy { $0.covers($1) }
        default:
            self == other || (doubleValue != nil && doubleValue == other.doubleValue)
        }
    }
}
