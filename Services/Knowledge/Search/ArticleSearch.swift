// Finding articles.
import Contracts
import Database
import Markup
import Search
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A search over the articles that somebody may read.
struct ArticleSearch: Sendable {
    var query: SearchQuery
    var audience: ArticleAudience
    /// In any language without it.
    var locale: String?
    /// Published ones unless the audience reads drafts and asks for them.
    var includesDrafts = false
    var categoryIds: [UUID] = []
    var sectionIds: [UUID] = []
    var labels: [String] = []
    var visibilities: [String] = []
    var limit: Int64 = 10
    var offset: Int64 = 0

    /// Where more articles match, only so many are counted and ranked: those that match in their title first.
    static let candidatesMax: Int64 = 300

    /// Letters of a body that an excerpt is looked for in.
    private static let excerptedLength: Int64 = 30_000
    /// Letters around the place where a wanted word seems to be; an excerpt is found there in most texts. To look through a whole
    /// text costs several times as much.
    private static let window = (before: Int64(200), length: Int64(1_000))

    /// What is marked in highlights; private-use characters (Unicode 23.5), which texts do not contain.
    private static let markBegin = "\u{E000}"
    private static let markEnd = "\u{E001}"

    /// What was found.
    struct Found: Sendable {
        var hits: [Hit] = []
        var total: Int64 = 0
        var isTotalExact = true
        var facets: JSON = ["categories": [], "sections": [], "labels": []]
        /// The query that was used where nothing is spelled like the one that was asked.
        var correctedQuery: String?
    }

    struct Hit: Sendable {
        var id: UUID
        var title: String
        var slug: String
        var locale: String
        var summary: String?
        var status: String
        var sectionId: UUID
        var categoryId: UUID
        var labels: [String]
        var score: Double
        /// HTML with `mark` around what matches.
        var titleHTML: String
        var snippetHTML: String
    }

    /// Searches; if nothing matches, searches once more with words that are in use in place of those that are not.
    func run(_ tenantId: UUID, in tx: Transaction) async throws -> Found {
        let found = try await find(query, tenantId, in: tx)
        guard found.total == 0, let corrected = try await corrected(tenantId, in: tx) else { return found }
        var second = try await find(corrected, tenantId, in: tx)
        // What finds nothing that the reader may see is not to be told.
        if second.total > 0 { second.correctedQuery = corrected.text }
        return second
    }

    private func find(_ query: SearchQuery, _ tenantId: UUID, in tx: Transaction) async throws -> Found {
        guard !query.isEmpty else { return Found() }
        let configuration: SQL = "search_configuration(\(locale ?? "en"))"
        tx.planForAnyValues()
        defer { tx.planAsUsual() }
        let row = try await tx.first(
            """
            WITH query AS (
                SELECT \(query.tsquery(configuration)) AS words, \(query.marked(configuration)) AS marked,
                    \(query.traces(configuration)) AS traces
            ),
            matching AS MATERIALIZED (SELECT m.place FROM query, \(candidates(query, configuration)) AS m (place)),
            found AS MATERIALIZED (
                SELECT t.id, ts_rank('{0.05, 0.1, 0.4, 1.0}', t.search_document, query.words, 1) AS rank,
                    t.section_id, s.category_id, t.labels
                FROM query, matching AS m
                JOIN kb_articles AS t ON t.tenant_id = \(tenantId) AND t.ctid = m.place
                JOIN kb_sections AS s ON s.tenant_id = t.tenant_id AND s.id = t.section_id
                WHERE \(conditions)
            ),
            best AS (SELECT * FROM found ORDER BY rank DESC, id LIMIT \(limit) OFFSET \(offset))
            SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM matching) < \(Self.candidatesMax),
                jsonb_build_object(
                    'categories', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'count', f.count)), '[]')
                        FROM (SELECT category_id AS id, count(*) FROM found GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) AS f),
                    'sections', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'count', f.count)), '[]')
                        FROM (SELECT section_id AS id, count(*) FROM found GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) AS f),
                    'labels', (SELECT coalesce(jsonb_agg(jsonb_build_object('label', f.label, 'count', f.count)), '[]')
                        FROM (SELECT l AS label, count(*) FROM found, unnest(labels) AS l GROUP BY 1 ORDER BY 2 DESC, 1
                            LIMIT 20) AS f)),
                (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'id', t.id, 'title', t.title, 'slug', t.slug, 'locale', t.locale, 'summary', t.summary,
                    'status', t.status, 'sectionId', b.section_id, 'categoryId', b.category_id, 'labels', t.labels,
                    'score', b.rank,
                    'titleMarked', ts_headline(search_configuration(t.locale), t.title, query.marked,
                        \(Self.marks + ", HighlightAll=true")),
                    'snippetMarked', \(Self.excerpt)
                    ) ORDER BY b.rank DESC, b.id), '[]')
                FROM best AS b JOIN kb_articles AS t ON t.tenant_id = \(tenantId) AND t.id = b.id, query)
            """)
        guard let (total, isExact, facets, hits) = try row?.decode((Int64, Bool, JSON, JSON).self) else {
            return Found()
        }
        return Found(
            hits: (hits.arrayValue ?? []).compactMap(Hit.init), total: total, isTotalExact: isExact, facets: facets)
    }

