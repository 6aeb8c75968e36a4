// Secrets of tenants and users at rest: what the database keeps but must not know.

import Contracts
import Crypto
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The operator's keys for secrets: the one in use, and a former one while it is replaced. A service that keeps secrets adds
/// ``settings`` to its own.
public struct SecretKeys: Sendable {
    private let secrets: [String]

    private static let current = "SECRETS_KEY"
    private static let previous = "SECRETS_PREVIOUS_KEY"

    public static let settings: [Setting] = [
        .text(
            current,
            "Key that secrets of tenants and users are sealed with in the database, and links are signed with; the same for all processes."
        ).required.secret.checked { fault($0) },
        .text(
            previous, "Former such key: what it has sealed still opens, what it has signed still counts."
        ).secret.checked { fault($0) },
    ]

    private static func fault(_ key: String) -> String? { key.utf8.count < 32 ? "must have at least 32 bytes" : nil }

    public init(_ settings: Settings) {
        self.init(
            settings.text(Self.current), previous: settings.optionalText(Self.previous).map { [$0] } ?? [])
    }

    public init(_ current: String, previous: [String] = []) {
        secrets = [current] + previous
    }

    /// The keys for a purpose (RFC 5869), the one in use first: what is learned of one tells nothing of another's.
    public func keys(for purpose: String) -> [SymmetricKey] {
        secrets.map { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: Array(secret.utf8)), info: Array("deskwire \(purpose)".utf8),
                outputByteCount: 32)
        }
    }

    /// Seals for a purpose.
    public func box(for purpose: String) -> SecretBox { SecretBox(keys: keys(for: purpose)) }
}

/// Seals secrets by AES-256-GCM, bound to the place where they are kept: what is moved to another tenant's row does not open.
public struct SecretBox: Sendable {
    /// The first seals, all open.
    fileprivate let keys: [SymmetricKey]

    /// - Parameter place: What only opens again at the same: the tenant, the row and what it is there.
    public func seal(_ secret: [UInt8], at place: String...) throws -> [UInt8] {
        guard let key = keys.first else { throw CryptoKitError.incorrectKeySize }
        let box = try AES.GCM.seal(secret, using: key, authenticating: Self.bytes(place))
        return Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// Nil where no key opens it, it belongs to another place, or it was changed.
    public func open(_ sealed: [UInt8], at place: String...) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed) else { return nil }
        for key in keys {
            if let secret = try? AES.GCM.open(box, using: key, authenticating: Self.bytes(place)) {
                return Array(secret)
            }
        }
        return nil
    }

    private static func bytes(_ place: [String]) -> [UInt8] { Array(place.joined(separator: "/").utf8) }
}

extension SecretBox {
    /// Seals text, as text that fits into a text column.
    public func seal(_ secret: String, tenantId: UUID, id: UUID) throws -> String {
        Base64URL.encode(try seal(Array(secret.utf8), at: tenantId.text, id.text))
    }

    /// Opens what ``seal(_:tenantId:id:)`` has sealed.
    public func open(_ sealed: String, tenantId: UUID, id: UUID) -> String? {
        Base64URL.decode(sealed).flatMap { open($0, at: tenantId.text, id.text) }
            .flatMap { String(validating: $0, as: UTF8.self) }
    }
}
