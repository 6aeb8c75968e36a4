import Contracts
import Crypto
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Keeps secrets of tenants unreadable in the database: AES-GCM with a key that the database never sees, bound to the row, so that one
/// tenant's secret is of no use in another's row.
struct Sealer: Sendable {
    private let key: SymmetricKey

    /// - Parameter purpose: Each has a key of its own (RFC 5869).
    init(secret: String, purpose: String) {
        key = Self.key(secret: secret, purpose: purpose)
    }

    static func key(secret: String, purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Array(secret.utf8)), info: Array("deskwire \(purpose)".utf8),
            outputByteCount: 32)
    }

    func seal(_ secret: [UInt8], tenantId: UUID, id: UUID) throws -> String {
        let box = try AES.GCM.seal(secret, using: key, authenticating: Self.place(tenantId, id))
        return Base64URL.encode(Array(box.nonce) + Array(box.ciphertext) + Array(box.tag))
    }

    /// Nil where another key or another row's was used, or something was changed.
    func open(_ sealed: String, tenantId: UUID, id: UUID) -> [UInt8]? {
        guard let bytes = Base64URL.decode(sealed), let box = try? AES.GCM.SealedBox(combined: bytes) else {
            return nil
        }
        return (try? AES.GCM.open(box, using: key, authenticating: Self.place(tenantId, id))).map { Array($0) }
    }

    private static func place(_ tenantId: UUID, _ id: UUID) -> [UInt8] { Array("\(tenantId.text)/\(id.text)".utf8) }
}
