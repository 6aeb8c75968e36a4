# shellcheck shell=bash
# The platform on its private servers: secrets, roles, services. Sourced.
. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

# settle NAME COMMAND…: a value that is made once and kept: settle BROKER_PASSWORD random_secret
settle() {
    local name=$1 file=$DESKWIRE_HOME/settled value
    shift
    if ! value=$(sed -n "s/^$name=//p" "$file" 2>/dev/null) || [ -z "$value" ]; then
        value=$("$@")
        (umask 077 && printf '%s=%s\n' "$name" "$value" >>"$file")
    fi
    printf '%s' "$value"
}

# settle_port NAME COMMAND: a port that none of the others is.
settle_port() {
    local others
    others=$(sed -nE 's/^(PORT_[a-z]+|[A-Z]+_PORT)=//p' "$DESKWIRE_HOME/settled" 2>/dev/null) || true
    # shellcheck disable=SC2086 # ports are words
    settle "$1" "$2" $others "${DESKWIRE_PORT:-8080}"
}

# prepare_home: the state directory and what is settled once for its life.
prepare_home() {
    mkdir -p "$DESKWIRE_HOME"
    chmod 711 "$DESKWIRE_HOME"
    RUN=$DESKWIRE_HOME/run LOG=$DESKWIRE_HOME/log
    mkdir -p "$RUN" "$LOG"
    # Two commands at the same time would start everything twice.
    exec 9>"$DESKWIRE_HOME/lock"
    flock -w 600 9 || die "another deploy command is at work in $DESKWIRE_HOME"

    DATABASE_PORT=$(settle_port DATABASE_PORT free_port)
    BROKER_PORT=$(settle_port BROKER_PORT rabbitmq_port)
    SUPERUSER_PASSWORD=$(settle SUPERUSER_PASSWORD random_secret)
    BROKER_PASSWORD=$(settle BROKER_PASSWORD random_secret)
    GATEWAY_PORT=${DESKWIRE_PORT:-8080}
    if [ "$GATEWAY_PORT" = 0 ]; then GATEWAY_PORT=$(settle_port GATEWAY_PORT free_port); fi
    DATABASE_URL_SUPERUSER=postgresql://postgres:$SUPERUSER_PASSWORD@127.0.0.1:$DATABASE_PORT/deskwire
    BROKER_URL=amqp://deskwire:$BROKER_PASSWORD@127.0.0.1:$BROKER_PORT/
    EXCHANGE=${DESKWIRE_EXCHANGE:-support}
}

service_port() {
    if [ "$1" = gateway ]; then printf '%s' "$GATEWAY_PORT"; else settle_port "PORT_$1" free_port; fi
}

# MARK: The database

# psql_superuser DATABASE [ARGUMENT…]
psql_superuser() {
    PGPASSWORD=$SUPERUSER_PASSWORD PGOPTIONS="-c client_min_messages=warning" psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$DATABASE_PORT" -U postgres -d "$@"
}

# prepare_database: the database, and for each service its roles and its schema. May be repeated.
prepare_database() {
    local service
    if [ -z "$(psql_superuser postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'deskwire'")" ]; then
        psql_superuser postgres -c "CREATE DATABASE deskwire"
    fi
    # Through a pipe: everybody may read a command line.
    {
        cat "$DESKWIRE_ROOT/deploy/postgres/roles.sql"
        for service in "${DESKWIRE_SERVICES[@]}"; do
            printf "SELECT pg_temp.create_service_roles('%s', '%s', '%s');\nSELECT pg_temp.create_service_schema('%s');\n" \
                "$service" "$(settle "PASSWORD_$service" random_secret)" \
                "$(settle "OWNER_PASSWORD_$service" random_secret)" "$service"
        done
    } | psql_superuser deskwire >/dev/null
}

# MARK: Executables

# prepare_executables DIRECTORY: sets BIN to where the services are started from. That is the directory itself, unless we are
# root and the services, which are not, can't reach it or the libraries beside the toolchain: then it is a copy.
prepare_executables() {
    local from=$1 service name library
    for service in "${DESKWIRE_SERVICES[@]}"; do
        name=$(service_executable "$service")
        [ -x "$from/$name" ] || die "$from/$name is not there"
    done
    from=$(cd "$from" && pwd -P)
    BIN=$from
    if ! is_root; then return; fi
    id -u deskwire >/dev/null 2>&1 ||
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin deskwire
    if (cd / && as_user deskwire "$from/$(service_executable gateway)" --version) >/dev/null 2>&1; then return; fi

    BIN=$(state_directory bin deskwire)
    for service in "${DESKWIRE_SERVICES[@]}"; do
        name=$(service_executable "$service")
        if ! cmp -s "$from/$name" "$BIN/$name"; then
            # Moved into place: a running executable can't be written to.
            install -m 755 "$from/$name" "$BIN/$name.new"
            mv "$BIN/$name.new" "$BIN/$name"
        fi
        # Executables look for libraries beside themselves, too.
        ldd "$from/$name" | awk '$3 ~ "^/" && $3 !~ "^/(usr/)?lib" { print $3 }' | while read -r library; do
            [ -e "$BIN/$(basename "$library")" ] || install -m 755 "$library" "$BIN/"
        done
    done
    (cd / && as_user deskwire "$BIN/$(service_executable gateway)" --version) >/dev/null ||
        die "the user deskwire can't run the services"
}

