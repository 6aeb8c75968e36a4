import Contracts
import Foundation
import NIOHTTP1
import TestKit

/// Compares what clients were promised with what the database holds, what a subscriber received and what the projections say.
struct Books {
    let environment: Stack.Environment
    let ledger: Ledger
    let desk: HelpDesk
    let run: String

    static let consumers = ["gateway", "tickets", "routing", "sla", "notifications", "knowledge"]

    func compare(with subscriber: Subscriber, within limit: Duration) async throws -> Verdict {
        var verdict = Verdict()
        // As of one moment: notifications are sent, and told of, while the books are compared.
        var committed: [Committed] = []
        do {
            try await eventually("everything written is published and consumed", within: limit) {
                try await waiting().isEmpty
            }
            try await eventually("the subscriber has as many events as were committed", within: limit) {
                committed = try await committedEvents()
                return try Set(subscriber.deliveries().map(\.eventId)).isSuperset(of: committed.map(\.eventId))
            }
        } catch {
            verdict.add(.stuck, try await waiting() + ["\(error)"])
            committed = try await committedEvents()
        }
        let deliveries = try subscriber.deliveries()
        try await compareTickets(&verdict)
        try await compareMessages(&verdict)
        try compareEvents(committed, deliveries, &verdict)
        try await compareProjections(&verdict)
        try await compareAssignments(deliveries, &verdict)
        try await compareAlerts(&verdict)
        try await compareDeadLetters(&verdict)
        return verdict
    }

