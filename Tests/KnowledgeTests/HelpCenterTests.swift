import Contracts
import Database
import Foundation
import FoundationXML
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Knowledge

@Suite("The help center")
struct HelpCenterTests {
    /// A help center with a few articles, as its readers reach it.
    private func with(_ body: @escaping @Sendable (KnowledgeUnderTest, _ section: String) async throws -> Void)
        async throws
    {
        try await KnowledgeUnderTest.with { knowledge in
            _ = try await knowledge.test.superuser(
                """
                INSERT INTO knowledge.organizations (tenant_id, id, last_sequence, sequences, version, name, slug)
                VALUES ('\(knowledge.tenant.text)', '\(knowledge.tenant.text)', 1, '{}', 1, 'Acme <Ltd>', 'acme')
                """)
            try await body(knowledge, try await knowledge.section("Your account"))
        }
    }

    private func get(_ path: String, _ knowledge: KnowledgeUnderTest, _ headers: HTTPFields = [:]) async throws
        -> ServiceReply
    {
        try await knowledge.send(.get, "/v1/help/acme" + path, headers: headers)
    }

    @Test("shows what is published for everybody, and nothing else")
    func reading() async throws {
        try await with { knowledge, section in
            _ = try await knowledge.article("Draft", in: section)
            _ = try await knowledge.article("For agents", in: section, ["visibility": "internal"], publish: true)
            _ = try await knowledge.article("For customers", in: section, ["visibility": "customers"], publish: true)
            _ = try await knowledge.article(
                "Reset <it>", in: section,
                [
                    "body": "Press *reset*.<script>alert(1)</script>", "summary": "How to \"reset\"",
                    "attachments": [
                        ["name": "bad", "url": "javascript:alert(1)"], ["name": "good", "url": "/f.pdf"],
                    ],
                ],
                publish: true)
            let home = try await get("/en", knowledge)
            #expect(home.status == 200 && home.headers[.contentType] == "text/html; charset=utf-8")
            #expect(home.text.contains("Acme &lt;Ltd&gt;") && home.text.contains("About Your account"))
            #expect(home.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
            let list = try await get("/en/sections/your-account", knowledge)
            #expect(list.text.contains("Reset &lt;it&gt;") && list.text.contains("How to &quot;reset&quot;"))
            for hidden in ["Draft", "For agents", "For customers"] { #expect(!list.text.contains(hidden)) }
            let category = try await get("/en/categories/about-your-account", knowledge)
            #expect(category.text.contains("href=\"/v1/help/acme/en/articles/reset-it\""))
            let article = try await get("/en/articles/reset-it", knowledge)
            #expect(article.status == 200)
            #expect(article.text.contains("Press <em>reset</em>.") && !article.text.contains("alert(1)"))
            #expect(article.text.contains("href=\"/f.pdf\""))
            #expect(
                article.text.contains(
                    "<link rel=\"canonical\" href=\"http://help.example/v1/help/acme/en/articles/reset-it\">"))
            for path in ["/en/articles/draft", "/en/articles/for-agents", "/en/articles/none", "/en/sections/none"] {
                let missing = try await get(path, knowledge)
                #expect(missing.status == 404 && missing.text.contains("This page is not here"), "\(path)")
            }
            #expect(try await knowledge.send(.get, "/v1/help/nobody/en").status == 404)
            for page in [home, list, category] { #expect(!page.text.contains(">nil<"), "\(page.text)") }
            #expect(!home.text.contains("Optional("))
            #expect(!article.text.contains("Optional("))
        }
    }

    @Test(
        "takes any address for what it is: nothing",
        arguments: [
            "/v1/help/%00/en", "/v1/help/acme/%00", "/v1/help/acme/en/articles/%00", "/v1/help/acme/en/sections/%FF",
            "/v1/help/acme/en/categories/" + String(repeating: "a", count: 3_000), "/v1/help/acme/en/articles/%27%3B--",
            "/v1/help/acme/e/articles/x", "/v1/help/acme/en/articles/..%2f..", "/v1/help/%F0%9F%8E%89",
        ])
    func oddAddresses(path: String) async throws {
        try await with { knowledge, _ in
            let reply = try await knowledge.send(.get, path)
            #expect([400, 404, 414].contains(reply.status), "\(reply.status) \(reply.text.prefix(200))")
        }
    }

    @Test("is sent again only when it has changed")
    func caching() async throws {
        try await with { knowledge, section in
            let id = try await knowledge.article("A", in: section, publish: true)
            let first = try await get("/en/articles/a", knowledge)
            let tag = try #require(first.headers[.eTag])
            let again = try await get("/en/articles/a", knowledge, [.ifNoneMatch: "\"x\", W/\(tag)"])
            #expect(again.status == 304 && again.text.isEmpty && again.headers[.eTag] == tag)
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["body": "new"])
            #expect(try await get("/en/articles/a", knowledge, [.ifNoneMatch: tag]).status == 200)
            let style = try await knowledge.send(.get, "/v1/help-assets/help.css")
            #expect(style.status == 200 && style.headers[.contentType] == "text/css; charset=utf-8")
        }
    }

