import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import SLA

/// Reports, trials of drafts, holidays from a feed.
struct ReportTests {
    /// Ten tickets that are resolved after 1, 2 … 10 hours; the target is five and a half.
    private func tenTickets(_ harness: Harness) async throws -> Timestamp {
        try await harness.policy(["resolution": 19_800], ["warnings": []])
        let start = Timestamp.now + .seconds(1)
        for hours in 1...10 {
            var story = Story(start, ["groupId": .uuid(Harness.agentId)])
            story.set("status", "resolved", start + .seconds(Int64(hours) * 3_600))
            try await harness.tell(UUID.v7(), story.facts, asOf: start + .seconds(40_000))
        }
        return start
    }

    @Test func `compliance counts what ended, with percentiles`() async throws {
        try await Harness.with { harness in
            let start = try await tenTickets(harness)
            let range = "from=\(start.rfc3339)&to=\((start + .seconds(90_000)).rfc3339)"
            let report = try await harness.ok(.get, "sla/reports/compliance?\(range)")
            let row = try #require(report["data"]?.arrayValue?.first)
            #expect(row.text("metric") == "resolution")
            #expect(row["met"] == 5 && row["breached"] == 5)
            #expect(row["compliancePercent"]?.doubleValue == 50)
            #expect(row["usedP50Seconds"] == 19_800 && row["realP50Seconds"] == 19_800)
            let byAll = "groupBy=policyId,metric,groupId,assigneeId,priority,period&period=month"
            let rows = try await harness.ok(.get, "sla/reports/compliance?\(range)&\(byAll)")["data"]?.arrayValue ?? []
            #expect(rows.compactMap { $0["met"]?.intValue }.reduce(0, +) == 5)
            #expect(rows.allSatisfy { $0.text("groupId") == Harness.agentId.text && $0["assigneeId"] == .null })
            let bad = try await harness.send(.get, "sla/reports/compliance?groupBy=weather")
            #expect(bad.status == 400 && bad.faults.first?.hasPrefix("groupBy") == true)
        }
    }

    @Test func `daily sums stand in for rows that are dropped`() async throws {
        try await Harness.with { harness in
            let start = try await tenTickets(harness)
            let range = "from=\((start - .seconds(90_000)).rfc3339)&to=\((start + .seconds(180_000)).rfc3339)"
            let downsampler = Downsampler(database: harness.database, retentionDays: 1)
            #expect(try await downsampler.downsample(before: start + .seconds(1)) == 0)
            #expect(try await downsampler.downsample(before: start + .seconds(100_000)) == 10)
            #expect(try await harness.ok(.get, "sla_clocks")["data"] == [])
            let row = try await harness.ok(.get, "sla/reports/compliance?\(range)")["data"]?.arrayValue?.first
            #expect(row?["met"] == 5 && row?["breached"] == 5 && row?["usedP50Seconds"] == .null)
        }
    }

    @Test func `a draft is tried beside what was`() async throws {
        try await Harness.with { harness in
            let start = try await tenTickets(harness)
            let body: JSONObject = [
                "targets": ["normal": ["resolution": ["seconds": 9_000], "agent_work": ["seconds": 36_000]]],
                "from": .timestamp(start - .seconds(10)), "to": .timestamp(start + .seconds(10)),
            ]
            let tried = try await harness.ok(.post, "sla/simulate", .object(body))
            #expect(tried["tickets"] == 10)
            let metrics = tried["metrics"]
            // As of now nothing of it has ended: the stories lie ahead. The fold goes at least to each one's last fact.
            #expect(metrics?["resolution"]?["asWas"]?["met"] == 5)
            #expect(metrics?["resolution"]?["asWouldHaveBeen"]?["met"] == 2)
            #expect(metrics?["resolution"]?["asWouldHaveBeen"]?["breached"] == 8)
            #expect(metrics?["agent_work"]?["asWouldHaveBeen"]?["met"] == 10)
            #expect(metrics?["agent_work"]?["asWas"]?["met"] == 0)
            var none = body
            none["targets"] = [:]
            #expect(try await harness.send(.post, "sla/simulate", .object(none)).faults == ["/targets required"])
        }
    }

    @Test func `many tickets are tried in the background, and it can be seen how far`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["resolution": 3_600])
            let start = Timestamp.now + .seconds(1)
            let facts = Story(start).facts
            let keys = (0..<1_001).map { _ in TicketKey(tenantId: harness.tenant, ticketId: .v7()) }
            try await harness.database.transaction(as: .admin) { tx in
                try await harness.keeper.take(keys.flatMap { key in facts.map { (key, $0) } }, at: start, in: tx)
            }
            let body: JSON = [
                "targets": ["normal": ["resolution": ["seconds": 60]]], "from": .timestamp(start - .seconds(10)),
                "to": .timestamp(start + .seconds(10)),
            ]
            let reply = try await harness.send(.post, "sla/simulate", body)
            #expect(reply.status == 202 && reply.json.text("status") == "running")
            let path = "sla_simulations/\(reply.json.id)"
            #expect(try await harness.service.simulations.runNext())
            #expect(try await harness.ok(.get, path)["processedTickets"] == 500)
            while try await harness.service.simulations.runNext() {}
            let done = try await harness.ok(.get, path)
            #expect(done.text("status") == "completed" && done["processedTickets"] == 1_001)
            #expect(done["result"]?["tickets"] == 1_001)
        }
    }

    @Test func `holidays come from a feed`() async throws {
        try await Harness.with { harness in
            var office = Harness.office
            office["holidays"] = ["2026-12-25"]
            let calendar = try await harness.calendar(office)
            let feed = """
                BEGIN:VCALENDAR
                BEGIN:VEVENT
                SUMMARY:Christmas
                DTSTART;VALUE=DATE:20261225
                DTEND;VALUE=DATE:20261227
                END:VEVENT
                BEGIN:VEVENT
                SUMMARY:Party
                DTSTART:20261230T180000Z
                END:VEVENT
                END:VCALENDAR
                """
            let path = "business_calendars/\(calendar)/holidays/import"
            let preview = try await harness.send(
                .post, path + "?dryRun=true", bytes: Array(feed.utf8), type: "text/calendar")
            #expect(preview.json["dryRun"] == true)
            let reply = try await harness.send(.post, path, bytes: Array(feed.utf8), type: "text/calendar")
            #expect(reply.json["holidays"] == ["2026-12-25", "2026-12-26"])
            #expect(reply.json["added"] == ["2026-12-26"])
            #expect(reply.json["skipped"]?.arrayValue?.first?.text("summary") == "Party")
            let wrong = try await harness.send(.post, path, bytes: Array("<html>".utf8), type: "text/calendar")
            #expect(wrong.status == 422 && wrong.faults == [" no_icalendar"])
            #expect(try await harness.ok(.get, "business_calendars/\(calendar)")["version"] == 2)
        }
    }
}
