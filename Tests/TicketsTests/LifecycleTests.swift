import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

/// Any sequence of operations, through the API: what it says, what its histories say and what its events say is one story.
@Suite struct LifecycleTests {
    @Test(arguments: UInt64(0)..<6)
    func `any life of a ticket is told completely by its events and its audit`(seed: UInt64) async throws {
        try await Harness.with { harness in
            var dice = Dice(seed: seed)
            let created = try await harness.ticket(Self.fields(&dice))
            var life = Life(id: created.id)
            life.note(created)
            for _ in 0..<40 {
                let before = try await harness.get("tickets/\(life.id)")
                let reply = try await step(harness, &dice, life)
                let after = try await harness.get("tickets/\(life.id)")
                if reply.status >= 400 {
                    #expect([404, 409, 412, 422].contains(reply.status), "\(reply.text)")
                    #expect(after.json == before.json, "a refused step changes nothing: \(reply.text)")
                } else if after.status == 200 {
                    life.note(after.json)
                } else {
                    life.deleted()
                }
            }
            try await check(harness, life)
        }
    }

    /// What a reader saw, in order.
    struct Life {
        let id: String
        var snapshots: [JSON] = []
        /// Whether the ticket is there now.
        var isThere = true

        init(id: String) { self.id = id }

        mutating func note(_ ticket: JSON) {
            isThere = true
            if snapshots.last != ticket { snapshots.append(ticket) }
        }

        mutating func deleted() { isThere = false }
    }

    private static func fields(_ dice: inout Dice) -> JSONObject {
        var fields: JSONObject = ["subject": .string("s" + dice.text(maxLength: 40) + "s")]
        if dice.chance(50) { fields["description"] = .string(dice.text(maxLength: 200).replacing("<", with: "")) }
        if dice.chance(30) { fields["status"] = .string(dice.pick(TicketStatus.allCases).rawValue) }
        if dice.chance(30) { fields["priority"] = .string(dice.pick(TicketPriority.allCases).rawValue) }
        if dice.chance(30) { fields["assigneeId"] = .uuid(.v7()) }
        if dice.chance(30) { fields["tags"] = .array((0..<3).map { _ in .string(dice.pick(["a", "B", "c d", "é"])) }) }
        if dice.chance(30) { fields["customFields"] = ["n": .int(Int64.random(in: -9...9, using: &dice)), "d": 1.5] }
        if dice.chance(30) { fields["requesterEmail"] = "customer@example.com" }
        return fields
    }

    private func step(_ harness: Harness, _ dice: inout Dice, _ life: Life) async throws -> Reply {
        let path = "tickets/\(life.id)"
        switch Int.random(in: 0..<16, using: &dice) {
        case 0, 1, 2:
            return try await harness.send(
                .post, "\(path)/status", ["status": .string(dice.pick(TicketStatus.allCases).rawValue)])
        case 3:
            return try await harness.send(
                .post, "\(path)/priority", ["priority": .string(dice.pick(TicketPriority.allCases).rawValue)])
        case 4: return try await harness.send(.post, "\(path)/assign", ["assigneeId": .uuid(.v7())])
        case 5: return try await harness.send(.post, "\(path)/unassign")
        case 6: return try await harness.send(.post, "\(path)/transfer", ["groupId": .uuid(.v7())])
        case 7: return try await harness.send(.post, "\(path)/close")
        case 8: return try await harness.send(.post, "\(path)/reopen")
        case 9, 10, 11:
            let author = dice.pick(["agent", "customer", "system"])
            return try await harness.send(
                .post, "\(path)/messages",
                [
                    "authorType": .string(author), "isPublic": .bool(author == "customer" || dice.chance(60)),
                    "bodyText": .string("m" + dice.text(maxLength: 60)),
                ])
        case 12:
            if dice.chance(30) { return try await harness.send(.delete, path) }
            if !life.isThere { return try await harness.send(.post, "\(path)/restore") }
            return try await harness.send(.post, "\(path)/tags", ["name": .string(dice.pick(["x", "Y", "a"]))])
        case 13:
            if dice.chance(50), let tag = try await harness.get("\(path)/tags").data.first {
                return try await harness.send(.delete, "\(path)/tags/\(tag.id)")
            }
            return try await harness.send(
                .post, "\(path)/participants", ["role": "cc", "email": .string("\(dice.pick(["p", "q"]))@example.com")])
        case 14:
            if let participant = try await harness.get("\(path)/participants").data.first {
                return try await harness.send(.delete, "\(path)/participants/\(participant.id)")
            }
            return try await harness.send(.post, "\(path)/restore")
        default:
            return try await harness.send(.patch, path, .object(Self.fields(&dice)))
        }
    }

