// Queue entries between rows and decisions.
import Contracts
import Database
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Entry {
    /// What ``init(_:)`` reads, over `e`.
    static let columns: SQL = """
        e.id, e.ticket_id, e.state, e.queue_id, e.rule_id, e.group_ids, e.overflow_group_ids, e.agent_id, e.strategy,
        e.skills, e.preferred_skills, e.language, e.requester_id, e.from_user_id, e.units, e.queue_priority, e.priority,
        e.order_due, e.routable_at, e.relax_after_seconds, e.relax_level, e.relax_at, e.overflow_at, e.decision_id,
        e.reserved_until, e.not_before, e.attempts, e.failure, e.is_pinned
        """

    init(_ row: Row) throws {
        var placement = Placement(
            ruleId: try row.get("rule_id", as: UUID?.self), queueId: try row.get("queue_id", as: UUID?.self),
            groupIds: try row.get("group_ids", as: [UUID].self), agentId: try row.get("agent_id", as: UUID?.self),
            overflowGroupIds: try row.get("overflow_group_ids", as: [UUID].self),
            strategy: Strategy(rawValue: try row.get("strategy", as: String.self)) ?? .roundRobin)
        placement.queuePriority = Int(try row.get("queue_priority", as: Int32.self))
        placement.skills = SkillNeed.list(try row.get("skills", as: JSON.self))
        placement.preferredSkills = try row.get("preferred_skills", as: [String].self)
        placement.language = try row.get("language", as: String?.self)
        placement.relaxAfterSeconds = (try row.get("relax_after_seconds", as: JSON.self).arrayValue ?? []).compactMap {
            $0.intValue.map(Int.init)
        }
        let routableAt = try row.get("routable_at", as: Timestamp.self)
        let overflowAt = try row.get("overflow_at", as: Timestamp?.self)
        placement.overflowAfterSeconds = overflowAt.map { Int(($0 - routableAt).components.seconds) }
        self.init(
            id: try row.get("id", as: UUID.self), ticketId: try row.get("ticket_id", as: UUID.self),
            placement: placement, requesterId: try row.get("requester_id", as: UUID?.self),
            fromUserId: try row.get("from_user_id", as: UUID?.self), units: Int(try row.get("units", as: Int32.self)),
            priority: try row.get("priority", as: String.self), dueAt: nil, routableAt: routableAt)
        dueAt = try row.get("order_due", as: Timestamp?.self)
        state = EntryState(rawValue: try row.get("state", as: String.self)) ?? .waiting
        relaxLevel = Int(try row.get("relax_level", as: Int16.self))
        relaxAt = try row.get("relax_at", as: Timestamp?.self)
        self.overflowAt = overflowAt
        decisionId = try row.get("decision_id", as: UUID?.self)
        reservedUntil = try row.get("reserved_until", as: Timestamp?.self)
        notBefore = try row.get("not_before", as: Timestamp?.self)
        attempts = Int(try row.get("attempts", as: Int32.self))
        failure = try row.get("failure", as: String?.self)
        isPinned = try row.get("is_pinned", as: Bool.self)
    }

    /// As a new row.
    var values: Values {
        var values: Values = [
            "ticketId": ticketId, "state": state.rawValue, "queueId": placement.queueId, "ruleId": placement.ruleId,
            "groupIds": placement.groupIds, "overflowGroupIds": placement.overflowGroupIds,
            "agentId": placement.agentId, "strategy": placement.strategy.rawValue,
            "skills": SkillNeed.json(placement.skills), "preferredSkills": placement.preferredSkills,
            "language": placement.language, "requesterId": requesterId, "fromUserId": fromUserId,
            "units": units, "queuePriority": placement.queuePriority, "priority": priority,
        ]
        values.set("rank", TicketRank.rank(priority))
        values.set("orderDue", dueAt)
        values.set("routableAt", routableAt)
        values.set("relaxAfterSeconds", JSON.array(placement.relaxAfterSeconds.map { .int(Int64($0)) }))
        values.set("relaxLevel", relaxLevel)
        values.set("relaxAt", relaxAt)
        values.set("overflowAt", overflowAt)
        values.set("attempts", attempts)
        values.set("failure", failure)
        values.set("wakeAt", wakeAt)
        values.set("isPinned", isPinned)
        return values
    }

    /// Where the rows of entries are, over `k (id)`, looked up one by one in an index on their ids. The queue is empty most of
    /// the time: a plan that relies on it would go through all of it for each statement on the day when it is long.
    ///
    /// Only the holder of the tenant's lock writes entries, so they stay where they were found.
    private static func places(_ tenantId: UUID) -> SQL {
        """
        CROSS JOIN LATERAL (
            SELECT ctid AS place FROM routing_queue_entries WHERE tenant_id = \(tenantId) AND id = k.id LIMIT 1) AS found
        """
    }

    /// The statement that writes entries as they are now, however many.
    static func updating(_ entries: [Entry], tenantId: UUID, now: Timestamp) -> SQL {
        var json = JSONWriter(reservingCapacity: entries.count * 512)
        json.beginArray()
        for entry in entries { entry.write(to: &json) }
        json.endArray()
        return """
            UPDATE routing_queue_entries AS e
            SET version = e.version + 1, updated_at = \(now), state = r.state, queue_id = r.queue_id, rule_id = r.rule_id,
                group_ids = r.group_ids, overflow_group_ids = r.overflow_group_ids, agent_id = r.agent_id,
                strategy = r.strategy, skills = r.skills, preferred_skills = r.preferred_skills, language = r.language,
                requester_id = r.requester_id, units = r.units, queue_priority = r.queue_priority,
                priority = r.priority, rank = r.rank, order_due = r.order_due,
                relax_after_seconds = r.relax_after_seconds, relax_level = r.relax_level, relax_at = r.relax_at,
                overflow_at = r.overflow_at, decision_id = r.decision_id, reserved_until = r.reserved_until,
                not_before = r.not_before, attempts = r.attempts, failure = r.failure, wake_at = r.wake_at
            FROM (SELECT * FROM json_to_recordset(\(String(decoding: json.bytes, as: UTF8.self))::json) AS k (
                id uuid, state text, queue_id uuid, rule_id uuid, group_ids uuid[], overflow_group_ids uuid[],
                agent_id uuid, strategy text, skills jsonb, preferred_skills text[], language text, requester_id uuid,
                units integer, queue_priority integer, priority text, rank smallint, order_due timestamptz,
                relax_after_seconds jsonb, relax_level smallint, relax_at timestamptz, overflow_at timestamptz,
                decision_id uuid, reserved_until timestamptz, not_before timestamptz, attempts integer, failure text,
                wake_at timestamptz) \(places(tenantId))) AS r
            WHERE e.ctid = r.place
            """
    }

    /// The statement that notes that somebody was found for entries that wait, by their decisions.
    static func reserving(_ entries: [Entry], until: Timestamp, tenantId: UUID, now: Timestamp) -> SQL {
        """
        UPDATE routing_queue_entries AS e
        SET version = e.version + 1, updated_at = \(now), state = \(EntryState.reserved.rawValue),
            decision_id = r.decision_id, reserved_until = \(until), wake_at = \(until), attempts = e.attempts + 1,
            failure = NULL
        FROM (
            SELECT * FROM unnest(\(entries.map(\.id)), \(entries.map(\.decisionId))) AS k (id, decision_id)
            \(places(tenantId))) AS r
        WHERE e.ctid = r.place
        """
    }

    private func write(to json: inout JSONWriter) {
        func uuids(_ ids: [UUID]) -> JSON { .array(ids.map { .uuid($0) }) }
        func optional(_ time: Timestamp?) -> JSON { time.map { .timestamp($0) } ?? .null }
        func optional(_ id: UUID?) -> JSON { id.map { .uuid($0) } ?? .null }
        func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
        json.value([
            "id": .uuid(id), "state": .string(state.rawValue), "queue_id": optional(placement.queueId),
            "rule_id": optional(placement.ruleId), "group_ids": uuids(placement.groupIds),
            "overflow_group_ids": uuids(placement.overflowGroupIds), "agent_id": optional(placement.agentId),
            "strategy": .string(placement.strategy.rawValue), "skills": SkillNeed.json(placement.skills),
            "preferred_skills": .array(placement.preferredSkills.map { .string($0) }),
            "language": optional(placement.language), "requester_id": optional(requesterId),
            "units": .int(Int64(units)),
            "queue_priority": .int(Int64(placement.queuePriority)), "priority": .string(priority),
            "rank": .int(Int64(TicketRank.rank(priority))), "order_due": optional(dueAt),
            "relax_after_seconds": .array(placement.relaxAfterSeconds.map { .int(Int64($0)) }),
            "relax_level": .int(Int64(relaxLevel)), "relax_at": optional(relaxAt), "overflow_at": optional(overflowAt),
            "decision_id": optional(decisionId), "reserved_until": optional(reservedUntil),
            "not_before": optional(notBefore), "attempts": .int(Int64(attempts)), "failure": optional(failure),
            "wake_at": optional(wakeAt),
        ])
    }

    /// Takes entries away, and says so.
    static func remove(_ entries: [(entry: Entry, reason: String)], tenantId: UUID, now: Timestamp, in tx: Transaction)
        throws
    {
        guard !entries.isEmpty else { return }
        tx.enqueue(
            """
            DELETE FROM routing_queue_entries AS e
            USING (SELECT * FROM unnest(\(entries.map(\.entry.id))) AS k (id) \(places(tenantId))) AS r
            WHERE e.ctid = r.place
            """)
        for (entry, reason) in entries {
            try tx.publish(
                RoutingQueueEntryRemoved(
                    queueEntryId: entry.id, ticketId: entry.ticketId, queueId: entry.placement.queueId, reason: reason,
                    waitedSeconds: entry.waitedSeconds(at: now), removedAt: now),
                version: 2, actor: .system, occurredAt: now, tenantId: tenantId)
        }
    }

    func waitedSeconds(at now: Timestamp) -> Double {
        Swift.max(0, Double(now.milliseconds - routableAt.milliseconds) / 1000)
    }
}
