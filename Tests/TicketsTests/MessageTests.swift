import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

@Suite struct MessageTests {
    @Test func `a conversation moves its ticket`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket(["requesterEmail": "who@example.com"])
            let path = "tickets/\(ticket.id)"
            let note = try await harness.ok(.post, "\(path)/messages", ["bodyText": "hm", "isPublic": false])
            #expect(note.text("authorType") == "agent" && note["authorId"]?.uuidValue == Harness.agentId)
            var now = try await harness.get(path).json
            #expect(now.text("status") == "open" && now["firstRespondedAt"] == .null)
            #expect(now["lastMessageAt"] == note["createdAt"])
            let answer = try await harness.ok(
                .post, "\(path)/messages",
                [
                    "bodyHtml": "<p>Try <b>this</b><script>x</script></p>", "providerMetadata": ["id": 7],
                    "channelType": "email",
                ])
            #expect(answer.text("bodyHtml") == "<p>Try <b>this</b></p>")
            #expect(answer.text("bodyText") == "Try this")
            now = try await harness.get(path).json
            #expect(now.text("status") == "answered" && now["firstRespondedAt"] == answer["createdAt"])
            #expect(now.text("responseState") == "awaiting_client")
            let reply = try await harness.ok(
                .post, "\(path)/messages",
                ["authorType": "customer", "bodyText": "no", "inReplyTo": .string(answer.id)])
            let author = reply["authorId"]?.uuidValue
            #expect(author == Requester.id(forUnknown: "WHO@example.com", tenantId: harness.tenant))
            now = try await harness.get(path).json
            #expect(now.text("status") == "open" && now.text("responseState") == "awaiting_internal")
            let events = try await harness.events(of: ticket.id).dropFirst()
            #expect(
                Dictionary(grouping: events, by: \.version).sorted { $0.key < $1.key }.map { $0.value.map(\.name) } == [
                    ["ticket.updated", "ticket_message.added", "ticket_internal_note.added"],
                    [
                        "ticket.updated", "ticket.status_changed", "ticket.response_state_changed",
                        "ticket_message.added",
                    ],
                    [
                        "ticket.updated", "ticket.status_changed", "ticket.response_state_changed",
                        "ticket_message.added", "ticket.customer_replied",
                    ],
                ])
            #expect(events.last?.payload["contactId"]?.uuidValue == author)
            #expect(try await harness.get("\(path)/messages?authorType=customer").data == [reply])
            #expect(try await harness.get("\(path)/messages?isPublic=false").data == [note])
            #expect(try await harness.get("\(path)/messages?channelType=email").data == [answer])
            #expect(try await harness.get("\(path)/messages/\(note.id)").json == note)
            for method in ["PATCH", "DELETE", "PUT"] {
                let refused = try await harness.send(.init(method)!, "\(path)/messages/\(note.id)", ["bodyText": "x"])
                #expect(refused.status == 405 && refused.headers[.allow]?.contains("GET") == true)
            }
        }
    }

    @Test func `a message needs words, and words to answer`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket()
            let other = try await harness.ticket()
            let foreign = try await harness.ok(.post, "tickets/\(other.id)/messages", ["bodyText": "x"])
            let path = "tickets/\(ticket.id)/messages"
            #expect(try await harness.send(.post, path, [:]).faults == ["/bodyText required"])
            #expect(try await harness.send(.post, path, ["bodyText": ""]).faults == ["/bodyText required"])
            let hidden = try await harness.send(
                .post, path, ["authorType": "customer", "isPublic": false, "bodyText": "x"])
            #expect(hidden.status == 422)
            let reply = try await harness.send(.post, path, ["bodyText": "x", "inReplyTo": .string(foreign.id)])
            #expect(reply.status == 409 && reply.faults == ["/inReplyTo unknown_reference"])
            #expect(try await harness.get("tickets/\(ticket.id)").json == ticket)
        }
    }

    @Test func `a reply that comes too late makes a follow-up ticket`() async throws {
        try await Harness.with { harness in
            let customer = UUID.v7()
            try await harness.user(customer, email: "c@example.com", roles: ["customer"])
            let ticket = try await harness.ticket(["requesterId": .uuid(customer), "priority": "high", "tags": ["vpn"]])
            let path = "tickets/\(ticket.id)"
            try await harness.ok(.post, "\(path)/close")
            let soon = try await harness.ok(
                .post, "\(path)/messages", ["bodyText": "wait"], as: harness.customer(customer))
            #expect(soon.text("ticketId") == ticket.id)
            #expect(try await harness.get(path).json.text("status") == "open")
            try await harness.ok(.post, "\(path)/close")
            try await harness.age(ticket.id, days: 15)
            let before = try await harness.get(path).json
            let late = try await harness.send(
                .post, "\(path)/messages", ["bodyText": "again", "inReplyTo": .string(soon.id)],
                as: harness.customer(customer))
            #expect(late.status == 201)
            #expect(try await harness.get(path).json == before)
            let followUp = try await harness.get("tickets/\(late.json.text("ticketId")!)").json
            #expect(followUp.text("followUpOfId") == ticket.id)
            #expect(followUp["requesterId"] == ticket["requesterId"] && followUp["priority"] == "high")
            #expect(followUp["tags"] == ["vpn"] && followUp.text("status") == "open")
            #expect(late.headers[.location]?.hasSuffix("/tickets/\(followUp.id)/messages/\(late.json.id)") == true)
            let copy = LifecycleTests.Copy(of: try await harness.events(of: followUp.id))
            #expect(copy.ticket == followUp && copy.messages == [late.json])
        }
    }

    @Test func `customers see and do what is theirs`() async throws {
        try await Harness.with { harness in
            let (mine, theirs) = (UUID.v7(), UUID.v7())
            let me = harness.customer(mine)
            let own = try await harness.ticket(["subject": "mine"], as: me)
            #expect(own["requesterId"]?.uuidValue == mine)
            let other = try await harness.ticket(["requesterId": .uuid(theirs)])
            let path = "tickets/\(own.id)"
            try await harness.ok(.post, "\(path)/messages", ["bodyText": "secret", "isPublic": false])
            try await harness.ok(.post, "\(path)/messages", ["bodyText": "hello"])
            #expect(try await harness.get("tickets", as: me).data.map(\.id) == [own.id])
            #expect(try await harness.get("tickets/\(other.id)", as: me).status == 404)
            #expect(try await harness.get("\(path)/messages", as: me).data.map { $0.text("bodyText") } == ["hello"])
            let expanded = try await harness.get("\(path)?expand=messages", as: me).json
            #expect(expanded["messages"]?.arrayValue?.map { $0.text("bodyText") } == ["hello"])
            for name in ["audits", "status_durations", "metrics", "assignments", "participants"] {
                #expect(try await harness.get("\(path)/\(name)", as: me).status == 403, "\(name)")
            }
            for name in ["history", "metrics", "participants"] {
                #expect(try await harness.get("\(path)?expand=\(name)", as: me).status == 403, "\(name)")
            }
            #expect(
                try await harness.send(.post, "tickets/\(other.id)/messages", ["bodyText": "x"], as: me).status == 404)
            #expect(try await harness.send(.post, "\(path)/close", as: me).status == 403)
            let asAgent = try await harness.send(
                .post, "\(path)/messages", ["bodyText": "x", "authorType": "agent"], as: me)
            #expect(asAgent.status == 422)
            let bold = try await harness.send(
                .post, "tickets",
                ["subject": "x", "status": "closed", "assigneeId": .uuid(mine), "requesterId": .uuid(theirs)],
                as: me)
            #expect(bold.faults == ["/assigneeId not_allowed", "/requesterId not_allowed", "/status not_allowed"])
            let reply = try await harness.ok(.post, "\(path)/messages", ["bodyText": "thanks"], as: me)
            #expect(reply.text("authorType") == "customer" && reply["authorId"]?.uuidValue == mine)
            let light = harness.agent(["tickets.read", "tickets.comment"])
            #expect(try await harness.send(.post, "\(path)/messages", ["bodyText": "x"], as: light).status == 403)
            let comment = try await harness.send(
                .post, "\(path)/messages", ["bodyText": "x", "isPublic": false], as: light)
            #expect(comment.status == 201)
        }
    }

    @Test func `a participant takes part once`() async throws {
        try await Harness.with { harness in
            let grace = UUID.v7()
            try await harness.user(grace, email: "Grace@Example.com")
            let ticket = try await harness.ticket()
            let path = "tickets/\(ticket.id)/participants"
            let first = try await harness.ok(.post, path, ["role": "follower", "userId": .uuid(grace)])
            #expect(first.text("email") == "grace@example.com")
            let again = try await harness.send(.post, path, ["role": "cc", "email": "GRACE@example.com"])
            #expect(again.status == 409)
            #expect(try await harness.send(.post, path, ["role": "cc"]).faults == ["/userId required"])
            let now = try await harness.get("tickets/\(ticket.id)").json
            #expect(now.number("version") == 2)
            #expect(try await harness.send(.delete, "\(path)/\(first.id)").status == 204)
            let events = try await harness.events(of: ticket.id).suffix(4)
            #expect(
                events.map(\.name) == [
                    "ticket.updated", "ticket_participant.added", "ticket.updated", "ticket_participant.removed",
                ])
            #expect(events.map(\.version) == [2, 2, 3, 3])
        }
    }

    @Test func `tag definitions come by themselves and stay while they are used`() async throws {
        try await Harness.with { harness in
            let ticket = try await harness.ticket(["tags": ["VPN"]])
            let tags = try await harness.get("tags").data
            #expect(tags.map { $0.text("name") } == ["vpn"])
            let events = try await harness.events(of: tags[0].id)
            #expect(events.map(\.name) == ["tag.created"])
            #expect(try await harness.send(.delete, "tags/\(tags[0].id)").status == 409)
            #expect(try await harness.send(.post, "tags", ["name": " vPN "]).status == 409)
            let colored = try await harness.ok(.patch, "tags/\(tags[0].id)", ["color": "#f00"])
            #expect(colored.text("name") == "vpn")
            #expect(try await harness.send(.patch, "tags/\(tags[0].id)", ["name": "x"]).faults == ["/name immutable"])
            #expect(try await harness.send(.post, "tickets/\(ticket.id)/tags", ["name": "Vpn"]).status == 409)
            try await harness.ok(.patch, "tickets/\(ticket.id)", ["tags": []])
            #expect(try await harness.send(.delete, "tags/\(tags[0].id)").status == 204)
        }
    }
}
