#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A type that states its own schema, because its coding does not show it: a string with a format, a dictionary.
public protocol SchemaDescribing: Decodable {
    static var jsonSchema: JSON { get }
    /// Some value that decodes as this type.
    static var schemaSample: JSON { get }
}

extension JSONSchema {
    /// The schema of a type, found by letting the type decode itself from a decoder that writes down what it is asked
    /// for.
    ///
    /// Works for synthesized conformances and for hand-written ones that read their keys unconditionally. Traps on a
    /// type that contains itself or cannot be decoded from what the probe offers: both are mistakes in a declaration.
    public static func of<T: Decodable>(_ type: T.Type) -> JSON {
        do {
            return try SchemaProbe.probe(type, depth: 0).schema
        } catch {
            preconditionFailure("no JSON Schema for \(type): \(error)")
        }
    }
}

private final class SchemaProbe {
    enum Shape {
        case unknown
        case leaf(JSON)
        case object
        case array(JSON)
    }

    static let depthMax = 32

    private var shape = Shape.unknown
    private var properties = JSONObject()
    private var required: [String] = []
    let depth: Int

    private init(depth: Int) { self.depth = depth }

    static func probe<T: Decodable>(_ type: T.Type, depth: Int) throws -> (schema: JSON, sample: T) {
        precondition(depth < depthMax, "\(type) contains itself")
        if let describing = type as? any SchemaDescribing.Type {
            return (describing.jsonSchema, try Wire.decode(type, from: describing.schemaSample))
        }
        if let choices = type as? any CaseIterable.Type, let found = choice(choices, as: type) {
            return found
        }
        let probe = SchemaProbe(depth: depth)
        let sample = try T(from: ProbeDecoder(probe: probe))
        return (probe.schema, sample)
    }

    /// The raw values of an enumeration of strings.
    private static func choice<C: CaseIterable, T>(_ type: C.Type, as wanted: T.Type) -> (schema: JSON, sample: T)? {
        let names = C.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
        guard let sample = C.allCases.first as? T, names.count == C.allCases.count else { return nil }
        return (JSONSchema.choice(names), sample)
    }

    private var schema: JSON {
        switch shape {
        case .unknown: JSONSchema.any
        case .leaf(let schema): schema
        case .object: JSONSchema.object(properties: properties, required: required)
        case .array(let items): JSONSchema.array(of: items)
        }
    }

    func become(_ shape: Shape) { self.shape = shape }

    func property(_ key: String, _ schema: JSON, isRequired: Bool) {
        properties[key] = schema
        if isRequired, !required.contains(key) { required.append(key) }
    }

    func element<T: Decodable>(_ type: T.Type) throws -> T {
        let (schema, sample) = try Self.probe(type, depth: depth + 1)
        shape = .array(schema)
        return sample
    }
}

private struct ProbeDecoder: Decoder {
    let probe: SchemaProbe

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        probe.become(.object)
        return KeyedDecodingContainer(ProbeKeyed(probe: probe))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer { ProbeUnkeyed(probe: probe) }

    func singleValueContainer() -> any SingleValueDecodingContainer { ProbeSingle(probe: probe) }
}

/// What a conformance asked for that the probe cannot tell a schema from.
private struct Unprobeable: Error {
    var what: String
}

private struct ProbeKeyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe

    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let (schema, sample) = try SchemaProbe.probe(type, depth: probe.depth + 1)
        probe.property(key.stringValue, schema, isRequired: true)
        return sample
    }

    private func present<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T? {
        let (schema, sample) = try SchemaProbe.probe(type, depth: probe.depth + 1)
        probe.property(key.stringValue, schema, isRequired: false)
        return sample
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try present(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try present(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try present(type, key) }
    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? { try present(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try present(type, key) }
    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? { try present(type, key) }
    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? { try present(type, key) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try present(type, key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try present(type, key) }
    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? { try present(type, key) }
    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? { try present(type, key) }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try present(type, key) }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try present(type, key) }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try present(type, key) }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? { try present(type, key) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        throw Unprobeable(what: "a nested container")
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw Unprobeable(what: "a nested container")
    }

    func superDecoder() throws -> any Decoder { throw Unprobeable(what: "a super decoder") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw Unprobeable(what: "a super decoder") }
}

