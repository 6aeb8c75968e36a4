import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Checks a JSON object against fields, and reports every fault at once.
struct FieldValidator {
    enum Purpose {
        /// All required fields are needed.
        case creation
        /// Absent keeps, null clears, an object in a JSON field is merged (RFC 7396).
        case patch
    }

    let fields: [Field]
    private let byName: [String: Int]

    init(_ fields: [Field]) {
        self.fields = fields
        byName = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
    }

    /// - Parameter present: the present value of a JSON field, which a patch is merged into.
    func validate(
        _ body: JSON, for purpose: Purpose, present: (Field) throws -> JSON? = { _ in nil }
    ) throws -> Values {
        guard case .object(let object) = body else {
            throw Problem.invalid([Fault(.pointer(""), "wrong_type", "It must be an object.")])
        }
        var values = Values()
        var faults: [Fault] = []
        for (name, value) in object {
            let pointer = "/" + JSONPointer.escape(name)
            guard let index = byName[name], !fields[index].isHidden else {
                faults.append(Fault(.pointer(pointer), "unknown_field", "There is no such field."))
                continue
            }
            let field = fields[index]
            if field.isReadOnly {
                faults.append(Fault(.pointer(pointer), "read_only", "It is kept by the service."))
            } else if field.isImmutable, case .patch = purpose {
                faults.append(Fault(.pointer(pointer), "immutable", "It can be given at creation only."))
            } else if case .null = value {
                if field.isNullable {
                    values[name] = .null
                } else if case .creation = purpose, field.defaultValue != nil {
                    continue
                } else {
                    faults.append(Fault(.pointer(pointer), "required", "It must not be null."))
                }
            } else {
                var value = value
                if case .patch = purpose, case .json = field.kind, let old = try present(field) {
                    value = old.merged(with: value)
                }
                switch field.kind.read(value) {
                case .success(let bound):
                    values[name] = bound
                case .failure(let refused):
                    faults += refused.all.map {
                        Fault(.pointer(pointer + $0.pointer), $0.code, $0.detail, allowed: $0.allowed)
                    }
                }
            }
        }
        if case .creation = purpose {
            for field in fields where field.isRequired && !field.isReadOnly && !object.contains(field.name) {
                faults.append(Fault(.pointer("/" + field.name), "required", "It is needed."))
            }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        return values
    }
}

/// JSON Schemas made of fields.
enum FieldSchema {
    /// The entity as GET shows it.
    static func entity(_ fields: [Field], description: String? = nil) -> JSON {
        let shown = fields.filter { !$0.isHidden }
        var properties = JSONObject()
        for field in shown {
            var schema = field.schema
            if field.isReadOnly { schema["readOnly"] = true }
            properties[field.name] = schema
        }
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        if let description { schema["description"] = .string(description) }
        schema["required"] = .array(shown.filter { $0.expand == nil }.map { .string($0.name) })
        return .object(schema)
    }

    /// What creation takes.
    static func input(_ fields: [Field]) -> JSON {
        let settable = fields.filter { !$0.isReadOnly && !$0.isHidden }
        var properties = JSONObject()
        for field in settable {
            var schema = field.schema
            if let value = field.defaultValue { schema["default"] = value }
            properties[field.name] = schema
        }
        var schema: JSONObject = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        let required = settable.filter(\.isRequired)
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0.name) }) }
        return .object(schema)
    }

    /// What a merge patch takes.
    static func patch(_ fields: [Field]) -> JSON {
        var properties = JSONObject()
        for field in fields where !field.isReadOnly && !field.isImmutable && !field.isHidden {
            properties[field.name] = field.schema
        }
        return ["type": "object", "properties": .object(properties), "additionalProperties": false]
    }

    static func entityExample(_ fields: [Field]) -> JSON {
        var example = JSONObject()
        for field in fields where !field.isHidden && field.expand == nil { example[field.name] = field.exampleValue }
        return .object(example)
    }

    static func inputExample(_ fields: [Field]) -> JSON {
        var example = JSONObject()
        let settable = fields.filter { !$0.isReadOnly && !$0.isHidden }
        for field in settable where field.isRequired || field.example != nil {
            example[field.name] = field.exampleValue
        }
        return .object(example)
    }

    static func patchExample(_ fields: [Field]) -> JSON {
        let field = fields.first { !$0.isReadOnly && !$0.isImmutable && !$0.isHidden }
        guard let field else { return [:] }
        return .object([field.name: field.exampleValue])
    }
}
