/// The one seam between Swift values and JSON text.
///
/// Differences from Foundation's coders: ids are lower case, timestamps are RFC 3339 with milliseconds, nil optionals
/// are left out, dictionaries are written in the order of their keys, unknown keys are ignored.
public enum Wire {
    /// The value as compact JSON text.
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        let output = WireOutput()
        try output.write(value, depth: 0)
        return output.writer.bytes
    }

    /// The value as a JSON value.
    public static func json(_ value: some Encodable) throws -> JSON {
        try JSON.parse(try encode(value), limits: JSONLimits(maxBytes: .max, maxDepth: 512))
    }

    public static func decode<T: Decodable>(
        _ type: T.Type, from bytes: [UInt8], limits: JSONLimits = .default
    ) throws(WireError) -> T {
        let json: JSON
        do {
            json = try JSON.parse(bytes, limits: limits)
        } catch {
            throw WireError(code: .malformed, pointer: error.pointer, detail: error.description)
        }
        return try decode(type, from: json)
    }

    public static func decode<T: Decodable>(_ type: T.Type, from json: JSON) throws(WireError) -> T {
        do {
            return try WireDecoder(value: json).decode(type)
        } catch let error as WireError {
            throw error
        } catch let error as DecodingError {
            throw WireError(error)
        } catch {
            throw WireError(code: .invalid, pointer: "", detail: "\(error)")
        }
    }
}

/// Why a JSON value is not the wanted Swift value.
public struct WireError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Not JSON at all.
        case malformed
        case required
        case wrongType = "wrong_type"
        case invalid
    }

    public var code: Code
    /// JSON Pointer to the faulty value.
    public var pointer: String
    public var detail: String

    public init(code: Code, pointer: String, detail: String) {
        self.code = code
        self.pointer = pointer
        self.detail = detail
    }

    public var description: String { pointer.isEmpty ? detail : "\(pointer): \(detail)" }

    init(_ error: DecodingError) {
        func pointer(_ path: [any CodingKey]) -> String {
            path.map { "/" + ($0.intValue.map(String.init) ?? JSONPointer.escape($0.stringValue)) }.joined()
        }
        switch error {
        case .keyNotFound(let key, let context):
            self.init(code: .required, pointer: pointer(context.codingPath + [key]), detail: "is required")
        case .valueNotFound(_, let context):
            self.init(code: .required, pointer: pointer(context.codingPath), detail: "must not be null")
        case .typeMismatch(_, let context):
            self.init(code: .wrongType, pointer: pointer(context.codingPath), detail: context.debugDescription)
        case .dataCorrupted(let context):
            self.init(code: .invalid, pointer: pointer(context.codingPath), detail: context.debugDescription)
        @unknown default:
            self.init(code: .invalid, pointer: "", detail: "\(error)")
        }
    }
}

/// A coding key made at run time.
struct WireKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        self.intValue = nil
    }

    init(intValue: Int) {
        self.stringValue = String(intValue)
        self.intValue = intValue
    }
}

/// The value as `U` when that is exactly its type: a pointer comparison where a cast would search conformances.
@inline(__always) func same<T, U>(_ value: T, as type: U.Type) -> U? {
    T.self == U.self ? unsafeBitCast(value, to: U.self) : nil
}
