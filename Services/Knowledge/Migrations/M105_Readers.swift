import Database

extension Migration {
    /// Who is in which group, and whose reading was followed by a ticket.
    static let readers = Migration(
        version: 105, name: "readers",
        sql: """
            CREATE INDEX agents_user_id_idx ON agents (tenant_id, user_id) WHERE deleted_at IS NULL;
            CREATE INDEX tickets_requester_id_idx ON tickets (tenant_id, requester_id, created_at)
                WHERE requester_id IS NOT NULL;

            -- Known customers, until it is known whether a ticket follows.
            ALTER TABLE kb_article_visitors ADD COLUMN person_id uuid, ADD COLUMN first_at timestamptz(3),
                ADD COLUMN last_at timestamptz(3);
            CREATE INDEX kb_article_visitors_day_idx ON kb_article_visitors (day);

            ALTER TABLE kb_article_days ADD COLUMN visits bigint NOT NULL DEFAULT 0,
                ADD COLUMN deflected_visits bigint NOT NULL DEFAULT 0;

            CREATE TABLE kb_visit_days (
                tenant_id uuid NOT NULL,
                day date NOT NULL,
                visits bigint NOT NULL,
                deflected_visits bigint NOT NULL,
                PRIMARY KEY (tenant_id, day)
            );
            SELECT secure_tenant_table('kb_visit_days');
            """)
}
