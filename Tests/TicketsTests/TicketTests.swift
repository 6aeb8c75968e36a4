import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

@Suite struct TicketTests {
    @Test func `what was written is read back, and told as it is shown`() async throws {
        try await Harness.with { harness in
            let (assignee, group, organization) = (UUID.v7(), UUID.v7(), UUID.v7())
            let body: JSON = [
                "subject": "Drucker brennt 🔥", "description": "Seit heute <b>früh</b>.", "status": "in_progress",
                "priority": "urgent", "type": "incident", "channel": "phone", "requesterEmail": "Jane@Example.com",
                "organizationId": .uuid(organization), "assigneeId": .uuid(assignee), "groupId": .uuid(group),
                "customFields": ["room": "B 12", "floor": 2, "nested": ["a": [1, .null]]],
                "dueAt": "2026-12-24T18:00:00.000Z", "tags": ["VPN", " mail ", "vpn"], "externalId": "ext-1",
            ]
            let created = try await harness.ok(.post, "tickets", body)
            #expect(created.text("key") == "T-1")
            #expect(created.number("number") == 1)
            #expect(created.number("version") == 1)
            #expect(created["tags"] == ["mail", "vpn"])
            #expect(created.text("responseState") == "awaiting_internal")
            for (name, value) in body.objectValue! where name != "tags" { #expect(created[name] == value, "\(name)") }
            let read = try await harness.get("tickets/\(created.id)")
            #expect(read.json == created)
            #expect(read.headers[.eTag] == "\"1\"")
            let events = try await harness.events(of: created.id)
            #expect(events.map(\.name) == ["ticket.created", "ticket.assigned", "ticket.tags_changed"])
            #expect(events.map(\.sequence) == [1, 2, 3])
            #expect(events.allSatisfy { $0.version == 1 })
            #expect(events[0].payload["snapshot"] == created)
            #expect(events[0].payload["actorUserId"]?.uuidValue == Harness.agentId)
            #expect(events[1].payload["newAssigneeId"]?.uuidValue == assignee)
            let tags = try await harness.get("tickets/\(created.id)/tags").data
            #expect(tags.map { $0.text("name") } == ["mail", "vpn"])
            #expect(events[2].payload["addedTagIds"]?.arrayValue == tags.compactMap { $0["id"] })
            let stays = try await harness.get("tickets/\(created.id)/status_durations").data
            #expect(stays.map { $0.text("status") } == ["in_progress"])
            let holders = try await harness.get("tickets/\(created.id)/assignments").data
            #expect(holders.map { $0["assigneeId"]?.uuidValue } == [assignee])
        }
    }

    @Test func `all faults of a ticket are named at once`() async throws {
        try await Harness.with { harness in
            let reply = try await harness.send(
                .post, "tickets",
                [
                    "subject": "  ", "priority": "huge", "number": 7, "dueAt": "tomorrow", "requesterEmail": "x",
                    "colour": 1,
                ])
            #expect(reply.status == 422)
            #expect(
                reply.faults == [
                    "/colour unknown_field", "/dueAt bad_format", "/number read_only", "/priority unknown_value",
                    "/requesterEmail too_short", "/subject blank",
                ])
            #expect(try await harness.send(.post, "tickets", [:]).faults == ["/subject required"])
            let long = String(repeating: "ä", count: 40_000)
            #expect(
                try await harness.send(.post, "tickets", ["subject": "x", "description": .string(long)]).faults
                    == ["/description bad_format"])
            #expect(try await harness.events().isEmpty)
        }
    }

    @Test func `a refused step names the steps there are`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let path = "tickets/\(ticket.id)"
            let same = try await harness.send(.post, "\(path)/status", ["status": "open"])
            #expect(same.status == 409)
            #expect(
                same.allowed == ["in_progress", "answered", "waiting_for_response", "on_hold", "resolved", "closed"])
            try await harness.ok(.post, "\(path)/close", ["resolution": "Unplugged it", "reason": "done"])
            #expect(try await harness.send(.patch, path, ["status": "on_hold"]).allowed == ["open"])
            #expect(try await harness.send(.post, "\(path)/close").status == 409)
            let before = try await harness.get(path).json
            #expect(before.text("status") == "closed")
            let closed = try await harness.events(of: ticket.id).first { $0.name == "ticket.closed" }
            #expect(closed?.payload.text("resolution") == "Unplugged it")
            try await harness.organization(settings: ["reopenWindowDays": 3])
            try await harness.age(ticket.id, days: 2)
            let reopened = try await harness.ok(.post, "\(path)/reopen", ["reason": "still broken"])
            #expect(reopened.text("status") == "open" && reopened.number("reopenedCount") == 1)
            try await harness.ok(.post, "\(path)/close")
            try await harness.age(ticket.id, days: 4)
            let late = try await harness.send(.post, "\(path)/reopen")
            #expect(late.status == 409)
            #expect(late.json.text("type")?.hasSuffix("reopen_window_over") == true)
            #expect(late.allowed == [])
        }
    }

    @Test func `each operation is one change with its own event`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let path = "tickets/\(ticket.id)"
            let (agent, other, first, second) = (UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7())
            let steps: [(String, JSON, [String])] = [
                ("status", ["status": "in_progress", "reason": "looking"], ["ticket.status_changed"]),
                ("priority", ["priority": "high"], ["ticket.priority_changed"]),
                ("priority", ["priority": "high"], []),
                (
                    "assign", ["assigneeId": .uuid(agent), "groupId": .uuid(first)],
                    ["ticket.queue_changed", "ticket.assigned"]
                ),
                ("transfer", ["groupId": .uuid(second)], ["ticket.queue_changed", "ticket.unassigned"]),
                ("assign", ["assigneeId": .uuid(other)], ["ticket.assigned"]),
                ("unassign", [:], ["ticket.unassigned"]),
                ("unassign", [:], []),
                (
                    "close", [:], ["ticket.status_changed", "ticket.closed", "ticket.response_state_changed"]
                ),
                (
                    "reopen", ["status": "open"],
                    ["ticket.status_changed", "ticket.reopened", "ticket.response_state_changed"]
                ),
            ]
            var version: Int64 = 1
            var seen = 1
            for (name, body, expected) in steps {
                let after = try await harness.ok(.post, "\(path)/\(name)", body)
                let all = try await harness.events(of: ticket.id)
                let new = all[seen...]
                seen = all.count
                #expect(new.map(\.name) == (expected.isEmpty ? [] : ["ticket.updated"] + expected), "\(name)")
                if !expected.isEmpty { version += 1 }
                #expect(after.number("version") == version)
                #expect(new.allSatisfy { $0.version == version })
                #expect(try await harness.get(path).json == after)
            }
            let all = try await harness.events(of: ticket.id)
            #expect(all.map(\.sequence) == Array(1...Int64(all.count)))
            #expect(all.first { $0.name == "ticket.status_changed" }?.payload.text("reason") == "looking")
            let holders = try await harness.get("\(path)/assignments?sort=id").data
            #expect(holders.map { $0["assigneeId"]?.uuidValue } == [agent, nil, other, nil])
            #expect(holders.map { $0["groupId"]?.uuidValue } == [first, second, second, second])
            #expect(holders.dropLast().allSatisfy { $0["endedAt"] != .null } && holders.last?["endedAt"] == .null)
        }
    }

    @Test func `deleted is gone, and comes back as it was`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket(["externalId": "x", "tags": ["a"]])
            let path = "tickets/\(ticket.id)"
            #expect(try await harness.send(.delete, path).status == 204)
            #expect(try await harness.get(path).status == 404)
            #expect(try await harness.get("tickets").data.isEmpty)
            #expect(try await harness.get("tickets?tag=a").data.isEmpty)
            for name in ["messages", "participants", "tags", "assignments", "status_durations", "metrics", "audits"] {
                #expect(try await harness.get("\(path)/\(name)").status == 404, "\(name)")
            }
            #expect(try await harness.send(.post, "\(path)/status", ["status": "closed"]).status == 404)
            #expect(try await harness.send(.post, "\(path)/messages", ["bodyText": "x"]).status == 404)
            // Its external id is free meanwhile; taken again, it stands in the way of the restoring.
            let second = try await harness.ticket(["externalId": "x"])
            #expect(try await harness.send(.post, "\(path)/restore").status == 409)
            try await harness.ok(.patch, "tickets/\(second.id)", ["externalId": .null])
            let restored = try await harness.ok(.post, "\(path)/restore")
            #expect(restored.number("version") == 3)
            #expect(try await harness.get(path).json == restored)
            let events = try await harness.events(of: ticket.id).filter { $0.name.hasPrefix("ticket.") }
            #expect(events.suffix(2).map(\.name) == ["ticket.deleted", "ticket.restored"])
            #expect(events.suffix(2).map(\.version) == [2, 3])
            #expect(events.last?.payload["snapshot"] == restored)
            #expect(try await harness.send(.post, "tickets", ["subject": "y", "externalId": "x"]).status == 409)
        }
    }

    @Test func `a requester is found by address and an address by requester`() async throws {
        try await Harness.with { harness in
            let jane = UUID.v7()
            try await harness.user(jane, email: "Jane@Example.com", roles: ["customer"])
            let byAddress = try await harness.ticket(["requesterEmail": "jANE@example.COM"])
            #expect(byAddress["requesterId"]?.uuidValue == jane)
            #expect(byAddress.text("requesterEmail") == "jANE@example.COM")
            let byId = try await harness.ticket(["requesterId": .uuid(jane)])
            #expect(byId.text("requesterEmail") == "Jane@Example.com")
            let unknown = try await harness.ticket(["requesterEmail": "who@example.com"])
            #expect(unknown["requesterId"] == .null)
            #expect(try await harness.get("tickets?requesterEmail=JANE@example.com").data.count == 2)
            #expect(try await harness.get("tickets?requesterId=\(jane.text)").data.count == 2)
        }
    }

    @Test func `known non-agents get no tickets`() async throws {
        try await Harness.with { harness in
            let (gone, customer) = (UUID.v7(), UUID.v7())
            try await harness.user(gone, email: "gone@example.com", status: "deactivated")
            try await harness.user(customer, email: "c@example.com", roles: ["customer"])
            let ticket = try await harness.ticket()
            for (id, code) in [(gone, "deactivated"), (customer, "not_an_agent")] {
                let reply = try await harness.send(.post, "tickets/\(ticket.id)/assign", ["assigneeId": .uuid(id)])
                #expect(reply.status == 422 && reply.faults == ["/assigneeId \(code)"])
                let patch = try await harness.send(.patch, "tickets/\(ticket.id)", ["assigneeId": .uuid(id)])
                #expect(patch.status == 422)
                let made = try await harness.send(.post, "tickets", ["subject": "x", "assigneeId": .uuid(id)])
                #expect(made.status == 422)
            }
        }
    }

    @Test func `keys carry the tenant's prefix of the day`() async throws {
        try await Harness.with { harness in
            let first = try await harness.ticket()
            try await harness.organization(prefix: "ACME")
            let second = try await harness.ticket()
            #expect(first.text("key") == "T-1" && second.text("key") == "ACME-2")
            #expect(try await harness.get("tickets/\(first.id)").json.text("key") == "T-1")
        }
    }

    @Test func `an operation honours If-Match and Idempotency-Key`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let path = "tickets/\(ticket.id)/status"
            let stale = try await harness.send(
                .post, path, ["status": "on_hold"], headers: [.ifMatch: "\"9\""])
            #expect(stale.status == 412)
            let key: HTTPFields = [HTTPField.Name("Idempotency-Key")!: "k-1"]
            let once = try await harness.send(.post, path, ["status": "on_hold"], headers: key)
            let again = try await harness.send(.post, path, ["status": "on_hold"], headers: key)
            #expect(once.status == 200 && again.status == 200 && once.json == again.json)
            #expect(once.json.number("version") == 2)
        }
    }

    @Test func `assigning needs its permission, also by patch`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let worker = harness.agent(["tickets.read", "tickets.update"])
            let patch = try await harness.send(
                .patch, "tickets/\(ticket.id)", ["assigneeId": .uuid(.v7())], as: worker)
            #expect(patch.status == 403 && patch.json.text("permission") == "tickets.assign")
            #expect(try await harness.send(.post, "tickets/\(ticket.id)/unassign", as: worker).status == 403)
            #expect(try await harness.send(.patch, "tickets/\(ticket.id)", ["subject": "y"], as: worker).status == 200)
        }
    }

    @Test func `platform administrators reach every tenant's tickets`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let path = "/v1/admin/tickets/\(ticket.id)"
            #expect(try await harness.get(path, as: Harness.admin).json == ticket)
            let moved = try await harness.ok(.post, "\(path)/status", ["status": "on_hold"], as: Harness.admin)
            #expect(moved.text("status") == "on_hold")
            let message = try await harness.send(
                .post, "\(path)/messages", ["bodyText": "hi", "authorType": "agent"], as: Harness.admin)
            #expect(message.status == 201)
            #expect(
                try await harness.get("/v1/admin/tickets?tenantId=\(UUID.v7().text)", as: Harness.admin).data.isEmpty)
            #expect(try await harness.get("/v1/admin/tickets", as: Harness.admin).data.count == 1)
            let other = try await harness.send(
                .post, "/v1/admin/tickets", ["tenantId": .uuid(.v7()), "subject": "z"], as: Harness.admin)
            #expect(other.status == 201 && other.json.number("number") == 1)
        }
    }
}

