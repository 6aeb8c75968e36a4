import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Knowledge

@Suite("Who reads what")
struct ReaderTests {
    /// An article as it was made, and who may read it by the words of its declaration.
    private struct Article {
        var id = ""
        var title: String
        var visibility: ArticleVisibility
        var groups: [UUID]
        var isPublished: Bool
    }

    private struct Reader {
        var caller: Caller
        var groups: Set<UUID>

        func mayRead(_ article: Article) -> Bool {
            if caller.may("knowledge.read_drafts") { return true }
            guard article.isPublished else { return false }
            return switch article.visibility {
            case .everybody, .customers: true
            case .agents: caller.may("tickets.read")
            case .groups: !groups.isDisjoint(with: article.groups)
            }
        }
    }

    private func titles(_ answer: JSON) -> Set<String> {
        Set((answer["data"]?.arrayValue ?? []).compactMap { $0["title"]?.stringValue })
    }

    /// Makes the reader a member of the groups, as the events of the routing service would.
    private func put(_ reader: Reader, _ knowledge: KnowledgeUnderTest) async throws {
        let groups = reader.groups.map(\.text).joined(separator: ",")
        let user = reader.caller.actor.userId?.text ?? ""
        _ = try await knowledge.test.superuser(
            """
            INSERT INTO knowledge.agents (tenant_id, id, last_sequence, sequences, version, created_at, user_id, group_ids)
            VALUES ('\(knowledge.tenant.text)', '\(user)', 1, '{}', 1, now(), '\(user)', '{\(groups)}')
            ON CONFLICT (tenant_id, id) DO UPDATE SET group_ids = excluded.group_ids
            """)
    }

    @Test("an article is read, listed, found and suggested by exactly those who may read it", arguments: UInt64(0)..<4)
    func audiences(seed: UInt64) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            var generator = SeededGenerator(seed: seed)
            let groups = (0..<3).map { _ in UUID.v7() }
            func some(of groups: [UUID], atLeast count: Int) -> [UUID] {
                Array(groups.shuffled(using: &generator).prefix(Int.random(in: count...2, using: &generator)))
            }
            let section = try await knowledge.section()
            var articles: [Article] = []
            for number in 0..<12 {
                let visibility = ArticleVisibility.allCases[number % 4]
                var article = Article(
                    title: "Quokka \(number)", visibility: visibility,
                    groups: some(of: groups, atLeast: visibility == .groups ? 1 : 0),
                    isPublished: Int.random(in: 0..<4, using: &generator) > 0)
                article.id = try await knowledge.article(
                    article.title, in: section,
                    [
                        "visibility": .string(visibility.rawValue),
                        "groupIds": .array(article.groups.map { .uuid($0) }),
                    ], publish: article.isPublished)
                articles.append(article)
            }
            var readers = [
                ["knowledge.read"], ["knowledge.read"], ["knowledge.read", "tickets.read"],
                ["knowledge.read", "tickets.read"], ["knowledge.read", "knowledge.read_drafts"],
            ].map { Reader(caller: knowledge.caller(Set($0), id: UUID.v7()), groups: []) }
            // Once without any group, then with some, then with others.
            for round in 0..<3 {
                for index in readers.indices where round > 0 {
                    readers[index].groups = Set(some(of: groups, atLeast: 0))
                    try await put(readers[index], knowledge)
                }
                for reader in readers { try await check(reader, articles, knowledge) }
            }
        }
    }

    private func check(_ reader: Reader, _ articles: [Article], _ knowledge: KnowledgeUnderTest) async throws {
        let readable = articles.filter(reader.mayRead)
        // Drafts are listed, but found only by who asks for them.
        let found = Set(readable.filter(\.isPublished).map(\.title))
        let caller = reader.caller
        for path in ["kb/search?q=quokka&limit=50", "kb/search?q=quok*&limit=50", "kb/search?q=quokak&limit=50"] {
            let answer = try await knowledge.ok(.get, path, as: caller)
            #expect(titles(answer) == found, "\(path)")
            #expect(answer["total"]?.intValue == Int64(found.count))
        }
        let list = try await knowledge.ok(.get, "kb_articles?limit=200", as: caller)
        #expect(titles(list) == Set(readable.map(\.title)))
        let suggested = try await knowledge.ok(
            .post, "kb/suggest", ["text": "A quokka bit me", "limit": 20], as: caller)
        #expect(titles(suggested) == found)
        for article in articles {
            #expect(try await status(of: article.id, as: reader, knowledge) == (reader.mayRead(article) ? 200 : 404))
            let viewed = try await knowledge.send(.post, "kb_articles/\(article.id)/views", as: caller).status
            #expect(viewed == (reader.mayRead(article) ? 204 : 404))
        }
    }

    private func status(of article: String, as reader: Reader, _ knowledge: KnowledgeUnderTest) async throws -> Int {
        try await knowledge.send(.get, "kb_articles/\(article)", as: reader.caller).status
    }

    @Test("the members of another organization's group read nothing, and who has left reads no more")
    func strangers() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let group = UUID.v7()
            let id = try await knowledge.article(
                "For one group", in: try await knowledge.section(),
                ["visibility": "groups", "groupIds": [.uuid(group)]], publish: true)
            let reader = Reader(caller: knowledge.reader, groups: [group])
            let user = reader.caller.actor.userId?.text ?? ""
            func status() async throws -> Int { try await self.status(of: id, as: reader, knowledge) }
            try await put(reader, knowledge)
            #expect(try await status() == 200)
            _ = try await knowledge.test.superuser("UPDATE knowledge.agents SET deleted_at = now()")
            #expect(try await status() == 404)
            _ = try await knowledge.test.superuser(
                "UPDATE knowledge.agents SET deleted_at = NULL, tenant_id = gen_random_uuid() WHERE user_id = '\(user)'"
            )
            #expect(try await status() == 404)
        }
    }

    @Test("an article for groups names one")
    func groupsAreNamed() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let section = try await knowledge.section()
            let refused = try await knowledge.send(
                .post, "kb_articles", ["title": "x", "sectionId": .string(section), "visibility": "groups"])
            #expect(refused.faults == ["/groupIds required"])
            let id = try await knowledge.article("x", in: section)
            let changed = try await knowledge.send(.patch, "kb_articles/\(id)", ["visibility": "groups"])
            #expect(changed.faults == ["/groupIds required"])
            try await knowledge.ok(
                .patch, "kb_articles/\(id)", ["visibility": "groups", "groupIds": [.uuid(UUID.v7())]])
            let emptied = try await knowledge.send(.patch, "kb_articles/\(id)", ["groupIds": []])
            #expect(emptied.faults == ["/groupIds required"])
        }
    }
}

