import Contracts
import Database
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Counts what is read and looked for. Readers never wait for it: counts are gathered in memory and written every few seconds,
/// and once more at the end; a process that is killed takes the last seconds' counts with it.
final class ReaderCounts: Service {
    private struct View: Hashable {
        var tenantId: UUID
        var day: String
        var articleId: UUID
        var visitor: String
    }

    /// How often somebody read an article on a day, and whose visit it is.
    private struct Reading {
        var views: Int64 = 1
        var personId: UUID?
        var firstAt: Timestamp
        var lastAt: Timestamp

        func merged(_ other: Reading) -> Reading {
            Reading(
                views: views + other.views, personId: personId ?? other.personId, firstAt: min(firstAt, other.firstAt),
                lastAt: max(lastAt, other.lastAt))
        }
    }

    private struct Search: Hashable {
        var tenantId: UUID
        var day: String
        var locale: String
        var query: String
    }

    private struct Gathered {
        var views: [View: Reading] = [:]
        var searches: [Search: (searches: Int64, withoutResult: Int64, clicks: Int64)] = [:]

        var isEmpty: Bool { views.isEmpty && searches.isEmpty }
        var count: Int { views.count + searches.count }
    }

    /// What does not fit into memory is not counted.
    private static let gatheredMax = 50_000

    private let gathered = Mutex(Gathered())
    private let database: Database
    private let interval: Duration

    init(database: Database, interval: Duration = .seconds(2)) {
        self.database = database
        self.interval = interval
    }

    /// - Parameter customer: Who reads, where that is a customer who is known: whether a ticket follows is counted, too.
    func viewed(
        _ articleId: UUID, by visitor: String, customer: UUID? = nil, at now: Timestamp = .now, _ tenantId: UUID
    ) {
        let view = View(tenantId: tenantId, day: Self.day(now), articleId: articleId, visitor: visitor)
        let reading = Reading(personId: customer, firstAt: now, lastAt: now)
        gathered.withLock { gathered in
            guard gathered.count < Self.gatheredMax else { return }
            gathered.views[view] = gathered.views[view]?.merged(reading) ?? reading
        }
    }

    func searched(_ query: String, locale: String?, found: Int64, at now: Timestamp = .now, _ tenantId: UUID) {
        note(query, locale, now, tenantId) { counts in
            counts.searches += 1
            counts.withoutResult += found == 0 ? 1 : 0
        }
    }

    func clicked(_ query: String, locale: String?, at now: Timestamp = .now, _ tenantId: UUID) {
        note(query, locale, now, tenantId) { $0.clicks += 1 }
    }

    private func note(
        _ query: String, _ locale: String?, _ now: Timestamp, _ tenantId: UUID,
        _ change: (inout (searches: Int64, withoutResult: Int64, clicks: Int64)) -> Void
    ) {
        let words = query.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let search = Search(
            tenantId: tenantId, day: Self.day(now), locale: locale ?? "", query: String(words.prefix(200)))
        gathered.withLock { if $0.count < Self.gatheredMax { change(&$0.searches[search, default: (0, 0, 0)]) } }
    }

    /// The day in UTC, `2026-01-31`.
    private static func day(_ now: Timestamp) -> String { String(now.rfc3339.prefix(10)) }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: self.interval)
                await self.write()
            }
        }
        await write()
    }

    /// Writes what was gathered; keeps it for the next time if the database is away.
    func write() async {
        let batch = gathered.withLock { gathered in
            defer { gathered = Gathered() }
            return gathered
        }
        guard !batch.isEmpty else { return }
        do {
            try await database.transaction(as: .admin) { tx in
                if !batch.views.isEmpty { tx.enqueue(Self.views(batch.views)) }
                if !batch.searches.isEmpty { tx.enqueue(Self.searches(batch.searches)) }
            }
        } catch {
            gathered.withLock { gathered in
                gathered.views.merge(batch.views) { $0.merged($1) }
                gathered.searches.merge(batch.searches) { ($0.0 + $1.0, $0.1 + $1.1, $0.2 + $1.2) }
            }
            Logger(label: "knowledge.counts").warning("counts wait", metadata: ["error": "\(error)"])
        }
    }

    /// Rows are locked in the order of their keys, so that two processes never wait for each other in a circle.
    private static func views(_ views: [View: Reading]) -> SQL {
        let rows = Array(views)
        return """
            WITH given AS (
                SELECT * FROM unnest(
                    \(rows.map(\.key.tenantId)), \(rows.map(\.key.day))::date[], \(rows.map(\.key.articleId)),
                    \(rows.map(\.key.visitor)), \(rows.map(\.value.views)),
                    \(rows.map { $0.value.personId?.text ?? "" }), \(rows.map(\.value.firstAt.rfc3339))::timestamptz[],
                    \(rows.map(\.value.lastAt.rfc3339))::timestamptz[])
                    AS g (tenant_id, day, article_id, visitor, views, person, first_at, last_at)
            ), visitors AS (
                INSERT INTO kb_article_visitors AS v (tenant_id, day, article_id, visitor, person_id, first_at, last_at)
                SELECT tenant_id, day, article_id, visitor, NULLIF(person, '')::uuid, first_at, last_at
                FROM given ORDER BY 1, 2, 3, 4
                ON CONFLICT (tenant_id, day, article_id, visitor) DO UPDATE SET
                    first_at = LEAST(v.first_at, excluded.first_at), last_at = GREATEST(v.last_at, excluded.last_at)
                WHERE v.person_id IS NOT NULL
                -- A row that was there before has been locked by this transaction.
                RETURNING tenant_id, day, article_id, xmax = 0 AS is_new
            )
            INSERT INTO kb_article_days AS d (tenant_id, article_id, day, views, visitors)
            SELECT g.tenant_id, g.article_id, g.day, sum(g.views), (
                SELECT count(*) FILTER (WHERE is_new) FROM visitors AS v
                WHERE v.tenant_id = g.tenant_id AND v.article_id = g.article_id AND v.day = g.day)
            FROM given AS g GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (tenant_id, article_id, day)
            DO UPDATE SET views = d.views + excluded.views, visitors = d.visitors + excluded.visitors
            """
    }

    private static func searches(_ searches: [Search: (searches: Int64, withoutResult: Int64, clicks: Int64)]) -> SQL {
        let rows = Array(searches)
        return """
            INSERT INTO kb_searches AS s (tenant_id, day, locale, query, searches, without_result, clicks)
            SELECT * FROM unnest(
                \(rows.map(\.key.tenantId)), \(rows.map(\.key.day))::date[], \(rows.map(\.key.locale)),
                \(rows.map(\.key.query)), \(rows.map(\.value.searches)), \(rows.map(\.value.withoutResult)),
                \(rows.map(\.value.clicks))) AS g (tenant_id, day, locale, query, searches, without_result, clicks)
            ORDER BY 1, 2, 3, 4
            ON CONFLICT (tenant_id, day, locale, query) DO UPDATE SET searches = s.searches + excluded.searches,
                without_result = s.without_result + excluded.without_result, clicks = s.clicks + excluded.clicks
            """
    }
}
