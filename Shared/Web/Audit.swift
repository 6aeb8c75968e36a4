import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The audit: one row for each mutation, in its transaction.
enum Audit {
    /// The audit says these in columns of its own.
    private static let omitted: Set<String> = ["updatedAt", "version"]

    static func insertion(_ mutation: Mutation, entity: String, _ op: Operation) throws -> SQL {
        let record = mutation.record
        return """
            INSERT INTO audits (\(columns)) VALUES (
                \(op.tenantId), \(mutation.aggregate.id), \(UUID.v7()), \(mutation.aggregate.type), \(entity),
                \(record.id), \(version(mutation)), \(action(mutation)), \(op.actor.type.rawValue),
                \(op.actor.userId.sqlValue), \(op.actor.contactId.sqlValue), \(op.actorName), \(op.requestId),
                \(.jsonText(try changes(mutation))), \(op.now)
            )
            """
    }

    /// One statement for several mutations of an operation.
    static func insertion(of mutations: [Mutation], entity: String, _ op: Operation) throws -> SQL {
        let bodies = try mutations.map { String(decoding: try changes($0), as: UTF8.self) }
        return """
            INSERT INTO audits (\(columns))
            SELECT \(op.tenantId), a.aggregate_id, a.id, a.aggregate_type, \(entity), a.entity_id, a.version, a.action,
                \(op.actor.type.rawValue), \(op.actor.userId.sqlValue), \(op.actor.contactId.sqlValue), \(op.actorName),
                \(op.requestId), a.changes::jsonb, \(op.now)
            FROM unnest(
                \(mutations.map(\.aggregate.id)), \(mutations.map { _ in UUID.v7() }), \(mutations.map(\.aggregate.type)),
                \(mutations.map(\.record.id)), \(mutations.map(version)), \(mutations.map(action)), \(bodies)
            ) AS a (aggregate_id, id, aggregate_type, entity_id, version, action, changes)
            """
    }

    private static let columns: SQL = """
        tenant_id, aggregate_id, id, aggregate_type, entity_type, entity_id, entity_version, action, actor_type,
        actor_user_id, actor_contact_id, actor_name, request_id, changes, occurred_at
        """

    private static func action(_ mutation: Mutation) -> String {
        switch mutation.action {
        case .create: "create"
        case .update, .restore: "update"
        case .delete: "delete"
        }
    }

    private static func version(_ mutation: Mutation) -> Int64 {
        mutation.action == .delete ? mutation.record.version + 1 : mutation.record.version
    }

    /// `{"created": {…}}`, `{"field": {"old": …, "new": …}}` or `{"deleted": {…}}`.
    private static func changes(_ mutation: Mutation) throws -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1_024)
        writer.beginObject()
        switch mutation.action {
        case .create:
            writer.key("created")
            try mutation.record.write(to: &writer, leavingOut: omitted)
        case .delete:
            writer.key("deleted")
            try mutation.record.write(to: &writer, leavingOut: omitted)
        case .update, .restore:
            for change in mutation.changes where !omitted.contains(change.name) {
                write(change.name, old: change.previous, new: change.new, to: &writer)
            }
            if mutation.action == .restore, let before = mutation.before, !mutation.changed("deletedAt") {
                write("deletedAt", old: try before.jsonBytes("deletedAt"), new: Array("null".utf8), to: &writer)
            }
        }
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ name: String, old: [UInt8], new: [UInt8], to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        writer.key("old")
        writer.raw(old)
        writer.key("new")
        writer.raw(new)
        writer.endObject()
    }
}

/// The audit as a resource: `audits`, or nested under what it is about (`tickets/{ticketId}/audits`), with all that
/// was done to the rows of that aggregate.
public struct AuditTrail: Resource {
    public let path = "audits"
    public let entity = "audit"
    public let summary = "Who did what to which row."
    public let operations: ResourceOperations = .readOnly
    public let stamps: ResourceStamps = []
    public let permissions: ResourcePermissions
    public let parent: Parent?
    public let component: String

    /// The trail of the whole service.
    public init(permission: String = "audits.read") {
        permissions = ResourcePermissions(read: permission, write: permission)
        parent = nil
        component = "Audit"
    }

    /// The trail of one aggregate, under its resource.
    public init<R: Resource>(of resource: R, permission: String? = nil) {
        let permission = permission ?? resource.permissions.read
        permissions = ResourcePermissions(read: permission, write: permission)
        parent = .of(resource, column: "aggregate_id")
        component = resource.component + "Audit"
    }

    public var fields: [Field] {
        let aggregate: [Field] =
            parent == nil
            ? [.uuid("aggregateId").readOnly.notNull.filterable.described("What the row belongs to.")] : []
        return aggregate + [
            .text("aggregateType").readOnly.notNull,
            .text("entityType").readOnly.notNull.filterable.described("What was changed: ticket, ticket_message …"),
            .uuid("entityId").readOnly.notNull.filterable,
            .integer("entityVersion").readOnly.notNull.described("Its version afterwards."),
            .choice("action", ["create", "update", "delete"]).readOnly.notNull.filterable,
            .choice("actorType", ActorType.self).readOnly.notNull.filterable,
            .uuid("actorUserId").readOnly.filterable,
            .uuid("actorContactId").readOnly.filterable,
            .text("actorName").readOnly.notNull,
            .text("requestId").readOnly.notNull.filterable,
            .json("changes").readOnly.notNull
                .described("`{created}`, `{deleted}`, or `{field: {old, new}}` for each changed field.")
                .example(["title": ["old": "Helo", "new": "Hello"]]),
            .timestamp("occurredAt").readOnly.notNull.rangeFilterable,
        ]
    }
}
