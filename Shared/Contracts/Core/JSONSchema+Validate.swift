#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension JSONSchema {
    /// Everything that is wrong with the value, in the order of the value; empty when it is valid.
    ///
    /// `format` counts for `uuid`, `date-time`, `date`, `email` and `uri`.
    public static func validate(_ value: JSON, against schema: JSON) -> [SchemaIssue] {
        var validation = Validation(root: schema)
        validation.check(value, schema, at: "")
        return validation.issues
    }
}

private struct Validation {
    let root: JSON
    var issues: [SchemaIssue] = []
    private var depth = 0

    /// References that lead into each other end here.
    private static let depthMax = 256

    init(root: JSON) { self.root = root }

    private mutating func report(_ pointer: String, _ code: String, _ detail: String) {
        issues.append(SchemaIssue(pointer: pointer, code: code, detail: detail))
    }

    mutating func check(_ value: JSON, _ schema: JSON, at pointer: String) {
        if case .bool(let allows) = schema {
            if !allows { report(pointer, "unknown", "is not allowed here") }
            return
        }
        guard case .object(let rules) = schema, depth < Self.depthMax else { return }
        depth += 1
        defer { depth -= 1 }

        if let reference = rules["$ref"]?.stringValue {
            if reference.hasPrefix("#"), let target = root.value(at: String(reference.dropFirst())) {
                check(value, target, at: pointer)
            } else {
                report(pointer, "unresolved", "the schema refers to \(reference), which is not there")
            }
        }
        if let type = rules["type"], !matches(value, type) {
            report(pointer, "wrong_type", "must be \(Self.list(type))")
            return
        }
        if let allowed = rules["enum"]?.arrayValue, !allowed.contains(where: { Self.equal($0, value) }) {
            let names = allowed.map { $0.stringValue ?? $0.text }.joined(separator: ", ")
            report(pointer, "not_allowed", "must be one of \(names)")
        }
        if let constant = rules["const"], !Self.equal(constant, value) {
            report(pointer, "not_allowed", "must be \(constant.text)")
        }
        switch value {
        case .string(let text): checkString(text, rules, at: pointer)
        case .int, .double: checkNumber(value, rules, at: pointer)
        case .array(let values): checkArray(values, rules, at: pointer)
        case .object(let object): checkObject(object, rules, at: pointer)
        case .null, .bool: break
        }
        checkCombinations(value, rules, at: pointer)
    }

    // MARK: By kind

    private mutating func checkString(_ text: String, _ rules: JSONObject, at pointer: String) {
        if rules.contains("minLength") || rules.contains("maxLength") {
            let length = text.unicodeScalars.count
            if let least = rules["minLength"]?.intValue, length < least {
                report(pointer, "too_short", "must have at least \(least) characters")
            }
            if let most = rules["maxLength"]?.intValue, length > most {
                report(pointer, "too_long", "must have at most \(most) characters")
            }
        }
        if let pattern = rules["pattern"]?.stringValue,
            (try? Regex(pattern).firstMatch(in: text)).flatMap({ $0 }) == nil
        {
            report(pointer, "invalid_pattern", "must match \(pattern)")
        }
        if let format = rules["format"]?.stringValue, !Self.isFormatted(text, format) {
            report(pointer, "invalid_format", "must be a valid \(format)")
        }
    }

    private mutating func checkNumber(_ value: JSON, _ rules: JSONObject, at pointer: String) {
        if let bound = rules["minimum"], Self.isLess(value, bound) {
            report(pointer, "too_small", "must be at least \(bound.text)")
        }
        if let bound = rules["maximum"], Self.isLess(bound, value) {
            report(pointer, "too_large", "must be at most \(bound.text)")
        }
        if let bound = rules["exclusiveMinimum"], !Self.isLess(bound, value) {
            report(pointer, "too_small", "must be greater than \(bound.text)")
        }
        if let bound = rules["exclusiveMaximum"], !Self.isLess(value, bound) {
            report(pointer, "too_large", "must be less than \(bound.text)")
        }
    }

