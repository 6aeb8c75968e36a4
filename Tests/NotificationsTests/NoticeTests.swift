import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Notifications

@Suite("Notifications")
struct NoticeTests {
    @Test("tell a recipient once, however often the event comes")
    func once() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"], ["locale": "de-AT"])
            let ticket = try await desk.ticket()
            let event = desk.assigned(ticket, to: agent, by: .user(desk.supervisorId))
            try await desk.give([event])
            try await desk.give([event, event])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await desk.give([event]) } }
                try await group.waitForAll()
            }
            try await desk.deliver()
            #expect(try await desk.told([agent: "agent"]) == ["ticket_assigned agent"])
            #expect(mail.messages.count == 1)
            let message = try #require(mail.messages.first)
            #expect(message.subject == "Jetzt Ihres: Printer on fire [T-7]")
            #expect(message.locale == "de" && message.recipientId == agent && message.attempt == 1)
            #expect(message.contextType == "ticket" && message.contextId == ticket)
            #expect(message.text.contains("Priorität hoch") && message.html?.contains("T-7") == true)
            let rows = try await desk.deliveries()
            #expect(
                rows.map { "\($0["channel"]?.stringValue ?? "") \($0["state"]?.stringValue ?? "")" }.sorted()
                    == ["email sent", "in_app delivered"])
            let events = try await desk.events("notification.")
            #expect(
                events.map(\.name).sorted() == ["notification.delivered", "notification.sent", "notification.sent"])
            #expect(events.allSatisfy { $0.payload["recipientId"] == .uuid(agent) })
            for event in events {
                let contract = try #require(EventCatalog.contract(named: event.name))
                #expect(JSONSchema.validate(event.payload, against: contract.schema) == [])
            }
        }
    }

    @Test("never tell who did it, nor anybody of what is old or made up")
    func silence() async throws {
        try await NotificationsUnderTest.with { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            let ticket = try await desk.ticket()
            let payload: JSONObject = ["ticketId": .uuid(ticket), "newAssigneeId": .uuid(agent)]
            let aggregate = Aggregate(type: "ticket", id: ticket)
            try await desk.give([
                desk.assigned(ticket, to: agent, by: .user(agent)),
                desk.message("ticket.assigned", payload, of: aggregate, isReplay: true),
                desk.message("ticket.assigned", payload, of: aggregate, isSimulated: true),
                // Nobody knows the ticket, or the user.
                desk.assigned(.v7(), to: agent), desk.assigned(ticket, to: .v7()),
            ])
            #expect(try await desk.told([agent: "agent"]) == [])
        }
    }

    @Test("tell nobody of what an import files, but of what happens to it later")
    func imports() async throws {
        try await NotificationsUnderTest.with { desk in
            let (requester, agent) = (UUID.v7(), UUID.v7())
            try await desk.user(requester, ["customer"])
            try await desk.user(agent, ["agent"])
            let names = [requester: "requester", agent: "agent"]
            let imported = try await desk.ticket(
                .v7(), ["requesterId": .uuid(requester), "assigneeId": .uuid(agent), "channel": "import"])
            let assignment: JSONObject = ["newAssigneeId": .uuid(agent), "newAssigneeType": "user"]
            try await desk.give([desk.ticketEvent("ticket.assigned", imported, assignment, sequence: 1)])
            #expect(try await desk.told(names) == [])
            try await desk.give([desk.ticketEvent("ticket.assigned", imported, assignment)])
            _ = try await desk.ticket(.v7(), ["requesterId": .uuid(requester), "channel": "email"])
            #expect(try await desk.told(names) == ["ticket_assigned agent", "ticket_created requester"])
        }
    }

    @Test("reach everybody whom the shipped rules name")
    func recipients() async throws {
        try await NotificationsUnderTest.with { desk in
            let (requester, agent, other, member, boss, follower) = (
                UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7()
            )
            let names = [
                requester: "requester", agent: "agent", other: "other", member: "member", boss: "boss",
                follower: "follower",
            ]
            for (id, role) in [
                (requester, "customer"), (agent, "agent"), (other, "agent"), (member, "agent"), (boss, "supervisor"),
                (follower, "light_agent"),
            ] { try await desk.user(id, [role]) }
            let group = UUID.v7()
            let agentRow = UUID.v7()
            try await desk.give([
                desk.message(
                    "agent.created",
                    [
                        "agentId": .uuid(agentRow),
                        "snapshot": [
                            "id": .uuid(agentRow), "userId": .uuid(member), "groupIds": [.uuid(group)],
                        ],
                    ], of: Aggregate(type: "agent", id: agentRow))
            ])
            let ticket = try await desk.ticket(
                .v7(), ["requesterId": .uuid(requester), "groupId": .uuid(group)], actor: .user(boss))
            #expect(try await desk.told(names) == ["ticket_arrived member", "ticket_created requester"])

            func told(_ message: RawMessage) async throws -> [String] {
                let before = try await desk.told(names)
                try await desk.give([message])
                var new = try await desk.told(names)
                for row in before { if let place = new.firstIndex(of: row) { new.remove(at: place) } }
                return new
            }
            let updated = desk.message(
                "ticket.updated",
                [
                    "ticketId": .uuid(ticket),
                    "changes": ["assigneeId": ["previous": .null, "new": .uuid(agent)]],
                ], of: Aggregate(type: "ticket", id: ticket), sequence: 2)
            #expect(try await told(updated) == [])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket.assigned", ticket,
                        ["newAssigneeId": .uuid(agent), "previousAssigneeId": .uuid(other)]))
                    == ["ticket_assigned agent", "ticket_reassigned other"])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket_participant.added", ticket,
                        ["participantId": .uuid(.v7()), "role": "follower", "userId": .uuid(follower)]))
                    == ["ticket_participant_added follower"])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket_message.added", ticket,
                        [
                            "visibility": "public", "authorType": "user", "authorId": .uuid(agent),
                            "snapshot": ["bodyText": "Try again"],
                        ], actor: .user(agent))) == ["ticket_reply follower", "ticket_reply requester"])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket_message.added", ticket,
                        ["visibility": "public", "authorType": "contact", "authorId": .uuid(requester)],
                        actor: .contact(requester))) == [
                        "ticket_customer_reply agent", "ticket_customer_reply follower",
                    ])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket_message.added", ticket,
                        ["visibility": "internal", "authorType": "user", "authorId": .uuid(other)],
                        actor: .user(other))) == ["ticket_note_added agent", "ticket_note_added follower"])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket.status_changed", ticket, ["previousStatusId": "open", "newStatusId": "resolved"],
                        actor: .user(agent))) == ["ticket_resolved follower", "ticket_resolved requester"])
            #expect(
                try await told(desk.ticketEvent("ticket_sla_stage.breached", ticket, ["metric": "resolution"]))
                    == ["sla_breached agent", "sla_breached boss"])
            #expect(
                try await told(
                    desk.ticketEvent(
                        "ticket_sla_stage.escalated", ticket,
                        ["metric": "resolution", "notify": [.uuid(other), .uuid(group)]]))
                    == ["sla_escalated member", "sla_escalated other"])
            #expect(
                try await told(desk.ticketEvent("routing_decision.failed", ticket, ["reason": "at_capacity"]))
                    == ["routing_failed boss"])
            // Somebody who was deactivated hears nothing.
            try await desk.give([
                desk.message(
                    "user.deactivated", ["userId": .uuid(agent)], of: Aggregate(type: "user", id: agent), sequence: 2)
            ])
            #expect(
                try await told(desk.ticketEvent("ticket_sla_stage.breached", ticket, ["metric": "resolution"]))
                    == ["sla_breached boss"])
        }
    }

    @Test("follow a tenant's rules instead of the shipped ones, where it has any")
    func rules() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let (agent, requester, extra) = (UUID.v7(), UUID.v7(), UUID.v7())
            let names = [agent: "agent", requester: "requester", extra: "extra"]
            try await desk.user(agent, ["agent"])
            try await desk.user(extra, ["agent"])
            try await desk.user(requester, ["customer"])
            let ticket = try await desk.ticket(.v7(), ["requesterId": .uuid(requester)], actor: .user(requester))
            let rule = try await desk.ok(
                .post, "notification_rules",
                [
                    "name": "Urgent only", "type": "ticket_assigned", "recipients": ["assignee", "requester"],
                    "userIds": [.uuid(extra)], "addresses": ["Boss@Example.com"], "channels": ["email"],
                    "conditions": ["all": [["field": "ticket.priority", "operator": "gte", "value": "high"]]],
                ])
            #expect(rule["event"] == "ticket.assigned")
            try await desk.give([desk.assigned(ticket, to: agent)])
            // What is for agents goes to no customer and no unknown mailbox, whoever a rule names.
            #expect(try await desk.told(names) == ["ticket_assigned agent", "ticket_assigned extra"])
            #expect(try await desk.deliveries("channel=in_app").isEmpty)
            let path = "notification_rules/\(rule["id"]?.stringValue ?? "")"
            try await desk.ok(.patch, path, ["enabled": false])
            try await desk.give([desk.assigned(ticket, to: agent)])
            #expect(try await desk.told(names).count == 2)
            try await desk.ok(
                .patch, path,
                [
                    "enabled": true,
                    "conditions": [
                        "all": [
                            ["field": "event.payload.newAssigneeId", "operator": "eq", "value": .string(extra.text)]
                        ]
                    ],
                ])
            try await desk.give([desk.assigned(ticket, to: agent)])
            #expect(try await desk.told(names).count == 2)

            try await desk.ok(
                .post, "notification_rules",
                [
                    "name": "Archive", "type": "ticket_closed", "addresses": ["archive@example.com"],
                    "channels": ["email"],
                ])
            try await desk.give([desk.ticketEvent("ticket.closed", ticket, ["previousStatusId": "open"])])
            try await desk.deliver()
            #expect(mail.messages.last?.address == "archive@example.com")
            #expect(mail.messages.last?.recipientId == nil)
        }
    }

    @Test(
        "rules with faults are refused where the faults are",
        arguments: [
            (["type": "nothing"], ["/type unknown_value"]),
            (["recipients": ["everybody"]], ["/recipients/0 unknown_value"]),
            (["channels": ["pigeon"]], ["/channels/0 unknown_value"]),
            (["addresses": ["nobody", "b@example.com"]], ["/addresses/0 bad_format"]),
            (
                ["conditions": ["all": [["field": "ticket.smell", "operator": "eq", "value": "x"]]]],
                ["/conditions/all/0/field unknown_field"]
            ),
            (["event": "ticket.created"], ["/event read_only"]), (["name": "\0"], ["/name"]),
        ] as [(JSONObject, [String])])
    func badRules(members: JSONObject, faults: [String]) async throws {
        try await NotificationsUnderTest.with { desk in
            var body: JSONObject = ["name": "x", "type": "ticket_assigned", "recipients": ["assignee"]]
            for (key, value) in members { body[key] = value }
            let reply = try await desk.send(.post, "notification_rules", .object(body))
            #expect([400, 422].contains(reply.status), "\(reply.text)")
            if reply.status == 422 {
                #expect(
                    zip(reply.faults, faults).allSatisfy { $0.hasPrefix($1) } && reply.faults.count == faults.count,
                    "\(reply.text)")
            }
        }
    }

    @Test("what one tenant has is nothing to another")
    func isolation() async throws {
        try await NotificationsUnderTest.with { desk in
            let (agent, stranger, foreign) = (UUID.v7(), UUID.v7(), UUID.v7())
            try await desk.user(agent, ["agent"])
            try await desk.user(stranger, ["supervisor"], tenant: foreign)
            let ticket = try await desk.ticket()
            // An event of another tenant names this tenant's ticket and user.
            try await desk.give([
                desk.ticketEvent("ticket.assigned", ticket, ["newAssigneeId": .uuid(agent)], tenant: foreign),
                desk.assigned(ticket, to: stranger),
            ])
            #expect(try await desk.told([:]) == [])
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            let other = Caller(tenantId: foreign, actor: .user(agent), permissions: ["*"], displayName: "x")
            for path in ["notifications", "notification_deliveries", "inbox"] {
                let reply = try await desk.send(.get, "/v1/tenants/\(foreign.text)/\(path)", as: other)
                #expect(reply.json["data"]?.arrayValue?.isEmpty == true, "\(path): \(reply.text)")
            }
            let id = try await desk.ok(.get, "notifications")["data"]?[0]?["id"]?.stringValue ?? ""
            #expect(
                try await desk.send(.get, "/v1/tenants/\(foreign.text)/notifications/\(id)", as: other).status == 404)
            let rows = try await desk.test.superuser("SELECT count(*) FROM notifications.notifications")
            #expect(rows[0][0] == "1")
        }
    }
}
