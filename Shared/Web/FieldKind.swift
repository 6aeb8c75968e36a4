import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Field {
    /// A field's type with its limits: reads values out of JSON and out of query text, and describes itself as a
    /// JSON Schema.
    public enum Kind: Sendable {
        /// Length in Unicode scalars, as PostgreSQL's `char_length` and JSON Schema's `maxLength` count.
        case text(length: ClosedRange<Int>, format: TextFormat?)
        case choice([String])
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case boolean
        case uuid
        case timestamp
        case date
        case json(schema: JSON)
        case strings(each: ClosedRange<Int>, count: ClosedRange<Int>)
        case uuids(count: ClosedRange<Int>)
    }

    /// What a text must look like beyond its length.
    public struct TextFormat: Sendable {
        /// JSON Schema's `format`, if it has one for this.
        let name: String?
        /// JSON Schema's `pattern`, if it has one.
        let pattern: String?
        let description: String
        public let isMet: @Sendable (String) -> Bool

        /// A format of one's own; `pattern` is what the documentation shows.
        public init(
            pattern: String? = nil, description: String, isMet: @escaping @Sendable (String) -> Bool
        ) {
            self.init(name: nil, pattern: pattern, description: description, isMet: isMet)
        }

        init(name: String?, pattern: String?, description: String, isMet: @escaping @Sendable (String) -> Bool) {
            self.name = name
            self.pattern = pattern
            self.description = description
            self.isMet = isMet
        }

        /// An email address: one `@`, something before it, a domain after it, no blanks.
        public static let email = TextFormat(name: "email", pattern: nil, description: "an email address") { text in
            let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            guard parts.count == 2, (1...64).contains(parts[0].count), (1...255).contains(parts[1].count) else {
                return false
            }
            guard text.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace && $0.value > 0x20 && $0.value != 0x7F })
            else { return false }
            let dot = UInt8(ascii: ".")
            return parts[1].first != dot && parts[1].last != dot && parts[0].first != dot && parts[0].last != dot
        }

        /// An absolute `http` or `https` address.
        public static let url = TextFormat(name: "uri", pattern: "^https?://", description: "an http or https URL") {
            text in
            guard text.hasPrefix("https://") || text.hasPrefix("http://"),
                let scheme = text.utf8.firstIndex(of: UInt8(ascii: "/"))
            else { return false }
            let rest = text.utf8[scheme...].dropFirst(2)
            return !rest.isEmpty && rest.first != UInt8(ascii: "/") && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        }

        /// Lower-case letters, digits and `_`, beginning with a letter: keys that programs use.
        public static let key = TextFormat(
            name: nil, pattern: "^[a-z][a-z0-9_]*$",
            description: "lower-case letters, digits and _, beginning with a letter"
        ) { text in
            guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else {
                return false
            }
            return text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
        }
    }

    /// Why a value is not acceptable, still without its place.
    struct Refusal: Hashable {
        var code: String
        var detail: String
        var allowed: [String]?
        /// Below the field's own pointer, for JSON values.
        var pointer = ""
    }

    /// Everything that is wrong with a value; never empty.
    struct Refusals: Error, Hashable {
        var all: [Refusal]

        init(_ refusal: Refusal) { all = [refusal] }
        init(_ refusals: [Refusal]) { all = refusals }
        init(code: String, detail: String, allowed: [String]? = nil) {
            self.init(Refusal(code: code, detail: detail, allowed: allowed))
        }
    }
}

extension Field.Kind {
    /// The longest JSON value that a field keeps.
    static let jsonBytesMax = 65_536

