import Crypto
import CryptoExtras
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A private key that signs mail: `rsa-sha256` (RFC 6376, section 3.3.1; 2,048 bits as RFC 8301 wants) or `ed25519-sha256`
/// (RFC 8463).
public struct DKIMKey: Sendable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case rsa = "rsa-sha256"
        case ed25519 = "ed25519-sha256"
    }

    private enum Key {
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    private let key: Key

    private init(_ key: Key) { self.key = key }

    /// A new key.
    public static func generate(_ algorithm: Algorithm) throws -> DKIMKey {
        switch algorithm {
        case .rsa: DKIMKey(.rsa(try _RSA.Signing.PrivateKey(keySize: .bits2048)))
        case .ed25519: DKIMKey(.ed25519(Curve25519.Signing.PrivateKey()))
        }
    }

    /// The same on a thread of its own: primes for RSA take their time, and nobody else is to wait for them.
    public static func generateAside(_ algorithm: Algorithm) async throws -> DKIMKey {
        try await NIOThreadPool.singleton.runIfActive { try generate(algorithm) }
    }

    /// Reads what `privateBytes` gave.
    public init(_ algorithm: Algorithm, privateBytes: [UInt8]) throws {
        switch algorithm {
        case .rsa: key = .rsa(try _RSA.Signing.PrivateKey(derRepresentation: Data(privateBytes)))
        case .ed25519: key = .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: Data(privateBytes)))
        }
    }

    public var algorithm: Algorithm {
        switch key {
        case .rsa: .rsa
        case .ed25519: .ed25519
        }
    }

    /// The secret: PKCS #1 DER or 32 octets.
    public var privateBytes: [UInt8] {
        switch key {
        case .rsa(let key): Array(key.derRepresentation)
        case .ed25519(let key): Array(key.rawRepresentation)
        }
    }

    /// The text of the TXT record at `<selector>._domainkey.<domain>` (RFC 6376, section 3.6.1; RFC 8463, section 4).
    public var dnsRecord: String {
        switch key {
        case .rsa(let key):
            "v=DKIM1; k=rsa; p=\(Base64.encode(Array(key.publicKey.derRepresentation)))"
        case .ed25519(let key):
            "v=DKIM1; k=ed25519; p=\(Base64.encode(Array(key.publicKey.rawRepresentation)))"
        }
    }

    /// The signature over the digest of what is signed.
    func signature(of bytes: [UInt8]) throws -> [UInt8] {
        let digest = SHA256.hash(data: bytes)
        switch key {
        case .rsa(let key):
            return Array(try key.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
        case .ed25519(let key):
            // RFC 8463, section 3: PureEdDSA over the hash, not over the message.
            return Array(try key.signature(for: Data(digest)))
        }
    }
}

/// Text as a zone file has it: strings of at most 255 octets, which readers put together again (RFC 1035, section 3.3.14).
public func zoneFileText(_ record: String) -> String {
    var strings: [String] = []
    var rest = Substring(record)
    while !rest.isEmpty {
        strings.append("\"\(rest.prefix(250))\"")
        rest = rest.dropFirst(250)
    }
    return strings.joined(separator: " ")
}
