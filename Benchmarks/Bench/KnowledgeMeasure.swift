import AsyncHTTPClient
import Contracts
import Foundation
import NIOHTTP1

/// Searches and suggestions through the gateway over a hundred thousand articles of one organization, several clients at once,
/// beside what plain `ILIKE` takes to count the same words' matches in the same rows; and what publishing an article costs.
struct KnowledgeMeasure {
    let stack: StackUnderTest
    let articles: Int
    let seconds: Int

    static let clients = 4
    /// Different queries of each kind, so that none is answered from the last one's memory alone.
    private static let variants = 60
    /// Queries of each kind that `ILIKE` is given; it takes a second for one.
    private static let likeVariants = 3
    private static let published = 100

    /// A query of some kind, and the patterns that `ILIKE` would look for.
    struct Query: Sendable {
        var method = HTTPMethod.GET
        var path: String
        var json: String?
        var patterns: [String]
    }

    func run(into table: inout ResultTable) async throws {
        let site = try await Site.make(stack)
        var corpus = KnowledgeCorpus(seed: 1)
        print("  writing \(articles) articles")
        let filled = try fill(site, &corpus)
        var all: [Query] = []
        for (kind, queries) in kinds(&corpus, filled) {
            let (answers, perSecond) = try await load(queries, site)
            let like = try likeMilliseconds(queries.prefix(Self.likeVariants), site)
            add("\(kind), \(articles) articles", answers, perSecond, like: like, &table)
            all += queries
        }
        let (answers, perSecond) = try await load(all, site)
        add("all of these mixed", answers, perSecond, like: nil, &table)
        try await publish(site, &corpus, &table)
    }

    private func add(
        _ measure: String, _ answers: Spread, _ perSecond: Double, like: Double?, _ table: inout ResultTable
    ) {
        table.add(
            "\(measure), \(Self.clients) clients",
            String(
                format: "p50 %.1f, p99 %.1f ms, %.0f/s", answers.percentile(0.5), answers.percentile(0.99), perSecond),
            bound: like.map { String(format: "ILIKE %.0f ms, %.0f times p50", $0, $0 / answers.percentile(0.5)) } ?? "",
            least: "p99 50 ms", aim: "p99 20 ms")
    }

    // MARK: The articles

    /// The organization whose articles are searched, and a key of one of its readers.
    struct Site: Sendable {
        var tenant: String
        var key: String
        var adminKey: String
        var section: String

