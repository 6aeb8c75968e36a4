import Contracts
import Database
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Counts now and then in how many articles each word is, and forgets words that no article has any more. To count is to read all
/// texts, so it waits until some of them have changed: nothing depends on exact numbers.
struct WordCensus: Service {
    let database: Database
    var interval = Duration.seconds(3_600)

    /// Of so many articles one has to have changed.
    private static let changedOneOf: Int64 = 100

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: interval)
                try await countAll()
            }
        }
    }

    /// One tenant after the other, each in a transaction of its own.
    func countAll() async throws {
        let tenants = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query("SELECT DISTINCT tenant_id FROM kb_articles").map { try $0.get(0, as: UUID.self) }
        }
        for tenant in tenants { try await count(tenant) }
    }

    private func count(_ tenantId: UUID) async throws {
        try await database.transaction(as: .tenant(tenantId), timeout: .seconds(300)) { tx in
            // One process counts; the others find it done.
            let row = try await tx.first(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('kb_words:' || \(tenantId.text), 0))")
            guard try row?.get(0, as: Bool.self) == true, try await isDue(tenantId, in: tx) else { return }
            try await tx.execute(
                """
                WITH counted AS (
                    SELECT a.locale, w AS word, count(*) AS frequency
                    FROM kb_articles AS a, unnest(tsvector_to_array(
                        to_tsvector('pg_catalog.simple', concat_ws(E'\\n', a.title, a.summary, a.body_text)))) AS w
                    WHERE a.tenant_id = \(tenantId) AND a.deleted_at IS NULL AND length(w) BETWEEN 3 AND 40
                    GROUP BY 1, 2
                ), gone AS (
                    DELETE FROM kb_articles_words AS k
                    WHERE k.tenant_id = \(tenantId)
                        AND NOT EXISTS (SELECT FROM counted AS c WHERE c.locale = k.locale AND c.word = k.word)
                )
                INSERT INTO kb_articles_words AS k (tenant_id, locale, word, frequency)
                SELECT \(tenantId), locale, word, frequency FROM counted ORDER BY 2, 3
                ON CONFLICT (tenant_id, locale, word) DO UPDATE SET frequency = excluded.frequency
                WHERE k.frequency <> excluded.frequency
                """)
            tx.enqueue(
                """
                INSERT INTO kb_word_counts (tenant_id, counted_at) VALUES (\(tenantId), now())
                ON CONFLICT (tenant_id) DO UPDATE SET counted_at = excluded.counted_at
                """)
        }
    }

    private func isDue(_ tenantId: UUID, in tx: Transaction) async throws -> Bool {
        let row = try await tx.first(
            """
            SELECT count(*) FILTER (WHERE a.updated_at > coalesce(c.counted_at, '-infinity')), count(*)
            FROM kb_articles AS a LEFT JOIN kb_word_counts AS c USING (tenant_id) WHERE a.tenant_id = \(tenantId)
            """)
        guard let (changed, all) = try row?.decode((Int64, Int64).self) else { return false }
        return changed > 0 && changed * Self.changedOneOf >= all
    }
}
