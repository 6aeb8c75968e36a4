extension Migration {
    /// The first migration of every schema: the functions with which the others secure their tables.
    ///
    /// - `secure_tenant_table(t)`: forced row-level security by `tenant_id`, all rights on rows for the application.
    /// - `secure_append_only_table(t)`: the same, but rows can only be added and read.
    /// - `open_table(t)`: a table without tenants, for infrastructure.
    ///
    /// They refuse a table whose keys do not fit, so that a mistake shows when the migration is written.
    public static let platform = Migration(
        version: 0, name: "platform",
        sql: """
            CREATE FUNCTION secure_tenant_table(target regclass, rights text DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
            RETURNS void LANGUAGE plpgsql AS $$
            DECLARE
                tenant smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = target AND attname = 'tenant_id');
                offender text;
            BEGIN
                IF tenant IS NULL THEN
                    RAISE EXCEPTION 'table % has no tenant_id', target;
                END IF;
                SELECT indexrelid::regclass::text INTO offender FROM pg_index
                WHERE indrelid = target AND indisunique AND indkey[0] <> tenant
                UNION ALL
                SELECT conname FROM pg_constraint
                WHERE conrelid = target AND contype = 'f' AND conkey[1] <> tenant;
                IF FOUND THEN
                    RAISE EXCEPTION 'key % of table % does not begin with tenant_id', offender, target;
                END IF;
                EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
                -- Subqueries, so that the settings are read once a statement and not once a row.
                EXECUTE format('CREATE POLICY tenant ON %s USING
                    (tenant_id = (SELECT NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid))', target);
                EXECUTE format('CREATE POLICY admin ON %s USING
                    ((SELECT current_setting(''app.scope'', true) = ''admin''))', target);
                EXECUTE format('GRANT %s ON %s TO %I', rights, target, current_setting('app.application_role'));
            END
            $$;

            CREATE FUNCTION secure_append_only_table(target regclass) RETURNS void LANGUAGE sql AS $$
                SELECT secure_tenant_table(target, 'SELECT, INSERT');
            $$;

            CREATE FUNCTION open_table(target regclass) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = target AND attname = 'tenant_id') THEN
                    RAISE EXCEPTION 'table % has a tenant_id: secure it', target;
                END IF;
                EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I',
                    target, current_setting('app.application_role'));
            END
            $$;
            """)
}
