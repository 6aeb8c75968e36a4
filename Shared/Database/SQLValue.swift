import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A value bound to a statement, sent in PostgreSQL's binary form.
public enum SQLValue: Sendable {
    /// NULL; its type is inferred by the server.
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
    case uuid(UUID)
    case timestamp(Timestamp)
    case date(CalendarDate)
    /// A `jsonb` value.
    case json(JSON)
    /// A `jsonb` value that is already serialized.
    case jsonText([UInt8])
    /// An array of values of one type, NULLs among them.
    case array(SQLType, [SQLValue])

    /// A `text[]`.
    public static func textArray(_ values: [String]) -> SQLValue { .array(.text, values.map(SQLValue.text)) }
    /// A `uuid[]`.
    public static func uuidArray(_ values: [UUID]) -> SQLValue { .array(.uuid, values.map(SQLValue.uuid)) }
    /// A `bigint[]`.
    public static func intArray(_ values: [Int64]) -> SQLValue { .array(.int8, values.map(SQLValue.int)) }

    /// The type that it is sent as.
    public var type: SQLType {
        switch self {
        case .null: .unspecified
        case .bool: .bool
        case .int: .int8
        case .double: .float8
        case .text: .text
        case .bytes: .bytea
        case .uuid: .uuid
        case .timestamp: .timestamptz
        case .date: .date
        case .json, .jsonText: .jsonb
        case .array(let element, _): element.array
        }
    }

    /// Appends the binary form to `bytes`. False means NULL, and nothing is appended.
    func encode(to bytes: inout [UInt8]) throws(DatabaseError) -> Bool {
        switch self {
        case .null:
            return false
        case .bool(let value):
            bytes.append(value ? 1 : 0)
        case .int(let value):
            bytes.append(bigEndian: value)
        case .double(let value):
            bytes.append(bigEndian: value.bitPattern)
        case .text(let value):
            let start = bytes.count
            bytes.append(contentsOf: value.utf8)
            if bytes[start...].contains(0) { throw DatabaseError(.invalidText, "text contains a NUL character") }
        case .bytes(let value):
            bytes.append(contentsOf: value)
        case .uuid(let value):
            withUnsafeBytes(of: value.uuid) { bytes.append(contentsOf: $0) }
        case .timestamp(let value):
            bytes.append(bigEndian: value.microseconds - Timestamp.postgresEpoch)
        case .date(let value):
            bytes.append(bigEndian: value.daysSince2000)
        case .json(let value):
            bytes.append(Self.jsonbVersion)
            bytes.append(contentsOf: value.serialized())
        case .jsonText(let value):
            bytes.append(Self.jsonbVersion)
            bytes.append(contentsOf: value)
        case .array(let element, let values):
            try Self.encode(array: values, of: element, to: &bytes)
        }
        return true
    }

    private static let jsonbVersion: UInt8 = 1

    /// Dimensions (one, or none for an empty array), has-nulls flag, element type, length and lower bound of the
    /// dimension, then each element behind its length (-1 for NULL).
    private static func encode(
        array values: [SQLValue], of element: SQLType, to bytes: inout [UInt8]
    ) throws(DatabaseError) {
        bytes.append(bigEndian: Int32(values.isEmpty ? 0 : 1))
        bytes.append(bigEndian: Int32(1))
        bytes.append(bigEndian: element.oid)
        if values.isEmpty { return }
        bytes.append(bigEndian: Int32(values.count))
        bytes.append(bigEndian: Int32(1))
        for value in values {
            guard value.type == element || value.type == .unspecified else {
                throw DatabaseError(.other(sqlState: "42804"), "an array has elements of several types")
            }
            let lengthAt = bytes.count
            bytes.append(bigEndian: Int32(-1))
            guard try value.encode(to: &bytes) else { continue }
            let length = Int32(bytes.count - lengthAt - 4)
            withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(lengthAt..<lengthAt + 4, with: $0) }
        }
    }
}

extension Timestamp {
    /// PostgreSQL counts microseconds from 2000-01-01.
    static let postgresEpoch: Int64 = 946_684_800_000_000
}