# MARK: Services

# services_setting: name=url of every service behind the gateway.
services_setting() {
    local service list=
    for service in "${DESKWIRE_SERVICES[@]}"; do
        [ "$service" = gateway ] || list+="${list:+,}$service=http://127.0.0.1:$(service_port "$service")"
    done
    printf '%s' "$list"
}

# service_settings NAME: the service's settings, one NAME=value a line; later lines win.
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
        printf 'RATE_LIMITS=%s\n' "${DESKWIRE_RATE_LIMITS:-on}"
    fi
    if [ "$service" = knowledge ]; then printf 'HELP_CENTER_URL=http://127.0.0.1:%s\n' "$GATEWAY_PORT"; fi
    if [ "$service" = notifications ]; then
        printf 'EMAIL_LINK_URL=http://127.0.0.1:%s\n' "$GATEWAY_PORT"
        printf 'SECRETS_KEY=%s\n' "$(settle SECRETS_KEY random_secret)"
    fi
    # An operator's own settings, for all services.
    if [ -f "$DESKWIRE_HOME/settings" ]; then grep -E '^[A-Z][A-Z0-9_]*=' "$DESKWIRE_HOME/settings" || true; fi
}

# start_service NAME: starts it under supervision; one that runs with other settings or another executable is restarted.
# SETTINGS are in a file that only its owner can read.
start_service() {
    local service=$1 file=$RUN/$1.settings executable child
    executable=$BIN/$(service_executable "$service")
    (umask 077 && service_settings "$service" >"$file.new")
    if child=$(child_of "$service") && supervisor_of "$service" >/dev/null; then
        if cmp -s "$file" "$file.new" && [ "/proc/$child/exe" -ef "$executable" ]; then
            rm "$file.new"
            # Somebody may have frozen it.
            kill -CONT "$child"
            return
        fi
        # The supervisor knows the command line: another executable needs another supervisor.
        stop_supervised "$service"
    fi
    mv "$file.new" "$file"
    supervise "$service" "$DESKWIRE_ROOT/deploy/lib/service" "$file" "$executable"
}

service_is_ready() {
    curl -sf -o /dev/null --max-time 5 "http://127.0.0.1:$(service_port "$1")/health/ready" && child_of "$1"
}

# wait_for_service NAME [SECONDS]
wait_for_service() {
    wait_until "${2:-60}" "readiness of $1" service_is_ready "$1" && return
    curl -s --max-time 5 "http://127.0.0.1:$(service_port "$1")/health/ready" >&2 || true
    tail -5 "$LOG/$1.log" >&2 || true
    die "$1 does not become ready; its log is $LOG/$1.log"
}

# bootstrap: the demo organization, its users and the keys. Keys can be shown only when they are made, so they are made here.
bootstrap() {
    local settings=$RUN/bootstrap.settings status=0
    (
        umask 077
        cat "$RUN/gateway.settings"
        printf 'BOOTSTRAP_API_KEY=dw_live_%s\n' "$(settle API_KEY random_secret)"
        printf 'BOOTSTRAP_ADMIN_KEY=dw_live_%s\n' "$(settle ADMIN_KEY random_secret)"
        printf 'BOOTSTRAP_DEMO_PASSWORD=%s\n' "$(settle DEMO_PASSWORD random_secret)"
    ) >"$settings"
    "$DESKWIRE_ROOT/deploy/lib/service" "$settings" "$BIN/$(service_executable gateway)" --bootstrap || status=$?
    rm -f "$settings"
    return $status
}

# write_env KEY-LINES: the file that shells source.
write_env() {
    local service
    (
        umask 077
        {
            printf '%s\n' "$1" | grep -v '^DESKWIRE_DEMO_PASSWORD='
            printf 'DESKWIRE_DEMO_PASSWORD=%s\n' "$(settle DEMO_PASSWORD random_secret)"
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
