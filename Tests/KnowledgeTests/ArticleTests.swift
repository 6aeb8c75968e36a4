import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing
import Web

@testable import Knowledge

typealias KnowledgeUnderTest = ServiceUnderTest<KnowledgeService>

extension ServiceUnderTest where S == KnowledgeService {
    static func with(_ body: @escaping @Sendable (KnowledgeUnderTest) async throws -> Void) async throws {
        try await with({ KnowledgeService(database: $0) }, body)
    }

    var reader: Caller { caller(["knowledge.read"], id: UUID.v7()) }

    /// A section to put articles in.
    func section(_ name: String = "General") async throws -> String {
        let category = try await ok(.post, "kb_categories", ["name": .string("About \(name)")])
        let section = try await ok(
            .post, "kb_sections", ["name": .string(name), "categoryId": category["id"] ?? .null])
        return section["id"]?.stringValue ?? ""
    }

    /// An article's id.
    func article(_ title: String, in section: String, _ members: JSONObject = [:], publish: Bool = false) async throws
        -> String
    {
        var body: JSONObject = ["title": .string(title), "sectionId": .string(section)]
        for (key, value) in members { body[key] = value }
        let id = try await ok(.post, "kb_articles", .object(body))["id"]?.stringValue ?? ""
        if publish { try await ok(.post, "kb_articles/\(id)/publish") }
        return id
    }
}

