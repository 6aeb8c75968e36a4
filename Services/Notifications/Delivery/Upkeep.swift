// Forgets what is over.

import Contracts
import Database
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Deletes notifications that are older than they are kept for and have nothing under way, and the counts of windows of time
/// that are over. A little at a time, so that nobody waits for it.
struct Upkeep: Service {
    let database: Database
    var retention: Duration
    var interval = Duration.seconds(600)

    /// Of one transaction.
    private static let batch = 1_000
    /// Longer than any window.
    private static let ratesAge = Duration.seconds(7_200)
    private static let logger = Logger(label: "notifications.upkeep")

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: interval)
                do {
                    while try await forget(at: .now) == Self.batch {}
                } catch {
                    Self.logger.warning("upkeep waits", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// Answers how many notifications were deleted, at most a batch.
    func forget(at now: Timestamp) async throws -> Int {
        try await database.transaction(as: .admin) { tx in
            tx.enqueue("DELETE FROM notification_rates WHERE window_start < \(now - Self.ratesAge)")
            let rows = try await tx.query(
                """
                SELECT n.tenant_id, n.id FROM notifications AS n
                WHERE n.created_at < \(now - retention) AND NOT EXISTS (
                    SELECT FROM notification_deliveries AS d
                    WHERE d.tenant_id = n.tenant_id AND d.notification_id = n.id AND d.state IN ('queued', 'sending'))
                ORDER BY n.created_at LIMIT \(Self.batch) FOR UPDATE SKIP LOCKED
                """)
            let old = try rows.map { try $0.decode((UUID, UUID).self) }
            for table in ["notification_deliveries", "notifications"] {
                let column: SQL = table == "notifications" ? "t.id" : "t.notification_id"
                tx.enqueue(
                    """
                    DELETE FROM \(identifier: table) AS t
                    USING unnest(\(old.map(\.0)), \(old.map(\.1))) AS g (tenant_id, id)
                    WHERE t.tenant_id = g.tenant_id AND \(column) = g.id
                    """)
            }
            return old.count
        }
    }
}