    /// Rows of a query, one array of text columns each.
    private func rows(_ sql: String) async throws -> [[String]] {
        let result = try await SystemTests.psql(try environment["DESKWIRE_DATABASE_URL"], sql)
        return result.split(separator: "\n").map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// What is still on its way, by place.
    private func waiting() async throws -> [String] {
        var counts = Self.consumers.map { service in
            """
            SELECT '\(service) outbox', count(*) FROM \(service).outbox UNION ALL
            SELECT '\(service) parked', count(*) FROM \(service).parked_messages
            """
        }
        counts.append(
            """
            SELECT 'tickets that nobody has', count(*) FROM tickets.tickets
            WHERE tenant_id = '\(desk.tenant)' AND assignee_id IS NULL AND resolved_at IS NULL
            """)
        counts.append(
            "SELECT 'alerts due', count(*) FROM sla.sla_tickets WHERE tenant_id = '\(desk.tenant)' AND next_due_at IS NOT NULL"
        )
        counts += Self.projections.map { service in
            "SELECT '\(service) projection', count(*) FROM (\(differences(in: service))) AS d"
        }
        return try await rows(counts.joined(separator: "\nUNION ALL\n")).filter { $0[1] != "0" }.map {
            "\($0[0]): \($0[1])"
        }
    }

    private func compareTickets(_ verdict: inout Verdict) async throws {
        var found: [String: [String]] = [:]
        for row in try await rows(
            "SELECT external_id, id, subject FROM tickets.tickets WHERE external_id LIKE '\(run)-%'")
        {
            found[row[0], default: []].append(row[2])
        }
        for ticket in ledger.tickets {
            let subjects = found[ticket.mark] ?? []
            if subjects.isEmpty { verdict.add(.lost, "ticket \(ticket.mark)") }
            if subjects.count > 1 { verdict.add(.doubled, "ticket \(ticket.mark)") }
            if let subject = subjects.first, !ticket.subjects.contains(subject) {
                verdict.add(.lost, "subject of \(ticket.mark): \(subject), promised \(ticket.subjects.sorted())")
            }
        }
    }

    private func compareMessages(_ verdict: inout Verdict) async throws {
        var counts: [String: Int] = [:]
        for row in try await rows("SELECT body_text FROM tickets.ticket_messages WHERE body_text LIKE '\(run)-%'") {
            counts[row[0], default: 0] += 1
        }
        for mark in ledger.tickets.flatMap(\.messages) where counts[mark] == nil {
            verdict.add(.lost, "message \(mark)")
        }
        for (mark, count) in counts where count > 1 { verdict.add(.doubled, "message \(mark) × \(count)") }
    }

    // MARK: Events

    private struct Committed {
        let eventId: String
        /// Whose number it carries: services number an aggregate's events each for itself.
        let stream: String
        let sequence: Int64
    }

    /// Every event of the organization, as committed.
    private func committedEvents() async throws -> [Committed] {
        let each = Self.consumers.map { service in
            """
            SELECT event_id, '\(service) ' || aggregate_id AS stream, sequence FROM \(service).events
            WHERE tenant_id = '\(desk.tenant)'
            """
        }
        return try await rows(each.joined(separator: "\nUNION ALL\n") + "\nORDER BY stream, sequence")
            .map { Committed(eventId: $0[0], stream: $0[1], sequence: Int64($0[2]) ?? 0) }
    }

    private func compareEvents(
        _ committed: [Committed], _ deliveries: [Subscriber.Delivery], _ verdict: inout Verdict
    ) throws {
        // A repeat of the same event is allowed on the wire (at least once); subscribers know it by its eventId.
        var seen: Set<String> = []
        var last: [String: Int64] = [:]
        for delivery in deliveries where delivery.payload["tenantId"]?.stringValue == desk.tenant {
            guard let sequence = delivery.payload["sequence"]?.intValue, seen.insert(delivery.eventId).inserted
            else { continue }
            let stream = delivery.stream
            let expected = last[stream, default: 0] + 1
            if sequence != expected { verdict.add(.outOfOrder, "\(stream): \(sequence) where \(expected) was due") }
            last[stream] = max(sequence, last[stream] ?? 0)
        }
        var next: [String: Int64] = [:]
        for event in committed {
            let due = next[event.stream, default: 0] + 1
            if event.sequence != due {
                verdict.add(.outOfOrder, "\(event.stream): committed \(event.sequence), due \(due)")
            }
            next[event.stream] = event.sequence
            if !seen.contains(event.eventId) { verdict.add(.lost, "event \(event.eventId) of \(event.stream)") }
        }
        verdict.events = committed.count
    }

    // MARK: Projections

    private static let projections = ["routing", "sla", "notifications", "knowledge"]

    /// Tickets of the run that a service's projection shows otherwise, or not.
    private func differences(in service: String) -> String {
        """
        SELECT t.external_id FROM tickets.tickets AS t
        LEFT JOIN \(service).tickets AS p ON p.tenant_id = t.tenant_id AND p.id = t.id
            AND (p.number, p.subject, p.status, p.priority) = (t.number, t.subject, t.status, t.priority)
            AND p.assignee_id IS NOT DISTINCT FROM t.assignee_id
        WHERE t.external_id LIKE '\(run)-%' AND p.id IS NULL
        """
    }

    private func compareProjections(_ verdict: inout Verdict) async throws {
        for service in Self.projections {
            for row in try await rows(differences(in: service)) {
                verdict.add(.lost, "\(service)'s projection of \(row[0])")
            }
        }
    }

    // MARK: Assignments

    /// Nobody was given what another had, a ticket is in one agent's hands, and the agents' loads are what they hold.
    private func compareAssignments(_ deliveries: [Subscriber.Delivery], _ verdict: inout Verdict) async throws {
        for row in try await rows(
            """
            SELECT ticket_id, count(*) FROM tickets.ticket_assignments
            WHERE tenant_id = '\(desk.tenant)' AND ended_at IS NULL GROUP BY ticket_id HAVING count(*) > 1
            """)
        {
            verdict.add(.heldTwice, "\(row[0]) has \(row[1]) open assignments")
        }
        for row in try await rows(
            """
            SELECT t.id, t.assignee_id, l.user_id, h.state FROM tickets.tickets AS t
            LEFT JOIN routing.routing_holdings AS h ON h.tenant_id = t.tenant_id AND h.ticket_id = t.id
            LEFT JOIN routing.agent_loads AS l ON l.tenant_id = h.tenant_id AND l.agent_id = h.agent_id
            WHERE t.tenant_id = '\(desk.tenant)' AND t.resolved_at IS NULL
                AND (t.assignee_id IS DISTINCT FROM l.user_id OR h.state IS DISTINCT FROM 'held')
            """)
        {
            verdict.add(
                row[1].isEmpty ? .unassigned : .heldTwice, "\(row[0]): \(row[1]), for routing \(row[2]) (\(row[3]))")
        }
        for row in try await rows(
            """
            SELECT l.agent_id, l.held_units, COALESCE(sum(h.units), 0) FROM routing.agent_loads AS l
            LEFT JOIN routing.routing_holdings AS h ON h.tenant_id = l.tenant_id AND h.agent_id = l.agent_id
            WHERE l.tenant_id = '\(desk.tenant)' GROUP BY l.agent_id, l.held_units
            HAVING l.held_units <> COALESCE(sum(h.units), 0)
            """)
        {
            verdict.add(.heldTwice, "agent \(row[0]) has a load of \(row[1]) and holds \(row[2])")
        }
        // As the subscriber saw it: each assignment takes the ticket from whom the one before gave it to.
        var seen: Set<String> = []
        var holders: [String: String] = [:]
        for delivery in deliveries where delivery.payload["tenantId"]?.stringValue == desk.tenant {
            guard delivery.name.hasSuffix(".ticket.assigned"), seen.insert(delivery.eventId).inserted else { continue }
            let ticket = delivery.payload["ticketId"]?.stringValue ?? ""
            let (previous, new) = (
                delivery.payload["previousAssigneeId"]?.stringValue, delivery.payload["newAssigneeId"]?.stringValue
            )
            if holders[ticket] != previous || previous == new {
                verdict.add(.heldTwice, "\(ticket) went from \(previous ?? "nobody") to \(new ?? "nobody")")
            }
            holders[ticket] = new
            verdict.assignments += 1
        }
    }

    // MARK: Alerts

    /// What the policy promises, by hand: seconds after creation, the same for every priority.
    static let promised: [(metric: String, alert: String, seconds: Double)] = [
        ("first_response", "warning", 1), ("first_response", "breached", 2), ("first_response", "escalated", 3),
        ("resolution", "warning", 2), ("resolution", "breached", 4), ("resolution", "escalated", 5),
    ]

    /// The policy that says so.
    static let policy: JSONObject = {
        let targets: JSON = ["first_response": ["seconds": 2], "resolution": ["seconds": 4]]
        return [
            "targets": ["low": targets, "normal": targets, "high": targets, "urgent": targets],
            "warnings": [["percent": 50]], "escalations": [["afterSeconds": 1]],
        ]
    }()

    /// Every ticket that was not resolved by then has each of its alerts, once, of its time and told after it.
    private func compareAlerts(_ verdict: inout Verdict) async throws {
        let promises = Self.promised.map { "('\($0.metric)', '\($0.alert)', \($0.seconds))" }.joined(separator: ", ")
        let sums = try await rows(
            """
            WITH told AS (
                SELECT aggregate_id, payload::json ->> 'metric' AS metric, name, count(*) AS times,
                    min(occurred_at) AS occurred_at, min(recorded_at) AS recorded_at
                FROM sla.events WHERE tenant_id = '\(desk.tenant)' GROUP BY 1, 2, 3
            ), due AS (
                SELECT t.id, p.metric, p.alert, t.resolved_at,
                    t.created_at + p.seconds * interval '1 second' AS at
                FROM tickets.tickets AS t CROSS JOIN (VALUES \(promises)) AS p (metric, alert, seconds)
                WHERE t.tenant_id = '\(desk.tenant)'
            )
            SELECT due.id, due.metric, due.alert, COALESCE(told.times, 0), due.resolved_at <= due.at AS is_over,
                told.recorded_at < due.at OR told.occurred_at <> due.at AS is_early
            FROM due LEFT JOIN told ON told.aggregate_id = due.id AND told.metric = due.metric
                AND told.name = 'ticket_sla_stage.' || due.alert
            """)
        for row in sums {
            let (what, times, isOver) = ("\(row[0]) \(row[1]) \(row[2])", Int(row[3]) ?? 0, row[4] == "t")
            verdict.alerts += times
            if isOver { verdict.overtaken += times } else if times == 0 { verdict.add(.alertMissed, what) }
            if times > 1 { verdict.add(.doubled, "\(what) × \(times)") }
            if row[5] == "t" { verdict.add(.alertEarly, what) }
        }
        // Whatever was told on the way, in the end each clock says what happened.
        for row in try await rows(
            """
            SELECT t.id, c.state FROM tickets.tickets AS t
            LEFT JOIN sla.sla_clocks AS c ON c.tenant_id = t.tenant_id AND c.ticket_id = t.id AND c.metric = 'resolution'
            WHERE t.tenant_id = '\(desk.tenant)' AND c.state IS DISTINCT FROM
                CASE WHEN t.resolved_at <= t.created_at + interval '4 seconds' THEN 'met' ELSE 'breached' END
            """)
        {
            verdict.add(.lost, "the end of \(row[0]): its clock is \(row[1])")
        }
    }

    // MARK: Dead letters

    private func compareDeadLetters(_ verdict: inout Verdict) async throws {
        let answer = try await Client.admin().send(.GET, "/v1/admin/dead_letters")
        for letter in answer.json["data"]?.arrayValue ?? [] { verdict.add(.stuck, "dead letter \(letter.text)") }
        if !answer.isSuccess { verdict.add(.stuck, "dead letters can't be listed: \(answer.status)") }
    }
}

extension SystemTests {
    /// What psql prints for a query: rows by line, columns by `|`.
    static func psql(_ url: String, _ sql: String) async throws -> String {
        let result = try await deskwireRun("/usr/bin/psql", [url, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql])
        guard result.status == 0 else { throw StackError("psql: \(result.output)") }
        return result.output
    }
}
