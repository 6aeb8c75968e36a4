// One metric of one ticket while its history is folded.

import Contracts

/// A clock in the making. It counts from the beginning of its metric, also while no target is set for it: what is used by
/// then counts when one is.
struct Tracker: Sendable {
    /// What is promised, and in which kind of time.
    struct Term: Sendable {
        var policy: PolicyVersion
        var target: Target
        var scale: TimeScale
        var calendar: CalendarVersion?
        var priority: String
    }

    private struct Alert {
        var kind: Clock.Entry.Kind
        var index: Int
        var threshold: Int64
    }

    let metric: Metric
    let instance: Int
    let startedAt: Timestamp
    private(set) var term: Term?
    /// The last term, kept for showing a clock whose target was taken away.
    private var shown: Term?
    private var used: Int64 = 0
    /// Running since, and counted up to.
    private var since: Timestamp?
    private var pausedAt: Timestamp?
    private var changedAt: Timestamp
    /// Time that no target counted.
    private var uncounted: [(from: Timestamp, to: Timestamp)] = []
    private var epoch = 0
    private var fired: Set<String> = []
    private var alerts: [Alert] = []
    private var targetAt: Timestamp?
    private var lastTargetAt: Timestamp
    private(set) var completedAt: Timestamp?
    private(set) var isSuspended = false
    private(set) var breachedAt: Timestamp?
    private(set) var history: [Clock.Entry] = []
    /// When the next warning, breach or escalation is due.
    private(set) var nextDue: Timestamp?

    var isComplete: Bool { completedAt != nil }
    var isRunning: Bool { since != nil }

    init(_ metric: Metric, instance: Int, at start: Timestamp, term: Term?, running: Bool) {
        self.metric = metric
        self.instance = instance
        startedAt = start
        changedAt = start
        lastTargetAt = start
        since = start
        set(term, at: start, reason: "started")
        if !running { pause(at: start, reason: "status") }
    }

    // MARK: Time

    /// Lets time pass up to an instant: what falls due before it happens.
    mutating func advance(to instant: Timestamp) {
        while let due = nextDue, due < instant, let alert = nextAlert {
            fired.insert(key(alert))
            switch alert.kind {
            case .breached:
                breachedAt = due
                log(.breached, due, targetAt: due, used: alert.threshold)
            case .warning:
                log(.warning, due, index: alert.index, epoch: epoch, targetAt: lastTargetAt, used: alert.threshold)
            default:
                log(.escalated, due, index: alert.index, targetAt: lastTargetAt, used: alert.threshold)
            }
            scheduleNext()
        }
    }

    private mutating func settle(at instant: Timestamp) {
        guard let since, since < instant else { return }
        if let term {
            used += term.scale.elapsed(since, instant)
        } else {
            uncounted.append((since, instant))
        }
        self.since = instant
    }

    // MARK: Running

    mutating func run(_ runs: Bool, at instant: Timestamp, reason: String) {
        guard !isComplete, !isSuspended, runs != isRunning else { return }
        if runs { resume(at: instant, reason: reason) } else { pause(at: instant, reason: reason) }
    }

    private mutating func pause(at instant: Timestamp, reason: String) {
        settle(at: instant)
        since = nil
        pausedAt = instant
        changedAt = instant
        if term != nil { log(.paused, instant, reason: reason) }
        reschedule()
    }

    private mutating func resume(at instant: Timestamp, reason: String) {
        since = instant
        pausedAt = nil
        changedAt = instant
        reschedule()
        if term != nil { log(.resumed, instant, reason: reason, targetAt: targetAt) }
    }

    // MARK: Targets

    /// Sets what is promised from now on. Used time counts.
    mutating func set(_ new: Term?, at instant: Timestamp, reason: String) {
        guard !isComplete else { return }
        let old = term
        if let old, let new, old.isSame(as: new) {
            term?.priority = new.priority
            return
        }
        if old == nil, new == nil { return }
        settle(at: instant)
        changedAt = instant
        term = new
        guard let new else {
            if !isSuspended { log(.cancelled, instant, reason: "no_target") }
            return reschedule()
        }
        if old == nil {
            for stretch in uncounted { used += new.scale.elapsed(stretch.from, stretch.to) }
            uncounted = []
        }
        let previous = shown
        shown = new
        let isAnew = previous.map { !$0.hasSameAlerts(as: new) } ?? true
        if isAnew, previous != nil { epoch += 1 }
        if isAnew {
            alerts = Self.alerts(of: new, metric)
            if breachedAt == nil { fired = [] }
        }
        reschedule()
        if isSuspended { return }
        if history.isEmpty {
            log(.entered, instant, targetAt: lastTargetAt, targetSeconds: new.target.seconds)
        } else if old == nil {
            log(.resumed, instant, reason: reason, targetAt: targetAt, targetSeconds: new.target.seconds)
        } else {
            log(.retargeted, instant, reason: reason, targetAt: targetAt, targetSeconds: new.target.seconds)
        }
    }

    // MARK: Ends

    /// What was promised has happened.
    mutating func complete(at instant: Timestamp) {
        guard !isComplete else { return }
        settle(at: instant)
        since = nil
        pausedAt = nil
        isSuspended = false
        completedAt = instant
        nextDue = nil
        changedAt = instant
        if term != nil { log(breachedAt == nil ? .met : .finished, instant, targetAt: lastTargetAt) }
    }

