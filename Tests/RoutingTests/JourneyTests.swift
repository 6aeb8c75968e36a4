import Contracts
import Database
import Foundation
import HTTPTypes
import Messaging
import TestKit
import Testing

@testable import Routing

/// Routing and tickets together.
@Suite struct JourneyTests {
    let group = UUID.v7()

    @Test func aTicketGoesToAnAgentThroughRuleAndQueue() async throws {
        try await World.with { [group] world in
            let agent = try await world.agent([group], ["displayName": "Grace"])
            let rule = try await world.ok(
                .post, "routing_rules",
                [
                    "name": "VPN", "conditions": ["all": [leaf("ticket.subject", "contains", "vpn")]],
                    "groupId": .uuid(group), "strategy": "least_loaded",
                ])
            let ticket = try await world.ticket(["subject": "VPN is down", "priority": "high"])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)

            let decisions = try await world.ok(.get, "routing_decisions?ticketId=\(ticket.text)")["data"]
            #expect(decisions?.arrayValue?.count == 1)
            #expect(decisions?[0]?["ruleId"] == rule["id"])
            #expect(decisions?[0]?["userId"] == .uuid(agent.userId))
            #expect(decisions?[0]?.value(at: "/candidates/0/name") == "Grace")
            #expect(try await world.told("routing_queue_entry.created").count == 1)
            let made = try await world.told("routing_decision.made")
            #expect(made.map { $0["ticketId"] } == [.uuid(ticket)])
            #expect(try await world.told("routing_queue_entry.removed").map { $0["reason"] } == ["assigned"])
            let shown = try await world.ok(.get, "agents/\(agent.id.text)?expand=load")
            #expect(shown["heldUnits"] == 1 && shown["heldTickets"] == 1)

            try await world.ok(.post, "tickets/\(ticket.text)/status", ["status": "resolved"], to: world.tickets)
            try await world.settle()
            #expect(try await world.ok(.get, "agents/\(agent.id.text)?expand=load")["heldUnits"] == 0)
            try await world.checkLoads()
        }
    }

    @Test func whatNobodyCanTakeWaitsAndIsTakenInOrderOnceSomebodyCan() async throws {
        try await World.with { [group] world in
            let agent = try await world.agent([group], ["capacityUnits": 2, "availability": "offline"])
            var tickets: [UUID] = []
            for priority in ["low", "urgent", "normal", "urgent"] {
                tickets.append(
                    try await world.ticket(["groupId": .uuid(group), "priority": .string(priority)]))
                try await world.settle()
            }
            #expect(
                try await world.told("routing_decision.failed").map { $0["reason"] }
                    == Array(repeating: "not_available", count: 4))
            let entries = try await world.ok(.get, "routing_queue_entries?expand=progress&sort=routableAt")["data"]
            #expect(entries?.arrayValue?.map { $0["state"] } == Array(repeating: "waiting", count: 4))
            let last = try #require(entries?[3]?["id"]?.stringValue)
            #expect(try await world.ok(.get, "routing_queue_entries/\(last)/position")["position"] == 2)

            try await world.ok(.post, "agents/\(agent.id.text)/availability", ["availability": "online"])
            try await world.settle()
            var holders: [UUID?] = []
            for ticket in tickets { holders.append(try await world.holder(of: ticket)) }
            #expect(holders == [nil, agent.userId, nil, agent.userId])
            try await world.checkLoads()

            // Capacity that is freed goes to the next one at once.
            try await world.ok(.post, "tickets/\(tickets[1].text)/close", [:], to: world.tickets)
            try await world.settle()
            #expect(try await world.holder(of: tickets[2]) == agent.userId)
            #expect(try await world.told("agent_capacity.threshold_reached").count == 2)
            #expect(
                try await world.told("agent.availability_changed").map { $0["newAvailability"] } == ["online"])
        }
    }

    @Test func aHumanWhoIsFasterWins() async throws {
        try await World.with { [group] world in
            let chosen = try await world.agent([group])
            let ticket = try await world.ticket(["groupId": .uuid(group)])
            _ = try await world.carry(from: world.tickets, to: world.routing)
            try await world.dispatch()
            // Routing has decided; before tickets hears of it, somebody takes the ticket.
            let human = try await world.agent([])
            try await world.ok(
                .post, "tickets/\(ticket.text)/assign", ["assigneeId": .uuid(human.userId)], to: world.tickets)
            try await world.settle()
            #expect(try await world.holder(of: ticket) == human.userId)
            let rejected = try await world.events(of: world.tickets).filter {
                $0.message.name == "routing_decision.rejected"
            }
            #expect(rejected.map { $0.message.payload["reason"] } == ["already_assigned"])
            #expect(try await world.ok(.get, "agents/\(chosen.id.text)?expand=load")["heldUnits"] == 0)
            #expect(try await world.ok(.get, "agents/\(human.id.text)?expand=load")["heldUnits"] == 1)
            try await world.checkLoads()
        }
    }

    @Test func aReservationThatNobodySettlesExpires() async throws {
        try await World.with { [group] world in
            let agent = try await world.agent([group], ["capacityUnits": 1])
            let ticket = try await world.ticket(["groupId": .uuid(group)])
            _ = try await world.carry(from: world.tickets, to: world.routing)
            try await world.dispatch()
            try await world.checkLoads()
            // Tickets does not answer. The ticket is decided about again, and the capacity was given once only.
            try await world.dispatch(now: .now + .seconds(31))
            #expect(try await world.told("routing_decision.made").count == 2)
            try await world.checkLoads()
            try await world.settle()
            #expect(try await world.holder(of: ticket) == agent.userId)
            try await world.checkLoads()
        }
    }

    @Test(arguments: ["all", "untouched", "none"])
    func whatAnAgentWhoLeavesHeldGoesToOthers(policy: String) async throws {
        try await World.with { [group] world in
            try await world.ok(.post, "routing_settings", ["redistribution": .string(policy)])
            let first = try await world.agent([group])
            let touched = try await world.ticket(["groupId": .uuid(group)])
            let untouched = try await world.ticket(["groupId": .uuid(group)])
            try await world.settle()
            try await world.ok(
                .post, "tickets/\(touched.text)/messages", ["bodyText": "On it.", "authorType": "agent"],
                to: world.tickets, as: world.caller(first.userId))
            try await world.settle()
            let second = try await world.agent([group])
            try await world.ok(.post, "agents/\(first.id.text)/availability", ["availability": "offline"])
            try await world.settle()
            let expected = [
                policy == "all" ? second.userId : first.userId, policy == "none" ? first.userId : second.userId,
            ]
            #expect(try await world.holder(of: touched) == expected[0])
            #expect(try await world.holder(of: untouched) == expected[1])
            try await world.checkLoads()
        }
    }

    @Test func supervisorsReassign() async throws {
        try await World.with { [group] world in
            let first = try await world.agent([group])
            let tickets = [
                try await world.ticket(["groupId": .uuid(group)]), try await world.ticket(["groupId": .uuid(group)]),
            ]
            try await world.settle()
            let second = try await world.agent([group])
            try await world.ok(
                .post, "routing/reassign", ["ticketId": .uuid(tickets[0]), "agentId": .uuid(second.id)])
            try await world.settle()
            #expect(try await world.holder(of: tickets[0]) == second.userId)
            try await world.ok(.post, "agents/\(first.id.text)/reassign", [:])
            try await world.settle()
            #expect(try await world.holder(of: tickets[1]) == second.userId)
            try await world.checkLoads()
            #expect(try await world.ok(.post, "routing/recount")["correctedAgents"] == 0)
        }
    }

    @Test func skillsAreRelaxedAndOthersHelp() async throws {
        try await World.with { [group] world in
            let other = UUID.v7()
            let agent = try await world.agent([group], ["skills": ["mail": 2]])
            let helper = try await world.agent([other], ["skills": ["vpn": 5]])
            try await world.ok(
                .post, "routing_queues",
                [
                    "name": "First line", "groupIds": [.uuid(group)], "overflowGroupIds": [.uuid(other)],
                    "overflowAfterSeconds": 600, "relaxAfterSeconds": [60, 120, 180],
                ])
            let rule = try await world.ok(
                .post, "routing_rules",
                [
                    "name": "Skills",
                    "skills": [
                        ["skill": "mail", "level": 2, "weight": 0], ["skill": "dns", "level": 1, "weight": 2],
                    ],
                ])
            let relaxed = try await world.ticket()
            try await world.settle()
            #expect(try await world.holder(of: relaxed) == nil)
            try await world.settle(now: .now + .seconds(61))
            #expect(try await world.holder(of: relaxed) == nil)
            try await world.settle(now: .now + .seconds(121))
            #expect(try await world.holder(of: relaxed) == agent.userId)

            try await world.ok(
                .patch, "routing_rules/\(rule["id"]!.stringValue!)",
                ["skills": [["skill": "vpn", "level": 3, "weight": 0]]])
            let overflowing = try await world.ticket()
            try await world.settle(now: .now + .seconds(181))
            #expect(try await world.holder(of: overflowing) == nil)
            try await world.settle(now: .now + .seconds(601))
            #expect(try await world.holder(of: overflowing) == helper.userId)
        }
    }

    @Test func anExplanationSaysWhatTheDecisionThenDoes() async throws {
        try await World.with { [group] world in
            for index in 0..<4 {
                try await world.agent(
                    [group],
                    [
                        "displayName": "Agent \(index)", "availability": index == 0 ? "away" : "online",
                        "skills": ["vpn": .int(Int64(index + 1))],
                    ])
            }
            try await world.ok(
                .post, "routing_rules",
                [
                    "name": "VPN", "conditions": ["any": [leaf("ticket.tags", "contains", "vpn")]],
                    "groupId": .uuid(group), "strategy": "skill_based", "skills": [["skill": "vpn", "level": 3]],
                ])
            let explanation = try await world.ok(.post, "routing/explain", ["tags": ["vpn"]])
            let ticket = try await world.ticket(["tags": ["vpn"]])
            try await world.settle()
            #expect(try await world.holder(of: ticket) == explanation["userId"]?.uuidValue)
            #expect(explanation.value(at: "/rules/0/conditions/any/0/actual") == ["vpn"])
            let candidates = explanation["candidates"]?.arrayValue ?? []
            #expect(
                candidates.map { $0["loss"]?.stringValue ?? "-" }.sorted() == [
                    "-", "not_available", "skill_too_low", "weaker_match",
                ])

            let simulation = try await world.ok(
                .post, "routing/simulate", ["last": 10, "rules": [["name": "None", "groupId": .uuid(.v7())]]])
            #expect(simulation["tickets"] == 1 && simulation["waiting"] == 1 && simulation["different"] == 1)
        }
    }

    @Test(
        arguments: [
            (
                "routing_rules", ["name": "x", "conditions": nest(6)],
                ["/conditions/all/0/all/0/all/0/all/0/all/0 too_deep"]
            ),
            (
                "routing_rules",
                ["name": "x", "conditions": leaf("ticket.subject", "matches", "((a{1000}){1000}){1000}")],
                ["/conditions/value too_complex"]
            ),
            (
                "routing_rules", ["name": "x", "conditions": leaf("ticket.subject", "matches", "(?=a)")],
                ["/conditions/value unsupported_pattern"]
            ),
            (
                "routing_rules", ["name": "x", "conditions": leaf("ticket.colour", "eq", "red")],
                ["/conditions/field unknown_field"]
            ),
            ("routing_rules", ["name": "x", "fallbackGroupId": .uuid(.v7())], ["/fallbackAfterMinutes required"]),
            ("routing_rules", ["name": "x", "skills": [["skill": "vpn", "level": 9]]], ["/skills/0/level too_large"]),
            ("routing_rules", ["name": "x", "strategy": "random"], ["/strategy unknown_value"]),
            ("routing_queues", ["name": "x", "groupIds": []], ["/groupIds too_few"]),
            ("routing_queues", ["name": "x", "groupIds": [.uuid(.v7())], "priority": 101], ["/priority out_of_range"]),
            (
                "routing_queues", ["name": "x", "groupIds": [.uuid(.v7())], "relaxAfterSeconds": [9, 5]],
                ["/relaxAfterSeconds/1 not_ascending"]
            ),
            (
                "agents", ["userId": .uuid(.v7()), "displayName": "x", "capacityUnits": -1],
                ["/capacityUnits out_of_range"]
            ),
            (
                "agents",
                [
                    "userId": .uuid(.v7()), "displayName": "x",
                    "workingHours": ["timezone": "Nowhere/Town", "weeklyHours": ["mon": [["08:00", "12:00"]]]],
                ], ["/workingHours/timezone unknown_zone"]
            ),
            ("routing_settings", ["timezone": "Nowhere/Town"], ["/timezone unknown_zone"]),
            ("routing_settings", ["channelWeights": ["fax": 1]], ["/channelWeights/fax unknown_value"]),
        ] as [(String, JSON, [String])])
    func badInputIsRefusedWithItsPlace(path: String, body: JSON, faults: [String]) async throws {
        try await World.with { world in
            let reply = try await world.send(.post, path, body)
            #expect(reply.status == 422)
            #expect(reply.faults == faults, "\(reply.json)")
        }
    }
}

private func nest(_ depth: Int) -> JSON {
    depth == 0 ? leaf("ticket.subject", "eq", "x") : ["all": [nest(depth - 1)]]
}
