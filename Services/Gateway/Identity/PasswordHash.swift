import Contracts
import Crypto
import CryptoExtras
import NIOPosix
import Synchronization
import Web

/// A password as the database keeps it: scrypt (RFC 7914) with a salt of its own, written as
/// `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`, so that the cost can be raised without breaking what is stored.
struct PasswordHash: Sendable, Equatable {
    /// What it costs to try one password: 2^15 · 8 · 128 bytes = 32 MiB and about a tenth of a second.
    struct Cost: Sendable, Equatable {
        var log2Rounds = 15
        var blockSize = 8
        var parallelism = 1

        static let current = Cost()
    }

    let cost: Cost
    let salt: [UInt8]
    let hash: [UInt8]

    init(of password: String, cost: Cost = .current) throws {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        self.cost = cost
        self.salt = salt
        hash = try Self.derive(password, salt: salt, cost: cost)
    }

    private init(cost: Cost, salt: [UInt8], hash: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.hash = hash
    }

    /// No password has it.
    static let impossible = PasswordHash(
        cost: .current, salt: Array(repeating: 0, count: 16), hash: Array(repeating: 0, count: 32))

    init?(stored text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "scrypt", let rounds = Int(parts[1]), (10...20).contains(rounds),
            let blockSize = Int(parts[2]), (1...32).contains(blockSize),
            let parallelism = Int(parts[3]), (1...16).contains(parallelism),
            let salt = Base64URL.decode(parts[4].utf8), let hash = Base64URL.decode(parts[5].utf8), hash.count == 32
        else { return nil }
        self.init(
            cost: Cost(log2Rounds: rounds, blockSize: blockSize, parallelism: parallelism), salt: salt, hash: hash)
    }

    var stored: String {
        "scrypt$\(cost.log2Rounds)$\(cost.blockSize)$\(cost.parallelism)$\(Base64URL.encode(salt))$\(Base64URL.encode(hash))"
    }

    /// Takes as long for a wrong password as for the right one.
    func matches(_ password: String) throws -> Bool {
        let candidate = try Self.derive(password, salt: salt, cost: cost)
        var difference: UInt8 = 0
        for (one, other) in zip(candidate, hash) { difference |= one ^ other }
        return difference == 0 && candidate.count == hash.count
    }

    /// Whether it was made at a lower cost than today's, and should be made anew when the password is at hand.
    var isOutdated: Bool { cost != .current }

    private static func derive(_ password: String, salt: [UInt8], cost: Cost) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.utf8), salt: salt, outputByteCount: 32, rounds: 1 << cost.log2Rounds,
            blockSize: cost.blockSize, parallelism: cost.parallelism)
        return key.withUnsafeBytes { Array($0) }
    }
}

/// Hashes passwords away from the threads that serve requests, a few at a time: each takes a tenth of a second of a
/// processor and 32 MiB, and a crowd of logins must not take all of either.
final class PasswordHasher: Sendable {
    static let atOnce = 2
    static let waitingMax = 32

    private let pool: NIOThreadPool
    private let waiting = Mutex(0)
    /// Compared with when there is no such user, so that the answer takes as long as for one that exists.
    private let decoy: PasswordHash

    init() {
        pool = NIOThreadPool(numberOfThreads: Self.atOnce)
        decoy = .impossible
        pool.start()
    }

    deinit {
        pool.shutdownGracefully { _ in }
    }

    func hash(_ password: String) async throws -> String {
        try await run { try PasswordHash(of: password).stored }
    }

    /// Whether the password matches what is stored; without anything stored it takes its time and says no.
    func matches(_ password: String, stored: String?) async throws -> Bool {
        let known = stored.flatMap(PasswordHash.init(stored:))
        return try await run { [decoy] in
            let matches = try (known ?? decoy).matches(password)
            return matches && known != nil
        }
    }

    private func run<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
        let isFull = waiting.withLock { waiting in
            guard waiting < Self.waitingMax else { return true }
            waiting += 1
            return false
        }
        guard !isFull else { throw Problem.unavailable("Too many logins at once; try again in a moment.") }
        defer { waiting.withLock { $0 -= 1 } }
        return try await pool.runIfActive(work)
    }
}
