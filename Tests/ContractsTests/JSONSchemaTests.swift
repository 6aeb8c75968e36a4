import Contracts
import Foundation
import Testing

@Suite struct JSONSchemaOfTypeTests {
    struct Sample: Codable {
        enum Color: String, Codable, CaseIterable { case red, darkBlue = "dark_blue" }
        struct Part: Codable {
            var name: String
            var weight: Double?
        }

        var id: UUID
        var at: Timestamp
        var day: CalendarDate?
        var price: Amount
        var color: Color
        var shade: Color?
        var count: Int
        var size: UInt16
        var on: Bool?
        var parts: [Part]
        var names: [String]?
        var map: [String: Part]
        var free: JSON
        var object: JSONObject?
        var maybe: [Int?]
    }

    @Test func followsTheType() throws {
        let part: JSON = [
            "type": "object", "properties": ["name": ["type": "string"], "weight": ["type": "number"]],
            "required": ["name"],
        ]
        let color: JSON = ["type": "string", "enum": ["red", "dark_blue"]]
        let expected: JSON = [
            "type": "object",
            "properties": [
                "id": ["type": "string", "format": "uuid"],
                "at": ["type": "string", "format": "date-time"],
                "day": ["type": "string", "format": "date"],
                "price": ["type": "string", "maxLength": 40, "pattern": #"^-?[0-9]+(\.[0-9]+)?$"#],
                "color": color,
                "shade": color,
                "count": ["type": "integer"],
                "size": ["type": "integer", "minimum": 0],
                "on": ["type": "boolean"],
                "parts": ["type": "array", "items": part],
                "names": ["type": "array", "items": ["type": "string"]],
                "map": ["type": "object", "additionalProperties": part],
                "free": [:],
                "object": ["type": "object"],
                "maybe": ["type": "array", "items": ["type": ["integer", "null"]]],
            ],
            "required": ["id", "at", "price", "color", "count", "size", "parts", "map", "free", "maybe"],
        ]
        #expect(JSONSchema.of(Sample.self) == expected)
        #expect(
            JSONSchema.of(Sample.self)["properties"]?.objectValue?.keys == expected["properties"]?.objectValue?.keys)
    }

    @Test func aTypeThatContainsItselfIsAMistake() async {
        await #expect(processExitsWith: .failure) {
            struct Tree: Codable { var children: [Tree] }
            _ = JSONSchema.of(Tree.self)
        }
    }
}

