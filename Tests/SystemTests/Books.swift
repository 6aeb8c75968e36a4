import Contracts
import Foundation
import NIOHTTP1
import TestKit

/// Compares what clients were promised with what the database holds, what a subscriber received and what the projections say.
struct Books {
    let environment: Stack.Environment
    let ledger: Ledger
    let run: String

    static let consumers = ["gateway", "tickets", "routing", "sla", "notifications", "knowledge"]

    func compare(
        with subscriber: Subscriber, client: Client, path: String, within limit: Duration
    ) async throws -> Verdict {
        var verdict = Verdict()
        do {
            try await eventually("everything written is published and consumed", within: limit) {
                try await waiting().isEmpty
            }
            try await eventually("the subscriber has as many events as were committed", within: limit) {
                try Set(subscriber.deliveries().map(\.eventId)).count >= (try await committedEvents().count)
            }
        } catch {
            verdict.stuck += try await waiting() + ["\(error)"]
        }
        try await compareTickets(&verdict)
        try await compareMessages(&verdict)
        try compareEvents(try await committedEvents(), try subscriber.deliveries(), &verdict)
        try await compareProjections(&verdict)
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
        let counts = Self.consumers.map { service in
            """
            SELECT '\(service) outbox', count(*) FROM \(service).outbox UNION ALL
            SELECT '\(service) parked', count(*) FROM \(service).parked_messages
            """
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
            if subjects.isEmpty { verdict.lost.append("ticket \(ticket.mark)") }
            if subjects.count > 1 { verdict.doubled.append("ticket \(ticket.mark)") }
            if let subject = subjects.first, !ticket.subjects.contains(subject) {
                verdict.lost.append("subject of \(ticket.mark): \(subject), promised \(ticket.subjects.sorted())")
            }
        }
    }

    private func compareMessages(_ verdict: inout Verdict) async throws {
        var counts: [String: Int] = [:]
        for row in try await rows("SELECT body_text FROM tickets.ticket_messages WHERE body_text LIKE '\(run)-%'") {
            counts[row[0], default: 0] += 1
        }
        for mark in ledger.tickets.flatMap(\.messages) where counts[mark] == nil {
            verdict.lost.append("message \(mark)")
        }
        for (mark, count) in counts where count > 1 { verdict.doubled.append("message \(mark) × \(count)") }
    }

    private struct Committed {
        let eventId: String
        let aggregate: String
        let sequence: Int64
    }

    /// Every event of every ticket of this run, as committed.
    private func committedEvents() async throws -> [Committed] {
        try await rows(
            """
            SELECT e.event_id, e.aggregate_id, e.sequence FROM tickets.events AS e
            JOIN tickets.tickets AS t ON t.tenant_id = e.tenant_id AND t.id = e.aggregate_id
            WHERE t.external_id LIKE '\(run)-%' ORDER BY e.aggregate_id, e.sequence
            """
        ).map { Committed(eventId: $0[0], aggregate: $0[1], sequence: Int64($0[2]) ?? 0) }
    }

    private func compareEvents(
        _ committed: [Committed], _ deliveries: [Subscriber.Delivery], _ verdict: inout Verdict
    ) throws {
        // A repeat of the same event is allowed on the wire (at least once); subscribers know it by its eventId.
        var seen: Set<String> = []
        var last: [String: Int64] = [:]
        for delivery in deliveries {
            guard let aggregate = delivery.payload["ticketId"]?.stringValue,
                let sequence = delivery.payload["sequence"]?.intValue, seen.insert(delivery.eventId).inserted
            else { continue }
            let expected = last[aggregate, default: 0] + 1
            if sequence != expected { verdict.outOfOrder.append("\(aggregate): \(sequence) where \(expected) was due") }
            last[aggregate] = max(sequence, last[aggregate] ?? 0)
        }
        var next: [String: Int64] = [:]
        for event in committed {
            let due = next[event.aggregate, default: 0] + 1
            if event.sequence != due {
                verdict.outOfOrder.append("\(event.aggregate): committed \(event.sequence), due \(due)")
            }
            next[event.aggregate] = event.sequence
            if !seen.contains(event.eventId) { verdict.lost.append("event \(event.eventId) of \(event.aggregate)") }
        }
    }

    /// Each projection's row equals the ticket it stands for, and there is one for each.
    private func compareProjections(_ verdict: inout Verdict) async throws {
        for service in ["routing", "sla", "notifications", "knowledge"] {
            for row in try await rows(
                """
                SELECT t.external_id, p.id IS NULL FROM tickets.tickets AS t
                LEFT JOIN \(service).tickets AS p ON p.tenant_id = t.tenant_id AND p.id = t.id
                    AND (p.number, p.subject, p.status, p.priority) = (t.number, t.subject, t.status, t.priority)
                WHERE t.external_id LIKE '\(run)-%' AND p.id IS NULL
                """)
            {
                verdict.lost.append("\(service)'s projection of \(row[0])")
            }
        }
    }

    private func compareDeadLetters(_ verdict: inout Verdict) async throws {
        let answer = try await Client.admin().send(.GET, "/v1/admin/dead_letters")
        for letter in answer.json["data"]?.arrayValue ?? [] { verdict.stuck.append("dead letter \(letter.text)") }
        if !answer.isSuccess { verdict.stuck.append("dead letters can't be listed: \(answer.status)") }
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
