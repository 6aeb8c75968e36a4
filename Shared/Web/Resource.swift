import Contracts
import Database
import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A kind of row that the API serves, declared once. List, get, create, patch, delete, validation, audit, events and
/// documentation, for tenants and for platform administrators, are made of the declaration.
///
/// A plain resource is one file and one line in its service's `resources`:
///
/// ```swift
/// /// Services/Tickets/CannedResponse.swift
/// struct CannedResponses: Resource {
///     let path = "canned_responses"
///     let entity = "canned_response"
///     let summary = "Texts that agents paste into their replies."
///     let softDelete = true
///     let fields: [Field] = [
///         .text("title", 1...200).required.sortable.searchable,
///         .text("body", 1...65_536).required.searchable,
///         .choice("visibility", ["shared", "private"]).defaults(to: "shared").filterable,
///         .uuid("groupId").filterable,
///         .strings("tags"),
///     ]
/// }
///
/// extension Migration {
///     static let cannedResponses = Migration(version: 107, name: "canned_responses", sql: """
///         CREATE TABLE canned_responses (
///             tenant_id uuid NOT NULL,
///             id uuid NOT NULL,
///             title text NOT NULL,
///             body text NOT NULL,
///             visibility text NOT NULL,
///             group_id uuid,
///             tags text[] NOT NULL DEFAULT '{}',
///             version bigint NOT NULL,
///             created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
///             created_by uuid, updated_by uuid,
///             deleted_at timestamptz(3), deleted_by uuid,
///             PRIMARY KEY (tenant_id, id)
///         );
///         CREATE UNIQUE INDEX canned_responses_title_key ON canned_responses (tenant_id, title)
///             WHERE deleted_at IS NULL;   -- taken twice: 409 that names title
///         -- For /v1/admin/canned_responses/{id}. A hash: a tree would offer all tenants' order to a tenant's list.
///         CREATE INDEX canned_responses_id_idx ON canned_responses USING hash (id);
///         SELECT secure_tenant_table('canned_responses');
///         """)
/// }
/// ```
///
/// What has behaviour adds hooks (they run inside the transaction) and explicit ``Route``s, which write through the
/// same ``ResourceStore``:
///
/// ```swift
/// func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
///     guard let target = draft.values.string("status") else { return }
///     guard StateMachine.allows(from: draft.before?.string("status"), to: target) else { throw Problem.conflict(…) }
///     if target == "closed" { draft.values.set("closedAt", op.now) }
/// }
/// func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
///     if mutation.changed("status") { mutation.announce(TicketStatusChanged(…)) }
/// }
/// ```
public protocol Resource: Sendable {
    /// The last path segment and, unless said otherwise, the table: `canned_responses`.
    var path: String { get }
    /// The singular, as events and audit name it: `canned_response`.
    var entity: String { get }
    /// Everything but what the engine adds: id, tenantId, the parent's id, version, who and when.
    var fields: [Field] { get }

    var table: String { get }
    /// What makes the table, for a resource that brings its own; others are made by a migration of the service's.
    static var migration: Migration? { get }
    /// The entity's name in the documentation: `CannedResponse`.
    var component: String { get }
    /// The documentation's sentence about it.
    var summary: String { get }
    var permissions: ResourcePermissions { get }
    var operations: ResourceOperations { get }
    /// Deleting keeps the row, out of sight, and it can be restored. The table has `deleted_at` and `deleted_by`.
    var softDelete: Bool { get }
    /// The resource that this one is nested under.
    var parent: Parent? { get }
    var mounts: Set<Route.Mount> { get }
    /// The engine's own columns that the table has.
    var stamps: ResourceStamps { get }
    /// As `sort=` spells it. Ids are in the order of time: the default is newest first, and uses the primary key.
    var defaultSort: String { get }
    /// Filters beyond the fields' own.
    var filters: [Filter] { get }
    /// Sort keys beyond the fields' own.
    var sorts: [SortKey] { get }
    /// What `expand=` can add to an answer.
    var expansions: [Expansion] { get }
    /// What its writes take in their query; hooks find it in ``Operation/arguments``.
    var writeParameters: [Parameter] { get }
    var events: ResourceEvents { get }
    /// Whether GET takes `asOf=`, the entity as it stood at an earlier time. For resources that are audited and not nested.
    var keepsHistory: Bool { get }
    /// Whether its mutations are audited.
    var audited: Bool { get }
    /// Rows that this caller may see at all, over `t`; nil for all. For customers who see what is theirs.
    func visible(to caller: Caller) -> SQL?

    // Hooks, inside the transaction. Refuse with a ``Problem``.

