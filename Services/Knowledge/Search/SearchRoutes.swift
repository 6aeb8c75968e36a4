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

    var all: [Route] { [search, suggest, click, view] }

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
            let caller = call.caller
            // An agent's reading helps with a ticket, rather than to file none.
            let isCustomer = caller.actor.type == .user && !caller.may("tickets.read")
            counts.viewed(
                id, by: caller.actor.userId.map { "user:\($0.text)" } ?? call.requestId,
                customer: isCustomer ? caller.actor.userId : nil, at: call.now, tenantId)
            return .noContent
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
}
