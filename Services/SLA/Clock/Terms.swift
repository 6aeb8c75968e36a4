// What a tenant has promised, and since when: the versions of its policies and calendars in the order they came into force.

import BusinessTime
import Conditions
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A time within which something has to happen.
struct Target: Sendable, Hashable {
    var seconds: Int64
    /// In the policy's calendar; otherwise in real time.
    var isBusiness: Bool

    var microseconds: Int64 { seconds * 1_000_000 }
}

/// When to warn: with so much of the target used, or so long before its end, in the target's own kind of time.
enum Threshold: Sendable, Hashable {
    case percent(Int64)
    case secondsBefore(Int64)

    /// The used time at which it is reached.
    func microseconds(of target: Target) -> Int64 {
        switch self {
        case .percent(let percent): target.microseconds / 100 * percent
        case .secondsBefore(let seconds): max(0, target.microseconds - seconds * 1_000_000)
        }
    }
}

/// A warning, and the metrics that it is for; all where it names none.
struct WarningRule: Sendable, Hashable {
    var threshold: Threshold
    var metrics: Set<Metric>

    func isFor(_ metric: Metric) -> Bool { metrics.isEmpty || metrics.contains(metric) }
}

/// What comes so long after a breach, in the target's own kind of time.
struct EscalationStep: Sendable, Hashable {
    var afterSeconds: Int64
    var metrics: Set<Metric>
    /// Users and groups that are to hear of it.
    var notify: [UUID]
    var note: String?

    func isFor(_ metric: Metric) -> Bool { metrics.isEmpty || metrics.contains(metric) }
}

/// One policy as clocks see it.
struct PolicyTerms: Sendable, Hashable {
    var calendarId: UUID?
    /// By priority.
    var targets: [String: [Metric: Target]]
    var pausing: Set<String> = TicketStatuses.pausingByDefault
    var warnings: [WarningRule] = []
    var escalations: [EscalationStep] = []
}

/// A version of a policy and when it came into force.
struct PolicyVersion: Sendable {
    var policyId: UUID
    var version: Int64
    var from: Timestamp
    /// Lower ones are asked first.
    var position: Int64
    /// A version that is not in force takes the policy out of the order.
    var isActive: Bool
    /// Tickets with unfinished clocks are moved to it at once, instead of keeping the version they have.
    var movesTickets: Bool
    var terms: PolicyTerms
    var condition: Condition

    func isSame(as other: PolicyVersion?) -> Bool { policyId == other?.policyId && version == other?.version }
}

/// A version of a calendar and when it came into force.
struct CalendarVersion: Sendable {
    var calendarId: UUID
    var version: Int64
    var from: Timestamp
    var hours: WorkingHours
}

/// All versions of a tenant's policies and calendars.
struct Terms: Sendable {
    /// From when on something else was in force.
    struct Era: Sendable {
        var from: Timestamp
        /// Those in force, in the order in which they are asked.
        var policies: [PolicyVersion] = []
        /// Calendars of which a later version came into force.
        var calendars: Set<UUID> = []
        var movesTickets = false
    }

    let eras: [Era]
    let policies: [PolicyVersion]
    let calendars: [UUID: [CalendarVersion]]

    static let none = Terms(policies: [], calendars: [])

    init(policies: [PolicyVersion], calendars: [CalendarVersion]) {
        self.policies = policies
        var eras: [Timestamp: Era] = [:]
        for policy in policies {
            if policy.movesTickets { eras[policy.from, default: Era(from: policy.from)].movesTickets = true }
            eras[policy.from, default: Era(from: policy.from)].from = policy.from
        }
        var byId: [UUID: [CalendarVersion]] = [:]
        for calendar in calendars.sorted(by: { $0.version < $1.version }) {
            if byId[calendar.calendarId] != nil {
                eras[calendar.from, default: Era(from: calendar.from)].calendars.insert(calendar.calendarId)
            }
            byId[calendar.calendarId, default: []].append(calendar)
        }
        self.calendars = byId
        let ordered = policies.sorted { ($0.from, $0.version) < ($1.from, $1.version) }
        self.eras = eras.values.sorted { $0.from < $1.from }.map { era in
            var latest: [UUID: PolicyVersion] = [:]
            for policy in ordered where policy.from <= era.from { latest[policy.policyId] = policy }
            var era = era
            era.policies = latest.values.filter(\.isActive).sorted {
                ($0.position, $0.policyId) < ($1.position, $1.policyId)
            }
            return era
        }
    }

    /// The calendar as it is at an instant; before its first version, that one.
    func calendar(_ id: UUID, at instant: Timestamp) -> CalendarVersion? {
        let versions = calendars[id] ?? []
        return versions.last { $0.from <= instant } ?? versions.first
    }

    /// A certain version of a policy.
    func version(_ version: Int64, of id: UUID) -> PolicyVersion? {
        policies.first { $0.policyId == id && $0.version == version }
    }

    /// How many eras have begun at an instant.
    func erasBegun(by instant: Timestamp) -> Int {
        var count = 0
        while count < eras.count, eras[count].from <= instant { count += 1 }
        return count
    }
}
