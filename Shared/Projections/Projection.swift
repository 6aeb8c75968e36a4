// A copy of another service's entity, kept from its events: one declaration gives the table, the handler that keeps it
// and the resource that serves it.

import Contracts
import Database
import Messaging

/// What is copied of an entity, and from which events.
///
/// ```swift
/// let tickets = Projection(
///     service: "sla", entity: "ticket", table: "tickets",
///     fields: [.text("subject"), .text("status").filterable, .uuid("assigneeId").filterable])
/// ```
///
/// Each field remembers the sequence of the event that set it, and only a later event sets it again. So late, repeated
/// and mixed up events, a replay in the middle of live traffic, all end in the same rows.
public struct Projection: Sendable {
    /// The service that keeps the copy.
    public let service: String
    /// What is copied: `ticket`, whose events are `ticket.created` and so on.
    public let entity: String
    /// The table in the service's schema.
    public let table: String
    /// In the order of the row's sequences: new ones go to the end, none is ever removed.
    public let fields: [ProjectedField]
    /// What events beyond created, updated, deleted and restored say about fields.
    public let facts: [String: @Sendable (JSON) -> JSONObject]
    /// Made once: the same text is the same prepared statement.
    let statement: (head: SQL, tail: SQL)

    /// The fields that every projection has after its own.
    static let common: [ProjectedField] = [
        .integer("version"), .timestamp("createdAt").sortable, .timestamp("updatedAt").sortable,
        .timestamp("deletedAt").hidden,
    ]

    public init(
        service: String, entity: String, table: String, fields: [ProjectedField],
        facts: [String: @Sendable (JSON) -> JSONObject] = [:]
    ) {
        self.service = service
        self.entity = entity
        self.table = table
        // The common ones first: their place in the row's sequences stays when a service copies more.
        self.fields = Projection.common + fields
        self.facts = facts
        statement = Projection.statement(table: table, fields: self.fields)
        precondition(Set(self.fields.map(\.name)).count == self.fields.count, "\(entity) copies a field twice")
    }
}

/// One copied field: its key in the entity's JSON, its type, and how lists can use it.
public struct ProjectedField: Sendable {
    enum Kind: Sendable { case text, integer, uuid, timestamp, texts, json }

    let name: String
    /// `assignee_id` for `assigneeId`.
    let column: String
    let kind: Kind
    private(set) var isFilterable = false
    private(set) var isSortable = false
    private(set) var isHidden = false

    private init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
        column = name.reduce(into: "") { text, character in
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
    }

    public static func text(_ name: String) -> ProjectedField { ProjectedField(name, .text) }
    public static func integer(_ name: String) -> ProjectedField { ProjectedField(name, .integer) }
    public static func uuid(_ name: String) -> ProjectedField { ProjectedField(name, .uuid) }
    public static func timestamp(_ name: String) -> ProjectedField { ProjectedField(name, .timestamp) }
    public static func texts(_ name: String) -> ProjectedField { ProjectedField(name, .texts) }
    /// Any JSON, as it came.
    public static func json(_ name: String) -> ProjectedField { ProjectedField(name, .json) }

    public var filterable: ProjectedField { with { $0.isFilterable = true } }
    public var sortable: ProjectedField { with { $0.isSortable = true } }
    /// Kept, and not shown.
    public var hidden: ProjectedField { with { $0.isHidden = true } }

    private func with(_ change: (inout ProjectedField) -> Void) -> ProjectedField {
        var copy = self
        change(&copy)
        return copy
    }

    var sqlType: String {
        switch kind {
        case .text: "text"
        case .integer: "bigint"
        case .uuid: "uuid"
        case .timestamp: "timestamptz(3)"
        case .texts: "text[]"
        case .json: "jsonb"
        }
    }

    /// Whether the column can hold the value.
    func takes(_ value: JSON) -> Bool {
        switch (kind, value) {
        case (_, .null), (.json, _), (.text, .string), (.integer, .int): true
        case (.uuid, .string): value.uuidValue != nil
        case (.timestamp, .string): value.timestampValue != nil
        case (.texts, .array(let items)): items.allSatisfy { $0.stringValue != nil }
        default: false
        }
    }
}
