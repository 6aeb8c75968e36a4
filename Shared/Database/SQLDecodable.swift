import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One value of a row in the server's binary form, borrowed from the row.
public struct SQLCell {
    let form: SQLType.Form
    /// The bytes, nil for NULL. Valid as long as the row is.
    public let bytes: UnsafeRawBufferPointer?

    /// The bytes of a value that may not be NULL.
    func required() throws(DatabaseError) -> UnsafeRawBufferPointer {
        guard let bytes else { throw DatabaseError(.decoding, "NULL where a value is required") }
        return bytes
    }

    func mismatch(_ type: Any.Type) -> DatabaseError {
        DatabaseError(.decoding, "\(form) is not read as \(type)")
    }
}

extension UnsafeRawBufferPointer {
    /// The big-endian number at `offset`.
    func number<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self, at offset: Int = 0
    ) throws(DatabaseError) -> Number {
        guard offset + MemoryLayout<Number>.size <= count else {
            throw DatabaseError(.decoding, "a value is cut short")
        }
        return Number(bigEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}

/// A Swift type that a column's value can be read as.
public protocol SQLDecodable {
    /// The value of a cell.
    static func decode(_ cell: SQLCell) throws(DatabaseError) -> Self
    /// The elements of an array's cell.
    static func decodeArray(_ cell: SQLCell) throws(DatabaseError) -> [Self]
}

extension SQLDecodable {
    /// The elements of a one-dimensional array.
    public static func decodeArray(_ cell: SQLCell) throws(DatabaseError) -> [Self] {
        var values: [Self] = []
        try cell.forEachElement { element throws(DatabaseError) in values.append(try decode(element)) }
        return values
    }
}

extension SQLCell {
    /// Visits the elements of a one-dimensional array.
    func forEachElement(_ visit: (SQLCell) throws(DatabaseError) -> Void) throws(DatabaseError) {
        let bytes = try required()
        guard form == .array else { throw mismatch([Any].self) }
        let dimensions = try bytes.number(Int32.self)
        let element = SQLType(try bytes.number(UInt32.self, at: 8)).form
        guard dimensions > 0 else { return }
        guard dimensions == 1 else { throw DatabaseError(.decoding, "an array of \(dimensions) dimensions") }
        var offset = 20
        for _ in 0..<(try bytes.number(Int32.self, at: 12)) {
            let length = Int(try bytes.number(Int32.self, at: offset))
            offset += 4
            if length < 0 {
                try visit(SQLCell(form: element, bytes: nil))
            } else {
                guard offset + length <= bytes.count else { throw DatabaseError(.decoding, "an array is cut short") }
                let range = offset..<offset + length
                try visit(SQLCell(form: element, bytes: UnsafeRawBufferPointer(rebasing: bytes[range])))
                offset += length
            }
        }
    }

    /// A whole number of any width.
    func integer() throws(DatabaseError) -> Int64 {
        let bytes = try required()
        switch form {
        case .int8: return try bytes.number(Int64.self)
        case .int4: return Int64(try bytes.number(Int32.self))
        case .int2: return Int64(try bytes.number(Int16.self))
        case .unsigned4: return Int64(try bytes.number(UInt32.self))
        case .unsigned8:
            guard let value = Int64(exactly: try bytes.number(UInt64.self)) else { break }
            return value
        case .numeric:
            guard let value = Int64(try Numeric.text(bytes)) else { break }
            return value
        default: throw mismatch(Int64.self)
        }
        throw DatabaseError(.decoding, "a number does not fit")
    }
}

extension Bool: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Bool {
        guard cell.form == .bool else { throw cell.mismatch(Bool.self) }
        return try cell.required().number(UInt8.self) != 0
    }
}

extension SQLDecodable where Self: FixedWidthInteger {
    /// Any whole number that fits.
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Self {
        guard let value = Self(exactly: try cell.integer()) else {
            throw DatabaseError(.decoding, "a number does not fit")
        }
        return value
    }
}

extension Int: SQLDecodable {}
extension Int64: SQLDecodable {}
extension Int32: SQLDecodable {}
extension Int16: SQLDecodable {}

/// An array of these is a `bytea`.
extension UInt8: SQLDecodable {
    public static func decodeArray(_ cell: SQLCell) throws(DatabaseError) -> [UInt8] {
        guard cell.form == .bytea else { throw cell.mismatch([UInt8].self) }
        return Array(try cell.required())
    }
}

