// What was decided about a ticket, and why: kept for ever, told to everybody.
import Contracts
import Database
import Messaging
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The decisions of a tenant, read-only.
struct Decisions: Resource {
    let path = "routing_decisions"
    let entity = "routing_decision"
    let summary = "Every decision of routing, with the candidates and why each lost."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt]
    let permissions = ResourcePermissions(read: "routing.read", write: "routing.write")
    let fields: [Field] = [
        .uuid("ticketId").readOnly.notNull.filterable,
        .uuid("queueEntryId").readOnly.notNull,
        .choice("outcome", ["made", "failed"]).readOnly.notNull.filterable,
        .text("reason").readOnly.described("What was in the way of most, where nobody was found."),
        .uuid("agentId").readOnly.filterable,
        .uuid("userId").readOnly.filterable.described("Who is to hold the ticket."),
        .uuid("groupId").readOnly.filterable,
        .uuid("queueId").readOnly.filterable,
        .uuid("ruleId").readOnly.filterable,
        .choice("strategy", Strategy.self).readOnly.notNull.filterable,
        .integer("relaxLevel").readOnly.notNull,
        .number("score").readOnly,
        .json("candidates", ["type": "array"]).readOnly.notNull
            .described("The winner first, then who could have taken it, with score and why each lost."),
        .number("waitedSeconds").readOnly.notNull,
        .integer("durationMicroseconds", 0...Int64.max).readOnly.notNull,
    ]

    var events: ResourceEvents { .typed([RoutingDecisionMade.contract, RoutingDecisionFailed.contract]) }
}

struct Decision: Sendable {
    var id = UUID.v7()
    var entry: Entry
    var verdict: Verdict?
    /// Why there is no winner.
    var reason: String?
    var fromUserId: UUID?
    var reservedUntil: Timestamp?
    var now: Timestamp
    var durationMicroseconds: Int64 = 0

    var winner: Candidate? { reason == nil ? verdict?.winner : nil }

    /// Somebody was found.
    init(_ entry: Entry, verdict: Verdict, reservedUntil: Timestamp, now: Timestamp) {
        self.entry = entry
        self.verdict = verdict
        self.reservedUntil = reservedUntil
        self.now = now
        fromUserId = entry.fromUserId
    }

    /// Nobody was.
    init(failing entry: Entry, verdict: Verdict?, reason: String, now: Timestamp) {
        self.entry = entry
        self.verdict = verdict
        self.reason = reason
        self.now = now
    }

    /// The group that the winner was asked as a member of.
    private var groupId: UUID? {
        guard let winner else { return nil }
        return entry.placement.groupIds.first { winner.groupIds.contains($0) }
    }

    /// Keeps the decisions and publishes them.
    static func write(_ decisions: [Decision], tenantId: UUID, in tx: Transaction) throws {
        guard !decisions.isEmpty else { return }
        var json = JSONWriter(reservingCapacity: decisions.count * 1_024)
        json.beginArray()
        for decision in decisions { json.value(decision.row) }
        json.endArray()
        tx.enqueue(
            """
            INSERT INTO routing_decisions (tenant_id, id, created_at, ticket_id, queue_entry_id, outcome, reason, agent_id,
                user_id, group_id, queue_id, rule_id, strategy, relax_level, score, candidates, waited_seconds,
                duration_microseconds)
            SELECT \(tenantId), id, created_at, ticket_id, queue_entry_id, outcome, reason, agent_id, user_id, group_id,
                queue_id, rule_id, strategy, relax_level, score, candidates, waited_seconds, duration_microseconds
            FROM json_to_recordset(\(String(decoding: json.bytes, as: UTF8.self))::json) AS r (
                id uuid, created_at timestamptz, ticket_id uuid, queue_entry_id uuid, outcome text, reason text,
                agent_id uuid, user_id uuid, group_id uuid, queue_id uuid, rule_id uuid, strategy text,
                relax_level integer, score double precision, candidates jsonb, waited_seconds double precision,
                duration_microseconds bigint)
            """)
        for decision in decisions { try decision.publish(tenantId, in: tx) }
    }

    private var row: JSON {
        var row: JSONObject = [
            "id": .uuid(id), "created_at": .timestamp(now), "ticket_id": .uuid(entry.ticketId),
            "queue_entry_id": .uuid(entry.id), "outcome": winner == nil ? "failed" : "made",
            "strategy": .string(entry.placement.strategy.rawValue), "relax_level": .int(Int64(entry.relaxLevel)),
            "candidates": verdict?.json() ?? [], "waited_seconds": .double(entry.waitedSeconds(at: now)),
            "duration_microseconds": .int(durationMicroseconds),
        ]
        row["reason"] = reason.map { .string($0) }
        row["agent_id"] = winner.map { .uuid($0.agentId) }
        row["user_id"] = winner.map { .uuid($0.userId) }
        row["group_id"] = groupId.map { .uuid($0) }
        row["queue_id"] = entry.placement.queueId.map { .uuid($0) }
        row["rule_id"] = entry.placement.ruleId.map { .uuid($0) }
        row["score"] = winner == nil ? nil : (verdict?.places.first?.score).map { .double($0) }
        return .object(row)
    }

    private func publish(_ tenantId: UUID, in tx: Transaction) throws {
        if let winner, let reservedUntil {
            try tx.publish(
                RoutingDecisionMade(
                    decisionId: id, ticketId: entry.ticketId, agentId: winner.agentId, userId: winner.userId,
                    fromUserId: fromUserId, groupId: groupId, queueId: entry.placement.queueId,
                    ruleId: entry.placement.ruleId, strategy: entry.placement.strategy.rawValue,
                    score: verdict?.places.first?.score, waitedSeconds: entry.waitedSeconds(at: now),
                    reservedUntil: reservedUntil, decidedAt: now),
                version: 1, actor: .system, occurredAt: now, tenantId: tenantId)
        } else {
            try tx.publish(
                RoutingDecisionFailed(
                    decisionId: id, ticketId: entry.ticketId, queueId: entry.placement.queueId,
                    ruleId: entry.placement.ruleId, strategy: entry.placement.strategy.rawValue,
                    reason: reason ?? "no_candidates", decidedAt: now),
                version: 1, actor: .system, occurredAt: now, tenantId: tenantId)
        }
    }
}
