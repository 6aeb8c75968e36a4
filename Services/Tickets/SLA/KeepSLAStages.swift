// Keeps what the sla service tells of tickets.
import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket's clocks as lists need them: the next deadline, and whether one was missed. A projection: no version and no event
/// of the ticket comes of it. Each clock remembers the sequence of the event that it is from, so late and repeated events
/// change nothing.
struct KeepSLAStages: BatchEventHandler {
    let name = "keep_sla_stages"
    let patterns = ["ticket_sla_stage.*"]

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        var rows: [String: JSONObject] = [:]
        var order: [String] = []
        var tickets: [UUID: Set<UUID>] = [:]
        for message in messages {
            let payload = message.payload
            guard let ticket = payload["ticketId"]?.uuidValue, let clock = payload["slaClockId"]?.uuidValue else {
                throw PermanentFailure("\(message.name) names no ticket or no clock")
            }
            let tenant = message.envelope.tenantId
            let key = tenant.text + ticket.text + clock.text
            if rows[key] == nil { order.append(key) }
            var row = rows[key] ?? [:]
            guard message.envelope.sequence > row["sequence"]?.intValue ?? 0 else { continue }
            row["tenant_id"] = .uuid(tenant)
            row["ticket_id"] = .uuid(ticket)
            row["clock_id"] = .uuid(clock)
            row["sequence"] = .int(message.envelope.sequence)
            for (member, column) in [
                ("slaPolicyId", "policy_id"), ("stage", "stage"), ("metric", "metric"), ("instance", "instance"),
            ] {
                row[column] = payload[member] ?? .null
            }
            Self.apply(message.name, payload, to: &row)
            rows[key] = row
            tickets[tenant, default: []].insert(ticket)
        }
        tx.enqueue(Self.upsert(order.sorted().compactMap { rows[$0] }.map { .object($0) }))
        for (tenant, ids) in tickets.sorted(by: { $0.key < $1.key }) {
            try await Self.refresh(tenant, ids.sorted(), in: tx)
        }
    }

    private static func apply(_ name: String, _ payload: JSON, to row: inout JSONObject) {
        let targetAt = payload["targetAt"] ?? .null
        switch name {
        case TicketSlaStagePaused.name:
            row["state"] = "paused"
            row["target_at"] = .null
        case TicketSlaStageRetargeted.name:
            row["state"] = targetAt.isNull ? "paused" : "running"
            row["target_at"] = targetAt
        case TicketSlaStageCancelled.name:
            row["state"] = "cancelled"
            row["target_at"] = .null
        case TicketSlaStageMet.name:
            row["state"] = "met"
            row["target_at"] = targetAt
            row["met_at"] = payload["metAt"]
        case TicketSlaStageBreached.name, TicketSlaStageEscalated.name:
            row["state"] = "breached"
            row["target_at"] = targetAt
            if let breachedAt = payload["breachedAt"] { row["breached_at"] = breachedAt }
        default:
            row["state"] = "running"
            row["target_at"] = targetAt
            if let warnedAt = payload["warnedAt"] { row["warned_at"] = warnedAt }
        }
    }

    /// A missed target stays missed.
    private static func upsert(_ rows: [JSON]) -> SQL {
        """
        INSERT INTO ticket_sla_stages AS s (
            tenant_id, ticket_id, clock_id, sequence, policy_id, stage, metric, instance, state, target_at, warned_at,
            breached_at, met_at)
        SELECT tenant_id, ticket_id, clock_id, sequence, policy_id, stage, metric, instance,
            CASE WHEN breached_at IS NULL THEN state ELSE 'breached' END, target_at, warned_at, breached_at, met_at
        FROM json_to_recordset(\(JSON.array(rows).text)::json) AS r (
            tenant_id uuid, ticket_id uuid, clock_id uuid, sequence bigint, policy_id uuid, stage text, metric text,
            instance bigint, state text, target_at timestamptz(3), warned_at timestamptz(3), breached_at timestamptz(3),
            met_at timestamptz(3))
        ON CONFLICT (tenant_id, ticket_id, clock_id) DO UPDATE SET
            sequence = GREATEST(s.sequence, excluded.sequence),
            state = CASE
                WHEN COALESCE(s.breached_at, excluded.breached_at) IS NOT NULL THEN 'breached'
                WHEN excluded.sequence > s.sequence THEN excluded.state ELSE s.state END,
            target_at = CASE WHEN excluded.sequence > s.sequence THEN excluded.target_at ELSE s.target_at END,
            warned_at = COALESCE(s.warned_at, excluded.warned_at),
            breached_at = COALESCE(s.breached_at, excluded.breached_at),
            met_at = CASE WHEN excluded.sequence > s.sequence THEN excluded.met_at ELSE s.met_at END
        """
    }

    /// The tickets' own columns, under their locks, which everybody takes in this order.
    private static func refresh(_ tenant: UUID, _ tickets: [UUID], in tx: Transaction) async throws {
        try await tx.execute(
            """
            SELECT FROM tickets WHERE tenant_id = \(tenant) AND id = ANY(\(tickets)) ORDER BY id FOR NO KEY UPDATE
            """)
        tx.enqueue(
            """
            UPDATE tickets AS t SET sla_target_at = s.target_at, sla_breached = s.breached
            FROM (
                SELECT ticket_id, min(target_at) FILTER (WHERE state = 'running') AS target_at,
                    bool_or(breached_at IS NOT NULL) AS breached
                FROM ticket_sla_stages WHERE tenant_id = \(tenant) AND ticket_id = ANY(\(tickets)) GROUP BY ticket_id
            ) AS s
            WHERE t.tenant_id = \(tenant) AND t.id = s.ticket_id
                AND (t.sla_target_at IS DISTINCT FROM s.target_at OR t.sla_breached <> s.breached)
            """)
    }
}
