// What a ticket asks of whoever is to hold it. Pure.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How one is chosen among those who can take a ticket.
enum Strategy: String, CaseIterable, Sendable {
    /// Whose last assignment is longest ago.
    case roundRobin = "round_robin"
    /// Who has the most capacity left, in proportion.
    case leastLoaded = "least_loaded"
    /// Who knows most of what the ticket asks for.
    case skillBased = "skill_based"
    /// The queue is in the order of priority, deadline and age; the least loaded agent takes the next ticket.
    case priority
    /// Who had the customer last, else the least loaded.
    case sticky
    /// Nobody is chosen: agents and supervisors take tickets from the queue.
    case manual
}

/// A skill that a ticket asks for.
struct SkillNeed: Sendable, Hashable {
    var skill: String
    /// At least this level.
    var level: Int
    /// 0 is never dropped; 3 is dropped first, then 2, then 1.
    var weight: Int

    static let weights = 0...3
    static let levels = 1...5

    /// What is left after so many timeouts: the first drops weight 3, the second 2, the third 1. Never 0.
    static func relaxed(_ needs: [SkillNeed], level: Int) -> [SkillNeed] {
        needs.filter { $0.weight == 0 || $0.weight <= 3 - level }
    }

    /// How often the needs can be relaxed with an effect, and after which timeouts.
    static func relaxations(of needs: [SkillNeed]) -> [Int] {
        (1...3).filter { level in needs.contains { $0.weight == 4 - level } }
    }
}

/// Everything that a ticket asks of its holder.
struct Need: Sendable, Hashable {
    /// Whose members are asked.
    var groupIds: [UUID]
    /// Only this agent, where a rule or a supervisor named one.
    var agentId: UUID?
    var strategy: Strategy
    /// What is still asked for.
    var skills: [SkillNeed] = []
    /// What counts in somebody's favour, and is not asked for.
    var preferredSkills: [String] = []
    var language: String?
    /// What the ticket weighs.
    var units = 1
    /// Who is to be relieved of it.
    var excludedAgentId: UUID?
    /// Who had the customer last.
    var acquaintedAgentId: UUID?
}