    /// Of the letters around the first trace of a wanted word; where nothing is marked there, of the whole text. Each `OFFSET 0`
    /// keeps what is below it from being worked out more than once.
    private static var excerpt: SQL {
        func fragments(of text: SQL) -> SQL {
            """
            ts_headline(search_configuration(t.locale), \(text), query.marked,
                \(marks + ", MaxFragments=2, MinWords=10, MaxWords=25, ShortWord=0, FragmentDelimiter=\" … \""))
            """
        }
        let window: SQL =
            "substr(p.body, greatest(1, p.place - \(Self.window.before)::integer), \(Self.window.length)::integer)"
        return """
            (SELECT coalesce(
                (SELECT e.excerpt FROM (SELECT \(fragments(of: window)) AS excerpt OFFSET 0) AS e
                    WHERE strpos(e.excerpt, \(markBegin)) > 0),
                \(fragments(of: "p.body")))
            FROM (
                SELECT b.body, (SELECT min(nullif(strpos(b.body, trace), 0)) FROM unnest(query.traces) AS trace) AS place
                FROM (SELECT left(t.body_text, \(excerptedLength)::integer) AS body OFFSET 0) AS b OFFSET 0
            ) AS p)
            """
    }

    /// Who searches and what for, as far as it narrows what is worth looking at. The rows are read under `conditions` again.
    private func candidates(_ query: SearchQuery, _ configuration: SQL) -> SQL {
        func given<Value>(_ values: [Value]) -> [Value]? { values.isEmpty ? nil : values }
        let statuses: [String]? = audience.readsDrafts && includesDrafts ? nil : ["published"]
        let open: [String]? = audience.readsDrafts ? nil : audience.visibilities.map(\.rawValue)
        var sections: SQL = "\(given(sectionIds))::uuid[]"
        if sectionIds.isEmpty, !categoryIds.isEmpty {
            sections = "ARRAY(SELECT s.id FROM kb_sections AS s WHERE s.category_id = ANY(\(categoryIds)))"
        }
        return """
            kb_articles_candidates(query.words, \(Self.candidatesMax)::int, \(query.likely(configuration)),
                \(query.wordPairs(configuration)), \(locale)::text, \(statuses)::text[], \(open)::text[],
                \(audience.groups), \(sections), \(given(labels))::text[], \(given(visibilities))::text[])
            """
    }

    private var conditions: SQL {
        var all: [SQL] = ["t.deleted_at IS NULL"]
        if let condition = audience.condition { all.append(condition) }
        if !(audience.readsDrafts && includesDrafts) { all.append("t.status = 'published'") }
        if !categoryIds.isEmpty { all.append("s.category_id = ANY(\(categoryIds))") }
        if !sectionIds.isEmpty { all.append("t.section_id = ANY(\(sectionIds))") }
        if !labels.isEmpty { all.append("t.labels && \(labels)") }
        if !visibilities.isEmpty { all.append("t.visibility = ANY(\(visibilities))") }
        return .joined(all, separator: " AND ")
    }

    /// The query with words in use in place of those that are not; nil where that changes nothing.
    private func corrected(_ tenantId: UUID, in tx: Transaction) async throws -> SearchQuery? {
        let others = try await Spelling.replacements(
            query.words.map { $0.lowercased() }, locale: locale, tenantId, in: tx)
        var replacements: [String: String] = [:]
        for typed in query.words { replacements[typed] = others[typed.lowercased()] }
        return replacements.isEmpty ? nil : query.replacing(replacements)
    }

    private static let marks = "StartSel=\"\(markBegin)\", StopSel=\"\(markEnd)\""

    /// Marked text as HTML.
    static func html(marked text: String) -> String {
        HTMLSanitizer.escape(text).replacing(markBegin, with: "<mark>").replacing(markEnd, with: "</mark>")
    }
}

extension ArticleSearch.Hit {
    fileprivate init?(_ json: JSON) {
        guard let id = json["id"]?.stringValue.flatMap({ UUID(text: $0) }), let title = json["title"]?.stringValue,
            let sectionId = json["sectionId"]?.stringValue.flatMap({ UUID(text: $0) }),
            let categoryId = json["categoryId"]?.stringValue.flatMap({ UUID(text: $0) })
        else { return nil }
        self.init(
            id: id, title: title, slug: json["slug"]?.stringValue ?? "", locale: json["locale"]?.stringValue ?? "",
            summary: json["summary"]?.stringValue, status: json["status"]?.stringValue ?? "", sectionId: sectionId,
            categoryId: categoryId, labels: (json["labels"]?.arrayValue ?? []).compactMap(\.stringValue),
            score: json["score"]?.doubleValue ?? 0,
            titleHTML: ArticleSearch.html(marked: json["titleMarked"]?.stringValue ?? title),
            snippetHTML: ArticleSearch.html(marked: json["snippetMarked"]?.stringValue ?? ""))
    }

    var json: JSON {
        [
            "id": .uuid(id), "title": .string(title), "slug": .string(slug), "locale": .string(locale),
            "summary": summary.map { .string($0) } ?? .null, "status": .string(status), "sectionId": .uuid(sectionId),
            "categoryId": .uuid(categoryId), "labels": .array(labels.map { .string($0) }), "score": .double(score),
            "titleHtml": .string(titleHTML), "snippetHtml": .string(snippetHTML),
        ]
    }
}
