import Contracts
import Crypto
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A place in a sorted list: the sort keys and the id of the row before it. Opaque to clients.
///
/// It is bound to the list it was made for (path, tenant, filters and order) by a digest of them, so that a cursor in
/// another query is an error rather than a wrong page. It gives no access: rows are still chosen by the query.
struct Cursor: Hashable {
    /// A sort key's value in the last row.
    enum Key: Hashable {
        case null
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case text(String)
        case uuid(UUID)
        case timestamp(Timestamp)
    }

    var keys: [Key]
    var id: UUID

    private static let version: UInt8 = 1
    private static let bindingBytes = 8
    static let charactersMax = 8 * 1_024

    /// The digest that binds a cursor to its list.
    static func binding(_ description: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(description.utf8)).prefix(bindingBytes))
    }

    func text(boundTo binding: [UInt8]) -> String {
        var bytes: [UInt8] = [Self.version]
        bytes += binding
        bytes.append(UInt8(truncatingIfNeeded: keys.count))
        for key in keys {
            switch key {
            case .null:
                bytes.append(0)
            case .bool(let value):
                bytes.append(value ? 2 : 1)
            case .int(let value):
                bytes.append(3)
                Self.append(UInt64(bitPattern: value), to: &bytes)
            case .double(let value):
                bytes.append(4)
                Self.append(value.bitPattern, to: &bytes)
            case .timestamp(let value):
                bytes.append(5)
                Self.append(UInt64(bitPattern: value.microseconds), to: &bytes)
            case .uuid(let value):
                bytes.append(6)
                withUnsafeBytes(of: value.uuid) { bytes += $0 }
            case .text(let value):
                bytes.append(7)
                let utf8 = Array(value.utf8)
                bytes.append(UInt8(utf8.count >> 8 & 0xFF))
                bytes.append(UInt8(utf8.count & 0xFF))
                bytes += utf8
            }
        }
        withUnsafeBytes(of: id.uuid) { bytes += $0 }
        return Base64URL.encode(bytes)
    }

    enum Refusal: Error {
        case malformed
        /// Made for another list.
        case foreign
    }

    init(keys: [Key], id: UUID) {
        self.keys = keys
        self.id = id
    }

    init(_ text: String, boundTo binding: [UInt8]) throws(Refusal) {
        guard text.utf8.count <= Self.charactersMax, let bytes = Base64URL.decode(text) else { throw .malformed }
        var reader = Reader(bytes: bytes[...])
        guard reader.byte() == Self.version, let bound = reader.bytes(Self.bindingBytes) else { throw .malformed }
        guard Array(bound) == binding else { throw .foreign }
        guard let count = reader.byte() else { throw .malformed }
        keys = []
        for _ in 0..<count {
            guard let key = reader.key() else { throw .malformed }
            keys.append(key)
        }
        guard let id = reader.uuid(), reader.bytes.isEmpty else { throw .malformed }
        self.id = id
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func byte() -> UInt8? { bytes.popFirst() }

        mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
            guard bytes.count >= count else { return nil }
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count)
        }

        mutating func word() -> UInt64? { bytes(8)?.reduce(0) { $0 << 8 | UInt64($1) } }

        mutating func uuid() -> UUID? {
            guard let bytes = bytes(16) else { return nil }
            var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
            return UUID(uuid: value)
        }

        mutating func key() -> Key? {
            switch byte() {
            case 0: return .null
            case 1: return .bool(false)
            case 2: return .bool(true)
            case 3: return word().map { .int(Int64(bitPattern: $0)) }
            case 4: return word().map { Double(bitPattern: $0) }.flatMap { $0.isFinite ? .double($0) : nil }
            case 5: return word().map { .timestamp(Timestamp(microseconds: Int64(bitPattern: $0))) }
            case 6: return uuid().map { .uuid($0) }
            case 7:
                guard let high = byte(), let low = byte(), let utf8 = bytes(Int(high) << 8 | Int(low)),
                    let text = String(validating: utf8, as: UTF8.self), !text.utf8.contains(0)
                else { return nil }
                return .text(text)
            default: return nil
            }
        }
    }
}
