import Testing

@testable import Gateway

@Suite("Circuit breaker")
struct CircuitBreakerTests {
    private let start = ContinuousClock.now
    private let quick = Duration.milliseconds(5)

    private func opened(at now: ContinuousClock.Instant) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<breaker.policy.consecutiveFailures {
            breaker.record(.failure, took: quick, as: breaker.admit(at: now), at: now)
        }
        return breaker
    }

    @Test("opens at once when calls fail one after the other")
    func consecutive() {
        let breaker = opened(at: start)
        #expect(breaker.phase == .open(until: start + breaker.policy.firstPause))
        #expect(!breaker.wouldAdmit(at: start))
        #expect(breaker.wouldAdmit(at: start + breaker.policy.firstPause))
    }

    @Test("a success in between starts the count of consecutive failures again")
    func interrupted() {
        var breaker = CircuitBreaker()
        for round in 0..<3 {
            for _ in 0..<(breaker.policy.consecutiveFailures - 1) {
                breaker.record(.failure, took: quick, as: .allowed, at: start)
            }
            breaker.record(.success, took: quick, as: .allowed, at: start)
            #expect(breaker.phase == .closed || round > 0)
        }
    }

    @Test("opens when half of a window's calls fail, however they are mixed")
    func share() {
        var breaker = CircuitBreaker()
        for call in 0..<40 {
            guard case .closed = breaker.phase else { break }
            breaker.record(call.isMultiple(of: 2) ? .success : .failure, took: quick, as: .allowed, at: start)
        }
        guard case .open = breaker.phase else {
            Issue.record("still \(breaker.phase)")
            return
        }
    }

    @Test("failures that are older than the window don't count")
    func window() {
        var breaker = CircuitBreaker()
        for call in 0..<18 {
            breaker.record(call.isMultiple(of: 2) ? .success : .failure, took: quick, as: .allowed, at: start)
        }
        let later = start + breaker.policy.window + .seconds(1)
        for call in 0..<30 {
            breaker.record(call.isMultiple(of: 3) ? .failure : .success, took: quick, as: .allowed, at: later)
        }
        #expect(breaker.phase == .closed)
    }

    @Test("opens when most calls are slow")
    func slow() {
        var breaker = CircuitBreaker()
        for _ in 0..<breaker.policy.minimumCalls {
            breaker.record(.success, took: .seconds(6), as: .allowed, at: start)
        }
        guard case .open = breaker.phase else {
            Issue.record("still \(breaker.phase)")
            return
        }
    }

    @Test("lets a few probes through when half-open, closes when they succeed")
    func recovery() {
        var breaker = opened(at: start)
        let later = start + breaker.policy.firstPause
        let probes = (0..<breaker.policy.probes).map { _ in breaker.admit(at: later) }
        #expect(probes.allSatisfy { $0 == .probe })
        guard case .refused = breaker.admit(at: later) else {
            Issue.record("one probe too many")
            return
        }
        for probe in probes { breaker.record(.success, took: quick, as: probe, at: later) }
        #expect(breaker.phase == .closed)
        #expect(breaker.admit(at: later) == .allowed)
    }

    @Test("a failed probe opens again, for twice as long, up to a limit")
    func relapse() {
        var breaker = opened(at: start)
        var now = start + breaker.policy.firstPause
        var pause = breaker.policy.firstPause
        for _ in 0..<10 {
            #expect(breaker.admit(at: now) == .probe)
            breaker.record(.failure, took: quick, as: .probe, at: now)
            pause = min(pause * 2, breaker.policy.longestPause)
            #expect(breaker.phase == .open(until: now + pause))
            now += pause
        }
        #expect(pause == breaker.policy.longestPause)
    }

    @Test("a probe whose caller went away is given to the next one")
    func abandonedProbe() {
        var breaker = opened(at: start)
        let later = start + breaker.policy.firstPause
        for _ in 0..<20 {
            let admission = breaker.admit(at: later)
            #expect(admission == .probe)
            breaker.record(.ignored, took: quick, as: admission, at: later)
        }
    }

    @Test("the answer of a call from before the opening changes nothing")
    func lateAnswer() {
        var breaker = opened(at: start)
        let phase = breaker.phase
        breaker.record(.success, took: quick, as: .allowed, at: start)
        breaker.record(.failure, took: quick, as: .allowed, at: start)
        #expect(breaker.phase == phase)
    }

    @Test("a retry budget lets a tenth through once it has been spent")
    func budget() {
        var budget = RetryBudget(share: 0.1, capacity: 5)
        var retries = 0
        for _ in 0..<1000 {
            budget.earn()
            retries += budget.spend() ? 1 : 0
        }
        #expect((100...106).contains(retries))
    }
}

