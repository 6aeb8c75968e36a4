import Database

extension Migration {
    static let email = Migration(
        version: 120, name: "email",
        sql: """
            CREATE TABLE email_settings (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                from_name text,
                from_address text,
                reply_to_name text,
                reply_to_address text,
                signature_text text,
                signature_html text,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT email_settings_key UNIQUE (tenant_id)
            );
            CREATE INDEX email_settings_id_idx ON email_settings USING hash (id);
            SELECT secure_tenant_table('email_settings');

            CREATE TABLE email_signatures (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                user_id uuid NOT NULL,
                text text,
                html text,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT email_signatures_user_id_key UNIQUE (tenant_id, user_id)
            );
            CREATE INDEX email_signatures_id_idx ON email_signatures USING hash (id);
            SELECT secure_tenant_table('email_signatures');

            CREATE TABLE email_dkim_keys (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                domain text NOT NULL,
                selector text NOT NULL,
                algorithm text NOT NULL,
                is_active boolean NOT NULL,
                dns_name text NOT NULL,
                dns_record text NOT NULL,
                -- The private key, which only the service can read.
                sealed_key text NOT NULL,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT email_dkim_keys_selector_key UNIQUE (tenant_id, domain, selector)
            );
            CREATE INDEX email_dkim_keys_id_idx ON email_dkim_keys USING hash (id);
            SELECT secure_tenant_table('email_dkim_keys');

            CREATE TABLE email_reports (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                created_at timestamptz(3) NOT NULL,
                kind text NOT NULL,
                delivery_id uuid NOT NULL,
                address text NOT NULL,
                bounce text,
                code integer,
                status text,
                detail text,
                source text,
                PRIMARY KEY (tenant_id, id),
                -- A report has its effect once.
                CONSTRAINT email_reports_delivery_id_key UNIQUE (tenant_id, delivery_id, kind, address)
            );
            CREATE INDEX email_reports_id_idx ON email_reports USING hash (id);
            SELECT secure_tenant_table('email_reports');
            """)
}
