#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where a value stands, linked upwards; turned into a pointer only for an error.
final class WirePath: Sendable {
    enum Step: Sendable {
        case key(String)
        case index(Int)
    }

    private let parent: WirePath?
    private let step: Step

    init(_ parent: WirePath?, _ step: Step) {
        self.parent = parent
        self.step = step
    }

    var pointer: String {
        switch step {
        case .key(let key): (parent?.pointer ?? "") + "/" + JSONPointer.escape(key)
        case .index(let index): (parent?.pointer ?? "") + "/\(index)"
        }
    }

    var codingPath: [any CodingKey] {
        switch step {
        case .key(let key): (parent?.codingPath ?? []) + [WireKey(stringValue: key)]
        case .index(let index): (parent?.codingPath ?? []) + [WireKey(intValue: index)]
        }
    }
}

struct WireDecoder: Decoder {
    let value: JSON
    private let parent: WirePath?
    private let step: WirePath.Step?

    init(value: JSON, parent: WirePath? = nil, step: WirePath.Step? = nil) {
        self.value = value
        self.parent = parent
        self.step = step
    }

    /// Made on demand: most values are plain and right, and need none.
    var path: WirePath? { step.map { WirePath(parent, $0) } ?? parent }

    var codingPath: [any CodingKey] { path?.codingPath ?? [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let object) = value else { throw wrongType("an object") }
        return KeyedDecodingContainer(WireKeyedDecoding(object: object, path: path))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let values) = value else { throw wrongType("an array") }
        return WireUnkeyedDecoding(values: values, path: path)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { WireSingleDecoding(decoder: self) }

    // MARK: Values

    @inline(__always) func decode<T: Decodable>(_ type: T.Type) throws -> T {
        if T.self == String.self { return unsafeBitCast(try string(), to: T.self) }
        if T.self == UUID.self { return unsafeBitCast(try uuid(), to: T.self) }
        if T.self == Timestamp.self { return unsafeBitCast(try timestamp(), to: T.self) }
        if T.self == JSON.self { return unsafeBitCast(value, to: T.self) }
        return try T(from: self)
    }

    func bool() throws -> Bool {
        guard case .bool(let value) = value else { throw wrongType("a boolean") }
        return value
    }

    func string() throws -> String {
        guard case .string(let value) = value else { throw wrongType("a string") }
        return value
    }

    func double() throws -> Double {
        guard let value = value.doubleValue else { throw wrongType("a number") }
        return value
    }

    func integer<I: FixedWidthInteger>(_ type: I.Type) throws -> I {
        guard let value = value.intValue else { throw wrongType("a whole number") }
        guard let exact = I(exactly: value) else { throw invalid("is out of range") }
        return exact
    }

    func uuid() throws -> UUID {
        guard let value = UUID(text: try string()) else { throw invalid("must be a UUID") }
        return value
    }

    func timestamp() throws -> Timestamp {
        guard let value = Timestamp(rfc3339: try string()) else { throw invalid("must be an RFC 3339 timestamp") }
        return value
    }

    private func wrongType(_ wanted: String) -> WireError {
        WireError(code: .wrongType, pointer: path?.pointer ?? "", detail: "must be \(wanted)")
    }

    private func invalid(_ detail: String) -> WireError {
        WireError(code: .invalid, pointer: path?.pointer ?? "", detail: detail)
    }
}

private struct WireKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONObject
    let path: WirePath?

    var codingPath: [any CodingKey] { path?.codingPath ?? [] }
    var allKeys: [Key] { object.compactMap { Key(stringValue: $0.key) } }

    func contains(_ key: Key) -> Bool { object.contains(key.stringValue) }

    func decodeNil(forKey key: Key) throws -> Bool { try value(key).isNull }

    private func value(_ key: Key) throws -> JSON {
        guard let value = object[key.stringValue] else {
            throw WireError(
                code: .required, pointer: WirePath(path, .key(key.stringValue)).pointer, detail: "is required")
        }
        return value
    }

    /// The value, nil where it is absent or null.
    @inline(__always) private func present(_ key: Key) -> WireDecoder? {
        let name = key.stringValue
        guard let value = object[name] else { return nil }
        if case .null = value { return nil }
        return WireDecoder(value: value, parent: path, step: .key(name))
    }

    private func decoder(_ key: Key) throws -> WireDecoder {
        WireDecoder(value: try value(key), parent: path, step: .key(key.stringValue))
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try decoder(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try decoder(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try decoder(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try decoder(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try decoder(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try decoder(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try decoder(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try decoder(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try decoder(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try decoder(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try decoder(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try decoder(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try decoder(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try decoder(key).integer(type) }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try decoder(key).decode(type) }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try present(key)?.bool() }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try present(key)?.string() }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        try present(key)?.decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { WireDecoder(value: .object(object), parent: path) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

private struct WireUnkeyedDecoding: UnkeyedDecodingContainer {
    let values: [JSON]
    let path: WirePath?
    private(set) var currentIndex = 0

    init(values: [JSON], path: WirePath?) {
        self.values = values
        self.path = path
    }

    var codingPath: [any CodingKey] { path?.codingPath ?? [] }
    var count: Int? { values.count }
    var isAtEnd: Bool { currentIndex >= values.count }

    mutating func decodeNil() throws -> Bool {
        guard try peek().value.isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let value = try peek().decode(type)
        currentIndex += 1
        return value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        let container = try peek().container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try peek().unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try peek()
        currentIndex += 1
        return decoder
    }

    private func peek() throws -> WireDecoder {
        guard !isAtEnd else {
            let here = WirePath(path, .index(currentIndex))
            throw WireError(code: .required, pointer: here.pointer, detail: "the array is too short")
        }
        return WireDecoder(value: values[currentIndex], parent: path, step: .index(currentIndex))
    }
}

private struct WireSingleDecoding: SingleValueDecodingContainer {
    let decoder: WireDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.value.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
    func decode(_ type: String.Type) throws -> String { try decoder.string() }
    func decode(_ type: Double.Type) throws -> Double { try decoder.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try decoder.double()) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.decode(type) }
}
