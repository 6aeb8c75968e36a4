import Contracts
import Database
import Foundation
import HTTPTypes
import Search
import TestKit
import Testing
import Web

@testable import Knowledge

@Suite("Finding articles")
struct SearchTests {
    private func titles(_ answer: JSON) -> [String] {
        (answer["data"]?.arrayValue ?? []).compactMap { $0["title"]?.stringValue }
    }

    private func search(_ query: String, _ knowledge: KnowledgeUnderTest, as caller: Caller? = nil) async throws -> JSON
    {
        let escaped = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await knowledge.ok(.get, "kb/search?q=\(escaped)&limit=50", as: caller ?? knowledge.reader)
    }

    @Test("by stems, phrases, beginnings and without; the title counts most; what matches is marked")
    func finding() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            try await _ = knowledge.article(
                "Connecting printers", in: section, ["body": "Use a **cable** <b>& reset</b> it."], publish: true)
            try await _ = knowledge.article(
                "Cables", in: section, ["body": "All about them, and one printer."], publish: true)
            try await _ = knowledge.article("VPN", in: section, ["body": "Not found here."], publish: true)
            try await _ = knowledge.article("Secret printer", in: section, ["body": "draft"])
            #expect(titles(try await search("printer", knowledge)) == ["Connecting printers", "Cables"])
            #expect(titles(try await search("connected printer", knowledge)) == ["Connecting printers"])
            #expect(titles(try await search("\"one printer\"", knowledge)) == ["Cables"])
            #expect(titles(try await search("printer -cable", knowledge)) == [])
            #expect(titles(try await search("prin*", knowledge)) == ["Connecting printers", "Cables"])
            #expect(
                titles(try await search("vpn OR cables", knowledge)).sorted() == [
                    "Cables", "Connecting printers", "VPN",
                ])
            let agent = knowledge.caller(["knowledge.read", "knowledge.read_drafts"])
            let drafts = try await knowledge.ok(.get, "kb/search?q=secret&drafts=true", as: agent)
            #expect(titles(drafts) == ["Secret printer"])
            #expect(titles(try await knowledge.ok(.get, "kb/search?q=secret&drafts=true", as: knowledge.reader)) == [])
            let hit = try await search("cable", knowledge)["data"]?.arrayValue?.last
            #expect(hit?["snippetHtml"] == "Use a <mark>cable</mark> &amp; reset it")
        }
    }

    @Test(
        "excerpts show what was looked for, wherever it stands and in whatever form",
        arguments: [
            ("batteries", "<mark>Battery</mark> drains"), ("draining OR nothere", "<mark>drains</mark>"),
            ("\"drains overnight\"", "Battery <mark>drains</mark> <mark>overnight</mark>"),
            ("overn*", "<mark>overnight</mark>"),
            ("battery overnight", "<mark>Battery</mark> drains <mark>overnight</mark>"),
            // Near the beginning there is what only looks like it.
            ("companies", "<mark>company</mark>"), ("reply", "<mark>replied</mark>"),
        ])
    func excerpts(query: String, excerpt: String) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let filler = String(repeating: "Nothing about it is said here so far. ", count: 300)
            _ = try await knowledge.article(
                "Power", in: section,
                [
                    "body": .string(
                        "Drainage and companions. Replacement parts. \(filler) Battery drains overnight. \(filler) "
                            + "Our company replied. \(filler)")
                ], publish: true)
            let shown = try await search(query, knowledge)["data"]?.arrayValue?.first?["snippetHtml"]?.stringValue ?? ""
            #expect(shown.contains(excerpt), "\(shown)")
            #expect(shown.count < 800)
        }
    }

    @Test("what matches in its title alone is shown from its beginning")
    func titleOnly() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            _ = try await knowledge.article(
                "Power", in: try await knowledge.section(), ["body": "Plug it in."], publish: true)
            let hit = try await search("power", knowledge)["data"]?.arrayValue?.first
            #expect(hit?["titleHtml"] == "<mark>Power</mark>" && hit?["snippetHtml"] == "Plug it in.")
        }
    }

    @Test("misspelled words stand for those that are in use, and it is said")
    func typos() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            try await _ = knowledge.article("Reset your password", in: section, publish: true)
            let found = try await search("pasword resett", knowledge)
            #expect(titles(found) == ["Reset your password"])
            #expect(found["correctedQuery"] == "password reset")
            let none = try await search("xylophone", knowledge)
            #expect(none["correctedQuery"] == .null && none["total"] == 0)
            try await _ = knowledge.article("Confidential", in: section, ["visibility": "internal"], publish: true)
            #expect(try await search("confidentail", knowledge)["correctedQuery"] == .null)
        }
    }

    @Test("of words that are as near the most used one was meant; several slips count where the beginning is right")
    func corrections() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let articles = [
                ("Form", ""), ("Fork", "a fork"), ("Forks", "one fork"), ("Authentication", ""), ("Zürich", ""),
            ]
            for (title, body) in articles {
                try await _ = knowledge.article(title, in: section, ["body": .string(body)], publish: true)
            }
            try await WordCensus(database: knowledge.database).countAll()
            #expect(try await search("forz", knowledge)["correctedQuery"] == "fork")
            #expect(try await search("xuthentikasion", knowledge)["correctedQuery"] == .null)
            #expect(try await search("authentikasion", knowledge)["correctedQuery"] == "authentication")
            #expect(try await search("AUTHENTICATOIN -form", knowledge)["correctedQuery"] == "authentication -form")
            #expect(try await search("zurich", knowledge)["correctedQuery"] == "zürich")
            #expect(try await search("forz zurich", knowledge)["total"] == 0)
        }
    }

    @Test("one slip leads back to the word", arguments: UInt64(0)..<100)
    func slips(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let letters = Array(["abcdefghijklmnopqrstuvwxyzäé", "абвгдежз", "αβγδ"].randomElement(using: &generator)!)
        let word = (0..<Int.random(in: 4...12, using: &generator)).map { _ in letters.randomElement(using: &generator)!
        }
        var slipped = word
        let place = Int.random(in: 0..<word.count - 1, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: slipped.remove(at: place)
        case 1: slipped.insert(letters.randomElement(using: &generator)!, at: place)
        case 2: slipped[place] = letters.randomElement(using: &generator)!
        default: slipped.swapAt(place, place + 1)
        }
        let neighbours = Spelling.neighbours(of: String(slipped))
        #expect(slipped == word || neighbours.contains(String(word)))
        #expect(!neighbours.contains(String(slipped)) && Set(neighbours).count == neighbours.count)
    }

    @Test("published is findable and archived is not, in the same transaction; readers see what is for them")
    func consistency() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let id = try await knowledge.article("Quokka", in: section)
            func isFound(_ caller: Caller? = nil) async throws -> Bool {
                try await search("quokka", knowledge, as: caller)["total"] == 1
            }
            #expect(try await !isFound())
            try await knowledge.ok(.post, "kb_articles/\(id)/publish")
            #expect(try await isFound())
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["visibility": "internal"])
            #expect(try await !isFound())
            #expect(try await isFound(knowledge.caller(["knowledge.read", "tickets.read"])))
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["visibility": "public", "title": "Wombat"])
            #expect(try await !isFound())
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["body": "a quokka"])
            #expect(try await isFound())
            try await knowledge.ok(.post, "kb_articles/\(id)/archive")
            #expect(try await !isFound())
            try await knowledge.ok(.post, "kb_articles/\(id)/unpublish")
            try await knowledge.ok(.post, "kb_articles/\(id)/publish")
            #expect(try await isFound())
            #expect(try await knowledge.send(.delete, "kb_articles/\(id)").status == 204)
            #expect(try await !isFound())
        }
    }

    @Test("phrases are found across words that don't count, hyphens and the end of the title, and only as they stand")
    func phrases() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            try await _ = knowledge.article(
                "Lift out of order", in: section,
                ["body": "Call the caretaker. A state-of-the-art lift needs 24-hour care."], publish: true)
            try await _ = knowledge.article(
                "Order", in: section, ["body": "The lift carries what you order."], publish: true)
            let (first, second) = (["Lift out of order"], ["Order"])
            let cases: [(String, [String])] = [
                ("lift out of order", first), ("out of order", first + second), ("order lift", []),
                ("state-of-the-art lift", first), ("24-hour care", first), ("the lift carries", second),
                ("order the lift", second), ("lift carries what", second), ("caretaker state", []), ("of the", []),
                ("lift order", []), ("order an lift", second),
                // A word that counts stands where the phrase has one that does not.
                ("lift the 24-hour care", []),
            ]
            for (phrase, expected) in cases {
                #expect(titles(try await search("\"\(phrase)\"", knowledge)).sorted() == expected, "\(phrase)")
            }
        }
    }

    @Test("another tenant's articles are not there")
    func isolation() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            try await _ = knowledge.article("Platypus", in: section, publish: true)
            let other = Caller(
                tenantId: UUID.v7(), actor: .user(UUID.v7()), roles: [], permissions: ["*"], displayName: "x")
            let path = "/v1/tenants/\(other.tenantId?.text ?? "")/kb/search?q="
            #expect(try await knowledge.ok(.get, path + "platypus", as: other)["total"] == 0)
            #expect(try await knowledge.ok(.get, path + "platipus", as: other)["total"] == 0)
            let rows = try await knowledge.database.transaction(as: .none) { tx in
                try await tx.query(
                    """
                    SELECT kb_articles_candidates(
                        'platypus'::tsquery, 10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
                    """
                ).count
            }
            #expect(rows == 0)
        }
    }

    @Test("what is found is what reading every article finds", arguments: UInt64(0)..<6)
    func oracle(seed: UInt64) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            var generator = SeededGenerator(seed: seed)
            let vocabulary = ["alpha", "beta", "gamma", "delta", "epsilon", "alphabet", "betas"]
            func words(_ count: Int) -> [String] {
                (0..<count).map { _ in vocabulary.randomElement(using: &generator)! }
            }
            let section = try await knowledge.section()
            // A locale without stemmer: words are as they are.
            var texts: [(title: [String], body: [String])] = []
            for number in 0..<25 {
                let text = (
                    title: words(Int.random(in: 1...2, using: &generator)) + ["n\(number)"],
                    body: words(Int.random(in: 0...6, using: &generator))
                )
                texts.append(text)
                try await _ = knowledge.article(
                    text.title.joined(separator: " "), in: section,
                    ["body": .string(text.body.joined(separator: " ")), "locale": "xx"], publish: true)
            }
            for _ in 0..<25 {
                var query = SearchQuery(wanted: [], unwanted: [])
                var groups: [[SearchQuery.Term]] = []
                for _ in 0..<Int.random(in: 1...2, using: &generator) {
                    groups.append(
                        (0..<Int.random(in: 1...2, using: &generator)).map { _ in
                            switch Int.random(in: 0..<3, using: &generator) {
                            case 0: .phrase(words(2).joined(separator: " "))
                            case 1: .prefix(String(words(1)[0].prefix(4)))
                            default: .word(words(1)[0])
                            }
                        })
                }
                query = SearchQuery(
                    wanted: groups, unwanted: Bool.random(using: &generator) ? [.word(words(1)[0])] : [])
                // As the service reads it: a beginning beside its own word is not written.
                query = SearchQuery(query.text)
                let expected = texts.filter { Oracle.matches(query, [$0.title, $0.body]) }
                    .map { $0.title.joined(separator: " ") }
                let escaped = query.text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let found = try await knowledge.ok(
                    .get, "kb/search?q=\(escaped)&locale=xx&limit=50", as: knowledge.reader)
                if found["correctedQuery"] == .null {
                    #expect(titles(found).sorted() == expected.sorted(), "\(query.text)")
                }
            }
        }
    }

    /// Reads texts word by word.
    enum Oracle {
        static func matches(_ query: SearchQuery, _ texts: [[String]]) -> Bool {
            query.wanted.allSatisfy { $0.contains { has($0, texts) } } && !query.unwanted.contains { has($0, texts) }
        }

        private static func has(_ term: SearchQuery.Term, _ texts: [[String]]) -> Bool {
            // Title and body follow each other in the document.
            let words = texts.flatMap { $0 }
            switch term {
            case .word(let word): return words.contains(word)
            case .prefix(let prefix): return words.contains { $0.hasPrefix(prefix) }
            case .phrase(let phrase):
                let wanted = phrase.split(separator: " ").map(String.init)
                return words.indices.contains { words[$0...].starts(with: wanted) }
            }
        }
    }

    @Test("the few that are wanted are found among many that match elsewhere or are not for the reader")
    func narrowing() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let many = try await knowledge.section("Many")
            let few = try await knowledge.section("Few")
            let category = try await knowledge.ok(.get, "kb_sections/\(few)")["categoryId"]?.stringValue ?? ""
            let copied = try await knowledge.article(
                "Mouse", in: many, ["visibility": "internal", "labels": ["old"]], publish: true)
            try await _ = knowledge.article(
                "About a pointer", in: few, ["body": "a mouse", "labels": ["new"]], publish: true)
            // More than are looked at.
            let count = ArticleSearch.candidatesMax + 100
            _ = try await knowledge.test.superuser(
                """
                INSERT INTO knowledge.kb_articles (tenant_id, id, version, created_at, updated_at, section_id, title, slug, body,
                    body_html, body_text, status, visibility, group_ids, labels, locale, revision, position, attachments)
                SELECT tenant_id, gen_random_uuid(), 1, now(), now(), section_id, title, 'mouse-copy-' || n, body, body_html,
                    body_text, status, visibility, group_ids, labels, locale, 1, 0, '[]'
                FROM knowledge.kb_articles, generate_series(1, \(count)) AS n WHERE id = '\(copied)'
                """)
            let agent = knowledge.caller(["knowledge.read", "tickets.read"])
            let all = try await knowledge.ok(.get, "kb/search?q=mouse", as: agent)
            #expect(all["total"]?.intValue == ArticleSearch.candidatesMax && all["isTotalExact"] == false)
            for (path, caller) in [
                ("kb/search?q=mouse", knowledge.reader), ("kb/search?q=mouse&sectionId=\(few)", agent),
                ("kb/search?q=mouse&categoryId=\(category)", agent),
                ("kb/search?q=mouse&label=new", agent), ("kb/search?q=mouse&visibility=public", agent),
            ] {
                let found = try await knowledge.ok(.get, path, as: caller)
                #expect(titles(found) == ["About a pointer"], "\(path)")
                #expect(found["total"] == 1 && found["isTotalExact"] == true, "\(path)")
            }
            let suggested = try await knowledge.ok(.post, "kb/suggest", ["text": "My mouse"], as: knowledge.reader)
            #expect(titles(suggested) == ["About a pointer"])
        }
    }

    @Test("what is found is in no other order for how much of it is asked for")
    func pages() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            for number in 0..<12 {
                let body = String(repeating: "cable ", count: number)
                try await _ = knowledge.article(
                    number % 3 == 0 ? "Cable \(number)" : "Number \(number)", in: section,
                    ["body": .string(body + "cable")],
                    publish: true)
            }
            let all = titles(try await knowledge.ok(.get, "kb/search?q=cable&limit=50"))
            #expect(all.count == 12 && all.prefix(4).allSatisfy { $0.hasPrefix("Cable") })
            for offset in stride(from: 0, to: 12, by: 5) {
                let page = titles(try await knowledge.ok(.get, "kb/search?q=cable&limit=5&offset=\(offset)"))
                #expect(page == Array(all.dropFirst(offset).prefix(5)))
            }
        }
    }

    @Test("words are counted again when enough articles have changed")
    func census() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let census = WordCensus(database: knowledge.database)
            func count(_ word: String) async throws -> [[String?]] {
                try await knowledge.test.superuser(
                    "SELECT frequency FROM knowledge.kb_articles_words WHERE word = '\(word)'")
            }
            let id = try await knowledge.article("Wombat", in: section)
            try await _ = knowledge.article("Wombats and a wombat", in: section)
            try await census.countAll()
            #expect(try await count("wombat") == [["2"]])
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["title": "Quokka"])
            try await census.countAll()
            #expect(try await count("wombat") == [["1"]])
            #expect(try await count("quokka") == [["1"]])
            _ = try await knowledge.test.superuser("UPDATE knowledge.kb_articles_words SET frequency = 7")
            try await census.countAll()
            #expect(try await count("wombat") == [["7"]])
        }
    }

    @Test("facets count what was found")
    func facets() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let one = try await knowledge.section("One")
            let two = try await knowledge.section("Two")
            for number in 0..<3 {
                try await _ = knowledge.article(
                    "Mouse \(number)", in: number == 0 ? one : two, ["labels": ["hardware", .string("n\(number)")]],
                    publish: true)
            }
            let found = try await search("mouse", knowledge)
            #expect(
                found["facets"]?["sections"]?.arrayValue?.map { $0["count"]?.intValue } == [2, 1])
            #expect(found["facets"]?["labels"]?.arrayValue?.first == ["label": "hardware", "count": 3])
            #expect(try await knowledge.ok(.get, "kb/search?q=mouse&sectionId=\(one)")["total"] == 1)
            #expect(try await knowledge.ok(.get, "kb/search?q=mouse&label=n1,n2")["total"] == 2)
        }
    }

    @Test("suggestions share a ticket's rare words")
    func suggestions() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            for number in 0..<8 {
                try await _ = knowledge.article(
                    "Account question \(number)", in: section, ["body": "How do I change the account"], publish: true)
            }
            try await _ = knowledge.article(
                "Thunderbolt docks", in: section, ["body": "The dock needs new firmware."], publish: true)
            try await WordCensus(database: knowledge.database).countAll()
            let answer = try await knowledge.ok(
                .post, "kb/suggest",
                [
                    "subject": "The dock flickers",
                    "text": "Hello, how do I make my thunderbolt dock stop? My account is fine.",
                ])
            #expect(titles(answer).first == "Thunderbolt docks")
            #expect(try await knowledge.ok(.post, "kb/suggest", ["text": "zzz"])["data"] == [])
        }
    }

    @Test("what is looked for and read is counted without anybody waiting")
    func counts() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let counts = ReaderCounts(database: knowledge.database)
            let (article, now) = (UUID.v7(), Timestamp.now)
            for visitor in ["a", "b", "a"] { counts.viewed(article, by: visitor, at: now, knowledge.tenant) }
            counts.searched(" Lost  Printer ", locale: nil, found: 0, at: now, knowledge.tenant)
            counts.searched("lost printer", locale: nil, found: 3, at: now, knowledge.tenant)
            counts.clicked("lost printer", locale: nil, at: now, knowledge.tenant)
            await counts.write()
            counts.viewed(article, by: "a", at: now, knowledge.tenant)
            await counts.write()
            let days = try await knowledge.test.superuser("SELECT views, visitors FROM knowledge.kb_article_days")
            #expect(days == [["4", "2"]])
            let searches = try await knowledge.ok(.get, "kb/searches?only=without_result")["data"]?.arrayValue
            #expect(
                searches == [
                    ["query": "lost printer", "locale": .null, "searches": 2, "withoutResult": 1, "clicks": 1]
                ])
        }
    }
}