    // MARK: Checking

    private func check(_ harness: Harness, _ life: Life) async throws {
        let now = try await harness.get("tickets/\(life.id)")
        let events = try await harness.events(of: life.id)
        checkSequences(events)
        // A copy kept from events alone is the ticket, at every version and in the end.
        let copy = Copy(of: events)
        #expect(copy.ticket == (now.status == 200 ? now.json : nil))
        for snapshot in life.snapshots {
            #expect(copy.byVersion[snapshot.number("version")!] == snapshot, "version \(snapshot.number("version")!)")
        }
        try await checkHistory(harness, life)
        if now.status == 404 { try await harness.ok(.post, "tickets/\(life.id)/restore") }
        let ticket = try await harness.get("tickets/\(life.id)").json
        try await checkNested(harness, ticket, copy)
        try await checkStays(harness, ticket, events)
        try await checkAudit(harness, ticket)
        try await checkMetrics(harness, ticket)
    }

    private func checkSequences(_ events: [PublishedEvent]) {
        #expect(events.map(\.sequence) == Array(1...Int64(events.count)))
        #expect(events.map(\.version) == events.map(\.version).sorted())
        #expect(Set(events.map(\.version)) == Set(1...(events.last?.version ?? 1)), "every version has its events")
        for (version, told) in Dictionary(grouping: events, by: \.version) where version > 1 {
            let own = told.filter { ["ticket.updated", "ticket.deleted", "ticket.restored"].contains($0.name) }
            #expect(own.count == 1, "version \(version): \(told.map(\.name))")
        }
        for event in events {
            let contract = EventCatalog.contract(named: event.name)
            #expect(contract != nil, "\(event.name)")
            if let contract {
                #expect(JSONSchema.validate(event.payload, against: contract.schema).isEmpty, "\(event.name)")
            }
        }
    }

    private func checkHistory(_ harness: Harness, _ life: Life) async throws {
        // Two changes may fall into one millisecond; the later one is what that time shows.
        var byTime: [String: JSON] = [:]
        for snapshot in life.snapshots { byTime[snapshot.text("updatedAt")!] = snapshot }
        for (time, snapshot) in byTime {
            let then = try await harness.get("tickets/\(life.id)?asOf=\(time)")
            #expect(then.json == snapshot, "as of \(time)")
        }
        let before = life.snapshots[0]["createdAt"]!.timestampValue! - .milliseconds(1)
        #expect(try await harness.get("tickets/\(life.id)?asOf=\(before.rfc3339)").status == 404)
    }

    private func checkNested(_ harness: Harness, _ ticket: JSON, _ copy: Copy) async throws {
        let path = "tickets/\(ticket.id)"
        #expect(try await harness.get("\(path)/messages?sort=id&limit=200").data == copy.messages)
        let people = try await harness.get("\(path)/participants?sort=id").data
        #expect(people == copy.participants.values.sorted { $0.id < $1.id })
        let tags = try await harness.get("\(path)/tags").data.compactMap { $0.text("name") }
        #expect(tags == ticket["tags"]?.arrayValue?.compactMap(\.stringValue))
        #expect(Set(tags) == copy.tags)
        let expanded = try await harness.get("\(path)?expand=messages,participants,metrics,history").json
        #expect(expanded["messages"]?.arrayValue == copy.messages)
        #expect(expanded["participants"]?.arrayValue == people)
        #expect(expanded["history"]?.arrayValue?.isEmpty == false)
    }

