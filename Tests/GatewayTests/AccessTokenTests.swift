import Contracts
import Crypto
import Foundation
import JWTKit
import Testing
import Web

@testable import Gateway

@Suite("Access tokens")
struct AccessTokenTests {
    private static let now = Timestamp(rfc3339: "2026-03-01T12:00:00Z")!
    private let user = UUID.v7()
    private let organization = UUID.v7()
    private let session = UUID.v7()

    private func makeTokens(issuer: String = "https://help.example.com") async throws -> (
        AccessTokens, EdDSA.PrivateKey
    ) {
        let key = try EdDSA.PrivateKey()
        let ring = try await KeyRing(
            signing: key, kid: "k1", believed: [.init(kid: "k1", publicKey: Array(key.publicKey.rawRepresentation))])
        return (AccessTokens(issuer: issuer, ring: ring), key)
    }

    private func issue(_ tokens: AccessTokens, at now: Timestamp = now) async throws -> String {
        try await tokens.issue(
            user: user, organization: organization, session: session, roles: ["agent"], permissions: ["tickets.read"],
            name: "Demo Agent", now: now)
    }

    /// A token as an attacker would write it: any header, any claims, any signature.
    private func forge(header: JSON, claims: JSON, signature: [UInt8]) -> String {
        [header.serialized(), claims.serialized(), signature].map { Base64URL.encode($0) }.joined(separator: ".")
    }

    private func claims(_ changes: JSONObject = [:]) -> JSON {
        let seconds = Self.now.milliseconds / 1000
        var claims: JSON = [
            "iss": "https://help.example.com", "aud": "deskwire-api", "sub": .uuid(user), "iat": .int(seconds),
            "exp": .int(seconds + 900), "jti": "j", "org": .uuid(organization), "sid": .uuid(session),
            "roles": ["agent"],
            "permissions": ["*"], "name": "x",
        ]
        for (key, value) in changes { claims[key] = value }
        return claims
    }

    private func sign(_ key: EdDSA.PrivateKey, header: JSON, claims: JSON) throws -> String {
        let input = Base64URL.encode(header.serialized()) + "." + Base64URL.encode(claims.serialized())
        let raw = try Curve25519.Signing.PrivateKey(rawRepresentation: key.rawRepresentation)
        return input + "." + Base64URL.encode(try raw.signature(for: Array(input.utf8)))
    }

    private let goodHeader: JSON = ["alg": "EdDSA", "typ": "at+jwt", "kid": "k1"]

    @Test("what is issued is believed, until it expires")
    func roundTrip() async throws {
        let (tokens, _) = try await makeTokens()
        let token = try await issue(tokens)
        let claims = try await tokens.verify(token, now: Self.now + .seconds(899))
        #expect(claims.sub == user.text && claims.org == organization.text && claims.sid == session.text)
        #expect(claims.permissions == ["tickets.read"])
        await #expect(throws: TokenRefusal.expired) { try await tokens.verify(token, now: Self.now + .seconds(906)) }
        await #expect(throws: TokenRefusal.notYetValid) { try await tokens.verify(token, now: Self.now - .seconds(60)) }
    }

