import Foundation
import Testing

@testable import Markup

/// Texts that other tests use too, in `Tests/corpora`.
private enum Corpora {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "corpora")

    /// By class.
    static let attacks: [String: [String]] = {
        let data = try? Data(contentsOf: folder.appending(path: "attacks.json"))
        return data.flatMap { try? JSONDecoder().decode([String: [String]].self, from: $0) } ?? [:]
    }()

    static let articles: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "articles").path)
        return (files ?? []).filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) }.sorted()
    }()
}

@Suite("The corpora")
struct CorpusTests {
    @Test("no attack gets through, whatever it is sent as", arguments: Corpora.attacks.keys.sorted())
    func attacks(of kind: String) throws {
        let attacks = try #require(Corpora.attacks[kind])
        #expect(attacks.count >= 10)
        for attack in attacks {
            for html in [
                HTMLSanitizer.sanitize(attack).html, HTMLSanitizer.sanitize(attack, from: .message).html,
                Markdown.render(attack).html, Markdown.render("> * " + attack).html,
            ] {
                #expect(throws: Never.self, "\(attack) became \(html)") {
                    _ = try StrictReader.elements(of: html)
                    _ = try StrictReader.elements(of: HTMLSanitizer.sanitize(html).html)
                }
            }
            let once = HTMLSanitizer.sanitizeIfMarkup(attack, from: .message)
            #expect(HTMLSanitizer.sanitizeIfMarkup(once, from: .message) == once, "\(attack)")
        }
    }

    @Test("ordinary articles are rendered as they always were", arguments: Corpora.articles)
    func article(name: String) throws {
        let file = Corpora.folder.appending(path: "articles/\(name)")
        let html = Markdown.render(
            try String(contentsOf: file.appendingPathExtension("md"), encoding: .utf8)
        ).html
        _ = try StrictReader.elements(of: html)
        let golden = file.appendingPathExtension("html")
        if ProcessInfo.processInfo.environment["DESKWIRE_UPDATE_GOLDEN"] != nil {
            try Data(html.utf8).write(to: golden)
        }
        #expect(html == (try String(contentsOf: golden, encoding: .utf8)))
        #expect(HTMLSanitizer.sanitize(html).html == html)
    }

    @Test("texts that are rendered at the same time are rendered as each by itself")
    func concurrency() async throws {
        let (plain, rich) = ("nothing to be seen", "~~gone~~ and https://example.com/a_b and | not a table")
        let expected = Markdown.render(rich).html
        #expect(expected.contains("<del>") && expected.contains("<a "))
        await withTaskGroup(of: Set<String>.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    Set((0..<2_000).map { _ in Markdown.render(worker.isMultiple(of: 2) ? rich : plain).html })
                }
            }
            for await seen in group { #expect(seen.count == 1) }
        }
    }
}
