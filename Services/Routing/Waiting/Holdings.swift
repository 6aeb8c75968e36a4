// Who holds what, and how much that is. A ticket has one row, so it has one holder.
import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Holding: Sendable, Hashable {
    enum State: String, Sendable { case reserved, held }

    var ticketId: UUID
    var agentId: UUID
    var units: Int
    var state: State
}

extension Holding {
    /// A row of ``Desk/selectingHoldings(of:)``.
    init(_ row: Row) throws {
        let (ticketId, agentId, units, state) = try row.decode((UUID, UUID, Int32, String).self)
        self.init(ticketId: ticketId, agentId: agentId, units: Int(units), state: State(rawValue: state) ?? .held)
    }
}

/// Changes of holdings that are written together with the loads they make.
struct HoldingChanges {
    let tenantId: UUID
    let now: Timestamp
    private var present: [UUID: Holding]
    private var wanted: [UUID: Holding?] = [:]
    private var turns: [UUID: Int64] = [:]

    /// - Parameter present: of the tickets that may change.
    init(tenantId: UUID, now: Timestamp, present: [Holding]) {
        self.tenantId = tenantId
        self.now = now
        self.present = Dictionary(present.map { ($0.ticketId, $0) }) { first, _ in first }
    }

    func holding(of ticketId: UUID) -> Holding? { wanted[ticketId] ?? present[ticketId] }

    mutating func hold(_ holding: Holding) {
        if present[holding.ticketId] == holding {
            wanted[holding.ticketId] = nil
        } else {
            wanted.updateValue(holding, forKey: holding.ticketId)
        }
    }

    mutating func release(_ ticketId: UUID) {
        if present[ticketId] == nil { wanted[ticketId] = nil } else { wanted.updateValue(nil, forKey: ticketId) }
    }

    mutating func take(turn: Int64, agentId: UUID) { turns[agentId] = turn }

    /// How much more or less each agent holds.
    var deltas: [UUID: Int] {
        var deltas: [UUID: Int] = [:]
        for (ticketId, holding) in wanted {
            if let before = present[ticketId] { deltas[before.agentId, default: 0] -= before.units }
            if let holding { deltas[holding.agentId, default: 0] += holding.units }
        }
        return deltas.filter { $0.value != 0 }
    }

    /// Writes all of it. True if somebody has more capacity than before.
    func write(thresholdPercent: Int, in tx: Transaction) async throws -> Bool {
        let released = wanted.filter { $0.value == nil }.map(\.key)
        if !released.isEmpty {
            tx.enqueue(
                "DELETE FROM routing_holdings WHERE tenant_id = \(tenantId) AND ticket_id = ANY(\(released))")
        }
        let held = wanted.values.compactMap { $0 }
        if !held.isEmpty {
            tx.enqueue(
                """
                INSERT INTO routing_holdings AS h (tenant_id, ticket_id, agent_id, units, state, since)
                SELECT \(tenantId), r.ticket_id, r.agent_id, r.units, r.state, \(now)
                FROM unnest(\(held.map(\.ticketId)), \(held.map(\.agentId)), \(held.map { Int64($0.units) }),
                    \(held.map(\.state.rawValue))) AS r (ticket_id, agent_id, units, state)
                ON CONFLICT (tenant_id, ticket_id) DO UPDATE
                SET agent_id = excluded.agent_id, units = excluded.units, state = excluded.state,
                    since = CASE WHEN h.agent_id = excluded.agent_id THEN h.since ELSE excluded.since END,
                    is_touched = h.is_touched AND h.agent_id = excluded.agent_id
                """)
        }
        let deltas = deltas
        let agents = Array(Set(deltas.keys).union(turns.keys))
        guard !agents.isEmpty else { return false }
        let rows = try await tx.query(
            """
            UPDATE agent_loads AS l
            SET held_units = GREATEST(l.held_units + r.delta, 0), turn = GREATEST(l.turn, r.turn)
            FROM unnest(\(agents), \(agents.map { Int64(deltas[$0] ?? 0) }), \(agents.map { turns[$0] ?? 0 }))
                AS r (agent_id, delta, turn)
            WHERE l.tenant_id = \(tenantId) AND l.agent_id = r.agent_id
            RETURNING l.agent_id, l.user_id, l.held_units, l.capacity_units
            """)
        tx.enqueue(AgentIndex.refresh(tenantId, agents: agents))
        for row in rows {
            let (agentId, userId, after, capacity) = try row.decode((UUID, UUID, Int32, Int32).self)
            let delta = deltas[agentId] ?? 0
            let line = Double(capacity) * Double(thresholdPercent) / 100
            guard capacity > 0, delta > 0, Double(after) >= line, Double(Int(after) - delta) < line else { continue }
            try tx.publish(
                AgentCapacityThresholdReached(
                    agentId: agentId, userId: userId, heldUnits: Int(after), capacityUnits: Int(capacity),
                    thresholdPercent: thresholdPercent, reachedAt: now),
                version: 1, actor: .system, occurredAt: now, tenantId: tenantId)
        }
        return deltas.values.contains { $0 < 0 }
    }
}
