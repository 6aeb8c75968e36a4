import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One field of a resource or of a route's body, with everything that is known about it declared in one place: its
/// type and limits, who may set it, how lists filter and sort by it, and what the documentation says.
///
/// ```swift
/// .text("title", 1...200).required.sortable.searchable
/// .choice("status", ["draft", "live"]).defaults(to: "draft").filterable
/// .uuid("groupId").filterable.described("The queue it belongs to.")
/// .timestamp("publishedAt").readOnly.rangeFilterable.sortable
/// ```
///
/// A field is `NOT NULL` when it is required or has a default; every other one is nullable unless `.notNull` says
/// otherwise.
public struct Field: Sendable {
    /// The JSON key, camelCase.
    public let name: String
    public let kind: Kind
    /// The column; by convention the name in snake_case.
    public private(set) var column: String
    /// SQL in place of the column, over the row `t`: a computed field is never settable.
    public private(set) var expression: String?
    public private(set) var isRequired = false
    public private(set) var isImmutable = false
    public private(set) var isReadOnly = false
    public private(set) var isNullable = true
    public private(set) var isFilterable = false
    public private(set) var isRangeFilterable = false
    public private(set) var isSortable = false
    public private(set) var isSearchable = false
    /// Kept in the row and in ``Record``, never shown.
    public private(set) var isHidden = false
    public private(set) var defaultValue: JSON?
    /// Shown only when `expand=` names this.
    public private(set) var expand: String?
    public private(set) var summary: String?
    public private(set) var example: JSON?

    public init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
        self.column = Name.snakeCase(name)
        if case .strings = kind { isNullable = false }
        if case .uuids = kind { isNullable = false }
    }
}

// MARK: - Kinds

extension Field {
    public static func text(_ name: String, _ length: ClosedRange<Int> = 0...65_536, _ format: TextFormat? = nil)
        -> Field
    {
        Field(name, .text(length: length, format: format))
    }

    public static func choice(_ name: String, _ values: [String]) -> Field { Field(name, .choice(values)) }

    /// The cases of an enumeration, by raw value.
    public static func choice<E: CaseIterable & RawRepresentable<String>>(_ name: String, _: E.Type) -> Field {
        Field(name, .choice(E.allCases.map(\.rawValue)))
    }

    /// Without a range, what a 32-bit `integer` column holds.
    public static func integer(
        _ name: String, _ range: ClosedRange<Int64> = Int64(Int32.min)...Int64(Int32.max)
    ) -> Field {
        Field(name, .integer(range))
    }

    public static func number(
        _ name: String, _ range: ClosedRange<Double> = -1e15...1e15
    ) -> Field {
        Field(name, .number(range))
    }

    public static func boolean(_ name: String) -> Field { Field(name, .boolean) }
    public static func uuid(_ name: String) -> Field { Field(name, .uuid) }
    public static func timestamp(_ name: String) -> Field { Field(name, .timestamp) }

    /// A calendar day, `2026-01-31`, in a `date` column.
    public static func date(_ name: String) -> Field { Field(name, .date) }

    /// A JSON value in a `jsonb` column, checked against a JSON Schema. A PATCH of an object is merged into it.
    public static func json(_ name: String, _ schema: JSON = ["type": "object"]) -> Field {
        Field(name, .json(schema: schema))
    }

    /// A list of strings in a `text[]` column; it defaults to an empty one.
    public static func strings(
        _ name: String, each: ClosedRange<Int> = 1...200, count: ClosedRange<Int> = 0...100
    ) -> Field {
        Field(name, .strings(each: each, count: count)).defaults(to: [])
    }

    /// A list of ids in a `uuid[]` column; it defaults to an empty one.
    public static func uuids(_ name: String, count: ClosedRange<Int> = 0...100) -> Field {
        Field(name, .uuids(count: count)).defaults(to: [])
    }
}

// MARK: - Modifiers

extension Field {
    private func with(_ change: (inout Field) -> Void) -> Field {
        var field = self
        change(&field)
        return field
    }

    /// Must be given at creation and can't be cleared.
    public var required: Field {
        with {
            $0.isRequired = true
            $0.isNullable = false
        }
    }

    /// Can be given at creation only.
    public var immutable: Field { with { $0.isImmutable = true } }
    /// Kept by the service, never settable by a caller.
    public var readOnly: Field { with { $0.isReadOnly = true } }
    /// Can be null although it is required or has a default.
    public var nullable: Field { with { $0.isNullable = true } }
    /// Is never null although nobody has to give it: the service computes it.
    public var notNull: Field { with { $0.isNullable = false } }
    /// `name=a,b`, and `name=null` where it can be null.
    public var filterable: Field { with { $0.isFilterable = true } }
    /// `name[gte]=`, `name[gt]=`, `name[lte]=`, `name[lt]=`.
    public var rangeFilterable: Field { with { $0.isRangeFilterable = true } }
    /// `sort=name` and `sort=-name`. Null sorts as the largest value, so that plain indexes serve both directions.
    public var sortable: Field { with { $0.isSortable = true } }
    /// Looked into by `q=`.
    public var searchable: Field { with { $0.isSearchable = true } }
    /// Kept in the row and in ``Record``, never shown.
    public var hidden: Field {
        with {
            $0.isHidden = true
            $0.isReadOnly = true
        }
    }

    /// What creation without it sets.
    public func defaults(to value: JSON) -> Field {
        with {
            $0.defaultValue = value
            if value != .null { $0.isNullable = false }
        }
    }

    /// Shown only when `expand=` names `key`; never in events and audit.
    public func hiddenUnless(expand key: String) -> Field {
        with {
            $0.expand = key
            $0.isReadOnly = true
        }
    }

    /// SQL over the row `t` in place of a column, such as `t.prefix || '-' || t.number`.
    public func computed(_ expression: String) -> Field {
        with {
            $0.expression = expression
            $0.isReadOnly = true
        }
    }

    /// Another column than the name in snake_case.
    public func column(_ column: String) -> Field { with { $0.column = column } }
    /// What the documentation says about it.
    public func described(_ summary: String) -> Field { with { $0.summary = summary } }
    /// What the documentation shows as an example.
    public func example(_ example: JSON) -> Field { with { $0.example = example } }
}
