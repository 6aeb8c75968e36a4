import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A query parameter that a route accepts. One that no parameter declares is a 400 that names it.
public struct Parameter: Sendable {
    public let name: String
    public let kind: Field.Kind
    public private(set) var isRequired = false
    /// Several values with commas between them.
    public private(set) var isList = false
    /// `null` is a value too: "where there is none".
    public private(set) var acceptsNull = false
    /// Also `name[gte]=`, `name[gt]=`, `name[lte]=`, `name[lt]=`.
    public private(set) var hasRange = false
    /// Only `name[gte]=` and the like, not `name=`.
    public private(set) var isRangeOnly = false
    /// `name` is the beginning of what is accepted: `customFields.` takes `customFields.color`.
    public private(set) var isPrefix = false
    public private(set) var summary: String?

    public init(_ name: String, _ kind: Field.Kind, _ summary: String? = nil) {
        self.name = name
        self.kind = kind
        self.summary = summary
    }

    /// Any parameter whose name begins so; what follows is read out of ``Argument/name``.
    public static func prefixed(_ prefix: String, _ kind: Field.Kind, _ summary: String? = nil) -> Parameter {
        Parameter(prefix, kind, summary).with { $0.isPrefix = true }
    }

    private func with(_ change: (inout Parameter) -> Void) -> Parameter {
        var parameter = self
        change(&parameter)
        return parameter
    }

    public var required: Parameter { with { $0.isRequired = true } }
    public var list: Parameter { with { $0.isList = true } }
    public var nullable: Parameter { with { $0.acceptsNull = true } }
    public var range: Parameter { with { $0.hasRange = true } }
    public var rangeOnly: Parameter {
        with {
            $0.hasRange = true
            $0.isRangeOnly = true
        }
    }

    /// The most values of a list.
    static let valuesMax = 100
}

/// How a filter compares.
public enum Comparison: String, Sendable, Hashable, CaseIterable {
    case equal = "eq"
    case greaterOrEqual = "gte"
    case greater = "gt"
    case lessOrEqual = "lte"
    case less = "lt"

    static let ranges: [Comparison] = [.greaterOrEqual, .greater, .lessOrEqual, .less]

    /// The operator in SQL.
    var sql: SQL {
        switch self {
        case .equal: "="
        case .greaterOrEqual: ">="
        case .greater: ">"
        case .lessOrEqual: "<="
        case .less: "<"
        }
    }
}

/// A parameter as the request gives it, its values typed.
public struct Argument: Sendable {
    /// The parameter's name; for a prefixed one, the whole name in the request.
    public var name: String
    public var comparison: Comparison
    public var values: [SQLValue]
    /// Whether `null` is among the values.
    public var includesNull: Bool
    /// The values as the request spells them.
    public var texts: [String]
}

/// A request's query, checked against what its route accepts.
public struct Arguments: Sendable {
    public private(set) var all: [Argument] = []

    public init() {}

    /// Checks a query; reports every unknown parameter and every bad value at once.
    init(_ query: Query, accepting parameters: [Parameter]) throws(Problem) {
        var faults: [Fault] = []
        for item in query.items {
            guard let parameter = Self.match(item.name, in: parameters) else {
                faults.append(
                    Fault(
                        .parameter(item.spelling), "unknown_parameter", "No such parameter here.",
                        allowed: parameters.map(\.name)))
                continue
            }
            switch Self.read(item, as: parameter) {
            case .success(let argument): all.append(argument)
            case .failure(let refused):
                faults += refused.all.map {
                    Fault(.parameter(item.spelling), $0.code, $0.detail, allowed: $0.allowed)
                }
            }
        }
        for parameter in parameters
        where parameter.isRequired && !query.items.contains(where: { $0.name == parameter.name }) {
            faults.append(Fault(.parameter(parameter.name), "required", "It is needed."))
        }
        if !faults.isEmpty { throw .badRequest("The query has faults.", errors: faults) }
    }

    private static func match(_ name: String, in parameters: [Parameter]) -> Parameter? {
        parameters.first {
            $0.isPrefix ? name.hasPrefix($0.name) && name.utf8.count > $0.name.utf8.count : $0.name == name
        }
    }

    private static func read(_ item: Query.Item, as parameter: Parameter) -> Result<Argument, Field.Refusals> {
        var comparison = Comparison.equal
        if let modifier = item.modifier {
            guard parameter.hasRange, let known = Comparison(rawValue: modifier), known != .equal else {
                return .failure(
                    Field.Refusals(
                        code: "unknown_operator", detail: "It can't be compared so.",
                        allowed: parameter.hasRange ? Comparison.ranges.map(\.rawValue) : nil))
            }
            comparison = known
        } else if parameter.isRangeOnly {
            return .failure(
                Field.Refusals(
                    code: "unknown_operator", detail: "It is compared by an operator, as in \(item.name)[gte]=.",
                    allowed: Comparison.ranges.map(\.rawValue)))
        }
        let isList = parameter.isList && comparison == .equal
        let texts =
            isList
            ? item.value.split(separator: ",", omittingEmptySubsequences: false).map(String.init) : [item.value]
        guard texts.count <= Parameter.valuesMax else {
            return .failure(Field.Refusals(code: "too_many", detail: "At most \(Parameter.valuesMax) values."))
        }
        var argument = Argument(name: item.name, comparison: comparison, values: [], includesNull: false, texts: texts)
        for text in texts {
            if parameter.acceptsNull, comparison == .equal, text == "null" {
                argument.includesNull = true
                continue
            }
            if text.isEmpty, isList || !parameter.kind.isText {
                return .failure(Field.Refusals(code: "empty", detail: "It needs a value."))
            }
            switch parameter.kind.read(text: text) {
            case .success(let value): argument.values.append(value)
            case .failure(let refusal): return .failure(refusal)
            }
        }
        return .success(argument)
    }
}

/// Typed access for handlers; the types are those of the route's declaration.
extension Arguments {
    /// A parameter's argument, nil where the request lacks it.
    public subscript(name: String) -> Argument? { all.first { $0.name == name && $0.comparison == .equal } }

    public func contains(_ name: String) -> Bool { self[name] != nil }

    public func string(_ name: String) -> String? { strings(name).first }

    public func strings(_ name: String) -> [String] {
        self[name]?.values.compactMap { if case .text(let text) = $0 { text } else { nil } } ?? []
    }

    public func int(_ name: String) -> Int64? {
        if case .int(let value)? = self[name]?.values.first { value } else { nil }
    }

    public func double(_ name: String) -> Double? {
        if case .double(let value)? = self[name]?.values.first { value } else { nil }
    }

    public func bool(_ name: String) -> Bool? {
        if case .bool(let value)? = self[name]?.values.first { value } else { nil }
    }

    public func uuid(_ name: String) -> UUID? { uuids(name).first }

    public func uuids(_ name: String) -> [UUID] {
        self[name]?.values.compactMap { if case .uuid(let id) = $0 { id } else { nil } } ?? []
    }

    public func timestamp(_ name: String) -> Timestamp? {
        if case .timestamp(let value)? = self[name]?.values.first { value } else { nil }
    }
}
