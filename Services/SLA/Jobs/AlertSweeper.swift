// What time alone does to clocks: warnings, breaches, escalations.

import Contracts
import Database
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Looks for tickets that something falls due on, in the order in which it does, and folds them. The index on the next due
/// instant makes that cost what falls due, not what runs. Any number of processes do it side by side: each takes tickets that
/// no other has, and what one that dies had is free again at once. The row, its clocks and its events commit together, so
/// an alert is told once.
struct AlertSweeper: Service {
    let database: Database
    let terms: TermsStore

    /// Tickets of one transaction.
    private static let batch = 200
    private static let idlePause = Duration.milliseconds(200)
    private static let failurePause = Duration.seconds(1)

    private static let logger = Logger(label: "sla.sweeper")

    func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            var pause: Duration? = Self.idlePause
            do {
                if try await sweep(at: .now) > 0 { pause = nil }
            } catch {
                Self.logger.warning("alerts wait", metadata: ["error": "\(error)"])
                pause = Self.failurePause
            }
            if let pause { try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) } }
        }
    }

    /// Folds the tickets that are due before an instant, up to a batch of them; answers how many there were.
    func sweep(at instant: Timestamp) async throws -> Int {
        // Alerts happen when their time is over, so that what was done in time counts as in time.
        let seen = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query(
                """
                SELECT tenant_id FROM sla_tickets WHERE next_due_at < \(instant)
                ORDER BY next_due_at LIMIT \(Self.batch)
                """
            ).map { try $0.get(0, as: UUID.self) }
        }
        guard !seen.isEmpty else { return 0 }
        return try await database.transaction(as: .admin) { tx in
            // Terms before tickets, like everybody.
            let held = try await terms.hold(Set(seen), in: tx)
            let rows = try await tx.query(
                """
                SELECT tenant_id, ticket_id FROM sla_tickets
                WHERE next_due_at < \(instant) AND tenant_id = ANY(\(Array(Set(seen))))
                ORDER BY next_due_at LIMIT \(Self.batch) FOR NO KEY UPDATE SKIP LOCKED
                """)
            let keys = try rows.map { row in
                let (tenant, ticket) = try row.decode((UUID, UUID).self)
                return TicketKey(tenantId: tenant, ticketId: ticket)
            }
            guard !keys.isEmpty else { return 0 }
            try await ClockKeeper.refold(keys, terms: held, at: instant, in: tx)
            return keys.count
        }
    }
}
