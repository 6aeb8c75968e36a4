import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The one place that writes a resource's rows. Every mutation runs the resource's hooks, raises the version, and
/// writes its audit row and its events in the same transaction; routes, event handlers and jobs all go through it.
///
/// A create is one round trip; what follows it (audit, events, COMMIT) is a second one.
public struct ResourceStore<R: Resource>: Sendable {
    public let resource: R
    let layout: Layout

    public init(_ resource: R) {
        self.resource = resource
        layout = Layout(resource)
    }

    // MARK: Reading

    /// The row, or a 404. A row that the operation's caller may not see is a 404 too.
    /// - Parameter parentId: the row must belong to this parent.
    public func load(
        _ id: UUID, in op: Operation, parentId: UUID? = nil, forUpdate: Bool = false, deleted: Bool = false
    ) async throws -> Record {
        let record = try await find(
            id, in: op.tx, tenantId: op.isTenantOpen ? nil : op.tenantId, parentId: parentId, caller: op.caller,
            forUpdate: forUpdate, deleted: deleted)
        guard let record else { throw notFound }
        return record
    }

    /// The row, locked and checked against the request's If-Match: what an explicit operation begins with.
    public func loadForChange(_ id: UUID, in op: Operation, parentId: UUID? = nil) async throws -> Record {
        let record = try await load(id, in: op, parentId: parentId, forUpdate: true)
        try op.precondition.check(record.version)
        return record
    }

    /// The row, or nil.
    /// - Parameter tenantId: nil only in an admin transaction that knows no tenant.
    public func find(
        _ id: UUID, in tx: Transaction, tenantId: UUID?, parentId: UUID? = nil, caller: Caller? = nil,
        forUpdate: Bool = false, deleted: Bool = false
    ) async throws -> Record? {
        try await find(
            id, in: tx, tenantId: tenantId, parentId: parentId, caller: caller,
            projection: forUpdate ? layout.written : layout.base, forUpdate: forUpdate, deleted: deleted)
    }

    func find(
        _ id: UUID, in tx: Transaction, tenantId: UUID?, parentId: UUID?, caller: Caller?, projection: Projection,
        forUpdate: Bool = false, deleted: Bool = false
    ) async throws -> Record? {
        var condition: SQL = "t.id = \(id)"
        if let parent = layout.parent, let parentId {
            condition += " AND t.\(identifier: parent.column) = \(parentId)"
            if let seen = parentCondition(parent, parentId, tenantId: tenantId, caller: caller) { condition += seen }
        }
        return try await select(
            condition, projection, in: tx, tenantId: tenantId, caller: caller, forUpdate: forUpdate, deleted: deleted
        ).first
    }

    /// The rows that meet a condition over `t`, for hooks and handlers. `condition` may end in ORDER BY and LIMIT.
    public func select(
        _ condition: SQL, in tx: Transaction, tenantId: UUID?, caller: Caller? = nil, forUpdate: Bool = false,
        deleted: Bool = false
    ) async throws -> [Record] {
        try await select(
            condition, forUpdate ? layout.written : layout.base, in: tx, tenantId: tenantId, caller: caller,
            forUpdate: forUpdate, deleted: deleted)
    }

    private func select(
        _ condition: SQL, _ projection: Projection, in tx: Transaction, tenantId: UUID?, caller: Caller?,
        forUpdate: Bool, deleted: Bool
    ) async throws -> [Record] {
        var sql: SQL = "SELECT \(projection.sql) FROM \(layout.table) AS t WHERE "
        if let tenantId { sql += "t.tenant_id = \(tenantId) AND " }
        if layout.softDelete { sql += deleted ? "t.deleted_at IS NOT NULL AND " : "t.deleted_at IS NULL AND " }
        if let caller, let visible = resource.visible(to: caller) { sql += "(\(visible)) AND " }
        sql += condition
        // Not FOR UPDATE: rows that refer to this one may come and go meanwhile.
        if forUpdate { sql += " FOR NO KEY UPDATE OF t" }
        return try await tx.query(sql).map { try Record($0, projection) }
    }