@Suite struct JSONSchemaValidationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var schema: JSON
        var value: JSON
        /// `pointer code`
        var issues: [String]

        init(_ schema: JSON, _ value: JSON, _ issues: String...) {
            self.schema = schema
            self.value = value
            self.issues = issues
        }

        var testDescription: String { "\(value) against \(schema)" }
    }

    static let cases: [Case] = [
        Case(true, 1),
        Case(false, 1, " unknown"),
        Case([:], .null),
        Case(["type": "string"], "a"),
        Case(["type": "string"], 1, " wrong_type"),
        Case(["type": "integer"], 5.0),
        Case(["type": "integer"], 5.5, " wrong_type"),
        Case(["type": "number"], 5),
        Case(["type": ["string", "null"]], .null),
        Case(["type": ["string", "null"]], false, " wrong_type"),
        Case(["enum": ["a", 1, .null]], 1.0),
        Case(["enum": ["a", 1, .null]], "b", " not_allowed"),
        Case(["const": ["a": 1]], ["a": 1]),
        Case(["const": 1], 2, " not_allowed"),
        Case(JSONSchema.string(minLength: 2, maxLength: 3), "äö"),
        Case(JSONSchema.string(minLength: 2, maxLength: 3), "ä", " too_short"),
        Case(JSONSchema.string(minLength: 2, maxLength: 3), "äöü€", " too_long"),
        Case(JSONSchema.string(pattern: "^[a-z]+$"), "abc"),
        Case(JSONSchema.string(pattern: "^[a-z]+$"), "aBc", " invalid_pattern"),
        Case(JSONSchema.string(pattern: "b"), "abc"),
        Case(JSONSchema.uuid, "019b7d1c-6e00-7000-8000-000000000000"),
        Case(JSONSchema.uuid, "019b7d1c", " invalid_format"),
        Case(JSONSchema.timestamp, "2026-01-02T03:04:05+01:00"),
        Case(JSONSchema.timestamp, "2026-01-02", " invalid_format"),
        Case(JSONSchema.date, "2026-02-30", " invalid_format"),
        Case(JSONSchema.string(format: "email"), "ada@example.com"),
        Case(JSONSchema.string(format: "email"), "ada@", " invalid_format"),
        Case(JSONSchema.string(format: "email"), "a b@example.com", " invalid_format"),
        Case(JSONSchema.string(format: "uri"), "https://example.com/a?b=c#d"),
        Case(JSONSchema.string(format: "uri"), "/a", " invalid_format"),
        Case(JSONSchema.string(format: "uri"), "https://exa mple.com", " invalid_format"),
        Case(JSONSchema.string(format: "something-else"), "anything"),
        Case(JSONSchema.integer(minimum: 1, maximum: 5), 1),
        Case(JSONSchema.integer(minimum: 1, maximum: 5), 0, " too_small"),
        Case(JSONSchema.integer(minimum: 1, maximum: 5), 6, " too_large"),
        Case(["exclusiveMinimum": 0, "exclusiveMaximum": 1], 0.5),
        Case(["exclusiveMinimum": 0], 0, " too_small"),
        Case(["exclusiveMaximum": 1], 1.0, " too_large"),
        Case(["minimum": 3], "not a number"),
        Case(JSONSchema.array(of: ["type": "integer"], minItems: 1, maxItems: 2), [1, 2]),
        Case(JSONSchema.array(of: ["type": "integer"], minItems: 1, maxItems: 2), [], " too_few_items"),
        Case(
            JSONSchema.array(of: ["type": "integer"], maxItems: 2), [1, "b", 3], " too_many_items", "/1 wrong_type"),
        Case(JSONSchema.array(of: [:], uniqueItems: true), [1, 2, 1], " duplicate_items"),
        Case(JSONSchema.object(required: ["a", "b/c"]), ["a": .null], "/b~1c required"),
        Case(JSONSchema.object(properties: ["a": false]), ["b": 1]),
        Case(JSONSchema.object(properties: ["a": ["type": "string"]], additionalProperties: false), ["a": "x"]),
        Case(JSONSchema.object(properties: ["a": [:]], additionalProperties: false), ["b": 1], "/b unknown"),
        Case(JSONSchema.object(additionalProperties: ["type": "integer"]), ["b": "x"], "/b wrong_type"),
        Case(["minProperties": 1, "maxProperties": 1], [:], " too_few_properties"),
        Case(["maxProperties": 1], ["a": 1, "b": 2], " too_many_properties"),
        Case(["anyOf": [["type": "string"], ["type": "null"]]], .null),
        Case(["anyOf": [["type": "string"], ["type": "null"]]], 1, " no_match"),
        Case(["oneOf": [["minimum": 5], ["maximum": 5]]], 6),
        Case(["oneOf": [["minimum": 5], ["maximum": 5]]], 5, " ambiguous"),
        Case(["oneOf": [["minimum": 5], ["maximum": 3]]], 4, " no_match"),
        Case(["allOf": [["minimum": 5], ["maximum": 3]]], 4, " too_small", " too_large"),
        Case(["$ref": "#/$defs/n", "$defs": ["n": ["type": "integer"]]], "x", " wrong_type"),
        Case(["$ref": "#/$defs/missing"], "x", " unresolved"),
        Case(["$ref": "#"], "a reference in a circle ends"),
        Case(
            [
                "type": "object", "properties": ["child": ["$ref": "#"]], "required": ["name"],
            ], ["name": 1, "child": ["name": 2, "child": ["child": 3]]], "/child/child/name required",
            "/child/child/child wrong_type"),
    ]

    @Test(arguments: cases)
    func findsAllFaults(example: Case) {
        let issues = JSONSchema.validate(example.value, against: example.schema)
        #expect(issues.map { "\($0.pointer) \($0.code)" } == example.issues)
    }

    @Test func namesWhatIsAllowed() {
        let issues = JSONSchema.validate("blue", against: JSONSchema.choice(["red", "green"]))
        #expect(issues.first?.detail == "must be one of red, green")
    }

    @Test func nullableAcceptsNull() {
        for schema in [JSONSchema.choice(["a"]), JSONSchema.uuid, ["anyOf": [["type": "integer"]]], JSONSchema.any] {
            #expect(JSONSchema.validate(.null, against: JSONSchema.nullable(schema)).isEmpty)
        }
        #expect(!JSONSchema.validate("b", against: JSONSchema.nullable(JSONSchema.choice(["a"]))).isEmpty)
    }
}

