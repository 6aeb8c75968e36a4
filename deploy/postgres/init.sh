#!/usr/bin/env bash
# Run once by the PostgreSQL image, on an empty volume: each service's roles and schema. Passwords come from the environment.
set -euo pipefail
: "${SERVICE_PASSWORD:?}" "${OWNER_PASSWORD:?}"
{
    cat /deskwire/roles.sql
    for service in gateway tickets routing sla notifications knowledge; do
        printf "SELECT pg_temp.create_service_roles('%s', '%s', '%s');\nSELECT pg_temp.create_service_schema('%s');\n" \
            "$service" "${SERVICE_PASSWORD//\'/\'\'}" "${OWNER_PASSWORD//\'/\'\'}" "$service"
    done
} | psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" >/dev/null
