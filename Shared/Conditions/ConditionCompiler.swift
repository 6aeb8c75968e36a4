// Checks a document and makes it ready, noting every fault with its place.

import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct ConditionCompiler {
    let vocabulary: Vocabulary
    private(set) var leaves: [ConditionLeaf] = []
    private(set) var faults: [ConditionFault] = []
    private var leafCount = 0

    private static let groupKeys = ["all", "any", "none"]
    private static let leafKeys = ["field", "operator", "value"]

    init(vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
    }

    mutating func compile(_ document: JSON, at pointer: String) -> ConditionNode {
        if document.isNull { return .group(all: [], any: [], none: []) }
        return node(document, at: pointer, depth: 1)
    }

    private mutating func fail(_ pointer: String, _ code: String, _ detail: String, allowed: [String]? = nil) {
        faults.append(ConditionFault(pointer, code, detail, allowed: allowed))
    }

    // MARK: Groups

    private mutating func node(_ document: JSON, at pointer: String, depth: Int) -> ConditionNode {
        let nothing = ConditionNode.group(all: [], any: [], none: [])
        guard let object = document.objectValue else {
            fail(pointer, "wrong_type", "A condition is an object: a group or a field with an operator.")
            return nothing
        }
        if object.contains("field") || object.contains("operator") { return leaf(object, at: pointer) ?? nothing }
        var known = true
        for key in object.keys where !Self.groupKeys.contains(key) {
            known = false
            fail(
                "\(pointer)/\(JSONPointer.escape(key))", "unknown_key", "A group has lists under these keys only.",
                allowed: Self.groupKeys)
        }
        if depth > ConditionLimits.depthMax {
            fail(pointer, "too_deep", "Groups are nested at most \(ConditionLimits.depthMax) deep.")
            return nothing
        }
        if object.isEmpty && depth > 1 && known {
            fail(pointer, "empty", "A group inside of another one needs at least one condition.")
        }
        return .group(
            all: list("all", of: object, at: pointer, depth: depth),
            any: list("any", of: object, at: pointer, depth: depth),
            none: list("none", of: object, at: pointer, depth: depth))
    }

    private mutating func list(_ key: String, of object: JSONObject, at pointer: String, depth: Int) -> [ConditionNode]
    {
        guard let value = object[key] else { return [] }
        let here = "\(pointer)/\(key)"
        guard let items = value.arrayValue else {
            fail(here, "wrong_type", "This is a list of conditions.")
            return []
        }
        if items.isEmpty && (depth > 1 || key == "any") {
            fail(here, "empty", "A list needs at least one condition; leave it out instead.")
        }
        guard items.count <= ConditionLimits.leavesMax else {
            fail(here, "too_many", "A document has at most \(ConditionLimits.leavesMax) conditions.")
            return []
        }
        var nodes: [ConditionNode] = []
        for (position, item) in items.enumerated() {
            nodes.append(node(item, at: "\(here)/\(position)", depth: depth + 1))
        }
        return nodes
    }

    // MARK: Leaves

    private mutating func leaf(_ object: JSONObject, at pointer: String) -> ConditionNode? {
        leafCount += 1
        if leafCount > ConditionLimits.leavesMax {
            if leafCount == ConditionLimits.leavesMax + 1 {
                fail(pointer, "too_many", "A document has at most \(ConditionLimits.leavesMax) conditions.")
            }
            return nil
        }
        for key in object.keys where !Self.leafKeys.contains(key) {
            fail(
                "\(pointer)/\(JSONPointer.escape(key))", "unknown_key", "A condition has these keys only.",
                allowed: Self.leafKeys)
        }
        let found = field(object["field"], at: pointer)
        let op = op(object["operator"], at: pointer, for: found?.field)
        guard let (field, name, reference) = found, let op else { return nil }
        let value = object["value"] ?? .null
        guard let test = test(op, value, given: object.contains("value"), field: field, at: "\(pointer)/value") else {
            return nil
        }
        leaves.append(ConditionLeaf(field: name, op: op, value: value, reference: reference, test: test))
        return .leaf(leaves.count - 1)
    }

    private mutating func field(
        _ value: JSON?, at pointer: String
    ) -> (field: ConditionField, name: String, reference: FieldReference)? {
        guard let name = value?.stringValue else {
            fail("\(pointer)/field", value == nil ? "required" : "wrong_type", "The field's name is needed.")
            return nil
        }
        guard let reference = vocabulary.find(name) else {
            fail(
                "\(pointer)/field", "unknown_field", "There is no such field here.",
                allowed: vocabulary.fields.map { $0.type == .open ? $0.name + ".…" : $0.name })
            return nil
        }
        return (vocabulary.fields[reference.slot], name, reference)
    }

    private mutating func op(
        _ value: JSON?, at pointer: String, for field: ConditionField?
    ) -> ConditionOperator? {
        let here = "\(pointer)/operator"
        let allowed = (field?.operators ?? ConditionOperator.allCases).map(\.rawValue)
        guard let name = value?.stringValue else {
            fail(here, value == nil ? "required" : "wrong_type", "An operator is needed.", allowed: allowed)
            return nil
        }
        guard let op = ConditionOperator(rawValue: name) else {
            fail(here, "unknown_operator", "There is no such operator.", allowed: allowed)
            return nil
        }
        if let field, !op.applies(to: field) {
            fail(
                here, "not_applicable", "\(op.rawValue) does not apply to \(field.name), a \(field.type.rawValue).",
                allowed: allowed)
            return nil
        }
        return op
    }

    private mutating func test(
        _ op: ConditionOperator, _ value: JSON, given: Bool, field: ConditionField, at here: String
    ) -> ConditionTest? {
        switch op {
        case .exists:
            guard given else { return .exists(true) }
            guard let expected = boolean(value, at: here) else { return nil }
            return .exists(expected)
        case .changed:
            return changed(value, given: given, field: field, at: here)
        case .withinBusinessHours:
            if !given || value == .bool(true) { return .withinBusinessHours(nil) }
            guard let id = value.uuidValue else {
                fail(here, "wrong_type", "The id of a business calendar, or true for the default one.")
                return nil
            }
            return .withinBusinessHours(id)
        default:
            guard given else {
                fail(here, "required", "\(op.rawValue) needs a value.")
                return nil
            }
            return valueTest(op, value, field: field, at: here).map { .value($0) }
        }
    }

    private mutating func boolean(_ value: JSON, at here: String) -> Bool? {
        if let expected = value.boolValue { return expected }
        fail(here, "wrong_type", "Must be true or false.")
        return nil
    }

    private mutating func changed(
        _ value: JSON, given: Bool, field: ConditionField, at here: String
    ) -> ConditionTest? {
        guard given else { return .changed(true) }
        guard let object = value.objectValue else { return boolean(value, at: here).map { .changed($0) } }
        for key in object.keys where key != "from" && key != "to" {
            fail("\(here)/\(JSONPointer.escape(key))", "unknown_key", "Only from and to.", allowed: ["from", "to"])
            return nil
        }
        var ends: [ValueTest?] = []
        for key in ["from", "to"] {
            guard let end = object[key] else {
                ends.append(nil)
                continue
            }
            let there = "\(here)/\(key)"
            let isSet = field.type == .texts || field.type == .ids
            let test: ValueTest? =
                end.isNull ? .absent : valueTest(isSet ? .contains : .eq, end, field: field, at: there)
            guard let test else { return nil }
            ends.append(test)
        }
        return .transition(from: ends[0], to: ends[1])
    }

    private mutating func valueTest(
        _ op: ConditionOperator, _ value: JSON, field: ConditionField, at here: String
    ) -> ValueTest? {
        switch op {
        case .isIn, .notIn:
            return oneOf(value, field: field, at: here)
        case .between:
            guard let ends = value.arrayValue, ends.count == 2 else {
                fail(here, "wrong_type", "Two values are needed, the lowest and the highest.")
                return nil
            }
            let low = literal(ends[0], field: field, ordered: true, at: "\(here)/0")
            let high = literal(ends[1], field: field, ordered: true, at: "\(here)/1")
            guard let low, let high else { return nil }
            if field.type != .timeOfDay, !low.isAtMost(high) {
                fail(here, "empty_range", "The first value is the lowest, and both are of one type.")
                return nil
            }
            return .between(low, high)
        case .gt, .gte, .lt, .lte:
            guard let literal = literal(value, field: field, ordered: true, at: here) else { return nil }
            let comparison: Comparison = op == .gt ? .gt : op == .gte ? .gte : op == .lt ? .lt : .lte
            return .compares(comparison, literal)
        case .contains, .notContains:
            return text(value, field: field, at: here).map { .contains($0) }
        case .startsWith:
            return text(value, field: field, at: here).map { .startsWith($0) }
        case .endsWith:
            return text(value, field: field, at: here).map { .endsWith($0) }
        case .matches:
            guard let pattern = value.stringValue else {
                fail(here, "wrong_type", "A regular expression is needed.")
                return nil
            }
            do {
                return .matches(try Pattern(pattern))
            } catch {
                fail(here, error.code, error.detail)
                return nil
            }
        default:
            return literal(value, field: field, ordered: false, at: here).map { .equals($0) }
        }
    }

    private mutating func oneOf(_ value: JSON, field: ConditionField, at here: String) -> ValueTest? {
        guard let items = value.arrayValue, !items.isEmpty else {
            fail(here, value.arrayValue == nil ? "wrong_type" : "empty", "A list of at least one value is needed.")
            return nil
        }
        guard items.count <= ConditionLimits.valuesMax else {
            fail(here, "too_many", "At most \(ConditionLimits.valuesMax) values.")
            return nil
        }
        var texts: Set<[UInt8]> = []
        var numbers: Set<Double> = []
        var whole = true
        for (position, item) in items.enumerated() {
            switch literal(item, field: field, ordered: false, at: "\(here)/\(position)") {
            case .text(let text): texts.insert(text)
            case .number(let number): numbers.insert(number)
            case .none: whole = false
            default:
                whole = false
                fail("\(here)/\(position)", "wrong_type", "Must be a text or a number.")
            }
        }
        return whole ? .isOneOf(texts: texts, numbers: numbers) : nil
    }

    private mutating func text(_ value: JSON, field: ConditionField, at here: String) -> [UInt8]? {
        if field.type == .texts || field.type == .ids {
            guard case .text(let text) = literal(value, field: field, ordered: false, at: here) else { return nil }
            return text
        }
        guard let text = value.stringValue, !text.isEmpty else {
            fail(here, "wrong_type", "A text of at least one character is needed.")
            return nil
        }
        return bounded(text, at: here)
    }

    private mutating func bounded(_ text: String, at here: String) -> [UInt8]? {
        guard text.utf8.count <= ConditionLimits.valueBytesMax else {
            fail(here, "too_long", "At most \(ConditionLimits.valueBytesMax) bytes.")
            return nil
        }
        return FactText(text).folded
    }

    private mutating func literal(
        _ value: JSON, field: ConditionField, ordered: Bool, at here: String
    ) -> Literal? {
        switch field.type {
        case .number:
            if let number = value.doubleValue { return .number(number) }
            fail(here, "wrong_type", "Must be a number.")
        case .boolean:
            return boolean(value, at: here).map { .bool($0) }
        case .timestamp:
            if let instant = value.timestampValue { return .instant(instant.microseconds) }
            fail(here, "wrong_type", "Must be an instant, like 2026-01-31T08:00:00Z.")
        case .timeOfDay:
            if let minute = value.stringValue.flatMap(FactValue.minute(of:)) { return .minute(minute) }
            fail(here, "wrong_type", "Must be a time of the day, like 08:30.")
        case .id, .ids:
            if let id = value.uuidValue { return .text(Array(id.text.utf8)) }
            fail(here, "wrong_type", "Must be an id.")
        case .text, .texts, .choice:
            guard let text = value.stringValue else {
                fail(here, "wrong_type", "Must be a text.", allowed: field.allowed)
                return nil
            }
            if let allowed = field.allowed {
                guard let rank = allowed.firstIndex(of: text) else {
                    fail(here, "unknown_value", "\(field.name) has no such value.", allowed: allowed)
                    return nil
                }
                if ordered { return .rank(rank) }
            }
            return bounded(text, at: here).map { .text($0) }
        case .open:
            switch value {
            case .bool(let bool) where !ordered: return .bool(bool)
            case .int, .double: return value.doubleValue.map { .number($0) }
            case .string(let text): return bounded(text, at: here).map { .text($0) }
            default: fail(here, "wrong_type", ordered ? "Must be a number or a text." : "Must be a single value.")
            }
        }
        return nil
    }
}

extension Literal {
    /// Whether a value from this to the other one can exist.
    func isAtMost(_ other: Literal) -> Bool {
        switch (self, other) {
        case (.number(let low), .number(let high)): low <= high
        case (.instant(let low), .instant(let high)): low <= high
        case (.rank(let low), .rank(let high)): low <= high
        case (.text(let low), .text(let high)): !high.lexicographicallyPrecedes(low)
        default: false
        }
    }
}