@Suite("Articles")
struct ArticleTests {
    @Test("are rendered, safe, and get an address of their title")
    func creation() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let body: JSON = [
                "title": "Größe ändern & Paßwort", "sectionId": .string(section),
                "body": "# Hi\n\n<script>alert(1)</script>*you*", "locale": "de-AT",
            ]
            let article = try await knowledge.ok(.post, "kb_articles?note=first", body)
            #expect(article["slug"] == "grosse-andern-passwort")
            #expect(article["status"] == "draft")
            #expect(article["locale"] == "de-at")
            #expect(article["authorId"] == .uuid(knowledge.supervisorId))
            #expect(article["bodyHtml"] == nil && article["bodyText"] == nil)
            let id = article["id"]?.stringValue ?? ""
            let html = try await knowledge.ok(.get, "kb_articles/\(id)?expand=bodyHtml")["bodyHtml"]?.stringValue
            #expect(html?.contains("<h1>Hi</h1>") == true && html?.contains("script") == false)
            let second = try await knowledge.ok(.post, "kb_articles", body)
            #expect(second["slug"] == "grosse-andern-passwort-2")
            let taken = try await knowledge.send(
                .post, "kb_articles",
                ["title": "x", "sectionId": .string(section), "locale": "de-at", "slug": "Größe ändern Passwort"])
            #expect(taken.status == 409, "\(taken.text)")
            let names = try await knowledge.events("kb_").map(\.name)
            #expect(names.filter { $0 == "kb_article.created" }.count == 2)
            #expect(names.filter { $0 == "kb_article_revision.created" }.count == 2)
        }
    }

    @Test(
        "bad input is refused where it is wrong",
        arguments: [
            (["title": ""], ["/title too_short"]), (["title": "x", "slug": "!!!"], ["/slug format"]),
            (["title": "x", "locale": "e"], ["/locale too_short"]),
            (["title": "x", "locale": "x_y"], ["/locale format"]),
            (["title": "x", "status": "published"], ["/status read_only"]),
            (["title": "x", "visibility": "me"], ["/visibility unknown_value"]),
            (["title": "x", "attachments": [["name": "a"]]], ["/attachments/0/url required"]),
            (["title": "x", "translationOf": "0190a000-0000-7000-8000-000000000000"], ["/translationOf unknown"]),
        ] as [(JSONObject, [String])])
    func badInput(members: JSONObject, faults: [String]) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            var body = members
            body["sectionId"] = .string(try await knowledge.section())
            let reply = try await knowledge.send(.post, "kb_articles", .object(body))
            #expect(reply.status == 422, "\(reply.text)")
            #expect(reply.faults == faults)
        }
    }

    @Test("every change of the text is a revision, which can be compared and brought back")
    func revisions() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("One", in: try await knowledge.section(), ["body": "a\nb\nc"])
            let path = "kb_articles/\(id)"
            #expect(try await knowledge.ok(.patch, path + "?note=why", ["body": "a\nx\nc"])["revision"] == 2)
            #expect(try await knowledge.ok(.patch, path, ["body": "a\nx\nc", "position": 3])["revision"] == 2)
            let diff = try await knowledge.ok(.get, path + "/revisions/2/diff")
            #expect(
                diff["body"]?.arrayValue?.map { "\($0["change"]?.stringValue ?? "") \($0["text"]?.stringValue ?? "")" }
                    == ["kept a", "removed b", "added x", "kept c"])
            let restored = try await knowledge.ok(.post, path + "/revisions/1/restore")
            #expect(restored["revision"] == 3 && restored["body"] == "a\nb\nc")
            let revisions = try await knowledge.ok(.get, path + "/revisions")["data"]?.arrayValue ?? []
            #expect(revisions.map { $0["number"]?.intValue } == [3, 2, 1])
            #expect(revisions.map { $0["note"]?.stringValue } == [nil, "why", nil])
            #expect(try await knowledge.send(.get, path + "/revisions/9/diff").status == 404)
            #expect(try await knowledge.send(.post, path + "/revisions/x/restore").status == 404)
        }
    }

    @Test("go from draft to their readers and back, told as they go")
    func workflow() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("VPN setup", in: try await knowledge.section())
            let path = "kb_articles/\(id)"
            #expect(try await knowledge.send(.get, path, as: knowledge.reader).status == 404)
            #expect(try await knowledge.ok(.post, path + "/submit")["status"] == "in_review")
            let published = try await knowledge.ok(.post, path + "/publish")
            #expect(published["status"] == "published" && published["publishedAt"] != .null)
            #expect(try await knowledge.send(.get, path, as: knowledge.reader).status == 200)
            #expect(try await knowledge.send(.post, path + "/submit").status == 409)
            #expect(try await knowledge.ok(.post, path + "/archive")["status"] == "archived")
            #expect(try await knowledge.send(.get, path, as: knowledge.reader).status == 404)
            let refused = try await knowledge.send(.post, path + "/publish")
            #expect(refused.status == 409 && refused.json["allowed"] == ["draft"])
            #expect(try await knowledge.ok(.post, path + "/unpublish")["status"] == "draft")
            #expect(
                try await knowledge.events("kb_article.").map(\.name) == [
                    "kb_article.created", "kb_article.updated", "kb_article.updated", "kb_article.published",
                    "kb_article.updated", "kb_article.archived", "kb_article.updated",
                ])
        }
    }

    @Test("are published when their time has come, by whoever looks first, once")
    func scheduled() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("Later", in: try await knowledge.section())
            let time = Timestamp.now + .seconds(3_600)
            let planned = try await knowledge.ok(.post, "kb_articles/\(id)/publish", ["publishAt": .timestamp(time)])
            #expect(planned["status"] == "draft" && planned["publishAt"] == .timestamp(time))
            let job = ScheduledPublishing(database: knowledge.database)
            #expect(try await job.publishDue(at: .now) == 0)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { try await job.publishDue(at: time + .seconds(1)) } }
                return try await group.reduce(0, +)
            }
            #expect(counts == 1)
            let article = try await knowledge.ok(.get, "kb_articles/\(id)")
            #expect(article["status"] == "published" && article["publishAt"] == .null)
            #expect(try await knowledge.events("kb_article.published").count == 1)
        }
    }

    @Test("keep their old addresses once they were published")
    func redirects() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("Old name", in: try await knowledge.section())
            func redirects() async throws -> [[String?]] {
                try await knowledge.test.superuser(
                    "SELECT slug, article_id::text FROM knowledge.kb_article_redirects ORDER BY slug"
                )
            }
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["slug": "draft name"])
            #expect(try await redirects().isEmpty)
            try await knowledge.ok(.post, "kb_articles/\(id)/publish")
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["slug": "new name"])
            #expect(try await redirects() == [["draft-name", id]])
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["slug": "draft-name"])
            #expect(try await redirects() == [["new-name", id]])
        }
    }

    @Test("translations know when they are stale")
    func translations() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let source = try await knowledge.article("Hello", in: section, ["body": "one"])
            let german = try await knowledge.article(
                "Hallo", in: section, ["translationOf": .string(source), "locale": "de", "body": "eins"])
            func isStale() async throws -> JSON? { try await knowledge.ok(.get, "kb_articles/\(german)")["isStale"] }
            #expect(try await isStale() == false)
            try await knowledge.ok(.patch, "kb_articles/\(source)", ["body": "two"])
            #expect(try await isStale() == true)
            #expect(try await knowledge.ok(.get, "kb_articles?isStale=true")["data"]?.arrayValue?.count == 1)
            try await knowledge.ok(.patch, "kb_articles/\(german)", ["body": "zwei"])
            #expect(try await isStale() == false)
            let twice = try await knowledge.send(
                .post, "kb_articles",
                ["title": "x", "sectionId": .string(section), "translationOf": .string(source), "locale": "de"])
            #expect(twice.status == 409)
            let same = try await knowledge.send(
                .post, "kb_articles",
                ["title": "x", "sectionId": .string(section), "translationOf": .string(source), "locale": "EN"])
            #expect(same.faults == ["/locale same_as_source"])
        }
    }

    @Test("one word from each person about each revision; the score knows how few they are")
    func feedback() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("A", in: try await knowledge.section(), publish: true)
            let path = "kb_articles/\(id)/feedback"
            let reader = knowledge.reader
            try await knowledge.ok(.post, path, ["helpful": true, "comment": "thanks"], as: reader)
            #expect(try await knowledge.send(.post, path, ["helpful": false], as: reader).status == 409)
            try await knowledge.ok(.post, path, ["helpful": false], as: knowledge.reader)
            try await knowledge.ok(.patch, "kb_articles/\(id)", ["body": "better"])
            try await knowledge.ok(.post, path, ["helpful": true], as: reader)
            let figures = try await knowledge.ok(.get, "kb_articles/\(id)?expand=figures")["figures"]
            #expect(figures?["helpful"] == 2 && figures?["notHelpful"] == 1)
            #expect(figures?["score"]?.doubleValue == 0.2077)
            #expect(try await knowledge.events("kb_article_feedback.created").count == 3)
            let draft = try await knowledge.article("B", in: try await knowledge.section("Other"))
            let refused = try await knowledge.send(
                .post, "kb_articles/\(draft)/feedback", ["helpful": true], as: reader)
            #expect(refused.status == 404)
        }
    }

    @Test("tell which tickets they solved")
    func links() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("A", in: try await knowledge.section())
            let ticket = UUID.v7()
            try await knowledge.ok(.post, "kb_articles/\(id)/links", ["ticketId": .uuid(ticket)])
            let twice = try await knowledge.send(.post, "kb_articles/\(id)/links", ["ticketId": .uuid(ticket)])
            #expect(twice.status == 409)
            let event = try #require(try await knowledge.events("kb_article.linked").first)
            #expect(event.payload["ticketId"] == .uuid(ticket) && event.payload["kind"] == "solved")
        }
    }

    @Test("can be made of what an agent answered to a ticket")
    func answers() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let ticket = Aggregate(type: "ticket", id: .v7())
            func said(_ text: String, by author: String, isPublic: Bool, _ sequence: Int64) -> RawMessage {
                let id = UUID.v7()
                return knowledge.message(
                    "ticket_message.added",
                    [
                        "ticketId": .uuid(ticket.id), "messageId": .uuid(id),
                        "snapshot": [
                            "id": .uuid(id), "authorType": .string(author), "isPublic": .bool(isPublic),
                            "bodyText": .string(text),
                        ],
                    ], of: ticket, sequence: sequence)
            }
            let created = knowledge.message(
                "ticket.created",
                [
                    "ticketId": .uuid(ticket.id),
                    "snapshot": ["id": .uuid(ticket.id), "subject": "It is loud", "createdAt": .timestamp(.now)],
                ], of: ticket)
            let messages = [
                said("Oil *both* hinges.", by: "agent", isPublic: true, 2),
                said("Thanks!", by: "customer", isPublic: true, 3),
                said("He always asks.", by: "agent", isPublic: false, 4),
            ]
            try await knowledge.give([created] + messages)
            // Once more, as after a broker's failure.
            try await knowledge.give([messages[0]])
            func body(_ message: RawMessage, _ more: JSONObject = [:]) -> JSON {
                var body: JSONObject = [
                    "ticketId": .uuid(ticket.id), "messageId": message.payload["messageId"] ?? .null,
                    "sectionId": .string(section),
                ]
                for (key, value) in more { body[key] = value }
                return .object(body)
            }
            let reply = try await knowledge.send(.post, "kb_articles/from_answer", body(messages[0]))
            #expect(reply.status == 201, "\(reply.text)")
            #expect(reply.json["title"] == "It is loud" && reply.json["body"] == "Oil *both* hinges.")
            #expect(reply.json["status"] == "draft" && reply.json["locale"] == "en")
            let article = try await knowledge.send(.get, try #require(reply.headers[.location]))
            #expect(article.json["id"] == reply.json["id"])
            let linked = try #require(try await knowledge.events("kb_article.linked").first)
            #expect(linked.payload["ticketId"] == .uuid(ticket.id) && linked.payload["kind"] == "written_from")
            let named = try await knowledge.ok(
                .post, "kb_articles/from_answer", body(messages[0], ["title": "Silence", "locale": "en-GB"]))
            #expect(named["title"] == "Silence" && named["locale"] == "en-gb")
            for other in messages.dropFirst() {
                let refused = try await knowledge.send(.post, "kb_articles/from_answer", body(other))
                #expect(refused.status == 422 && refused.faults == ["/messageId unknown"], "\(refused.text)")
            }
            let writer = knowledge.caller(["knowledge.read", "knowledge.write"])
            let unread = try await knowledge.send(.post, "kb_articles/from_answer", body(messages[0]), as: writer)
            #expect(unread.status == 403)
            let stranger = Caller(
                tenantId: .v7(), actor: .user(.v7()), roles: [], permissions: ["*"], displayName: "x")
            let elsewhere = try await knowledge.send(
                .post, "/v1/tenants/\(stranger.tenantId?.text ?? "")/kb_articles/from_answer", body(messages[0]),
                as: stranger)
            #expect(elsewhere.status == 422 && elsewhere.faults == ["/messageId unknown"], "\(elsewhere.text)")
            // What is older than anybody makes articles of is forgotten.
            let job = ForgetAnswers(database: knowledge.database, kept: .seconds(60))
            try await job.forget(at: .now)
            try await knowledge.ok(.post, "kb_articles/from_answer", body(messages[0]))
            try await job.forget(at: .now + .seconds(120))
            let late = try await knowledge.send(.post, "kb_articles/from_answer", body(messages[0]))
            #expect(late.status == 422)
        }
    }

    @Test("categories are nested, but not in themselves and not without end")
    func categories() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            var ids: [String] = []
            for depth in 0..<5 {
                var body: JSONObject = ["name": .string("Level \(depth)")]
                if let parent = ids.last { body["parentId"] = .string(parent) }
                ids.append(try await knowledge.ok(.post, "kb_categories", .object(body))["id"]?.stringValue ?? "")
            }
            let deeper = try await knowledge.send(
                .post, "kb_categories", ["name": "x", "parentId": .string(ids[4])])
            #expect(deeper.faults == ["/parentId too_deep"])
            let circle = try await knowledge.send(.patch, "kb_categories/\(ids[1])", ["parentId": .string(ids[3])])
            #expect(circle.faults == ["/parentId circular"])
            let other = try await knowledge.ok(.post, "kb_categories", ["name": "Other"])["id"] ?? .null
            let moved = try await knowledge.send(.patch, "kb_categories/\(ids[0])", ["parentId": other])
            #expect(moved.faults == ["/parentId too_deep"])
            let nowhere = try await knowledge.send(.patch, "kb_categories/\(ids[0])", ["parentId": .uuid(UUID.v7())])
            #expect(nowhere.faults == ["/parentId unknown"])
            #expect(try await knowledge.send(.delete, "kb_categories/\(ids[0])").status == 409)
        }
    }
}

