/// A decimal number that must not change on its way, above all money: a string such as `"129.90"`.
///
/// Doubles cannot hold most decimal fractions, and readers in other languages round them differently; so amounts travel
/// as text, digits as given. Deskwire carries amounts and does no arithmetic on them.
public struct Amount: Sendable, Hashable {
    public let text: String

    /// Nil unless the text is an optional minus, digits, and optionally a point and more digits.
    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        self.text = text
    }

    static func isValid(_ text: String) -> Bool {
        var digits = text.utf8[...]
        if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        return text.utf8.count <= 40
            && parts.allSatisfy { part in
                !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
    }
}

extension Amount: ExpressibleByStringLiteral {
    /// Traps on a literal that is not a decimal number.
    public init(stringLiteral value: StaticString) {
        let text = "\(value)"
        precondition(Self.isValid(text), "not a decimal number")
        self.text = text
    }
}

extension Amount: Codable, CustomStringConvertible {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Amount(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be a decimal number")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}