@Suite("Visits instead of tickets")
struct DeflectionTests {
    private static let noon = Timestamp(rfc3339: "2026-03-10T12:00:00.000Z")!

    /// Hours from noon: when somebody read, when a ticket of the person was filed, and whether the visit is deflected.
    @Test(
        "a visit is deflected unless a ticket follows within a day",
        arguments: [
            ([0], nil, true), ([0], -1, true), ([0], 0, false), ([0], 23, false), ([0], 24, false), ([0], 25, true),
            ([-11, 11], 0, false), ([-11, 11], 34, false), ([-11, 11], 36, true), ([3], 2, true),
        ] as [([Int], Int?, Bool)])
    func visits(reads: [Int], ticket: Int?, isDeflected: Bool) async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let (person, other, article) = (UUID.v7(), UUID.v7(), UUID.v7())
            let counts = ReaderCounts(database: knowledge.database)
            for hours in reads {
                counts.viewed(
                    article, by: "user:\(person.text)", customer: person, at: Self.noon + .seconds(hours * 3_600),
                    knowledge.tenant)
                await counts.write()
            }
            // Neither is a visit: nobody knows who it was, or it was an agent.
            counts.viewed(article, by: "somebody", at: Self.noon, knowledge.tenant)
            await counts.write()
            for (requester, hours) in [(person, ticket), (other, 1)] {
                guard let hours else { continue }
                _ = try await knowledge.test.superuser(
                    """
                    INSERT INTO knowledge.tickets
                        (tenant_id, id, last_sequence, sequences, version, created_at, requester_id)
                    VALUES ('\(knowledge.tenant.text)', '\(UUID.v7().text)', 1, '{}', 1,
                        '\((Self.noon + .seconds(hours * 3_600)).rfc3339)', '\(requester.text)')
                    """)
            }
            let deflection = Deflection(database: knowledge.database)
            #expect(try await deflection.settle(at: Self.noon + .seconds(36 * 3_600)) == 0)
            #expect(try await deflection.settle(at: Self.noon + .seconds(38 * 3_600)) == 1)
            #expect(try await deflection.settle(at: Self.noon + .seconds(38 * 3_600)) == 0)
            let rows = try await knowledge.test.superuser(
                """
                SELECT v.visits, v.deflected_visits, a.views, a.visitors, a.visits, a.deflected_visits,
                    (SELECT count(*) FROM knowledge.kb_article_visitors)
                FROM knowledge.kb_visit_days AS v JOIN knowledge.kb_article_days AS a USING (tenant_id, day)
                """)
            let deflected = isDeflected ? "1" : "0"
            #expect(rows == [["1", deflected, "\(reads.count + 1)", "2", "1", deflected, "0"]])
        }
    }

    @Test("several articles on a day are one visit, and each of them had it")
    func severalArticles() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let (person, articles) = (UUID.v7(), [UUID.v7(), UUID.v7()])
            let counts = ReaderCounts(database: knowledge.database)
            for article in articles {
                counts.viewed(article, by: "p", customer: person, at: Self.noon, knowledge.tenant)
            }
            await counts.write()
            #expect(
                try await Deflection(database: knowledge.database).settle(at: Self.noon + .seconds(90_000 * 2)) == 1)
            let rows = try await knowledge.test.superuser(
                "SELECT visits, deflected_visits FROM knowledge.kb_article_days")
            #expect(rows == [["1", "1"], ["1", "1"]])
        }
    }

    @Test("the figures of each day are told, to supervisors and across organizations to administrators of the platform")
    func figures() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("A", in: try await knowledge.section(), publish: true)
            let customer = knowledge.reader
            try await knowledge.ok(.post, "kb_articles/\(id)/feedback", ["helpful": true], as: customer)
            let counts = ReaderCounts(database: knowledge.database)
            let (now, before) = (Timestamp.now, Timestamp.now - .seconds(3 * 86_400))
            let article = try #require(UUID(text: id))
            counts.viewed(article, by: "p", customer: customer.actor.userId, at: before, knowledge.tenant)
            counts.viewed(article, by: "q", customer: UUID.v7(), at: before, knowledge.tenant)
            counts.searched("x", locale: nil, found: 0, at: now, knowledge.tenant)
            counts.searched("y", locale: nil, found: 2, at: now, knowledge.tenant)
            counts.clicked("y", locale: nil, at: now, knowledge.tenant)
            await counts.write()
            _ = try await knowledge.test.superuser(
                """
                INSERT INTO knowledge.tickets (tenant_id, id, last_sequence, sequences, version, created_at, requester_id)
                VALUES ('\(knowledge.tenant.text)', '\(UUID.v7().text)', 1, '{}', 1, '\((before + .seconds(60)).rfc3339)',
                    '\(customer.actor.userId?.text ?? "")')
                """)
            try await Deflection(database: knowledge.database).settle(at: now)
            let platform = Caller(
                tenantId: nil, actor: .user(UUID.v7()), roles: [], permissions: ["*"], platformAdmin: true,
                displayName: "root")
            let paths = [
                "kb/figures", "/v1/admin/kb/figures?days=30", "/v1/admin/kb/figures?tenantId=\(knowledge.tenant.text)",
            ]
            for path in paths {
                let answer = try await knowledge.ok(.get, path, as: path.hasPrefix("/") ? platform : nil)
                #expect(
                    answer["total"] == [
                        "views": 2, "visitors": 2, "searches": 2, "searchesWithoutResult": 1, "searchClicks": 1,
                        "helpful": 1, "notHelpful": 0, "visits": 2, "deflectedVisits": 1, "deflectionRate": 0.5,
                    ], "\(path)")
                let days = answer["data"]?.arrayValue ?? []
                #expect(days.count == 30)
                #expect(days.last?["searches"] == 2 && days.last?["helpful"] == 1 && days.last?["views"] == 0)
                #expect(days[26]["visits"] == 2 && days[26]["deflectedVisits"] == 1)
            }
            let other = try await knowledge.ok(
                .get, "/v1/admin/kb/figures?tenantId=\(UUID.v7().text)", as: platform)
            #expect(other["total"]?["views"] == 0 && other["total"]?["deflectionRate"] == .null)
            #expect(try await knowledge.send(.get, "kb/figures", as: customer).status == 403)
            let unclicked = try await knowledge.ok(.get, "/v1/admin/kb/searches?only=without_click", as: platform)
            #expect(unclicked["data"]?.arrayValue?.map { $0["query"] } == ["x"])
        }
    }

    @Test("customers who read are visitors that are known, agents are not")
    func whoVisits() async throws {
        try await KnowledgeUnderTest.with { knowledge in
            let id = try await knowledge.article("A", in: try await knowledge.section(), publish: true)
            let agent = knowledge.caller(["knowledge.read", "tickets.read"], id: UUID.v7())
            for caller in [knowledge.reader, agent] {
                #expect(try await knowledge.send(.post, "kb_articles/\(id)/views", as: caller).status == 204)
            }
            let counts = try #require(knowledge.service.jobs.compactMap { $0 as? ReaderCounts }.first)
            await counts.write()
            let known = try await knowledge.test.superuser(
                "SELECT person_id IS NULL FROM knowledge.kb_article_visitors ORDER BY 1")
            #expect(known == [["f"], ["t"]])
        }
    }
}
