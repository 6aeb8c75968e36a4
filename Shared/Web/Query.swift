import Contracts
import HTTPTypes

/// The parameters of a query string, decoded strictly and in order.
///
/// A name may end in an operator in brackets: `createdAt[gte]=2026-01-01T00:00:00Z`.
public struct Query: Sendable {
    /// One `name=value` or `name[operator]=value`.
    public struct Item: Sendable, Hashable {
        public var name: String
        /// What stands in brackets, if anything does.
        public var modifier: String?
        public var value: String

        /// How the request spells the parameter.
        public var spelling: String { modifier.map { "\(name)[\($0)]" } ?? name }
    }

    public private(set) var items: [Item]

    public init(items: [Item] = []) { self.items = items }

    static let itemsMax = 100
    static let bytesMax = 16 * 1024

    /// The value of a parameter without operator.
    public subscript(name: String) -> String? {
        items.first { $0.name == name && $0.modifier == nil }?.value
    }

    /// Parses what follows the `?`. Every fault is reported.
    public static func parse(_ text: Substring?) throws(Problem) -> Query {
        guard let text, !text.isEmpty else { return Query() }
        guard text.utf8.count <= bytesMax else {
            throw Problem(
                .uriTooLong, code: "uri_too_long", title: "The query is too long",
                detail: "At most \(bytesMax) bytes are accepted.")
        }
        var query = Query()
        var faults: [Fault] = []
        var seen: Set<String> = []
        for part in text.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard query.items.count < itemsMax else {
                throw .badRequest("At most \(itemsMax) query parameters are accepted.")
            }
            let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Percent.decode(sides[0], plusIsSpace: true),
                let value = Percent.decode(sides.count > 1 ? sides[1] : part[part.endIndex...], plusIsSpace: true)
            else {
                let name = String(decoding: sides[0].prefix(100), as: UTF8.self)
                faults.append(
                    Fault(.parameter(name), "bad_encoding", "It must be percent-encoded UTF-8 without NUL."))
                continue
            }
            let item = Self.item(name, value)
            if !seen.insert(item.spelling).inserted {
                faults.append(Fault(.parameter(item.spelling), "repeated", "It is given more than once."))
            }
            query.items.append(item)
        }
        if !faults.isEmpty { throw .badRequest(errors: faults) }
        return query
    }

    private static func item(_ name: String, _ value: String) -> Item {
        if name.hasSuffix("]"), let open = name.firstIndex(of: "["), open != name.startIndex {
            let modifier = name[name.index(after: open)...].dropLast()
            return Item(name: String(name[..<open]), modifier: String(modifier), value: value)
        }
        return Item(name: name, modifier: nil, value: value)
    }
}

/// Percent-encoding (RFC 3986), read strictly.
enum Percent {
    /// Nil for a broken escape, for bytes that are not UTF-8, and for NUL.
    static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index != text.endIndex {
            var byte = text[index]
            index = text.index(after: index)
            switch byte {
            case UInt8(ascii: "%"):
                guard index != text.endIndex, let high = hexadecimal(text[index]) else { return nil }
                index = text.index(after: index)
                guard index != text.endIndex, let low = hexadecimal(text[index]) else { return nil }
                index = text.index(after: index)
                byte = high << 4 | low
                guard byte != 0 else { return nil }
            case UInt8(ascii: "+") where plusIsSpace:
                byte = UInt8(ascii: " ")
            case 0, 0x80...:
                return nil
            default:
                break
            }
            bytes.append(byte)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Everything but RFC 3986's unreserved characters is escaped.
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = Array("0123456789ABCDEF".unicodeScalars)
                encoded += "%"
                encoded.unicodeScalars.append(digits[Int(byte >> 4)])
                encoded.unicodeScalars.append(digits[Int(byte & 0xF)])
            }
        }
        return encoded
    }

    private static func hexadecimal(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
