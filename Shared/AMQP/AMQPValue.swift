/// A value in message headers or in the arguments of a declaration.
public enum AMQPValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// Seconds since 1970, UTC.
    case timestamp(UInt64)
    case array([AMQPValue])
    case table([String: AMQPValue])

    /// The text of a string value.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number of an integer or timestamp value.
    public var intValue: Int64? {
        switch self {
        case .int(let value): value
        case .timestamp(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The truth of a boolean value.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements of an array value.
    public var arrayValue: [AMQPValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The entries of a table value.
    public var tableValue: [String: AMQPValue]? {
        if case .table(let value) = self { value } else { nil }
    }
}

extension AMQPValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(arrayLiteral elements: AMQPValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, AMQPValue)...) {
        self = .table(Dictionary(elements) { _, last in last })
    }
    public init(nilLiteral: ()) { self = .null }
}
