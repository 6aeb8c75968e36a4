import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Values by field name, on their way into a row. They are typed already: a body's values have been checked against
/// its fields, a hook's values come from code.
///
/// ```swift
/// var changes: Values = ["status": "closed", "closedAt": op.now]
/// changes.set("reopenedCount", sql: "t.reopened_count + 1")
/// ```
public struct Values: Sendable, ExpressibleByDictionaryLiteral {
    enum Bound: Sendable {
        case value(SQLValue)
        case expression(SQL)
    }

    private(set) var members: [(name: String, bound: Bound)] = []

    public init() {}

    public init(dictionaryLiteral elements: (String, any SQLBindable)...) {
        for (name, value) in elements { self[name] = value.sqlValue }
    }

    public var isEmpty: Bool { members.isEmpty }
    public var names: [String] { members.map(\.name) }
    public func contains(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// The value of a field; nil where it is not set or set by SQL. Setting nil takes it out, which is not the same as
    /// setting it to `.null`.
    public subscript(name: String) -> SQLValue? {
        get {
            guard case .value(let value)? = bound(name) else { return nil }
            return value
        }
        set { set(name, bound: newValue.map { .value($0) }) }
    }

    func bound(_ name: String) -> Bound? { members.first { $0.name == name }?.bound }

    public mutating func set(_ name: String, _ value: some SQLBindable) { self[name] = value.sqlValue }

    /// Sets a field by SQL over the row `t`.
    public mutating func set(_ name: String, sql: SQL) { set(name, bound: .expression(sql)) }

    public mutating func remove(_ name: String) { set(name, bound: nil) }

    private mutating func set(_ name: String, bound: Bound?) {
        if let index = members.firstIndex(where: { $0.name == name }) {
            if let bound { members[index].bound = bound } else { members.remove(at: index) }
        } else if let bound {
            members.append((name, bound))
        }
    }

    /// These values with others over them.
    public func merging(_ others: Values) -> Values {
        var merged = self
        for (name, bound) in others.members { merged.set(name, bound: bound) }
        return merged
    }
}

/// Typed reading; nil where the field is not set, null, or of another type.
extension Values {
    public func string(_ name: String) -> String? { if case .text(let value)? = self[name] { value } else { nil } }
    public func int(_ name: String) -> Int64? { if case .int(let value)? = self[name] { value } else { nil } }
    public func double(_ name: String) -> Double? { if case .double(let value)? = self[name] { value } else { nil } }
    public func bool(_ name: String) -> Bool? { if case .bool(let value)? = self[name] { value } else { nil } }
    public func uuid(_ name: String) -> UUID? { if case .uuid(let value)? = self[name] { value } else { nil } }
    public func json(_ name: String) -> JSON? { if case .json(let value)? = self[name] { value } else { nil } }

    public func timestamp(_ name: String) -> Timestamp? {
        if case .timestamp(let value)? = self[name] { value } else { nil }
    }

    public func strings(_ name: String) -> [String]? {
        guard case .array(_, let values)? = self[name] else { return nil }
        return values.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    public func uuids(_ name: String) -> [UUID]? {
        guard case .array(_, let values)? = self[name] else { return nil }
        return values.compactMap { if case .uuid(let id) = $0 { id } else { nil } }
    }

    /// Whether the field is set to null.
    public func isNull(_ name: String) -> Bool { if case .null? = self[name] { true } else { false } }
}

extension SQLValue {
    /// As ``Row`` writes the same value once it is stored.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .int(let value): writer.int(value)
        case .double(let value): writer.double(value)
        case .text(let value): writer.string(value)
        case .bytes(let value): writer.string(Base64URL.encode(value))
        case .uuid(let value): writer.uuid(value)
        case .timestamp(let value): writer.timestamp(value)
        case .date(let value): writer.string(value.text)
        case .json(let value): writer.value(value)
        case .jsonText(let value): writer.raw(value)
        case .array(_, let values):
            writer.beginArray()
            for value in values { value.write(to: &writer) }
            writer.endArray()
        }
    }
}
