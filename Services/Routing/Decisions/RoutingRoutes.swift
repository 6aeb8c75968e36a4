// What supervisors and agents do about routing beyond rules and queues.
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

struct RoutingRoutes: Sendable {
    let books: RuleBookStore

    var all: [Route] {
        [vocabulary, availability, reassign, reassignAll, position, recount, explain, simulate]
    }

    private var vocabulary: Route {
        Route(
            .get, "routing/vocabulary", permission: "routing.read",
            summary: "The fields and operators of conditions",
            description: "With a JSON Schema for editors.", tag: "routing",
            answers: [AnswerSpec(.ok, "The fields, and the schema of a condition.")]
        ) { _ in
            .json(["fields": Vocabulary.routing.json, "schema": Vocabulary.routing.jsonSchema])
        }
    }

    // MARK: Agents

    private var availability: Route {
        Route(
            .post, "agents/{agentId}/availability", access: .anyPermission(["routing.write", "availability.write"]),
            summary: "Say whether an agent takes tickets",
            description: "Agents may say it of themselves.", tag: "agents",
            body: .fields([
                .choice("availability", Availability.self).required, .text("reason", 1...200), .timestamp("until"),
            ]),
            answers: [.entity("Agent")], operationId: "setAgentAvailability"
        ) { call in
            try await call.write { op in
                let agent = try await Agents.store.loadForChange(try call.id("agentId"), in: op)
                if !call.caller.may("routing.write"), agent.uuid("userId") != call.caller.actor.userId {
                    throw Problem.forbidden(permission: "routing.write")
                }
                var changes = Values()
                changes.set("availability", call.values.string("availability"))
                changes.set("availabilityReason", call.values.string("reason"))
                changes.set("availableUntil", call.values.timestamp("until"))
                let updated = try await Agents.store.update(agent, changes: changes, in: op)
                return .json(bytes: try updated.bytes(), headers: [.eTag: "\"\(updated.version)\""])
            }
        }
    }

    private var reassign: Route {
        Route(
            .post, "routing/reassign", permission: "routing.write",
            summary: "Give a ticket to another agent",
            description:
                "Without an agent, routing chooses by its rules; the present holder is left out. The capacity of a named agent is respected: the ticket waits for it.",
            tag: "routing", body: .fields([.uuid("ticketId").required, .uuid("agentId")]),
            answers: [AnswerSpec(.accepted, "The ticket is in the queue, to change hands.")]
        ) { call in
            try await call.write { op in
                guard let ticketId = call.values.uuid("ticketId") else { throw Problem.badRequest() }
                let tenantId = try await tenant(of: ticketId, call, op.tx)
                let desk = try await Desk.open(tenantId, books: books, now: op.now, in: op.tx)
                let agentId = call.values.uuid("agentId")
                if let agentId { try await check(agentId, desk, at: "/agentId") }
                guard let ticket = try await desk.tickets([ticketId]).first, ticket.isActive else {
                    throw RoutingRoutes.noSuchTicket
                }
                let present = try await desk.entries(where: "e.ticket_id = \(ticketId)")
                if present.contains(where: { $0.state == .reserved }) {
                    throw Problem.conflict("The ticket is being given to somebody at this moment.", code: "reserved")
                }
                try Entry.remove(
                    present.map { ($0, "reassigned") }, tenantId: tenantId, now: op.now, in: op.tx)
                var placement = desk.place(ticket)
                placement.name(agentId)
                var entry = desk.entry(
                    for: ticket, fromUserId: ticket.assigneeUserId, routableAt: present.first?.routableAt,
                    placement: placement)
                entry.isPinned = agentId != nil
                try await desk.join([entry])
                Wake.tenant(tenantId, in: op.tx)
                return .json(["queueEntryId": .uuid(entry.id), "ticketId": .uuid(ticketId)], status: .accepted)
            }
        }
    }