    /// Reads a value out of a body. Null is the caller's business.
    func read(_ json: JSON) -> Result<SQLValue, Field.Refusals> {
        switch self {
        case .text(let length, let format):
            guard case .string(let text) = json else { return wrongType("a string") }
            if let refusal = check(text, length: length, format: format) { return .failure(refusal) }
            return .success(.text(text))
        case .choice(let values):
            guard case .string(let text) = json else { return wrongType("a string") }
            guard values.contains(text) else { return .failure(unknownChoice(values)) }
            return .success(.text(text))
        case .integer(let range):
            guard let value = json.intValue else { return wrongType("an integer") }
            guard range.contains(value) else {
                return .failure(outOfRange("\(range.lowerBound)", "\(range.upperBound)"))
            }
            return .success(.int(value))
        case .number(let range):
            guard let value = json.doubleValue else { return wrongType("a number") }
            guard range.contains(value) else {
                return .failure(outOfRange("\(range.lowerBound)", "\(range.upperBound)"))
            }
            return .success(.double(value))
        case .boolean:
            guard case .bool(let value) = json else { return wrongType("true or false") }
            return .success(.bool(value))
        case .uuid:
            guard case .string(let text) = json else { return wrongType("a string") }
            guard let value = UUID(text: text) else { return .failure(badFormat("a UUID")) }
            return .success(.uuid(value))
        case .timestamp:
            guard case .string(let text) = json else { return wrongType("a string") }
            guard let value = Timestamp(rfc3339: text) else { return .failure(badFormat("an RFC 3339 time")) }
            // Milliseconds are what columns keep and answers show.
            return .success(.timestamp(value.truncatedToMilliseconds))
        case .date:
            guard case .string(let text) = json else { return wrongType("a string") }
            guard let day = CalendarDate(text: text) else { return .failure(badFormat("a day such as 2026-01-31")) }
            return .success(.date(day))
        case .json(let schema):
            let issues = JSONSchema.validate(json, against: schema)
            guard issues.isEmpty else {
                return .failure(
                    Field.Refusals(
                        issues.map { Field.Refusal(code: $0.code, detail: $0.detail, pointer: $0.pointer) }))
            }
            if let pointer = Self.unkeepableNumber(in: json) {
                let detail = "A number must be below 2^63, and not closer to zero than 1e-100."
                return .failure(Field.Refusals([Field.Refusal(code: "out_of_range", detail: detail, pointer: pointer)]))
            }
            guard json.serialized().count <= Self.jsonBytesMax else {
                return .failure(Field.Refusals(code: "too_long", detail: "At most \(Self.jsonBytesMax) bytes of JSON."))
            }
            return .success(.json(json))
        case .strings(let each, let count):
            return list(json, count: count) { item in
                guard case .string(let text) = item else { return .failure(Self.typeRefusal("a string")) }
                if let refusal = check(text, length: each, format: nil) { return .failure(refusal) }
                return .success(text)
            }.map { .textArray($0) }
        case .uuids(let count):
            return list(json, count: count) { item in
                guard case .string(let text) = item else { return .failure(Self.typeRefusal("a string")) }
                guard let id = UUID(text: text) else { return .failure(badFormat("a UUID")) }
                return .success(id)
            }.map { .uuidArray($0) }
        }
    }

    /// Reads one value out of a query parameter.
    func read(text: String) -> Result<SQLValue, Field.Refusals> {
        switch self {
        case .text(let length, _):
            // A filter may look for what could not be stored; it finds nothing then. Only its length is bounded.
            if text.isEmpty, length.lowerBound == 0 { return .success(.text(text)) }
            if let refusal = check(text, length: length, format: nil) { return .failure(refusal) }
            return .success(.text(text))
        case .choice, .uuid, .timestamp, .date:
            return read(.string(text))
        case .integer:
            guard let value = Int64(text), !text.hasPrefix("+") else { return .failure(badFormat("an integer")) }
            return read(.int(value))
        case .number:
            guard let value = Double(text), value.isFinite else { return .failure(badFormat("a number")) }
            return read(.double(value))
        case .boolean:
            switch text {
            case "true": return .success(.bool(true))
            case "false": return .success(.bool(false))
            default:
                return .failure(
                    Field.Refusals(code: "bad_format", detail: "It must be true or false.", allowed: ["true", "false"]))
            }
        case .strings(let each, _):
            guard text.unicodeScalars.count <= each.upperBound else {
                return .failure(Field.Refusals(code: "too_long", detail: "At most \(each.upperBound) characters."))
            }
            return .success(.text(text))
        case .uuids:
            guard let id = UUID(text: text) else { return .failure(badFormat("a UUID")) }
            return .success(.uuid(id))
        case .json:
            return .failure(badFormat("a field that can be filtered by"))
        }
    }