    @Test("unsigned, foreign algorithms, unknown keys, broken texts are refused")
    func forged() async throws {
        let (tokens, key) = try await makeTokens()
        let publicKey = Array(key.publicKey.rawRepresentation)
        let refused: [(JSON, TokenRefusal)] = [
            (["alg": "none", "typ": "at+jwt", "kid": "k1"], .algorithm),
            (["alg": "None", "typ": "at+jwt", "kid": "k1"], .algorithm),
            (["alg": "HS256", "typ": "at+jwt", "kid": "k1"], .algorithm),
            (["alg": "RS256", "typ": "at+jwt", "kid": "k1"], .algorithm),
            (["typ": "at+jwt", "kid": "k1"], .algorithm), (["alg": "EdDSA", "typ": "at+jwt", "kid": "k2"], .key),
            (["alg": "EdDSA", "typ": "at+jwt"], .key), (["alg": "EdDSA", "typ": "JWT", "kid": "k1"], .malformed),
            (["alg": "EdDSA", "typ": "at+jwt", "kid": "k1", "crit": ["b64"]], .malformed),
            (goodHeader, .signature),
        ]
        for (header, refusal) in refused {
            for signature in [[], publicKey, [UInt8](repeating: 0, count: 64)] {
                let token = forge(header: header, claims: claims(), signature: signature)
                await #expect(throws: refusal, "\(header)") { try await tokens.verify(token, now: Self.now) }
            }
        }
        // An HMAC with the public key as its secret: the classic confusion.
        let input =
            Base64URL.encode(JSON.object(["alg": "HS256", "typ": "at+jwt", "kid": "k1"]).serialized()) + "."
            + Base64URL.encode(claims().serialized())
        let mac = HMAC<SHA256>.authenticationCode(for: Array(input.utf8), using: SymmetricKey(data: publicKey))
        await #expect(throws: TokenRefusal.algorithm) {
            try await tokens.verify(input + "." + Base64URL.encode(Array(mac)), now: Self.now)
        }
        for text in ["", ".", "..", "a.b", "a.b.c.d", "ä.b.c", String(repeating: "a", count: 9000)] {
            await #expect(throws: TokenRefusal.malformed) { try await tokens.verify(text, now: Self.now) }
        }
    }

    @Test("a good signature does not help a wrong issuer, audience or time")
    func wrongClaims() async throws {
        let (tokens, key) = try await makeTokens()
        let seconds = Self.now.milliseconds / 1000
        let cases: [(JSONObject, TokenRefusal)] = [
            (["iss": "https://evil.example.com"], .issuer), (["aud": "other"], .audience),
            (["exp": .int(seconds - 60)], .expired), (["iat": .int(seconds + 600)], .notYetValid),
            (["exp": .null], .signature),
        ]
        for (change, refusal) in cases {
            let token = try sign(key, header: goodHeader, claims: claims(change))
            await #expect(throws: refusal, "\(change)") { try await tokens.verify(token, now: Self.now) }
        }
        let good = try sign(key, header: goodHeader, claims: claims())
        #expect(try await tokens.verify(good, now: Self.now).sub == user.text)
    }

    @Test("changing any part of a token breaks it")
    func tampered() async throws {
        let (tokens, _) = try await makeTokens()
        let token = Array(try await issue(tokens).utf8)
        for index in stride(from: 0, to: token.count, by: 7) where token[index] != UInt8(ascii: ".") {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            await #expect(throws: TokenRefusal.self) {
                try await tokens.verify(String(decoding: changed, as: UTF8.self), now: Self.now)
            }
        }
    }

    @Test("after a rotation old tokens are believed while their key is kept, and the key set shows both")
    func rotation() async throws {
        let (tokens, old) = try await makeTokens()
        let token = try await issue(tokens)
        let new = try EdDSA.PrivateKey()
        let keys = [("k2", new), ("k1", old)].map {
            KeyRing.Key(kid: $0.0, publicKey: Array($0.1.publicKey.rawRepresentation))
        }
        tokens.keys = try await KeyRing(signing: new, kid: "k2", believed: keys)
        _ = try await tokens.verify(token, now: Self.now)
        let fresh = try await issue(tokens)
        #expect(AccessTokens.kid(of: fresh) == "k2")
        #expect(tokens.keys?.jwks["keys"]?.arrayValue?.count == 2)
        #expect(tokens.keys?.jwks.value(at: "/keys/0/crv")?.stringValue == "Ed25519")
        tokens.keys = try await KeyRing(signing: new, kid: "k2", believed: [keys[0]])
        await #expect(throws: TokenRefusal.key) { try await tokens.verify(token, now: Self.now) }
    }
}
