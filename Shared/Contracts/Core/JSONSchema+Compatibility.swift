extension JSONSchema {
    /// What in the new schema breaks a reader of the old one, or a new reader of what was published before.
    ///
    /// Within one version of a contract only optional members may be added. Everything else is a breaking change: a
    /// member that goes, changes its type or bounds, becomes optional (readers count on it) or required (what was
    /// published before lacks it); also another value in a closed list, since readers decode such lists exhaustively.
    public static func breakingChanges(from old: JSON, to new: JSON) -> [SchemaIssue] {
        var issues: [SchemaIssue] = []
        compare(old, new, at: "", into: &issues)
        return issues
    }

    /// For people only; may change at will.
    private static let annotations: Set<String> = [
        "$schema", "$id", "$comment", "title", "description", "examples", "default", "deprecated",
    ]

    private static func compare(_ old: JSON, _ new: JSON, at pointer: String, into issues: inout [SchemaIssue]) {
        guard case .object(let before) = old, case .object(let after) = new else {
            if old != new {
                issues.append(SchemaIssue(pointer: pointer, code: "changed", detail: "changed to \(new.text)"))
            }
            return
        }
        var keywords = before.keys
        keywords += after.keys.filter { !before.contains($0) }
        for keyword in keywords where !annotations.contains(keyword) {
            let here = "\(pointer)/\(JSONPointer.escape(keyword))"
            switch keyword {
            case "properties":
                compareMembers(before["properties"], after["properties"], at: here, into: &issues)
            case "required":
                compareRequired(before["required"], after["required"], at: here, into: &issues)
            case "items", "additionalProperties":
                compare(before[keyword] ?? true, after[keyword] ?? true, at: here, into: &issues)
            default:
                guard before[keyword] != after[keyword] else { continue }
                let was = before[keyword]?.text ?? "absent"
                let now = after[keyword]?.text ?? "absent"
                issues.append(SchemaIssue(pointer: here, code: "changed", detail: "was \(was), is \(now)"))
            }
        }
    }

    private static func compareMembers(
        _ old: JSON?, _ new: JSON?, at pointer: String, into issues: inout [SchemaIssue]
    ) {
        let after = new?.objectValue ?? [:]
        for (name, schema) in old?.objectValue ?? [:] {
            let here = "\(pointer)/\(JSONPointer.escape(name))"
            if let current = after[name] {
                compare(schema, current, at: here, into: &issues)
            } else {
                issues.append(SchemaIssue(pointer: here, code: "removed", detail: "the member was removed"))
            }
        }
    }

    private static func compareRequired(
        _ old: JSON?, _ new: JSON?, at pointer: String, into issues: inout [SchemaIssue]
    ) {
        let before = Set((old?.arrayValue ?? []).compactMap(\.stringValue))
        let after = Set((new?.arrayValue ?? []).compactMap(\.stringValue))
        for name in before.subtracting(after).sorted() {
            issues.append(SchemaIssue(pointer: pointer, code: "optional", detail: "\(name) is no longer required"))
        }
        for name in after.subtracting(before).sorted() {
            issues.append(SchemaIssue(pointer: pointer, code: "required", detail: "\(name) became required"))
        }
    }
}
