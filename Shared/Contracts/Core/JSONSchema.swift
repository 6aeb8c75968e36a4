/// JSON Schema 2020-12 as JSON values: builders, the schema of a Swift type, a validator and a compatibility check, all
/// for one subset.
///
/// The subset: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `minProperties`,
/// `maxProperties`, `items`, `minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern`, `format`,
/// `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `allOf`, `anyOf`, `oneOf`, and `$ref` into the same
/// document. Other keywords are annotations here.
public enum JSONSchema {
    public static let dialect = "https://json-schema.org/draft/2020-12/schema"

    /// Anything.
    public static let any: JSON = [:]
    public static let boolean: JSON = ["type": "boolean"]
    public static let uuid: JSON = ["type": "string", "format": "uuid"]
    public static let timestamp: JSON = ["type": "string", "format": "date-time"]
    public static let date: JSON = ["type": "string", "format": "date"]

    public static func string(
        minLength: Int? = nil, maxLength: Int? = nil, format: String? = nil, pattern: String? = nil
    ) -> JSON {
        var schema: JSONObject = ["type": "string"]
        schema["minLength"] = minLength.map { .int(Int64($0)) }
        schema["maxLength"] = maxLength.map { .int(Int64($0)) }
        schema["format"] = format.map { .string($0) }
        schema["pattern"] = pattern.map { .string($0) }
        return .object(schema)
    }

    /// One of these strings.
    public static func choice(_ values: [String]) -> JSON {
        ["type": "string", "enum": .array(values.map { .string($0) })]
    }

    public static func integer(minimum: Int64? = nil, maximum: Int64? = nil) -> JSON {
        var schema: JSONObject = ["type": "integer"]
        schema["minimum"] = minimum.map { .int($0) }
        schema["maximum"] = maximum.map { .int($0) }
        return .object(schema)
    }

    public static func number(minimum: Double? = nil, maximum: Double? = nil) -> JSON {
        var schema: JSONObject = ["type": "number"]
        schema["minimum"] = minimum.map { .double($0) }
        schema["maximum"] = maximum.map { .double($0) }
        return .object(schema)
    }

    public static func array(
        of items: JSON, minItems: Int? = nil, maxItems: Int? = nil, uniqueItems: Bool = false
    ) -> JSON {
        var schema: JSONObject = ["type": "array", "items": items]
        schema["minItems"] = minItems.map { .int(Int64($0)) }
        schema["maxItems"] = maxItems.map { .int(Int64($0)) }
        if uniqueItems { schema["uniqueItems"] = true }
        return .object(schema)
    }

    /// An object; other members are allowed unless `additionalProperties` says otherwise (`false`, or their schema).
    public static func object(
        properties: JSONObject = [:], required: [String] = [], additionalProperties: JSON? = nil
    ) -> JSON {
        var schema: JSONObject = ["type": "object"]
        if !properties.isEmpty { schema["properties"] = .object(properties) }
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        schema["additionalProperties"] = additionalProperties
        return .object(schema)
    }

    /// The same, or null.
    public static func nullable(_ schema: JSON) -> JSON {
        guard case .object(var object) = schema, let type = object["type"], case .string = type else {
            return schema == any ? schema : ["anyOf": [schema, ["type": "null"]]]
        }
        object["type"] = [type, "null"]
        if case .array(let values)? = object["enum"] { object["enum"] = .array(values + [.null]) }
        return .object(object)
    }

    public static func ref(_ pointer: String) -> JSON { ["$ref": .string(pointer)] }

    public static func described(_ schema: JSON, _ description: String) -> JSON {
        var copy = schema
        copy["description"] = .string(description)
        return copy
    }
}

/// What is wrong with a value, and where.
public struct SchemaIssue: Error, Sendable, Hashable, CustomStringConvertible {
    /// JSON Pointer into the value (for a compatibility check: into the schema).
    public var pointer: String
    /// Stable, snake_case: `required`, `wrong_type`, `not_allowed`, `too_long` …
    public var code: String
    public var detail: String

    public init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }

    public var description: String { "\(pointer.isEmpty ? "/" : pointer): \(detail)" }
}
