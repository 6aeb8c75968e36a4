// What follows from a change of a calendar or a policy: a version, and the deadlines that move. A dry run shows them instead.

import BusinessTime
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum TermsChange {
    static let dryRun = Parameter(
        "dryRun", .boolean, "Show which running deadlines would move, with both values, and change nothing.")
    static let moveTickets = Parameter(
        "moveTickets", .boolean,
        "Also move tickets with unfinished clocks to it at once; otherwise they keep the version that they have until "
            + "another policy takes them.")

    /// Tickets moved in the request's own transaction; of more, the rest follow within seconds.
    static let ticketsAtOnce = 1_000
    /// Moves that an answer lists.
    static let movesShown = 1_000

    /// Waits for folds under way and keeps others out until the change is made.
    static func begin(_ op: Operation) async throws {
        try await op.tx.execute("SELECT pg_advisory_xact_lock(\(TermsStore.lockKey("\(op.tenantId.text)")))")
    }

    static func of(calendar record: Record, document: JSON, _ op: Operation) async throws {
        let affected: SQL = """
            EXISTS (SELECT FROM sla_clocks AS c WHERE c.tenant_id = t.tenant_id AND c.ticket_id = t.ticket_id
                AND c.calendar_id = \(record.id) AND c.finished_at IS NULL)
            """
        try await make(
            { from in
                """
                INSERT INTO business_calendar_versions (tenant_id, calendar_id, version, effective_from, document)
                VALUES (\(op.tenantId), \(record.id), \(record.version), \(from), \(document))
                """
            }, affected: affected, op)
    }

    static func of(policy record: Record, version: Int64, isGone: Bool, _ op: Operation) async throws {
        let document = JSON.object(try Policies.document(record))
        let moves = op.arguments.bool("moveTickets") ?? false
        let isActive = !isGone && record.bool("active") == true
        try await make(
            { from in
                """
                INSERT INTO sla_policy_versions (
                    tenant_id, policy_id, version, effective_from, moves_tickets, active, document)
                VALUES (\(op.tenantId), \(record.id), \(version), \(from), \(moves), \(isActive), \(document))
                """
            }, affected: moves ? "t.is_open" : "FALSE", op)
    }

    // MARK: Deadlines

    private static func make(_ insertion: (Timestamp) -> SQL, affected: SQL, _ op: Operation) async throws {
        // After the lock, so that every fold so far is of an earlier time; and no two changes at the same.
        let from = try await instant(op)
        let before = try await TermsStore.load(op.tenantId, in: op.tx)
        try await op.tx.execute(insertion(from))
        try await op.tx.execute(
            """
            INSERT INTO sla_terms AS s (tenant_id, revision) VALUES (\(op.tenantId), 1)
            ON CONFLICT (tenant_id) DO UPDATE SET revision = s.revision + 1
            """)
        let after = try await TermsStore.load(op.tenantId, in: op.tx)
        let condition: SQL = "t.tenant_id = \(op.tenantId) AND (\(affected) OR t.last_fact_at >= \(from))"
        if op.arguments.bool("dryRun") ?? false {
            throw Preview(try await preview(condition, before, after, at: from, op))
        }
        let rows = try await op.tx.query(
            "SELECT t.ticket_id FROM sla_tickets AS t WHERE \(condition) ORDER BY t.ticket_id LIMIT \(ticketsAtOnce)")
        let keys = try rows.map { TicketKey(tenantId: op.tenantId, ticketId: try $0.get(0, as: UUID.self)) }
        if keys.count == ticketsAtOnce {
            // To the sweeper they are due.
            try await op.tx.execute(
                "UPDATE sla_tickets AS t SET next_due_at = LEAST(t.next_due_at, \(from)) WHERE \(condition)")
        }
        guard !keys.isEmpty else { return }
        try await ClockKeeper.lock(keys, in: op.tx)
        try await ClockKeeper.refold(keys, terms: [op.tenantId: after], asOf: from, in: op.tx)
    }

    private static func instant(_ op: Operation) async throws -> Timestamp {
        let row = try await op.tx.first(
            """
            SELECT max(at) FROM (
                SELECT max(effective_from) AS at FROM business_calendar_versions WHERE tenant_id = \(op.tenantId)
                UNION ALL SELECT max(effective_from) FROM sla_policy_versions WHERE tenant_id = \(op.tenantId)) AS v
            """)
        let last = try row?.get(0, as: Timestamp?.self)
        return max(.now, last.map { $0 + .milliseconds(1) } ?? .min)
    }

    /// Which running deadlines stand elsewhere under the new terms. Every affected ticket is folded under both.
    private static func preview(
        _ condition: SQL, _ before: Terms, _ after: Terms, at instant: Timestamp, _ op: Operation
    ) async throws -> JSON {
        var moves: [JSON] = []
        var (tickets, total) = (0, 0)
        var last = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        while true {
            let rows = try await op.tx.query(
                """
                SELECT t.ticket_id FROM sla_tickets AS t WHERE \(condition) AND t.ticket_id > \(last)
                ORDER BY t.ticket_id LIMIT 500
                """)
            let keys = try rows.map { TicketKey(tenantId: op.tenantId, ticketId: try $0.get(0, as: UUID.self)) }
            guard let end = keys.last else { break }
            last = end.ticketId
            let facts = try await ClockKeeper.facts(of: keys, in: op.tx)
            for key in keys {
                let own = facts[key] ?? []
                let found = moved(
                    TicketClocks(of: own, terms: before, asOf: instant),
                    TicketClocks(of: own, terms: after, asOf: instant),
                    ticket: key.ticketId)
                if !found.isEmpty { tickets += 1 }
                total += found.count
                moves += found.prefix(max(0, movesShown - moves.count))
            }
        }
        return [
            "dryRun": true, "tickets": .int(Int64(tickets)), "deadlines": .int(Int64(total)), "moves": .array(moves),
        ]
    }

    private static func moved(_ before: TicketClocks, _ after: TicketClocks, ticket: UUID) -> [JSON] {
        var moves: [JSON] = []
        for clock in after.clocks {
            let earlier = before.clocks.first { $0.metric == clock.metric && $0.instance == clock.instance }
            guard clock.finishedAt == nil, earlier?.targetAt != clock.targetAt || earlier?.state != clock.state else {
                continue
            }
            moves.append([
                "ticketId": .uuid(ticket), "slaClockId": .uuid(clock.id(in: ticket)),
                "metric": .string(clock.metric.rawValue), "instance": .int(Int64(clock.instance)),
                "previousTargetAt": earlier?.targetAt.map { .timestamp($0) } ?? .null,
                "newTargetAt": clock.targetAt.map { .timestamp($0) } ?? .null,
                "previousState": earlier.map { .string($0.state.rawValue) } ?? .null,
                "newState": .string(clock.state.rawValue),
            ])
        }
        return moves
    }
}
