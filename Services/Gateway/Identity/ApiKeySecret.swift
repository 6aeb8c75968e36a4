import Crypto

/// The text of an API key: `dw_live_` and 40 characters from a cryptographic random source (238 bits). It is shown
/// once; the database has its SHA-256, which is enough because the text cannot be guessed.
struct ApiKeySecret: Sendable, Hashable {
    static let prefix = "dw_live_"
    static let randomCharacters = 40
    /// Keys that an operator brings may be longer or shorter, within this.
    static let secretLength = 32...128

    let text: String

    /// A new key.
    static func random() -> ApiKeySecret {
        var generator = SystemRandomNumberGenerator()
        let characters = (0..<randomCharacters).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)]
        }
        return ApiKeySecret(unchecked: prefix + String(decoding: characters, as: UTF8.self))
    }

    /// Nil where the text can't be a key at all, so that garbage never costs a look-up.
    init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let secret = text.utf8.dropFirst(Self.prefix.utf8.count)
        guard Self.secretLength.contains(secret.count), secret.allSatisfy(Self.isAllowed) else { return nil }
        self.init(unchecked: String(text))
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// SHA-256 in hexadecimal digits, as the database keeps it.
    var hashText: String { Hex.encode(SHA256.hash(data: Array(text.utf8))) }

    /// The part that lists may show: enough to recognise a key, too little to use it.
    var hint: String { String(text.prefix(Self.prefix.count + 4)) + "…" + String(text.suffix(4)) }

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    private static func isAllowed(_ byte: UInt8) -> Bool {
        alphabet.contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}

enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0xF)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
