import Database

extension Migration {
    /// Agents' answers to tickets, for articles that are made of them.
    static let answers = Migration(
        version: 108, name: "answers",
        sql: """
            CREATE TABLE ticket_answers (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                message_id uuid NOT NULL,
                created_at timestamptz(3) NOT NULL,
                body text NOT NULL,
                PRIMARY KEY (tenant_id, ticket_id, message_id)
            );
            CREATE INDEX ticket_answers_created_at_idx ON ticket_answers (created_at);
            SELECT secure_tenant_table('ticket_answers');
            """)
}