    private func list<T>(
        _ json: JSON, count: ClosedRange<Int>, _ read: (JSON) -> Result<T, Field.Refusals>
    ) -> Result<[T], Field.Refusals> {
        guard case .array(let items) = json else { return .failure(Self.typeRefusal("an array")) }
        guard items.count <= count.upperBound else {
            return .failure(Field.Refusals(code: "too_many", detail: "At most \(count.upperBound) items."))
        }
        guard items.count >= count.lowerBound else {
            return .failure(Field.Refusals(code: "too_few", detail: "At least \(count.lowerBound) items."))
        }
        var values: [T] = []
        values.reserveCapacity(items.count)
        var refusals: [Field.Refusal] = []
        for (index, item) in items.enumerated() {
            switch read(item) {
            case .success(let value): values.append(value)
            case .failure(let refused):
                for var refusal in refused.all {
                    refusal.pointer = "/\(index)\(refusal.pointer)"
                    refusals.append(refusal)
                }
            }
        }
        return refusals.isEmpty ? .success(values) : .failure(Field.Refusals(refusals))
    }

    /// `jsonb` writes numbers without exponents: beyond these bounds what is stored would not be read as JSON again.
    private static func unkeepableNumber(in json: JSON) -> String? {
        switch json {
        case .double(let value):
            return value.magnitude < 0x1p63 && (value == 0 || value.magnitude >= 1e-100) ? nil : ""
        case .array(let items):
            for (index, item) in items.enumerated() {
                if let pointer = unkeepableNumber(in: item) { return "/\(index)\(pointer)" }
            }
        case .object(let members):
            for (key, value) in members {
                if let pointer = unkeepableNumber(in: value) { return "/\(JSONPointer.escape(key))\(pointer)" }
            }
        case .null, .bool, .int, .string:
            break
        }
        return nil
    }

    // MARK: Refusals

    private func check(_ text: String, length: ClosedRange<Int>, format: Field.TextFormat?) -> Field.Refusals? {
        let count = text.unicodeScalars.count
        if count > length.upperBound {
            return Field.Refusals(code: "too_long", detail: "At most \(length.upperBound) characters; it has \(count).")
        }
        if count < length.lowerBound {
            return Field.Refusals(
                code: "too_short", detail: "At least \(length.lowerBound) characters; it has \(count).")
        }
        if length.lowerBound > 0, text.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
            return Field.Refusals(code: "blank", detail: "It must not be blank.")
        }
        if text.utf8.contains(0) {
            return Field.Refusals(code: "bad_format", detail: "It must not contain NUL.")
        }
        if let format, count > 0, !format.isMet(text) {
            return Field.Refusals(code: "bad_format", detail: "It must be \(format.description).")
        }
        return nil
    }

    private static func typeRefusal(_ wanted: String) -> Field.Refusals {
        Field.Refusals(code: "wrong_type", detail: "It must be \(wanted).")
    }

    private func wrongType(_ wanted: String) -> Result<SQLValue, Field.Refusals> { .failure(Self.typeRefusal(wanted)) }

    private func badFormat(_ wanted: String) -> Field.Refusals {
        Field.Refusals(code: "bad_format", detail: "It must be \(wanted).")
    }

    private func outOfRange(_ least: String, _ most: String) -> Field.Refusals {
        Field.Refusals(code: "out_of_range", detail: "It must be from \(least) to \(most).")
    }

    private func unknownChoice(_ values: [String]) -> Field.Refusals {
        Field.Refusals(code: "unknown_value", detail: "It must be one of the allowed values.", allowed: values)
    }
}

