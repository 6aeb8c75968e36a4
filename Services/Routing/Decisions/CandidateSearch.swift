// Finds who may take a ticket, as few as the decision needs.
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum CandidateSearch {
    private static let columns: SQL = """
        l.agent_id, l.user_id, a.display_name, a.skills, a.languages, l.is_online, l.capacity_units, l.held_units, l.turn
        """

    /// The best for a need by its strategy's own order, off an index: `limit` of each group.
    ///
    /// For n tickets with the same need the first n + 1 are enough: each ticket changes the place of one agent, and
    /// moves it back.
    static func open(_ need: Need, tenantId: UUID, limit: Int) -> SQL {
        var condition: SQL = """
            m.tenant_id = \(tenantId) AND m.group_id = g.id AND m.is_open AND m.free_units >= \(need.units)
            """
        for asked in need.skills {
            condition += """
                 AND EXISTS (SELECT FROM agent_skills AS s WHERE s.tenant_id = \(tenantId) AND s.agent_id = m.agent_id
                    AND s.skill = \(asked.skill) AND s.level >= \(asked.level))
                """
        }
        if let language = need.language {
            condition += """
                 AND EXISTS (SELECT FROM agents AS b WHERE b.tenant_id = \(tenantId) AND b.id = m.agent_id
                    AND \(language) = ANY(b.languages))
                """
        }
        if let excluded = need.excludedAgentId { condition += " AND m.agent_id <> \(excluded)" }
        return """
            SELECT \(columns), c.group_id
            FROM unnest(\(need.groupIds)) AS g (id)
            CROSS JOIN LATERAL (
                SELECT m.group_id, m.agent_id FROM agent_memberships AS m
                WHERE \(condition) ORDER BY \(order(need, tenantId)) LIMIT \(limit)) AS c
            JOIN agent_loads AS l ON l.tenant_id = \(tenantId) AND l.agent_id = c.agent_id
            JOIN agents AS a ON a.tenant_id = \(tenantId) AND a.id = c.agent_id
            """
    }

    private static func order(_ need: Need, _ tenantId: UUID) -> SQL {
        switch need.strategy {
        case .roundRobin:
            return "m.turn, m.agent_id"
        case .skillBased:
            let wanted = Array(Set(need.skills.map(\.skill)).union(need.preferredSkills))
            if wanted.isEmpty { return "m.load, m.turn, m.agent_id" }
            return """
                (SELECT COALESCE(sum(s.level), 0) FROM agent_skills AS s WHERE s.tenant_id = \(tenantId)
                    AND s.agent_id = m.agent_id AND s.skill = ANY(\(wanted))) DESC, m.load, m.turn, m.agent_id
                """
        case .leastLoaded, .priority, .sticky, .manual:
            return "m.load, m.turn, m.agent_id"
        }
    }

    /// These agents, whatever they are up to, with their groups.
    static func named(_ agentIds: [UUID], tenantId: UUID) -> SQL {
        """
        SELECT \(columns), a.group_ids
        FROM agent_loads AS l JOIN agents AS a ON a.tenant_id = l.tenant_id AND a.id = l.agent_id
        WHERE l.tenant_id = \(tenantId) AND l.agent_id = ANY(\(agentIds))
        """
    }

    /// The members of groups, also those who can't take anything: for explanations.
    static func members(of groups: [UUID], tenantId: UUID, limit: Int) -> SQL {
        """
        SELECT \(columns), a.group_ids
        FROM agent_loads AS l JOIN agents AS a ON a.tenant_id = l.tenant_id AND a.id = l.agent_id
        WHERE l.tenant_id = \(tenantId) AND EXISTS (
            SELECT FROM agent_memberships AS m
            WHERE m.tenant_id = l.tenant_id AND m.agent_id = l.agent_id AND m.group_id = ANY(\(groups)))
        ORDER BY l.agent_id LIMIT \(limit)
        """
    }
}

/// The agents of one decision run. What a decision takes from somebody the next one sees.
struct CandidatePool {
    private var candidates: [Candidate] = []
    private var positions: [UUID: Int] = [:]
    /// Whom a search found, by need.
    private var found: [Need: [Int]] = [:]

    /// - Returns: the agents.
    @discardableResult
    mutating func add(_ rows: [Row], for need: Need?) throws -> [UUID] {
        var ids: [UUID] = []
        var seen: Set<UUID> = []
        for row in rows {
            let candidate = try Candidate(row)
            if let known = positions[candidate.agentId] {
                let others = candidate.groupIds.filter { !candidates[known].groupIds.contains($0) }
                candidates[known].groupIds += others
            } else {
                positions[candidate.agentId] = candidates.count
                candidates.append(candidate)
            }
            if seen.insert(candidate.agentId).inserted { ids.append(candidate.agentId) }
        }
        if let need {
            let known = Set(found[need] ?? [])
            found[need, default: []] += ids.compactMap { positions[$0] }.filter { !known.contains($0) }
        }
        return ids
    }

    /// Decides among those that the search for the need has found, and others.
    func verdict(_ need: Need, also others: [UUID] = [], keeping limit: Int = Verdict.keptMax) -> Verdict {
        var indices = found[need.searched] ?? []
        if !others.isEmpty {
            var seen = Set(indices)
            indices += others.compactMap { positions[$0] }.filter { seen.insert($0).inserted }
        }
        return Verdict(need, among: candidates, at: indices, keeping: limit)
    }

    /// The agent has more to hold.
    mutating func load(_ agentId: UUID, units: Int, turn: Int64) {
        guard let position = positions[agentId] else { return }
        candidates[position].heldUnits += units
        candidates[position].turn = turn
    }
}

extension Candidate {
    init(_ row: Row) throws {
        let skills = try row.get("skills", as: JSON.self).objectValue ?? [:]
        self.init(
            agentId: try row.get("agent_id", as: UUID.self), userId: try row.get("user_id", as: UUID.self),
            name: try row.get("display_name", as: String.self),
            groupIds: row.index(of: "group_id") != nil
                ? [try row.get("group_id", as: UUID.self)] : try row.get("group_ids", as: [UUID].self),
            isOnline: try row.get("is_online", as: Bool.self),
            capacityUnits: Int(try row.get("capacity_units", as: Int32.self)),
            heldUnits: Int(try row.get("held_units", as: Int32.self)), turn: try row.get("turn", as: Int64.self))
        for (skill, level) in skills { self.skills[skill] = level.intValue.map(Int.init) }
        languages = try row.get("languages", as: [String].self)
    }
}
