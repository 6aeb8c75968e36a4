import Database

extension Migration {
    /// What every service's schema has for its events: what it published, what it received, what waits.
    public static let messaging = Migration(version: 1, name: "messaging", sql: messagingSQL)
}

/// Days of event partitions that are made ahead of time.
let eventPartitionDaysAhead = 7

private let messagingSQL = """
    -- Every event that the service published. A row's xid tells when it may be read: all of a transaction's events become
    -- visible at once, and nothing below pg_snapshot_xmin() can still appear. recorded_at is taken as the row is written,
    -- just before the commit, so that a long transaction's events are as young as its end.
    CREATE TABLE events (
        tenant_id uuid NOT NULL,
        event_id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        occurred_at timestamptz NOT NULL,
        name text NOT NULL,
        schema_version integer NOT NULL,
        schema_ref text NOT NULL,
        aggregate_type text NOT NULL,
        aggregate_id uuid NOT NULL,
        aggregate_version bigint NOT NULL,
        sequence bigint NOT NULL,
        traceparent text,
        payload text NOT NULL,
        PRIMARY KEY (tenant_id, event_id, recorded_at),
        CONSTRAINT events_sequence_check CHECK (sequence > 0)
    ) PARTITION BY RANGE (recorded_at);
    CREATE INDEX events_feed_idx ON events (xid, position);
    SELECT secure_append_only_table('events');

    -- Takes what no day's partition takes, so that an event is never refused because upkeep has not run.
    CREATE TABLE events_default PARTITION OF events DEFAULT;
    SELECT secure_append_only_table('events_default');

    -- The events that the broker has not confirmed yet. The payload stays in events; a row here is small, lives for
    -- milliseconds and is deleted when its event is confirmed.
    CREATE TABLE outbox (
        tenant_id uuid NOT NULL,
        position bigint NOT NULL,
        partition smallint NOT NULL,
        aggregate_id uuid NOT NULL,
        sequence bigint NOT NULL,
        event_id uuid NOT NULL,
        xid xid8 NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, position),
        CONSTRAINT outbox_partition_check CHECK (partition BETWEEN 0 AND \(OutboxPartition.count - 1))
    ) WITH (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000
    );
    CREATE INDEX outbox_partition_position_idx ON outbox (partition, position);
    SELECT secure_tenant_table('outbox');

    -- The last sequence number of each aggregate. Whoever publishes holds the row until the commit: number n + 1 is given
    -- out after n is committed, so the outbox never shows n + 1 without n.
    CREATE TABLE aggregate_sequences (
        tenant_id uuid NOT NULL,
        aggregate_id uuid NOT NULL,
        last_sequence bigint NOT NULL,
        PRIMARY KEY (tenant_id, aggregate_id)
    ) WITH (fillfactor = 80);
    SELECT secure_tenant_table('aggregate_sequences');

    -- Which relay publishes which part of the outbox, as long as it is a member. The epoch rises with each change of hands
    -- and fences the former owner.
    CREATE TABLE relay_leases (
        partition smallint PRIMARY KEY,
        owner uuid,
        epoch bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50);
    INSERT INTO relay_leases (partition) SELECT generate_series(0, \(OutboxPartition.count - 1));
    SELECT open_table('relay_leases');

    -- The relays that are alive, so that each can tell its fair share; one that stops wants no share.
    CREATE TABLE relay_members \(Membership.columns);
    SELECT open_table('relay_members');

    -- What a handler has done with an event, written in the transaction of its effects.
    CREATE TABLE inbox (
        tenant_id uuid NOT NULL,
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        outcome text NOT NULL DEFAULT 'handled',
        handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (tenant_id, consumer, event_id),
        CONSTRAINT inbox_outcome_check CHECK (outcome IN ('handled', 'discarded', 'dead_lettered'))
    );
    -- Rows lie in the order of their arrival, so a few kilobytes of summary find the old ones.
    CREATE INDEX inbox_handled_at_idx ON inbox USING brin (handled_at) WITH (pages_per_range = 16, autosummarize = on);
    SELECT secure_tenant_table('inbox');

    -- Messages that a handler could not take yet, and all later ones of the same aggregate behind them. Only the first of an
    -- aggregate has a time for its next attempt; the others wait for it to go.
    CREATE TABLE parked_messages (
        tenant_id uuid NOT NULL,
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        aggregate_id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        attempts integer NOT NULL,
        next_attempt_at timestamptz,
        parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        reason text,
        exchange text NOT NULL,
        routing_key text NOT NULL,
        properties jsonb NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (tenant_id, consumer, event_id)
    );
    CREATE INDEX parked_messages_order_idx ON parked_messages (tenant_id, consumer, aggregate_id, position);
    CREATE INDEX parked_messages_due_idx ON parked_messages (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
    SELECT secure_tenant_table('parked_messages');

    -- How far a handler has followed each aggregate, for handlers that keep no such number in rows of their own.
    CREATE TABLE aggregate_progress (
        tenant_id uuid NOT NULL,
        consumer text NOT NULL,
        aggregate_id uuid NOT NULL,
        last_sequence bigint NOT NULL,
        PRIMARY KEY (tenant_id, consumer, aggregate_id)
    ) WITH (fillfactor = 80);
    SELECT secure_tenant_table('aggregate_progress');

    -- Makes the partitions of today and the days ahead; answers how many. Runs as the owner of the schema, because the
    -- service's role owns nothing. Rows that came before their partition move in from the default.
    CREATE FUNCTION ensure_event_partitions(days_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '3s' AS $$
    DECLARE
        today date := (now() AT TIME ZONE 'UTC')::date;
        day date;
        partition_name text;
        lower_bound timestamptz;
        upper_bound timestamptz;
        made integer := 0;
    BEGIN
        IF days_ahead NOT BETWEEN 0 AND 366 THEN
            RAISE EXCEPTION 'days_ahead must be between 0 and 366';
        END IF;
        -- Whom to grant rights to on what is made here: the service that calls; a migration says by itself. (A function
        -- can't have this setting attached: that is for superusers.)
        IF session_user <> current_user THEN
            PERFORM set_config('app.application_role', session_user, true);
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('event partitions of ' || current_schema(), 0));
        FOR day IN SELECT (today + n)::date FROM generate_series(-1, days_ahead) AS n LOOP
            partition_name := 'events_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(quote_ident(current_schema()) || '.' || quote_ident(partition_name)) IS NOT NULL;
            lower_bound := day::timestamp AT TIME ZONE 'UTC';
            upper_bound := (day + 1)::timestamp AT TIME ZONE 'UTC';
            EXECUTE format(
                'CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', partition_name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM events_default WHERE recorded_at >= %L AND recorded_at < %L RETURNING *)
                 INSERT INTO %I SELECT * FROM moved', lower_bound, upper_bound, partition_name);
            EXECUTE format('SELECT secure_append_only_table(%L)', partition_name);
            EXECUTE format(
                'ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition_name, lower_bound, upper_bound);
            made := made + 1;
        END LOOP;
        RETURN made;
    END
    $$;

    -- Drops the partitions that ended more than `keep_days` ago; answers how many. One that still has an unconfirmed event
    -- stays.
    CREATE FUNCTION drop_event_partitions(keep_days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '3s' AS $$
    DECLARE
        last_day date;
        partition_name text;
        dropped integer := 0;
    BEGIN
        IF keep_days < 1 THEN
            RAISE EXCEPTION 'keep_days must be at least 1';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('event partitions of ' || current_schema(), 0));
        last_day := (now() AT TIME ZONE 'UTC')::date - keep_days - 1;
        FOR partition_name IN
            SELECT c.relname
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'events'::regclass
                AND c.relname ~ '^events_[0-9]{8}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') <= last_day
            ORDER BY c.relname
        LOOP
            CONTINUE WHEN EXISTS (
                SELECT FROM outbox
                WHERE recorded_at < (to_date(right(partition_name, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC'
            );
            EXECUTE format('DROP TABLE %I', partition_name);
            dropped := dropped + 1;
        END LOOP;
        DELETE FROM events_default AS e
        WHERE recorded_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
            AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.tenant_id = e.tenant_id AND o.position = e.position);
        RETURN dropped;
    END
    $$;

    -- Makes the history readable in another cluster, whose transaction ids begin anew: after a dump was restored there, rows
    -- come from transactions that have not been yet. They get an id before all others; their order is that of position. Answers
    -- how many they were.
    CREATE FUNCTION rebase_event_history() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '3s' AS $$
    DECLARE
        next_xid xid8 := pg_snapshot_xmax(pg_current_snapshot());
        rebased bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('event partitions of ' || current_schema(), 0));
        UPDATE outbox SET xid = '3' WHERE xid >= next_xid;
        UPDATE events SET xid = '3' WHERE xid >= next_xid;
        GET DIAGNOSTICS rebased = ROW_COUNT;
        RETURN rebased;
    END
    $$;

    -- A function that runs as the owner must find its tables in this schema and nowhere else, temporary tables included.
    DO $$
    BEGIN
        EXECUTE format(
            'ALTER FUNCTION ensure_event_partitions(integer) SET search_path = %I, pg_temp', current_schema());
        EXECUTE format(
            'ALTER FUNCTION drop_event_partitions(integer) SET search_path = %I, pg_temp', current_schema());
        EXECUTE format('ALTER FUNCTION rebase_event_history() SET search_path = %I, pg_temp', current_schema());
    END
    $$;

    SELECT ensure_event_partitions(\(eventPartitionDaysAhead));
    """
