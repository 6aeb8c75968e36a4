import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import SLA

/// The examples of the supervisor's page are requests and their answers; here they are sent.
struct DocumentationTests {
    static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/sla.md")

    @Test func `the examples of the page are answered as it says`() async throws {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let blocks = text.components(separatedBy: "```http\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        #expect(blocks.count >= 5)
        try await Harness.with { harness in
            for block in blocks {
                let parts = block.components(separatedBy: "\n\n")
                try #require(parts.count == 2, "\(block)")
                let lines = parts[0].split(separator: "\n", maxSplits: 1)
                let path = try #require(lines.first?.dropFirst("POST ".count))
                let answer = try await harness.ok(.post, String(path), try JSON.parse(String(lines[1])))
                let expected = try JSON.parse(parts[1])
                #expect(answer == expected, "\(block)\n\(answer.text)")
            }
        }
    }
}
