import Contracts
import Crypto
import Database
import JWTKit
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Keeps the keys that sign access tokens: makes the first, makes a successor when one grows old, publishes it before
/// it signs, believes the old one until the last token it signed has expired. All gateway processes share the keys
/// through the database, where the private parts lie sealed.
final class SigningKeys: Service {
    /// How long a key signs.
    static let signingDays = 30
    /// A successor is public for this long before it signs, so that whoever keeps a copy of the key set has it by then.
    static let announced: Duration = .seconds(10 * 60)
    /// An old key is believed for the life of a token and a little more.
    static let afterlife: Duration = AccessTokens.lifetime + .seconds(60)
    static let interval: Duration = .seconds(60)
    /// Unknown key ids make us look again, but no more often than this.
    static let lookAgain: Duration = .seconds(1)

    private let database: Database
    private let tokens: AccessTokens
    private let sealing: [SymmetricKey]
    private let lookedAt = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter secrets: the secret that private keys are sealed with, and former ones, which only open.
    init(database: Database, tokens: AccessTokens, secrets: [String]) {
        self.database = database
        self.tokens = tokens
        sealing = secrets.map { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)), info: Data("deskwire signing keys".utf8),
                outputByteCount: 32)
        }
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.maintain()
                // Until there is a key nobody can log in: try again soon.
                try await Task.sleep(for: self.tokens.keys == nil ? .milliseconds(500) : Self.interval)
            }
        }
    }

    /// Makes the keys that are due and loads what there is.
    func maintain(now: Timestamp = .now) async {
        do {
            let rows = try await database.transaction(as: .admin) { tx in
                _ = try await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 0))")
                return try await self.ensureKeys(tx, now: now)
            }
            tokens.keys = try await ring(of: rows, now: now)
        } catch {
            Logger.current.warning("signing keys could not be loaded", metadata: ["error": "\(error)"])
        }
    }

    /// Looks for keys that another process has made.
    func reload() async {
        let now = ContinuousClock.now
        let mayLook = lookedAt.withLock { lookedAt in
            if let last = lookedAt, now - last < Self.lookAgain { return false }
            lookedAt = now
            return true
        }
        guard mayLook else { return }
        do {
            let rows = try await database.transaction(as: .admin, readOnly: true) { tx in try await Self.rows(tx) }
            tokens.keys = try await ring(of: rows, now: .now)
        } catch {
            Logger.current.debug("signing keys could not be reloaded", metadata: ["error": "\(error)"])
        }
    }

    private struct StoredKey: Sendable {
        let kid: String
        let publicKey: [UInt8]
        let sealed: [UInt8]
        let signsFrom: Timestamp
        let believedUntil: Timestamp?
    }

    private static func rows(_ tx: Transaction) async throws -> [StoredKey] {
        let rows = try await tx.query(
            """
            SELECT kid, public_key, sealed_private_key, signs_from, believed_until
            FROM signing_keys
            WHERE believed_until IS NULL OR believed_until > now()
            ORDER BY signs_from DESC, kid
            """)
        return try rows.map { row in
            let (kid, publicKey, sealed, signsFrom, believedUntil) = try row.decode(
                (String, [UInt8], [UInt8], Timestamp, Timestamp?).self)
            return StoredKey(
                kid: kid, publicKey: publicKey, sealed: sealed, signsFrom: signsFrom, believedUntil: believedUntil)
        }
    }

    private func ensureKeys(_ tx: Transaction, now: Timestamp) async throws -> [StoredKey] {
        let present = try await Self.rows(tx)
        let usable = present.filter { $0.believedUntil == nil && open($0) != nil }
        let oldest = now - .seconds(Self.signingDays * 86_400) + Self.announced
        if let newest = usable.first, newest.signsFrom > oldest { return present }
        // None, or one that will be too old by the time that its successor is known everywhere.
        let signsFrom = usable.isEmpty ? now : now + Self.announced
        let key = try EdDSA.PrivateKey()
        let kid = UUID.v7().text
        let sealedKey = try seal(Array(key.rawRepresentation), kid: kid)
        _ = try await tx.execute(
            """
            INSERT INTO signing_keys (kid, public_key, sealed_private_key, signs_from)
            VALUES (\(kid), \(Array(key.publicKey.rawRepresentation)), \(sealedKey), \(signsFrom))
            """)
        _ = try await tx.execute(
            """
            UPDATE signing_keys SET believed_until = \(signsFrom + Self.afterlife)
            WHERE kid <> \(kid) AND believed_until IS NULL
            """)
        _ = try await tx.execute(
            "DELETE FROM signing_keys WHERE believed_until < now() - interval '30 days'")
        return try await Self.rows(tx)
    }

    private func ring(of rows: [StoredKey], now: Timestamp) async throws -> KeyRing? {
        // The youngest that has begun to sign; before the first has, the one that will.
        let signing = rows.first { $0.signsFrom <= now && open($0) != nil } ?? rows.last { open($0) != nil }
        guard let signing, let key = open(signing) else { return nil }
        return try await KeyRing(
            signing: key, kid: signing.kid, believed: rows.map { .init(kid: $0.kid, publicKey: $0.publicKey) })
    }

    // MARK: - Sealing

    private func seal(_ key: [UInt8], kid: String) throws -> [UInt8] {
        guard let secret = sealing.first else { throw AccessTokens.NoKeys() }
        let box = try AES.GCM.seal(Data(key), using: secret, authenticating: Data(kid.utf8))
        return Array(box.combined ?? Data())
    }

    /// Nil where none of our secrets opens it: a key that was sealed with a secret since changed is no longer used,
    /// but what it signed is still believed.
    private func open(_ stored: StoredKey) -> EdDSA.PrivateKey? {
        guard let box = try? AES.GCM.SealedBox(combined: Data(stored.sealed)) else { return nil }
        for secret in sealing {
            guard let raw = try? AES.GCM.open(box, using: secret, authenticating: Data(stored.kid.utf8)),
                let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: raw)
            else { continue }
            return EdDSA.PrivateKey(backing: key)
        }
        return nil
    }
}
