import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is done to a row.
public enum MutationAction: String, Sendable, Hashable {
    case create, update, delete, restore

    /// The event's verb.
    var pastTense: String {
        switch self {
        case .create: "created"
        case .update: "updated"
        case .delete: "deleted"
        case .restore: "restored"
        }
    }
}

/// A mutation before it is written: hooks look at it, change it, or refuse it.
public struct Draft: Sendable {
    public let action: MutationAction
    public let id: UUID
    /// The row as it is; nil at creation.
    public let before: Record?
    /// The parent, where the declaration says that it is loaded.
    public let parent: Record?
    /// What will be written: at creation the whole row, else the changes.
    public var values: Values
    /// Events beside the mutation's own.
    public internal(set) var announcements: [Announcement] = []
    private(set) var auxiliaries: [(name: String, sql: SQL)] = []

    init(action: MutationAction, id: UUID, before: Record?, parent: Record?, values: Values) {
        self.action = action
        self.id = id
        self.before = before
        self.parent = parent
        self.values = values
    }

    /// A field's value as it will be: the one being set, else the present one. Nil where SQL sets it.
    public func string(_ name: String) -> String? {
        values.contains(name) ? values.string(name) : before?.string(name)
    }

    public func uuid(_ name: String) -> UUID? { values.contains(name) ? values.uuid(name) : before?.uuid(name) }
    public func timestamp(_ name: String) -> Timestamp? {
        values.contains(name) ? values.timestamp(name) : before?.timestamp(name)
    }

    /// Adds a statement to the same round trip, as `WITH name AS (sql)`, whose result the row's values can use:
    ///
    /// ```swift
    /// draft.with("counter", """
    ///     INSERT INTO ticket_counters AS c (tenant_id, last_number) VALUES (\(op.tenantId), 1)
    ///     ON CONFLICT (tenant_id) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number
    ///     """)
    /// draft.values.set("number", sql: "(SELECT last_number FROM counter)")
    /// ```
    public mutating func with(_ name: String, _ sql: SQL) { auxiliaries.append((name, sql)) }

    /// Publishes an event with the mutation, after its own.
    public mutating func announce(_ event: some Event) { announcements.append(.event(event)) }
}

/// A mutation that has been written, before its audit and events are.
public struct Mutation: Sendable {
    public let action: MutationAction
    /// The row as it was; nil at creation.
    public let before: Record?
    /// The row as it is; after a deletion, as it was.
    public let record: Record
    public let parent: Record?
    /// The aggregate whose events these are: the row itself, or its parent.
    public let aggregate: Aggregate
    /// The aggregate's version, which the events of this change share. A hook that changes the parent sets the
    /// parent's new one.
    public var version: Int64
    /// The fields that GET shows and that have changed.
    public let changes: [FieldChange]
    public internal(set) var announcements: [Announcement]

    /// One field of a change.
    public struct FieldChange: Sendable {
        public let name: String
        public let previous: [UInt8]
        public let new: [UInt8]
    }

    /// Whether a field has changed.
    public func changed(_ name: String) -> Bool { changes.contains { $0.name == name } }

    /// Publishes an event with the change, after the mutation's own.
    public mutating func announce(_ event: some Event) { announcements.append(.event(event)) }

    public mutating func announce(_ announcement: Announcement) { announcements.append(announcement) }

    /// `updatedFields` and `changes` for an updated event.
    public var updatedFields: [String] { changes.map(\.name) }

    public func changesByField() throws -> [String: Change] {
        var result: [String: Change] = [:]
        for change in changes {
            result[change.name] = Change(previous: try JSON.parse(change.previous), new: try JSON.parse(change.new))
        }
        return result
    }
}

/// An event to be published with a mutation: a typed one, or one whose contract is a value.
public enum Announcement: Sendable {
    case event(any Event)
    /// A contract, and the payload beside the envelope.
    case fields(EventContract, JSONObject)

    func publish(in op: Operation, aggregate: Aggregate, version: Int64) throws {
        switch self {
        case .event(let event):
            try publish(event, in: op, version: version)
        case .fields(let contract, let fields):
            try op.tx.publish(
                EventDraft(
                    contract: contract, aggregate: aggregate, fields: fields, version: version, actor: op.actor,
                    occurredAt: op.now, causationId: op.causationId, tenantId: op.tenantId))
        }
    }

    private func publish(_ event: some Event, in op: Operation, version: Int64) throws {
        try op.tx.publish(
            event, version: version, actor: op.actor, occurredAt: op.now, causationId: op.causationId,
            tenantId: op.tenantId)
    }
}

extension Operation {
    /// Nil leaves it to the context: a request has bound its id there, an event handler its event's.
    var causationId: String? { requestId.isEmpty ? nil : requestId }
}

/// The events that a plain resource has without declaring them.
enum GenericEvents {
    static func actions<R: Resource>(of resource: R) -> [MutationAction] {
        // One that asks for events and is written by routes of its own may be written in any way.
        let operations = resource.operations.writes ? resource.operations : .all
        var actions: [MutationAction] = []
        // What is changed or deleted here was created, if by a route of its own.
        if operations.writes { actions.append(.create) }
        if operations.contains(.update) { actions.append(.update) }
        if operations.contains(.delete) { actions.append(.delete) }
        if operations.contains(.restore), resource.softDelete { actions.append(.restore) }
        return actions
    }

    static func announcement(of mutation: Mutation, in layout: Layout) throws -> Announcement? {
        guard let contract = layout.contracts[mutation.action] else { return nil }
        var fields: JSONObject = [layout.idField: .uuid(mutation.record.id)]
        if let parent = layout.parent, let parentId = mutation.record.uuid(parent.field) {
            fields[parent.field] = .uuid(parentId)
        }
        switch mutation.action {
        case .create, .restore, .delete:
            fields["snapshot"] = try mutation.record.json()
        case .update:
            fields["updatedFields"] = .array(mutation.updatedFields.map { .string($0) })
            var changes = JSONObject()
            for change in mutation.changes {
                changes[change.name] = ["previous": try JSON.parse(change.previous), "new": try JSON.parse(change.new)]
            }
            fields["changes"] = .object(changes)
        }
        return .fields(contract, fields)
    }

    /// A contract without its owner, which the service that serves the resource adds.
    static func contract(
        _ action: MutationAction, entity: String, idField: String, parent: Parent?, fields: [Field]
    ) -> EventContract {
        var properties: JSONObject = [idField: JSONSchema.uuid]
        var example: JSONObject = [idField: Field.Kind.uuid.example]
        if let parent {
            properties[parent.field] = JSONSchema.uuid
            example[parent.field] = Field.Kind.uuid.example
        }
        switch action {
        case .create, .delete, .restore:
            properties["snapshot"] = FieldSchema.entity(fields.filter { $0.expand == nil })
            example["snapshot"] = FieldSchema.entityExample(fields)
        case .update:
            properties["updatedFields"] = JSONSchema.array(of: JSONSchema.string())
            properties["changes"] = JSONSchema.object(additionalProperties: JSONSchema.of(Change.self))
            example["updatedFields"] = ["version"]
            example["changes"] = ["version": ["previous": 1, "new": 2]]
        }
        return EventContract(
            name: "\(entity).\(action.pastTense)", summary: "A \(Name.words(entity)) was \(action.pastTense).",
            category: entity, owner: "", status: .emitted,
            fields: JSONSchema.object(properties: properties, required: properties.keys), exampleFields: example)
    }
}
