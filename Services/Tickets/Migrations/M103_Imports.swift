// Imports: the uploaded file in pieces, how far it is read, what became of its rows.
import Database

extension Migration {
    /// The file lies in the database, so that any instance can go on with an import whose instance died.
    static let imports = Migration(
        version: 103, name: "imports",
        sql: """
            CREATE TABLE ticket_imports (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                status text NOT NULL,
                format text NOT NULL,
                dry_run boolean NOT NULL,
                mapping jsonb NOT NULL,
                delimiter text,
                file_name text,
                total_bytes bigint NOT NULL,
                processed_bytes bigint NOT NULL,
                content_hash text,
                total_rows bigint,
                processed_rows bigint NOT NULL,
                created_rows bigint NOT NULL,
                skipped_rows bigint NOT NULL,
                failed_rows bigint NOT NULL,
                failure text,
                started_at timestamptz(3),
                finished_at timestamptz(3),
                next_line bigint NOT NULL,
                header text[],
                actor jsonb NOT NULL,
                actor_name text NOT NULL,
                request_id text NOT NULL,
                lease_owner uuid,
                lease_expires_at timestamptz(3),
                CONSTRAINT ticket_imports_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_imports_status_check CHECK (status IN (
                    'uploading', 'queued', 'running', 'completed', 'failed', 'cancelled')),
                CONSTRAINT ticket_imports_format_check CHECK (format IN ('csv', 'ndjson'))
            ) WITH (fillfactor = 50);
            CREATE INDEX ticket_imports_unfinished_idx ON ticket_imports (tenant_id, id)
                WHERE status IN ('uploading', 'queued', 'running');
            CREATE INDEX ticket_imports_id_idx ON ticket_imports USING hash (id);
            SELECT secure_tenant_table('ticket_imports');

            CREATE TABLE ticket_import_chunks (
                tenant_id uuid NOT NULL,
                import_id uuid NOT NULL,
                start_offset bigint NOT NULL,
                bytes bytea NOT NULL,
                CONSTRAINT ticket_import_chunks_pkey PRIMARY KEY (tenant_id, import_id, start_offset),
                CONSTRAINT ticket_import_chunks_import_id_fkey FOREIGN KEY (tenant_id, import_id)
                    REFERENCES ticket_imports (tenant_id, id) ON DELETE CASCADE
            );
            ALTER TABLE ticket_import_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
            SELECT secure_tenant_table('ticket_import_chunks');

            CREATE TABLE ticket_import_rows (
                tenant_id uuid NOT NULL,
                content_hash text NOT NULL,
                row_number bigint NOT NULL,
                ticket_id uuid NOT NULL,
                CONSTRAINT ticket_import_rows_pkey PRIMARY KEY (tenant_id, content_hash, row_number)
            );
            SELECT secure_tenant_table('ticket_import_rows');

            CREATE TABLE ticket_import_errors (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                import_id uuid NOT NULL,
                line bigint NOT NULL,
                row_number bigint NOT NULL,
                field text,
                code text NOT NULL,
                detail text NOT NULL,
                created_at timestamptz(3) NOT NULL,
                CONSTRAINT ticket_import_errors_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_import_errors_import_id_fkey FOREIGN KEY (tenant_id, import_id)
                    REFERENCES ticket_imports (tenant_id, id) ON DELETE CASCADE
            );
            CREATE INDEX ticket_import_errors_import_id_idx ON ticket_import_errors (tenant_id, import_id, id);
            SELECT secure_append_only_table('ticket_import_errors');
            """)
}
