// Daily sums, and trials of draft policies.

import Database

extension Migration {
    static let slaReports = Migration(
        version: 102, name: "sla_reports",
        sql: """
            CREATE TABLE sla_daily (
                tenant_id uuid NOT NULL,
                day date NOT NULL,
                policy_id uuid NOT NULL,
                metric text NOT NULL,
                group_id uuid NOT NULL,
                assignee_id uuid NOT NULL,
                priority text NOT NULL,
                met bigint NOT NULL,
                breached bigint NOT NULL,
                CONSTRAINT sla_daily_pkey PRIMARY KEY (
                    tenant_id, day, policy_id, metric, group_id, assignee_id, priority)
            );
            SELECT secure_tenant_table('sla_daily');
            CREATE INDEX sla_tickets_over_idx ON sla_tickets (last_fact_at) WHERE NOT is_open;

            CREATE TABLE sla_simulations (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                status text NOT NULL,
                draft jsonb NOT NULL,
                from_at timestamptz(3) NOT NULL,
                to_at timestamptz(3) NOT NULL,
                total_tickets bigint NOT NULL,
                processed_tickets bigint NOT NULL,
                result jsonb NOT NULL,
                last_ticket_id uuid,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                CONSTRAINT sla_simulations_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT sla_simulations_status_check CHECK (status IN ('running', 'completed'))
            );
            CREATE INDEX sla_simulations_running_idx ON sla_simulations (created_at) WHERE status = 'running';
            CREATE INDEX sla_simulations_id_idx ON sla_simulations USING hash (id);
            SELECT secure_tenant_table('sla_simulations');
            """)
}
