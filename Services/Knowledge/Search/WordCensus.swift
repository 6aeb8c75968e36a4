import Contracts
import Database
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Counts now and then in how many articles each word is, and forgets words that no article has any more.
struct WordCensus: Service {
    let database: Database
    var interval = Duration.seconds(3_600)

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
            guard try row?.get(0, as: Bool.self) == true else { return }
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
        }
    }
}
