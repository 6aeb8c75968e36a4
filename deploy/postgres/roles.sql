-- The roles and the schema of a service, created the same way by deployments and by tests.
--
--     psql -f roles.sql -c "SELECT pg_temp.create_service_roles('tickets', 'secret', 'owner secret')" \
--                       -c "SELECT pg_temp.create_service_schema('tickets')"
--
-- The functions live as long as the session. Both may be repeated: they bring what exists to the same state. They are
-- for a superuser; the first is about the server, the second about the database that one is connected to.

-- deskwire_<service> runs the service: it owns nothing, and row-level security binds it.
-- deskwire_<service>_owner owns the schema and migrates it.
CREATE OR REPLACE FUNCTION pg_temp.create_service_roles(service text, password text, owner_password text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    role_name text;
    role_password text;
BEGIN
    -- Two sessions that alter the same role at once would fail.
    PERFORM pg_advisory_xact_lock(hashtextextended('deskwire.roles', 0));
    FOR role_name, role_password IN VALUES
        ('deskwire_' || service, password),
        ('deskwire_' || service || '_owner', owner_password)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
        EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
            role_name, role_password);
    END LOOP;
END
$$;

-- A schema that its owner may change, its service may use, and nobody else may see.
CREATE OR REPLACE FUNCTION pg_temp.create_service_schema(service text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    app text := 'deskwire_' || service;
    owner text := app || '_owner';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('deskwire.roles', 0));
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), app, owner);
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    -- For everybody's indexes; both come with the server.
    CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;
    CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, owner);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, app);
END
$$;