    private func checkStays(_ harness: Harness, _ ticket: JSON, _ events: [PublishedEvent]) async throws {
        let stays = try await harness.get("tickets/\(ticket.id)/status_durations?limit=200").data
        #expect(stays.first?["startedAt"] == ticket["createdAt"])
        for (one, next) in zip(stays, stays.dropFirst()) {
            #expect(one["endedAt"] == next["startedAt"])
            let span = one["endedAt"]!.timestampValue!.microseconds - one["startedAt"]!.timestampValue!.microseconds
            #expect(one.number("seconds") == span / 1_000_000)
        }
        #expect(stays.last?["endedAt"] == .null)
        #expect(stays.last?["status"] == ticket["status"])
        let told = events.filter { $0.name == "ticket.status_changed" }.map { $0.payload.text("newStatusId") }
        #expect(stays.dropFirst().map { $0.text("status") } == told)
    }

    private func checkAudit(_ harness: Harness, _ ticket: JSON) async throws {
        var audits: [JSON] = []
        var path: String? = "tickets/\(ticket.id)/audits?entityType=ticket&sort=id&limit=50"
        while let next = path {
            let page = try await harness.get(next)
            audits += page.data
            path = page.json["page"]?.text("next").map {
                "tickets/\(ticket.id)/audits?entityType=ticket&sort=id&limit=50&cursor=\($0)"
            }
        }
        #expect(audits.compactMap { $0.number("entityVersion") } == Array(1...ticket.number("version")!))
        #expect(audits.allSatisfy { $0["actorUserId"]?.uuidValue == Harness.agentId && $0.text("requestId") == "r-1" })
    }

    private func checkMetrics(_ harness: Harness, _ ticket: JSON) async throws {
        try await harness.settle()
        let live = try await harness.get("tickets/\(ticket.id)/metrics").data
        #expect(live.count == 1)
        #expect(live.first?.number("reopens") == ticket.number("reopenedCount"))
        try await harness.settle()
        #expect(
            try await harness.get("tickets/\(ticket.id)/metrics").data == live, "the same events again change nothing")
        let rebuilt = try await harness.ok(.post, "ticket_metrics/rebuild")
        #expect(rebuilt.number("tickets") == 1)
        #expect(try await harness.get("tickets/\(ticket.id)/metrics").data == live)
    }

    /// A ticket and what hangs on it, kept from events alone.
    struct Copy {
        var ticket: JSON?
        var byVersion: [Int64: JSON] = [:]
        var messages: [JSON] = []
        var participants: [String: JSON] = [:]
        var tags: Set<String> = []

        init(of events: [PublishedEvent]) {
            for event in events { take(event) }
        }

        private mutating func take(_ event: PublishedEvent) {
            let payload = event.payload
            switch event.name {
            case "ticket.created", "ticket.restored": ticket = payload["snapshot"]
            case "ticket.deleted": ticket = nil
            case "ticket.updated":
                for (field, change) in payload["changes"]?.objectValue ?? [:] {
                    #expect(ticket?[field] == change["previous"], "\(field)")
                    ticket?[field] = change["new"]
                }
            case "ticket_message.added": messages.append(payload["snapshot"]!)
            case "ticket_participant.added": participants[payload.text("participantId")!] = payload["snapshot"]
            case "ticket_participant.removed": participants[payload.text("participantId")!] = nil
            case "ticket.tags_changed":
                for tag in payload["addedTags"]?.arrayValue ?? [] { tags.insert(tag.text("name")!) }
                for tag in payload["removedTags"]?.arrayValue ?? [] { tags.remove(tag.text("name")!) }
            default: break
            }
            if let ticket { byVersion[event.version] = ticket }
        }
    }
}
