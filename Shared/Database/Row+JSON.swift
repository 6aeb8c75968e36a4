import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension SQLCell {
    /// Writes the value as JSON without an intermediate: lists are written this way, row by row.
    func write(to writer: inout JSONWriter) throws(DatabaseError) {
        guard let bytes else {
            writer.null()
            return
        }
        switch form {
        case .text: writer.string(utf8: bytes)
        case .uuid: writer.uuid(try UUID.decode(self))
        case .timestamptz, .timestamp: writer.timestamp(try Timestamp.decode(self))
        case .int2, .int4, .int8, .unsigned4, .unsigned8: writer.int(try integer())
        case .bool: writer.bool(try bytes.number(UInt8.self) != 0)
        case .json: writer.raw(bytes)
        case .jsonb: writer.raw(bytes.dropFirst())
        case .float4: writer.float(Float(bitPattern: try bytes.number(UInt32.self)))
        case .float8: writer.double(try Double.decode(self))
        case .numeric: writer.raw(try Numeric.text(bytes).utf8)
        case .date: writer.string(try CalendarDate.decode(self).text)
        case .bytea: writer.string(Data(bytes).base64EncodedString())
        case .void: writer.null()
        case .array:
            writer.beginArray()
            try forEachElement { element throws(DatabaseError) in try element.write(to: &writer) }
            writer.endArray()
        case .unsupported: throw mismatch(JSON.self)
        }
    }
}

extension JSONWriter {
    /// The shortest text of the 32-bit number, not that of its 64-bit neighbour.
    fileprivate mutating func float(_ value: Float) {
        raw(value.isFinite ? value.description.utf8 : "null".utf8)
    }
}
