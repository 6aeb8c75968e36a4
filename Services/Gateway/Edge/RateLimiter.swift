import Contracts
import Database
import HTTPTypes
import Logging
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A limit as it applies to one caller: whose bucket, and how large.
struct RateLimit: Sendable, Hashable {
    /// The name of the policy in the headers.
    enum Policy: String, Sendable {
        case key, user, organization, address
    }

    let policy: Policy
    let tenantId: UUID
    /// Tells buckets of the same policy and tenant apart.
    let bucket: String
    let quota: RateQuota
}

/// Counts requests against token buckets that all gateway processes share through the database, borrowing tokens in
/// batches (``TokenLease``). While the database is away each process counts alone, against the same quota.
final class RateLimiter: Sendable {
    /// Buckets that a process keeps in mind; beyond this the ones not used for longest are forgotten.
    static let bucketsMax = 20_000
    /// How long to count alone after the shared bucket could not be asked.
    static let alone: Duration = .seconds(2)

    /// Asks the shared bucket for tokens.
    typealias Borrow = @Sendable (_ limit: RateLimit, _ want: Int) async throws -> (granted: Int, left: Double)

    private struct Bucket {
        var lease: TokenLease
        var local: LocalBucket?
        var aloneUntil: ContinuousClock.Instant?
        var usedAt: ContinuousClock.Instant
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private struct Name: Hashable {
        let tenantId: UUID
        let bucket: String
    }

    private let buckets = Mutex<[Name: Bucket]>([:])
    private let borrow: Borrow

    init(borrow: @escaping Borrow) {
        self.borrow = borrow
    }

    convenience init(database: Database) {
        self.init { limit, want in
            try await database.transaction(as: .tenant(limit.tenantId)) { tx in
                let rows = try await tx.query(
                    """
                    SELECT granted, remaining
                    FROM take_tokens(
                        \(limit.tenantId), \(limit.bucket), \(want)::integer, \(limit.quota.requests)::integer,
                        \(limit.quota.tokensPerSecond))
                    """)
                guard let row = rows.first else { return (want, Double(limit.quota.requests)) }
                let (granted, left) = try row.decode((Int, Double).self)
                return (granted, left)
            }
        }
    }

    /// How a request stands to one limit.
    struct Standing: Sendable {
        let limit: RateLimit
        let remaining: Int
        let resetSeconds: Int
        /// Set when the request exceeds the limit.
        let retryAfter: Duration?
    }

    /// Counts a request against a limit.
    func spend(_ limit: RateLimit) async -> Standing {
        let name = Name(tenantId: limit.tenantId, bucket: limit.bucket)
        while true {
            let now = ContinuousClock.now
            switch step(name, limit, now) {
            case .done(let standing):
                return standing
            case .borrow(let want):
                await refill(name, limit, want: want)
            case .wait:
                await waitForBorrower(name)
            }
        }
    }

    private enum Step {
        case done(Standing)
        case borrow(Int)
        case wait
    }

    private func step(_ name: Name, _ limit: RateLimit, _ now: ContinuousClock.Instant) -> Step {
        buckets.withLock { buckets in
            var bucket = buckets[name] ?? Bucket(lease: TokenLease(quota: limit.quota), usedAt: now)
            // The plan has changed: begin anew.
            if bucket.lease.quota != limit.quota {
                bucket.lease = TokenLease(quota: limit.quota)
                bucket.local = nil
            }
            bucket.usedAt = now
            defer {
                if buckets.count >= Self.bucketsMax, buckets[name] == nil { Self.forget(&buckets, at: now) }
                buckets[name] = bucket
            }
            if let until = bucket.aloneUntil {
                if now < until {
                    var local = bucket.local ?? LocalBucket(quota: limit.quota, at: now)
                    let refusal = local.spend(at: now)
                    bucket.local = local
                    return .done(Self.standing(limit, bucket.lease, refusal))
                }
                bucket.aloneUntil = nil
            }
            switch bucket.lease.spend(at: now) {
            case .allowed: return .done(Self.standing(limit, bucket.lease, nil))
            case .refused(let wait): return .done(Self.standing(limit, bucket.lease, wait))
            case .borrow(let want): return .borrow(want)
            case .wait: return .wait
            }
        }
    }

    private static func standing(_ limit: RateLimit, _ lease: TokenLease, _ refusal: Duration?) -> Standing {
        Standing(
            limit: limit, remaining: refusal == nil ? lease.remaining : 0, resetSeconds: lease.secondsUntilFull,
            retryAfter: refusal)
    }

    private func refill(_ name: Name, _ limit: RateLimit, want: Int) async {
        let answer: (granted: Int, left: Double)?
        do {
            answer = try await borrow(limit, want)
        } catch {
            answer = nil
            Logger.current.debug("rate limits are counted alone: the shared bucket is out of reach")
        }
        let now = ContinuousClock.now
        let waiting = buckets.withLock { buckets -> [CheckedContinuation<Void, Never>] in
            guard var bucket = buckets[name] else { return [] }
            if let answer {
                bucket.lease.borrowed(answer.granted, left: answer.left, at: now)
                bucket.local = nil
            } else {
                bucket.lease.borrowingFailed()
                bucket.aloneUntil = now + Self.alone
            }
            let waiting = bucket.waiting
            bucket.waiting = []
            buckets[name] = bucket
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func waitForBorrower(_ name: Name) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isOver = buckets.withLock { buckets in
                guard buckets[name]?.lease.isWaitedFor == true else { return true }
                buckets[name]?.waiting.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// Drops the half that was used least recently, but never one that someone waits for.
    private static func forget(_ buckets: inout [Name: Bucket], at now: ContinuousClock.Instant) {
        let ages = buckets.values.map { now - $0.usedAt }.sorted()
        let median = ages[ages.count / 2]
        buckets = buckets.filter {
            $0.value.lease.isWaitedFor || !$0.value.waiting.isEmpty || now - $0.value.usedAt < median
        }
    }
}

extension RateLimiter.Standing {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) for all limits of a request.
    static func write(_ standings: [RateLimiter.Standing], to headers: inout HTTPFields) {
        guard !standings.isEmpty else { return }
        let policies = standings.map {
            "\"\($0.limit.policy.rawValue)\";q=\($0.limit.quota.requests);w=\($0.limit.quota.windowSeconds)"
        }
        let states = standings.map { "\"\($0.limit.policy.rawValue)\";r=\($0.remaining);t=\($0.resetSeconds)" }
        headers[.rateLimitPolicy] = policies.joined(separator: ", ")
        headers[.rateLimit] = states.joined(separator: ", ")
    }
}

extension HTTPField.Name {
    static let rateLimitPolicy = fieldName("RateLimit-Policy")
    static let rateLimit = fieldName("RateLimit")

    static func fieldName(_ name: StaticString) -> HTTPField.Name {
        guard let field = HTTPField.Name("\(name)") else { preconditionFailure("\(name) is not a field name") }
        return field
    }
}
