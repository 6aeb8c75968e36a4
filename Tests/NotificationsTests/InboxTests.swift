import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Notifications

@Suite("The API")
struct InboxTests {
    @Test("shows everybody their own inbox, counts it, and marks it read, once")
    func inbox() async throws {
        try await NotificationsUnderTest.with { desk in
            let (agent, other) = (UUID.v7(), UUID.v7())
            try await desk.user(agent, ["agent"])
            try await desk.user(other, ["agent"])
            let ticket = try await desk.ticket()
            try await desk.give(
                (0..<3).map { _ in desk.assigned(ticket, to: agent) } + [desk.assigned(ticket, to: other)])
            let reader = desk.caller(["notifications.read"], id: agent)
            #expect(try await desk.ok(.get, "inbox", as: reader)["data"]?.arrayValue?.isEmpty == true)
            try await desk.deliver()
            let rows = try await desk.ok(.get, "inbox", as: reader)["data"]?.arrayValue ?? []
            #expect(rows.count == 3)
            #expect(
                rows.allSatisfy { $0["title"] == "Yours now: Printer on fire [T-7]" && $0["readAt"]?.isNull == true })
            #expect(try await desk.ok(.get, "inbox_unread", as: reader)["unread"] == 3)
            let path = "inbox/\(rows[0]["id"]?.stringValue ?? "")/read"
            #expect(try await desk.ok(.post, path, ["client": "ios"], as: reader)["readAt"]?.isNull == false)
            try await desk.ok(.post, path, as: reader)
            #expect(try await desk.ok(.get, "inbox?readAt=null", as: reader)["data"]?.arrayValue?.count == 2)
            // Nobody else's, not even for somebody who may do everything.
            #expect(try await desk.send(.post, path).status == 404)
            #expect(try await desk.send(.post, path, as: desk.caller(["notifications.read"], id: other)).status == 404)
            #expect(try await desk.ok(.post, "inbox_read_all", as: reader) == ["read": 2, "hasMore": false])
            #expect(try await desk.ok(.post, "inbox_read_all", as: reader)["read"] == 0)
            #expect(try await desk.ok(.get, "inbox_unread", as: reader)["unread"] == 0)
            #expect(
                try await desk.ok(.get, "inbox_unread", as: desk.caller(["notifications.read"], id: other))["unread"]
                    == 1)
            let read = try await desk.events("notification.read").map(\.payload)
            #expect(read.count == 3 && read.allSatisfy { $0["recipientId"] == .uuid(agent) })
            #expect(read.first?["client"] == "ios")
            let audits = try await desk.database.transaction(as: .tenant(desk.tenant), readOnly: true) { tx in
                try await tx.query(
                    "SELECT actor_user_id, changes -> 'readAt' ->> 'old' FROM audits WHERE entity_type = 'inbox_notification'"
                ).map { try $0.decode((UUID?, String?).self) }
            }
            #expect(audits.count == 3 && audits.allSatisfy { $0.0 == agent && $0.1 == nil })
            #expect(try await desk.deliveries("state=read").count == 3)
            #expect(try await desk.ok(.get, "notifications", as: reader)["data"]?.arrayValue?.count == 3)
            #expect(try await desk.send(.get, "inbox", as: desk.caller([])).status == 403)
        }
    }

    @Test("keeps preferences of one's own, and others' only for who may change notifications")
    func preferences() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            let own = desk.caller(["notifications.read"], id: agent)
            let all = try await desk.ok(
                .post, "notification_preferences", ["channels": ["email": false]], as: own)
            #expect(all["userId"] == .uuid(agent))
            let ticket = try await desk.ticket()
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            #expect(mail.messages.isEmpty)
            let skipped = try await desk.deliveries("state=skipped")
            #expect(skipped.map { $0["reason"]?.stringValue } == ["turned_off"])
            try await desk.ok(
                .post, "notification_preferences", ["type": "ticket_assigned", "channels": ["email": true]], as: own)
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            #expect(mail.messages.count == 1)
            let other = desk.caller(["notifications.read"], id: .v7())
            let path = "notification_preferences/\(all["id"]?.stringValue ?? "")"
            #expect(try await desk.send(.get, path, as: other).status == 404)
            #expect(try await desk.send(.patch, path, ["digest": "daily"], as: other).status == 404)
            #expect(
                try await desk.send(.post, "notification_preferences", ["userId": .uuid(agent)], as: other).status
                    == 403)
            #expect(try await desk.send(.post, "notification_preferences", [:], as: own).status == 409)
            #expect(try await desk.ok(.patch, path, ["digest": "daily"])["digest"] == "daily")
            #expect(try await desk.send(.post, "notification_defaults", [:], as: own).status == 403)
        }
    }

    @Test("takes a tenant's default where nobody said anything, and lets nobody turn off what is mandatory")
    func defaults() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let agent = UUID.v7()
            try await desk.user(agent, ["agent"])
            try await desk.ok(
                .post, "notification_defaults",
                ["channels": ["email": false, "in_app": false], "quietHours": ["start": "00:00", "end": "23:59"]])
            let ticket = try await desk.ticket()
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            #expect(try await desk.deliveries("state=skipped").count == 2)
            try await desk.give([
                desk.message(
                    "user.updated",
                    ["userId": .uuid(agent), "changes": ["roles": ["previous": [], "new": ["supervisor"]]]],
                    of: Aggregate(type: "user", id: agent), sequence: 2)
            ])
            try await desk.deliver()
            #expect(mail.messages.map(\.type) == ["security_roles_changed"])
            #expect(mail.messages.first?.isMandatory == true)
        }
    }

    @Test(
        "refuses preferences with faults where the faults are",
        arguments: [
            (["channels": ["pigeon": true]], "/channels/pigeon"), (["channels": ["email": "yes"]], "/channels/email"),
            (["digest": "weekly"], "/digest"), (["digestAt": "25:00"], "/digestAt"), (["type": "digest"], "/type"),
            (["quietHours": ["start": "22:00"]], "/quietHours/end"),
            (["quietHours": ["start": "22:00", "end": "22:00"]], "/quietHours/end"),
            (["quietHours": ["start": "22:00", "end": "7", "x": 1]], "/quietHours/end"),
        ] as [(JSON, String)])
    func badPreferences(body: JSON, pointer: String) async throws {
        try await NotificationsUnderTest.with { desk in
            for path in ["notification_preferences", "notification_defaults"] {
                let reply = try await desk.send(.post, path, body)
                #expect(reply.status == 422 && reply.faults.contains { $0.hasPrefix(pointer) }, "\(reply.text)")
            }
        }
    }

    @Test("checks templates when they are saved, keeps their versions, and uses them")
    func templates() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [mail]) { desk in
            func body(_ subject: String, _ html: JSON = .null) -> JSON {
                ["type": "ticket_assigned", "locale": "de", "subject": .string(subject), "text": "x", "html": html]
            }
            let unknown = try await desk.send(.post, "notification_templates", body("{{ticket.secret}}"))
            #expect(unknown.status == 422 && unknown.faults == ["/subject unknown_variable"], "\(unknown.text)")
            #expect(unknown.text.contains("ticket.secret") && unknown.text.contains("ticket.subject"))
            let raw = try await desk.send(.post, "notification_templates", body("a", "{{{ticket.subject}}}"))
            #expect(raw.faults == ["/html unescaped"])
            let made = try await desk.ok(
                .post, "notification_templates",
                body("{{ticket.subject}} für {{recipient.name}}", "<i>{{ticket.subject}}</i>"))
            #expect(try await desk.send(.post, "notification_templates", body("again")).status == 409)
            let path = "notification_templates/\(made["id"]?.stringValue ?? "")"
            #expect(try await desk.send(.patch, path, ["text": "{{nothing}}"]).status == 422)
            try await desk.ok(.patch, path, ["text": "{{ticket.url}}"])
            let revisions = try await desk.ok(.get, path + "/revisions")["data"]?.arrayValue ?? []
            #expect(revisions.map { $0["number"]?.intValue } == [2, 1])
            #expect(revisions.map { $0["text"]?.stringValue } == ["{{ticket.url}}", "x"])

            let agent = UUID.v7()
            try await desk.user(agent, ["agent"], ["locale": "de-CH", "displayName": "Ada"])
            let ticket = try await desk.ticket(.v7(), ["subject": "<Feuer>"])
            try await desk.give([desk.assigned(ticket, to: agent)])
            try await desk.deliver()
            let message = try #require(mail.messages.first)
            #expect(message.subject == "<Feuer> für Ada")
            #expect(message.text == "https://desk.example/\(ticket.text)")
            #expect(message.html == "<i>&lt;Feuer&gt;</i>")
            let sent = try await desk.events("notification.sent").first?.payload
            #expect(sent?["templateId"] == made["id"])
        }
    }

    @Test("shows how a template will look, with a ticket that is made up and with a real one")
    func preview() async throws {
        try await NotificationsUnderTest.with { desk in
            let path = "notification_templates/preview"
            let shipped = try await desk.ok(.post, path, ["type": "ticket_assigned", "locale": "de-AT"])
            #expect(shipped["subject"] == "Jetzt Ihres: Cannot reach the VPN [T-42]")
            #expect(shipped["locale"] == "de" && shipped["templateId"] == .null)
            let ticket = try await desk.ticket()
            let own = try await desk.ok(
                .post, path,
                [
                    "type": "ticket_assigned", "ticketId": .uuid(ticket), "subject": "{{ticket.key}}",
                    "html": "<b>{{ticket.subject}}</b>",
                ])
            #expect(own["subject"] == "T-7" && own["html"] == "<b>Printer on fire</b>")
            for name in NotificationType.all.map(\.name) {
                let shown = try await desk.ok(.post, path, ["type": .string(name)])
                #expect(
                    shown["subject"]?.stringValue?.isEmpty == false
                        && shown["text"]?.stringValue?.contains("{{") == false)
            }
            let unknown = try await desk.send(.post, path, ["type": "ticket_assigned", "ticketId": .uuid(.v7())])
            #expect(unknown.faults == ["/ticketId unknown"])
            #expect(try await desk.send(.post, path, ["type": "ticket_assigned", "text": "{{x}}"]).status == 422)
        }
    }

    @Test("lists what can be told, with every name that templates may use")
    func types() async throws {
        try await NotificationsUnderTest.with { desk in
            let types = try await desk.ok(.get, "notification_types", as: desk.caller(["notifications.read"]))["data"]
            #expect(types?.arrayValue?.count == NotificationType.all.count)
            #expect(types?.arrayValue?.allSatisfy { $0["variables"]?.arrayValue?.isEmpty == false } == true)
        }
    }
}

