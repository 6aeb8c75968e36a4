import Database

extension Migration {
    /// Organizations, users and what they prove themselves with.
    static let identity = Migration(version: 100, name: "identity", sql: identitySQL)
}

private let identitySQL = """
    -- An organization is a tenant: its id is the tenant_id of everything that belongs to it. The platform itself is one
    -- too (kind platform), so that platform administrators and their keys have a home.
    CREATE TABLE organizations (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        created_by uuid,
        updated_by uuid,
        kind text NOT NULL DEFAULT 'customer',
        parent_id uuid,
        name text NOT NULL,
        slug text,
        status text NOT NULL DEFAULT 'active',
        plan text NOT NULL DEFAULT 'standard',
        ticket_prefix text NOT NULL DEFAULT 'T',
        locale text NOT NULL DEFAULT 'en',
        timezone text NOT NULL DEFAULT 'UTC',
        cors_origins text[] NOT NULL DEFAULT '{}',
        settings jsonb NOT NULL DEFAULT '{}',
        branding jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT organizations_id_check CHECK (id = tenant_id),
        CONSTRAINT organizations_kind_check CHECK (kind IN ('platform', 'customer')),
        CONSTRAINT organizations_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
        CONSTRAINT organizations_status_check CHECK (status IN ('active', 'suspended')),
        CONSTRAINT organizations_ticket_prefix_check CHECK (ticket_prefix ~ '^[A-Z][A-Z0-9]{0,9}$'),
        CONSTRAINT organizations_parent_id_check CHECK (parent_id <> id)
    );
    CREATE INDEX organizations_id_idx ON organizations (id);
    CREATE INDEX organizations_parent_id_idx ON organizations (parent_id) WHERE parent_id IS NOT NULL;
    SELECT secure_tenant_table('organizations');

    -- Slugs are unique over all organizations. In a table of their own, because every key of a tenant's table begins with
    -- the tenant.
    CREATE TABLE organization_slugs (
        slug text NOT NULL,
        organization_id uuid NOT NULL,
        CONSTRAINT organization_slugs_slug_key PRIMARY KEY (slug)
    );
    CREATE INDEX organization_slugs_organization_id_idx ON organization_slugs (organization_id);
    SELECT open_table('organization_slugs');

    CREATE TABLE users (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        created_by uuid,
        updated_by uuid,
        email text NOT NULL,
        display_name text NOT NULL,
        roles text[] NOT NULL,
        status text NOT NULL DEFAULT 'active',
        locale text,
        timezone text,
        phone text,
        external_id text,
        deactivated_at timestamptz(3),
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT users_email_key UNIQUE (tenant_id, email),
        CONSTRAINT users_external_id_key UNIQUE (tenant_id, external_id),
        CONSTRAINT users_email_check CHECK (email = lower(email) AND char_length(email) <= 254 AND email LIKE '_%@_%'),
        CONSTRAINT users_display_name_check CHECK (char_length(display_name) BETWEEN 1 AND 200),
        CONSTRAINT users_status_check CHECK (status IN ('active', 'deactivated')),
        CONSTRAINT users_roles_check CHECK (cardinality(roles) BETWEEN 1 AND 10)
    );
    CREATE INDEX users_id_idx ON users (id);
    SELECT secure_tenant_table('users');

    -- Apart from users, so that no read of a user can show it.
    CREATE TABLE user_passwords (
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        hash text NOT NULL,
        changed_at timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, user_id),
        CONSTRAINT user_passwords_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
    );
    SELECT secure_tenant_table('user_passwords');

    CREATE TABLE api_keys (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        created_by uuid,
        updated_by uuid,
        name text NOT NULL,
        hint text NOT NULL,
        roles text[] NOT NULL,
        scopes text[] NOT NULL DEFAULT '{*}',
        requests_per_minute integer,
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        key_hash text NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT api_keys_key_hash_key UNIQUE (tenant_id, key_hash),
        CONSTRAINT api_keys_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
        CONSTRAINT api_keys_roles_check CHECK (cardinality(roles) BETWEEN 1 AND 10),
        CONSTRAINT api_keys_requests_per_minute_check CHECK (requests_per_minute BETWEEN 1 AND 10000000),
        CONSTRAINT api_keys_key_hash_check CHECK (key_hash ~ '^[0-9a-f]{64}$')
    );
    CREATE INDEX api_keys_id_idx ON api_keys (id);
    -- The one look-up without a tenant: a key comes without saying whose it is.
    CREATE INDEX api_keys_key_hash_idx ON api_keys (key_hash);
    SELECT secure_tenant_table('api_keys');

    -- When a key was last used: written every few seconds at most, and no change of the key.
    CREATE TABLE api_key_uses (
        tenant_id uuid NOT NULL,
        api_key_id uuid NOT NULL,
        last_used_at timestamptz(3) NOT NULL,
        PRIMARY KEY (tenant_id, api_key_id)
    ) WITH (fillfactor = 50);
    SELECT secure_tenant_table('api_key_uses');

    CREATE TABLE sessions (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        user_id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        expires_at timestamptz(3) NOT NULL,
        revoked_at timestamptz(3),
        revoked_reason text,
        generation integer NOT NULL DEFAULT 1,
        ip_address text,
        user_agent text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT sessions_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
    );
    CREATE INDEX sessions_user_id_idx ON sessions (tenant_id, user_id, created_at);
    CREATE INDEX sessions_id_idx ON sessions (id);
    CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
    SELECT secure_tenant_table('sessions');

    -- Every refresh token of a session, one per generation. Only the session's present generation is good; an earlier one
    -- that is shown again has been stolen or is held by a thief's victim, and ends the session.
    CREATE TABLE refresh_tokens (
        tenant_id uuid NOT NULL,
        session_id uuid NOT NULL,
        generation integer NOT NULL,
        token_hash bytea NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, session_id, generation),
        CONSTRAINT refresh_tokens_session_id_fkey
            FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
    );
    SELECT secure_tenant_table('refresh_tokens');

    -- A number per organization that rises with every change that makes what gateways have cached about it wrong: a key
    -- revoked, a user deactivated, an origin added. Gateways ask for the recent ones every fraction of a second.
    CREATE TABLE identity_epochs (
        tenant_id uuid NOT NULL PRIMARY KEY,
        epoch bigint NOT NULL DEFAULT 1,
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    ) WITH (fillfactor = 50);
    CREATE INDEX identity_epochs_changed_at_idx ON identity_epochs (changed_at);
    SELECT secure_tenant_table('identity_epochs');

    -- The keys that sign access tokens; the private part is sealed with a key that the database doesn't have.
    CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        public_key bytea NOT NULL,
        sealed_private_key bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        signs_from timestamptz NOT NULL,
        believed_until timestamptz
    );
    SELECT open_table('signing_keys');
    """
