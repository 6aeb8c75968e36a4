import Contracts
import JWTKit
import Synchronization
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an access token says: who, in which organization, with what roles and permissions, in which session.
struct AccessClaims: JWTPayload, Equatable {
    var iss: String
    var aud: String
    var sub: String
    var iat: Int64
    var exp: Int64
    var jti: String
    /// The organization.
    var org: String
    /// The session.
    var sid: String
    var roles: [String]
    var permissions: [String]
    var name: String

    /// The signature is all that JWTKit checks; the rest is checked where there is a clock: ``AccessTokens``.
    func verify(using algorithm: some JWTAlgorithm) {}
}

/// Why a token is refused. The caller of the API learns only that it was.
enum TokenRefusal: String, Error, Sendable {
    case malformed, algorithm, key, signature, issuer, audience, expired, notYetValid = "not_yet_valid"
}

/// The keys that sign access tokens (one) and that are still believed (that one, its successor, its predecessors).
struct KeyRing: Sendable {
    struct Key: Sendable, Equatable {
        let kid: String
        let publicKey: [UInt8]
    }

    let signingKid: String
    let keys: [Key]
    fileprivate let collection: JWTKeyCollection

    /// `signing` must be among `keys`.
    init(signing: EdDSA.PrivateKey, kid: String, believed: [Key]) async throws {
        signingKid = kid
        keys = believed
        collection = JWTKeyCollection()
        for key in believed where key.kid != kid {
            let publicKey = try EdDSA.PublicKey(x: Base64URL.encode(key.publicKey), curve: .ed25519)
            await collection.add(eddsa: publicKey, kid: JWKIdentifier(string: key.kid))
        }
        await collection.add(eddsa: signing, kid: JWKIdentifier(string: kid))
    }

    func contains(_ kid: String) -> Bool { keys.contains { $0.kid == kid } }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    var jwks: JSON {
        [
            "keys": .array(
                keys.map { key in
                    [
                        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": .string(key.kid),
                        "x": .string(Base64URL.encode(key.publicKey)),
                    ]
                })
        ]
    }
}

/// Issues and checks access tokens: JWTs signed with Ed25519, for fifteen minutes.
final class AccessTokens: Sendable {
    static let lifetime: Duration = .seconds(15 * 60)
    /// Clocks of the gateway's machines may differ by this much.
    static let leeway: Duration = .seconds(5)
    static let algorithm = "EdDSA"
    static let type = "at+jwt"
    static let longestBytes = 8 * 1024

    let issuer: String
    let audience: String
    private let ring: Mutex<KeyRing?>

    init(issuer: String, audience: String = "deskwire-api", ring: KeyRing? = nil) {
        self.issuer = issuer
        self.audience = audience
        self.ring = Mutex(ring)
    }

    var keys: KeyRing? {
        get { ring.withLock { $0 } }
        set { ring.withLock { $0 = newValue } }
    }

    /// No key has been loaded yet.
    struct NoKeys: Error {}

    func issue(
        user: UUID, organization: UUID, session: UUID, roles: [String], permissions: Set<String>, name: String,
        now: Timestamp
    ) async throws -> String {
        guard let ring = keys else { throw NoKeys() }
        let seconds = now.milliseconds / 1000
        let claims = AccessClaims(
            iss: issuer, aud: audience, sub: user.text, iat: seconds,
            exp: seconds + Self.lifetime.components.seconds, jti: UUID.v7().text, org: organization.text,
            sid: session.text, roles: roles, permissions: permissions.sorted(), name: name)
        var header = JWTHeader()
        header.typ = Self.type
        header.alg = Self.algorithm
        return try await ring.collection.sign(claims, kid: JWKIdentifier(string: ring.signingKid), header: header)
    }

    /// The key that a token names, so that an unknown one can be looked for before the token is refused.
    static func kid(of token: String) -> String? {
        (try? header(of: token))?["kid"]?.stringValue
    }

    /// Believes a token, or says why not.
    func verify(_ token: String, now: Timestamp) async throws(TokenRefusal) -> AccessClaims {
        let header = try Self.header(of: token)
        guard header["alg"]?.stringValue == Self.algorithm else { throw .algorithm }
        // Extensions that we don't know must not be ignored (RFC 7515, 4.1.11).
        guard header["crit"] == nil, header["typ"]?.stringValue?.lowercased() == Self.type else { throw .malformed }
        guard let kid = header["kid"]?.stringValue, let ring = keys, ring.contains(kid) else { throw .key }
        let claims: AccessClaims
        do {
            claims = try await ring.collection.verify(token, as: AccessClaims.self)
        } catch {
            throw .signature
        }
        guard claims.iss == issuer else { throw .issuer }
        guard claims.aud == audience else { throw .audience }
        let seconds = now.milliseconds / 1000
        guard seconds < claims.exp + Self.leeway.components.seconds else { throw .expired }
        guard seconds >= claims.iat - Self.leeway.components.seconds else { throw .notYetValid }
        return claims
    }

    private static func header(of token: String) throws(TokenRefusal) -> JSON {
        guard token.utf8.count <= longestBytes else { throw .malformed }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ Base64URL.decode($0) != nil }),
            let bytes = Base64URL.decode(parts[0]), let header = try? JSON.parse(bytes), header.objectValue != nil
        else { throw .malformed }
        return header
    }
}
