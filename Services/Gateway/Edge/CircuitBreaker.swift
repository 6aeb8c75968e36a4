/// Decides whether one instance of a service may be called: closed (calls flow, failures are counted in a sliding
/// window), open (calls are refused for a while that doubles with every relapse), half-open (a few probes flow).
///
/// A pure value: time comes in as an argument, nothing is read or written outside.
struct CircuitBreaker: Sendable {
    /// When a circuit opens and how it closes again.
    struct Policy: Sendable {
        /// How far back calls count.
        var window: Duration = .seconds(10)
        /// Fewer calls than this in the window say nothing.
        var minimumCalls = 20
        /// The share of failed calls that opens the circuit.
        var failureShare = 0.5
        /// A call that takes longer than this is slow …
        var slowCall: Duration = .seconds(5)
        /// … and this share of slow calls opens the circuit too.
        var slowShare = 0.8
        /// So many failures in a row open the circuit at once: an instance that is gone should not need a full window.
        var consecutiveFailures = 5
        /// The first pause; every failed probe doubles it, up to `longestPause`.
        var firstPause: Duration = .milliseconds(500)
        var longestPause: Duration = .seconds(10)
        /// Probes that run at the same time while half-open, and successes that close the circuit.
        var probes = 2
    }

    /// What a finished call says about the instance.
    enum Outcome: Sendable {
        case success
        case failure
        /// The caller went away or was at fault: says nothing.
        case ignored
    }

    enum Admission: Sendable, Equatable {
        case allowed
        case probe
        /// Refused; worth asking again after `retryAfter`.
        case refused(retryAfter: Duration)
    }

    enum Phase: Sendable, Equatable {
        case closed
        case open(until: ContinuousClock.Instant)
        case halfOpen(running: Int, succeeded: Int)
    }

    let policy: Policy
    private(set) var phase = Phase.closed
    private var slots: [Slot]
    private var failuresInARow = 0
    private var pause: Duration

    /// One second of the window, recognised by its number so that a stale slot is emptied when it comes round again.
    private struct Slot: Sendable {
        var number: Int64 = .min
        var calls = 0
        var failures = 0
        var slow = 0
    }

    init(policy: Policy = Policy()) {
        self.policy = policy
        pause = policy.firstPause
        slots = Array(repeating: Slot(), count: max(1, Int(policy.window.components.seconds)))
    }

    /// Asks for one call. A `.probe` must be ended with `record`, whatever happens, or the circuit never closes.
    mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        switch phase {
        case .closed:
            return .allowed
        case .open(let until):
            guard now >= until else { return .refused(retryAfter: until - now) }
            phase = .halfOpen(running: 1, succeeded: 0)
            return .probe
        case .halfOpen(let running, let succeeded):
            guard running + succeeded < policy.probes else { return .refused(retryAfter: policy.firstPause) }
            phase = .halfOpen(running: running + 1, succeeded: succeeded)
            return .probe
        }
    }

    /// What `admit` would say, without taking a probe.
    func wouldAdmit(at now: ContinuousClock.Instant) -> Bool {
        switch phase {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let running, let succeeded): running + succeeded < policy.probes
        }
    }

    /// Ends a call that `admit` let through.
    mutating func record(_ outcome: Outcome, took: Duration, as admission: Admission, at now: ContinuousClock.Instant) {
        if admission == .probe {
            recordProbe(outcome, took: took, at: now)
            return
        }
        guard case .closed = phase, outcome != .ignored else { return }
        let failed = outcome == .failure
        let slow = took > policy.slowCall
        failuresInARow = failed ? failuresInARow + 1 : 0
        count(failed: failed, slow: slow, at: now)
        if failed || slow, isUnhealthy(at: now) {
            open(at: now)
        }
    }

    private mutating func recordProbe(_ outcome: Outcome, took: Duration, at now: ContinuousClock.Instant) {
        guard case .halfOpen(let running, let succeeded) = phase else { return }
        switch outcome {
        case .ignored:
            phase = .halfOpen(running: max(0, running - 1), succeeded: succeeded)
        case .success where took <= policy.slowCall:
            if succeeded + 1 >= policy.probes {
                close()
            } else {
                phase = .halfOpen(running: max(0, running - 1), succeeded: succeeded + 1)
            }
        case .success, .failure:
            pause = min(pause * 2, policy.longestPause)
            open(at: now)
        }
    }

    private mutating func open(at now: ContinuousClock.Instant) {
        phase = .open(until: now + pause)
        clear()
    }

    private mutating func close() {
        phase = .closed
        pause = policy.firstPause
        clear()
    }

    private mutating func clear() {
        failuresInARow = 0
        for index in slots.indices { slots[index] = Slot() }
    }

    private mutating func count(failed: Bool, slow: Bool, at now: ContinuousClock.Instant) {
        let number = Self.second(now)
        let index = Int(number.magnitude % UInt64(slots.count))
        if slots[index].number != number { slots[index] = Slot(number: number) }
        slots[index].calls += 1
        slots[index].failures += failed ? 1 : 0
        slots[index].slow += slow ? 1 : 0
    }

    private func isUnhealthy(at now: ContinuousClock.Instant) -> Bool {
        if failuresInARow >= policy.consecutiveFailures { return true }
        let oldest = Self.second(now) - Int64(slots.count) + 1
        var calls = 0
        var failures = 0
        var slow = 0
        for slot in slots where slot.number >= oldest {
            calls += slot.calls
            failures += slot.failures
            slow += slot.slow
        }
        guard calls >= policy.minimumCalls else { return false }
        return Double(failures) >= policy.failureShare * Double(calls)
            || Double(slow) >= policy.slowShare * Double(calls)
    }

    private static let origin = ContinuousClock.now

    /// Whole seconds since the process began to count; may be negative for instants before that.
    private static func second(_ now: ContinuousClock.Instant) -> Int64 {
        let elapsed = (now - origin).components
        return elapsed.attoseconds < 0 ? elapsed.seconds - 1 : elapsed.seconds
    }
}