@Suite struct AdminTests {
    @Test func `administrators put figures and stays right by hand`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let admin = "/v1/admin/tickets/\(ticket.id)"
            // A ticket has figures from the beginning.
            let first = try #require(try await harness.get("tickets/\(ticket.id)/metrics").data.first)
            #expect(first.number("replies") == 0 && first.number("version") == 1)
            #expect(try await harness.send(.post, "\(admin)/metrics", [:], as: Harness.admin).status == 409)
            try await harness.ok(.patch, "\(admin)/metrics/\(first.id)", ["replies": 4], as: Harness.admin)
            #expect(try await harness.get("tickets/\(ticket.id)/metrics").data.first?.number("replies") == 4)
            #expect(try await harness.send(.delete, "\(admin)/metrics/\(first.id)", as: Harness.admin).status == 204)
            #expect(try await harness.get("tickets/\(ticket.id)/metrics").data.isEmpty)
            try await harness.ok(.post, "\(admin)/metrics", ["replies": 3], as: Harness.admin)
            #expect(try await harness.get("tickets/\(ticket.id)/metrics").data.first?.number("replies") == 3)
            #expect(try await harness.send(.post, "tickets/\(ticket.id)/metrics", [:]).status == 405)
            let stays = "\(admin)/status_durations"
            let stay: JSON = [
                "status": "on_hold", "startedAt": "2026-01-01T10:00:00.000Z", "endedAt": "2026-01-01T10:01:30.500Z",
            ]
            let made = try await harness.ok(.post, stays, stay, as: Harness.admin)
            #expect(made.number("seconds") == 90)
            let backwards = try await harness.send(
                .patch, "\(stays)/\(made.id)", ["endedAt": "2025-01-01T10:00:00.000Z"], as: Harness.admin)
            #expect(backwards.status == 422)
            #expect(try await harness.send(.delete, "\(stays)/\(made.id)", as: Harness.admin).status == 204)
            #expect(try await harness.get(stays, as: Harness.admin).data.count == 1)
            #expect(try await harness.get("tickets/\(ticket.id)").json == ticket)
        }
    }
}
