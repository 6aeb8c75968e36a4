#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The text that all encoders and containers of one `Wire.encode` share.
///
/// Containers write as they go. One closes when a container around it goes on, which is all that synthesized and
/// ordinary hand-written conformances need; two sibling containers cannot be filled in turns.
final class WireOutput {
    var writer = JSONWriter()
    private var open: [Kind] = []

    enum Kind { case object, array }

    /// Opens the container of the value at this depth, or goes on with it: two parts may share one object.
    func openContainer(_ kind: Kind, depth: Int) {
        if open.count > depth {
            precondition(open[depth] == kind, "a value is either an object or an array")
            close(to: depth + 1)
            return
        }
        switch kind {
        case .object: writer.beginObject()
        case .array: writer.beginArray()
        }
        open.append(kind)
    }

    func close(to depth: Int) {
        while open.count > depth {
            switch open.removeLast() {
            case .object: writer.endObject()
            case .array: writer.endArray()
            }
        }
    }

    /// Writes one value; `depth` containers are open around it.
    func write<T: Encodable>(_ value: T, depth: Int) throws {
        if let value = same(value, as: String.self) { return writer.string(value) }
        if let value = same(value, as: UUID.self) { return writer.uuid(value) }
        if let value = same(value, as: Timestamp.self) { return writer.timestamp(value) }
        if let value = same(value, as: JSON.self) { return writer.value(value) }
        if let value = same(value, as: JSONObject.self) { return writer.object(value) }
        if T.self is any WireStringKeyed.Type, let dictionary = value as? any WireStringKeyed {
            return try dictionary.writeMembers(to: self, depth: depth)
        }
        let lengthBefore = writer.bytes.count
        try value.encode(to: WireEncoder(output: self, depth: depth))
        close(to: depth)
        if writer.bytes.count == lengthBefore {
            writer.beginObject()
            writer.endObject()
        }
    }
}

/// Dictionaries with string keys: written in the order of the keys, because equal values should give equal text.
private protocol WireStringKeyed {
    func writeMembers(to output: WireOutput, depth: Int) throws
}

extension Dictionary: WireStringKeyed where Key == String, Value: Encodable {
    fileprivate func writeMembers(to output: WireOutput, depth: Int) throws {
        output.openContainer(.object, depth: depth)
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            output.writer.key(key)
            try output.write(value, depth: depth + 1)
        }
        output.close(to: depth)
    }
}

struct WireEncoder: Encoder {
    let output: WireOutput
    let depth: Int

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        output.openContainer(.object, depth: depth)
        return KeyedEncodingContainer(WireKeyedEncoding(output: output, depth: depth + 1))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        output.openContainer(.array, depth: depth)
        return WireUnkeyedEncoding(output: output, depth: depth + 1)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        WireSingleEncoding(output: output, depth: depth)
    }
}

private struct WireKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let output: WireOutput
    let depth: Int

    var codingPath: [any CodingKey] { [] }

    @inline(__always) private func start(_ key: Key) {
        output.close(to: depth)
        output.writer.key(key.stringValue)
    }

    func encodeNil(forKey key: Key) {
        start(key)
        output.writer.null()
    }
    func encode(_ value: Bool, forKey key: Key) {
        start(key)
        output.writer.bool(value)
    }
    func encode(_ value: String, forKey key: Key) {
        start(key)
        output.writer.string(value)
    }
    func encode(_ value: Double, forKey key: Key) {
        start(key)
        output.writer.double(value)
    }
    func encode(_ value: Float, forKey key: Key) { encodeFloat(value, key) }
    func encode(_ value: Int, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: Int8, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: Int16, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: Int32, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: Int64, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: UInt, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: UInt8, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: UInt16, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: UInt32, forKey key: Key) { encodeInteger(value, key) }
    func encode(_ value: UInt64, forKey key: Key) { encodeInteger(value, key) }

    private func encodeInteger(_ value: some BinaryInteger, _ key: Key) {
        start(key)
        output.writer.int(value)
    }

    private func encodeFloat(_ value: Float, _ key: Key) {
        start(key)
        output.writer.float(value)
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        start(key)
        try output.write(value, depth: depth)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        start(key)
        return WireEncoder(output: output, depth: depth).container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        start(key)
        return WireEncoder(output: output, depth: depth).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { preconditionFailure("class hierarchies do not go over the wire") }
    func superEncoder(forKey key: Key) -> any Encoder { superEncoder() }
}

private struct WireUnkeyedEncoding: UnkeyedEncodingContainer {
    let output: WireOutput
    let depth: Int
    private(set) var count = 0

    init(output: WireOutput, depth: Int) {
        self.output = output
        self.depth = depth
    }

    var codingPath: [any CodingKey] { [] }

    @inline(__always) private mutating func start() {
        output.close(to: depth)
        count += 1
    }

    mutating func encodeNil() {
        start()
        output.writer.null()
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        start()
        try output.write(value, depth: depth)
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy keyType: Nested.Type) -> KeyedEncodingContainer<Nested> {
        start()
        return WireEncoder(output: output, depth: depth).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        start()
        return WireEncoder(output: output, depth: depth).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { preconditionFailure("class hierarchies do not go over the wire") }
}

private struct WireSingleEncoding: SingleValueEncodingContainer {
    let output: WireOutput
    let depth: Int

    var codingPath: [any CodingKey] { [] }

    func encodeNil() { output.writer.null() }
    func encode(_ value: Bool) { output.writer.bool(value) }
    func encode(_ value: String) { output.writer.string(value) }
    func encode(_ value: Double) { output.writer.double(value) }
    func encode(_ value: Float) { output.writer.float(value) }
    func encode(_ value: Int) { output.writer.int(value) }
    func encode(_ value: Int8) { output.writer.int(value) }
    func encode(_ value: Int16) { output.writer.int(value) }
    func encode(_ value: Int32) { output.writer.int(value) }
    func encode(_ value: Int64) { output.writer.int(value) }
    func encode(_ value: UInt) { output.writer.int(value) }
    func encode(_ value: UInt8) { output.writer.int(value) }
    func encode(_ value: UInt16) { output.writer.int(value) }
    func encode(_ value: UInt32) { output.writer.int(value) }
    func encode(_ value: UInt64) { output.writer.int(value) }
    func encode<T: Encodable>(_ value: T) throws { try output.write(value, depth: depth) }
}

extension JSONWriter {
    /// The shortest text for a single-precision number, which as a double would gain meaningless digits.
    fileprivate mutating func float(_ value: Float) {
        if value.isFinite { raw(value.description.utf8) } else { null() }
    }
}
