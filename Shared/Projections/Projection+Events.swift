// Keeps a projection from events: a batch of them is one statement.

import Contracts
import Database
import Messaging

extension Projection: BatchEventHandler {
    /// What the inbox remembers handled events under.
    public var name: String { "project_\(table)" }

    public var patterns: [String] {
        ["created", "updated", "deleted", "restored"].map { "\(entity).\($0)" } + facts.keys.sorted()
    }

    /// Each field knows how late it is.
    public var isRepeatable: Bool { true }

    public func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        let rows = try rows(of: messages).sorted { $0.key < $1.key }
        guard !rows.isEmpty else { return }
        tx.enqueue(upsert(rows))
    }

    /// Writes the rows in one statement, field by field where they know more than the table. A row that knows nothing
    /// new writes nothing.
    func upsert(_ rows: [(key: EntityKey, value: ProjectedRow)]) -> SQL {
        statement.head + "\(Projection.json(rows, fields))" + statement.tail
    }

    /// What stands before and after the one bound value, the rows as JSON. Names and types come from the declaration.
    static func statement(table: String, fields: [ProjectedField]) -> (head: SQL, tail: SQL) {
        let columns = fields.map { "\"\($0.column)\"" }
        let names = columns.joined(separator: ", ")
        let typed = fields.map { "\"\($0.column)\" \($0.sqlType)" }.joined(separator: ", ")
        let later = columns.indices.map { "excluded.sequences[\($0 + 1)] > COALESCE(t.sequences[\($0 + 1)], 0)" }
        let sequences = columns.indices.map { "GREATEST(excluded.sequences[\($0 + 1)], t.sequences[\($0 + 1)])" }
        let updates = zip(columns, later).map { "\($0) = CASE WHEN \($1) THEN excluded.\($0) ELSE t.\($0) END" }
        let head = SQL(
            unsafe: """
                INSERT INTO "\(table)" AS t (tenant_id, id, last_sequence, sequences, \(names))
                SELECT tenant_id, id, last_sequence, sequences, \(names)
                FROM json_to_recordset(
                """)
        let tail = SQL(
            unsafe: """
                ::json) AS r (tenant_id uuid, id uuid, last_sequence bigint, sequences bigint[], \(typed))
                ON CONFLICT (tenant_id, id) DO UPDATE SET
                    last_sequence = GREATEST(excluded.last_sequence, t.last_sequence),
                    sequences = ARRAY[\(sequences.joined(separator: ", "))],
                    \(updates.joined(separator: ",\n    "))
                WHERE excluded.last_sequence > t.last_sequence OR \(later.joined(separator: " OR "))
                """)
        return (head, tail)
    }

    private static func json(_ rows: [(key: EntityKey, value: ProjectedRow)], _ fields: [ProjectedField]) -> String {
        var json = JSONWriter(reservingCapacity: rows.count * 512)
        json.beginArray()
        for (key, row) in rows {
            json.beginObject()
            json.key("tenant_id")
            json.uuid(key.tenantId)
            json.key("id")
            json.uuid(key.id)
            json.key("last_sequence")
            json.int(row.lastSequence)
            json.key("sequences")
            json.beginArray()
            for sequence in row.sequences { json.int(sequence) }
            json.endArray()
            for (field, value) in zip(fields, row.values) {
                guard let value else { continue }
                json.key(field.column)
                json.value(value)
            }
            json.endObject()
        }
        json.endArray()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
