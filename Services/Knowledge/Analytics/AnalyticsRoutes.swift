// What is read and looked for, for those who write.
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum AnalyticsRoutes {
    static let all: [Route] = [figures, searches]

    private static let daysParameter = Parameter("days", .integer(1...365), "How far back; 30 by default.")

    /// A range of days up to the call's, and whose rows are counted.
    private struct Period {
        let first: SQL
        let last: SQL
        let tenant: SQL

        init(_ call: Call) {
            last = "(\(call.now) AT TIME ZONE 'UTC')::date"
            first = "(\(last) - \(call.arguments.int("days") ?? 30)::int + 1)"
            tenant = call.tenantId.map { "tenant_id = \($0)" } ?? "true"
        }
    }

    // MARK: Figures

    /// What is counted by day, in the order of the query's columns.
    private static let counted: [(name: String, description: String)] = [
        ("views", "Articles read."), ("visitors", "Readers; each counts once a day for each article."),
        ("searches", "Searches made."), ("searchesWithoutResult", "Searches that found nothing."),
        ("searchClicks", "Articles opened from what a search found."),
        ("helpful", "Votes that an article helped."), ("notHelpful", "Votes that an article did not help."),
        ("visits", "Signed-in customers who read an article; each counts once a day."),
        ("deflectedVisits", "Visits after which the customer filed no ticket until a day after the last article."),
    ]

    private static let figures = Route(
        .get, "kb/figures", permission: "knowledge.read_drafts", summary: "How the knowledge base does, by day",
        description: """
            Days are those of UTC. A visit is counted on its day once it is known whether a ticket followed, after the end of \
            the next day. Of readers who are not signed in nobody knows whether they file a ticket; they make no visit.
            """,
        tag: "kb_articles", parameters: [daysParameter],
        answers: [AnswerSpec(.ok, "Each day, the oldest first, and all together.", schema: figuresSchema)],
        operationId: "getKbFigures"
    ) { call in
        let period = Period(call)
        let rows = try await call.read { tx in try await tx.query(countedByDay(period)) }
        var sums = [Int64](repeating: 0, count: counted.count)
        let days = try rows.map { row -> JSON in
            var day: JSONObject = ["day": .string(try row.get(0, as: String.self))]
            for (index, item) in counted.enumerated() {
                let count = try row.get(index + 1, as: Int64.self)
                sums[index] += count
                day[item.name] = .int(count)
            }
            return .object(day)
        }
        var total: JSONObject = [:]
        for (item, sum) in zip(counted, sums) { total[item.name] = .int(sum) }
        total["deflectionRate"] =
            rate(total["deflectedVisits"]?.intValue ?? 0, of: total["visits"]?.intValue ?? 0).map { .double($0) }
            ?? .null
        return .json(["data": .array(days), "total": .object(total)])
    }

    private static func rate(_ part: Int64, of whole: Int64) -> Double? {
        whole == 0 ? nil : (Double(part) / Double(whole) * 10_000).rounded() / 10_000
    }

    private static func countedByDay(_ period: Period) -> SQL {
        """
        WITH counted (day, views, visitors, searches, without_result, clicks, helpful, not_helpful, visits, deflected) AS (
            SELECT day, views, visitors, 0, 0, 0, 0, 0, 0, 0 FROM kb_article_days
            WHERE \(period.tenant) AND day >= \(period.first)
            UNION ALL
            SELECT day, 0, 0, searches, without_result, clicks, 0, 0, 0, 0 FROM kb_searches
            WHERE \(period.tenant) AND day >= \(period.first)
            UNION ALL
            SELECT (created_at AT TIME ZONE 'UTC')::date, 0, 0, 0, 0, 0, helpful::int, 1 - helpful::int, 0, 0
            FROM kb_article_feedback
            WHERE \(period.tenant) AND created_at >= \(period.first)::timestamp AT TIME ZONE 'UTC'
            UNION ALL
            SELECT day, 0, 0, 0, 0, 0, 0, 0, visits, deflected_visits FROM kb_visit_days
            WHERE \(period.tenant) AND day >= \(period.first)
        )
        SELECT g.day::date::text, coalesce(sum(views), 0)::bigint, coalesce(sum(visitors), 0)::bigint,
            coalesce(sum(searches), 0)::bigint, coalesce(sum(without_result), 0)::bigint, coalesce(sum(clicks), 0)::bigint,
            coalesce(sum(helpful), 0)::bigint, coalesce(sum(not_helpful), 0)::bigint,
            coalesce(sum(visits), 0)::bigint, coalesce(sum(deflected), 0)::bigint
        FROM generate_series(\(period.first)::timestamp, \(period.last)::timestamp, interval '1 day') AS g (day)
        LEFT JOIN counted AS c ON c.day = g.day::date
        GROUP BY g.day ORDER BY g.day
        """
    }

    private static let figuresSchema: JSON = {
        var properties: JSONObject = [:]
        for item in counted {
            properties[item.name] = ["type": "integer", "description": .string(item.description)]
        }
        func object(_ name: String, _ schema: JSON) -> JSON {
            var all = properties
            all[name] = schema
            let required = [name] + counted.map(\.name)
            return [
                "type": "object", "required": .array(required.map { .string($0) }), "properties": .object(all),
            ]
        }
        let rate: JSON = [
            "type": ["number", "null"], "description": "The share of visits that were deflected; null without visits.",
        ]
        return [
            "type": "object", "required": ["data", "total"],
            "properties": [
                "data": ["type": "array", "items": object("day", ["type": "string", "format": "date"])],
                "total": object("deflectionRate", rate),
            ],
        ]
    }()

    // MARK: Searches

    private static let searches = Route(
        .get, "kb/searches", permission: "knowledge.read_drafts", summary: "What was looked for",
        tag: "kb_articles",
        parameters: [
            daysParameter,
            Parameter("only", .choice(["without_result", "without_click"]), "Searches that helped nobody."),
            Parameter("limit", .integer(1...200)),
        ],
        answers: [AnswerSpec(.ok, "The most frequent first.", schema: searchesSchema)],
        operationId: "listKbSearches"
    ) { call in
        let period = Period(call)
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
                WHERE \(period.tenant) AND day >= \(period.first)
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
