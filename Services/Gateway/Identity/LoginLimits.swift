import Contracts
import Crypto
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How often a password may be tried: per account, whoever tries, and per address, whatever the account.
struct LoginLimits: Sendable {
    static let perAccount = RateQuota(requests: 10, windowSeconds: 900)
    static let perAddress = RateQuota(requests: 30, windowSeconds: 300)

    let limiter: RateLimiter

    /// Counts an attempt; a 429 when there were too many.
    func count(organizationId: UUID, email: String, address: String) async throws {
        let account = Hex.encode(
            SHA256.hash(data: Array("\(organizationId.text) \(email.lowercased())".utf8)).prefix(16))
        // Both belong to the platform's buckets: an organization that doesn't exist must be counted, too.
        let limits = [
            RateLimit(
                policy: .address, tenantId: PlatformOrganization.id, bucket: "login address:" + address,
                quota: Self.perAddress),
            RateLimit(
                policy: .user, tenantId: PlatformOrganization.id, bucket: "login account:" + account,
                quota: Self.perAccount),
        ]
        for limit in limits {
            let standing = await limiter.spend(limit)
            guard let wait = standing.retryAfter else { continue }
            var problem = Problem.tooManyRequests(
                "Too many logins were tried; wait a little.",
                retryAfterSeconds: max(1, Int((wait / .seconds(1)).rounded(.up))))
            RateLimiter.Standing.write([standing], to: &problem.headers)
            throw problem
        }
    }
}
