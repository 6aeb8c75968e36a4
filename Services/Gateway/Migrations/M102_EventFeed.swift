import Database

extension Migration {
    /// The history of every service's events, in the order in which the gateway received them.
    static let eventFeed = Migration(version: 102, name: "event_feed", sql: eventFeedSQL)
}

/// Days of feed partitions that are made ahead of time.
let feedPartitionDaysAhead = 7

private let eventFeedSQL = """
    -- The last position that was given out. Whoever adds events updates this row first and holds it until the commit, so
    -- positions become visible in their order: a reader that has seen position p never finds a smaller one later, and needs
    -- no regard for transactions that are still open elsewhere in the database.
    CREATE TABLE feed_head (
        id boolean PRIMARY KEY DEFAULT true,
        last_position bigint NOT NULL DEFAULT 0,
        CONSTRAINT feed_head_id_check CHECK (id)
    ) WITH (fillfactor = 10);
    INSERT INTO feed_head DEFAULT VALUES;
    SELECT open_table('feed_head');

    -- A position is the microsecond of the arrival, or the next free one: it orders events, resumes streams, and says when.
    CREATE TABLE event_feed (
        tenant_id uuid NOT NULL,
        position bigint NOT NULL,
        event_id uuid NOT NULL,
        name text NOT NULL,
        schema_ref text NOT NULL,
        aggregate_type text NOT NULL,
        aggregate_id uuid NOT NULL,
        sequence bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        source text,
        traceparent text,
        payload text NOT NULL,
        PRIMARY KEY (tenant_id, position)
    ) PARTITION BY RANGE (position);
    CREATE INDEX event_feed_position_idx ON event_feed (position);
    CREATE INDEX event_feed_event_id_idx ON event_feed (tenant_id, event_id);
    SELECT secure_append_only_table('event_feed');

    CREATE TABLE event_feed_default PARTITION OF event_feed DEFAULT;
    SELECT secure_append_only_table('event_feed_default');

    -- Takes `count` positions in a row; answers the one before the first.
    CREATE FUNCTION take_feed_positions(count bigint) RETURNS bigint
    LANGUAGE sql AS $$
        UPDATE feed_head
        SET last_position = greatest(
            last_position, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) + count
        RETURNING last_position - count
    $$;

    CREATE FUNCTION feed_position(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$;

    -- Makes the partitions of today and the days ahead; answers how many. Runs as the owner of the schema, because the
    -- service's role owns nothing. Rows that came before their partition move in from the default.
    CREATE FUNCTION ensure_feed_partitions(days_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '3s' AS $$
    DECLARE
        today date := (now() AT TIME ZONE 'UTC')::date;
        day date;
        partition_name text;
        lower_bound bigint;
        upper_bound bigint;
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
        PERFORM pg_advisory_xact_lock(hashtextextended('feed partitions of ' || current_schema(), 0));
        FOR day IN SELECT (today + n)::date FROM generate_series(-1, days_ahead) AS n LOOP
            partition_name := 'event_feed_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(quote_ident(current_schema()) || '.' || quote_ident(partition_name)) IS NOT NULL;
            lower_bound := feed_position(day::timestamp AT TIME ZONE 'UTC');
            upper_bound := feed_position((day + 1)::timestamp AT TIME ZONE 'UTC');
            EXECUTE format(
                'CREATE TABLE %I (LIKE event_feed INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
                partition_name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM event_feed_default WHERE position >= %s AND position < %s RETURNING *)
                 INSERT INTO %I SELECT * FROM moved', lower_bound, upper_bound, partition_name);
            EXECUTE format('SELECT secure_append_only_table(%L)', partition_name);
            EXECUTE format(
                'ALTER TABLE event_feed ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                partition_name, lower_bound, upper_bound);
            made := made + 1;
        END LOOP;
        RETURN made;
    END
    $$;

    -- Drops the partitions that ended more than `keep_days` ago; answers how many.
    CREATE FUNCTION drop_feed_partitions(keep_days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '3s' AS $$
    DECLARE
        last_day date;
        partition_name text;
        dropped integer := 0;
    BEGIN
        IF keep_days < 1 THEN
            RAISE EXCEPTION 'keep_days must be at least 1';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('feed partitions of ' || current_schema(), 0));
        last_day := (now() AT TIME ZONE 'UTC')::date - keep_days - 1;
        FOR partition_name IN
            SELECT c.relname
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'event_feed'::regclass
                AND c.relname ~ '^event_feed_[0-9]{8}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') <= last_day
            ORDER BY c.relname
        LOOP
            EXECUTE format('DROP TABLE %I', partition_name);
            dropped := dropped + 1;
        END LOOP;
        DELETE FROM event_feed_default
        WHERE position < feed_position((last_day + 1)::timestamp AT TIME ZONE 'UTC');
        RETURN dropped;
    END
    $$;

    -- A function that runs as the owner must find its tables in this schema and nowhere else, temporary tables included.
    DO $$
    BEGIN
        EXECUTE format('ALTER FUNCTION ensure_feed_partitions(integer) SET search_path = %I, pg_temp', current_schema());
        EXECUTE format('ALTER FUNCTION drop_feed_partitions(integer) SET search_path = %I, pg_temp', current_schema());
    END
    $$;

    SELECT ensure_feed_partitions(\(feedPartitionDaysAhead));
    """
