# shellcheck shell=bash
# A private PostgreSQL and a private RabbitMQ: the distribution's binaries, unprivileged, on loopback. Sourced after common.sh.
# Callers set RUN and LOG, the directories for process ids and logs.

# supervise NAME COMMAND…: starts a supervised process unless it is supervised already.
supervise() {
    local name=$1 pid
    shift
    pid=$(cat "$RUN/$name.supervisor" 2>/dev/null || true)
    if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then return; fi
    setsid "$DESKWIRE_ROOT/deploy/lib/supervise" "$RUN" "$LOG" "$name" "$@" </dev/null >/dev/null 2>&1 &
    disown
}

# stop_supervised NAME [SECONDS]: asks the process to end, waits, and insists when it does not.
stop_supervised() {
    local name=$1 seconds=${2:-20} supervisor child
    supervisor=$(cat "$RUN/$name.supervisor" 2>/dev/null || true)
    child=$(cat "$RUN/$name.pid" 2>/dev/null || true)
    if [ -z "$supervisor" ] || ! kill -0 "$supervisor" 2>/dev/null; then
        rm -f "$RUN/$name".*
        return
    fi
    # A frozen process takes no signal but this one.
    [ -z "$child" ] || kill -CONT "$child" 2>/dev/null || true
    kill -TERM "$supervisor" 2>/dev/null || true
    wait_until "$seconds" "the end of $name" eval "! kill -0 $supervisor" || {
        [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
        kill -KILL "$supervisor" 2>/dev/null || true
    }
    rm -f "$RUN/$name".*
}

postgres_bin() {
    local directory
    for directory in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -x "$directory/postgres" ]; then echo "$directory"; return; fi
    done
    die "PostgreSQL's server is not installed"
}

# start_postgres PORT PASSWORD [SETTING…]: initializes the cluster when there is none, and waits until it answers.
start_postgres() {
    local port=$1 password=$2 data bin
    shift 2
    bin=$(postgres_bin)
    data=$(state_directory postgres postgres)
    if [ ! -s "$data/data/PG_VERSION" ]; then
        local pwfile
        pwfile=$(mktemp)
        printf '%s' "$password" >"$pwfile"
        chmod 644 "$pwfile"
        (cd / && as_user postgres "$bin/initdb" -D "$data/data" -U postgres --pwfile "$pwfile" -A scram-sha-256 -E UTF8 \
            --locale C.UTF-8) >>"$LOG/postgres.log" 2>&1 || { tail -5 "$LOG/postgres.log" >&2; die "initdb failed"; }
        rm -f "$pwfile"
    fi
    local options=(-D "$data/data" -c "port=$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$data")
    options+=(-c max_connections=300 -c shared_buffers=256MB -c max_wal_size=2GB -c wal_compression=on)
    options+=(-c log_min_messages=warning -c log_timezone=UTC -c timezone=UTC)
    local setting
    for setting in "$@"; do options+=(-c "$setting"); done
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    STOP_SIGNAL=INT supervise postgres "$DESKWIRE_ROOT/deploy/lib/as-user" postgres "$bin/postgres" "${options[@]}"
    wait_until 60 "PostgreSQL's readiness" "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" \
        || { tail -5 "$LOG/postgres.log" >&2; die "PostgreSQL does not start"; }
}

# rabbitmq_environment PORT: what every RabbitMQ command needs to find this node and no other.
rabbitmq_environment() {
    local directory
    directory=$(state_directory rabbitmq rabbitmq)
    export HOME=$directory RABBITMQ_NODENAME=deskwire@localhost RABBITMQ_MNESIA_BASE=$directory/mnesia \
        RABBITMQ_LOG_BASE=$directory/log RABBITMQ_CONFIG_FILE=$directory/rabbitmq.conf \
        RABBITMQ_ENABLED_PLUGINS_FILE=$directory/enabled_plugins RABBITMQ_PID_FILE=$directory/pid \
        RABBITMQ_DIST_PORT=$(($1 + 1)) ERL_EPMD_PORT=$(($1 + 2)) ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
}

# rabbitmq_command PORT COMMAND…: a RabbitMQ tool, against this node.
rabbitmq_command() { (rabbitmq_environment "$1"; shift; cd "$HOME" || exit; as_user rabbitmq "$@"); }

# rabbitmq_port: a port whose two successors are free as well (distribution, epmd).
rabbitmq_port() {
    local port
    for _ in $(seq 50); do
        port=$(free_port)
        if port_is_free $((port + 1)) && port_is_free $((port + 2)); then echo "$port"; return; fi
    done
    die "no free ports for RabbitMQ"
}

# start_rabbitmq PORT USER PASSWORD: waits until the broker takes connections.
start_rabbitmq() {
    local port=$1 user=$2 password=$3 directory
    directory=$(state_directory rabbitmq rabbitmq)
    {
        cat "$DESKWIRE_ROOT/deploy/rabbitmq/rabbitmq.conf"
        printf 'listeners.tcp.default = 127.0.0.1:%s\n' "$port"
        printf 'default_user = %s\ndefault_pass = %s\n' "$user" "$password"
    } >"$directory/rabbitmq.conf"
    cp "$DESKWIRE_ROOT/deploy/rabbitmq/enabled_plugins" "$directory/enabled_plugins"
    [ "$(id -u)" != 0 ] || chown rabbitmq: "$directory/rabbitmq.conf" "$directory/enabled_plugins"
    chmod 600 "$directory/rabbitmq.conf"
    (
        rabbitmq_environment "$port"
        cd "$HOME" || exit
        supervise rabbitmq "$DESKWIRE_ROOT/deploy/lib/rabbitmq-node"
    )
    wait_until 90 "RabbitMQ's readiness" eval "! port_is_free $port" || { tail -20 "$LOG/rabbitmq.log" >&2; die "RabbitMQ does not start"; }
    rabbitmq_command "$port" /usr/lib/rabbitmq/bin/rabbitmqctl -q await_startup >>"$LOG/rabbitmq.log" 2>&1 \
        || { tail -20 "$LOG/rabbitmq.log" >&2; die "RabbitMQ does not start"; }
}

# stop_rabbitmq PORT: the node, then the port mapper it started.
stop_rabbitmq() {
    stop_supervised rabbitmq 30
    ERL_EPMD_PORT=$(($1 + 2)) epmd -kill >/dev/null 2>&1 || true
}
