import Database

extension Migration {
    /// The token buckets that all gateway processes share.
    static let rateLimits = Migration(version: 101, name: "rate_limits", sql: rateLimitsSQL)
}

private let rateLimitsSQL = """
    -- Unlogged: after a crash every bucket is full again, which is all that its loss can mean.
    CREATE UNLOGGED TABLE rate_buckets (
        tenant_id uuid NOT NULL,
        bucket text NOT NULL,
        tokens double precision NOT NULL,
        granted integer NOT NULL,
        filled_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, bucket)
    ) WITH (fillfactor = 50);
    CREATE INDEX rate_buckets_filled_at_idx ON rate_buckets USING brin (filled_at);
    SELECT secure_tenant_table('rate_buckets');

    -- Takes up to `want` tokens: answers how many were there, and what is left.
    CREATE FUNCTION take_tokens(tenant uuid, name text, want integer, capacity integer, per_second double precision)
    RETURNS TABLE (granted integer, remaining double precision)
    LANGUAGE sql AS $$
        INSERT INTO rate_buckets AS b (tenant_id, bucket, tokens, granted, filled_at)
        VALUES (tenant, name, capacity - least(want, capacity), least(want, capacity), clock_timestamp())
        ON CONFLICT (tenant_id, bucket) DO UPDATE SET
            (tokens, granted, filled_at) = (
                SELECT filled - taken, taken, at
                FROM (
                    SELECT filled, at, least(want, floor(filled))::integer AS taken
                    FROM (
                        SELECT
                            at,
                            least(
                                capacity::double precision,
                                b.tokens + greatest(0, extract(epoch FROM at - b.filled_at))::double precision * per_second
                            ) AS filled
                        FROM (SELECT greatest(clock_timestamp(), b.filled_at) AS at) AS clock
                    ) AS refilled
                ) AS counted
            )
        RETURNING b.granted, b.tokens
    $$;
    """
