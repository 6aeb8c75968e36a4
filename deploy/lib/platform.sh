# shellcheck shell=bash
# The platform on its private servers: secrets, roles, services. Sourced after common.sh and servers.sh.

# settle NAME COMMAND…: a value that is made once and kept (a secret, a port): settle DATABASE_PORT free_port
settle() {
    local name=$1 file=$DESKWIRE_HOME/settled value
    shift
    if ! value=$(sed -n "s/^$name=//p" "$file" 2>/dev/null) || [ -z "$value" ]; then
        value=$("$@")
        (umask 077 && printf '%s=%s\n' "$name" "$value" >>"$file")
    fi
    printf '%s' "$value"
}

# prepare_home: the state directory and what is settled once for its life.
prepare_home() {
    mkdir -p "$DESKWIRE_HOME"
    chmod 711 "$DESKWIRE_HOME"
    RUN=$DESKWIRE_HOME/run LOG=$DESKWIRE_HOME/log
    mkdir -p "$RUN" "$LOG"
    DATABASE_PORT=$(settle DATABASE_PORT free_port)
    BROKER_PORT=$(settle BROKER_PORT rabbitmq_port)
    SUPERUSER_PASSWORD=$(settle SUPERUSER_PASSWORD random_secret)
    BROKER_PASSWORD=$(settle BROKER_PASSWORD random_secret)
    local asked=${DESKWIRE_PORT:-8080}
    if [ "$asked" = 0 ]; then asked=$(settle GATEWAY_PORT free_port); fi
    GATEWAY_PORT=$asked
    DATABASE_URL_SUPERUSER=postgresql://postgres:$SUPERUSER_PASSWORD@127.0.0.1:$DATABASE_PORT/deskwire
    BROKER_URL=amqp://deskwire:$BROKER_PASSWORD@127.0.0.1:$BROKER_PORT/
    EXCHANGE=${DESKWIRE_EXCHANGE:-support}
}

service_port() {
    if [ "$1" = gateway ]; then printf '%s' "$GATEWAY_PORT"; else settle "PORT_$1" free_port; fi
}

psql_superuser() { psql -X -q -v ON_ERROR_STOP=1 -d "$1" "${@:2}"; }

# prepare_database: the database, and for each service its roles and its schema. May be repeated.
prepare_database() {
    local server=postgresql://postgres:$SUPERUSER_PASSWORD@127.0.0.1:$DATABASE_PORT service commands=()
    if [ -z "$(psql_superuser "$server/postgres" -Atc "SELECT 1 FROM pg_database WHERE datname = 'deskwire'")" ]; then
        psql_superuser "$server/postgres" -c "CREATE DATABASE deskwire"
    fi
    for service in "${DESKWIRE_SERVICES[@]}"; do
        commands+=(-c "SELECT pg_temp.create_service_roles('$service', '$(settle "PASSWORD_$service" random_secret)',
            '$(settle "OWNER_PASSWORD_$service" random_secret)')")
        commands+=(-c "SELECT pg_temp.create_service_schema('$service')")
    done
    psql_superuser "$server/deskwire" -f "$DESKWIRE_ROOT/deploy/postgres/roles.sql" "${commands[@]}" >/dev/null
}

# services_setting: name=url of every service behind the gateway.
services_setting() {
    local service list=
    for service in "${DESKWIRE_SERVICES[@]}"; do
        [ "$service" = gateway ] || list+="${list:+,}$service=http://127.0.0.1:$(service_port "$service")"
    done
    printf '%s' "$list"
}

# service_settings NAME: the service's settings, one NAME=value a line.
service_settings() {
    local service=$1 host=127.0.0.1:$DATABASE_PORT/deskwire
    cat <<SETTINGS
DATABASE_URL=postgresql://deskwire_$service:$(settle "PASSWORD_$service" random_secret)@$host
DATABASE_MIGRATION_URL=postgresql://deskwire_${service}_owner:$(settle "OWNER_PASSWORD_$service" random_secret)@$host
AMQP_URL=$BROKER_URL
EXCHANGE_NAME=$EXCHANGE
HTTP_HOST=127.0.0.1
HTTP_PORT=$(service_port "$service")
INTERNAL_CONTEXT_KEY=$(settle INTERNAL_CONTEXT_KEY random_secret)
LOG_LEVEL=${DESKWIRE_LOG_LEVEL:-info}
SETTINGS
    if [ "$service" = gateway ]; then
        printf 'SERVICES=%s\nTOKEN_ISSUER=http://127.0.0.1:%s\n' "$(services_setting)" "$GATEWAY_PORT"
    fi
}

# with_settings NAME COMMAND…: runs the command with the service's settings and nothing else of ours in its environment.
with_settings() {
    local service=$1 settings
    shift
    mapfile -t settings < <(service_settings "$service")
    env "${settings[@]}" "$@"
}

# start_service NAME: under supervision, unless it runs already. Its settings are in a file that only its owner can read.
start_service() {
    local service=$1
    (umask 077 && service_settings "$service" >"$RUN/$service.settings")
    supervise "$service" "$DESKWIRE_ROOT/deploy/lib/service" "$RUN/$service.settings" "$BIN/$(service_executable "$service")"
}

service_is_ready() { curl -sf -o /dev/null "http://127.0.0.1:$(service_port "$1")/health/ready"; }

# wait_for_service NAME [SECONDS]
wait_for_service() {
    wait_until "${2:-60}" "readiness of $1" service_is_ready "$1" && return
    curl -s "http://127.0.0.1:$(service_port "$1")/health/ready" >&2 || true
    tail -5 "$LOG/$1.log" >&2 || true
    die "$1 does not become ready; its log is $LOG/$1.log"
}

# write_env API-KEY-LINES: the file that shells source.
write_env() {
    local service
    (
        umask 077
        {
            printf '%s\n' "$1"
            printf 'DESKWIRE_HOME=%q\n' "$DESKWIRE_HOME"
            printf 'DESKWIRE_URL=http://127.0.0.1:%s\n' "$GATEWAY_PORT"
            printf 'DESKWIRE_AMQP_URL=%s\nDESKWIRE_EXCHANGE=%s\n' "$BROKER_URL" "$EXCHANGE"
            printf 'DESKWIRE_DATABASE_URL=%s\n' "$DATABASE_URL_SUPERUSER"
            for service in "${DESKWIRE_SERVICES[@]}"; do
                printf 'DESKWIRE_%s_URL=http://127.0.0.1:%s\n' "${service^^}" "$(service_port "$service")"
            done
        } | sed 's/^/export /' >"$DESKWIRE_HOME/env.new"
    )
    mv "$DESKWIRE_HOME/env.new" "$DESKWIRE_HOME/env"
}