extension Double: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Double {
        let bytes = try cell.required()
        switch cell.form {
        case .float8: return Double(bitPattern: try bytes.number(UInt64.self))
        case .float4: return Double(Float(bitPattern: try bytes.number(UInt32.self)))
        case .numeric: return Double(try Numeric.text(bytes)) ?? .nan
        default: return Double(try cell.integer())
        }
    }
}

extension String: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> String {
        let bytes = try cell.required()
        switch cell.form {
        case .text, .json: return String(decoding: bytes, as: UTF8.self)
        case .jsonb: return String(decoding: bytes.dropFirst(), as: UTF8.self)
        case .uuid: return try UUID.decode(cell).text
        case .date: return try CalendarDate.decode(cell).text
        case .numeric: return try Numeric.text(bytes)
        default: throw cell.mismatch(String.self)
        }
    }
}

extension UUID: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> UUID {
        let bytes = try cell.required()
        guard cell.form == .uuid, bytes.count == 16 else { throw cell.mismatch(UUID.self) }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

/// `infinity` and `-infinity` are the last and the first timestamp.
extension Timestamp: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Timestamp {
        guard cell.form == .timestamptz || cell.form == .timestamp else { throw cell.mismatch(Timestamp.self) }
        let (sum, overflow) = try cell.required().number(Int64.self).addingReportingOverflow(Timestamp.postgresEpoch)
        return overflow ? .max : Timestamp(microseconds: sum)
    }
}

extension CalendarDate: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> CalendarDate {
        guard cell.form == .date else { throw cell.mismatch(CalendarDate.self) }
        let midnight = Int64(try cell.required().number(Int32.self)) * CalendarDate.microsecondsPerDay
        let text = Timestamp(microseconds: midnight + Timestamp.postgresEpoch).rfc3339.prefix(10)
        guard let date = CalendarDate(text: String(text)) else { throw DatabaseError(.decoding, "a date out of range") }
        return date
    }
}

extension JSON: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> JSON {
        let bytes = try cell.required()
        let text: UnsafeRawBufferPointer
        switch cell.form {
        case .json: text = bytes
        case .jsonb: text = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        default: throw cell.mismatch(JSON.self)
        }
        do {
            return try JSON.parse(text)
        } catch {
            throw DatabaseError(.decoding, "stored JSON that we do not accept")
        }
    }
}

extension JSONObject: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> JSONObject {
        guard case .object(let object) = try JSON.decode(cell) else { throw cell.mismatch(JSONObject.self) }
        return object
    }
}

extension Array: SQLDecodable where Element: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> [Element] {
        try Element.decodeArray(cell)
    }
}

extension Optional: SQLDecodable where Wrapped: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Wrapped? {
        cell.bytes == nil ? nil : try Wrapped.decode(cell)
    }
}

/// An enumeration with a raw value is read from that: `enum Status: String, SQLDecodable`.
extension SQLDecodable where Self: RawRepresentable, RawValue: SQLDecodable {
    public static func decode(_ cell: SQLCell) throws(DatabaseError) -> Self {
        guard let value = Self(rawValue: try RawValue.decode(cell)) else {
            throw DatabaseError(.decoding, "a value that \(Self.self) does not have")
        }
        return value
    }
}

/// PostgreSQL's binary `numeric`: base-10000 digits with a weight, a sign and a display scale.
enum Numeric {
    static func text(_ bytes: UnsafeRawBufferPointer) throws(DatabaseError) -> String {
        let count = Int(try bytes.number(Int16.self))
        let weight = Int(try bytes.number(Int16.self, at: 2))
        let sign = try bytes.number(UInt16.self, at: 4)
        let scale = Int(try bytes.number(Int16.self, at: 6))
        guard sign == 0 || sign == 0x4000 else { throw DatabaseError(.decoding, "a numeric that is not a number") }

        func group(_ index: Int) throws(DatabaseError) -> String {
            let value = index < 0 || index >= count ? 0 : try bytes.number(Int16.self, at: 8 + 2 * index)
            let digits = String(value)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        var whole = ""
        for index in 0..<max(weight + 1, 0) { whole += try group(index) }
        whole = String(whole.drop { $0 == "0" })
        var fraction = ""
        var index = weight + 1
        while fraction.count < scale {
            fraction += try group(index)
            index += 1
        }
        let sized = fraction.prefix(scale)
        return (sign == 0 ? "" : "-") + (whole.isEmpty ? "0" : whole) + (scale > 0 ? "." + sized : "")
    }
}
