// Signatures by the Standard Webhooks specification (standardwebhooks.com).

import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a webhook is signed with.
enum WebhookKey: Sendable {
    /// HMAC-SHA-256 (RFC 2104): version `v1`. Both sides have the secret.
    case shared([UInt8])
    /// Ed25519 (RFC 8032): version `v1a`. The receiver has the public key.
    case pair(Curve25519.Signing.PrivateKey)

    static let secretBytes = 32

    static func random() -> WebhookKey {
        .shared(SymmetricKey(size: .init(bitCount: secretBytes * 8)).withUnsafeBytes { Array($0) })
    }

    static func randomPair() -> WebhookKey { .pair(Curve25519.Signing.PrivateKey()) }

    /// What a receiver is given: `whsec_…`, the secret, or `whpk_…`, the public key.
    var text: String {
        switch self {
        case .shared(let secret): "whsec_" + Data(secret).base64EncodedString()
        case .pair(let key): "whpk_" + key.publicKey.rawRepresentation.base64EncodedString()
        }
    }

    /// As it is kept.
    var raw: [UInt8] {
        switch self {
        case .shared(let secret): secret
        case .pair(let key): Array(key.rawRepresentation)
        }
    }

    func signature(of content: Data) -> String? {
        switch self {
        case .shared(let secret):
            let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: secret))
            return "v1," + Data(code).base64EncodedString()
        case .pair(let key):
            return (try? key.signature(for: content)).map { "v1a," + $0.base64EncodedString() }
        }
    }
}

/// The three fields by which a receiver knows a webhook for ours, and for new.
struct WebhookSignature: Sendable {
    let id: String
    /// Seconds of the Unix epoch: a receiver refuses what is far from its own time.
    let timestamp: Int64
    /// One for every key, with blanks between them: a receiver takes any that it can verify.
    let signatures: String

    init(id: String, timestamp: Int64, body: [UInt8], keys: [WebhookKey]) {
        self.id = id
        self.timestamp = timestamp
        let content = Data("\(id).\(timestamp).".utf8) + Data(body)
        signatures = keys.compactMap { $0.signature(of: content) }.joined(separator: " ")
    }

    var headers: [(name: String, value: String)] {
        [("webhook-id", id), ("webhook-timestamp", String(timestamp)), ("webhook-signature", signatures)]
    }
}
