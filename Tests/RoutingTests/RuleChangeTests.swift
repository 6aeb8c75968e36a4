import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Messaging
@testable import Routing

/// What waits follows the rules, queues, calendars and agents as they are, not as they were when it came.
@Suite struct RuleChangeTests {
    let empty = UUID.v7()
    let staffed = UUID.v7()

    /// A ticket that waits in a group without agents, and an agent of another group.
    private func waiting(
        _ fields: JSONObject = [:],
        _ body: @escaping @Sendable (World, _ ticket: UUID, World.AgentHandle) async throws -> Void
    ) async throws {
        try await World.with { [empty, staffed] world in
            let agent = try await world.agent([staffed])
            var ticket: JSONObject = ["groupId": .uuid(empty)]
            for (key, value) in fields { ticket[key] = value }
            let id = try await world.ticket(ticket)
            try await world.settle()
            #expect(try await world.holder(of: id) == nil)
            try await body(world, id, agent)
        }
    }

    @Test func aNewRulePlacesWhatWaits() async throws {
        try await waiting { [staffed] world, ticket, agent in
            try await world.ok(.post, "routing_rules", ["name": "All", "groupId": .uuid(staffed)])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
        }
    }

    @Test func anEditedQueuePlacesWhatWaits() async throws {
        try await waiting { [empty, staffed] world, ticket, agent in
            let queue = try await world.ok(.post, "routing_queues", ["name": "All", "groupIds": [.uuid(empty)]])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == nil)
            let path = "routing_queues/\(try #require(queue["id"]?.stringValue))"
            try await world.ok(.patch, path, ["groupIds": [.uuid(staffed)]])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
        }
    }

    @Test("what waits is placed again in steps, and nothing is decided before all of it is") func steps() async throws {
        try await World.with { [empty, staffed] world in
            let agent = try await world.agent([staffed])
            var tickets: [UUID] = []
            for _ in 0..<5 { tickets.append(try await world.ticket(["groupId": .uuid(empty)])) }
            try await world.settle()
            try await world.ok(.post, "routing_rules", ["name": "All", "groupId": .uuid(staffed)])
            var isDone = false
            for step in 1...3 {
                isDone = try await world.routing.database.transaction(as: .tenant(world.tenant)) { tx in
                    let desk = try await Desk.open(world.tenant, books: RuleBookStore(), in: tx)
                    return try await desk.placeAgain(atMost: 2)
                }
                #expect(isDone == (step == 3))
            }
            try await world.settle()
            for ticket in tickets { #expect(try await world.holder(of: ticket) == agent.userId) }
        }
    }

    @Test func aTicketForANamedAgentStaysTheirs() async throws {
        try await waiting { [staffed] world, ticket, _ in
            let named = try await world.agent([], ["availability": "away"])
            try await world.ok(.post, "routing/reassign", ["ticketId": .uuid(ticket), "agentId": .uuid(named.id)])
            try await world.ok(.post, "routing_rules", ["name": "All", "groupId": .uuid(staffed)])
            try await world.ok(.patch, "tickets/\(ticket.text)", ["priority": "high"], to: world.tickets)
            try await world.settle()
            #expect(try await world.holder(of: ticket) == nil)
            try await world.ok(.post, "agents/\(named.id.text)/availability", ["availability": "online"])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == named.userId)
        }
    }

    @Test func skillsAndCapacityOfAnAgentCountAtOnce() async throws {
        try await World.with { [staffed] world in
            let agent = try await world.agent([staffed], ["capacityUnits": 1])
            try await world.ok(
                .post, "routing_rules",
                ["name": "VPN", "groupId": .uuid(staffed), "skills": [["skill": "vpn", "level": 2, "weight": 0]]])
            let first = try await world.ticket()
            let second = try await world.ticket()
            try await world.settle()
            #expect(try await world.holder(of: first) == nil)
            try await world.ok(.patch, "agents/\(agent.id.text)", ["skills": ["vpn": 2]])
            try await world.settle()
            #expect(try await world.holder(of: first) == agent.userId)
            #expect(try await world.holder(of: second) == nil)
            try await world.ok(.patch, "agents/\(agent.id.text)", ["capacityUnits": 2])
            try await world.settle()
            #expect(try await world.holder(of: second) == agent.userId)
        }
    }

    @Test func ticketsFromBeforeTheFirstRuleAreQueuedByRecounting() async throws {
        try await World.with { [staffed] world in
            let agent = try await world.agent([staffed])
            let ticket = try await world.ticket()
            try await world.settle()
            try await world.ok(.post, "routing_rules", ["name": "All", "groupId": .uuid(staffed)])
            try await world.ok(.post, "routing/recount")
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
        }
    }

    // MARK: Opening hours

    @Test func conditionsKnowTheOpeningHours() async throws {
        try await waiting { [staffed] world, ticket, agent in
            let calendar = UUID.v7()
            let always: JSON = .object(
                JSONObject(
                    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map { ($0, [["00:00", "24:00"]]) }))
            try await world.give(
                [
                    Self.calendar(
                        "created", calendar, 1, world.tenant, "snapshot",
                        [
                            "name": "Shop", "timezone": "Europe/Berlin", "weeklyHours": [:], "holidays": [],
                            "dateOverrides": ["2020-01-02": [["08:00", "09:00"]]], "breaks": [:],
                        ])
                ], to: world.routing)
            // By its name, and as the only one there is.
            for value in [JSON.uuid(calendar), true] {
                try await world.ok(
                    .post, "routing_rules",
                    [
                        "name": .string("Open \(value.text)"), "groupId": .uuid(staffed),
                        "conditions": leaf("time.now", "within_business_hours", value),
                    ])
            }
            try await world.settle()
            #expect(try await world.holder(of: ticket) == nil)
            let explanation = try await world.ok(.post, "routing/explain", ["ticketId": .uuid(ticket)])
            #expect(explanation["rules"]?.arrayValue?.map { $0["outcome"] } == [false, false])
            try await world.give(
                [
                    Self.calendar(
                        "updated", calendar, 2, world.tenant, "changes",
                        [
                            "weeklyHours": ["previous": [:], "new": always]
                        ])
                ], to: world.routing)
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
        }
    }

    private static func calendar(
        _ action: String, _ id: UUID, _ sequence: Int64, _ tenant: UUID, _ member: String, _ content: JSON
    ) throws -> RawMessage {
        let envelope = EventEnvelope(
            eventId: .v7(), tenantId: tenant, occurredAt: .now, actor: .system, version: sequence, sequence: sequence,
            causationId: nil, idempotencyKey: nil, simulated: nil)
        return RawMessage(
            name: "business_calendar.\(action)", routingKey: "support.business_calendar.\(action)",
            schemaRef: "payload.BusinessCalendar.v1", schemaVersion: 1, envelope: envelope,
            aggregate: Aggregate(type: "business_calendar", id: id), payload: [member: content], source: "sla",
            traceparent: nil, isReplay: false, body: [])
    }

    // MARK: Administration

    @Test func administratorsReachEveryRoute() async throws {
        try await waiting { world, ticket, agent in
            let admin = Caller(
                tenantId: nil, actor: .user(.v7()), permissions: ["*"], platformAdmin: true, displayName: "root")
            func ask(
                _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil
            ) async throws -> Reply {
                try await world.send(method, "/v1/admin/\(path)", body, as: admin)
            }
            let tenant = "tenantId=\(world.tenant.text)"
            #expect(try await ask(.get, "routing/vocabulary").status == 200)
            #expect(try await ask(.post, "routing/explain?\(tenant)", ["ticketId": .uuid(ticket)]).status == 200)
            #expect(try await ask(.post, "routing/simulate?\(tenant)", ["last": 10]).json["tickets"] == 1)
            #expect(try await ask(.post, "routing/recount?\(tenant)").json["correctedAgents"] == 0)
            for path in ["routing/explain", "routing/simulate", "routing/recount"] {
                let refusal = try await ask(.post, path, path == "routing/recount" ? nil : [:])
                #expect(refusal.status == 400 && refusal.json.value(at: "/errors/0/parameter") == "tenantId")
            }
            let entries = try await ask(.get, "routing_queue_entries?\(tenant)").json["data"]
            let entry = try #require(entries?[0]?["id"]?.stringValue)
            #expect(try await ask(.get, "routing_queue_entries/\(entry)/position").json["position"] == 1)
            #expect(try await ask(.post, "routing/reassign", ["ticketId": .uuid(.v7())]).status == 422)
            let body: JSON = ["ticketId": .uuid(ticket), "agentId": .uuid(agent.id)]
            #expect(try await ask(.post, "routing/reassign", body).status == 202)
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
            let other = try await world.agent([])
            let moved = try await ask(.post, "agents/\(agent.id.text)/reassign", ["agentId": .uuid(other.id)])
            #expect(moved.json["ticketIds"] == [.uuid(ticket)])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == other.userId)
        }
    }
}
