// Gives waiting tickets to agents.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Works off a tenant's queue: the queues' priority, then the tickets' priority, then who has waited longest. One process
/// at a time does it for a tenant, so that turns are fair and capacity is never given twice; tenants are worked off side by
/// side.
struct Dispatcher: Sendable {
    let books: RuleBookStore
    /// Tickets of one transaction.
    var batch = 250
    /// Searches begin with this many candidates of a group beyond the tickets at hand.
    var spareCandidates = 16
    /// Members of groups whose reasons a failed decision looks at.
    private static let explainedMax = 50

    enum Outcome: Sendable, Equatable {
        /// There is more: the next run leaves out so many at the front that nobody can take.
        case more(skip: Int)
        case done
    }

    /// One transaction's worth. Waits for its turn with the tenant, in which others may have done all of it.
    func run(_ tenantId: UUID, skip: Int = 0, in database: Database, now: Timestamp? = nil) async throws -> Outcome {
        try await database.transaction(as: .tenant(tenantId)) { tx in
            let desk = try await Desk.open(tenantId, books: books, now: now, in: tx)
            tx.enqueue("DELETE FROM routing_wakes WHERE tenant_id = \(tenantId)")
            guard try await desk.placeAgain() else {
                Wake.tenant(tenantId, in: tx)
                return .more(skip: skip)
            }
            let entries = try await waiting(desk, skip: skip)
            guard !entries.isEmpty else { return .done }
            let left = try await decide(entries, desk)
            guard entries.count == batch else { return .done }
            // Should nobody come back from here, another process goes on.
            Wake.tenant(tenantId, in: tx)
            return .more(skip: skip + left)
        }
    }

    // MARK: What is to be done

    /// Entries that somebody may be able to take, and those that were never tried, after what is due by itself has happened.
    private func waiting(_ desk: Desk, skip: Int) async throws -> [Entry] {
        let statement = desk.selectingEntries(
            where: """
                e.state = 'waiting' AND e.not_before IS NULL
                AND (e.failure IS NULL OR e.agent_id IS NOT NULL OR EXISTS (
                    SELECT FROM agent_memberships AS m
                    WHERE m.tenant_id = e.tenant_id AND m.group_id = ANY(e.group_ids) AND m.is_open))
                ORDER BY e.queue_priority DESC, e.rank DESC, e.order_due, e.routable_at, e.id
                LIMIT \(batch) OFFSET \(skip)
                """)
        guard skip == 0 else { return try await desk.tx.query(statement).map(Entry.init) }
        let answers = try await desk.tx.batch([
            desk.selectingEntries(where: "e.wake_at <= \(desk.now) ORDER BY e.ticket_id LIMIT 1000"),
            desk.selectingLeavers, statement,
        ])
        let (due, leavers) = (try answers[0].map(Entry.init), answers[1])
        if due.isEmpty, leavers.isEmpty { return try answers[2].map(Entry.init) }
        try await passTimers(due, desk)
        try await desk.redistribute(leavers)
        return try await desk.tx.query(statement).map(Entry.init)
    }

    private func passTimers(_ due: [Entry], _ desk: Desk) async throws {
        guard !due.isEmpty else { return }
        let lapsed = due.filter { $0.state == .reserved && ($0.reservedUntil ?? desk.now) <= desk.now }
        var changed: [Entry] = []
        for var entry in due where entry.pass(desk.now) { changed.append(entry) }
        desk.tx.enqueue(Entry.updating(changed, tenantId: desk.tenantId, now: desk.now))
        // What was reserved is given back, and the rules may have changed.
        try await desk.reconcile(lapsed.map(\.ticketId))
    }

    // MARK: Decisions

    /// Decides about the entries, in their order. Answers how many stay.
    private func decide(_ entries: [Entry], _ desk: Desk) async throws -> Int {
        let known = try await people(of: entries, desk)
        let needs = entries.map { entry in
            entry.need(
                excluding: entry.fromUserId.flatMap { known.agentOfUser[$0] },
                acquainted: entry.requesterId.flatMap { known.agentOfRequester[$0] })
        }
        var (pool, turn, present) = try await prepare(entries, needs, desk)
        var holdings = HoldingChanges(tenantId: desk.tenantId, now: desk.now, present: present)
        var (decisions, reserved): ([Decision], [Entry]) = ([], [])
        let policy = desk.book.policy
        let until = desk.now + .seconds(policy.reservationSeconds)
        var failed: [(entry: Entry, need: Need)] = []
        for (var entry, need) in zip(entries, needs) {
            let start = ContinuousClock.now
            let verdict = pool.verdict(need, also: need.namedAgents)
            guard let winner = verdict.winner else {
                if entry.failure == nil { failed.append((entry, need)) }
                continue
            }
            turn += 1
            pool.load(winner.agentId, units: entry.units, turn: turn)
            var decision = Decision(entry, verdict: verdict, reservedUntil: until, now: desk.now)
            decision.durationMicroseconds = (ContinuousClock.now - start).microseconds
            holdings.hold(
                Holding(ticketId: entry.ticketId, agentId: winner.agentId, units: entry.units, state: .reserved))
            holdings.take(turn: turn, agentId: winner.agentId)
            entry.decisionId = decision.id
            reserved.append(entry)
            decisions.append(decision)
        }
        let explained = try await explain(failed, pool, desk)
        for (entry, verdict) in explained {
            decisions.append(Decision(failing: entry, verdict: verdict, reason: verdict.failure, now: desk.now))
        }
        desk.tx.planForManyKeys()
        if !reserved.isEmpty {
            desk.tx.enqueue(Entry.reserving(reserved, until: until, tenantId: desk.tenantId, now: desk.now))
        }
        if !explained.isEmpty {
            desk.tx.enqueue(Entry.updating(explained.map(\.entry), tenantId: desk.tenantId, now: desk.now))
        }
        try Decision.write(decisions, tenantId: desk.tenantId, in: desk.tx)
        let isFreer = try await holdings.write(thresholdPercent: policy.capacityThresholdPercent, in: desk.tx)
        if isFreer { Wake.tenant(desk.tenantId, in: desk.tx) }
        return entries.count - reserved.count
    }