    @Test("leads to where an article is now, and to the reader's language")
    func redirects() async throws {
        try await with { knowledge, section in
            let id = try await knowledge.article("Hello", in: section, publish: true)
            _ = try await knowledge.article(
                "Hallo", in: section, ["locale": "de", "translationOf": .string(id)], publish: true)
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["slug": "hello there"])
            let moved = try await get("/en/articles/hello", knowledge)
            #expect(moved.status == 301 && moved.headers[.location] == "/v1/help/acme/en/articles/hello-there")
            for (accepted, locale) in [
                ("de", "de"), ("de-CH, en;q=0.5", "de"), ("fr, en;q=0.2, de;q=0.1", "en"), ("de;q=0, en", "en"),
                ("", "de"), ("*;;=", "de"), ("zz", "de"),
            ] {
                let home = try await get("", knowledge, [.acceptLanguage: accepted])
                #expect(home.status == 302 && home.headers[.location] == "/v1/help/acme/\(locale)", "\(accepted)")
            }
            let german = try await get("/de/articles/hallo", knowledge)
            #expect(german.text.contains("<html lang=\"de\" dir=\"ltr\">") && german.text.contains("hreflang=\"en\""))
            #expect(german.text.contains("Hat das geholfen?"))
        }
    }

    @Test(
        "is written from the side of its language, in words that say which they are",
        arguments: [
            ("ar", "rtl", "نعم", false), ("he-il", "rtl", "Yes", true), ("de-at", "ltr", "Ja", false),
            ("az-arab", "rtl", "Yes", true), ("ja", "ltr", "Yes", true), ("en", "ltr", "Yes", false),
        ])
    func directions(locale: String, direction: String, yes: String, isForeign: Bool) async throws {
        try await with { knowledge, section in
            _ = try await knowledge.article(
                "A", in: section, ["locale": .string(locale), "body": "# B\n[b](#b)"], publish: true)
            let page = try await get("/\(locale)/articles/a", knowledge)
            #expect(page.text.contains("<html lang=\"\(locale)\" dir=\"\(direction)\">"))
            #expect(page.text.contains(">\(yes)</button>"))
            #expect(page.text.contains("<p class=\"meta\" lang=\"en\" dir=\"ltr\">") == isForeign)
            #expect(page.text.contains("<h2 id=\"section-b\">B</h2>") && page.text.contains("href=\"#section-b\""))
        }
    }

    @Test("finds with and without script, and marks what it found without letting markup in")
    func searching() async throws {
        try await with { knowledge, section in
            for number in 0..<12 {
                _ = try await knowledge.article(
                    "Printer \(number)", in: section, ["body": "a `<b>printer</b>` & more"], publish: true)
            }
            let page = try await get("/en/search?q=printer", knowledge)
            #expect(page.text.contains("12 articles") && page.text.contains("page=2"))
            #expect(page.text.contains("<mark>printer</mark>") && page.text.contains("&amp; more"))
            #expect(!page.text.contains("<b>"))
            #expect(page.text.contains("value=\"printer\""))
            let next = try await get("/en/search?q=printer&page=2", knowledge)
            #expect(next.text.components(separatedBy: "<li><a href=\"/v1/help/acme/en/articles/").count == 3)
            let typing = try await get("/en/search?q=prin&typing=true", knowledge)
            #expect(typing.text.contains("<mark>Printer</mark>") && !typing.text.contains("<html"))
            let corrected = try await get("/en/search?q=prinetr", knowledge)
            #expect(corrected.text.contains("<strong>printer</strong>"))
            let attack = try await get("/en/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", knowledge)
            #expect(attack.status == 200 && !attack.text.contains("<script>alert"))
            #expect(try await get("/en/search", knowledge).status == 200)
        }
    }

    @Test("takes one word from each visitor about each text, and remembers nobody")
    func feedback() async throws {
        try await with { knowledge, section in
            let id = try await knowledge.article("A", in: section, publish: true)
            func say(_ text: String, from address: String) async throws -> ServiceReply {
                try await knowledge.send(
                    .post, "/v1/help/acme/en/articles/a/feedback", bytes: Array(text.utf8),
                    headers: [.contentType: "application/x-www-form-urlencoded", .init("X-Forwarded-For")!: address])
            }
            let answer = try await say("helpful=yes", from: "192.0.2.1")
            #expect(answer.status == 303)
            #expect(answer.headers[.location] == "/v1/help/acme/en/articles/a?thanks=true#feedback")
            #expect(answer.headers[.setCookie] == nil)
            #expect(try await say("helpful=no", from: "192.0.2.1").status == 303)
            #expect(try await say("helpful=no", from: "192.0.2.2").status == 303)
            #expect(try await say("helpful=maybe", from: "192.0.2.3").status == 400)
            let figures = try await knowledge.ok(.get, "kb_articles/\(id)?expand=figures")["figures"]
            #expect(figures?["helpful"] == 1 && figures?["notHelpful"] == 1)
            #expect(try await get("/en/articles/a?thanks=true", knowledge).text.contains("Thank you"))
        }
    }

    @Test("a visitor who votes many times at once is thanked each time, and counted once")
    func votesAtOnce() async throws {
        try await with { knowledge, section in
            let id = try await knowledge.article("A", in: section, publish: true)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await knowledge.send(
                            .post, "/v1/help/acme/en/articles/a/feedback", bytes: Array("helpful=yes".utf8),
                            headers: [.contentType: "application/x-www-form-urlencoded"]
                        ).status
                    }
                }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(statuses == [303])
            #expect(try await knowledge.ok(.get, "kb_articles/\(id)?expand=figures")["figures"]?["helpful"] == 1)
        }
    }

    @Test("an article that was opened from what a search found counts as a click of that search")
    func clicks() async throws {
        try await with { knowledge, section in
            _ = try await knowledge.article("Lost printer", in: section, publish: true)
            let found = try await get("/en/search?q=Lost%20printer", knowledge)
            let address = "/v1/help/acme/en/articles/lost-printer?q=Lost%20printer"
            #expect(found.text.contains("href=\"\(address)\""))
            let article = try await knowledge.send(.get, address)
            #expect(article.status == 200)
            #expect(
                article.text.contains(
                    "rel=\"canonical\" href=\"http://help.example/v1/help/acme/en/articles/lost-printer\""))
            _ = try await get("/en/search?q=printer", knowledge)
            let counts = try #require(knowledge.service.jobs.compactMap { $0 as? ReaderCounts }.first)
            await counts.write()
            let unclicked = try await knowledge.ok(.get, "kb/searches?only=without_click")["data"]?.arrayValue
            #expect(unclicked?.map { $0["query"] } == ["printer"])
        }
    }

    @Test("tells machines what there is")
    func documents() async throws {
        try await with { knowledge, section in
            _ = try await knowledge.article("Bits & bytes", in: section, ["summary": "<1>"], publish: true)
            for path in ["/en/feed.atom", "/sitemap.xml"] {
                let reply = try await get(path, knowledge)
                #expect(reply.status == 200)
                let parser = XMLReader(reply.text)
                #expect(parser.isWellFormed, "\(reply.text)")
                #expect(
                    parser.texts.contains("http://help.example/v1/help/acme/en/articles/bits-bytes")
                        || path != "/sitemap.xml")
                #expect(parser.texts.contains("Bits & bytes") || path != "/en/feed.atom")
            }
        }
    }
}

/// The texts of a document's elements, if it is one.
private final class XMLReader: NSObject, XMLParserDelegate {
    private(set) var isWellFormed = false
    private(set) var texts: [String] = []
    private var text = ""

    init(_ document: String) {
        super.init()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = self
        isWellFormed = parser.parse()
    }

    func parser(
        _ parser: XMLParser, didStartElement: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        text = ""
    }

    func parser(_ parser: XMLParser, foundCharacters: String) { text += foundCharacters }

    func parser(_ parser: XMLParser, didEndElement: String, namespaceURI: String?, qualifiedName: String?) {
        texts.append(text)
        text = ""
    }
}