@Suite("Scheduled messages")
struct ScheduledTests {
    @Test("go out at their time, once, however many look for them")
    func once() async throws {
        let mail = TestChannel()
        try await NotificationsUnderTest.with(channels: [InAppChannel(), mail]) { desk in
            let (agent, ticket) = (UUID.v7(), try await desk.ticket())
            try await desk.user(agent, ["customer"])
            let sendAt = Timestamp.now + .seconds(90 * 86_400)
            let made = try await desk.ok(
                .post, "scheduled_messages",
                [
                    "sendAt": .timestamp(sendAt), "userIds": [.uuid(agent)], "addresses": ["x@example.com"],
                    "subject": "How is {{ticket.key}}?", "body": "Tell us.", "ticketId": .uuid(ticket),
                ])
            #expect(made["status"] == "scheduled")
            #expect(try await desk.service.scheduledSending.sendDue(at: sendAt - .milliseconds(1)) == 0)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { try await desk.service.scheduledSending.sendDue(at: sendAt) } }
                var sent = 0
                for try await count in group { sent += count }
                #expect(sent == 1)
            }
            #expect(try await desk.service.scheduledSending.sendDue(at: sendAt + .seconds(1)) == 0)
            try await desk.deliver(at: sendAt)
            #expect(mail.messages.count == 2)
            // What somebody wrote is no template.
            #expect(Set(mail.messages.map(\.subject)) == ["How is {{ticket.key}}?"])
            #expect(mail.messages.allSatisfy { $0.contextId == ticket && $0.text == "Tell us." })
            let path = "scheduled_messages/\(made["id"]?.stringValue ?? "")"
            #expect(try await desk.ok(.get, path)["status"] == "sent")
            for refused in [
                try await desk.send(.post, path + "/cancel"), try await desk.send(.patch, path, ["subject": "x"]),
                try await desk.send(.delete, path),
            ] { #expect(refused.status == 409, "\(refused.text)") }
        }
    }

