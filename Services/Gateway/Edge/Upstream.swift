import Synchronization

/// One service as the edge sees it: its instances, the circuit breaker of each, and how many calls each has under way.
final class Upstream: Sendable {
    /// One address of a service.
    struct Instance: Sendable {
        /// `http://127.0.0.1:8101`, without a slash at the end.
        let origin: String
        var breaker: CircuitBreaker
        var outstanding = 0
        var calls = 0
        var failures = 0
    }

    /// A call that was let through: end it with `finish`, once, whatever happens.
    struct Permit: Sendable {
        let index: Int
        let origin: String
        let admission: CircuitBreaker.Admission
        let startedAt: ContinuousClock.Instant
    }

    /// How one instance is doing, for `/status`.
    struct Report: Sendable {
        let origin: String
        let phase: CircuitBreaker.Phase
        let outstanding: Int
        let calls: Int
        let failures: Int
    }

    private struct State {
        var instances: [Instance]
        var budget = RetryBudget()
        /// Where the search for the least busy instance begins, so that equals take turns.
        var turn = 0
    }

    let name: String
    private let state: Mutex<State>

    init(name: String, origins: [String], policy: CircuitBreaker.Policy = .init()) {
        precondition(!origins.isEmpty, "a service has at least one instance")
        self.name = name
        state = Mutex(
            State(instances: origins.map { Instance(origin: $0, breaker: CircuitBreaker(policy: policy)) }))
    }

    var origins: [String] { state.withLock { $0.instances.map(\.origin) } }

    /// Picks the instance with the least calls under way among those whose circuit lets calls through. `avoiding` is
    /// the instance that has just failed: taken again only when there is no other.
    func begin(avoiding: Int? = nil, at now: ContinuousClock.Instant) -> Result<Permit, Refusal> {
        state.withLock { state in
            if avoiding == nil { state.budget.earn() }
            let count = state.instances.count
            var best: Int?
            for step in 0..<count {
                let index = (state.turn + step) % count
                guard state.instances[index].breaker.wouldAdmit(at: now) else { continue }
                guard let present = best else {
                    best = index
                    continue
                }
                let (one, other) = (state.instances[index], state.instances[present])
                if present == avoiding || (index != avoiding && one.outstanding < other.outstanding) { best = index }
            }
            state.turn = (state.turn + 1) % count
            guard let best else {
                var wait = Duration.seconds(1)
                for instance in state.instances {
                    if case .open(let until) = instance.breaker.phase { wait = min(wait, until - now) }
                }
                return .failure(Refusal(retryAfter: max(wait, .milliseconds(1))))
            }
            let admission = state.instances[best].breaker.admit(at: now)
            state.instances[best].outstanding += 1
            return .success(
                Permit(
                    index: best, origin: state.instances[best].origin, admission: admission, startedAt: now))
        }
    }

    /// No instance may be called at the moment.
    struct Refusal: Error {
        let retryAfter: Duration
    }

    func finish(_ permit: Permit, _ outcome: CircuitBreaker.Outcome, at now: ContinuousClock.Instant) {
        state.withLock { state in
            state.instances[permit.index].outstanding -= 1
            state.instances[permit.index].calls += 1
            state.instances[permit.index].failures += outcome == .failure ? 1 : 0
            state.instances[permit.index].breaker.record(
                outcome, took: now - permit.startedAt, as: permit.admission, at: now)
        }
    }

    /// Whether one more retry fits into the budget; takes it.
    func mayRetry() -> Bool { state.withLock { $0.budget.spend() } }

    var reports: [Report] {
        state.withLock { state in
            state.instances.map {
                Report(
                    origin: $0.origin, phase: $0.breaker.phase, outstanding: $0.outstanding, calls: $0.calls,
                    failures: $0.failures)
            }
        }
    }

    /// Reads `SERVICES`: `tickets=http://a:8101|http://b:8101,routing=…`. Faults are returned as predicates.
    static func parse(_ text: String) -> Result<[(name: String, origins: [String])], ServicesFault> {
        var services: [(name: String, origins: [String])] = []
        for entry in text.split(separator: ",") {
            let sides = entry.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            guard sides.count == 2, !sides[0].isEmpty else {
                return .failure(ServicesFault(message: "must be a list of name=url"))
            }
            guard !services.contains(where: { $0.name == sides[0] }) else {
                return .failure(ServicesFault(message: "names \(sides[0]) twice"))
            }
            var origins: [String] = []
            for url in sides[1].split(separator: "|") {
                var origin = String(url)
                while origin.hasSuffix("/") { origin.removeLast() }
                let hasHost = origin.hasPrefix("http://") && origin.utf8.count > "http://".utf8.count
                guard hasHost else {
                    return .failure(ServicesFault(message: "has an address of \(sides[0]) that is no http:// URL"))
                }
                origins.append(origin)
            }
            guard !origins.isEmpty else { return .failure(ServicesFault(message: "has no address for \(sides[0])")) }
            services.append((sides[0], origins))
        }
        return .success(services)
    }

    /// What is wrong with `SERVICES`, as a predicate.
    struct ServicesFault: Error, Equatable {
        let message: String
    }
}

/// A call whose answer is still to be passed on. It ends once; at the latest when nobody has it any more, because a client may
/// leave before its answer has begun.
final class UnfinishedCall: Sendable {
    private let permit: Upstream.Permit
    private let upstream: Upstream
    private let hasEnded = Atomic(false)

    init(_ permit: Upstream.Permit, of upstream: Upstream) {
        self.permit = permit
        self.upstream = upstream
    }

    func finish(_ outcome: CircuitBreaker.Outcome) {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        upstream.finish(permit, outcome, at: .now)
    }

    deinit { finish(.ignored) }
}
