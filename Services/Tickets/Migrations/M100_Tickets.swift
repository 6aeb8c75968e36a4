// The tickets themselves and what hangs on them.
import Database

extension Migration {
    /// Tickets, their numbers, messages, participants, tags, and the histories of status and holder.
    ///
    /// Every index of `tickets` leads with the tenant, filters equal and ends in the list's order, so that a page is
    /// read straight off an index. Operators that are not leakproof (arrays, jsonb) cannot use an index under row-level
    /// security: that is why tags have rows of their own and priority a rank.
    static let tickets = Migration(
        version: 100, name: "tickets",
        sql: """
            CREATE TABLE ticket_counters (
                tenant_id uuid NOT NULL,
                last_number bigint NOT NULL,
                CONSTRAINT ticket_counters_pkey PRIMARY KEY (tenant_id)
            ) WITH (fillfactor = 10);
            SELECT secure_tenant_table('ticket_counters');

            CREATE TABLE tickets (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                deleted_at timestamptz(3),
                deleted_by uuid,
                number bigint NOT NULL,
                key text NOT NULL,
                subject text NOT NULL,
                description text,
                status text NOT NULL,
                priority text NOT NULL,
                priority_rank smallint NOT NULL GENERATED ALWAYS AS (
                    CASE priority WHEN 'low' THEN 1 WHEN 'normal' THEN 2 WHEN 'high' THEN 3 ELSE 4 END) STORED,
                type text NOT NULL,
                channel text NOT NULL,
                inbound_channel_id uuid,
                requester_id uuid,
                requester_email text,
                requester_email_key text GENERATED ALWAYS AS (lower(requester_email)) STORED,
                organization_id uuid,
                assignee_id uuid,
                group_id uuid,
                form_id uuid,
                custom_fields jsonb NOT NULL,
                due_at timestamptz(3),
                tags text[] NOT NULL,
                external_id text,
                follow_up_of_id uuid,
                first_responded_at timestamptz(3),
                resolved_at timestamptz(3),
                closed_at timestamptz(3),
                reopened_count bigint NOT NULL,
                last_message_at timestamptz(3),
                response_state text,
                CONSTRAINT tickets_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT tickets_number_key UNIQUE (tenant_id, number),
                CONSTRAINT tickets_status_check CHECK (status IN (
                    'open', 'in_progress', 'answered', 'waiting_for_response', 'on_hold', 'resolved', 'closed')),
                CONSTRAINT tickets_priority_check CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
                CONSTRAINT tickets_type_check CHECK (type IN ('question', 'incident', 'problem', 'task', 'change')),
                CONSTRAINT tickets_channel_check CHECK (channel IN (
                    'email', 'web_form', 'chat', 'api', 'phone', 'import')),
                CONSTRAINT tickets_response_state_check CHECK (response_state IN (
                    'awaiting_client', 'awaiting_internal')),
                CONSTRAINT tickets_follow_up_of_id_fkey FOREIGN KEY (tenant_id, follow_up_of_id)
                    REFERENCES tickets (tenant_id, id)
            ) WITH (fillfactor = 85);
            CREATE UNIQUE INDEX tickets_external_id_key ON tickets (tenant_id, external_id)
                WHERE external_id IS NOT NULL AND deleted_at IS NULL;
            CREATE INDEX tickets_created_at_idx ON tickets (tenant_id, created_at, id) WHERE deleted_at IS NULL;
            CREATE INDEX tickets_updated_at_idx ON tickets (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
            CREATE INDEX tickets_due_at_idx ON tickets (tenant_id, due_at, id) WHERE deleted_at IS NULL;
            CREATE INDEX tickets_priority_rank_idx ON tickets (tenant_id, priority_rank, id)
                WHERE deleted_at IS NULL;
            CREATE INDEX tickets_status_idx ON tickets (tenant_id, status, id)
                WHERE deleted_at IS NULL;
            CREATE INDEX tickets_assignee_id_idx ON tickets (tenant_id, assignee_id, id)
                WHERE assignee_id IS NOT NULL AND deleted_at IS NULL;
            CREATE INDEX tickets_group_id_idx ON tickets (tenant_id, group_id, id)
                WHERE group_id IS NOT NULL AND deleted_at IS NULL;
            CREATE INDEX tickets_requester_id_idx ON tickets (tenant_id, requester_id, id)
                WHERE requester_id IS NOT NULL AND deleted_at IS NULL;
            CREATE INDEX tickets_requester_email_idx ON tickets (tenant_id, requester_email_key, id)
                WHERE requester_email_key IS NOT NULL AND deleted_at IS NULL;
            CREATE INDEX tickets_organization_id_idx ON tickets (tenant_id, organization_id, id)
                WHERE organization_id IS NOT NULL AND deleted_at IS NULL;
            -- For platform administrators, whose paths name no tenant. A hash, because it must not offer the order of
            -- all tenants' ids to a tenant's list.
            CREATE INDEX tickets_id_idx ON tickets USING hash (id);
            SELECT secure_tenant_table('tickets');

            CREATE TABLE ticket_messages (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                created_by uuid,
                ticket_id uuid NOT NULL,
                author_type text NOT NULL,
                author_id uuid,
                is_public boolean NOT NULL,
                channel_type text NOT NULL,
                body_text text,
                body_html text,
                provider_metadata jsonb,
                in_reply_to uuid,
                CONSTRAINT ticket_messages_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_messages_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id),
                CONSTRAINT ticket_messages_in_reply_to_fkey FOREIGN KEY (tenant_id, in_reply_to)
                    REFERENCES ticket_messages (tenant_id, id),
                CONSTRAINT ticket_messages_author_type_check CHECK (author_type IN ('agent', 'customer', 'system')),
                CONSTRAINT ticket_messages_body_text_check CHECK (body_text IS NOT NULL OR body_html IS NOT NULL)
            );
            CREATE INDEX ticket_messages_ticket_id_idx ON ticket_messages (tenant_id, ticket_id, id);
            SELECT secure_append_only_table('ticket_messages');

            CREATE TABLE ticket_participants (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                ticket_id uuid NOT NULL,
                role text NOT NULL,
                user_id uuid,
                email text,
                CONSTRAINT ticket_participants_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_participants_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id),
                CONSTRAINT ticket_participants_role_check CHECK (role IN (
                    'requester', 'cc', 'follower', 'collaborator')),
                CONSTRAINT ticket_participants_user_id_check CHECK (user_id IS NOT NULL OR email IS NOT NULL)
            );
            CREATE UNIQUE INDEX ticket_participants_user_id_key ON ticket_participants (tenant_id, ticket_id, user_id)
                WHERE user_id IS NOT NULL;
            CREATE UNIQUE INDEX ticket_participants_email_key ON ticket_participants (tenant_id, ticket_id, email)
                WHERE email IS NOT NULL;
            SELECT secure_tenant_table('ticket_participants');

            CREATE TABLE tags (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                name text NOT NULL,
                description text,
                color text,
                CONSTRAINT tags_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT tags_name_key UNIQUE (tenant_id, name)
            );
            CREATE INDEX tags_id_idx ON tags USING hash (id);
            SELECT secure_tenant_table('tags');

            -- A row's id is that of the tag: a tag is on a ticket once.
            CREATE TABLE ticket_tags (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                id uuid NOT NULL,
                name text NOT NULL,
                created_at timestamptz(3) NOT NULL,
                created_by uuid,
                CONSTRAINT ticket_tags_pkey PRIMARY KEY (tenant_id, ticket_id, id),
                CONSTRAINT ticket_tags_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id),
                CONSTRAINT ticket_tags_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES tags (tenant_id, id)
            );
            CREATE INDEX ticket_tags_name_idx ON ticket_tags (tenant_id, name, ticket_id);
            CREATE INDEX ticket_tags_id_idx ON ticket_tags (tenant_id, id);
            SELECT secure_tenant_table('ticket_tags');

            -- The scalar values of custom fields, for lists.
            CREATE TABLE ticket_custom_values (
                tenant_id uuid NOT NULL,
                ticket_id uuid NOT NULL,
                name text NOT NULL,
                value text NOT NULL,
                CONSTRAINT ticket_custom_values_pkey PRIMARY KEY (tenant_id, ticket_id, name, value),
                CONSTRAINT ticket_custom_values_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id)
            );
            CREATE INDEX ticket_custom_values_value_idx ON ticket_custom_values (tenant_id, name, value, ticket_id);
            SELECT secure_tenant_table('ticket_custom_values');

            CREATE TABLE ticket_assignments (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                created_by uuid,
                ticket_id uuid NOT NULL,
                assignee_id uuid,
                group_id uuid,
                reason text NOT NULL,
                note text,
                started_at timestamptz(3) NOT NULL,
                ended_at timestamptz(3),
                CONSTRAINT ticket_assignments_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_assignments_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id)
            );
            CREATE INDEX ticket_assignments_ticket_id_idx ON ticket_assignments (tenant_id, ticket_id, id);
            CREATE UNIQUE INDEX ticket_assignments_ended_at_key ON ticket_assignments (tenant_id, ticket_id)
                WHERE ended_at IS NULL;
            SELECT secure_tenant_table('ticket_assignments');

            CREATE TABLE ticket_status_durations (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                ticket_id uuid NOT NULL,
                status text NOT NULL,
                started_at timestamptz(3) NOT NULL,
                ended_at timestamptz(3),
                seconds bigint,
                CONSTRAINT ticket_status_durations_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_status_durations_ticket_id_fkey FOREIGN KEY (tenant_id, ticket_id)
                    REFERENCES tickets (tenant_id, id),
                CONSTRAINT ticket_status_durations_ended_at_check CHECK (ended_at >= started_at),
                CONSTRAINT ticket_status_durations_status_check CHECK (status IN (
                    'open', 'in_progress', 'answered', 'waiting_for_response', 'on_hold', 'resolved', 'closed'))
            );
            CREATE INDEX ticket_status_durations_ticket_id_idx
                ON ticket_status_durations (tenant_id, ticket_id, started_at, id);
            CREATE UNIQUE INDEX ticket_status_durations_ended_at_key ON ticket_status_durations (tenant_id, ticket_id)
                WHERE ended_at IS NULL;
            SELECT secure_tenant_table('ticket_status_durations');

            CREATE TABLE ticket_metrics (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                ticket_id uuid NOT NULL,
                replies bigint NOT NULL,
                agent_replies bigint NOT NULL,
                customer_replies bigint NOT NULL,
                internal_notes bigint NOT NULL,
                reopens bigint NOT NULL,
                first_response_seconds bigint,
                resolution_seconds bigint,
                waiting_seconds bigint NOT NULL,
                ticket_created_at timestamptz(3) NOT NULL,
                status text NOT NULL,
                status_since timestamptz(3) NOT NULL,
                last_sequence bigint NOT NULL,
                CONSTRAINT ticket_metrics_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT ticket_metrics_ticket_id_key UNIQUE (tenant_id, ticket_id)
            ) WITH (fillfactor = 85);
            SELECT secure_tenant_table('ticket_metrics');
            """)
}
