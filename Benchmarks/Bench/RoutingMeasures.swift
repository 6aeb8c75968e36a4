import Conditions
import Contracts
import Foundation
import NIOHTTP1

/// How long 1,000 rules take over one ticket, on one core. Needs no stack.
struct ConditionMeasure {
    let seconds: Int

    private static let vocabulary = Vocabulary([
        .text("ticket.subject"), .text("ticket.description"),
        .choice("ticket.priority", ["low", "normal", "high", "urgent"]).ordered,
        .choice("ticket.channel", ["email", "web_form", "chat", "api", "phone", "import"]), .id("ticket.groupId"),
        .texts("ticket.tags"), .timestamp("ticket.createdAt"), .open("ticket.customFields"),
    ])

    /// Five leaves each: tags, words, priorities, custom fields, and a regular expression in every tenth. None matches, so
    /// all are asked.
    private static func rules() throws -> [Condition] {
        try (0..<1_000).map { index in
            func leaf(_ field: String, _ op: String, _ value: JSON) -> JSON {
                ["field": .string(field), "operator": .string(op), "value": value]
            }
            let last =
                index % 10 == 0
                ? leaf("ticket.subject", "matches", .string("(?i)order[ -]?\(index)+x"))
                : leaf("ticket.subject", "contains", .string("product \(index)"))
            return try Condition(
                [
                    "all": [
                        leaf("ticket.priority", "gte", "normal"),
                        [
                            "any": [
                                leaf("ticket.tags", "contains", .string("tag-\(index)")),
                                leaf("ticket.customFields.plan", "eq", .string("plan-\(index)")), last,
                            ]
                        ],
                    ],
                    "none": [leaf("ticket.channel", "eq", "import")],
                ], over: vocabulary)
        }
    }

    func run(into table: inout ResultTable) throws {
        let rules = ConditionSet(try Self.rules())
        let ticket: JSONObject = [
            "subject": "The VPN drops every ten minutes since this morning",
            "description": .string(String(repeating: "It worked yesterday. ", count: 50)), "priority": "high",
            "channel": "email", "tags": ["vpn", "network", "berlin"], "createdAt": "2026-03-01T10:00:00.000Z",
            "customFields": ["plan": "gold", "seats": 25],
        ]
        let clock = ContinuousClock()
        let began = clock.now
        var (count, matched) = (0, 0)
        while clock.now - began < .seconds(seconds) {
            var facts = Facts(Self.vocabulary)
            facts.set("ticket", to: ticket)
            matched += rules.first(for: facts) == nil ? 0 : 1
            count += 1
        }
        let milliseconds = (clock.now - began).seconds * 1_000 / Double(count)
        precondition(matched == 0, "no rule matches")
        table.add(
            "1,000 rules on one ticket, one core", String(format: "%.3f ms", milliseconds), least: "2 ms", aim: "0.5 ms"
        )
    }
}

/// Tickets from an import until each is assigned by routing: 10,000 agents of one group and 1,000 rules, of which the last
/// matches. Then how long a ticket waits that only needs room.
struct RoutingMeasure {
    let stack: StackUnderTest
    let seconds: Int

    private static let group = "0190a5d8-0000-7000-8000-00000000b001"
    private static let smallGroup = "0190a5d8-0000-7000-8000-00000000b002"
    private static let warmUpTickets = 1_000
    /// Tickets that wait for room, one after the other.
    private static let rounds = 30

    func run(into table: inout ResultTable) async throws {
        try fill()
        try await warmUp()
        try await throughput(into: &table)
        try await wait(into: &table)
    }

    /// A database that was empty a moment ago has plans for empty tables until it has looked at them again, which it does by
    /// itself within a minute or so.
    private func warmUp() async throws {
        let last = try lastNumber()
        try ImportMeasure(stack: stack, rows: Self.warmUpTickets).importFile()
        _ = try await stack.seconds(within: 60) { try assigned(after: last) >= Self.warmUpTickets }
        try await stack.settle()
        try stack.sql("ANALYZE")
    }

    private func throughput(into table: inout ResultTable) async throws {
        let tickets = 1_000 * seconds
        let last = try lastNumber()
        let began = ContinuousClock.now
        // The file is read while what it has made already is given out.
        try ImportMeasure(stack: stack, rows: tickets).importFile()
        let wait = try await stack.seconds(within: 180) {
            let done = try assigned(after: last)
            if done >= tickets { return true }
            // Asking costs as much as some tickets do: it is next asked when half of what is left should be done.
            let pace = (ContinuousClock.now - began) / Double(max(done, tickets / 20))
            try await Task.sleep(for: max(pace * Double(tickets - done) / 2, .milliseconds(50)))
            return false
        }
        let taken = (ContinuousClock.now - began).seconds
        table.add(
            "tickets imported, routed and assigned, 10,000 agents, 1,000 rules",
            wait == nil ? "not worked off in 180 s" : "\(Int(Double(tickets) / taken))/s", least: "500/s",
            aim: "2,000/s")
        let cost = try stack.sql(
            """
            SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_microseconds)::numeric) FROM
            (SELECT duration_microseconds FROM routing.routing_decisions WHERE outcome = 'made' ORDER BY id DESC LIMIT 10000) AS d
            """)
        table.add("choosing among the candidates found, median", "\(cost) µs", least: "2,000 µs", aim: "200 µs")
    }

    private func lastNumber() throws -> Int {
        Int(try stack.sql("SELECT max(number) FROM tickets.tickets WHERE tenant_id = '\(stack.tenant)'")) ?? 0
    }

