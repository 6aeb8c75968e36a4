// The JSON Schema of conditions over a vocabulary, for editors.

import Contracts

extension Vocabulary {
    /// JSON Schema 2020-12: a group's lists, and for each field the operators and values that it takes. The names of
    /// the fields carry `title`s. Depth and cross-checks between values are left to the service.
    public var jsonSchema: JSON {
        let node: JSON = ["anyOf": [["$ref": "#/$defs/group"], ["$ref": "#/$defs/leaf"]]]
        let list: JSON = [
            "type": "array", "items": ["$ref": "#/$defs/node"], "maxItems": .int(Int64(ConditionLimits.leavesMax)),
        ]
        let group: JSON = [
            "type": "object", "properties": ["all": list, "any": list, "none": list], "additionalProperties": false,
        ]
        return [
            "$schema": .string(JSONSchema.dialect),
            "$ref": "#/$defs/node",
            "$defs": [
                "node": node, "group": group, "leaf": ["anyOf": .array(fields.flatMap(\.leafSchemas))],
            ],
        ]
    }

    /// The fields as a list, for a menu: name, type, source, operators, values.
    public var json: JSON {
        .array(
            fields.map { field in
                var object: JSONObject = [
                    "name": .string(field.name), "type": .string(field.type.rawValue),
                    "source": .string(field.source),
                    "operators": .array(field.operators.map { .string($0.rawValue) }),
                ]
                if let allowed = field.allowed { object["values"] = .array(allowed.map { .string($0) }) }
                if let summary = field.summary { object["summary"] = .string(summary) }
                return .object(object)
            })
    }
}

extension ConditionField {
    /// One schema for the operators whose values look alike.
    fileprivate var leafSchemas: [JSON] {
        var byValue: [(value: JSON, isRequired: Bool, operators: [ConditionOperator])] = []
        for op in operators {
            let (value, isRequired) = valueSchema(op)
            if let known = byValue.firstIndex(where: { $0.value == value && $0.isRequired == isRequired }) {
                byValue[known].operators.append(op)
            } else {
                byValue.append((value, isRequired, [op]))
            }
        }
        return byValue.map { value, isRequired, operators in
            JSONSchema.object(
                properties: [
                    "field": nameSchema, "operator": JSONSchema.choice(operators.map(\.rawValue)), "value": value,
                ],
                required: ["field", "operator"] + (isRequired ? ["value"] : []), additionalProperties: false)
        }
    }

    private var nameSchema: JSON {
        var schema: JSONObject = ["const": .string(name)]
        if type == .open {
            schema = [
                "type": "string",
                "pattern": .string("^" + name.split(separator: ".").joined(separator: "\\.") + "\\.."),
            ]
        }
        schema["title"] = .string(summary ?? name)
        return .object(schema)
    }

    private func valueSchema(_ op: ConditionOperator) -> (schema: JSON, isRequired: Bool) {
        let one = oneValue
        switch op {
        case .exists: return (JSONSchema.boolean, false)
        case .changed:
            let end: JSON = ["anyOf": [one, ["type": "null"]]]
            return (
                [
                    "anyOf": [
                        JSONSchema.boolean,
                        JSONSchema.object(properties: ["from": end, "to": end], additionalProperties: false),
                    ]
                ], false
            )
        case .withinBusinessHours:
            return (["anyOf": [["const": true], JSONSchema.uuid]], false)
        case .isIn, .notIn:
            return (JSONSchema.array(of: one, minItems: 1, maxItems: ConditionLimits.valuesMax), true)
        case .between:
            return (JSONSchema.array(of: one, minItems: 2, maxItems: 2), true)
        case .startsWith, .endsWith:
            return (JSONSchema.string(minLength: 1, maxLength: ConditionLimits.valueBytesMax), true)
        case .contains where type != .ids, .notContains where type != .ids:
            return (JSONSchema.string(minLength: 1, maxLength: ConditionLimits.valueBytesMax), true)
        case .matches:
            return (JSONSchema.string(minLength: 1, maxLength: Pattern.bytesMax, format: "regex"), true)
        default:
            return (one, true)
        }
    }

    private var oneValue: JSON {
        switch type {
        case .text, .texts, .choice:
            allowed.map(JSONSchema.choice) ?? JSONSchema.string(maxLength: ConditionLimits.valueBytesMax)
        case .number: JSONSchema.number()
        case .boolean: JSONSchema.boolean
        case .id, .ids: JSONSchema.uuid
        case .timestamp: JSONSchema.timestamp
        case .timeOfDay: JSONSchema.string(pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")
        case .open: ["anyOf": [JSONSchema.string(), JSONSchema.number(), JSONSchema.boolean]]
        }
    }
}
