// Push messages that only the browser can read.

import Crypto
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The keys of a browser's subscription (W3C Push API, `PushSubscription.getKey`).
struct PushKeys: Sendable {
    let publicKey: P256.KeyAgreement.PublicKey
    let secret: [UInt8]

    /// - Parameters:
    ///   - p256dh: an uncompressed point of P-256, 65 bytes, in base64url.
    ///   - auth: 16 bytes, in base64url.
    init?(p256dh: String, auth: String) {
        guard let point = Base64URL.decode(Self.unpadded(p256dh)), point.count == 65,
            let key = try? P256.KeyAgreement.PublicKey(x963Representation: point),
            let secret = Base64URL.decode(Self.unpadded(auth)), secret.count == 16
        else { return nil }
        publicKey = key
        self.secret = secret
    }

    private static func unpadded(_ text: String) -> String {
        var text = text
        while text.last == "=" { text.removeLast() }
        return text
    }
}

/// Message encryption for Web Push (RFC 8291) in one record of `aes128gcm` (RFC 8188).
enum WebPushEncryption {
    /// RFC 8188, section 2.1; a push service need not take more (RFC 8030, section 7.2).
    static let recordBytes = 4_096
    /// What fits beside the header, the delimiter and the tag.
    static let textBytesMax = recordBytes - 86 - 1 - 16

    static func seal(
        _ text: [UInt8], for keys: PushKeys, with own: P256.KeyAgreement.PrivateKey = P256.KeyAgreement.PrivateKey(),
        salt: [UInt8] = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
    ) throws -> [UInt8] {
        let ownPoint = Array(own.publicKey.x963Representation)
        let shared = try own.sharedSecretFromKeyAgreement(with: keys.publicKey)
        // RFC 8291, section 3.3.
        let material = shared.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: keys.secret,
            sharedInfo: Array("WebPush: info\u{0}".utf8) + Array(keys.publicKey.x963Representation) + ownPoint,
            outputByteCount: 32)
        // RFC 8188, sections 2.2 and 2.3.
        func derived(_ info: String, _ count: Int) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: material, salt: salt, info: Array("\(info)\u{0}".utf8), outputByteCount: count)
        }
        let key = derived("Content-Encoding: aes128gcm", 16)
        let nonce = derived("Content-Encoding: nonce", 12).withUnsafeBytes { Array($0) }
        // The delimiter 2 says that it is the last record.
        let box = try AES.GCM.seal(text + [2], using: key, nonce: AES.GCM.Nonce(data: nonce))
        let size = (0..<4).map { UInt8(truncatingIfNeeded: recordBytes >> (24 - 8 * $0)) }
        return salt + size + [UInt8(ownPoint.count)] + ownPoint + Array(box.ciphertext) + Array(box.tag)
    }
}

/// Who we are, for a push service (VAPID, RFC 8292).
struct PushIdentity: Sendable {
    let key: P256.Signing.PrivateKey
    /// `mailto:` or `https:`: whom the push service's operator asks.
    let subject: String

    /// RFC 8292, section 2: at most a day.
    private static let lifetime: Int64 = 12 * 3_600

    /// - Parameter privateKey: 32 bytes in base64url, as VAPID tools print it.
    init?(privateKey: String, subject: String) {
        guard let raw = Base64URL.decode(privateKey), let key = try? P256.Signing.PrivateKey(rawRepresentation: raw)
        else {
            return nil
        }
        self.key = key
        self.subject = subject
    }

    /// What a browser subscribes with.
    var publicKey: String { Base64URL.encode(key.publicKey.x963Representation) }

    /// The Authorization field for an origin, `https://push.example`.
    func authorization(for origin: String, at now: Int64) throws -> String {
        let header = Base64URL.encode(Array(#"{"typ":"JWT","alg":"ES256"}"#.utf8))
        let claims = Base64URL.encode(
            Array(#"{"aud":"\#(origin)","exp":\#(now + Self.lifetime),"sub":"\#(subject)"}"#.utf8))
        let signature = try key.signature(for: Data("\(header).\(claims)".utf8))
        return "vapid t=\(header).\(claims).\(Base64URL.encode(signature.rawRepresentation)), k=\(publicKey)"
    }
}
