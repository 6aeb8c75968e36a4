// The rule books of tenants, in memory as long as nothing about them changes.
import Conditions
import Contracts
import Database
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Rule books by tenant. Each use asks the database for the revision, and reads rules again only when it has risen.
final class RuleBookStore: Sendable {
    private struct Entry {
        var book: RuleBook
        var lastUse: UInt64
    }

    private struct State {
        var entries: [UUID: Entry] = [:]
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Tenants kept in memory.
    private let tenantsMax: Int

    init(tenantsMax: Int = 200) { self.tenantsMax = tenantsMax }

    /// Rules, queues, settings or calendars have changed: what waits is to be placed again.
    static func changed(_ tenantId: UUID, in tx: Transaction) {
        tx.enqueue(
            """
            INSERT INTO routing_revisions AS r (tenant_id, revision, is_placed) VALUES (\(tenantId), 1, false)
            ON CONFLICT (tenant_id) DO UPDATE
            SET revision = r.revision + 1, is_placed = false, placed_after = DEFAULT
            """)
        Wake.tenant(tenantId, in: tx)
    }

    /// The book as it is now, and the entry after which the queue has yet to be placed by it; nil if all of it has been.
    func book(of tenantId: UUID, in tx: Transaction) async throws -> (book: RuleBook, unplacedAfter: UUID?) {
        let row = try await tx.first(
            "SELECT revision, is_placed, placed_after FROM routing_revisions WHERE tenant_id = \(tenantId)")
        guard let (revision, isPlaced, after) = try row?.decode((Int64, Bool, UUID).self) else {
            return (try await book(of: tenantId, revision: 0, in: tx), nil)
        }
        return (try await book(of: tenantId, revision: revision, in: tx), isPlaced ? nil : after)
    }

    private func book(of tenantId: UUID, revision: Int64, in tx: Transaction) async throws -> RuleBook {
        let known = state.withLock { state -> RuleBook? in
            guard let entry = state.entries[tenantId], entry.book.revision == revision else { return nil }
            state.uses += 1
            state.entries[tenantId]?.lastUse = state.uses
            return entry.book
        }
        if let known { return known }
        let book = try await RuleBookStore.read(tenantId, revision: revision, in: tx)
        state.withLock { state in
            state.uses += 1
            state.entries[tenantId] = Entry(book: book, lastUse: state.uses)
            if state.entries.count > tenantsMax,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.entries[oldest.key] = nil
            }
        }
        return book
    }

    private static func read(_ tenantId: UUID, revision: Int64, in tx: Transaction) async throws -> RuleBook {
        let rules = try await RoutingRules.store.select("t.is_active", in: tx, tenantId: tenantId)
        let queues = try await RoutingQueues.store.select("t.is_active", in: tx, tenantId: tenantId)
        let policy = try await policy(tenantId, in: tx)
        return RuleBook(
            rules: try rules.compactMap { try RoutingRule($0.json()) },
            queues: try queues.compactMap { try RoutingQueue($0.json()) },
            policy: policy, hours: try await .read(tenantId, standard: policy.calendarId, in: tx), revision: revision)
    }

    static func policy(_ tenantId: UUID, in tx: Transaction) async throws -> RoutingPolicy {
        let row = try await RoutingSettings.store.select("true", in: tx, tenantId: tenantId).first
        return try row.map { RoutingPolicy(try $0.json()) } ?? RoutingPolicy()
    }
}

// MARK: - From what GET shows

extension RoutingRule {
    /// Nil for a rule whose condition is not valid any more: it matches nothing.
    init?(_ json: JSON) {
        guard let condition = try? Condition(json["conditions"] ?? [:], over: .routing) else { return nil }
        self.init(
            id: json["id"]?.uuidValue ?? UUID.v7(), name: json["name"]?.stringValue ?? "",
            priority: Int(json["priority"]?.intValue ?? 100), condition: condition,
            groupId: json["groupId"]?.uuidValue,
            strategy: json["strategy"]?.stringValue.flatMap(Strategy.init(rawValue:)),
            skills: SkillNeed.list(json["skills"]),
            preferredSkills: (json["preferredSkills"]?.arrayValue ?? []).compactMap(\.stringValue),
            language: json["language"]?.stringValue, agentId: json["agentId"]?.uuidValue,
            fallbackGroupId: json["fallbackGroupId"]?.uuidValue,
            fallbackAfterMinutes: json["fallbackAfterMinutes"]?.intValue.map(Int.init))
    }
}

extension RoutingQueue {
    init?(_ json: JSON) {
        guard let condition = try? Condition(json["conditions"] ?? [:], over: .routing) else { return nil }
        self.init(
            id: json["id"]?.uuidValue ?? UUID.v7(), name: json["name"]?.stringValue ?? "",
            position: Int(json["position"]?.intValue ?? 100), condition: condition,
            groupIds: (json["groupIds"]?.arrayValue ?? []).compactMap(\.uuidValue),
            overflowGroupIds: (json["overflowGroupIds"]?.arrayValue ?? []).compactMap(\.uuidValue),
            overflowAfterSeconds: json["overflowAfterSeconds"]?.intValue.map(Int.init),
            strategy: json["strategy"]?.stringValue.flatMap(Strategy.init(rawValue:)) ?? .roundRobin,
            priority: Int(json["priority"]?.intValue ?? 50),
            relaxAfterSeconds: (json["relaxAfterSeconds"]?.arrayValue)?.compactMap { $0.intValue.map(Int.init) }
                ?? Placement.relaxAfterSecondsDefault)
    }
}

extension RoutingPolicy {
    init(_ json: JSON) {
        self.init()
        func integer(_ name: String, _ standard: Int) -> Int { json[name]?.intValue.map(Int.init) ?? standard }
        defaultStrategy = json["defaultStrategy"]?.stringValue.flatMap(Strategy.init(rawValue:)) ?? defaultStrategy
        if let weights = json["channelWeights"]?.objectValue {
            channelWeights = [:]
            for (channel, weight) in weights { channelWeights[channel] = weight.intValue.map(Int.init) }
        }
        redistribution = json["redistribution"]?.stringValue.flatMap(Redistribution.init(rawValue:)) ?? redistribution
        redistributeAfterMinutes = integer("redistributeAfterMinutes", redistributeAfterMinutes)
        capacityThresholdPercent = integer("capacityThresholdPercent", capacityThresholdPercent)
        reservationSeconds = integer("reservationSeconds", reservationSeconds)
        timezone = json["timezone"]?.stringValue ?? timezone
        calendarId = json["calendarId"]?.uuidValue
    }
}

extension SkillNeed {
    static func list(_ json: JSON?) -> [SkillNeed] {
        (json?.arrayValue ?? []).compactMap { item in
            guard let skill = item["skill"]?.stringValue else { return nil }
            return SkillNeed(
                skill: skill, level: Int(item["level"]?.intValue ?? 1), weight: Int(item["weight"]?.intValue ?? 1))
        }
    }

    static func json(_ needs: [SkillNeed]) -> JSON {
        .array(
            needs.map {
                ["skill": .string($0.skill), "level": .int(Int64($0.level)), "weight": .int(Int64($0.weight))]
            })
    }
}
