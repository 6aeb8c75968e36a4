import BusinessTime
import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import SLA

/// From a calendar and a policy to alerts, over the real database.
struct ServiceTests {
    @Test func `a promise is made, warned of, broken and escalated, each told once`() async throws {
        try await Harness.with { harness in
            try await harness.policy(
                ["resolution": 3_600],
                ["warnings": [["percent": 50]], "escalations": [["afterSeconds": 600, "note": "Call"]]])
            let ticket = UUID.v7()
            let start = Timestamp.now + .seconds(1)
            try await harness.tell(ticket, Story(start).facts, asOf: start)
            #expect(try await harness.events().map(\.name) == ["ticket_sla_stage.entered"])
            try await harness.sweep(at: start + .seconds(1_800))
            #expect(try await harness.events().count == 1)
            for _ in 0..<2 { try await harness.sweep(at: start + .milliseconds(1_800_001)) }
            #expect(try await harness.events().map(\.name).last == "ticket_sla_stage.warning")
            for _ in 0..<2 { try await harness.sweep(at: start + .seconds(9_000)) }
            let events = try await harness.events()
            #expect(
                events.map(\.name) == ["entered", "warning", "breached", "escalated"].map { "ticket_sla_stage.\($0)" })
            #expect(events[2].payload.text("breachedAt") == (start + .seconds(3_600)).rfc3339)
            #expect(events[2].payload["overdueBySeconds"] == 5_400)
            #expect(events[3].payload.text("note") == "Call")
            #expect(events.map { $0.payload["sequence"]?.intValue } == [1, 2, 3, 4])
            for (name, payload) in events {
                let contract = try #require(EventCatalog.contract(named: name))
                #expect(JSONSchema.validate(payload, against: contract.schema) == [])
            }
            let list = try await harness.ok(.get, "sla_clocks?state=breached&sort=targetAt")
            #expect(list["data"]?.arrayValue?.first?.text("ticketId") == ticket.text)
        }
    }

    @Test func `pauses and a response in time are told too`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["first_response": 3_600, "resolution": 7_200])
            let ticket = UUID.v7()
            let start = Timestamp.now + .seconds(1)
            var story = Story(start)
            story.happen(.agentReplied, start + .seconds(60))
            story.set("status", "on_hold", start + .seconds(120))
            story.set("status", "open", start + .seconds(180))
            story.set("status", "resolved", start + .seconds(240))
            for fact in story.facts { try await harness.tell(ticket, [fact], asOf: fact.at) }
            // Again, all at once and in another order: nothing new.
            try await harness.tell(ticket, story.facts.reversed(), asOf: start + .seconds(300))
            let names = try await harness.events().map { "\($0.name.dropFirst(17)) \($0.payload.text("metric") ?? "")" }
            #expect(
                names == [
                    "entered first_response", "entered resolution", "met first_response", "paused resolution",
                    "resumed resolution", "met resolution",
                ])
            let clocks = try await harness.sla(ticket)
            #expect(clocks.map { $0["usedSeconds"]?.intValue } == [60, 180])
            #expect(clocks.map { $0.text("state") } == ["met", "met"])
        }
    }

    @Test func `facts in any order and a rebuild end in the same rows`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["first_response": 600, "next_response": 600, "resolution": 7_200])
            let start = Timestamp.now + .seconds(1)
            var story = Story(start)
            story.happen(.customerWrote, start + .seconds(100))
            story.happen(.agentReplied, start + .seconds(900))
            story.set("status", "on_hold", start + .seconds(1_000))
            story.set("status", "resolved", start + .seconds(2_000))
            let (ordered, shuffled) = (UUID.v7(), UUID.v7())
            for fact in story.facts { try await harness.tell(ordered, [fact], asOf: start + .seconds(3_000)) }
            for fact in story.facts.reversed() {
                try await harness.tell(shuffled, [fact], asOf: start + .seconds(3_000))
            }
            func shown(_ ticket: UUID) async throws -> [JSON] {
                try await harness.sla(ticket).map { clock in
                    var clock = clock.objectValue ?? [:]
                    clock["id"] = nil
                    return .object(clock)
                }
            }
            #expect(try await shown(ordered) == shown(shuffled))
            let key = TicketKey(tenantId: harness.tenant, ticketId: ordered)
            let rows =
                "SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, state, used_seconds, target_at, "
                + "breached_at, finished_at, history, announced, digest FROM sla.sla_clocks WHERE ticket_id = '\(ordered.text)') AS c"
            func rowText() async throws -> String? {
                try await harness.database.transaction(as: .admin) { tx in
                    try await tx.first(.init(unsafe: rows))?.get(0, as: String?.self)
                }
            }
            let live = try await rowText()
            try await harness.database.transaction(as: .admin) { tx in
                try await tx.execute("DELETE FROM sla_clocks WHERE ticket_id = \(ordered)")
                let held = try await harness.keeper.terms.hold([harness.tenant], in: tx)
                try await ClockKeeper.lock([key], in: tx)
                try await ClockKeeper.refold([key], terms: held, asOf: start + .seconds(3_000), in: tx)
            }
            #expect(try await rowText() == live && live != nil)
        }
    }

    @Test func `a clock that a late fact takes back is gone`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["next_response": 600, "resolution": 7_200])
            let start = Timestamp.now + .seconds(1)
            var story = Story(start)
            story.happen(.deleted, start + .seconds(10))
            story.happen(.customerWrote, start + .seconds(20))
            let ticket = UUID.v7()
            // The message is heard of first: it began a clock that the deletion leaves no room for.
            try await harness.tell(ticket, [story.facts[0], story.facts[2]], asOf: start + .seconds(30))
            #expect(try await harness.ok(.get, "sla_clocks")["data"]?.arrayValue?.count == 2)
            try await harness.tell(ticket, [story.facts[1]], asOf: start + .seconds(30))
            let left = try await harness.ok(.get, "sla_clocks")["data"]?.arrayValue ?? []
            #expect(left.map { $0.text("metric") } == ["resolution"] && left.map { $0.text("state") } == ["cancelled"])
        }
    }

    @Test func `damaged clocks are rebuilt as they were, and nothing is told again`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["first_response": 600, "resolution": 7_200])
            let start = Timestamp.now + .seconds(1)
            let tickets = (0..<3).map { _ in UUID.v7() }
            for ticket in tickets { try await harness.tell(ticket, Story(start).facts) }
            func rows() async throws -> [String] {
                try await harness.database.transaction(as: .admin) { tx in
                    try await tx.query(
                        "SELECT (to_jsonb(c) - 'version' - 'created_at' - 'updated_at')::text FROM sla_clocks AS c ORDER BY id"
                    ).map { try $0.get(0, as: String.self) }
                }
            }
            let (sound, told) = (try await rows(), try await harness.events().count)
            func rebuild(_ body: JSONObject = [:], as caller: Caller = Harness.operator) async throws -> Reply {
                var body = body
                body["tenantId"] = .uuid(harness.tenant)
                return try await harness.send(.post, "/v1/admin/sla/clocks/rebuild", .object(body), as: caller)
            }
            try await harness.database.transaction(as: .admin) { tx in
                try await tx.execute("UPDATE sla_clocks SET used_seconds = 7 WHERE ticket_id = \(tickets[0])")
                try await tx.execute(
                    "DELETE FROM sla_clocks WHERE ticket_id = \(tickets[1]) AND metric = 'first_response'")
                try await tx.execute("UPDATE sla_clocks SET state = 'met' WHERE ticket_id = \(tickets[2])")
            }
            #expect(try await rows() != sound)
            let one = try await rebuild(["ticketId": .uuid(tickets[0])])
            #expect(one.json == ["tickets": 1, "corrected": 2, "next": .null], "\(one.text)")
            let all = try await rebuild()
            #expect(all.json == ["tickets": 3, "corrected": 3, "next": .null], "\(all.text)")
            #expect(try await rows() == sound)
            #expect(try await rebuild().json["corrected"] == 0)
            #expect(try await rebuild(["after": .uuid(tickets.max { $0.text < $1.text }!)]).json["tickets"] == 0)
            #expect(try await harness.events().count == told)
            #expect(try await rebuild(["ticketId": .uuid(.v7())]).status == 404)
            #expect(try await rebuild(as: harness.agent).status == 403)
        }
    }

    @Test func `an edited calendar previews exactly the deadlines that then move`() async throws {
        try await Harness.with { harness in
            let always: JSONObject = [
                "name": "Always", "timezone": "UTC",
                "weeklyHours": .object(
                    JSONObject(BusinessCalendar.weekdays.map { ($0, [["00:00", "24:00"]] as JSON) })),
            ]
            let calendar = try await harness.calendar(always)
            let targets: JSON = [
                "normal": [
                    "resolution": ["seconds": 864_000, "hours": "business"], "first_response": ["seconds": 60],
                ]
            ]
            try await harness.policy([:], ["targets": targets, "calendarId": .string(calendar)])
            let tickets = (0..<5).map { _ in UUID.v7() }
            let start = Timestamp.now
            for (index, ticket) in tickets.enumerated() {
                var story = Story(start)
                if index == 0 { story.set("status", "resolved", start) }
                try await harness.tell(ticket, story.facts, asOf: start)
            }
            func deadlines() async throws -> [String: String] {
                let list = try await harness.ok(.get, "sla_clocks?metric=resolution")
                return Dictionary(
                    uniqueKeysWithValues: (list["data"]?.arrayValue ?? []).map {
                        ($0.id, $0.text("targetAt") ?? "none")
                    })
            }
            let before = try await deadlines()
            let tomorrow = Day(text: (Timestamp.now + .seconds(2 * 86_400)).rfc3339.prefix(10))!
            let edit: JSON = ["holidays": [.string(tomorrow.text)]]
            let preview = try await harness.ok(.patch, "business_calendars/\(calendar)?dryRun=true", edit)
            #expect(preview["deadlines"] == 4 && preview["tickets"] == 4)
            #expect(try await deadlines() == before)
            let version = try await harness.ok(.get, "business_calendars/\(calendar)")["version"]
            #expect(version == 1)
            try await harness.ok(.patch, "business_calendars/\(calendar)", edit)
            let after = try await deadlines()
            let moved = after.filter { before[$0.key] != $0.value }
            let previewed = Dictionary(
                uniqueKeysWithValues: (preview["moves"]?.arrayValue ?? []).map {
                    ($0.text("slaClockId") ?? "", $0.text("newTargetAt") ?? "none")
                })
            #expect(moved == previewed)
            #expect(moved.count == 4)
            #expect(try await harness.events().filter { $0.name == "ticket_sla_stage.retargeted" }.count == 4)
        }
    }

    @Test func `a policy's change moves tickets only when asked to`() async throws {
        try await Harness.with { harness in
            let policy = try await harness.policy(["resolution": 7_200])
            let ticket = UUID.v7()
            let start = Timestamp.now
            try await harness.tell(ticket, Story(start).facts, asOf: start)
            let edit: JSON = ["targets": ["normal": ["resolution": ["seconds": 3_600]]]]
            let none = try await harness.ok(.patch, "sla_policies/\(policy)?dryRun=true", edit)
            #expect(none["deadlines"] == 0)
            let one = try await harness.ok(.patch, "sla_policies/\(policy)?dryRun=true&moveTickets=true", edit)
            #expect(one["deadlines"] == 1)
            try await harness.ok(.patch, "sla_policies/\(policy)", edit)
            #expect(try await harness.sla(ticket).first?["targetSeconds"] == 7_200)
            try await harness.ok(.patch, "sla_policies/\(policy)?moveTickets=true", ["position": 5])
            let clock = try #require(try await harness.sla(ticket).first)
            #expect(clock["targetSeconds"] == 3_600 && clock["policyVersion"] == 3)
        }
    }

    @Test func `several sweepers share the work and tell each alert once`() async throws {
        try await Harness.with { harness in
            try await harness.policy(["resolution": 60])
            let start = Timestamp.now + .seconds(1)
            let tickets = (0..<60).map { _ in UUID.v7() }
            for ticket in tickets { try await harness.tell(ticket, Story(start).facts, asOf: start) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await harness.sweep(at: start + .seconds(600)) }
                }
                try await group.waitForAll()
            }
            let breaches = try await harness.events().filter { $0.name == "ticket_sla_stage.breached" }
            #expect(breaches.count == 60)
            #expect(Set(breaches.compactMap { $0.payload.text("ticketId") }).count == 60)
        }
    }

    @Test func `deadline and elapsed show their arithmetic`() async throws {
        try await Harness.with { harness in
            var office = Harness.office
            office["holidays"] = ["2026-12-25"]
            let body: JSON = ["calendar": .object(office), "start": "2026-12-24T15:00:00Z", "seconds": 14_400]
            let due = try await harness.ok(.post, "sla/deadline", body)
            #expect(due.text("deadline") == "2026-12-28T11:00:00.000Z")
            #expect(due["segments"]?.arrayValue?.map { $0["seconds"] } == [7_200, 7_200])
            #expect(
                due["skipped"] == [
                    ["date": "2026-12-25", "reason": "holiday"], ["date": "2026-12-26", "reason": "closed"],
                    ["date": "2026-12-27", "reason": "closed"],
                ])
            let stored = try await harness.calendar(office)
            let paused: JSON = [
                "calendarId": .string(stored), "start": "2026-12-28T09:00:00Z", "seconds": 3_600,
                "pauses": [["2026-12-28T09:30:00Z", "2026-12-28T10:00:00Z"]],
            ]
            #expect(
                try await harness.ok(.post, "sla/deadline", paused).text("deadline") == "2026-12-28T10:30:00.000Z")
            let span: JSON = [
                "calendarId": .string(stored), "start": "2026-12-24T15:00:00Z", "end": "2026-12-28T11:00:00Z",
            ]
            #expect(try await harness.ok(.post, "sla/elapsed", span)["elapsedSeconds"] == 14_400)
        }
    }
}