@Suite("What is worked out about articles")
struct ArticleRulesTests {
    @Test(
        "slugs",
        arguments: [
            ("Reset your password!", "reset-your-password"), ("  A -- b  ", "a-b"), ("Crème brûlée", "creme-brulee"),
            ("Straße", "strasse"), ("日本語 ガイド", "日本語-ガイド"), ("Привет, мир", "привет-мир"), ("C++ & C#", "c-c"),
            ("İstanbul", "istanbul"),
        ])
    func slugs(text: String, slug: String) { #expect(Slug.normalized(text) == slug) }

    @Test("no slug of nothing, and none without end")
    func slugBounds() {
        #expect(Slug.normalized("!?") == nil)
        #expect((Slug.normalized(String(repeating: "ab ", count: 1_000)) ?? "").count <= Slug.lengthMax)
        #expect(Slug.free("a", taken: ["a", "a-2", "a-4"]) == "a-3")
    }

    @Test("a slug is its own slug", arguments: UInt64(0)..<200)
    func slugsAreStable(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let scalars = (0..<30).compactMap { _ in Unicode.Scalar(UInt32.random(in: 1...0x2FFF, using: &generator)) }
        guard let slug = Slug.normalized(String(String.UnicodeScalarView(scalars))) else { return }
        #expect(Slug.normalized(slug) == slug)
    }

    @Test("a diff has the lines of both texts, in order", arguments: UInt64(0)..<100)
    func diffs(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func text() -> [String] {
            (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                ["a", "b", "c"].randomElement(using: &generator)!
            }
        }
        let (old, new) = (text().joined(separator: "\n"), text().joined(separator: "\n"))
        let lines = RevisionDiff.lines(from: old, to: new)
        #expect(lines.filter { $0.mark != .added }.map(\.text).joined(separator: "\n") == old)
        #expect(lines.filter { $0.mark != .removed }.map(\.text).joined(separator: "\n") == new)
    }

    @Test(
        "Wilson's bound, as in published tables",
        arguments: [
            (Int64(1), Int64(0), 0.2065), (10, 0, 0.7224), (90, 10, 0.8256), (0, 5, 0.0), (50, 50, 0.4038),
        ])
    func scores(helpful: Int64, notHelpful: Int64, bound: Double) {
        let score = ArticleScore.lowerBound(helpful: helpful, notHelpful: notHelpful) ?? -1
        #expect(abs(score - bound) < 0.0005)
    }

    @Test("an article can always get on")
    func statuses() {
        #expect(ArticleScore.lowerBound(helpful: 0, notHelpful: 0) == nil)
        for status in ArticleStatus.allCases {
            #expect(!status.steps.isEmpty)
            #expect(!status.steps.map(\.target).contains(status))
        }
    }
}
