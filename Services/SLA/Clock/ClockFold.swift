// From a ticket's history to its clocks. Pure: the same facts, terms and instant always give the same clocks, whatever
// order and however often the facts came.

import BusinessTime
import Conditions
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ticket's clocks at an instant, and what is known of the ticket by then.
struct TicketClocks: Sendable {
    var clocks: [Clock] = []
    /// The policy that the ticket is under, and its version.
    var policyId: UUID?
    var policyVersion: Int64?
    var createdAt: Timestamp?
    var attributes: JSONObject = [:]
    /// Whether it is resolved, deleted or merged: nothing falls due any more unless it comes back.
    var isOver = false
    /// When time alone changes the clocks next.
    var nextDue: Timestamp?

    /// Folds a ticket's facts.
    /// - Parameters:
    ///   - asOf: How far time has gone; at least until the last fact.
    ///   - live: Used time is counted until `asOf` too, instead of until the last change.
    init(of facts: [TicketFact], terms: Terms, asOf: Timestamp, live: Bool = false) {
        var fold = ClockFold(terms: terms)
        fold.run(facts, asOf: asOf)
        guard fold.createdAt != nil else { return }
        let end = fold.now
        clocks = fold.trackers.compactMap { $0.clock(usedUntil: live ? end : nil) }
        policyId = fold.policy?.policyId
        policyVersion = fold.policy?.version
        createdAt = fold.createdAt
        attributes = fold.attributes
        isOver = fold.isOver
        nextDue = fold.trackers.compactMap(\.nextDue).min()
    }
}

private struct ClockFold {
    let terms: Terms
    private(set) var now = Timestamp.min
    private(set) var createdAt: Timestamp?
    private(set) var attributes: JSONObject = [:]
    private(set) var policy: PolicyVersion?
    private(set) var trackers: [Tracker] = []
    private var era = 0
    private var isGone = false
    /// A customer has written since an agent last did.
    private var isUnanswered = false

    init(terms: Terms) { self.terms = terms }

    private var status: String { attributes["status"]?.stringValue ?? "open" }
    private var priority: String { attributes["priority"]?.stringValue ?? "normal" }
    private var isDone: Bool { TicketStatuses.isDone(status) }
    var isOver: Bool { isDone || isGone }
    private var pausing: Set<String> { policy?.terms.pausing ?? TicketStatuses.pausingByDefault }

    // MARK: Order

    mutating func run(_ facts: [TicketFact], asOf: Timestamp) {
        var bySequence: [Int64: TicketFact] = [:]
        for fact in facts { bySequence[fact.sequence] = fact }
        let ordered = bySequence.values.sorted { $0.sequence < $1.sequence }
        // Until its beginning has come there is no telling.
        guard let first = ordered.first, case .created = first.kind else { return }
        for fact in ordered {
            // Machines' clocks differ a little; the history's order is what counts.
            let instant = max(now, fact.at)
            if createdAt != nil { pass(to: instant) }
            now = instant
            apply(fact.kind)
        }
        pass(to: max(now, asOf))
    }

    /// Lets time pass, through whatever came into force meanwhile.
    private mutating func pass(to instant: Timestamp) {
        while era < terms.eras.count, terms.eras[era].from <= instant {
            advance(to: max(now, terms.eras[era].from))
            enter(terms.eras[era])
            era += 1
        }
        advance(to: instant)
    }

    private mutating func advance(to instant: Timestamp) {
        now = instant
        for index in trackers.indices { trackers[index].advance(to: instant) }
    }

    private mutating func enter(_ era: Terms.Era) {
        if era.movesTickets, !isDone, !isGone {
            choosePolicy(from: era.policies, changes: [:], keepsVersion: false)
            retarget(reason: "policy")
        }
        if !era.calendars.isEmpty { retarget(reason: "calendar") }
    }

    // MARK: Facts

    private mutating func apply(_ kind: TicketFact.Kind) {
        switch kind {
        case .created(let fields): create(fields)
        case .changed(let changes): change(changes)
        case .agentReplied: reply()
        case .customerWrote: write()
        case .deleted: leave(reason: "deleted")
        case .merged: leave(reason: "merged")
        case .restored: comeBack()
        }
    }

    private mutating func create(_ fields: JSONObject) {
        guard createdAt == nil else { return }
        createdAt = now
        attributes = fields
        era = terms.erasBegun(by: now)
        choosePolicy(changes: [:])
        if !isDone { startAll() }
    }

