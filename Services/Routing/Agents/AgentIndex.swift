// What the search for a candidate reads: kept with every change of an agent and of what the agent holds.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// All that changes who can take what in a tenant goes one after the other: decisions, holdings, agents. The lock is the
/// tenant's, taken before anything is read, and ends with the transaction.
enum TenantLock {
    static func waiting(_ tenantId: UUID) -> SQL {
        "SELECT pg_advisory_xact_lock(hashtextextended(\("routing " + tenantId.text), 0))"
    }
}

enum Wake {
    /// There is something to do for the tenant, once this commits.
    static func tenant(_ tenantId: UUID, in tx: Transaction) {
        tx.enqueue("INSERT INTO routing_wakes (tenant_id) VALUES (\(tenantId))")
        tx.afterCommit { DispatchSignal.shared.raise(tenantId) }
    }
}

enum AgentIndex {
    /// After an agent was made or changed.
    static func write(_ agent: Record, before: Record?, _ op: Operation) async throws {
        let (tx, tenantId) = (op.tx, agent.tenantId)
        let skills = try agent.json("skills").objectValue ?? [:]
        let isOnline = try isOnline(agent, at: op.now)
        tx.enqueue(TenantLock.waiting(tenantId))
        tx.enqueue(
            """
            INSERT INTO agent_loads AS l (tenant_id, agent_id, user_id, is_online, capacity_units, turn)
            VALUES (\(tenantId), \(agent.id), \(agent.uuid("userId").sqlValue), \(isOnline),
                \(agent.int("capacityUnits") ?? 0),
                COALESCE((SELECT last_turn FROM routing_turns WHERE tenant_id = \(tenantId)), 0))
            ON CONFLICT (tenant_id, agent_id) DO UPDATE
            SET is_online = excluded.is_online, capacity_units = excluded.capacity_units
            """)
        tx.enqueue(
            "DELETE FROM agent_skills WHERE tenant_id = \(tenantId) AND agent_id = \(agent.id)")
        let names = skills.keys
        if !names.isEmpty {
            tx.enqueue(
                """
                INSERT INTO agent_skills (tenant_id, agent_id, skill, level)
                SELECT \(tenantId), \(agent.id), s.skill, s.level
                FROM unnest(\(names), \(names.map { skills[$0]?.intValue ?? 1 })) AS s (skill, level)
                """)
        }
        let groups = agent.uuids("groupIds")
        tx.enqueue(
            """
            DELETE FROM agent_memberships
            WHERE tenant_id = \(tenantId) AND agent_id = \(agent.id) AND group_id <> ALL(\(groups))
            """)
        tx.enqueue(
            """
            INSERT INTO agent_memberships (tenant_id, group_id, agent_id, is_open, free_units, load, turn)
            SELECT \(tenantId), g, \(agent.id), false, 0, 0, 0 FROM unnest(\(groups)) AS g
            ON CONFLICT (tenant_id, group_id, agent_id) DO NOTHING
            """)
        tx.enqueue(refresh(tenantId, agents: [agent.id]))
        let was = before?.string("availability")
        let isLeaving = was == Availability.online.rawValue && agent.string("availability") == "offline"
        let isGone = agent.string("availability") == "on_leave" && was != "on_leave" && was != nil
        if isLeaving || isGone || agent.bool("isActive") == false {
            try await planRedistribution(agent, op)
        } else if agent.string("availability") == Availability.online.rawValue {
            tx.enqueue(
                """
                UPDATE agent_loads SET redistribute_at = NULL
                WHERE tenant_id = \(tenantId) AND agent_id = \(agent.id) AND redistribute_at IS NOT NULL
                """)
        }
        Wake.tenant(tenantId, in: tx)
    }

    static func isOnline(_ agent: Record, at now: Timestamp) throws -> Bool {
        guard agent.string("availability") == Availability.online.rawValue, agent.bool("isActive") != false else {
            return false
        }
        return try agent.isNull("workingHours") || CalendarChecks.isOpen(agent.json("workingHours"), at: now)
    }

    /// When the tickets of somebody who left go to others, by the tenant's policy. A deactivated user's go at once.
    private static func planRedistribution(_ agent: Record, _ op: Operation) async throws {
        let policy = try await RuleBookStore.policy(agent.tenantId, in: op.tx)
        let isDeactivated = agent.bool("isActive") == false
        guard isDeactivated || policy.redistribution != .none else { return }
        let delay = isDeactivated ? 0 : policy.redistributeAfterMinutes
        op.tx.enqueue(
            """
            UPDATE agent_loads SET redistribute_at = \(op.now + .seconds(60 * delay))
            WHERE tenant_id = \(agent.tenantId) AND agent_id = \(agent.id)
            """)
    }

    static func remove(_ agent: Record, _ op: Operation) async throws {
        op.tx.enqueue(TenantLock.waiting(agent.tenantId))
        for table in ["agent_memberships", "agent_skills", "agent_loads", "routing_holdings"] {
            op.tx.enqueue(
                """
                DELETE FROM \(identifier: table)
                WHERE tenant_id = \(agent.tenantId) AND agent_id = \(agent.id)
                """)
        }
    }

    /// Brings the memberships of agents in line with their loads.
    static func refresh(_ tenantId: UUID, agents: [UUID]) -> SQL {
        """
        UPDATE agent_memberships AS m
        SET is_open = l.is_online AND l.held_units < l.capacity_units,
            free_units = GREATEST(l.capacity_units - l.held_units, 0),
            load = CASE WHEN l.capacity_units > 0 THEN l.held_units::real / l.capacity_units ELSE 1 END,
            turn = l.turn
        FROM agent_loads AS l
        WHERE l.tenant_id = \(tenantId) AND l.agent_id = ANY(\(agents))
            AND m.tenant_id = l.tenant_id AND m.agent_id = l.agent_id
        """
    }
}