    /// Before the INSERT: compute values, add statements.
    func willCreate(_ draft: inout Draft, _ op: Operation) async throws
    /// After it: what follows from it, and what else to announce.
    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws
    /// After the INSERT of several rows; by default `didCreate` for each. Worth having where each would cost a statement.
    func didCreate(_ mutations: inout [Mutation], _ op: Operation) async throws
    /// Before the UPDATE. `draft.values` are the changes; `draft.before` is the row as it is, locked.
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws
    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws
    /// After the UPDATE of several rows; by default `didUpdate` for each.
    func didUpdate(_ mutations: inout [Mutation], _ op: Operation) async throws
    func willDelete(_ draft: inout Draft, _ op: Operation) async throws
    func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws
    func willRestore(_ draft: inout Draft, _ op: Operation) async throws
    func didRestore(_ mutation: inout Mutation, _ op: Operation) async throws
    /// The event of the mutation itself, which goes before those that hooks announce, for a resource with typed
    /// events. Where it is nil and `events` is generic, the generic one is published.
    func announcement(of mutation: Mutation) throws -> Announcement?
}

extension Resource {
    public var table: String { path }
    public static var migration: Migration? { nil }
    public var component: String { Name.capitalized(entity) }
    public var summary: String { "\(component) rows." }
    public var permissions: ResourcePermissions { ResourcePermissions(path) }
    public var operations: ResourceOperations { .all }
    public var softDelete: Bool { false }
    public var parent: Parent? { nil }
    public var mounts: Set<Route.Mount> { [.tenant, .admin] }
    public var stamps: ResourceStamps { operations.contains(.update) ? .all : [.createdAt, .createdBy] }
    public var defaultSort: String { "-id" }
    public var filters: [Filter] { [] }
    public var sorts: [SortKey] { [] }
    public var expansions: [Expansion] { [] }
    public var writeParameters: [Parameter] { [] }
    public var events: ResourceEvents { operations.writes ? .generic : .none }
    public var keepsHistory: Bool { false }
    public var audited: Bool { operations.writes }
    public func visible(to caller: Caller) -> SQL? { nil }

    public func willCreate(_ draft: inout Draft, _ op: Operation) async throws {}
    public func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {}
    public func didCreate(_ mutations: inout [Mutation], _ op: Operation) async throws {
        for index in mutations.indices { try await didCreate(&mutations[index], op) }
    }
    public func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {}
    public func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {}
    public func didUpdate(_ mutations: inout [Mutation], _ op: Operation) async throws {
        for index in mutations.indices { try await didUpdate(&mutations[index], op) }
    }
    public func willDelete(_ draft: inout Draft, _ op: Operation) async throws {}
    public func didDelete(_ mutation: inout Mutation, _ op: Operation) async throws {}
    public func willRestore(_ draft: inout Draft, _ op: Operation) async throws {}
    public func didRestore(_ mutation: inout Mutation, _ op: Operation) async throws {}
    public func announcement(of mutation: Mutation) throws -> Announcement? { nil }
}

/// Thrown by a hook when the request asks only what it would do: everything is rolled back, and this is the answer.
public struct Preview: Error, Sendable {
    public let json: JSON

    public init(_ json: JSON) { self.json = json }
}

/// The permission that each operation needs.
public struct ResourcePermissions: Sendable {
    public var read: String
    /// Allows reading too, but only what ``Resource/visible(to:)`` leaves to a caller without `read`.
    public var readOwn: String?
    public var create: String
    public var update: String
    public var delete: String

    /// `<path>.read` and `<path>.write`.
    public init(_ path: String) { self.init(read: "\(path).read", write: "\(path).write") }

    public init(read: String, write: String) {
        self.init(read: read, create: write, update: write, delete: write)
    }

    public init(read: String, readOwn: String? = nil, create: String, update: String, delete: String) {
        self.read = read
        self.readOwn = readOwn
        self.create = create
        self.update = update
        self.delete = delete
    }

    var readAccess: Route.Access { readOwn.map { .anyPermission([read, $0]) } ?? .permission(read) }
}

/// What can be done with a resource; everything else is a 405 that says what can.
public struct ResourceOperations: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let list = ResourceOperations(rawValue: 1)
    public static let get = ResourceOperations(rawValue: 2)
    public static let create = ResourceOperations(rawValue: 4)
    public static let update = ResourceOperations(rawValue: 8)
    public static let delete = ResourceOperations(rawValue: 16)
    /// `POST …/{id}/restore`; only where rows are soft-deleted.
    public static let restore = ResourceOperations(rawValue: 32)

    public static let all: ResourceOperations = [.list, .get, .create, .update, .delete, .restore]
    /// Rows are never changed.
    public static let appendOnly: ResourceOperations = [.list, .get, .create]
    /// Rows come from elsewhere.
    public static let readOnly: ResourceOperations = [.list, .get]

    var writes: Bool { !isDisjoint(with: [.create, .update, .delete]) }
}

/// The columns that the engine keeps beside the fields: `version`, `created_at` …
public struct ResourceStamps: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let version = ResourceStamps(rawValue: 1)
    public static let createdAt = ResourceStamps(rawValue: 2)
    public static let updatedAt = ResourceStamps(rawValue: 4)
    public static let createdBy = ResourceStamps(rawValue: 8)
    public static let updatedBy = ResourceStamps(rawValue: 16)

    public static let all: ResourceStamps = [.version, .createdAt, .updatedAt, .createdBy, .updatedBy]
}