    @Test("can be changed and cancelled until then")
    func cancelled() async throws {
        try await NotificationsUnderTest.with { desk in
            let made = try await desk.ok(
                .post, "scheduled_messages",
                ["sendAt": .timestamp(.now + .seconds(60)), "userIds": [.uuid(.v7())], "subject": "a", "body": "b"])
            let path = "scheduled_messages/\(made["id"]?.stringValue ?? "")"
            try await desk.ok(.patch, path, ["subject": "c"])
            let cancelled = try await desk.ok(.post, path + "/cancel")
            #expect(cancelled["status"] == "cancelled" && cancelled["subject"] == "c")
            #expect(cancelled["cancelledAt"]?.timestampValue != nil)
            #expect(try await desk.service.scheduledSending.sendDue(at: .now + .seconds(3_600)) == 0)
            #expect(try await desk.send(.post, path + "/cancel").status == 409)
            let reader = desk.caller(["notifications.read"])
            #expect(try await desk.send(.get, "scheduled_messages", as: reader).status == 403)
        }
    }

    @Test(
        "with faults are refused",
        arguments: [
            (["userIds": []], ["/userIds required"]), (["addresses": ["nobody"]], ["/addresses/0 bad_format"]),
            (["channels": ["pigeon"]], ["/channels/0 unknown_value"]), (["subject": ""], ["/subject too_short"]),
            (["status": "sent"], ["/status read_only"]),
        ] as [(JSONObject, [String])])
    func faults(members: JSONObject, faults: [String]) async throws {
        try await NotificationsUnderTest.with { desk in
            var body: JSONObject = [
                "sendAt": "2030-01-01T00:00:00Z", "userIds": [.uuid(.v7())], "subject": "a", "body": "b",
            ]
            for (key, value) in members { body[key] = value }
            let reply = try await desk.send(.post, "scheduled_messages", .object(body))
            #expect(reply.status == 422 && reply.faults == faults, "\(reply.text)")
        }
    }
}