    /// Tickets with a higher number that somebody has. Only these are read, however many there were before.
    private func assigned(after number: Int) throws -> Int {
        Int(
            try stack.sql(
                """
                SELECT count(*) FROM tickets.tickets
                WHERE tenant_id = '\(stack.tenant)' AND number > \(number) AND assignee_id IS NOT NULL
                """)) ?? 0
    }

    /// From the change that makes room for one to the decision, by the database's rows.
    private func wait(into table: inout ResultTable) async throws {
        let path = "/v1/tenants/\(stack.tenant)"
        let agent = try await entity(
            .POST, "\(path)/agents",
            """
            {"userId": "\(UUID().uuidString.lowercased())", "displayName": "Small", "groupIds": ["\(Self.smallGroup)"],
             "availability": "online", "capacityUnits": 0}
            """)
        var waits: [Double] = []
        for round in 1...Self.rounds {
            let ticket = try await entity(
                .POST, "\(path)/tickets", #"{"subject": "Waits for room", "groupId": "\#(Self.smallGroup)"}"#)
            let isWaiting = try await stack.seconds(within: 30) {
                try stack.sql(
                    "SELECT count(*) FROM routing.routing_queue_entries WHERE ticket_id = '\(ticket)' AND failure IS NOT NULL"
                ) == "1"
            }
            guard isWaiting != nil else { throw BenchError("a ticket that nobody can take is not in the queue") }
            _ = try await entity(.PATCH, "\(path)/agents/\(agent)", #"{"capacityUnits": \#(round)}"#)
            var answer = ""
            let isDecided = try await stack.seconds(within: 30) {
                answer = try stack.sql(
                    """
                    SELECT extract(epoch FROM d.created_at - a.updated_at)
                    FROM routing.routing_decisions AS d, routing.agents AS a
                    WHERE d.ticket_id = '\(ticket)' AND d.outcome = 'made' AND a.id = '\(agent)'
                    """)
                return !answer.isEmpty
            }
            guard isDecided != nil, let seconds = Double(answer) else {
                throw BenchError("there was room, and a ticket waited on")
            }
            waits.append(seconds * 1_000)
        }
        waits.sort()
        table.add(
            "a waiting ticket is given out after room appears",
            "median \(Int(waits[waits.count / 2])) ms, most \(Int(waits.last ?? .nan)) ms", least: "1,000 ms",
            aim: "100 ms")
    }

    /// Sends what makes or changes an entity, and answers its id.
    private func entity(_ method: HTTPMethod, _ path: String, _ json: String) async throws -> String {
        let answer = try await stack.send(method, path, json: json)
        guard (200..<300).contains(answer.status), let id = try JSON.parse(Array(answer.body.utf8))["id"]?.stringValue
        else { throw BenchError("\(method.rawValue) \(path): \(answer.status) \(answer.body)") }
        return id
    }

    /// The agents and rules, written where the API would write them: 11,000 requests would measure the API.
    private func fill() throws {
        let tenant = stack.tenant
        try stack.sql(
            """
            SET search_path = routing;
            INSERT INTO agents (tenant_id, id, version, created_at, updated_at, user_id, display_name, group_ids, skills,
                languages, capacity_units, availability, is_active)
            SELECT '\(tenant)', gen_random_uuid(), 1, now(), now(), gen_random_uuid(), 'Agent ' || n, ARRAY['\(Self.group)']::uuid[],
                jsonb_build_object('skill-' || n % 50, 1 + n % 5), ARRAY['en'], 1000, 'online', true
            FROM generate_series(1, 10000) AS n;
            INSERT INTO agent_loads (tenant_id, agent_id, user_id, is_online, capacity_units)
            SELECT tenant_id, id, user_id, true, capacity_units FROM agents WHERE tenant_id = '\(tenant)'
            ON CONFLICT DO NOTHING;
            INSERT INTO agent_memberships (tenant_id, group_id, agent_id, is_open, free_units, load, turn)
            SELECT tenant_id, unnest(group_ids), id, true, capacity_units, 0, 0 FROM agents WHERE tenant_id = '\(tenant)'
            ON CONFLICT DO NOTHING;
            INSERT INTO agent_skills (tenant_id, agent_id, skill, level)
            SELECT a.tenant_id, a.id, s.key, s.value::int FROM agents AS a, jsonb_each_text(a.skills) AS s
            WHERE a.tenant_id = '\(tenant)' ON CONFLICT DO NOTHING;
            INSERT INTO routing_rules (tenant_id, id, version, created_at, updated_at, name, priority, is_active, conditions,
                group_id, skills, preferred_skills)
            SELECT '\(tenant)', gen_random_uuid(), 1, now(), now(), 'Rule ' || n, n, true,
                jsonb_build_object('all', jsonb_build_array(
                    CASE WHEN n = 1000
                        THEN jsonb_build_object('field', 'ticket.subject', 'operator', 'starts_with', 'value', 'Printer')
                        ELSE jsonb_build_object('field', 'ticket.tags', 'operator', 'contains', 'value', 'tag-' || n) END,
                    jsonb_build_object('field', 'ticket.subject', 'operator', 'not_contains', 'value', 'word ' || n))),
                '\(Self.group)', '[]', '{}'
            FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING;
            INSERT INTO routing_revisions AS r (tenant_id, revision) VALUES ('\(tenant)', 1)
            ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1;
            ANALYZE agents, agent_loads, agent_memberships, agent_skills;
            """)
    }
}