    private var reassignAll: Route {
        Route(
            .post, "agents/{agentId}/reassign", permission: "routing.write",
            summary: "Give all that an agent holds to others", tag: "agents",
            body: .fields(
                [
                    .uuid("agentId").described("Only to this one."),
                    .boolean("onlyUntouched").defaults(to: false).described("Leave what the agent has answered."),
                ], required: false),
            answers: [AnswerSpec(.accepted, "The tickets are in the queue, to change hands.")],
            operationId: "reassignAgent"
        ) { call in
            try await call.write { op in
                let agent = try await Agents.store.load(try call.id("agentId"), in: op)
                guard let userId = agent.uuid("userId") else { throw Problem.notFound() }
                let desk = try await Desk.open(agent.tenantId, books: books, now: op.now, in: op.tx)
                let target = call.values.uuid("agentId")
                if let target { try await check(target, desk, at: "/agentId") }
                let tickets = try await desk.requeue(
                    agentId: agent.id, userId: userId, onlyUntouched: call.values.bool("onlyUntouched") ?? false,
                    isPinned: target != nil
                ) { placement in
                    var placement = placement
                    placement.name(target)
                    return placement
                }
                return .json(["ticketIds": .array(tickets.map { .uuid($0) })], status: .accepted)
            }
        }
    }

    private func check(_ agentId: UUID, _ desk: Desk, at pointer: String) async throws {
        let row = try await desk.tx.first(
            "SELECT is_active FROM agents WHERE tenant_id = \(desk.tenantId) AND id = \(agentId)")
        guard try row?.get(0, as: Bool.self) == true else {
            throw Problem.invalid([Fault(.pointer(pointer), "not_found", "There is no such active agent.")])
        }
    }

    // MARK: The queue

    private var position: Route {
        Route(
            .get, "routing_queue_entries/{routingQueueEntryId}/position", permission: "routing.read",
            summary: "Where a ticket stands in its queue, and how long it is likely to wait",
            tag: "routing_queue_entries",
            answers: [AnswerSpec(.ok, "The position from 1, and the expected wait from the last decisions.")]
        ) { call in
            let id = try call.id("routingQueueEntryId")
            return try await call.read { tx in
                guard let answer = try await Position.of(id, tenantId: call.tenantId, in: tx) else {
                    throw Problem.notFound("There is no such routing_queue_entry.")
                }
                return .json(answer)
            }
        }
    }

    private var recount: Route {
        Route(
            .post, "routing/recount", permission: "routing.write",
            summary: "Count again what agents hold, from the tickets",
            description:
                "And queue the tickets that nobody holds and that no queue has: those of before the first rule.",
            tag: "routing",
            answers: [AnswerSpec(.ok, "How many tickets were looked at, and how many agents' counts were wrong.")]
        ) { call in
            let tenantId = try call.tenant()
            return try await call.write { op in
                let desk = try await Desk.open(tenantId, books: books, now: op.now, in: op.tx)
                return .json(try await desk.recount())
            }
        }
    }

    /// The tenant that a request is about: the path's, or in an administrator's request the ticket's.
    private func tenant(of ticketId: UUID, _ call: Call, _ tx: Transaction) async throws -> UUID {
        if let tenantId = call.tenantId { return tenantId }
        let row = try await tx.first("SELECT tenant_id FROM tickets WHERE id = \(ticketId)")
        guard let row else { throw RoutingRoutes.noSuchTicket }
        return try row.get(0, as: UUID.self)
    }

    static let noSuchTicket = Problem.invalid([
        Fault(.pointer("/ticketId"), "not_found", "There is no such open ticket.")
    ])
}

extension Call {
    /// Whose rows the request is about; an administrator's says so with `tenantId=`.
    func tenant() throws -> UUID {
        guard let tenantId else {
            throw Problem.badRequest(errors: [
                Fault(.parameter("tenantId"), "required", "It says which organization is meant.")
            ])
        }
        return tenantId
    }
}

extension Placement {
    /// Only this agent is asked.
    mutating func name(_ agentId: UUID?) {
        guard let agentId else {
            if strategy == .manual { strategy = .leastLoaded }
            return
        }
        self.agentId = agentId
        strategy = .leastLoaded
        skills = []
        language = nil
        overflowGroupIds = []
        overflowAfterSeconds = nil
    }
}

