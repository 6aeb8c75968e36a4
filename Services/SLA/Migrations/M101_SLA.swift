// Calendars, policies, what tickets went through, and clocks.

import Database

extension Migration {
    static let sla = Migration(
        version: 101, name: "sla",
        sql: """
            CREATE TABLE business_calendars (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                name text NOT NULL,
                timezone text NOT NULL,
                weekly_hours jsonb NOT NULL,
                holidays text[] NOT NULL DEFAULT '{}',
                date_overrides jsonb NOT NULL,
                breaks jsonb NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                deleted_at timestamptz(3),
                deleted_by uuid,
                CONSTRAINT business_calendars_pkey PRIMARY KEY (tenant_id, id)
            );
            CREATE UNIQUE INDEX business_calendars_name_key ON business_calendars (tenant_id, name)
                WHERE deleted_at IS NULL;
            CREATE INDEX business_calendars_id_idx ON business_calendars USING hash (id);
            SELECT secure_tenant_table('business_calendars');

            CREATE TABLE business_calendar_versions (
                tenant_id uuid NOT NULL,
                calendar_id uuid NOT NULL,
                version bigint NOT NULL,
                effective_from timestamptz(3) NOT NULL,
                document jsonb NOT NULL,
                CONSTRAINT business_calendar_versions_pkey PRIMARY KEY (tenant_id, calendar_id, version)
            );
            SELECT secure_append_only_table('business_calendar_versions');

            CREATE TABLE sla_policies (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                name text NOT NULL,
                position bigint NOT NULL,
                active boolean NOT NULL,
                conditions jsonb NOT NULL,
                calendar_id uuid,
                targets jsonb NOT NULL,
                pausing_statuses text[] NOT NULL,
                warnings jsonb NOT NULL,
                escalations jsonb NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                deleted_at timestamptz(3),
                deleted_by uuid,
                CONSTRAINT sla_policies_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT sla_policies_calendar_id_fkey FOREIGN KEY (tenant_id, calendar_id)
                    REFERENCES business_calendars (tenant_id, id)
            );
            CREATE UNIQUE INDEX sla_policies_name_key ON sla_policies (tenant_id, name) WHERE deleted_at IS NULL;
            CREATE INDEX sla_policies_position_idx ON sla_policies (tenant_id, position);
            CREATE INDEX sla_policies_id_idx ON sla_policies USING hash (id);
            SELECT secure_tenant_table('sla_policies');

            CREATE TABLE sla_policy_versions (
                tenant_id uuid NOT NULL,
                policy_id uuid NOT NULL,
                version bigint NOT NULL,
                effective_from timestamptz(3) NOT NULL,
                moves_tickets boolean NOT NULL,
                active boolean NOT NULL,
                document jsonb NOT NULL,
                CONSTRAINT sla_policy_versions_pkey PRIMARY KEY (tenant_id, policy_id, version)
            );
            SELECT secure_append_only_table('sla_policy_versions');

            -- Raised with every version of a calendar or a policy: who has read the terms asks whether they still hold.
            CREATE TABLE sla_terms (
                tenant_id uuid NOT NULL,
                revision bigint NOT NULL,
                CONSTRAINT sla_terms_pkey PRIMARY KEY (tenant_id)
            );
            SELECT secure_tenant_table('sla_terms');

            -- What clocks are made of.
            CREATE TABLE sla_ticket_facts (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                sequence bigint NOT NULL,
                occurred_at timestamptz(3) NOT NULL,
                kind text NOT NULL,
                data jsonb,
                CONSTRAINT sla_ticket_facts_pkey PRIMARY KEY (tenant_id, ticket_id, sequence)
            );
            SELECT secure_tenant_table('sla_ticket_facts');

            CREATE TABLE sla_tickets (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3),
                is_open boolean NOT NULL,
                policy_id uuid,
                policy_version bigint,
                last_fact_at timestamptz(3) NOT NULL,
                next_due_at timestamptz(3),
                CONSTRAINT sla_tickets_pkey PRIMARY KEY (tenant_id, ticket_id)
            ) WITH (fillfactor = 80);
            -- What falls due next, of all tenants: the only thing that the passing of time looks at.
            CREATE INDEX sla_tickets_due_idx ON sla_tickets (next_due_at) WHERE next_due_at IS NOT NULL;
            CREATE INDEX sla_tickets_created_idx ON sla_tickets (tenant_id, created_at);
            CREATE INDEX sla_tickets_open_idx ON sla_tickets (tenant_id, ticket_id) WHERE is_open;
            SELECT secure_tenant_table('sla_tickets');

            CREATE TABLE sla_clocks (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                metric text NOT NULL,
                instance bigint NOT NULL,
                stage text NOT NULL,
                state text NOT NULL,
                policy_id uuid NOT NULL,
                policy_version bigint NOT NULL,
                calendar_id uuid,
                calendar_version bigint,
                priority text NOT NULL,
                group_id uuid,
                assignee_id uuid,
                hours text NOT NULL,
                target_seconds bigint NOT NULL,
                used_seconds bigint NOT NULL,
                remaining_seconds bigint NOT NULL,
                overdue_seconds bigint NOT NULL,
                measured_at timestamptz(3) NOT NULL,
                started_at timestamptz(3) NOT NULL,
                target_at timestamptz(3),
                paused_at timestamptz(3),
                breached_at timestamptz(3),
                finished_at timestamptz(3),
                history jsonb NOT NULL,
                announced text[] NOT NULL,
                digest bigint NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                CONSTRAINT sla_clocks_pkey PRIMARY KEY (tenant_id, ticket_id, id)
            ) WITH (fillfactor = 80);
            CREATE INDEX sla_clocks_id_idx ON sla_clocks USING hash (id);
            CREATE INDEX sla_clocks_list_idx ON sla_clocks (tenant_id, id);
            CREATE INDEX sla_clocks_target_at_idx ON sla_clocks (tenant_id, target_at, id);
            CREATE INDEX sla_clocks_calendar_idx ON sla_clocks (tenant_id, calendar_id)
                WHERE calendar_id IS NOT NULL AND finished_at IS NULL;
            CREATE INDEX sla_clocks_finished_idx ON sla_clocks (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
            CREATE INDEX sla_clocks_started_idx ON sla_clocks (tenant_id, started_at);
            SELECT secure_tenant_table('sla_clocks');
            """)
}
