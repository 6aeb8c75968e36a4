import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ResourceStore {
    /// Writes several new rows in one statement, with their audit in another: for imports. Each row goes through the same
    /// hooks and has the same audit and events as one that is written alone.
    /// - Parameter rows: their ids and values, checked or from code; SQL can't be among the values, nor a parent.
    /// - Returns: the rows, in the order of `rows`.
    @discardableResult
    public func create(many rows: [(id: UUID, values: Values)], in op: Operation) async throws -> [Record] {
        precondition(layout.parent == nil, "\(layout.entity) is nested: its rows are created one by one")
        guard !rows.isEmpty else { return [] }
        var drafts: [Draft] = []
        drafts.reserveCapacity(rows.count)
        for (id, values) in rows {
            var draft = Draft(action: .create, id: id, before: nil, parent: nil, values: values)
            for (name, value) in layout.defaults where !draft.values.contains(name) { draft.values[name] = value }
            try await resource.willCreate(&draft, op)
            precondition(draft.auxiliaries.isEmpty, "\(layout.entity): a row of many has no statement of its own")
            drafts.append(draft)
        }
        var records: [UUID: Record] = [:]
        for row in try await op.tx.query(insertion(of: drafts, op)) {
            let record = try Record(row, layout.written)
            records[record.id] = record
        }
        var mutations = try drafts.map { draft in
            guard let record = records[draft.id] else {
                throw DatabaseError(.decoding, "an inserted row did not come back")
            }
            return mutation(draft, before: nil, record: record, changes: [], version: record.version)
        }
        try await resource.didCreate(&mutations, op)
        if layout.audited { op.tx.enqueue(try Audit.insertion(of: mutations, entity: layout.entity, op)) }
        for mutation in mutations { try announce(mutation, op) }
        return mutations.map(\.record)
    }

    /// Changes several rows, those with the same fields in one statement. Each goes through the same hooks and has the same
    /// audit and events as one that is changed alone.
    /// - Parameter updates: different rows, locked, of one tenant; what each is to have; what brought it about, where that is
    ///   not what the task's context says. SQL can't be among the values.
    /// - Returns: the rows as they are then, in the order of `updates`.
    @discardableResult
    public func update(
        many updates: [(record: Record, changes: Values, causationId: String?)], in op: Operation
    ) async throws -> [Record] {
        precondition(layout.parent == nil, "\(layout.entity) is nested: its rows are changed one by one")
        let op = updates.reduce(op) { $0.on($1.record) }
        var changes: [(draft: Draft, record: Record, causationId: String?)] = []
        for (record, values, causationId) in updates {
            var draft = Draft(action: .update, id: record.id, before: record, parent: nil, values: values)
            try await resource.willUpdate(&draft, op)
            precondition(draft.auxiliaries.isEmpty, "\(layout.entity): a row of many has no statement of its own")
            for (name, bound) in draft.values.members {
                if case .value(let value) = bound, try record.has(value, in: name) { draft.values.remove(name) }
            }
            if !draft.values.isEmpty { changes.append((draft, record, causationId)) }
        }
        var changed: [UUID: Record] = [:]
        let byFields = Dictionary(grouping: changes) { $0.draft.values.names.sorted() }
        for (names, changes) in byFields.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            for row in try await op.tx.query(change(of: changes.map { ($0.draft, $0.record.version) }, names, op)) {
                let record = try Record(row, layout.written)
                changed[record.id] = record
            }
        }
        var mutations = try changes.map { draft, before, _ in
            guard let record = changed[draft.id] else { throw changedMeanwhile }
            return mutation(
                draft, before: before, record: record, changes: try record.changes(since: before),
                version: record.version)
        }
        guard !mutations.isEmpty else { return updates.map(\.record) }
        try await resource.didUpdate(&mutations, op)
        if layout.audited { op.tx.enqueue(try Audit.insertion(of: mutations, entity: layout.entity, op)) }
        for (mutation, change) in zip(mutations, changes) {
            var context = MessagingContext.current
            context.causationId = change.causationId ?? context.causationId
            try MessagingContext.$current.withValue(context) { try announce(mutation, op) }
        }
        return updates.map { changed[$0.record.id] ?? $0.record }
    }

    private func change(of changes: [(draft: Draft, version: Int64)], _ names: [String], _ op: Operation) -> SQL {
        var assignments: [SQL] = []
        var types: [SQL] = ["id uuid", "row_version bigint"]
        for name in names {
            let column: SQL = "\(identifier: column(name))"
            assignments.append(column + " = r." + column)
            types.append(column + " " + (layout.byName[name]?.kind.sqlType ?? "text"))
        }
        let stamps = layout.stamps
        if stamps.contains(.version) { assignments.append("version = t.version + 1") }
        if stamps.contains(.updatedAt) { assignments.append("updated_at = \(op.now)") }
        if stamps.contains(.updatedBy) { assignments.append("updated_by = \(op.actorId.sqlValue)") }
        let rows = json(changes.map { ($0.draft, $0.version) })
        var sql: SQL = """
            UPDATE \(layout.table) AS t SET \(SQL.joined(assignments))
            FROM jsonb_to_recordset(\(.jsonText(rows))) AS r (\(SQL.joined(types)))
            WHERE t.tenant_id = \(op.tenantId) AND t.id = r.id
            """
        if stamps.contains(.version) { sql += " AND t.version = r.row_version" }
        return sql + " RETURNING \(layout.written.sql)"
    }

    /// The rows travel as one JSON parameter: a statement whose text does not depend on how many they are is prepared once.
    private func insertion(of drafts: [Draft], _ op: Operation) -> SQL {
        var names: [String] = []
        for draft in drafts {
            for name in draft.values.names where !names.contains(name) { names.append(name) }
        }
        var columns: [SQL] = ["tenant_id", "id"]
        var values: [SQL] = ["\(op.tenantId)", "r.id"]
        let stamps = layout.stamps
        if stamps.contains(.version) { (columns, values) = (columns + ["version"], values + ["1"]) }
        for (stamp, column) in [(ResourceStamps.createdAt, "created_at"), (.updatedAt, "updated_at")] {
            if stamps.contains(stamp) {
                columns.append("\(identifier: column)")
                values.append("\(op.now)")
            }
        }
        for (stamp, column) in [(ResourceStamps.createdBy, "created_by"), (.updatedBy, "updated_by")] {
            if stamps.contains(stamp) {
                columns.append("\(identifier: column)")
                values.append("\(op.actorId.sqlValue)")
            }
        }
        var types: [SQL] = ["id uuid"]
        for name in names {
            let column: SQL = "\(identifier: column(name))"
            columns.append(column)
            values.append("r." + column)
            types.append(column + " " + (layout.byName[name]?.kind.sqlType ?? "text"))
        }
        return """
            INSERT INTO \(layout.table) AS t (\(SQL.joined(columns)))
            SELECT \(SQL.joined(values))
            FROM jsonb_to_recordset(\(.jsonText(json(drafts.map { ($0, nil) })))) AS r (\(SQL.joined(types)))
            RETURNING \(layout.written.sql)
            """
    }

    private func json(_ rows: [(draft: Draft, version: Int64?)]) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: rows.count * 512)
        writer.beginArray()
        for (draft, version) in rows {
            writer.beginObject()
            writer.key("id")
            writer.uuid(draft.id)
            if let version {
                writer.key("row_version")
                writer.int(version)
            }
            for (name, bound) in draft.values.members {
                guard case .value(let value) = bound else {
                    preconditionFailure("\(layout.entity).\(name): SQL can't be a value of a row of many")
                }
                writer.key(column(name))
                value.write(to: &writer)
            }
            writer.endObject()
        }
        writer.endArray()
        return writer.bytes
    }
}

extension Field.Kind {
    /// The type of the column, for values that travel as JSON.
    fileprivate var sqlType: SQL {
        switch self {
        case .text, .choice: "text"
        case .integer: "bigint"
        case .number: "double precision"
        case .boolean: "boolean"
        case .uuid: "uuid"
        case .timestamp: "timestamptz"
        case .date: "date"
        case .json: "jsonb"
        case .strings: "text[]"
        case .uuids: "uuid[]"
        }
    }
}
