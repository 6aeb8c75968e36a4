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
    var alarm = DueAlarm.shared

    /// Tickets of one transaction.
    var batch = 200

    /// What falls due so close together is told together.
    private static let gathering = Duration.milliseconds(20)
    /// How soon it is noticed what a process that died has left.
    private static let patience = Duration.milliseconds(500)
    private static let failurePause = Duration.seconds(1)
    /// When it is tried again to fold a ticket that could not be.
    private static let putOff = Duration.seconds(300)
    /// Instants are kept in milliseconds: what falls due within one is over when it is.
    private static let tick = Duration.milliseconds(1)

    private static let logger = Logger(label: "sla.sweeper")

    /// What a look at the tickets came to.
    struct Outcome {
        var folded = 0
        /// More may be due already.
        var isFull = false
        /// Tenants whose terms are being changed: what is theirs falls due under the new ones.
        var busy: Set<UUID> = []
        /// When something falls due that was not yet.
        var next: Timestamp?
    }

    func run() async throws {
        var busy: Set<UUID> = []
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            alarm.reset()
            let began = Timestamp.now
            do {
                let outcome = try await sweep(at: began, passingOver: busy)
                busy = outcome.busy
                if outcome.isFull { continue }
                await pause(Self.gathering)
                if busy.isEmpty { await sleep(until: min(outcome.next ?? .max, began + Self.patience)) }
            } catch {
                Self.logger.warning("alerts wait", metadata: ["error": "\(error)"])
                await pause(Self.failurePause)
                if (error as? DatabaseError)?.isTransient != true { try? await sweepOneByOne(at: .now) }
            }
        }
    }

    private func sleep(until due: Timestamp) async {
        await cancelWhenGracefulShutdown { [alarm] in await alarm.sleep(until: due + Self.tick) }
    }

    private func pause(_ duration: Duration) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
    }

    /// Folds the tickets that are due before an instant, up to a batch of them, the earliest first.
    /// - Parameter busy: Tenants to leave out this time, so that no tenant's change of terms keeps the others waiting.
    func sweep(at instant: Timestamp, passingOver busy: Set<UUID> = []) async throws -> Outcome {
        let (seen, next) = try await look(at: instant, passingOver: busy)
        guard !seen.isEmpty else { return Outcome(next: next) }
        return try await database.transaction(as: .admin) { tx in
            // Terms before tickets, like everybody.
            let held = try await terms.holdWhatIsFree(seen, in: tx)
            // Alerts happen when their time is over, so that what was done in time counts as in time.
            let due = try await tx.query(
                """
                SELECT tenant_id, ticket_id, next_due_at FROM sla_tickets
                WHERE next_due_at < \(instant) AND tenant_id = ANY(\(Array(held.keys)))
                ORDER BY next_due_at LIMIT \(batch) FOR NO KEY UPDATE SKIP LOCKED
                """
            ).map { try $0.decode((UUID, UUID, Timestamp).self) }
            let isFull = due.count == batch
            let outcome = Outcome(
                folded: due.count, isFull: isFull, busy: seen.subtracting(held.keys), next: next)
            guard let last = due.last?.2 else { return outcome }
            // Of a backlog, no ticket is taken further than the batch reaches: alerts come in the order they fell due.
            try await ClockKeeper.refold(
                due.map { TicketKey(tenantId: $0.0, ticketId: $0.1) }, terms: held,
                asOf: isFull ? min(last + Self.tick, instant) : instant, seenAt: instant, in: tx)
            return outcome
        }
    }

    /// Folds what is due ticket by ticket: one that can't be folded keeps no other waiting, and is put off.
    func sweepOneByOne(at instant: Timestamp) async throws {
        let keys = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.query(
                """
                SELECT tenant_id, ticket_id FROM sla_tickets WHERE next_due_at < \(instant)
                ORDER BY next_due_at LIMIT \(batch)
                """
            ).map { try $0.decode((UUID, UUID).self) }.map { TicketKey(tenantId: $0.0, ticketId: $0.1) }
        }
        for key in keys {
            do {
                try await database.transaction(as: .admin) { tx in
                    let held = try await terms.hold([key.tenantId], in: tx)
                    try await ClockKeeper.lock([key], in: tx)
                    try await ClockKeeper.refold([key], terms: held, asOf: instant, in: tx)
                }
            } catch {
                if (error as? DatabaseError)?.isTransient == true { throw error }
                Self.logger.error(
                    "a ticket's alerts are put off",
                    metadata: ["ticket.id": "\(key.ticketId.text)", "error": "\(error)"])
                try await putOff(key, until: instant + Self.putOff)
            }
        }
    }

    private func putOff(_ key: TicketKey, until instant: Timestamp) async throws {
        _ = try await database.transaction(as: .admin) { tx in
            try await tx.execute(
                """
                UPDATE sla_tickets SET next_due_at = \(instant)
                WHERE tenant_id = \(key.tenantId) AND ticket_id = \(key.ticketId)
                """)
        }
    }

    /// Whose tickets are due before an instant, and when the next one will be.
    private func look(
        at instant: Timestamp, passingOver busy: Set<UUID>
    ) async throws -> (tenants: Set<UUID>, next: Timestamp?) {
        let rows = try await database.transaction(as: .admin, readOnly: true) { tx in
            try await tx.batch([
                """
                SELECT tenant_id FROM sla_tickets
                WHERE next_due_at < \(instant) AND tenant_id <> ALL(\(Array(busy)))
                ORDER BY next_due_at LIMIT \(batch)
                """,
                """
                SELECT next_due_at FROM sla_tickets WHERE next_due_at >= \(instant)
                ORDER BY next_due_at LIMIT 1
                """,
            ])
        }
        return (
            Set(try rows[0].map { try $0.get(0, as: UUID.self) }), try rows[1].first?.get(0, as: Timestamp.self)
        )
    }
}
