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
            .described(
                "The winner first, then who could have taken it, with score and why each lost; the first \(Verdict.keptMax)."
            ),
        .json("lossCounts", ["type": "object"]).readOnly.notNull
            .described("How many of all who were looked at lost for which reason."),
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
        guard let now = decisions.first?.now else { return }
        let winners = decisions.map(\.winner)
        let placements = decisions.map(\.entry.placement)
        tx.enqueue(
            """
            INSERT INTO routing_decisions (tenant_id, created_at, id, ticket_id, queue_entry_id, outcome, reason, agent_id,
                user_id, group_id, queue_id, rule_id, strategy, relax_level, score, candidates, loss_counts, waited_seconds,
                duration_microseconds)
            SELECT \(tenantId), \(now), r.id, r.ticket_id, r.queue_entry_id, r.outcome, r.reason, r.agent_id, r.user_id,
                r.group_id, r.queue_id, r.rule_id, r.strategy, r.relax_level, r.score, r.candidates::json,
                r.loss_counts::jsonb, r.waited_seconds, r.duration_microseconds
            FROM unnest(\(decisions.map(\.id)), \(decisions.map(\.entry.ticketId)), \(decisions.map(\.entry.id)),
                \(winners.map { $0 == nil ? "failed" : "made" }), \(decisions.map(\.reason)),
                \(winners.map { $0?.agentId }), \(winners.map { $0?.userId }), \(decisions.map(\.groupId)),
                \(placements.map(\.queueId)), \(placements.map(\.ruleId)), \(placements.map(\.strategy.rawValue)),
                \(decisions.map { Int64($0.entry.relaxLevel) }), \(decisions.map(\.score)),
                \(decisions.map { ($0.verdict?.json ?? []).text }), \(decisions.map { ($0.verdict?.lossesJSON ?? [:]).text }),
                \(decisions.map { $0.entry.waitedSeconds(at: now) }), \(decisions.map(\.durationMicroseconds)))
                AS r (id, ticket_id, queue_entry_id, outcome, reason, agent_id, user_id, group_id, queue_id, rule_id,
                    strategy, relax_level, score, candidates, loss_counts, waited_seconds, duration_microseconds)
            """)
        for decision in decisions { try decision.publish(tenantId, in: tx) }
    }

    private var score: Double? { winner == nil ? nil : verdict?.places.first?.score }

    private func publish(_ tenantId: UUID, in tx: Transaction) throws {
        if let winner, let reservedUntil {
            try tx.publish(
                RoutingDecisionMade(
                    decisionId: id, ticketId: entry.ticketId, agentId: winner.agentId, userId: winner.userId,
                    fromUserId: fromUserId, groupId: groupId, queueId: entry.placement.queueId,
                    ruleId: entry.placement.ruleId, strategy: entry.placement.strategy.rawValue,
                    score: score, waitedSeconds: entry.waitedSeconds(at: now),
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