/// One element, so that its type shows.
private struct ProbeUnkeyed: UnkeyedDecodingContainer {
    let probe: SchemaProbe
    private(set) var currentIndex = 0

    init(probe: SchemaProbe) { self.probe = probe }

    var codingPath: [any CodingKey] { [] }
    var count: Int? { 1 }
    var isAtEnd: Bool { currentIndex > 0 }

    mutating func decodeNil() -> Bool { false }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        currentIndex += 1
        return try probe.element(type)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        throw Unprobeable(what: "a nested container")
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw Unprobeable(what: "a nested container")
    }

    mutating func superDecoder() throws -> any Decoder { throw Unprobeable(what: "a super decoder") }
}

private struct ProbeSingle: SingleValueDecodingContainer {
    let probe: SchemaProbe

    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let (schema, sample) = try SchemaProbe.probe(type, depth: probe.depth + 1)
        probe.become(.leaf(schema))
        return sample
    }
}

// MARK: - Types that state their schema

extension String: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.string() }
    public static var schemaSample: JSON { "" }
}

extension Bool: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.boolean }
    public static var schemaSample: JSON { false }
}

extension SchemaDescribing where Self: FixedWidthInteger {
    public static var jsonSchema: JSON { JSONSchema.integer(minimum: isSigned ? nil : 0) }
    public static var schemaSample: JSON { 0 }
}

extension SchemaDescribing where Self: BinaryFloatingPoint {
    public static var jsonSchema: JSON { JSONSchema.number() }
    public static var schemaSample: JSON { 0 }
}

extension Int: SchemaDescribing {}
extension Int8: SchemaDescribing {}
extension Int16: SchemaDescribing {}
extension Int32: SchemaDescribing {}
extension Int64: SchemaDescribing {}
extension UInt: SchemaDescribing {}
extension UInt8: SchemaDescribing {}
extension UInt16: SchemaDescribing {}
extension UInt32: SchemaDescribing {}
extension UInt64: SchemaDescribing {}
extension Double: SchemaDescribing {}
extension Float: SchemaDescribing {}

extension UUID: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.uuid }
    public static var schemaSample: JSON { "00000000-0000-0000-0000-000000000000" }
}

extension Timestamp: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.timestamp }
    public static var schemaSample: JSON { "1970-01-01T00:00:00.000Z" }
}

extension CalendarDate: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.date }
    public static var schemaSample: JSON { "1970-01-01" }
}

extension Amount: SchemaDescribing {
    public static var jsonSchema: JSON {
        JSONSchema.string(maxLength: 40, pattern: #"^-?[0-9]+(\.[0-9]+)?$"#)
    }
    public static var schemaSample: JSON { "0" }
}

extension JSON: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.any }
    public static var schemaSample: JSON { .null }
}

extension JSONObject: SchemaDescribing {
    public static var jsonSchema: JSON { JSONSchema.object() }
    public static var schemaSample: JSON { [:] }
}

extension Array: SchemaDescribing where Element: Decodable {
    public static var jsonSchema: JSON { JSONSchema.array(of: JSONSchema.of(Element.self)) }
    public static var schemaSample: JSON { [] }
}

extension Dictionary: SchemaDescribing where Key == String, Value: Decodable {
    public static var jsonSchema: JSON {
        JSONSchema.object(additionalProperties: JSONSchema.of(Value.self))
    }
    public static var schemaSample: JSON { [:] }
}

extension Optional: SchemaDescribing where Wrapped: Decodable {
    public static var jsonSchema: JSON { JSONSchema.nullable(JSONSchema.of(Wrapped.self)) }
    public static var schemaSample: JSON { .null }
}
