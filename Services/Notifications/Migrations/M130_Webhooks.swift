import Database

extension Migration {
    static let webhooks = Migration(version: 130, name: "webhooks", sql: endpointsSQL + deliveriesSQL)
}

private let endpointsSQL = """
    CREATE TABLE webhook_endpoints (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        created_by uuid,
        updated_by uuid,
        url text NOT NULL,
        description text,
        events text[] NOT NULL,
        enabled boolean NOT NULL,
        concurrency integer NOT NULL,
        header_names text[] NOT NULL,
        public_key text NOT NULL,
        secret_rotated_at timestamptz(3) NOT NULL,
        disabled_at timestamptz(3),
        disabled_reason text,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE INDEX webhook_endpoints_id_idx ON webhook_endpoints USING hash (id);
    SELECT secure_tenant_table('webhook_endpoints');

    -- How an endpoint does; apart from it, because it is written while requests come and go, and is no change of the endpoint.
    CREATE TABLE webhook_health (
        tenant_id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        failing_since timestamptz(3),
        last_success_at timestamptz(3),
        last_failure_at timestamptz(3),
        PRIMARY KEY (tenant_id, endpoint_id),
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints ON DELETE CASCADE
    ) WITH (fillfactor = 50);
    SELECT secure_tenant_table('webhook_health');

    -- Sealed by the service; the database can't read them.
    CREATE TABLE webhook_secrets (
        tenant_id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3),
        PRIMARY KEY (tenant_id, endpoint_id, id),
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints ON DELETE CASCADE,
        CONSTRAINT webhook_secrets_kind_check CHECK (kind IN ('shared', 'pair', 'headers'))
    );
    SELECT secure_tenant_table('webhook_secrets');

    """

private let deliveriesSQL = """
    -- What endpoints want, once for all of them.
    CREATE TABLE webhook_events (
        tenant_id uuid NOT NULL,
        event_id uuid NOT NULL,
        name text NOT NULL,
        schema_ref text NOT NULL,
        aggregate_id uuid NOT NULL,
        sequence bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        payload text NOT NULL,
        PRIMARY KEY (tenant_id, event_id)
    );
    CREATE INDEX webhook_events_occurred_at_idx ON webhook_events (tenant_id, occurred_at);
    CREATE INDEX webhook_events_kept_at_idx ON webhook_events (kept_at);
    SELECT secure_tenant_table('webhook_events');

    CREATE TABLE webhook_deliveries (
        tenant_id uuid NOT NULL,
        webhook_endpoint_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        event_id uuid NOT NULL,
        event_name text NOT NULL,
        aggregate_id uuid NOT NULL,
        sequence bigint NOT NULL,
        status text NOT NULL,
        tries integer NOT NULL,
        last_tried_at timestamptz(3),
        next_try_at timestamptz(3),
        finished_at timestamptz(3),
        answer_status integer,
        error text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT webhook_deliveries_event_id_key UNIQUE (tenant_id, webhook_endpoint_id, event_id),
        FOREIGN KEY (tenant_id, webhook_endpoint_id) REFERENCES webhook_endpoints ON DELETE CASCADE,
        FOREIGN KEY (tenant_id, event_id) REFERENCES webhook_events ON DELETE CASCADE
    ) WITH (fillfactor = 80);
    CREATE INDEX webhook_deliveries_lane_idx
        ON webhook_deliveries (tenant_id, webhook_endpoint_id, aggregate_id, sequence, id) WHERE status = 'pending';
    CREATE INDEX webhook_deliveries_webhook_endpoint_id_idx ON webhook_deliveries (tenant_id, webhook_endpoint_id, id);
    CREATE INDEX webhook_deliveries_event_id_idx ON webhook_deliveries (tenant_id, event_id);
    CREATE INDEX webhook_deliveries_id_idx ON webhook_deliveries USING hash (id);
    SELECT secure_tenant_table('webhook_deliveries');

    CREATE TABLE webhook_tries (
        tenant_id uuid NOT NULL,
        webhook_delivery_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        milliseconds integer NOT NULL,
        url text NOT NULL,
        request_headers jsonb NOT NULL,
        status integer,
        answer_headers jsonb,
        answer_body text,
        error text,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, webhook_delivery_id) REFERENCES webhook_deliveries ON DELETE CASCADE
    );
    CREATE INDEX webhook_tries_webhook_delivery_id_idx ON webhook_tries (tenant_id, webhook_delivery_id, id);
    CREATE INDEX webhook_tries_id_idx ON webhook_tries USING hash (id);
    SELECT secure_append_only_table('webhook_tries');

    -- What has something waiting: a row for each endpoint and ticket, there for as long as there is anything. With a lease,
    -- due_at is when the lease ends.
    CREATE TABLE webhook_lanes (
        tenant_id uuid NOT NULL,
        endpoint_id uuid NOT NULL,
        aggregate_id uuid NOT NULL,
        due_at timestamptz NOT NULL,
        lease uuid,
        -- The process that has it.
        worker uuid,
        PRIMARY KEY (tenant_id, endpoint_id, aggregate_id),
        FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints ON DELETE CASCADE
    ) WITH (
        fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0
    );
    CREATE INDEX webhook_lanes_due_at_idx ON webhook_lanes (tenant_id, endpoint_id, due_at);
    CREATE INDEX webhook_lanes_lease_idx ON webhook_lanes (tenant_id, endpoint_id) WHERE lease IS NOT NULL;
    SELECT secure_tenant_table('webhook_lanes');
    """
