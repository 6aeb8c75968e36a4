import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an entity went through, as its audit tells it; and from that, the entity at any time.
public struct AuditHistory: Sendable {
    /// One change.
    public struct Entry: Sendable, Hashable {
        /// `create`, `update` or `delete`.
        public var action: String
        /// The entity's version afterwards.
        public var version: Int64
        public var actorId: UUID?
        public var occurredAt: Timestamp
        /// As the audit keeps it.
        public var changes: JSONObject

        public init(action: String, version: Int64, actorId: UUID?, occurredAt: Timestamp, changes: JSONObject) {
            self.action = action
            self.version = version
            self.actorId = actorId
            self.occurredAt = occurredAt
            self.changes = changes
        }
    }

    /// In the order of versions.
    public var entries: [Entry]

    public init(entries: [Entry]) { self.entries = entries }

    /// The entity as GET showed it; nil where there was none, or a deleted one.
    ///
    /// The audit leaves out what it says in columns of its own: version, `updatedAt` and, where the same person changes an
    /// entity again, `updatedBy` come from there.
    public func entity(asOf instant: Timestamp, stamps: ResourceStamps = .all) -> JSONObject? {
        var entity: JSONObject = [:]
        var isThere = false
        for entry in entries where entry.occurredAt <= instant {
            switch entry.action {
            case "create":
                entity = entry.changes["created"]?.objectValue ?? [:]
                isThere = true
            case "delete":
                isThere = false
            default:
                for (field, change) in entry.changes {
                    if field == "deletedAt" { isThere = true }
                    if entity.contains(field) { entity[field] = change["new"] ?? .null }
                }
            }
            if stamps.contains(.version) { entity["version"] = .int(entry.version) }
            if stamps.contains(.updatedBy) { entity["updatedBy"] = entry.actorId.map { .uuid($0) } ?? .null }
            if stamps.contains(.updatedAt) { entity["updatedAt"] = .timestamp(entry.occurredAt) }
        }
        return isThere ? entity : nil
    }
}

extension ResourceStore {
    /// The entity as it stood at an instant, or a 404. One that has been deleted since can still be read as it was; whoever
    /// sees only some rows must still be able to see it.
    func entity(
        _ id: UUID, asOf instant: Timestamp, in tx: Transaction, tenantId: UUID?, caller: Caller
    ) async throws -> JSON {
        var record = try await find(id, in: tx, tenantId: tenantId, caller: caller)
        if record == nil, layout.softDelete {
            record = try await find(id, in: tx, tenantId: tenantId, caller: caller, deleted: true)
        }
        guard let record else { throw notFound }
        let rows = try await tx.query(
            """
            SELECT action, entity_version, coalesce(actor_user_id, actor_contact_id), occurred_at, changes FROM audits
            WHERE tenant_id = \(record.tenantId) AND aggregate_id = \(id) AND entity_id = \(id)
                AND entity_type = \(layout.entity)
            ORDER BY entity_version
            """)
        let entries = try rows.map { row in
            AuditHistory.Entry(
                action: try row.get(0), version: try row.get(1), actorId: try row.get(2), occurredAt: try row.get(3),
                changes: try row.get(4))
        }
        guard let entity = AuditHistory(entries: entries).entity(asOf: instant, stamps: layout.stamps) else {
            throw notFound
        }
        return .object(entity)
    }
}
