// What an agent who left held goes back into the queue.
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Desk {
    /// Those whose tickets are to go to others now.
    var selectingLeavers: SQL {
        """
        SELECT l.agent_id, l.user_id, l.is_online, a.is_active
        FROM agent_loads AS l JOIN agents AS a ON a.tenant_id = l.tenant_id AND a.id = l.agent_id
        WHERE l.tenant_id = \(tenantId) AND l.redistribute_at <= \(now)
        """
    }

    /// Queues the tickets of those whose time is up, by the tenant's policy. The tickets stay with them until somebody else
    /// has been found.
    ///
    /// - Parameter leavers: the rows of ``selectingLeavers``.
    func redistribute(_ leavers: [Row]) async throws {
        for row in leavers {
            let (agentId, userId, isOnline, isActive) = try row.decode((UUID, UUID, Bool, Bool).self)
            if !isOnline {
                let onlyUntouched = isActive && book.policy.redistribution == .untouched
                try await requeue(agentId: agentId, userId: userId, onlyUntouched: onlyUntouched)
            }
            // What is only reserved for them is looked at again once it is settled.
            tx.enqueue(
                """
                UPDATE agent_loads AS l
                SET redistribute_at = CASE WHEN NOT \(isOnline) AND EXISTS (
                    SELECT FROM routing_holdings AS h
                    WHERE h.tenant_id = l.tenant_id AND h.agent_id = l.agent_id AND h.state = 'reserved')
                    THEN \(now + .seconds(5)) END
                WHERE l.tenant_id = \(tenantId) AND l.agent_id = \(agentId)
                """)
        }
    }

    /// Queues what an agent holds, to be taken by others.
    ///
    /// - Parameters:
    ///   - placement: where it goes; by the rules if nothing is said.
    ///   - isPinned: rules have no say in it any more.
    /// - Returns: the tickets.
    @discardableResult
    func requeue(
        agentId: UUID, userId: UUID, onlyUntouched: Bool, isPinned: Bool = false,
        placement: ((Placement) -> Placement)? = nil
    ) async throws -> [UUID] {
        let ids = try await tx.query(
            """
            SELECT h.ticket_id FROM routing_holdings AS h
            WHERE h.tenant_id = \(tenantId) AND h.agent_id = \(agentId) AND h.state = 'held'
                AND (NOT \(onlyUntouched) OR NOT h.is_touched)
                AND NOT EXISTS (SELECT FROM routing_queue_entries AS e
                    WHERE e.tenant_id = h.tenant_id AND e.ticket_id = h.ticket_id)
            ORDER BY h.ticket_id
            """
        ).map { try $0.get(0, as: UUID.self) }
        guard !ids.isEmpty else { return [] }
        let views = try await tickets(ids, where: "t.assignee_id = \(userId)")
        let entries = views.filter(\.isActive).map { view in
            let place = place(view)
            var entry = entry(for: view, fromUserId: userId, placement: placement?(place) ?? place)
            entry.isPinned = isPinned
            return entry
        }
        try await join(entries)
        if !entries.isEmpty { Wake.tenant(tenantId, in: tx) }
        return entries.map(\.ticketId)
    }
}
