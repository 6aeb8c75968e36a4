// Agents, rules, queues, what waits, who holds what, and every decision.
import Database

extension Migration {
    static let routing = Migration(
        version: 101, name: "routing",
        sql: """
            -- The copy of tickets knows what rules can ask for.
            ALTER TABLE tickets ADD COLUMN "description" text, ADD COLUMN "requester_email" text,
                ADD COLUMN "custom_fields" jsonb;
            CREATE INDEX tickets_created_at_idx ON tickets (tenant_id, created_at DESC, id DESC);
            CREATE INDEX tickets_assignee_idx ON tickets (tenant_id, assignee_id) WHERE assignee_id IS NOT NULL;

            -- Who can hold tickets.
            CREATE TABLE agents (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
                created_by uuid, updated_by uuid,
                user_id uuid NOT NULL,
                display_name text NOT NULL,
                group_ids uuid[] NOT NULL,
                skills jsonb NOT NULL,
                languages text[] NOT NULL,
                capacity_units integer NOT NULL,
                availability text NOT NULL,
                availability_reason text,
                available_until timestamptz(3),
                working_hours jsonb,
                is_active boolean NOT NULL,
                CONSTRAINT agents_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT agents_user_id_key UNIQUE (tenant_id, user_id)
            );
            CREATE INDEX agents_id_idx ON agents USING hash (id);
            SELECT secure_tenant_table('agents');

            -- What changes with every assignment stands apart from the agent: nobody who edits an agent waits for routing.
            CREATE TABLE agent_loads (
                tenant_id uuid NOT NULL,
                agent_id uuid NOT NULL,
                user_id uuid NOT NULL,
                is_online boolean NOT NULL,
                capacity_units integer NOT NULL,
                held_units integer NOT NULL DEFAULT 0,
                -- The turn of the last assignment: the lowest is whose turn it is.
                turn bigint NOT NULL DEFAULT 0,
                redistribute_at timestamptz(3),
                CONSTRAINT agent_loads_pkey PRIMARY KEY (tenant_id, agent_id),
                CONSTRAINT agent_loads_held_units_check CHECK (held_units >= 0)
            ) WITH (fillfactor = 70);
            CREATE INDEX agent_loads_user_idx ON agent_loads (tenant_id, user_id);
            CREATE INDEX agent_loads_redistribute_idx ON agent_loads (redistribute_at) WHERE redistribute_at IS NOT NULL;
            SELECT secure_tenant_table('agent_loads');

            -- One row per agent and group, with what the search for a candidate orders by.
            CREATE TABLE agent_memberships (
                tenant_id uuid NOT NULL,
                group_id uuid NOT NULL,
                agent_id uuid NOT NULL,
                is_open boolean NOT NULL,
                free_units integer NOT NULL,
                load real NOT NULL,
                turn bigint NOT NULL,
                CONSTRAINT agent_memberships_pkey PRIMARY KEY (tenant_id, group_id, agent_id)
            ) WITH (fillfactor = 70);
            CREATE INDEX agent_memberships_agent_idx ON agent_memberships (tenant_id, agent_id);
            CREATE INDEX agent_memberships_turn_idx ON agent_memberships (tenant_id, group_id, turn, agent_id) WHERE is_open;
            CREATE INDEX agent_memberships_load_idx ON agent_memberships (tenant_id, group_id, load, turn, agent_id)
                WHERE is_open;
            SELECT secure_tenant_table('agent_memberships');

            CREATE TABLE agent_skills (
                tenant_id uuid NOT NULL,
                agent_id uuid NOT NULL,
                skill text NOT NULL,
                level smallint NOT NULL,
                CONSTRAINT agent_skills_pkey PRIMARY KEY (tenant_id, agent_id, skill)
            );
            CREATE INDEX agent_skills_skill_idx ON agent_skills (tenant_id, skill, level, agent_id);
            SELECT secure_tenant_table('agent_skills');

            CREATE TABLE routing_turns (
                tenant_id uuid NOT NULL,
                last_turn bigint NOT NULL,
                CONSTRAINT routing_turns_pkey PRIMARY KEY (tenant_id)
            ) WITH (fillfactor = 10);
            SELECT secure_tenant_table('routing_turns');

            CREATE TABLE routing_rules (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
                created_by uuid, updated_by uuid,
                name text NOT NULL,
                description text,
                priority integer NOT NULL,
                is_active boolean NOT NULL,
                conditions jsonb NOT NULL,
                group_id uuid,
                strategy text,
                skills jsonb NOT NULL,
                preferred_skills text[] NOT NULL,
                language text,
                agent_id uuid,
                fallback_group_id uuid,
                fallback_after_minutes integer,
                CONSTRAINT routing_rules_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT routing_rules_name_key UNIQUE (tenant_id, name)
            );
            CREATE INDEX routing_rules_id_idx ON routing_rules USING hash (id);
            CREATE INDEX routing_rules_priority_idx ON routing_rules (tenant_id, priority, id);
            SELECT secure_tenant_table('routing_rules');

            CREATE TABLE routing_queues (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
                created_by uuid, updated_by uuid,
                name text NOT NULL,
                description text,
                position integer NOT NULL,
                is_active boolean NOT NULL,
                conditions jsonb NOT NULL,
                group_ids uuid[] NOT NULL,
                overflow_group_ids uuid[] NOT NULL,
                overflow_after_seconds integer,
                strategy text NOT NULL,
                priority integer NOT NULL,
                relax_after_seconds jsonb NOT NULL,
                CONSTRAINT routing_queues_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT routing_queues_name_key UNIQUE (tenant_id, name)
            );
            CREATE INDEX routing_queues_id_idx ON routing_queues USING hash (id);
            CREATE INDEX routing_queues_position_idx ON routing_queues (tenant_id, position, id);
            SELECT secure_tenant_table('routing_queues');

            CREATE TABLE routing_settings (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
                created_by uuid, updated_by uuid,
                default_strategy text NOT NULL,
                channel_weights jsonb NOT NULL,
                redistribution text NOT NULL,
                redistribute_after_minutes integer NOT NULL,
                capacity_threshold_percent integer NOT NULL,
                reservation_seconds integer NOT NULL,
                timezone text NOT NULL,
                CONSTRAINT routing_settings_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT routing_settings_tenant_key UNIQUE (tenant_id)
            );
            CREATE INDEX routing_settings_id_idx ON routing_settings USING hash (id);
            SELECT secure_tenant_table('routing_settings');

            -- Raised with every change of rules, queues and settings: who has them in memory sees that they are old.
            CREATE TABLE routing_revisions (
                tenant_id uuid NOT NULL,
                revision bigint NOT NULL,
                CONSTRAINT routing_revisions_pkey PRIMARY KEY (tenant_id)
            );
            SELECT secure_tenant_table('routing_revisions');

            -- A ticket that nobody holds yet, or that is to change hands.
            CREATE TABLE routing_queue_entries (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL,
                ticket_id uuid NOT NULL,
                state text NOT NULL,
                queue_id uuid,
                rule_id uuid,
                group_ids uuid[] NOT NULL,
                overflow_group_ids uuid[] NOT NULL,
                agent_id uuid,
                strategy text NOT NULL,
                skills jsonb NOT NULL,
                preferred_skills text[] NOT NULL,
                language text,
                requester_id uuid,
                from_user_id uuid,
                units integer NOT NULL,
                queue_priority integer NOT NULL,
                priority text NOT NULL,
                rank smallint NOT NULL,
                order_due timestamptz(3),
                routable_at timestamptz(3) NOT NULL,
                relax_after_seconds jsonb NOT NULL,
                relax_level smallint NOT NULL,
                relax_at timestamptz(3),
                overflow_at timestamptz(3),
                decision_id uuid,
                reserved_until timestamptz(3),
                not_before timestamptz(3),
                attempts integer NOT NULL,
                failure text,
                wake_at timestamptz(3),
                CONSTRAINT routing_queue_entries_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT routing_queue_entries_ticket_id_key UNIQUE (tenant_id, ticket_id)
            ) WITH (fillfactor = 70);
            CREATE INDEX routing_queue_entries_id_idx ON routing_queue_entries USING hash (id);
            CREATE INDEX routing_queue_entries_order_idx ON routing_queue_entries
                (tenant_id, queue_priority DESC, rank DESC, order_due, routable_at, id) WHERE state = 'waiting';
            CREATE INDEX routing_queue_entries_wake_idx ON routing_queue_entries (wake_at) WHERE wake_at IS NOT NULL;
            SELECT secure_tenant_table('routing_queue_entries');

            -- Who holds a ticket, or has it reserved: the key allows one.
            CREATE TABLE routing_holdings (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                agent_id uuid NOT NULL,
                units integer NOT NULL,
                state text NOT NULL,
                is_touched boolean NOT NULL DEFAULT false,
                since timestamptz(3) NOT NULL,
                CONSTRAINT routing_holdings_pkey PRIMARY KEY (tenant_id, ticket_id)
            ) WITH (fillfactor = 80);
            CREATE INDEX routing_holdings_agent_idx ON routing_holdings (tenant_id, agent_id);
            SELECT secure_tenant_table('routing_holdings');

            -- Who had a customer last.
            CREATE TABLE routing_acquaintances (
                tenant_id uuid NOT NULL,
                requester_id uuid NOT NULL,
                agent_id uuid NOT NULL,
                CONSTRAINT routing_acquaintances_pkey PRIMARY KEY (tenant_id, requester_id)
            );
            SELECT secure_tenant_table('routing_acquaintances');

            CREATE TABLE routing_decisions (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                created_at timestamptz(3) NOT NULL,
                ticket_id uuid NOT NULL,
                queue_entry_id uuid NOT NULL,
                outcome text NOT NULL,
                reason text,
                agent_id uuid,
                user_id uuid,
                group_id uuid,
                queue_id uuid,
                rule_id uuid,
                strategy text NOT NULL,
                relax_level integer NOT NULL,
                score double precision,
                candidates jsonb NOT NULL,
                waited_seconds double precision NOT NULL,
                duration_microseconds bigint NOT NULL,
                CONSTRAINT routing_decisions_pkey PRIMARY KEY (tenant_id, id)
            );
            CREATE INDEX routing_decisions_id_idx ON routing_decisions USING hash (id);
            CREATE INDEX routing_decisions_ticket_idx ON routing_decisions (tenant_id, ticket_id, id);
            CREATE INDEX routing_decisions_queue_idx ON routing_decisions (tenant_id, queue_id, id);
            SELECT secure_append_only_table('routing_decisions');

            -- There is something to do for a tenant. Rows are only added and taken away: writers never wait for another.
            CREATE TABLE routing_wakes (
                tenant_id uuid NOT NULL,
                id bigint GENERATED ALWAYS AS IDENTITY,
                CONSTRAINT routing_wakes_pkey PRIMARY KEY (tenant_id, id)
            );
            SELECT secure_tenant_table('routing_wakes');
            """)
}
