// What the sla service tells of tickets: for lists and for `expand=sla`.
import Database

extension Migration {
    /// The two columns of `tickets` are a projection: writing them is no change of the ticket.
    static let slaStages = Migration(
        version: 110, name: "sla_stages",
        sql: """
            ALTER TABLE tickets
                ADD COLUMN sla_target_at timestamptz(3),
                ADD COLUMN sla_breached boolean NOT NULL DEFAULT false;
            CREATE INDEX tickets_sla_target_at_idx ON tickets (tenant_id, sla_target_at, id) WHERE deleted_at IS NULL;
            CREATE INDEX tickets_sla_breached_idx ON tickets (tenant_id, id) WHERE deleted_at IS NULL AND sla_breached;

            CREATE TABLE ticket_sla_stages (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                clock_id uuid NOT NULL,
                sequence bigint NOT NULL,
                policy_id uuid NOT NULL,
                stage text NOT NULL,
                metric text NOT NULL,
                instance bigint NOT NULL,
                state text NOT NULL,
                target_at timestamptz(3),
                warned_at timestamptz(3),
                breached_at timestamptz(3),
                met_at timestamptz(3),
                CONSTRAINT ticket_sla_stages_pkey PRIMARY KEY (tenant_id, ticket_id, clock_id)
            ) WITH (fillfactor = 85);
            SELECT secure_tenant_table('ticket_sla_stages');
            """)
}