    /// A row that a statement of one's own has selected: ``columns`` over `t`, and nothing else.
    public func record(_ row: Row) throws -> Record { try Record(row, layout.base) }

    /// What a statement of one's own must select for ``record(_:)``.
    public var columns: SQL { layout.base.sql }

    var notFound: Problem { .notFound("There is no such \(layout.entity).") }

    // MARK: Checking

    /// Checks a body for creation; a 422 with every fault otherwise.
    public func validate(creating body: JSON) throws -> Values { try layout.validator.validate(body, for: .creation) }

    /// Checks a merge patch against a row; a 422 with every fault otherwise.
    public func validate(patching record: Record, with body: JSON) throws -> Values {
        try layout.validator.validate(body, for: .patch) { field in
            record.isNull(field.name) ? nil : try record.json(field.name)
        }
    }

    // MARK: Writing

    /// Writes a new row.
    /// - Parameter values: checked ones, or from code; read-only fields may be among them.
    public func create(
        _ values: Values, id: UUID = .v7(), parentId: UUID? = nil, in op: Operation,
        announcing announcements: [Announcement] = []
    ) async throws -> Record {
        let parent = try await lockedParent(parentId, op)
        var op = op
        if let parent { op = op.on(tenant: parent.tenantId) }
        var draft = Draft(action: .create, id: id, before: nil, parent: parent, values: values)
        draft.announcements = announcements
        for (name, value) in layout.defaults where !draft.values.contains(name) { draft.values[name] = value }
        try await resource.willCreate(&draft, op)
        let row = try await op.tx.first(insertion(draft, parentId: parentId, op))
        // Without a row there was no parent to join with.
        guard let row else { throw parentNotFound }
        let record = try Record(row, layout.written)
        var mutation = self.mutation(draft, before: nil, record: record, changes: [], version: record.version)
        try await resource.didCreate(&mutation, op)
        try finish(mutation, op)
        return record
    }

    /// Changes a row. Values that it has already are no change; without any change and any event, nothing is written.
    /// - Parameters:
    ///   - record: best loaded for update. Otherwise a change that came between is a 409.
    ///   - touching: Raises the version even if no field changes.
    ///   - announcements: Events beside the resource's own.
    public func update(
        _ record: Record, changes: Values, in op: Operation, touching: Bool = false,
        events announcements: [Announcement] = []
    ) async throws -> Record {
        let op = op.on(record)
        let parent = try await lockedParent(parentId(of: record), op)
        var draft = Draft(action: .update, id: record.id, before: record, parent: parent, values: changes)
        draft.announcements = announcements
        try await resource.willUpdate(&draft, op)
        for (name, bound) in draft.values.members {
            if case .value(let value) = bound, try record.has(value, in: name) { draft.values.remove(name) }
        }
        guard !draft.values.isEmpty || touching else {
            if !draft.announcements.isEmpty {
                let silent = mutation(draft, before: record, record: record, changes: [], version: record.version)
                try publish(silent, draft.announcements, op)
            }
            return record
        }
        guard let row = try await op.tx.first(change(of: record, draft, op)) else { throw changedMeanwhile }
        let updated = try Record(row, layout.written)
        var mutation = self.mutation(
            draft, before: record, record: updated, changes: try updated.changes(since: record),
            version: updated.version)
        try await resource.didUpdate(&mutation, op)
        try finish(mutation, op)
        return updated
    }

    /// Deletes a row, or puts it out of sight where rows are soft-deleted.
    public func delete(
        _ record: Record, in op: Operation, events announcements: [Announcement] = []
    ) async throws {
        let op = op.on(record)
        let parent = try await lockedParent(parentId(of: record), op)
        var draft = Draft(action: .delete, id: record.id, before: record, parent: parent, values: Values())
        draft.announcements = announcements
        try await resource.willDelete(&draft, op)
        if layout.softDelete {
            draft.values["deletedAt"] = .timestamp(op.now)
            draft.values["deletedBy"] = op.actorId.map { .uuid($0) } ?? .null
            guard try await op.tx.execute(change(of: record, draft, op)) > 0 else { throw changedMeanwhile }
        } else {
            op.tx.enqueue(
                "DELETE FROM \(layout.table) WHERE tenant_id = \(record.tenantId) AND id = \(record.id)")
        }
        var mutation = self.mutation(
            draft, before: record, record: record, changes: [], version: record.version + 1)
        try await resource.didDelete(&mutation, op)
        try finish(mutation, op)
    }

