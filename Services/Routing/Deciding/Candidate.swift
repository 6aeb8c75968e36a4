// Somebody who may get a ticket. Pure.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Whether an agent takes tickets at the moment.
enum Availability: String, CaseIterable, Sendable {
    case online, away, offline
    case onLeave = "on_leave"
}

/// What a decision knows of an agent.
struct Candidate: Sendable, Hashable {
    var agentId: UUID
    var userId: UUID
    var name: String
    var groupIds: [UUID]
    var isOnline: Bool
    var capacityUnits: Int
    var heldUnits: Int
    /// When the last assignment was, as a number that only grows.
    var turn: Int64
    /// Level by skill.
    var skills: [String: Int] = [:]
    var languages: [String] = []

    var load: Double { capacityUnits > 0 ? Double(heldUnits) / Double(capacityUnits) : 1 }
}

/// Why somebody did not get a ticket.
enum Loss: Sendable, Hashable {
    case notInGroup
    case notTheNamedAgent
    case relieved
    case notAvailable
    case atCapacity(free: Int, needed: Int)
    case missingSkill(String)
    case skillTooLow(String, has: Int, needed: Int)
    case missingLanguage(String)
    // Could have taken it, and another one came before:
    case laterTurn
    case higherLoad
    case weakerMatch
    case notAcquainted

    var code: String {
        switch self {
        case .notInGroup: "not_in_group"
        case .notTheNamedAgent: "not_the_named_agent"
        case .relieved: "relieved"
        case .notAvailable: "not_available"
        case .atCapacity: "at_capacity"
        case .missingSkill: "missing_skill"
        case .skillTooLow: "skill_too_low"
        case .missingLanguage: "missing_language"
        case .laterTurn: "later_turn"
        case .higherLoad: "higher_load"
        case .weakerMatch: "weaker_match"
        case .notAcquainted: "not_acquainted"
        }
    }

    var detail: String {
        switch self {
        case .notInGroup: "Is in none of the groups."
        case .notTheNamedAgent: "Another agent was named."
        case .relieved: "Is to be relieved of the ticket."
        case .notAvailable: "Is not online."
        case .atCapacity(let free, let needed): "Has \(free) units free; the ticket weighs \(needed)."
        case .missingSkill(let skill): "Lacks the skill \(skill)."
        case .skillTooLow(let skill, let has, let needed): "Has \(skill) at level \(has); \(needed) is needed."
        case .missingLanguage(let language): "Does not speak \(language)."
        case .laterTurn: "Had a ticket more recently."
        case .higherLoad: "Holds more in proportion."
        case .weakerMatch: "Knows less of what is asked for."
        case .notAcquainted: "Another agent had this customer last."
        }
    }
}

extension Candidate {
    /// Why the agent can't take it; nil if nothing is in the way.
    func obstacle(to need: Need) -> Loss? {
        if let named = need.agentId {
            if named != agentId { return .notTheNamedAgent }
        } else if groupIds.allSatisfy({ !need.groupIds.contains($0) }) {
            return .notInGroup
        }
        if need.excludedAgentId == agentId { return .relieved }
        if !isOnline { return .notAvailable }
        for asked in need.skills {
            guard let level = skills[asked.skill] else { return .missingSkill(asked.skill) }
            if level < asked.level { return .skillTooLow(asked.skill, has: level, needed: asked.level) }
        }
        if let language = need.language, !languages.contains(language) { return .missingLanguage(language) }
        let free = capacityUnits - heldUnits
        return free < need.units ? .atCapacity(free: free, needed: need.units) : nil
    }

    /// The levels of what is asked for or liked, together.
    func match(_ need: Need) -> Int {
        let wanted = Set(need.skills.map(\.skill)).union(need.preferredSkills)
        return wanted.reduce(0) { $0 + (skills[$1] ?? 0) }
    }
}