@Suite("Upstream")
struct UpstreamTests {
    private let now = ContinuousClock.now

    @Test("the instance with the least calls under way is next")
    func leastOutstanding() throws {
        let upstream = Upstream(name: "tickets", origins: ["http://a", "http://b", "http://c"])
        let first = try upstream.begin(at: now).get()
        let second = try upstream.begin(at: now).get()
        let third = try upstream.begin(at: now).get()
        #expect(Set([first.index, second.index, third.index]).count == 3)
        upstream.finish(second, .success, at: now)
        #expect(try upstream.begin(at: now).get().index == second.index)
    }

    @Test("a call whose answer nobody takes has ended, too, and one that was taken ends once")
    func abandoned() throws {
        let upstream = Upstream(name: "tickets", origins: ["http://a"])
        do {
            let call = UnfinishedCall(try upstream.begin(at: now).get(), of: upstream)
            #expect(upstream.reports.first?.outstanding == 1)
            withExtendedLifetime(call) {}
        }
        #expect(upstream.reports.first?.outstanding == 0)
        UnfinishedCall(try upstream.begin(at: now).get(), of: upstream).finish(.success)
        #expect(upstream.reports.first?.outstanding == 0)
    }

    @Test("a retry goes elsewhere while there is an elsewhere")
    func avoiding() throws {
        let upstream = Upstream(name: "tickets", origins: ["http://a", "http://b"])
        for _ in 0..<20 {
            let first = try upstream.begin(at: now).get()
            upstream.finish(first, .ignored, at: now)
            #expect(try upstream.begin(avoiding: first.index, at: now).get().index != first.index)
        }
        let alone = Upstream(name: "tickets", origins: ["http://a"])
        #expect(try alone.begin(avoiding: 0, at: now).get().index == 0)
    }

    @Test("an instance whose circuit is open gets nothing; with all open the caller learns when to come back")
    func ejection() throws {
        let upstream = Upstream(name: "tickets", origins: ["http://a", "http://b"])
        func fail(_ index: Int) throws {
            var failures = 0
            while failures < 5 {
                let permit = try upstream.begin(at: now).get()
                upstream.finish(permit, permit.index == index ? .failure : .ignored, at: now)
                failures += permit.index == index ? 1 : 0
            }
        }
        try fail(0)
        for _ in 0..<10 {
            let permit = try upstream.begin(at: now).get()
            #expect(permit.index == 1)
            upstream.finish(permit, .ignored, at: now)
        }
        try fail(1)
        guard case .failure(let refusal) = upstream.begin(at: now) else {
            Issue.record("called although every circuit is open")
            return
        }
        #expect(refusal.retryAfter <= .milliseconds(500))
    }

    @Test(
        "reads the list of services",
        arguments: [
            ("tickets=http://a:1", ["tickets": ["http://a:1"]]),
            (
                "tickets=http://a:1/|http://b:2 , routing=http://c:3",
                ["tickets": ["http://a:1", "http://b:2"], "routing": ["http://c:3"]]
            ),
            ("", [:]),
        ])
    func parse(text: String, expected: [String: [String]]) throws {
        let parsed = try Upstream.parse(text).get()
        #expect(Dictionary(uniqueKeysWithValues: parsed.map { ($0.name, $0.origins) }) == expected)
    }

    @Test(
        "says what is wrong with the list",
        arguments: ["tickets", "tickets=", "=http://a", "a=ftp://x", "a=http://x,a=http://y"])
    func malformed(text: String) {
        guard case .failure = Upstream.parse(text) else {
            Issue.record("accepted \(text)")
            return
        }
    }
}
