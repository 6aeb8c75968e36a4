// Search and suggestions over HTTP.
import Contracts
import Database
import HTTPTypes
import Search
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct SearchRoutes: Sendable {
    let counts: ReaderCounts

    var all: [Route] { [search, suggest, click, searches, view] }

    private var search: Route {
        Route(
            .get, "kb/search", on: [.tenant], permission: "knowledge.read", summary: "Find articles",
            description: """
                All words are wanted, whatever their endings; `"several words"` is a phrase, `word*` a beginning, `-word` is \
                unwanted, `one OR other` asks for either. What matches in the title counts most. Where nothing matches, \
                words that are in use stand in for misspelled ones, and `correctedQuery` says so.
                """,
            tag: "kb_articles",
            parameters: [
                Parameter("q", .text(length: 1...300, format: nil), "What to look for.").required,
                Parameter("typing", .boolean, "The last word may be incomplete."),
                Parameter("locale", .text(length: 2...35, format: nil), "Articles in this language."),
                Parameter("categoryId", .uuid).list, Parameter("sectionId", .uuid).list,
                Parameter("label", .text(length: 1...50, format: nil)).list,
                Parameter("visibility", .choice(ArticleVisibility.allCases.map(\.rawValue))).list,
                Parameter("drafts", .boolean, "Also articles that are not published, for those who may read them."),
                Parameter("limit", .integer(1...50)), Parameter("offset", .integer(0...1_000)),
            ],
            answers: [AnswerSpec(.ok, "The best first.", schema: Self.foundSchema)], operationId: "searchKbArticles"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let arguments = call.arguments
            let text = arguments.string("q") ?? ""
            var search = ArticleSearch(
                query: SearchQuery(text, isBeginning: arguments.bool("typing") ?? false),
                audience: ArticleAudience(call.caller))
            search.locale = try arguments.string("locale").map { try Locales.checked(parameter: $0) }
            search.includesDrafts = arguments.bool("drafts") ?? false
            search.categoryIds = arguments.uuids("categoryId")
            search.sectionIds = arguments.uuids("sectionId")
            search.labels = arguments.strings("label")
            search.visibilities = arguments.strings("visibility")
            search.limit = arguments.int("limit") ?? 10
            search.offset = arguments.int("offset") ?? 0
            let found = try await call.read { [search] tx in try await search.run(tenantId, in: tx) }
            if search.offset == 0, arguments.bool("typing") != true {
                counts.searched(
                    text, locale: search.locale, found: found.correctedQuery == nil ? found.total : 0, tenantId)
            }
            return .json([
                "total": .int(found.total), "isTotalExact": .bool(found.isTotalExact),
                "correctedQuery": found.correctedQuery.map { .string($0) } ?? .null,
                "data": .array(found.hits.map(\.json)), "facets": found.facets,
            ])
        }
    }

    private var suggest: Route {
        Route(
            .post, "kb/suggest", on: [.tenant], permission: "knowledge.read",
            summary: "Articles that may answer a ticket",
            description: "By the words of the ticket that few articles have; those in its subject count for more.",
            tag: "kb_articles",
            body: .fields([
                .text("text", 0...20_000).defaults(to: ""), .text("subject", 0...500).defaults(to: ""),
                .text("locale", 2...35).defaults(to: "en"), .integer("limit", 1...20).defaults(to: 5),
            ]),
            answers: [
                AnswerSpec(
                    .ok, "The most fitting first.",
                    schema: ["type": "object", "required": ["data"], "properties": ["data": Self.hitsSchema]])
            ],
            operationId: "suggestKbArticles"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let values = call.values
            let suggestion = Suggestion(
                subject: values.string("subject") ?? "", text: values.string("text") ?? "",
                locale: try Locales.checked(values.string("locale") ?? "en"), audience: ArticleAudience(call.caller),
                limit: values.int("limit") ?? 5)
            let hits = try await call.read { tx in try await suggestion.run(tenantId, in: tx) }
            return .json(["data": .array(hits.map(\.json))])
        }
    }

    private var click: Route {
        Route(
            .post, "kb/search_clicks", on: [.tenant], permission: "knowledge.read",
            summary: "Note that a search led to an article", tag: "kb_articles",
            body: .fields([.text("query", 1...300).required, .text("locale", 2...35)]), answers: [.noContent],
            operationId: "noteKbSearchClick"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let locale = try call.values.string("locale").map { try Locales.checked($0) }
            counts.clicked(call.values.string("query") ?? "", locale: locale, tenantId)
            return .noContent
        }
    }

    private var view: Route {
        Route(
            .post, "kb_articles/{kbArticleId}/views", on: [.tenant], permission: "knowledge.read",
            summary: "Note that the article was read",
            description: "For clients that show articles by themselves. A person counts as a visitor once a day.",
            tag: "kb_articles", answers: [.noContent], operationId: "noteKbArticleView"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let id = try call.id("kbArticleId")
            let article = try await call.read { tx in
                try await Articles.store.find(id, in: tx, tenantId: tenantId, caller: call.caller)
            }
            guard article != nil else { throw Problem.notFound("There is no such kb_article.") }
            counts.viewed(id, by: call.caller.actor.userId.map { "user:\($0.text)" } ?? call.requestId, tenantId)
            return .noContent
        }
    }

    private var searches: Route {
        Route(
            .get, "kb/searches", on: [.tenant], permission: "knowledge.read_drafts", summary: "What was looked for",
            tag: "kb_articles",
            parameters: [
                Parameter("days", .integer(1...365), "How far back; 30 by default."),
                Parameter("only", .choice(["without_result", "without_click"]), "Searches that helped nobody."),
                Parameter("limit", .integer(1...200)),
            ],
            answers: [AnswerSpec(.ok, "The most frequent first.", schema: Self.searchesSchema)],
            operationId: "listKbSearches"
        ) { call in
            guard let tenantId = call.tenantId else { throw Problem.notFound() }
            let days = call.arguments.int("days") ?? 30
            let only: SQL =
                switch call.arguments.string("only") {
                case "without_result": "HAVING sum(without_result) > 0"
                case "without_click": "HAVING sum(clicks) = 0"
                default: ""
                }
            let rows = try await call.read { tx in
                try await tx.query(
                    """
                    SELECT query, locale, sum(searches)::bigint, sum(without_result)::bigint, sum(clicks)::bigint
                    FROM kb_searches
                    WHERE tenant_id = \(tenantId) AND day > (\(call.now) AT TIME ZONE 'UTC')::date - \(days)::int
                    GROUP BY query, locale \(only)
                    ORDER BY 3 DESC, query, locale LIMIT \(call.arguments.int("limit") ?? 50)
                    """)
            }
            let items = try rows.map { row -> JSON in
                let (query, locale, searches, without, clicks) = try row.decode(
                    (String, String, Int64, Int64, Int64).self)
                return [
                    "query": .string(query), "locale": locale.isEmpty ? .null : .string(locale),
                    "searches": .int(searches), "withoutResult": .int(without), "clicks": .int(clicks),
                ]
            }
            return .json(["data": .array(items)])
        }
    }

    // MARK: Documentation

    private static let hitsSchema: JSON = [
        "type": "array",
        "items": [
            "type": "object",
            "required": ["id", "title", "slug", "locale", "status", "sectionId", "categoryId", "score", "titleHtml"],
            "properties": [
                "id": JSONSchema.uuid, "title": ["type": "string"], "slug": ["type": "string"],
                "locale": ["type": "string"], "summary": ["type": ["string", "null"]], "status": ["type": "string"],
                "sectionId": JSONSchema.uuid, "categoryId": JSONSchema.uuid,
                "labels": ["type": "array", "items": ["type": "string"]], "score": ["type": "number"],
                "titleHtml": ["type": "string", "description": "Safe to show; `mark` around what matches."],
                "snippetHtml": ["type": "string", "description": "Safe to show; `mark` around what matches."],
            ],
        ],
    ]

    private static let foundSchema: JSON = {
        func facet(_ key: String) -> JSON {
            let item: JSON = [
                "type": "object", "required": [.string(key), "count"],
                "properties": .object([key: ["type": "string"], "count": ["type": "integer"]]),
            ]
            return ["type": "array", "items": item]
        }
        return [
            "type": "object", "required": ["total", "isTotalExact", "correctedQuery", "data", "facets"],
            "properties": [
                "total": ["type": "integer"],
                "isTotalExact": [
                    "type": "boolean", "description": "False where more match than are counted and ranked.",
                ],
                "correctedQuery": ["type": ["string", "null"]], "data": hitsSchema,
                "facets": [
                    "type": "object", "required": ["categories", "sections", "labels"],
                    "properties": [
                        "categories": facet("id"), "sections": facet("id"), "labels": facet("label"),
                    ],
                ],
            ],
        ]
    }()

    private static let searchesSchema: JSON = [
        "type": "object", "required": ["data"],
        "properties": [
            "data": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["query", "locale", "searches", "withoutResult", "clicks"],
                    "properties": [
                        "query": ["type": "string"], "locale": ["type": ["string", "null"]],
                        "searches": ["type": "integer"], "withoutResult": ["type": "integer"],
                        "clicks": ["type": "integer"],
                    ],
                ],
            ]
        ],
    ]
}