@Suite struct JSONSchemaCompatibilityTests {
    static let schema: JSON = [
        "title": "x", "type": "object",
        "properties": [
            "a": ["type": "string", "description": "old"], "kind": ["type": "string", "enum": ["x", "y"]],
            "list": ["type": "array", "items": ["type": "object", "properties": ["n": ["type": "integer"]]]],
        ],
        "required": ["a"],
    ]

    @Test func optionalAdditionsAndWordsAreFree() throws {
        var new = Self.schema
        var properties = try #require(new["properties"]?.objectValue)
        properties["b"] = ["type": "string"]
        properties["a"]?["description"] = "new"
        properties["list"]?["items"]?["properties"]?["m"] = ["type": "string"]
        new["properties"] = .object(properties)
        new["title"] = "y"
        #expect(JSONSchema.breakingChanges(from: Self.schema, to: new).isEmpty)
        #expect(JSONSchema.breakingChanges(from: Self.schema, to: Self.schema).isEmpty)
    }

    static let breaks: [(String, JSON?, String, String)] = [
        ("/properties/a", nil, "/properties/a", "removed"),
        ("/properties/a/type", "integer", "/properties/a/type", "changed"),
        ("/properties/a/maxLength", 5, "/properties/a/maxLength", "changed"),
        ("/properties/kind/enum", ["x"], "/properties/kind/enum", "changed"),
        ("/properties/kind/enum", ["x", "y", "z"], "/properties/kind/enum", "changed"),
        ("/properties/list/items/properties/n/type", "number", "/properties/list/items/properties/n/type", "changed"),
        ("/properties/list/items/required", ["n"], "/properties/list/items/required", "required"),
        ("/required", [], "/required", "optional"),
        ("/required", ["a", "kind"], "/required", "required"),
        ("/additionalProperties", false, "/additionalProperties", "changed"),
    ]

    @Test(arguments: breaks)
    func everythingElseBreaks(edit: String, value: JSON?, pointer: String, code: String) {
        let new = Self.schema.replacing(edit, with: value)
        let issues = JSONSchema.breakingChanges(from: Self.schema, to: new)
        #expect(issues.map(\.pointer) == [pointer])
        #expect(issues.map(\.code) == [code])
    }
}

extension JSON {
    /// A copy with the value at a pointer to object members replaced or removed.
    func replacing(_ pointer: String, with value: JSON?) -> JSON {
        var tokens = pointer.split(separator: "/").map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
        let first = tokens.removeFirst()
        var copy = self
        if tokens.isEmpty {
            copy[first] = value
        } else {
            copy[first] = (self[first] ?? [:]).replacing("/" + tokens.joined(separator: "/"), with: value)
        }
        return copy
    }
}