    /// Brings a soft-deleted row back.
    /// - Parameter record: loaded with `deleted: true`.
    public func restore(
        _ record: Record, in op: Operation, events announcements: [Announcement] = []
    ) async throws -> Record {
        let op = op.on(record)
        let parent = try await lockedParent(parentId(of: record), op)
        var draft = Draft(action: .restore, id: record.id, before: record, parent: parent, values: Values())
        draft.announcements = announcements
        try await resource.willRestore(&draft, op)
        draft.values["deletedAt"] = .null
        draft.values["deletedBy"] = .null
        guard let row = try await op.tx.first(change(of: record, draft, op)) else { throw changedMeanwhile }
        let restored = try Record(row, layout.written)
        var mutation = self.mutation(
            draft, before: record, record: restored, changes: try restored.changes(since: record),
            version: restored.version)
        try await resource.didRestore(&mutation, op)
        try finish(mutation, op)
        return restored
    }

    // MARK: Statements

    private func insertion(_ draft: Draft, parentId: UUID?, _ op: Operation) -> SQL {
        var columns: [SQL] = ["tenant_id", "id"]
        var values: [SQL] = ["\(op.tenantId)", "\(draft.id)"]
        func add(_ column: String, _ value: SQL) {
            columns.append("\(identifier: column)")
            values.append(value)
        }
        if let parent = layout.parent, let parentId { add(parent.column, "\(parentId)") }
        for (name, bound) in draft.values.members { add(column(name), fragment(bound)) }
        let stamps = layout.stamps
        if stamps.contains(.version) { add("version", "1") }
        for (stamp, column) in [(ResourceStamps.createdAt, "created_at"), (.updatedAt, "updated_at")] {
            if stamps.contains(stamp) { add(column, "\(op.now)") }
        }
        for (stamp, column) in [(ResourceStamps.createdBy, "created_by"), (.updatedBy, "updated_by")] {
            if stamps.contains(stamp) { add(column, "\(op.actorId.sqlValue)") }
        }
        var auxiliaries = draft.auxiliaries
        var source: SQL = "VALUES (\(SQL.joined(values)))"
        if let parent = layout.parent, let parentId, draft.parent == nil {
            auxiliaries.append(("the_parent", parentCheck(parent, parentId, op)))
            source = "SELECT \(SQL.joined(values)) FROM the_parent"
        }
        return with(auxiliaries)
            + "INSERT INTO \(layout.table) AS t (\(SQL.joined(columns))) \(source) RETURNING \(layout.written.sql)"
    }

    /// Finds the parent and keeps it as it is until the commit.
    private func parentCheck(_ parent: Parent, _ parentId: UUID, _ op: Operation) -> SQL {
        var sql: SQL = """
            SELECT t.id FROM \(identifier: parent.table) AS t \
            WHERE t.tenant_id = \(op.tenantId) AND t.id = \(parentId)
            """
        if parent.softDelete { sql += " AND t.deleted_at IS NULL" }
        if let caller = op.caller, let visible = parent.visible(caller) { sql += " AND (\(visible))" }
        return sql + " FOR SHARE"
    }