    /// It has not happened after all: the ticket was reopened.
    mutating func reopen(at instant: Timestamp) {
        guard isComplete else { return }
        completedAt = nil
        resume(at: instant, reason: "reopened")
    }

    /// Nobody waits for it any more at the moment.
    mutating func suspend(at instant: Timestamp, reason: String) {
        guard !isComplete, !isSuspended else { return }
        settle(at: instant)
        since = nil
        pausedAt = nil
        isSuspended = true
        changedAt = instant
        nextDue = nil
        targetAt = nil
        if term != nil { log(.cancelled, instant, reason: reason) }
    }

    mutating func revive(at instant: Timestamp, reason: String) {
        guard isSuspended else { return }
        isSuspended = false
        resume(at: instant, reason: reason)
    }

    /// What ended it was no fulfilment: the ticket went up in another one.
    mutating func withdraw(at instant: Timestamp, reason: String) {
        if completedAt == instant {
            completedAt = nil
            history.removeAll { $0.at == instant && ($0.kind == .met || $0.kind == .finished) }
        }
        suspend(at: instant, reason: reason)
    }

    // MARK: Alerts

    private static func alerts(of term: Term, _ metric: Metric) -> [Alert] {
        let target = term.target
        var alerts = [Alert(kind: .breached, index: 0, threshold: target.microseconds)]
        for (index, rule) in term.policy.terms.warnings.enumerated() where rule.isFor(metric) {
            alerts.append(Alert(kind: .warning, index: index, threshold: rule.threshold.microseconds(of: target)))
        }
        for (index, step) in term.policy.terms.escalations.enumerated() where step.isFor(metric) {
            let threshold = target.microseconds + step.afterSeconds * 1_000_000
            alerts.append(Alert(kind: .escalated, index: index, threshold: threshold))
        }
        let order: [Clock.Entry.Kind] = [.warning, .breached, .escalated]
        func rank(_ alert: Alert) -> Int { order.firstIndex(of: alert.kind) ?? order.count }
        return alerts.sorted { ($0.threshold, rank($0), $0.index) < ($1.threshold, rank($1), $1.index) }
    }

    private func key(_ alert: Alert) -> String { "\(alert.kind.rawValue):\(alert.index)" }

    /// A missed target stays missed: after the breach only escalations are left.
    private var nextAlert: Alert? {
        alerts.first { !fired.contains(key($0)) && (breachedAt == nil || $0.kind == .escalated) }
    }

    private mutating func reschedule() {
        targetAt = nil
        if let term, !isComplete, !isSuspended {
            let left = term.target.microseconds - used
            lastTargetAt = term.scale.deadline(from: since ?? changedAt, left) ?? .max
            if since != nil { targetAt = lastTargetAt }
        }
        scheduleNext()
    }

    private mutating func scheduleNext() {
        nextDue = nil
        guard let term, !isComplete, !isSuspended, let alert = nextAlert else { return }
        if alert.threshold < used {
            // A nearer target than what is used already.
            nextDue = changedAt
        } else if let since {
            nextDue = term.scale.deadline(from: since, alert.threshold - used)
        }
    }

    // MARK: Showing

    private mutating func log(
        _ kind: Clock.Entry.Kind, _ at: Timestamp, index: Int? = nil, epoch: Int? = nil, reason: String? = nil,
        targetAt: Timestamp? = nil, targetSeconds: Int64? = nil, used alertUsed: Int64? = nil
    ) {
        history.append(
            Clock.Entry(
                kind: kind, at: at, index: index, epoch: epoch, reason: reason, targetAt: targetAt,
                targetSeconds: targetSeconds, used: max(used, alertUsed ?? 0)))
    }

    /// The clock; nil where no target was ever set.
    /// - Parameter instant: Until when used time is counted. Without it, until the last change, so that a clock to which
    ///   nothing happens stays the same value.
    func clock(usedUntil instant: Timestamp?) -> Clock? {
        guard let shown else { return nil }
        var (used, measuredAt) = (used, since ?? changedAt)
        if let instant, let since, let term {
            used += term.scale.elapsed(since, instant)
            measuredAt = max(measuredAt, instant)
        }
        let state: Clock.State =
            if breachedAt != nil {
                .breached
            } else if isComplete {
                .met
            } else if isSuspended || term == nil {
                .cancelled
            } else {
                since == nil ? .paused : .running
            }
        return Clock(
            metric: metric, instance: instance, policyId: shown.policy.policyId, policyVersion: shown.policy.version,
            calendarId: shown.calendar?.calendarId, calendarVersion: shown.calendar?.version, priority: shown.priority,
            target: shown.target, startedAt: startedAt, state: state, used: used, measuredAt: measuredAt,
            targetAt: isComplete || breachedAt != nil ? lastTargetAt : targetAt, lastTargetAt: lastTargetAt,
            pausedAt: pausedAt, finishedAt: completedAt, breachedAt: breachedAt, history: history)
    }
}

extension Tracker.Term {
    func isSame(as other: Tracker.Term) -> Bool {
        policy.isSame(as: other.policy) && target == other.target && calendar?.version == other.calendar?.version
            && calendar?.calendarId == other.calendar?.calendarId
    }

    /// Whether what was warned of under one holds under the other: only the calendar was edited.
    func hasSameAlerts(as other: Tracker.Term) -> Bool {
        policy.isSame(as: other.policy) && target == other.target
    }
}
