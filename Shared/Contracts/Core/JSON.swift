#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A JSON value.
///
/// Whole numbers are kept as `Int64`, all others as `Double`; the two never compare equal, so that a value survives
/// serializing and parsing unchanged.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

// MARK: - Reading and writing text

extension JSON {
    /// Parses one JSON text. See ``JSONParseError/Code`` for what is refused.
    public static func parse(
        _ bytes: some Collection<UInt8>, limits: JSONLimits = .default
    ) throws(JSONParseError) -> JSON {
        let result = bytes.withContiguousStorageIfAvailable { buffer in
            JSONParser.parse(UnsafeRawBufferPointer(buffer), limits: limits)
        }
        if let result { return try result.get() }
        return try parse(Array(bytes), limits: limits)
    }

    /// Parses one JSON text from memory that the caller keeps alive for the call.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = .default
    ) throws(JSONParseError) -> JSON {
        try JSONParser.parse(bytes, limits: limits).get()
    }

    /// Parses one JSON text.
    public static func parse(_ text: String, limits: JSONLimits = .default) throws(JSONParseError) -> JSON {
        try parse(text.utf8, limits: limits)
    }

    /// Compact RFC 8259 text. Numbers that JSON cannot express (infinities, NaN) become `null`.
    public func serialized() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// ``serialized()`` as a string.
    public var text: String { String(decoding: serialized(), as: UTF8.self) }

    /// Indented text with one member per line, for files that people read.
    public var prettyText: String {
        var out = ""
        appendPretty(to: &out, indent: "")
        return out
    }

    private func appendPretty(to out: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .array(let values) where !values.isEmpty:
            out += "[\n"
            for (position, value) in values.enumerated() {
                out += inner
                value.appendPretty(to: &out, indent: inner)
                out += position == values.count - 1 ? "\n" : ",\n"
            }
            out += indent + "]"
        case .object(let object) where !object.isEmpty:
            out += "{\n"
            for (position, member) in object.enumerated() {
                out += inner + JSON.string(member.key).text + ": "
                member.value.appendPretty(to: &out, indent: inner)
                out += position == object.count - 1 ? "\n" : ",\n"
            }
            out += indent + "}"
        default:
            out += text
        }
    }
}

// MARK: - Access

extension JSON {
    public var isNull: Bool { self == .null }

    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The whole number, also when it was written with a fraction of zero (`5.0`).
    public var intValue: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    public var doubleValue: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The string as an id, nil for anything that is not one.
    public var uuidValue: UUID? { stringValue.flatMap(UUID.init(text:)) }

    /// The string as an instant, nil for anything that is not one.
    public var timestampValue: Timestamp? { stringValue.flatMap(Timestamp.init(rfc3339:)) }

    /// What kind of value this is, in the words of JSON Schema: `null`, `boolean`, `integer`, `number`, `string`,
    /// `array` or `object`.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .int: "integer"
        case .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// A member of an object. Reading from another kind of value gives nil; setting makes it an object; setting nil
    /// removes the member.
    public subscript(key: String) -> JSON? {
        get { objectValue?[key] }
        set {
            var object = objectValue ?? JSONObject()
            self = .null
            object[key] = newValue
            self = .object(object)
        }
    }

    /// An element of an array, nil beyond its end or in another kind of value.
    public subscript(position: Int) -> JSON? {
        guard case .array(let values) = self, values.indices.contains(position) else { return nil }
        return values[position]
    }

    /// The value that a JSON Pointer (RFC 6901) leads to.
    public func value(at pointer: String) -> JSON? {
        if pointer.isEmpty { return self }
        guard pointer.utf8.first == UInt8(ascii: "/") else { return nil }
        var current = self
        for token in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            switch current {
            case .object(let object):
                guard let next = object[JSONPointer.unescape(token)] else { return nil }
                current = next
            case .array(let values):
                guard let position = Int(token), values.indices.contains(position) else { return nil }
                current = values[position]
            default:
                return nil
            }
        }
        return current
    }

    /// The result of a JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces.
    public func merged(with patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var object = objectValue ?? JSONObject()
        for (key, value) in changes {
            object[key] = value.isNull ? nil : (object[key] ?? .null).merged(with: value)
        }
        return .object(object)
    }
}

/// JSON Pointers (RFC 6901).
public enum JSONPointer {
    /// One token as it stands in a pointer.
    public static func escape(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        var out = ""
        for character in token.unicodeScalars {
            switch character {
            case "~": out += "~0"
            case "/": out += "~1"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    static func unescape(_ token: Substring) -> String {
        guard token.utf8.contains(UInt8(ascii: "~")) else { return String(token) }
        var out = ""
        var afterTilde = false
        for character in token.unicodeScalars {
            switch (afterTilde, character) {
            case (false, "~"):
                afterTilde = true
                continue
            case (true, "0"): out += "~"
            case (true, "1"): out += "/"
            case (true, _):
                out += "~"
                out.unicodeScalars.append(character)
            case (false, _): out.unicodeScalars.append(character)
            }
            afterTilde = false
        }
        return afterTilde ? out + "~" : out
    }
}

// MARK: - Making

extension JSON {
    /// An instant, as the API writes it.
    public static func timestamp(_ value: Timestamp) -> JSON { .string(value.rfc3339) }

    /// An id, as the API writes it.
    public static func uuid(_ value: UUID) -> JSON { .string(value.text) }
}

/// There is no literal for null: next to optionals, `nil` would mean both "absent" and "null".
extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}

extension JSON: CustomStringConvertible {
    public var description: String { text }
}

// MARK: - Codable

/// `Wire` takes a shorter way; these serve other coders.
extension JSON: Codable {
    public init(from decoder: any Decoder) throws {
        if let wire = decoder as? WireDecoder {
            self = wire.value
            return
        }
        if let keyed = try? decoder.container(keyedBy: WireKey.self) {
            var object = JSONObject()
            for key in keyed.allKeys { object[key.stringValue] = try keyed.decode(JSON.self, forKey: key) }
            self = .object(object)
            return
        }
        if var unkeyed = try? decoder.unkeyedContainer() {
            var values: [JSON] = []
            while !unkeyed.isAtEnd { values.append(try unkeyed.decode(JSON.self)) }
            self = .array(values)
            return
        }
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let value = try? single.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? single.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? single.decode(Double.self) {
            self = .double(value)
        } else {
            self = .string(try single.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let object):
            try object.encode(to: encoder)
        case .array(let values):
            var container = encoder.unkeyedContainer()
            for value in values { try container.encode(value) }
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .int(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .double(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .string(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }
}