/// What a resource is nested under: `tickets/{ticketId}/messages`. Its rows belong to the parent's aggregate.
public struct Parent: Sendable {
    /// `tickets`
    public let path: String
    /// `ticketId`: the path's parameter and the field that refers to the parent.
    public let field: String
    /// `ticket_id`
    public let column: String
    /// `ticket`
    public let entity: String
    let table: String
    let softDelete: Bool
    let hasVersion: Bool
    let visible: @Sendable (Caller) -> SQL?
    /// Loads the parent for a write, where hooks need it.
    let load: (@Sendable (UUID, Operation) async throws -> Record)?

    /// - Parameters:
    ///   - field: by default the parent's entity with `Id`.
    ///   - locked: The parent is loaded and locked before a write, and hooks find it in `draft.parent` and
    ///     `mutation.parent`. Needed where they change it; costs a round trip.
    public static func of<R: Resource>(
        _ resource: R, field: String? = nil, column: String? = nil, locked: Bool = false
    ) -> Parent {
        let field = field ?? Name.camelCase(resource.entity) + "Id"
        var load: (@Sendable (UUID, Operation) async throws -> Record)?
        if locked {
            let store = ResourceStore(resource)
            load = { id, op in try await store.load(id, in: op, forUpdate: true) }
        }
        return Parent(
            path: resource.path, field: field, column: column ?? Name.snakeCase(field), entity: resource.entity,
            table: resource.table, softDelete: resource.softDelete, hasVersion: resource.stamps.contains(.version),
            visible: { resource.visible(to: $0) }, load: load)
    }
}

/// Which events a resource's mutations have.
public enum ResourceEvents: Sendable {
    /// `<entity>.created`, `.updated`, `.deleted` (and `.restored`), declared by the resource itself.
    case generic
    /// Its ``Resource/announcement(of:)`` makes typed ones; these are their contracts, for the documents.
    case typed([EventContract])
    case none
}

/// A filter beyond `field=`: a parameter and the condition it stands for.
///
/// ```swift
/// Filter(Parameter("tag", .text(length: 1...100, format: nil)).list) { filter in
///     """
///     EXISTS (SELECT FROM ticket_tags AS g
///         WHERE g.tenant_id = t.tenant_id AND g.ticket_id = t.id AND g.tag = ANY(\(filter.strings)))
///     """
/// }
/// ```
public struct Filter: Sendable {
    public let parameter: Parameter
    let condition: @Sendable (FilterInput) throws -> SQL

    /// - Parameter condition: over the row `t`.
    public init(_ parameter: Parameter, where condition: @escaping @Sendable (FilterInput) throws -> SQL) {
        self.parameter = parameter
        self.condition = condition
    }
}

/// What a filter's condition is made of.
public struct FilterInput: Sendable {
    public let argument: Argument
    public let caller: Caller
    public let now: Timestamp

    /// What follows a prefixed parameter's prefix.
    public func suffix(after prefix: String) -> String { String(argument.name.dropFirst(prefix.count)) }
    /// `=`, `>=` …
    public var comparison: SQL { argument.comparison.sql }
    /// The first value, bound.
    public var value: SQLValue { argument.values.first ?? .null }
    public var strings: [String] { argument.values.compactMap { if case .text(let text) = $0 { text } else { nil } } }
    public var uuids: [UUID] { argument.values.compactMap { if case .uuid(let id) = $0 { id } else { nil } } }
}

/// A key that lists can be sorted by.
public struct SortKey: Sendable {
    public let name: String
    let kind: Field.Kind
    let expression: SQL
    let isNullable: Bool

    /// - Parameters:
    ///   - kind: of the values; text keys are short.
    ///   - expression: over the row `t`.
    public init(_ name: String, _ kind: Field.Kind, by expression: SQL, nullable: Bool = false) {
        self.name = name
        self.kind = kind
        self.expression = expression
        self.isNullable = nullable
    }
}

/// Something that `expand=` adds to an entity: read beside it, never part of it.
public struct Expansion: Sendable {
    public let name: String
    let summary: String
    let schema: JSON
    let inLists: Bool
    let load: @Sendable (ExpansionInput) async throws -> [UUID: [UInt8]]

    /// - Parameters:
    ///   - inLists: Whether lists can be expanded by it too; then `load` gets a whole page of ids.
    ///   - load: JSON text by the entity's id; what is missing is shown as null.
    public init(
        _ name: String, _ summary: String, schema: JSON = ["type": ["array", "object", "null"]], inLists: Bool = false,
        load: @escaping @Sendable (ExpansionInput) async throws -> [UUID: [UInt8]]
    ) {
        self.name = name
        self.summary = summary
        self.schema = schema
        self.inLists = inLists
        self.load = load
    }
}

/// What an expansion is loaded from.
public struct ExpansionInput {
    public let tx: Transaction
    public let records: [Record]
    public let caller: Caller
    public let now: Timestamp

    public var ids: [UUID] { records.map(\.id) }
    /// The tenants of the records; one, except in an admin request.
    public var tenantIds: [UUID] { Array(Set(records.map(\.tenantId))) }
}