// MARK: - Documentation

extension Field.Kind {
    /// The JSON Schema of a value that is not null.
    var schema: JSON {
        switch self {
        case .text(let length, let format):
            var schema: JSONObject = ["type": "string"]
            if length.lowerBound > 0 { schema["minLength"] = .int(Int64(length.lowerBound)) }
            schema["maxLength"] = .int(Int64(length.upperBound))
            if let name = format?.name { schema["format"] = .string(name) }
            if let pattern = format?.pattern { schema["pattern"] = .string(pattern) }
            return .object(schema)
        case .choice(let values):
            return ["type": "string", "enum": .array(values.map { .string($0) })]
        case .integer(let range):
            return ["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)]
        case .number(let range):
            return ["type": "number", "minimum": .double(range.lowerBound), "maximum": .double(range.upperBound)]
        case .boolean: return ["type": "boolean"]
        case .uuid: return ["type": "string", "format": "uuid"]
        case .timestamp: return ["type": "string", "format": "date-time"]
        case .date: return ["type": "string", "format": "date"]
        case .json(let schema): return schema
        case .strings(let each, let count):
            let item: JSON = [
                "type": "string", "minLength": .int(Int64(each.lowerBound)), "maxLength": .int(Int64(each.upperBound)),
            ]
            return ["type": "array", "items": item, "maxItems": .int(Int64(count.upperBound))]
        case .uuids(let count):
            let item: JSON = ["type": "string", "format": "uuid"]
            return ["type": "array", "items": item, "maxItems": .int(Int64(count.upperBound))]
        }
    }

    /// An example value.
    var example: JSON {
        switch self {
        case .text(let length, let format):
            if format?.name == "email" { return "ada@example.com" }
            if format?.name == "uri" { return "https://example.com/" }
            if format?.pattern == Field.TextFormat.key.pattern { return "sample_key" }
            let text = "Sample text"
            let padding = String(repeating: "x", count: max(0, length.lowerBound - text.count))
            return .string(String((text + padding).prefix(max(length.upperBound, 0))))
        case .choice(let values): return .string(values.first ?? "")
        case .integer(let range): return .int(min(max(1, range.lowerBound), range.upperBound))
        case .number(let range): return .double(min(max(1, range.lowerBound), range.upperBound))
        case .boolean: return true
        case .uuid: return "0198c5a8-5f3c-7000-8000-0000000000aa"
        case .timestamp: return "2026-01-31T09:30:00.000Z"
        case .date: return "2026-01-31"
        case .json(let schema): return Self.example(of: schema)
        case .strings: return ["sample"]
        case .uuids: return ["0198c5a8-5f3c-7000-8000-0000000000aa"]
        }
    }

    private static func example(of schema: JSON) -> JSON {
        if let example = schema["example"] ?? schema["examples"]?.arrayValue?.first { return example }
        return schema["type"]?.stringValue == "array" ? [] : [:]
    }
}

extension Field {
    /// The field's JSON Schema, with null where it can be null.
    var schema: JSON {
        var schema = kind.schema.objectValue ?? [:]
        if isNullable {
            if case .string(let type)? = schema["type"] { schema["type"] = [.string(type), "null"] }
            if case .array(let values)? = schema["enum"] { schema["enum"] = .array(values + [.null]) }
        }
        if let summary { schema["description"] = .string(summary) }
        return .object(schema)
    }

    /// The example that the documentation shows.
    var exampleValue: JSON { example ?? defaultValue.flatMap { $0 == .array([]) ? nil : $0 } ?? kind.example }
}

extension Field.Kind {
    var isText: Bool { if case .text = self { true } else { false } }
    var isArray: Bool {
        switch self {
        case .strings, .uuids: true
        default: false
        }
    }
}
