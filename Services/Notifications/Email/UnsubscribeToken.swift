import Contracts
import Crypto
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an unsubscribe link carries: who gets no more mail from whom. Only who knows the key can make one; it holds as long as
/// the key does, since a link in an old mail must work too (RFC 8058).
struct UnsubscribeToken: Sendable, Equatable {
    let tenantId: UUID
    let deliveryId: UUID
    let address: String

    private static let addressOctetsMax = 254
    private static let macOctets = 16

    /// The token's text, fit for a path.
    func text(key: SymmetricKey) -> String {
        let content = bytes
        return Base64URL.encode(content + Self.mac(content, key))
    }

    /// Nil for what this key has not made.
    init?(_ text: String, key: SymmetricKey) {
        guard text.utf8.count <= 500, let bytes = Base64URL.decode(text), bytes.count > 32 + Self.macOctets else {
            return nil
        }
        let content = Array(bytes.dropLast(Self.macOctets))
        let given = Array(bytes.suffix(Self.macOctets))
        // Every octet is compared, so that the time it takes tells nothing.
        let difference = zip(given, Self.mac(content, key)).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0, let address = String(validating: content[32...], as: UTF8.self),
            let tenantId = UUID(octets: content[..<16]), let deliveryId = UUID(octets: content[16..<32])
        else { return nil }
        self.init(tenantId: tenantId, deliveryId: deliveryId, address: address)
    }

    init(tenantId: UUID, deliveryId: UUID, address: String) {
        self.tenantId = tenantId
        self.deliveryId = deliveryId
        self.address = String(address.prefix(Self.addressOctetsMax))
    }

    private var bytes: [UInt8] { tenantId.octets + deliveryId.octets + Array(address.utf8) }

    private static func mac(_ content: [UInt8], _ key: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: content, using: key).prefix(macOctets))
    }
}

extension UUID {
    fileprivate var octets: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }

    fileprivate init?(octets: ArraySlice<UInt8>) {
        let digits = octets.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0\(text)" : text
        }
        guard digits.count == 16 else { return nil }
        let groups = [digits[0..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10..<16]]
        self.init(text: groups.map { $0.joined() }.joined(separator: "-"))
    }
}
