import Contracts
import Database
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which visits to the knowledge base came instead of a ticket.
///
/// A *visit* is a day (UTC) on which a signed-in customer reads at least one article. It is *deflected* where this person files
/// no ticket from the first article of that day until ``window`` after the last one. Agents' reading is none, and of readers
/// who are not signed in nobody knows whether they file one. A visit is counted on its day, once its window is over; who it was is
/// forgotten then.
struct Deflection: Service {
    let database: Database
    var interval = Duration.seconds(600)

    /// How long after reading a ticket counts as due to it. A day's visits are over with the next day.
    static let window = Duration.seconds(86_400)
    /// How late a ticket's event may be.
    private static let lag = Duration.seconds(3_600)

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await settle(at: .now)
                try await Task.sleep(for: interval)
            }
        }
    }

    /// Counts the visits whose window is over and forgets who they were, in one transaction. Answers how many there were.
    @discardableResult
    func settle(at now: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin, timeout: .seconds(60)) { tx in
            let row = try await tx.first(
                """
                WITH over AS (
                    DELETE FROM kb_article_visitors
                    WHERE day < (\(now - Self.lag) AT TIME ZONE 'UTC')::date - 1
                    RETURNING tenant_id, day, article_id, person_id, first_at, last_at
                ), visits AS (
                    SELECT tenant_id, day, person_id, NOT EXISTS (
                        SELECT FROM tickets AS t WHERE t.tenant_id = o.tenant_id AND t.requester_id = o.person_id
                            AND t.created_at BETWEEN min(o.first_at)
                                AND max(o.last_at) + \(Self.window.components.seconds) * interval '1 second') AS is_deflected
                    FROM over AS o WHERE person_id IS NOT NULL GROUP BY 1, 2, 3
                ), days AS (
                    INSERT INTO kb_visit_days AS d (tenant_id, day, visits, deflected_visits)
                    SELECT tenant_id, day, count(*), count(*) FILTER (WHERE is_deflected)
                    FROM visits GROUP BY 1, 2 ORDER BY 1, 2
                    ON CONFLICT (tenant_id, day) DO UPDATE SET visits = d.visits + excluded.visits,
                        deflected_visits = d.deflected_visits + excluded.deflected_visits
                ), articles AS (
                    INSERT INTO kb_article_days AS d (tenant_id, article_id, day, views, visitors, visits, deflected_visits)
                    SELECT tenant_id, article_id, day, 0, 0, count(*), count(*) FILTER (WHERE is_deflected)
                    FROM over JOIN visits USING (tenant_id, day, person_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                    ON CONFLICT (tenant_id, article_id, day) DO UPDATE SET visits = d.visits + excluded.visits,
                        deflected_visits = d.deflected_visits + excluded.deflected_visits
                )
                SELECT count(*) FROM visits
                """)
            return Int(try row?.get(0, as: Int64.self) ?? 0)
        }
    }
}