    private func change(of record: Record, _ draft: Draft, _ op: Operation) -> SQL {
        var assignments = draft.values.members.map { name, bound -> SQL in
            "\(identifier: column(name)) = \(fragment(bound))"
        }
        let stamps = layout.stamps
        if stamps.contains(.version) { assignments.append("version = t.version + 1") }
        if stamps.contains(.updatedAt) { assignments.append("updated_at = \(op.now)") }
        if stamps.contains(.updatedBy) { assignments.append("updated_by = \(op.actorId.sqlValue)") }
        var sql = with(draft.auxiliaries)
        sql += "UPDATE \(layout.table) AS t SET \(SQL.joined(assignments)) "
        sql += "WHERE t.tenant_id = \(record.tenantId) AND t.id = \(record.id)"
        if stamps.contains(.version) { sql += " AND t.version = \(record.version)" }
        return sql + " RETURNING \(layout.written.sql)"
    }

    private func with(_ auxiliaries: [(name: String, sql: SQL)]) -> SQL {
        if auxiliaries.isEmpty { return .empty }
        return "WITH " + SQL.joined(auxiliaries.map { "\(identifier: $0.name) AS (\($0.sql))" }) + " "
    }

    func column(_ name: String) -> String {
        guard let field = layout.byName[name], field.expression == nil else {
            preconditionFailure("\(layout.entity) has no column for \(name)")
        }
        return field.column
    }

    private func fragment(_ bound: Values.Bound) -> SQL {
        switch bound {
        case .expression(let sql): sql
        case .value(.null): "NULL"
        case .value(let value): "\(value)"
        }
    }

    /// What stands under a deleted parent, or under one that the caller may not see, is not there either. Nil where
    /// neither can be.
    private func parentCondition(_ parent: Parent, _ parentId: UUID, tenantId: UUID?, caller: Caller?) -> SQL? {
        let visible = caller.flatMap { parent.visible($0) }
        guard parent.softDelete || visible != nil else { return nil }
        var sql: SQL = " AND EXISTS (SELECT FROM \(identifier: parent.table) AS t WHERE t.id = \(parentId)"
        if let tenantId { sql += " AND t.tenant_id = \(tenantId)" }
        if parent.softDelete { sql += " AND t.deleted_at IS NULL" }
        if let visible { sql += " AND (\(visible))" }
        return sql + ")"
    }

    // MARK: Consequences

    private func lockedParent(_ parentId: UUID?, _ op: Operation) async throws -> Record? {
        guard let load = layout.parent?.load, let parentId else { return nil }
        return try await load(parentId, op)
    }

    func parentId(of record: Record) -> UUID? { layout.parent.flatMap { record.uuid($0.field) } }

    private var parentNotFound: Problem { .notFound("There is no such \(layout.parent?.entity ?? "parent").") }

    var changedMeanwhile: Problem {
        .conflict("The \(layout.entity) was changed at the same moment; read it again.", code: "changed_meanwhile")
    }

    func mutation(
        _ draft: Draft, before: Record?, record: Record, changes: [Mutation.FieldChange], version: Int64
    ) -> Mutation {
        var aggregate = Aggregate(type: layout.entity, id: record.id)
        var version = version
        if let parent = layout.parent, let parentId = parentId(of: record) {
            aggregate = Aggregate(type: parent.entity, id: parentId)
            version = draft.parent?.version ?? record.parentVersion ?? 1
        }
        return Mutation(
            action: draft.action, before: before, record: record, parent: draft.parent, aggregate: aggregate,
            version: version, changes: changes, announcements: draft.announcements)
    }

    private func finish(_ mutation: Mutation, _ op: Operation) throws {
        if layout.audited { op.tx.enqueue(try Audit.insertion(mutation, entity: layout.entity, op)) }
        try announce(mutation, op)
    }

    /// Publishes a mutation's own event and those beside it.
    func announce(_ mutation: Mutation, _ op: Operation) throws {
        let own = try resource.announcement(of: mutation) ?? GenericEvents.announcement(of: mutation, in: layout)
        try publish(mutation, (own.map { [$0] } ?? []) + mutation.announcements, op)
    }

    private func publish(_ mutation: Mutation, _ announcements: [Announcement], _ op: Operation) throws {
        for announcement in announcements {
            try announcement.publish(in: op, aggregate: mutation.aggregate, version: mutation.version)
        }
    }
}
