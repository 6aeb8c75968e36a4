import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

@Suite struct ListTests {
    /// Every filter and sort against the same done by hand.
    @Test(arguments: UInt64(0)..<2)
    func `lists show what their filters say, in the order of their sort`(seed: UInt64) async throws {
        try await Harness.with { harness in
            var dice = Dice(seed: seed)
            let (agents, groups, people) = (
                (0..<3).map { _ in UUID.v7() }, [UUID.v7(), UUID.v7()], [UUID.v7(), UUID.v7()]
            )
            var tickets: [JSON] = []
            for index in 0..<60 {
                var fields: JSONObject = [
                    "subject": .string("s\(index)"), "status": .string(dice.pick(TicketStatus.allCases).rawValue),
                    "priority": .string(dice.pick(TicketPriority.allCases).rawValue),
                    "type": .string(dice.pick(TicketType.allCases).rawValue),
                    "channel": .string(dice.pick(TicketChannel.allCases).rawValue), "externalId": .string("e\(index)"),
                    "customFields": ["color": .string(dice.pick(["red", "blue"])), "n": .int(Int64(index % 3))],
                ]
                if dice.chance(70) { fields["assigneeId"] = .uuid(dice.pick(agents)) }
                if dice.chance(70) { fields["groupId"] = .uuid(dice.pick(groups)) }
                if dice.chance(70) { fields["requesterId"] = .uuid(dice.pick(people)) }
                if dice.chance(70) { fields["organizationId"] = .uuid(dice.pick(people)) }
                if dice.chance(50) { fields["requesterEmail"] = .string(dice.pick(["A@x.org", "b@x.org"])) }
                if dice.chance(60) {
                    fields["dueAt"] = .string("2026-0\(Int.random(in: 1...9, using: &dice))-01T00:00:00.000Z")
                }
                if dice.chance(60) { fields["tags"] = .array([.string(dice.pick(["a", "b"])), "c"]) }
                tickets.append(try await harness.ticket(fields))
            }
            for _ in 0..<12 {
                let ticket = dice.pick(tickets)
                _ = try await harness.send(
                    .patch, "tickets/\(ticket.id)", ["subject": .string("touched \(dice.next())")])
            }
            tickets = try await harness.get("tickets?limit=200&sort=number").data
            #expect(tickets.count == 60)
            let middle = tickets[30].text("createdAt")!
            func text(_ key: String) -> (JSON) -> String? { { $0.text(key) } }
            let filters: [(String, (JSON) -> Bool)] = [
                ("status=open,closed", { ["open", "closed"].contains($0.text("status")) }),
                ("status=open", { $0.text("status") == "open" }),
                ("priority=urgent", { $0.text("priority") == "urgent" }),
                ("type=task", { $0.text("type") == "task" }),
                ("channel=email,import", { ["email", "import"].contains($0.text("channel")) }),
                ("assigneeId=\(agents[0].text)", { $0["assigneeId"]?.uuidValue == agents[0] }),
                ("assigneeId=null", { $0["assigneeId"] == .null }),
                ("groupId=\(groups[1].text)", { $0["groupId"]?.uuidValue == groups[1] }),
                ("requesterId=\(people[0].text)", { $0["requesterId"]?.uuidValue == people[0] }),
                ("requesterEmail=a@X.org", { $0.text("requesterEmail") == "A@x.org" }),
                ("organizationId=\(people[1].text)", { $0["organizationId"]?.uuidValue == people[1] }),
                ("tag=A", { $0["tags"]?.arrayValue?.contains("a") == true }),
                ("tag=a,b", { $0["tags"]?.arrayValue?.contains("c") == true }),
                ("externalId=e7", { $0.text("externalId") == "e7" }),
                ("customFields.color=red", { $0["customFields"]?.text("color") == "red" }),
                ("customFields.color=red,green", { $0["customFields"]?.text("color") == "red" }),
                (
                    "customFields.n=2&status=open",
                    { $0["customFields"]?.number("n") == 2 && $0.text("status") == "open" }
                ),
                ("createdAt%5Bgte%5D=\(middle)", { $0.text("createdAt")! >= middle }),
                ("updatedAt%5Blt%5D=\(middle)", { $0.text("updatedAt")! < middle }),
                ("dueAt%5Bgt%5D=2026-04-01T00:00:00.000Z", { ($0.text("dueAt") ?? "") > "2026-04-01T00:00:00.000Z" }),
                ("number%5Blte%5D=9", { $0.number("number")! <= 9 }),
                ("key=T-3", { $0.text("key") == "T-3" }),
            ]
            // Null is the largest value.
            func due(_ ticket: JSON) -> String { ticket.text("dueAt") ?? "~" }
            func rank(_ ticket: JSON) -> Int { TicketPriority(rawValue: ticket.text("priority")!)!.rank }
            let sorts: [(String, (JSON, JSON) -> Bool)] = [
                ("-id", { $0.id > $1.id }), ("number", { $0.number("number")! < $1.number("number")! }),
                ("-createdAt", { ($0.text("createdAt")!, $0.id) > ($1.text("createdAt")!, $1.id) }),
                ("updatedAt", { ($0.text("updatedAt")!, $0.id) < ($1.text("updatedAt")!, $1.id) }),
                ("priority", { (rank($0), $0.id) < (rank($1), $1.id) }),
                ("-priority", { (rank($0), $0.id) > (rank($1), $1.id) }),
                ("dueAt", { (due($0), $0.id) < (due($1), $1.id) }), ("-dueAt", { (due($0), $0.id) > (due($1), $1.id) }),
            ]
            for (query, matches) in filters {
                let (sort, before) = dice.pick(sorts)
                let wanted = tickets.filter(matches).sorted(by: before).compactMap { $0.text("key") }
                let seen = try await all(harness, "tickets?\(query)&sort=\(sort)")
                #expect(seen == wanted, "\(query) \(sort)")
            }
            for (sort, before) in sorts {
                #expect(
                    try await all(harness, "tickets?sort=\(sort)")
                        == tickets.sorted(by: before).compactMap { $0.text("key") }, "\(sort)")
            }
            #expect(try await harness.get("tickets?colour=1").status == 400)
            #expect(try await harness.get("tickets?status=gone").status == 400)
            #expect(try await harness.get("tickets?customFields.=x").status == 400)
        }
    }

    /// The keys of all pages.
    private func all(_ harness: Harness, _ query: String) async throws -> [String] {
        var keys: [String] = []
        var cursor: String?
        repeat {
            let page = try await harness.get(query + "&limit=7" + (cursor.map { "&cursor=\($0)" } ?? ""))
            try #require(page.status == 200, "\(query): \(page.text)")
            keys += page.data.compactMap { $0.text("key") }
            cursor = page.json["page"]?.text("next")
        } while cursor != nil
        return keys
    }

    @Test func `an export has the list's rows, and can be imported`() async throws {
        try await Harness.with { harness in
            for index in 0..<5 {
                try await harness.ticket([
                    "subject": .string("a \"quoted\", one\n\(index)"), "description": "line\r\nline",
                    "tags": ["x", "y z"],
                    "externalId": .string("e\(index)"), "customFields": ["a": "1,2"],
                    "status": index == 2 ? "closed" : "open",
                ])
            }
            let lines = try await harness.get("tickets/export?format=ndjson&status=open&sort=number")
            #expect(lines.headers[.contentType] == "application/x-ndjson")
            let exported = try lines.text.split(separator: "\n").map { try JSON.parse($0.utf8) }
            #expect(exported == (try await harness.get("tickets?status=open&sort=number").data))
            let csv = try await harness.get("tickets/export?sort=number")
            #expect(csv.headers[.contentType] == "text/csv; charset=utf-8")
            let elsewhere = Harness(client: harness.client, test: harness.test)
            let job = try await elsewhere.importFile(csv.text)
            #expect(job.number("createdRows") == 5 && job.number("failedRows") == 0)
            let copies = try await elsewhere.get("tickets?sort=number").data
            let originals = try await harness.get("tickets?sort=number").data
            for (copy, original) in zip(copies, originals) {
                for field in [
                    "subject", "description", "tags", "externalId", "customFields", "status", "priority", "channel",
                ] {
                    #expect(copy[field] == original[field], "\(field)")
                }
            }
            #expect(try await harness.get("tickets/export?limit=5").status == 400)
            #expect(try await harness.get("tickets/export?sort=nothing").status == 400)
        }
    }
}