    /// Whom the needs may fall on, the turns that are left for them, and who holds the tickets now, in one round trip. One
    /// search for each kind of need.
    private func prepare(
        _ entries: [Entry], _ needs: [Need], _ desk: Desk
    ) async throws -> (CandidatePool, turn: Int64, holdings: [Holding]) {
        let asking = needs.filter { $0.agentId == nil && !$0.groupIds.isEmpty }
        let kinds = Array(Set(asking.map(\.searched)))
        let named = Array(Set(needs.flatMap(\.namedAgents)))
        // Agents that another kind of need takes from the front are no loss: so many more are looked for.
        var statements = kinds.map { kind in
            CandidateSearch.open(kind, tenantId: desk.tenantId, limit: needs.count + spareCandidates)
        }
        statements += [
            CandidateSearch.named(named, tenantId: desk.tenantId),
            """
            INSERT INTO routing_turns AS t (tenant_id, last_turn) VALUES (\(desk.tenantId), \(entries.count))
            ON CONFLICT (tenant_id) DO UPDATE SET last_turn = t.last_turn + \(entries.count) RETURNING last_turn
            """, desk.selectingHoldings(of: entries.map(\.ticketId)),
        ]
        var answers = try await desk.tx.batch(statements)
        let holdings = try answers.removeLast().map(Holding.init)
        let last = try answers.removeLast().first?.get(0, as: Int64.self) ?? 0
        var pool = CandidatePool()
        for (index, rows) in answers.enumerated() {
            try pool.add(rows, for: index < kinds.count ? kinds[index] : nil)
        }
        return (pool, last - Int64(entries.count), holdings)
    }

    /// Why nobody can take the tickets that are tried for the first time, or again after something was dropped.
    private func explain(
        _ failed: [(entry: Entry, need: Need)], _ pool: CandidatePool, _ desk: Desk
    ) async throws -> [(entry: Entry, verdict: Verdict)] {
        let kinds = Array(Set(failed.map(\.need.groupIds)))
        guard !kinds.isEmpty else { return [] }
        let statements = kinds.map { groups in
            CandidateSearch.members(of: groups, tenantId: desk.tenantId, limit: Dispatcher.explainedMax)
        }
        var pool = pool
        var members: [[UUID]: [UUID]] = [:]
        for (groups, rows) in zip(kinds, try await desk.tx.batch(statements)) {
            members[groups] = try pool.add(rows, for: nil)
        }
        return failed.map { entry, need in
            var entry = entry
            let verdict = pool.verdict(need, also: (members[need.groupIds] ?? []) + need.namedAgents)
            entry.failure = verdict.failure
            entry.attempts += 1
            return (entry, verdict)
        }
    }

    private struct People {
        var agentOfUser: [UUID: UUID] = [:]
        var agentOfRequester: [UUID: UUID] = [:]
    }

    private func people(of entries: [Entry], _ desk: Desk) async throws -> People {
        var people = People()
        let users = Set(entries.compactMap(\.fromUserId))
        if !users.isEmpty {
            let rows = try await desk.tx.query(
                """
                SELECT user_id, agent_id FROM agent_loads
                WHERE tenant_id = \(desk.tenantId) AND user_id = ANY(\(Array(users)))
                """)
            for row in rows {
                let (userId, agentId) = try row.decode((UUID, UUID).self)
                people.agentOfUser[userId] = agentId
            }
        }
        let requesters = Set(entries.filter { $0.placement.strategy == .sticky }.compactMap(\.requesterId))
        if !requesters.isEmpty {
            let rows = try await desk.tx.query(
                """
                SELECT requester_id, agent_id FROM routing_acquaintances
                WHERE tenant_id = \(desk.tenantId) AND requester_id = ANY(\(Array(requesters)))
                """)
            for row in rows {
                let (requesterId, agentId) = try row.decode((UUID, UUID).self)
                people.agentOfRequester[requesterId] = agentId
            }
        }
        return people
    }
}

extension Need {
    /// What the search for candidates depends on.
    var searched: Need {
        var need = self
        need.acquaintedAgentId = nil
        return need
    }

    /// Agents who are looked at by name.
    var namedAgents: [UUID] { [agentId, acquaintedAgentId].compactMap { $0 } }
}

extension Duration {
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