extension CalendarDate {
    static let microsecondsPerDay: Int64 = 86_400_000_000

    var daysSince2000: Int32 {
        let midnight = Timestamp(rfc3339: text + "T00:00:00Z")?.microseconds ?? Timestamp.postgresEpoch
        return Int32((midnight - Timestamp.postgresEpoch) / Self.microsecondsPerDay)
    }
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

/// A Swift type whose values can be bound to a statement.
public protocol SQLBindable {
    /// The type that values, and NULLs in their place, are sent as.
    static var sqlType: SQLType { get }
    /// The value as it is sent.
    var sqlValue: SQLValue { get }
    /// The type that arrays of these are sent as.
    static var sqlArrayType: SQLType { get }
    /// An array of these as it is sent.
    static func sqlArray(_ values: [Self]) -> SQLValue
}

extension SQLBindable {
    /// The array type of `sqlType`.
    public static var sqlArrayType: SQLType { sqlType.array }
    /// An array of `sqlType`.
    public static func sqlArray(_ values: [Self]) -> SQLValue { .array(sqlType, values.map(\.sqlValue)) }
}

extension Bool: SQLBindable {
    public static var sqlType: SQLType { .bool }
    public var sqlValue: SQLValue { .bool(self) }
}

extension Int: SQLBindable {
    public static var sqlType: SQLType { .int8 }
    public var sqlValue: SQLValue { .int(Int64(self)) }
}

extension Int64: SQLBindable {
    public static var sqlType: SQLType { .int8 }
    public var sqlValue: SQLValue { .int(self) }
}

extension Int32: SQLBindable {
    public static var sqlType: SQLType { .int8 }
    public var sqlValue: SQLValue { .int(Int64(self)) }
}

extension Int16: SQLBindable {
    public static var sqlType: SQLType { .int8 }
    public var sqlValue: SQLValue { .int(Int64(self)) }
}

extension Double: SQLBindable {
    public static var sqlType: SQLType { .float8 }
    public var sqlValue: SQLValue { .double(self) }
}

extension String: SQLBindable {
    public static var sqlType: SQLType { .text }
    public var sqlValue: SQLValue { .text(self) }
}

extension UUID: SQLBindable {
    public static var sqlType: SQLType { .uuid }
    public var sqlValue: SQLValue { .uuid(self) }
}

extension Timestamp: SQLBindable {
    public static var sqlType: SQLType { .timestamptz }
    public var sqlValue: SQLValue { .timestamp(self) }
}

extension CalendarDate: SQLBindable {
    public static var sqlType: SQLType { .date }
    public var sqlValue: SQLValue { .date(self) }
}

extension JSON: SQLBindable {
    public static var sqlType: SQLType { .jsonb }
    public var sqlValue: SQLValue { .json(self) }
}

extension JSONObject: SQLBindable {
    public static var sqlType: SQLType { .jsonb }
    public var sqlValue: SQLValue { .json(.object(self)) }
}

/// Bound by itself a small number; an array of them is a `bytea`.
extension UInt8: SQLBindable {
    public static var sqlType: SQLType { .int8 }
    public var sqlValue: SQLValue { .int(Int64(self)) }
    public static var sqlArrayType: SQLType { .bytea }
    public static func sqlArray(_ values: [UInt8]) -> SQLValue { .bytes(values) }
}

extension Array: SQLBindable where Element: SQLBindable {
    public static var sqlType: SQLType { Element.sqlArrayType }
    public var sqlValue: SQLValue { Element.sqlArray(self) }
}

extension Optional: SQLBindable where Wrapped: SQLBindable {
    public static var sqlType: SQLType { Wrapped.sqlType }
    public var sqlValue: SQLValue { self?.sqlValue ?? .null }
}

/// An enumeration with a raw value binds as that: `enum Status: String, SQLBindable`.
extension SQLBindable where Self: RawRepresentable, RawValue: SQLBindable {
    public static var sqlType: SQLType { RawValue.sqlType }
    public var sqlValue: SQLValue { rawValue.sqlValue }
}
