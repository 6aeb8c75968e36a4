import Testing

@testable import Gateway

@Suite("Rate limits")
struct TokenLeaseTests {
    /// The shared bucket as the database keeps it.
    private struct SharedBucket {
        let quota: RateQuota
        var tokens: Double
        var filledAt: ContinuousClock.Instant
        var granted = 0

        init(_ quota: RateQuota, at now: ContinuousClock.Instant) {
            self.quota = quota
            tokens = Double(quota.requests)
            filledAt = now
        }

        mutating func take(_ want: Int, at now: ContinuousClock.Instant) -> (granted: Int, left: Double) {
            tokens = min(Double(quota.requests), tokens + (now - filledAt) / .seconds(1) * quota.tokensPerSecond)
            filledAt = now
            let granted = min(want, Int(tokens))
            tokens -= Double(granted)
            self.granted += granted
            return (granted, tokens)
        }
    }

    private func spend(
        _ lease: inout TokenLease, _ bucket: inout SharedBucket, at now: ContinuousClock.Instant
    ) -> Bool {
        while true {
            switch lease.spend(at: now) {
            case .allowed:
                return true
            case .borrow(let want):
                let (granted, left) = bucket.take(want, at: now)
                lease.borrowed(granted, left: left, at: now)
            case .wait, .refused:
                return false
            }
        }
    }

    @Test("several processes together let through what the quota says, no more", arguments: [1, 2, 5])
    func shared(processes: Int) {
        let quota = RateQuota(requests: 600, windowSeconds: 60)
        let start = ContinuousClock.now
        var bucket = SharedBucket(quota, at: start)
        var leases = Array(repeating: TokenLease(quota: quota), count: processes)
        var allowed = 0
        // 100 requests a second for 30 s against 10 a second and a burst of 600.
        for tick in 0..<3000 {
            let now = start + .milliseconds(tick * 10)
            if spend(&leases[tick % processes], &bucket, at: now) { allowed += 1 }
        }
        #expect(allowed <= 600 + 300)
        #expect(allowed >= 880)
    }

    @Test("a small quota is counted exactly")
    func exact() {
        let quota = RateQuota(requests: 5, windowSeconds: 60)
        let start = ContinuousClock.now
        var bucket = SharedBucket(quota, at: start)
        var leases = [TokenLease(quota: quota), TokenLease(quota: quota)]
        let allowed = (0..<20).count { spend(&leases[$0 % 2], &bucket, at: start) }
        #expect(allowed == 5)
        guard case .refused(let wait) = leases[0].spend(at: start) else {
            Issue.record("not refused")
            return
        }
        #expect(wait > .seconds(11) && wait <= .seconds(12))
        #expect(leases[0].remaining == 0)
        #expect(leases[0].secondsUntilFull == 60)
    }

    @Test("a busy process borrows seldom")
    func batches() {
        let quota = RateQuota(requests: 100_000, windowSeconds: 10)
        let start = ContinuousClock.now
        var bucket = SharedBucket(quota, at: start)
        var lease = TokenLease(quota: quota)
        var borrows = 0
        for tick in 0..<20_000 {
            let now = start + .microseconds(tick * 100)
            let before = bucket.granted
            #expect(spend(&lease, &bucket, at: now))
            borrows += bucket.granted > before ? 1 : 0
        }
        #expect(borrows < 60)
    }

    @Test("what a process borrowed and did not spend lapses")
    func lapse() {
        let quota = RateQuota(requests: 1000, windowSeconds: 1)
        let start = ContinuousClock.now
        var lease = TokenLease(quota: quota)
        #expect(lease.spend(at: start) == .borrow(1))
        lease.borrowed(50, left: 900, at: start)
        #expect(lease.spend(at: start) == .allowed)
        guard case .borrow = lease.spend(at: start + .seconds(2)) else {
            Issue.record("spent a token that had lapsed")
            return
        }
    }

    @Test("only one borrows at a time")
    func single() {
        let now = ContinuousClock.now
        var lease = TokenLease(quota: RateQuota(requests: 10, windowSeconds: 10))
        #expect(lease.spend(at: now) == .borrow(1))
        #expect(lease.spend(at: now) == .wait)
        lease.borrowingFailed()
        #expect(lease.spend(at: now) == .borrow(1))
    }

    @Test("the bucket of one process fills evenly")
    func local() {
        let start = ContinuousClock.now
        var bucket = LocalBucket(quota: RateQuota(requests: 10, windowSeconds: 10), at: start)
        for _ in 0..<10 { #expect(bucket.spend(at: start) == nil) }
        #expect(bucket.spend(at: start) == .seconds(1))
        #expect(bucket.spend(at: start + .seconds(1)) == nil)
        #expect(bucket.spend(at: start + .seconds(1)) != nil)
    }
}
