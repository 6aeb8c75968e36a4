import Database

extension Migration {
    /// What every service's schema has for its API: the audit and the answers kept for Idempotency-Keys.
    public static let web = Migration(version: 2, name: "web", sql: webSQL)
}

private let webSQL = """
    -- Who did what to which row, written in the transaction that did it. Nobody may change it afterwards. The
    -- aggregate is what the row belongs to: a ticket's tags and messages are found under the ticket.
    CREATE TABLE audits (
        tenant_id uuid NOT NULL,
        aggregate_id uuid NOT NULL,
        id uuid NOT NULL,
        aggregate_type text NOT NULL,
        entity_type text NOT NULL,
        entity_id uuid NOT NULL,
        entity_version bigint NOT NULL,
        action text NOT NULL,
        actor_type text NOT NULL,
        actor_user_id uuid,
        actor_contact_id uuid,
        actor_name text NOT NULL,
        request_id text NOT NULL,
        changes jsonb NOT NULL,
        occurred_at timestamptz(3) NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT audits_action_check CHECK (action IN ('create', 'update', 'delete'))
    );
    CREATE INDEX audits_aggregate_id_idx ON audits (tenant_id, aggregate_id, id);
    SELECT secure_append_only_table('audits');

    -- The answers of POST requests under their Idempotency-Keys.
    CREATE TABLE idempotency_keys (
        tenant_id uuid NOT NULL,
        key text NOT NULL,
        fingerprint bytea NOT NULL,
        status integer NOT NULL,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, key)
    );
    CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys USING brin (created_at);
    SELECT secure_tenant_table('idempotency_keys');

    -- Claims a key for the running transaction, or ends it: DW001 while another request holds the key, DW002 where an
    -- answer is kept, DW003 where one is kept for another request. The lock goes with the transaction, after its rows
    -- have become visible; so whoever gets it sees what the one before has kept.
    CREATE FUNCTION claim_idempotency_key(tenant uuid, wanted text, print bytea) RETURNS void
    LANGUAGE plpgsql AS $$
    DECLARE
        kept record;
    BEGIN
        IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || ':' || tenant || ':' || wanted, 0)) THEN
            RAISE EXCEPTION USING ERRCODE = 'DW001', MESSAGE = 'the idempotency key is in flight';
        END IF;
        SELECT fingerprint, created_at INTO kept FROM idempotency_keys WHERE tenant_id = tenant AND key = wanted;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        IF kept.created_at < now() - interval '24 hours' THEN
            DELETE FROM idempotency_keys WHERE tenant_id = tenant AND key = wanted;
            RETURN;
        END IF;
        IF kept.fingerprint <> print THEN
            RAISE EXCEPTION USING ERRCODE = 'DW003', MESSAGE = 'the idempotency key was used for another request';
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'DW002', MESSAGE = 'the idempotency key has an answer';
    END
    $$;
    """
