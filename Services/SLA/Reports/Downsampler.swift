// Daily sums in place of rows that are older than a tenant needs one by one.

import Contracts
import Database
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes tickets that have been over for long out of the tables and leaves their counts by day. A ticket's clocks go in one
/// transaction with the sums that they enter.
struct Downsampler: Service {
    let database: Database
    let retentionDays: Int

    private static let batch = 500
    private static let pause = Duration.seconds(3_600)
    private static let logger = Logger(label: "sla.downsampler")

    func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            do {
                while try await downsample(before: .now - .seconds(Int64(retentionDays) * 86_400)) > 0 {}
            } catch {
                Self.logger.warning("downsampling waits", metadata: ["error": "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.pause) }
        }
    }

    /// Takes a batch of tickets whose last event lies before an instant; answers how many there were.
    func downsample(before instant: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin) { tx in
            let row = try await tx.first(
                """
                WITH old AS (
                    DELETE FROM sla_tickets AS t USING (
                        SELECT tenant_id, ticket_id FROM sla_tickets
                        WHERE NOT is_open AND last_fact_at < \(instant)
                        LIMIT \(Self.batch) FOR UPDATE SKIP LOCKED) AS o
                    WHERE t.tenant_id = o.tenant_id AND t.ticket_id = o.ticket_id
                    RETURNING t.tenant_id, t.ticket_id
                ), facts AS (
                    DELETE FROM sla_ticket_facts AS f USING old
                    WHERE f.tenant_id = old.tenant_id AND f.ticket_id = old.ticket_id
                ), clocks AS (
                    DELETE FROM sla_clocks AS c USING old
                    WHERE c.tenant_id = old.tenant_id AND c.ticket_id = old.ticket_id RETURNING c.*
                ), sums AS (
                    INSERT INTO sla_daily AS d (
                        tenant_id, day, policy_id, metric, group_id, assignee_id, priority, met, breached)
                    SELECT tenant_id, (COALESCE(finished_at, breached_at) AT TIME ZONE 'UTC')::date, policy_id, metric,
                        COALESCE(group_id, \(UUID.none)), COALESCE(assignee_id, \(UUID.none)), priority,
                        count(*) FILTER (WHERE breached_at IS NULL), count(breached_at)
                    FROM clocks WHERE COALESCE(finished_at, breached_at) IS NOT NULL
                    GROUP BY 1, 2, 3, 4, 5, 6, 7
                    ON CONFLICT (tenant_id, day, policy_id, metric, group_id, assignee_id, priority)
                    DO UPDATE SET met = d.met + excluded.met, breached = d.breached + excluded.breached
                )
                SELECT count(*) FROM old
                """)
            return Int(try row?.get(0, as: Int64.self) ?? 0)
        }
    }
}