    private mutating func startAll() {
        for metric in [Metric.firstResponse, .requesterWait, .agentWork, .resolution] { start(metric) }
    }

    private mutating func change(_ changes: JSONObject) {
        let wasDone = isDone
        let before = priority
        for (name, change) in changes { attributes[name] = change["new"] ?? .null }
        let previous = policy
        choosePolicy(changes: changes)
        if wasDone, !isDone, !isGone { reopen() }
        let isOther = !(policy?.isSame(as: previous) ?? (previous == nil))
        retarget(reason: isOther ? "policy" : before != priority ? "priority" : "change")
        if !wasDone, isDone { finish() }
        for index in trackers.indices {
            let runs = trackers[index].metric.runs(in: status, pausing: pausing)
            if !isDone, !isGone { trackers[index].run(runs, at: now, reason: "status") }
        }
    }

    private mutating func reply() {
        isUnanswered = false
        for index in trackers.indices where trackers[index].metric.endsWithResponse {
            trackers[index].complete(at: now)
        }
        guard !isDone, !isGone else { return }
        start(.periodicUpdate)
        start(.pausableUpdate)
    }

    private mutating func write() {
        isUnanswered = true
        awaitResponse()
    }

    private mutating func awaitResponse() {
        let isWaiting = trackers.contains { $0.metric == .nextResponse && !$0.isComplete }
        if !isDone, !isGone, !isWaiting { start(.nextResponse) }
    }

    // MARK: Resolution and return

    private mutating func finish() {
        for index in trackers.indices {
            if trackers[index].metric.endsWithResponse {
                trackers[index].suspend(at: now, reason: "resolved")
            } else {
                trackers[index].complete(at: now)
            }
        }
    }

    private mutating func reopen() {
        if trackers.isEmpty { return startAll() }
        for index in trackers.indices {
            if trackers[index].metric.endsWithResponse {
                trackers[index].revive(at: now, reason: "reopened")
            } else {
                trackers[index].reopen(at: now)
            }
        }
        if isUnanswered { awaitResponse() }
    }

    private mutating func leave(reason: String) {
        guard !isGone else { return }
        isGone = true
        for index in trackers.indices { trackers[index].withdraw(at: now, reason: reason) }
    }

    private mutating func comeBack() {
        guard isGone else { return }
        isGone = false
        guard !isDone else { return }
        for index in trackers.indices {
            trackers[index].revive(at: now, reason: "restored")
            trackers[index].run(trackers[index].metric.runs(in: status, pausing: pausing), at: now, reason: "status")
        }
    }

    // MARK: Targets

    private mutating func start(_ metric: Metric) {
        let instance = trackers.count { $0.metric == metric } + 1
        trackers.append(
            Tracker(
                metric, instance: instance, at: now, term: term(for: metric),
                running: metric.runs(in: status, pausing: pausing)))
    }

    private mutating func retarget(reason: String) {
        for index in trackers.indices where !trackers[index].isComplete {
            trackers[index].set(term(for: trackers[index].metric), at: now, reason: reason)
        }
    }

    private func term(for metric: Metric) -> Tracker.Term? {
        guard let policy, let target = policy.terms.targets[priority]?[metric] else { return nil }
        guard target.isBusiness else {
            return Tracker.Term(policy: policy, target: target, scale: .calendar, calendar: nil, priority: priority)
        }
        guard let id = policy.terms.calendarId, let calendar = terms.calendar(id, at: now) else { return nil }
        return Tracker.Term(
            policy: policy, target: target, scale: .business(calendar.hours), calendar: calendar, priority: priority)
    }

    /// Chooses the first policy whose conditions hold. A ticket that stays under a policy keeps the version it has.
    private mutating func choosePolicy(changes: JSONObject) {
        let policies = era > 0 ? terms.eras[era - 1].policies : []
        choosePolicy(from: policies, changes: changes, keepsVersion: true)
    }

    private mutating func choosePolicy(from policies: [PolicyVersion], changes: JSONObject, keepsVersion: Bool) {
        guard !policies.isEmpty else {
            policy = nil
            return
        }
        let facts = Facts(slaTicket: attributes, changes: changes) { [terms, now] id, instant in
            id.flatMap { terms.calendar($0, at: now) }.flatMap { try? $0.hours.isOpen(at: instant) }
        }
        let chosen = policies.first { $0.condition.holds(for: facts) }
        if keepsVersion, let chosen, chosen.policyId == policy?.policyId { return }
        policy = chosen
    }
}
