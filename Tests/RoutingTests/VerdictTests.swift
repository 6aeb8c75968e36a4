import Contracts
import Foundation
import TestKit
import Testing

@testable import Routing

@Suite struct VerdictTests {
    static let group = UUID.v7()

    static func agents(_ count: Int, capacity: Int = 1_000) -> [Candidate] {
        (0..<count).map { index in
            Candidate(
                agentId: .v7(), userId: .v7(), name: "Agent \(index)", groupIds: [group], isOnline: true,
                capacityUnits: capacity, heldUnits: 0, turn: 0)
        }
    }

    /// Gives tickets one after the other, as the dispatcher does.
    static func give(_ count: Int, _ need: Need, _ agents: inout [Candidate], turn: inout Int64) -> [UUID] {
        (0..<count).compactMap { _ in
            guard let winner = Verdict(need, among: agents).winner,
                let position = agents.firstIndex(where: { $0.agentId == winner.agentId })
            else { return nil }
            turn += 1
            agents[position].heldUnits += need.units
            agents[position].turn = turn
            return winner.agentId
        }
    }

    @Test("round robin: over any window with the same eligible agents, counts differ by at most one", arguments: 0..<50)
    func roundRobinIsFair(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var agents = Self.agents(Int.random(in: 1...9, using: &random))
        for index in agents.indices { agents[index].turn = Int64.random(in: 0...5, using: &random) }
        let need = Need(groupIds: [Self.group], strategy: .roundRobin)
        var turn: Int64 = 5
        let given = Self.give(100, need, &agents, turn: &turn)
        for _ in 0..<50 {
            let start = Int.random(in: 0..<given.count, using: &random)
            let window = given[start..<Int.random(in: start...given.count, using: &random)]
            let counts = agents.map { agent in window.count { $0 == agent.agentId } }
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        }
    }

    @Test("an agent who was skipped keeps the place") func skippedKeepsPlace() {
        var agents = Self.agents(3)
        for (index, _) in agents.enumerated() { agents[index].turn = Int64(index) }
        let need = Need(groupIds: [Self.group], strategy: .roundRobin)
        agents[0].isOnline = false
        var turn: Int64 = 10
        #expect(Self.give(2, need, &agents, turn: &turn) == [agents[1].agentId, agents[2].agentId])
        agents[0].isOnline = true
        #expect(Self.give(2, need, &agents, turn: &turn) == [agents[0].agentId, agents[1].agentId])
    }

    @Test("capacity is never exceeded, by any strategy", arguments: Strategy.allCases)
    func capacity(strategy: Strategy) {
        var random = SeededGenerator(seed: 4)
        var agents = Self.agents(5, capacity: 0)
        for index in agents.indices { agents[index].capacityUnits = Int.random(in: 0...7, using: &random) }
        var turn: Int64 = 0
        let given = Self.give(
            100, Need(groupIds: [Self.group], strategy: strategy, units: 2), &agents, turn: &turn)
        let whole = agents.reduce(0) { $0 + $1.capacityUnits / 2 }
        #expect(given.count == (strategy == .manual ? 0 : whole))
        #expect(agents.allSatisfy { $0.heldUnits <= $0.capacityUnits })
    }

    @Test("skills are dropped in the order 3, 2, 1, and 0 never", arguments: 0..<20)
    func relaxation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let needs = (0..<Int.random(in: 0...6, using: &random)).map { index in
            SkillNeed(skill: "s\(index)", level: 1, weight: Int.random(in: 0...3, using: &random))
        }
        for level in 0...3 {
            let left = SkillNeed.relaxed(needs, level: level)
            #expect(left == needs.filter { $0.weight == 0 || $0.weight <= 3 - level })
            #expect(Set(left).isSuperset(of: SkillNeed.relaxed(needs, level: min(level + 1, 3))))
        }
        #expect(SkillNeed.relaxed(needs, level: 3).allSatisfy { $0.weight == 0 })
        #expect(
            SkillNeed.relaxations(of: needs)
                == [3, 2, 1].filter { w in needs.contains { $0.weight == w } }.map { 4 - $0 })
    }

    @Test("the verdict does not depend on the candidates' order, and each loser has a reason", arguments: 0..<50)
    func verdictsAreExplained(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let skills = ["vpn", "billing", "mail"]
        var agents = Self.agents(8, capacity: 3)
        for index in agents.indices {
            agents[index].heldUnits = Int.random(in: 0...3, using: &random)
            agents[index].turn = Int64.random(in: 0...3, using: &random)
            agents[index].isOnline = Int.random(in: 0...3, using: &random) > 0
            for skill in skills where Bool.random(using: &random) {
                agents[index].skills[skill] = Int.random(in: 1...5, using: &random)
            }
            if Int.random(in: 0...5, using: &random) == 0 { agents[index].groupIds = [] }
        }
        var need = Need(groupIds: [Self.group], strategy: try #require(Strategy.allCases.randomElement(using: &random)))
        need.skills = skills.filter { _ in Int.random(in: 0...2, using: &random) == 0 }
            .map { SkillNeed(skill: $0, level: Int.random(in: 1...4, using: &random), weight: 0) }
        need.preferredSkills = skills.filter { _ in Bool.random(using: &random) }
        need.excludedAgentId = agents.randomElement(using: &random)?.agentId
        need.acquaintedAgentId = agents.randomElement(using: &random)?.agentId
        let verdict = Verdict(need, among: agents)
        #expect(Verdict(need, among: agents.shuffled(using: &random)) == verdict)
        #expect(Verdict(need, among: agents.filter { $0.obstacle(to: need) == nil }).winner == verdict.winner)
        #expect(verdict.places.count == agents.count)
        #expect(verdict.places.count { $0.loss == nil } == (verdict.winner == nil ? 0 : 1))
        let able = agents.filter { $0.obstacle(to: need) == nil }
        #expect((verdict.winner != nil) == (!able.isEmpty && need.strategy != .manual))
        guard let winner = verdict.winner else { return }
        switch need.strategy {
        case .roundRobin: #expect(winner.turn == able.map(\.turn).min())
        case .leastLoaded, .priority: #expect(winner.load == able.map(\.load).min())
        case .skillBased: #expect(winner.match(need) == able.map { $0.match(need) }.max())
        case .sticky:
            let isAble = able.contains { $0.agentId == need.acquaintedAgentId }
            #expect(isAble ? winner.agentId == need.acquaintedAgentId : winner.load == able.map(\.load).min())
        case .manual: break
        }
    }
}
