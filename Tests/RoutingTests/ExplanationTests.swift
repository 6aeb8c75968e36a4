import Contracts
import Foundation
import HTTPTypes
import TestKit
import Testing

@testable import Routing

/// What routing says it would do, and what it does.
@Suite struct ExplanationTests {
    @Test("an explanation's outcome is the decision's, over random teams, rules and tickets", arguments: [1, 2, 3, 4])
    func outcomesAreEqual(seed: UInt64) async throws {
        try await World.with { world in
            var random = SeededGenerator(seed: seed)
            let groups = [UUID.v7(), UUID.v7()]
            let skills = ["vpn", "mail", "dns"]
            for _ in 0..<8 {
                var known: JSONObject = [:]
                for skill in skills where Bool.random(using: &random) {
                    known[skill] = .int(Int64.random(in: 1...5, using: &random))
                }
                try await world.agent(
                    groups.filter { _ in Bool.random(using: &random) },
                    [
                        "skills": .object(known), "languages": Bool.random(using: &random) ? ["de"] : ["en"],
                        "capacityUnits": .int(Int64.random(in: 0...3, using: &random)),
                        "availability": Int.random(in: 0...3, using: &random) == 0 ? "away" : "online",
                    ])
            }
            for index in 0..<5 {
                var rule: JSONObject = [
                    "name": .string("Rule \(index)"), "priority": .int(Int64.random(in: 1...3, using: &random)),
                    "conditions": leaf("ticket.tags", "contains", .string(skills[index % 3])),
                    "strategy": .string(Strategy.allCases.randomElement(using: &random)!.rawValue),
                ]
                if Bool.random(using: &random) { rule["groupId"] = .uuid(groups[index % 2]) }
                if Bool.random(using: &random) {
                    let level = Int64.random(in: 1...4, using: &random)
                    rule["skills"] = [["skill": .string(skills[index % 3]), "level": .int(level), "weight": 0]]
                }
                if Int.random(in: 0...2, using: &random) == 0 { rule["language"] = "de" }
                try await world.ok(.post, "routing_rules", .object(rule))
            }
            let requesters = [UUID.v7(), UUID.v7()]
            for index in 0..<12 {
                let tags = skills.filter { _ in Bool.random(using: &random) }
                let ticket = try await world.ticket([
                    "groupId": .uuid(groups.randomElement(using: &random)!), "tags": .array(tags.map { .string($0) }),
                    "requesterId": .uuid(requesters[index % 2]), "channel": index % 3 == 0 ? "chat" : "email",
                ])
                try await world.carry(from: world.tickets, to: world.routing)
                let said = try await world.ok(.post, "routing/explain", ["ticketId": .uuid(ticket)])
                try await world.settle()
                #expect(try await world.holder(of: ticket) == said["userId"]?.uuidValue, "\(said)")
                let decision = try await world.ok(.get, "routing_decisions?ticketId=\(ticket.text)").value(
                    at: "/data/0")
                if said["strategy"] == "manual" { continue }
                #expect(decision?["ruleId"] ?? .null == said["ruleId"])
                #expect(decision?["reason"] ?? .null == said["reason"])
                #expect(decision?["userId"] ?? .null == said["userId"])
            }
            try await world.checkLoads()
        }
    }

    @Test("as time passes an entry drops skills in the order 3, 2, 1, and 0 never", arguments: 0..<50)
    func relaxation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let needs = (0..<Int.random(in: 1...6, using: &random)).map { index in
            SkillNeed(skill: "s\(index)", level: 1, weight: Int.random(in: 0...3, using: &random))
        }
        let start = Timestamp.now
        var waits = (0..<3).map { _ in Int.random(in: 0...300, using: &random) }
        waits.sort()
        var entry = Entry(
            id: .v7(), ticketId: .v7(),
            placement: Placement(
                groupIds: [.v7()], strategy: .skillBased, skills: needs, relaxAfterSeconds: waits),
            requesterId: nil, units: 1, priority: "normal", dueAt: nil, routableAt: start)
        var left = needs
        for second in stride(from: 0, through: 330, by: Int.random(in: 1...40, using: &random)) {
            _ = entry.pass(start + .seconds(second))
            let now = entry.need().skills
            let dropped = left.filter { !now.contains($0) }
            #expect(dropped.allSatisfy { $0.weight > 0 })
            // Nothing of a larger weight is left behind.
            if let least = dropped.map(\.weight).min() { #expect(now.allSatisfy { $0.weight <= least }) }
            for need in now where need.weight > 0 { #expect(second < waits[3 - need.weight]) }
            left = now
        }
        #expect(left == needs.filter { $0.weight == 0 })
    }
}
