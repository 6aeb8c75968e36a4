// Secrets at rest.

import Crypto
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Seals what the database keeps but must not know: AES-256-GCM under a key derived from a setting, bound to what it is for.
struct SecretBox: Sendable {
    private let keys: [SymmetricKey]

    private static let key = "NOTIFICATION_SECRETS_KEY"
    private static let previousKey = "NOTIFICATION_SECRETS_PREVIOUS_KEY"

    static let settings: [Setting] = [
        .text(
            key,
            "Key that secrets of webhooks and the like are sealed with in the database; INTERNAL_CONTEXT_KEY when unset."
        ).secret.checked { fault($0) },
        .text(
            previousKey, "Former such key, which still opens what it has sealed."
        ).secret.checked { fault($0) },
    ]

    private static func fault(_ key: String) -> String? { key.utf8.count < 32 ? "must have at least 32 bytes" : nil }

    init(_ settings: Settings) {
        let own = settings.optionalText(Self.key) ?? settings.text("INTERNAL_CONTEXT_KEY")
        self.init([own] + (settings.optionalText(Self.previousKey).map { [$0] } ?? []))
    }

    /// - Parameter secrets: the secret that seals, and former ones, which only open.
    init(_ secrets: [String]) {
        keys = secrets.map { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)),
                info: Data("deskwire notification secrets".utf8),
                outputByteCount: 32)
        }
    }

    /// - Parameter purpose: what only opens again with the same.
    func seal(_ bytes: [UInt8], for purpose: String) throws -> [UInt8] {
        guard let key = keys.first else { throw CryptoKitError.incorrectKeySize }
        let box = try AES.GCM.seal(Data(bytes), using: key, authenticating: Data(purpose.utf8))
        return Array(box.combined ?? Data())
    }

    /// Nil where no key opens it.
    func open(_ sealed: [UInt8], for purpose: String) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: Data(sealed)) else { return nil }
        for key in keys {
            if let bytes = try? AES.GCM.open(box, using: key, authenticating: Data(purpose.utf8)) {
                return Array(bytes)
            }
        }
        return nil
    }
}
