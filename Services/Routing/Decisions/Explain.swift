// What would be decided about a ticket, and why, without deciding it; and about many, by other rules.
import Conditions
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RoutingRoutes {
    private static let ticketFields: [Field] = [
        .text("subject", 0...300), .text("description"), .text("status", 0...40),
        .choice("priority", TicketRank.priorities).defaults(to: "normal"), .text("type", 0...40),
        .choice("channel", TicketRank.channels).defaults(to: "web_form"), .uuid("requesterId"),
        .text("requesterEmail", 0...320), .uuid("organizationId"), .uuid("groupId"), .strings("tags"),
        .timestamp("dueAt"), .timestamp("createdAt"), .json("customFields").defaults(to: [:]),
    ]

    /// Agents that an explanation looks at.
    private static let agentsMax = 1_000
    /// Candidates that it shows.
    private static let shownMax = 100

    var explain: Route {
        Route(
            .post, "routing/explain", permission: "routing.read",
            summary: "Say who would get a ticket, and why",
            description:
                "For a ticket that exists (ticketId) or one that is made up. Nothing is assigned. Every rule and queue up to the one that matches is shown with each condition's outcome, then every candidate with score and why it lost.",
            tag: "routing",
            body: .fields([.uuid("ticketId"), .integer("relaxLevel", 0...3).defaults(to: 0)] + Self.ticketFields),
            answers: [AnswerSpec(.ok, "The placement, the candidates and the reasons.")]
        ) { call in
            let tenantId = try call.tenant()
            return try await call.read { tx in
                let desk = try await Desk(tenantId, books: books, now: call.now, in: tx)
                var view = TicketView(call.values, now: call.now)
                if let ticketId = call.values.uuid("ticketId") {
                    guard let known = try await desk.tickets([ticketId]).first else {
                        throw Problem.invalid([Fault(.pointer("/ticketId"), "not_found", "There is no such ticket.")])
                    }
                    view = known
                }
                return .json(
                    try await explanation(of: view, relaxLevel: Int(call.values.int("relaxLevel") ?? 0), desk))
            }
        }
    }

    private func explanation(of view: TicketView, relaxLevel: Int, _ desk: Desk) async throws -> JSON {
        let facts = desk.book.facts(ticket: view.fields, requester: view.requester, now: desk.now)
        let placement = desk.book.place(facts, groupId: view.groupId)
        let trace = desk.book.explain(facts)
        var need = placement.need(units: desk.book.policy.units(view.channel), relaxLevel: relaxLevel)
        need.excludedAgentId = view.assigneeAgentId
        if placement.strategy == .sticky, let requester = view.requesterId {
            need.acquaintedAgentId = try await desk.tx.first(
                """
                SELECT agent_id FROM routing_acquaintances
                WHERE tenant_id = \(desk.tenantId) AND requester_id = \(requester)
                """)?.get(0, as: UUID.self)
        }
        var pool = CandidatePool()
        let groups = need.groupIds
        try pool.add(
            try await desk.tx.query(
                CandidateSearch.members(of: groups, tenantId: desk.tenantId, limit: Self.agentsMax)),
            for: need.searched)
        let named = need.namedAgents
        if !named.isEmpty {
            try pool.add(
                try await desk.tx.query(CandidateSearch.named(named, tenantId: desk.tenantId)), for: need.searched)
        }
        let verdict = pool.verdict(need, keeping: Self.shownMax)
        var answer: JSONObject = [
            "rules": trace.rules, "queues": trace.queues, "strategy": .string(placement.strategy.rawValue),
            "groupIds": .array(placement.groupIds.map { .uuid($0) }), "units": .int(Int64(need.units)),
            "skills": SkillNeed.json(need.skills), "candidates": verdict.json,
            "lossCounts": verdict.lossesJSON,
        ]
        answer["ruleId"] = placement.ruleId.map { .uuid($0) } ?? .null
        answer["queueId"] = placement.queueId.map { .uuid($0) } ?? .null
        answer["userId"] = verdict.winner.map { .uuid($0.userId) } ?? .null
        answer["agentId"] = verdict.winner.map { .uuid($0.agentId) } ?? .null
        answer["reason"] = verdict.winner == nil ? .string(verdict.failure) : .null
        return .object(answer)
    }

    // MARK: Simulation

    var simulate: Route {
        Route(
            .post, "routing/simulate", permission: "routing.read",
            summary: "Route the last tickets again by draft rules",
            description:
                "Every agent counts as online and begins with nothing to hold. Rules and queues that are left out are the present ones.",
            tag: "routing",
            body: .fields(
                [
                    .integer("last", 1...5_000).defaults(to: 100).described("How many tickets, the newest ones."),
                    .json("rules", ["type": "array", "maxItems": 1_000, "items": ["type": "object"]]),
                    .json("queues", ["type": "array", "maxItems": 200, "items": ["type": "object"]]),
                ], required: false),
            answers: [AnswerSpec(.ok, "Who would have got what, the load per agent, and what would be different.")]
        ) { call in
            let tenantId = try call.tenant()
            return try await call.read { tx in
                let desk = try await Desk(tenantId, books: books, now: call.now, in: tx)
                let book = RuleBook(
                    rules: try Self.drafts(call.values.json("rules"), of: RoutingRules.store, at: "/rules") {
                        RoutingRule($0)
                    } ?? desk.book.rules,
                    queues: try Self.drafts(call.values.json("queues"), of: RoutingQueues.store, at: "/queues") {
                        RoutingQueue($0)
                    } ?? desk.book.queues,
                    policy: desk.book.policy, hours: desk.book.hours)
                let tickets = try await desk.tickets(
                    where:
                        "t.deleted_at IS NULL ORDER BY t.created_at DESC, t.id DESC LIMIT \(call.values.int("last") ?? 100)"
                )
                let agents = try await tx.query(
                    """
                    SELECT l.agent_id, l.user_id, a.display_name, a.skills, a.languages, true AS is_online,
                        l.capacity_units, 0 AS held_units, l.turn, a.group_ids
                    FROM agent_loads AS l JOIN agents AS a ON a.tenant_id = l.tenant_id AND a.id = l.agent_id
                    WHERE l.tenant_id = \(tenantId) AND a.is_active ORDER BY l.agent_id LIMIT 10000
                    """
                ).map(Candidate.init)
                let simulation = Simulation(tickets.reversed(), agents: agents, book: book)
                return .json(simulation.json)
            }
        }
    }

    /// Draft rules are checked as they would be if they were saved.
    private static func drafts<R: Resource, T>(
        _ json: JSON?, of store: ResourceStore<R>, at pointer: String, _ make: (JSON) -> T?
    ) throws -> [T]? {
        guard let items = json?.arrayValue else { return nil }
        var faults: [Fault] = []
        var drafts: [T] = []
        for (index, item) in items.enumerated() {
            let here = "\(pointer)/\(index)"
            do {
                _ = try store.validate(creating: item.without(["id"]))
            } catch let problem as Problem {
                faults += problem.errors.map { fault in
                    var fault = fault
                    if case .pointer(let inner) = fault.place { fault.place = .pointer(here + inner) }
                    return fault
                }
            }
            faults += ConditionChecks.faults(in: item["conditions"] ?? [:], at: "\(here)/conditions")
            if item["isActive"] != false, let draft = make(item) { drafts.append(draft) }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        return drafts
    }
}

extension JSON {
    fileprivate func without(_ keys: [String]) -> JSON {
        var copy = self
        for key in keys { copy[key] = nil }
        return copy
    }
}

extension TicketView {
    /// A ticket that is made up.
    init(_ values: Values, now: Timestamp) {
        self.init(
            id: .v7(), status: values.string("status") ?? "open", groupId: values.uuid("groupId"),
            requesterId: values.uuid("requesterId"), priority: values.string("priority") ?? "normal",
            channel: values.string("channel"), dueAt: values.timestamp("dueAt"))
        for name in ["subject", "description", "type", "requesterEmail"] {
            fields[name] = values.string(name).map { .string($0) }
        }
        for name in ["requesterId", "organizationId", "groupId"] { fields[name] = values.uuid(name).map { .uuid($0) } }
        fields["status"] = .string(status ?? "open")
        fields["priority"] = .string(priority)
        fields["channel"] = channel.map { .string($0) }
        fields["tags"] = .array((values.strings("tags") ?? []).map { .string($0) })
        fields["dueAt"] = dueAt.map { .timestamp($0) }
        fields["createdAt"] = .timestamp(values.timestamp("createdAt") ?? now)
        fields["customFields"] = values.json("customFields") ?? [:]
        requester = ["email": fields["requesterEmail"] ?? .null]
    }
}

/// Tickets routed one after the other in memory. Pure.
struct Simulation: Sendable {
    struct Outcome: Sendable {
        var ticketId: UUID
        var winner: UUID?
        var was: UUID?
        var ruleId: UUID?
        var queueId: UUID?
        var reason: String?
    }

    private(set) var outcomes: [Outcome] = []
    private(set) var agents: [Candidate]

    /// - Parameter tickets: the oldest first.
    init(_ tickets: some Sequence<TicketView>, agents: [Candidate], book: RuleBook) {
        self.agents = agents
        var turn = agents.map(\.turn).max() ?? 0
        let positions = Dictionary(agents.enumerated().map { ($1.agentId, $0) }) { first, _ in first }
        for ticket in tickets {
            let created = ticket.fields["createdAt"]?.timestampValue ?? .now
            let facts = book.facts(ticket: ticket.fields, requester: ticket.requester, now: created)
            let placement = book.place(facts, groupId: ticket.groupId)
            let need = placement.need(units: book.policy.units(ticket.channel))
            let verdict = Verdict(need, among: self.agents)
            if let winner = verdict.winner, let position = positions[winner.agentId] {
                turn += 1
                self.agents[position].heldUnits += need.units
                self.agents[position].turn = turn
            }
            outcomes.append(
                Outcome(
                    ticketId: ticket.id, winner: verdict.winner?.userId, was: ticket.assigneeUserId,
                    ruleId: placement.ruleId, queueId: placement.queueId,
                    reason: verdict.winner == nil ? verdict.failure : nil))
        }
    }

    var json: JSON {
        let waiting = outcomes.count { $0.winner == nil }
        let different = outcomes.filter { $0.winner != $0.was }
        let loads: [JSON] = agents.filter { $0.heldUnits > 0 }.sorted { $0.heldUnits > $1.heldUnits }.map { agent in
            [
                "agentId": .uuid(agent.agentId), "userId": .uuid(agent.userId), "name": .string(agent.name),
                "tickets": .int(Int64(outcomes.count { $0.winner == agent.userId })),
                "heldUnits": .int(Int64(agent.heldUnits)), "capacityUnits": .int(Int64(agent.capacityUnits)),
            ]
        }
        func optional(_ id: UUID?) -> JSON { id.map { .uuid($0) } ?? .null }
        return [
            "tickets": .int(Int64(outcomes.count)), "waiting": .int(Int64(waiting)),
            "different": .int(Int64(different.count)), "agents": .array(loads),
            "outcomes": .array(
                outcomes.map { outcome in
                    [
                        "ticketId": .uuid(outcome.ticketId), "userId": optional(outcome.winner),
                        "previousUserId": optional(outcome.was), "ruleId": optional(outcome.ruleId),
                        "queueId": optional(outcome.queueId),
                        "reason": outcome.reason.map { .string($0) } ?? .null,
                    ]
                }),
        ]
    }
}