        static func make(_ stack: StackUnderTest) async throws -> Site {
            guard let admin = ProcessInfo.processInfo.environment["DESKWIRE_ADMIN_KEY"] else {
                throw BenchError("DESKWIRE_ADMIN_KEY is not set; source the env file that deploy/up wrote")
            }
            func made(_ path: String, _ json: String) async throws -> JSON {
                let answer = try await stack.send(.POST, path, json: json, key: admin)
                guard answer.status == 201 else { throw BenchError("\(path): \(answer.status) \(answer.body)") }
                return try JSON.parse(Array(answer.body.utf8))
            }
            let organization = try await made("/v1/admin/organizations", #"{"name": "Bench of the knowledge base"}"#)
            let tenant = organization["id"]?.stringValue ?? ""
            let root = "/v1/tenants/\(tenant)"
            let key = try await made("\(root)/api_keys", #"{"name": "Reader", "roles": ["light_agent"]}"#)
            let category = try await made("\(root)/kb_categories", #"{"name": "Bench"}"#)["id"]?.stringValue ?? ""
            let section = try await made("\(root)/kb_sections", #"{"name": "First", "categoryId": "\#(category)"}"#)
            return Site(
                tenant: tenant, key: key["key"]?.stringValue ?? "", adminKey: admin,
                section: section["id"]?.stringValue ?? "")
        }
    }

    /// Writes articles as the service would leave them, and the words that its census would have counted. Answers some of them.
    private func fill(_ site: Site, _ corpus: inout KnowledgeCorpus) throws -> [KnowledgeCorpus.Article] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString).csv")
        _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        var kept: [KnowledgeCorpus.Article] = []
        var lines = ""
        for number in 1...articles {
            let article = corpus.article()
            if number % max(1, articles / Self.variants) == 0 { kept.append(article) }
            lines +=
                "\(number)\t\(article.locale)\t\(article.title)\t\(article.summary)\t\(article.label)\t"
                + article.body.replacingOccurrences(of: "\n", with: "\\n") + "\n"
            if lines.utf8.count > 1_000_000 || number == articles {
                try handle.write(contentsOf: Data(lines.utf8))
                lines = ""
            }
        }
        try handle.close()
        try stack.sql(
            """
            SET search_path = knowledge;
            DROP TABLE IF EXISTS bench_articles;
            CREATE UNLOGGED TABLE bench_articles
                (n integer, locale text, title text, summary text, label text, body text);
            """)
        try stack.sql("\\copy knowledge.bench_articles FROM '\(file.path)'")
        try stack.sql(Self.fillSQL(site.tenant, site.section))
        for table in ["kb_articles", "kb_articles_words", "kb_sections"] {
            try stack.sql("VACUUM ANALYZE knowledge.\(table)")
        }
        try stack.sql("CHECKPOINT")
        return kept
    }

    /// A hundred sections; nine of ten articles are for everybody.
    private static func fillSQL(_ tenant: String, _ section: String) -> String {
        """
        SET search_path = knowledge;
        INSERT INTO kb_sections (tenant_id, id, version, created_at, updated_at, category_id, name, slug, position)
        SELECT tenant_id, gen_random_uuid(), 1, now(), now(), category_id, 'Section ' || n, 'section-' || n, n
        FROM kb_sections, generate_series(1, 99) AS n WHERE id = '\(section)';
        WITH sections AS MATERIALIZED (
            SELECT id, row_number() OVER () - 1 AS place FROM kb_sections WHERE tenant_id = '\(tenant)'
        )
        INSERT INTO kb_articles (tenant_id, id, version, created_at, updated_at, section_id, title, slug, body, body_html,
            body_text, summary, status, visibility, group_ids, labels, locale, revision, published_at, position, attachments)
        SELECT '\(tenant)', gen_random_uuid(), 1, now(), now(), s.id, b.title, 'article-' || b.n, b.body,
            '<p>' || b.body || '</p>', b.body, b.summary, 'published',
            CASE b.n % 20 WHEN 0 THEN 'internal' WHEN 1 THEN 'customers' ELSE 'public' END, '{}',
            ARRAY[b.label, 'all'], b.locale, 1, now(), 0, '[]'
        FROM bench_articles AS b JOIN sections AS s ON s.place = b.n % 100;
        INSERT INTO kb_articles_words (tenant_id, locale, word, frequency)
        SELECT '\(tenant)', b.locale, w, count(*)
        FROM bench_articles AS b, unnest(tsvector_to_array(
            to_tsvector('pg_catalog.simple', concat_ws(E'\\n', b.title, b.summary, b.body)))) AS w
        WHERE length(w) BETWEEN 3 AND 40 GROUP BY 2, 3;
        DROP TABLE bench_articles;
        """
    }

    // MARK: What is looked for

    private func kinds(_ corpus: inout KnowledgeCorpus, _ articles: [KnowledgeCorpus.Article]) -> [(String, [Query])] {
        func search(_ text: String, _ more: String = "", like patterns: [String]) -> Query {
            let escaped = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return Query(path: "kb/search?q=\(escaped)\(more)", patterns: patterns)
        }
        func each(_ make: (inout KnowledgeCorpus, Int) -> Query) -> [Query] {
            (0..<Self.variants).map { make(&corpus, $0) }
        }
        let first = KnowledgeCorpus.firstRank
        let frequent = each { corpus, number in
            let word = corpus.word(first + number)
            return search(word, like: [word])
        }
        let rare = each { corpus, _ in
            let word = corpus.word(20_000 + corpus.below(20_000))
            return search(word, like: [word])
        }
        let several = each { corpus, _ in
            let words = [
                corpus.word(100 + corpus.below(400)), corpus.word(1_000 + corpus.below(2_000)),
                corpus.word(first + corpus.below(100)),
            ]
            return search(words.joined(separator: " "), like: words)
        }
        let phrase = each { _, number in
            let words = articles[number % articles.count].body.split(whereSeparator: { $0 == " " || $0 == "\n" })
            let start = words.count / 2
            let text = words[start..<min(words.count, start + 3)].joined(separator: " ").replacingOccurrences(
                of: ".", with: "")
            return search("\"\(text)\"", "&locale=\(articles[number % articles.count].locale)", like: [text])
        }
        let typing = each { corpus, _ in
            let word = String(corpus.word(100 + corpus.below(2_000)).prefix(4))
            return search(word, "&typing=true", like: [word])
        }
        let typo = each { corpus, _ in
            var letters = Array(corpus.word(3_000 + corpus.below(3_000)))
            letters.swapAt(letters.count / 2, letters.count / 2 + 1)
            return search(String(letters), like: [String(letters)])
        }
        let filtered = each { corpus, number in
            let word = corpus.word(first + number)
            return search(word, "&label=label-\(1 + corpus.below(59))&visibility=public&locale=en", like: [word])
        }
        let nothing = each { corpus, number in
            let word = "zxq" + String(corpus.word(40_000 + number).reversed()) + "wvj"
            return search(word, like: [word])
        }
        let suggestions = each { corpus, number in
            let article = articles[number % articles.count]
            // A ticket uses some of an article's words, among many others.
            let about = article.body.split(separator: " ").prefix(20).joined(separator: " ")
            let text = (corpus.words(60) + [about] + corpus.words(40)).joined(separator: " ")
            let subject = corpus.words(6, from: 10).joined(separator: " ")
            let body: JSON = ["subject": .string(subject), "text": .string(text), "locale": .string(article.locale)]
            return Query(
                method: .POST, path: "kb/suggest", json: body.text,
                patterns: subject.split(separator: " ").map(String.init))
        }
        return [
            ("search, a frequent word", frequent), ("search, a rare word", rare), ("search, three words", several),
            ("search, a phrase", phrase), ("search while typing", typing), ("search, misspelled", typo),
            ("search, a frequent word with filters", filtered), ("search without result", nothing),
            ("suggestions for a ticket", suggestions),
        ]
    }

    // MARK: Load

    /// Each client asks one query after the other for some seconds.
    private func load(_ queries: [Query], _ site: Site) async throws -> (Spread, Double) {
        let duration = Duration.seconds(seconds)
        let clock = ContinuousClock()
        let began = clock.now
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<Self.clients {
                group.addTask {
                    var times: [Double] = []
                    var turn = client * queries.count / Self.clients
                    // The first ones warm up connections and caches.
                    for query in queries.prefix(5) { try await ask(query, site) }
                    while clock.now - began < duration {
                        let asked = clock.now
                        try await ask(queries[turn % queries.count], site)
                        times.append((clock.now - asked).seconds * 1_000)
                        turn += 1
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return (Spread(times), Double(times.count) / (clock.now - began).seconds)
    }

    private func ask(_ query: Query, _ site: Site) async throws {
        let answer = try await stack.send(
            query.method, "/v1/tenants/\(site.tenant)/\(query.path)", json: query.json, key: site.key)
        guard answer.status == 200 else { throw BenchError("\(query.path): \(answer.status) \(answer.body)") }
    }

    /// What counting the matches takes where every text is read, milliseconds in the mean.
    private func likeMilliseconds(_ queries: some Collection<Query>, _ site: Site) throws -> Double {
        var total = 0.0
        for query in queries {
            let conditions = query.patterns.map { pattern in
                let quoted = pattern.replacingOccurrences(of: "'", with: "''")
                return "(title ILIKE '%\(quoted)%' OR body_text ILIKE '%\(quoted)%')"
            }
            let plan = try stack.sql(
                """
                EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT count(*) FROM knowledge.kb_articles
                WHERE tenant_id = '\(site.tenant)' AND deleted_at IS NULL AND status = 'published'
                    AND \(conditions.joined(separator: " AND "))
                """)
            total += try JSON.parse(Array(plan.utf8)).arrayValue?.first?["Execution Time"]?.doubleValue ?? .nan
        }
        return total / Double(queries.count)
    }

    // MARK: Publishing

    /// One article after the other is written, published and looked for by a word that only it has.
    private func publish(_ site: Site, _ corpus: inout KnowledgeCorpus, _ table: inout ResultTable) async throws {
        let root = "/v1/tenants/\(site.tenant)"
        let clock = ContinuousClock()
        var (writing, publishing) = ([Double](), [Double]())
        for number in 0..<Self.published {
            let article = corpus.article()
            let word = "unheard\(number)of"
            let body: JSON = [
                "sectionId": .string(site.section), "title": .string(article.title + " " + word),
                "summary": .string(article.summary), "body": .string(article.body), "locale": .string(article.locale),
            ]
            let began = clock.now
            let made = try await stack.send(.POST, "\(root)/kb_articles", json: body.text, key: site.adminKey)
            let written = clock.now
            guard made.status == 201, let id = try JSON.parse(Array(made.body.utf8))["id"]?.stringValue else {
                throw BenchError("an article can't be written: \(made.status) \(made.body)")
            }
            let answer = try await stack.send(.POST, "\(root)/kb_articles/\(id)/publish", key: site.adminKey)
            publishing.append((clock.now - written).seconds * 1_000)
            writing.append((written - began).seconds * 1_000)
            let found = try await stack.send(.GET, "\(root)/kb/search?q=\(word)", key: site.key)
            guard answer.status == 200, try JSON.parse(Array(found.body.utf8))["total"] == 1 else {
                throw BenchError("an article is published and not found: \(found.body)")
            }
        }
        for (what, times) in [("written", Spread(writing)), ("published", Spread(publishing))] {
            table.add(
                "an article \(what) beside \(articles)",
                String(format: "p50 %.1f, p99 %.1f ms", times.percentile(0.5), times.percentile(0.99)),
                least: "found at once", aim: "p99 50 ms")
        }
    }
}