extension Desk {
    /// Makes holdings and loads anew from the tickets.
    func recount() async throws -> JSON {
        let ids = try await tx.query(
            """
            SELECT t.id FROM tickets AS t
            WHERE t.tenant_id = \(tenantId) AND t.deleted_at IS NULL AND t.status NOT IN ('resolved', 'closed')
                AND (t.assignee_id IS NOT NULL OR NOT EXISTS (
                    SELECT FROM routing_queue_entries AS e WHERE e.tenant_id = t.tenant_id AND e.ticket_id = t.id))
            UNION SELECT ticket_id FROM routing_holdings WHERE tenant_id = \(tenantId)
            """
        ).map { try $0.get(0, as: UUID.self) }
        for start in stride(from: 0, to: ids.count, by: 500) {
            try await reconcile(Array(ids[start..<min(start + 500, ids.count)]))
        }
        let rows = try await tx.query(
            """
            UPDATE agent_loads AS l SET held_units = c.units
            FROM (SELECT a.agent_id, COALESCE(sum(h.units), 0)::integer AS units
                FROM agent_loads AS a LEFT JOIN routing_holdings AS h
                    ON h.tenant_id = a.tenant_id AND h.agent_id = a.agent_id
                WHERE a.tenant_id = \(tenantId) GROUP BY a.agent_id) AS c
            WHERE l.tenant_id = \(tenantId) AND l.agent_id = c.agent_id AND l.held_units <> c.units
            RETURNING l.agent_id
            """)
        let agents = try rows.map { try $0.get(0, as: UUID.self) }
        if !agents.isEmpty {
            tx.enqueue(AgentIndex.refresh(tenantId, agents: agents))
            Wake.tenant(tenantId, in: tx)
        }
        return ["tickets": .int(Int64(ids.count)), "correctedAgents": .int(Int64(agents.count))]
    }
}

/// Where an entry stands.
enum Position {
    /// Decisions that the expected wait is worked out from.
    private static let decisionsMax = 50

    /// - Parameter tenantId: nil for an administrator, who sees all tenants' entries.
    static func of(_ id: UUID, tenantId: UUID?, in tx: Transaction) async throws -> JSON? {
        let ofTenant: SQL = tenantId.map { "e.tenant_id = \($0) AND " } ?? ""
        let row = try await tx.first(
            """
            SELECT (SELECT count(*) + 1 FROM routing_queue_entries AS o
                    WHERE o.tenant_id = e.tenant_id AND o.state = 'waiting'
                        AND o.queue_id IS NOT DISTINCT FROM e.queue_id
                        AND (e.queue_id IS NOT NULL OR o.group_ids = e.group_ids)
                        AND (-o.queue_priority, -o.rank, COALESCE(o.order_due, 'infinity'), o.routable_at, o.id)
                            < (-e.queue_priority, -e.rank, COALESCE(e.order_due, 'infinity'), e.routable_at, e.id)),
                e.state, r.decisions, r.seconds
            FROM routing_queue_entries AS e
            CROSS JOIN LATERAL (
                SELECT count(*) AS decisions, extract(epoch FROM max(created_at) - min(created_at))::float8 AS seconds
                FROM (SELECT d.created_at FROM routing_decisions AS d
                    WHERE d.tenant_id = e.tenant_id AND d.queue_id IS NOT DISTINCT FROM e.queue_id AND d.outcome = 'made'
                    ORDER BY d.id DESC LIMIT \(decisionsMax)) AS recent) AS r
            WHERE \(ofTenant)e.id = \(id)
            """)
        guard let (position, state, decisions, seconds) = try row?.decode((Int64, String, Int64, Double?).self) else {
            return nil
        }
        let isWaiting = state == EntryState.waiting.rawValue
        var answer: JSONObject = [
            "queueEntryId": .uuid(id), "state": .string(state), "position": isWaiting ? .int(position) : .null,
            "expectedWaitSeconds": .null,
        ]
        if isWaiting, decisions > 1, let seconds {
            answer["expectedWaitSeconds"] = .double((Double(position) * seconds / Double(decisions - 1)).rounded())
        }
        return .object(answer)
    }
}
