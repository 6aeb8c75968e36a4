// Which column of a file becomes which field of a ticket, and a record as the values of a ticket to be made.
import Contracts

/// A mapping from the columns of a file (or the keys of its objects) to fields of a ticket.
public struct ImportMapping: Sendable, Hashable {
    /// Field → column, as the caller asked for it. Columns that no pair names map by their own name.
    public var columns: [String: String]

    public init(columns: [String: String] = [:]) {
        self.columns = columns
    }

    /// The fields a file may set; beside them `customFields.<key>`.
    public static let fields: [String] = [
        "subject", "description", "status", "priority", "type", "channel", "requesterEmail", "requesterId",
        "organizationId", "assigneeId", "groupId", "dueAt", "tags", "externalId", "customFields",
    ]

    /// Why no file can set this field; `nil` for one that can be set.
    static func refusal(ofField field: String) -> SourceFault? {
        guard !isField(field) else { return nil }
        return SourceFault(
            code: "unknown_field",
            detail: "“\(field)” can't be imported; a file may set \(fields.joined(separator: ", "))"
                + " and customFields.<key>.")
    }

    static func isField(_ name: String) -> Bool {
        fields.contains(name) || (name.hasPrefix("customFields.") && name.utf8.count > 13)
    }
}

/// A mapping applied to the header of one file.
public struct ImportPlan: Sendable, Hashable {
    /// For each column of the file the field it sets.
    public var targets: [String?]
    public var columns: [String]

    /// Finds the mapped columns in a header. Missing and doubled ones are faults of the whole file.
    public init(mapping: ImportMapping, header: [String]) throws(SourceFault) {
        let names = header.map(Self.trimmed)
        var targets = [String?](repeating: nil, count: names.count)
        for (field, column) in mapping.columns.sorted(by: { $0.key < $1.key }) {
            let places = names.indices.filter { names[$0] == column }
            guard let place = places.first else {
                throw SourceFault(
                    code: "unknown_column",
                    detail: "The file has no column “\(column)”; it has \(names.joined(separator: ", ")).")
            }
            guard places.count == 1 else {
                throw SourceFault(code: "ambiguous_column", detail: "The file has several columns “\(column)”.")
            }
            guard targets[place] == nil else {
                throw SourceFault(code: "duplicate_column", detail: "Column “\(column)” is mapped twice.")
            }
            targets[place] = field
        }
        var taken = Set(targets.compactMap { $0 })
        for (place, name) in names.enumerated() where targets[place] == nil {
            guard let field = Self.field(named: name), !taken.contains(field) else { continue }
            targets[place] = field
            taken.insert(field)
        }
        guard taken.contains("subject") else {
            throw SourceFault(
                code: "subject_not_mapped",
                detail: "No column of the file is mapped to the subject; it has \(names.joined(separator: ", ")).")
        }
        self.targets = targets
        columns = header
    }

    private static func trimmed(_ text: String) -> String {
        var characters = Substring(text)
        while characters.first?.isWhitespace == true { characters.removeFirst() }
        while characters.last?.isWhitespace == true { characters.removeLast() }
        return String(characters)
    }

    /// The field a column sets by its own name: `requesterEmail`, `requester_email` and `Requester Email` are one.
    static func field(named name: String) -> String? {
        if ImportMapping.isField(name) { return name }
        func plain(_ text: String) -> String {
            text.lowercased().filter { $0.isLetter || $0.isNumber }
        }
        let wanted = plain(name)
        return ImportMapping.fields.first { $0 != "customFields" && plain($0) == wanted }
    }

    /// The values a CSV record asks for.
    public func values(of row: CSVRow) throws(SourceFault) -> JSONObject {
        guard row.count == targets.count else {
            throw SourceFault(
                code: "wrong_field_count",
                detail: "The record has \(row.count) fields where the header has \(targets.count).")
        }
        var values = JSONObject()
        var customFields = JSONObject()
        for (index, target) in targets.enumerated() {
            guard let target, !row.isEmpty(index) else { continue }
            guard let text = row.text(index) else {
                throw SourceFault(
                    code: "invalid_text", detail: "Column “\(columns[index])” is not UTF-8 text without NUL.")
            }
            Self.set(target, to: text, in: &values, customFields: &customFields)
        }
        if !customFields.isEmpty { values["customFields"] = .object(customFields) }
        return values
    }

    private static func set(
        _ field: String, to text: String, in values: inout JSONObject, customFields: inout JSONObject
    ) {
        switch field {
        case "description":
            values[field] = .string(text)
        case "tags":
            let names = text.split(whereSeparator: { $0 == "," || $0 == ";" || $0 == "|" }).map { trimmed(String($0)) }
            values[field] = .array(names.filter { !$0.isEmpty }.map { .string($0) })
        case "status", "priority", "type", "channel":
            let word = trimmed(text).lowercased().split(whereSeparator: { $0 == " " || $0 == "-" })
            if !word.isEmpty { values[field] = .string(word.joined(separator: "_")) }
        case "customFields":
            values[field] = (try? JSON.parse(Array(text.utf8))) ?? .string(text)
        default:
            let text = trimmed(text)
            guard !text.isEmpty else { return }
            if field.hasPrefix("customFields.") {
                customFields[String(field.dropFirst(13))] = .string(text)
            } else {
                values[field] = .string(text)
            }
        }
    }
}

extension ImportMapping {
    /// The values an object of an NDJSON file asks for: its keys are fields by their own name unless mapped; keys that
    /// are no fields are passed over, as columns of a CSV file are.
    public func values(of object: JSONObject) -> JSONObject {
        var values = JSONObject()
        var customFields = JSONObject()
        if case .object(let own)? = object["customFields"] { customFields = own }
        let mapped = Set(columns.values)
        for field in Self.fields where columns[field] == nil && field != "customFields" {
            if let value = object[field], !mapped.contains(field), value != .null { values[field] = value }
        }
        for (field, column) in columns.sorted(by: { $0.key < $1.key }) {
            guard let value = object[column], value != .null else { continue }
            if field.hasPrefix("customFields.") {
                customFields[String(field.dropFirst(13))] = value
            } else {
                values[field] = value
            }
        }
        if !customFields.isEmpty { values["customFields"] = .object(customFields) }
        return values
    }
}
