// A tenant's rules, queues and settings in the form in which tickets are judged by them. Pure.
import BusinessTime
import Conditions
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a rule wants for the tickets that it matches. Nil leaves it to the queue.
struct RoutingRule: Sendable {
    var id: UUID
    var name: String
    /// The lowest is asked first.
    var priority: Int
    var condition: Condition
    var groupId: UUID?
    var strategy: Strategy?
    var skills: [SkillNeed] = []
    var preferredSkills: [String] = []
    var language: String?
    var agentId: UUID?
    var fallbackGroupId: UUID?
    var fallbackAfterMinutes: Int?
}

/// A queue: which tickets it takes, and who works them.
struct RoutingQueue: Sendable {
    var id: UUID
    var name: String
    var position: Int
    var condition: Condition
    var groupIds: [UUID]
    var overflowGroupIds: [UUID] = []
    var overflowAfterSeconds: Int?
    var strategy: Strategy
    /// Decides between queues for an agent who serves several; the highest first.
    var priority = 50
    /// After how long skills of weight 3, 2 and 1 are dropped.
    var relaxAfterSeconds: [Int] = []
}

/// What a tenant has chosen.
struct RoutingPolicy: Sendable, Hashable {
    enum Redistribution: String, CaseIterable, Sendable { case all, untouched, none }

    var defaultStrategy = Strategy.roundRobin
    /// Units by channel; 1 where nothing is said.
    var channelWeights: [String: Int] = ["chat": 2]
    var redistribution = Redistribution.untouched
    var redistributeAfterMinutes = 0
    var capacityThresholdPercent = 80
    var reservationSeconds = 30
    var timezone = "UTC"
    /// The business calendar of conditions that name none; the oldest if nil.
    var calendarId: UUID?

    func units(_ channel: String?) -> Int { channel.flatMap { channelWeights[$0] } ?? 1 }
}

/// Where a ticket goes, and what it asks for there.
struct Placement: Sendable, Hashable {
    var ruleId: UUID?
    var queueId: UUID?
    var groupIds: [UUID]
    var agentId: UUID?
    var overflowGroupIds: [UUID] = []
    var overflowAfterSeconds: Int?
    var strategy: Strategy
    var queuePriority = 50
    var skills: [SkillNeed] = []
    var preferredSkills: [String] = []
    var language: String?
    var relaxAfterSeconds: [Int] = []
}

struct RuleBook: Sendable {
    let rules: [RoutingRule]
    let queues: [RoutingQueue]
    let policy: RoutingPolicy
    let hours: OpeningHours
    private let zone: Zone
    /// Rises with every change.
    let revision: Int64
    private let ruleSet: ConditionSet
    private let queueSet: ConditionSet

    /// - Parameters:
    ///   - rules: active ones, in any order.
    ///   - queues: active ones, in any order.
    init(
        rules: [RoutingRule], queues: [RoutingQueue], policy: RoutingPolicy = RoutingPolicy(),
        hours: OpeningHours = .none, revision: Int64 = 0
    ) {
        self.rules = rules.sorted { ($0.priority, $0.id) < ($1.priority, $1.id) }
        self.queues = queues.sorted { ($0.position, $0.id) < ($1.position, $1.id) }
        self.policy = policy
        self.hours = hours
        zone = (try? ZoneDatabase.system.zone(named: policy.timezone)) ?? .utc
        self.revision = revision
        ruleSet = ConditionSet(self.rules.map(\.condition))
        queueSet = ConditionSet(self.queues.map(\.condition))
    }

    /// What is known about a ticket when it is routed.
    func facts(
        ticket: JSONObject, requester: JSONObject = [:], changes: JSONObject = [:], now: Timestamp
    ) -> Facts {
        Facts(
            ticket: ticket, requester: requester, changes: changes, localNow: LocalTime(now, in: zone), now: now,
            businessHours: hours.answer)
    }

    /// The first rule and the first queue that match say where the ticket goes; what the rule says comes first. Without a
    /// queue the ticket's own group is its queue.
    func place(_ facts: Facts, groupId: UUID?) -> Placement {
        let rule = ruleSet.first(for: facts).map { rules[$0] }
        let queue = queueSet.first(for: facts).map { queues[$0] }
        var placement = Placement(
            ruleId: rule?.id, queueId: queue?.id,
            groupIds: rule?.groupId.map { [$0] } ?? queue?.groupIds ?? groupId.map { [$0] } ?? [],
            agentId: rule?.agentId,
            overflowGroupIds: queue?.overflowGroupIds ?? [], overflowAfterSeconds: queue?.overflowAfterSeconds,
            strategy: rule?.strategy ?? queue?.strategy ?? policy.defaultStrategy,
            queuePriority: queue?.priority ?? 50, skills: rule?.skills ?? [],
            preferredSkills: rule?.preferredSkills ?? [], language: rule?.language,
            relaxAfterSeconds: queue?.relaxAfterSeconds ?? Placement.relaxAfterSecondsDefault)
        if let fallback = rule?.fallbackGroupId {
            placement.overflowGroupIds = [fallback]
            placement.overflowAfterSeconds = (rule?.fallbackAfterMinutes ?? 0) * 60
        }
        return placement
    }

    /// Why the ticket goes where it goes: every rule and queue up to the one that took it.
    func explain(_ facts: Facts) -> (rules: JSON, queues: JSON) {
        func trace(_ items: [(id: UUID, name: String, condition: Condition)]) -> JSON {
            var steps: [JSON] = []
            for item in items.prefix(RuleBook.explainedMax) {
                let explanation = item.condition.explain(facts)
                steps.append([
                    "id": .uuid(item.id), "name": .string(item.name), "outcome": .bool(explanation.outcome),
                    "conditions": explanation.json,
                ])
                if explanation.outcome { break }
            }
            return .array(steps)
        }
        return (
            trace(rules.map { ($0.id, $0.name, $0.condition) }), trace(queues.map { ($0.id, $0.name, $0.condition) })
        )
    }

    /// Rules that an explanation shows.
    private static let explainedMax = 1_000
}

extension Placement {
    static let relaxAfterSecondsDefault = [60, 120, 180]

    func need(units: Int, relaxLevel: Int = 0) -> Need {
        Need(
            groupIds: groupIds, agentId: agentId, strategy: strategy,
            skills: SkillNeed.relaxed(skills, level: relaxLevel), preferredSkills: preferredSkills, language: language,
            units: units)
    }
}