    private mutating func checkArray(_ values: [JSON], _ rules: JSONObject, at pointer: String) {
        if let least = rules["minItems"]?.intValue, values.count < least {
            report(pointer, "too_few_items", "must have at least \(least) items")
        }
        if let most = rules["maxItems"]?.intValue, values.count > most {
            report(pointer, "too_many_items", "must have at most \(most) items")
        }
        if rules["uniqueItems"]?.boolValue == true, Set(values).count < values.count {
            report(pointer, "duplicate_items", "must not have the same item twice")
        }
        if let items = rules["items"] {
            for (position, value) in values.enumerated() { check(value, items, at: "\(pointer)/\(position)") }
        }
    }

    private mutating func checkObject(_ object: JSONObject, _ rules: JSONObject, at pointer: String) {
        for name in rules["required"]?.arrayValue ?? [] {
            if let name = name.stringValue, !object.contains(name) {
                report("\(pointer)/\(JSONPointer.escape(name))", "required", "is required")
            }
        }
        if let least = rules["minProperties"]?.intValue, object.count < least {
            report(pointer, "too_few_properties", "must have at least \(least) members")
        }
        if let most = rules["maxProperties"]?.intValue, object.count > most {
            report(pointer, "too_many_properties", "must have at most \(most) members")
        }
        let properties = rules["properties"]?.objectValue
        let others = rules["additionalProperties"]
        for (key, value) in object {
            guard let schema = properties?[key] ?? others else { continue }
            check(value, schema, at: "\(pointer)/\(JSONPointer.escape(key))")
        }
    }

    private mutating func checkCombinations(_ value: JSON, _ rules: JSONObject, at pointer: String) {
        for schema in rules["allOf"]?.arrayValue ?? [] { check(value, schema, at: pointer) }
        if let choices = rules["anyOf"]?.arrayValue, matchCount(value, choices, at: pointer) == 0 {
            report(pointer, "no_match", "matches none of the allowed forms")
        }
        if let choices = rules["oneOf"]?.arrayValue {
            let count = matchCount(value, choices, at: pointer)
            if count == 0 { report(pointer, "no_match", "matches none of the allowed forms") }
            if count > 1 { report(pointer, "ambiguous", "matches more than one of the allowed forms") }
        }
    }

    private func matchCount(_ value: JSON, _ schemas: [JSON], at pointer: String) -> Int {
        schemas.count { schema in
            var trial = self
            trial.issues = []
            trial.check(value, schema, at: pointer)
            return trial.issues.isEmpty
        }
    }

    // MARK: Predicates

    private func matches(_ value: JSON, _ type: JSON) -> Bool {
        switch type {
        case .array(let types): types.contains { matches(value, $0) }
        case .string("integer"): value.intValue != nil
        case .string("number"): value.doubleValue != nil
        case .string(let name): value.typeName == name
        default: true
        }
    }

    private static func list(_ type: JSON) -> String {
        (type.arrayValue ?? [type]).compactMap { $0.stringValue.map(article) }.joined(separator: " or ")
    }

    private static func article(_ type: String) -> String {
        switch type {
        case "null": "null"
        case "integer", "array", "object": "an \(type)"
        default: "a \(type)"
        }
    }

    /// Numbers are equal by value, however they are written.
    private static func equal(_ left: JSON, _ right: JSON) -> Bool {
        if left == right { return true }
        guard let left = left.intValue, let right = right.intValue else { return false }
        return left == right
    }

    private static func isLess(_ left: JSON, _ right: JSON) -> Bool {
        if case .int(let left) = left, case .int(let right) = right { return left < right }
        guard let left = left.doubleValue, let right = right.doubleValue else { return false }
        return left < right
    }

    private static func isFormatted(_ text: String, _ format: String) -> Bool {
        switch format {
        case "uuid": UUID(text: text) != nil
        case "date-time": Timestamp(rfc3339: text) != nil
        case "date": CalendarDate(text: text) != nil
        case "email": isEmail(text)
        case "uri": isURI(text)
        default: true
        }
    }

    /// One at sign with something on both sides and no white space: what can be said without sending a mail.
    private static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts.contains { $0.isEmpty } && text.utf8.count <= 254
            && !text.unicodeScalars.contains { $0.properties.isWhitespace || $0.value < 0x20 }
    }

    private static func isURI(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), let first = text.first, first.isASCII, first.isLetter else {
            return false
        }
        let scheme = text[..<colon].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        return scheme && text.index(after: colon) < text.endIndex
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7F }
    }
}
