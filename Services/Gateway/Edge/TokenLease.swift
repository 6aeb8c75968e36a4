/// One rate limit: so many requests in a window, as a token bucket that fills at an even rate.
struct RateQuota: Sendable, Hashable {
    /// The most tokens the bucket holds: `q` of the header.
    let requests: Int
    /// The time in which an empty bucket fills: `w` of the header.
    let windowSeconds: Int

    var tokensPerSecond: Double { Double(requests) / Double(windowSeconds) }
}

/// The part of a shared token bucket that this process has borrowed. Several gateway processes share a bucket in the
/// database; each borrows a batch at a time and spends it from memory. The batch follows the demand: it doubles while
/// batches go within `quick`, halves when one lapses unspent, and never exceeds a sixteenth of the quota, so that what
/// a process holds back from the others stays small. A quota below 32 is thus counted token by token, exactly.
struct TokenLease: Sendable {
    /// A batch is worth nothing after this long, so an idle process holds nothing back for long.
    static let lifetime: Duration = .seconds(1)
    static let quick: Duration = .milliseconds(100)

    enum Decision: Sendable, Equatable {
        /// Spent one token.
        case allowed
        /// Nothing in hand: borrow so many tokens, then ask again.
        case borrow(Int)
        /// Someone else is borrowing: wait for that, then ask again.
        case wait
        /// The shared bucket was empty.
        case refused(retryAfter: Duration)
    }

    let quota: RateQuota
    private(set) var inHand = 0
    /// Tokens that the shared bucket had when we last looked.
    private(set) var sharedRemaining: Int
    private var batch = 1
    private var borrowedAt: ContinuousClock.Instant?
    private var refusedUntil: ContinuousClock.Instant?
    private var isBorrowing = false

    init(quota: RateQuota) {
        self.quota = quota
        sharedRemaining = quota.requests
    }

    /// Whether a batch is on its way.
    var isWaitedFor: Bool { isBorrowing }

    /// What may still be spent, as far as this process knows.
    var remaining: Int { max(0, inHand + sharedRemaining) }

    /// Whole seconds until the bucket is full again.
    var secondsUntilFull: Int {
        let missing = Double(quota.requests - min(quota.requests, remaining))
        return Int((missing / quota.tokensPerSecond).rounded(.up))
    }

    private var largestBatch: Int { max(1, quota.requests / 16) }

    /// Spends one token.
    mutating func spend(at now: ContinuousClock.Instant) -> Decision {
        if let borrowedAt, inHand > 0, now - borrowedAt > Self.lifetime {
            inHand = 0
            batch = max(1, batch / 2)
        }
        if inHand > 0 {
            inHand -= 1
            return .allowed
        }
        if let refusedUntil {
            guard now >= refusedUntil else { return .refused(retryAfter: refusedUntil - now) }
            self.refusedUntil = nil
        }
        if isBorrowing { return .wait }
        return .borrow(beginBorrowing(at: now))
    }

    private mutating func beginBorrowing(at now: ContinuousClock.Instant) -> Int {
        isBorrowing = true
        if let borrowedAt, now - borrowedAt < Self.quick { batch = min(batch * 2, largestBatch) }
        return batch
    }

    /// The shared bucket granted `granted` tokens and has `left` (a fraction while it fills).
    mutating func borrowed(_ granted: Int, left: Double, at now: ContinuousClock.Instant) {
        isBorrowing = false
        sharedRemaining = max(0, Int(left))
        guard granted > 0 else {
            let missing = max(0, 1 - left)
            refusedUntil = now + .seconds(max(0.001, missing / quota.tokensPerSecond))
            return
        }
        if let borrowedAt, inHand > 0, now - borrowedAt > Self.lifetime { inHand = 0 }
        inHand += granted
        borrowedAt = now
        refusedUntil = nil
    }

    /// The shared bucket can't be asked (the database is away).
    mutating func borrowingFailed() {
        isBorrowing = false
    }
}

/// A token bucket in this process alone: what limits while the shared one is out of reach.
struct LocalBucket: Sendable {
    let quota: RateQuota
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    init(quota: RateQuota, at now: ContinuousClock.Instant) {
        self.quota = quota
        tokens = Double(quota.requests)
        filledAt = now
    }

    /// Spends one token or says how long one takes to come.
    mutating func spend(at now: ContinuousClock.Instant) -> Duration? {
        let elapsed = max(0, (now - filledAt) / .seconds(1))
        tokens = min(Double(quota.requests), tokens + elapsed * quota.tokensPerSecond)
        filledAt = now
        guard tokens >= 1 else { return .seconds((1 - tokens) / quota.tokensPerSecond) }
        tokens -= 1
        return nil
    }
}
