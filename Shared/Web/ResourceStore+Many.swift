import Contracts
import Database

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
            FROM jsonb_to_recordset(\(.jsonText(json(drafts, names)))) AS r (\(SQL.joined(types)))
            RETURNING \(layout.written.sql)
            """
    }

    private func json(_ drafts: [Draft], _ names: [String]) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: drafts.count * 512)
        writer.beginArray()
        for draft in drafts {
            writer.beginObject()
            writer.key("id")
            writer.uuid(draft.id)
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
