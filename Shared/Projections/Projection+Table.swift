// The table of a projection, made from its declaration.

import Database

extension Projection {
    /// Creates the table of each projection. What is added to a declaration later needs a migration of its own.
    public static func migration(version: Int, _ projections: [Projection]) -> Migration {
        Migration(
            version: version, name: "projections",
            sql: projections.map(\.createTable).joined(separator: "\n"))
    }

    private var createTable: String {
        let columns = fields.map { "    \"\($0.column)\" \($0.sqlType)" }.joined(separator: ",\n")
        return """
            CREATE TABLE "\(table)" (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                last_sequence bigint NOT NULL,
                sequences bigint[] NOT NULL,
            \(columns),
                CONSTRAINT "\(table)_pkey" PRIMARY KEY (tenant_id, id)
            ) WITH (fillfactor = 85);
            CREATE INDEX "\(table)_id_idx" ON "\(table)" (id);
            SELECT secure_tenant_table('\(table)');
            """
    }
}
