# shellcheck shell=bash
# A private PostgreSQL and a private RabbitMQ: the distribution's binaries, unprivileged, on loopback. Sourced; callers set RUN
# and LOG.
. "$(dirname "${BASH_SOURCE[0]}")/supervision.sh"

# MARK: PostgreSQL

postgres_bin() {
    local directory
    for directory in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -x "$directory/postgres" ]; then
            echo "$directory"
            return
        fi
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
        (
            umask 077
            printf '%s' "$password" >"$data/password"
            if is_root; then chown postgres: "$data/password"; fi
        )
        # In another directory first: what was interrupted is begun again.
        rm -rf "$data/new"
        (cd / && as_user postgres "$bin/initdb" -D "$data/new" -U postgres --pwfile "$data/password" -A scram-sha-256 \
            -E UTF8 --locale C.UTF-8) >>"$LOG/postgres.log" 2>&1 || {
            tail -5 "$LOG/postgres.log" >&2
            die "initdb failed"
        }
        rm -f "$data/password"
        mv "$data/new" "$data/data"
    fi
    install -m 644 "$DESKWIRE_ROOT/deploy/postgres/postgresql.conf" "$data/postgresql.conf"
    local options=(-D "$data/data" -c "config_file=$data/postgresql.conf" -c "port=$port")
    options+=(-c listen_addresses=127.0.0.1 -c "unix_socket_directories=")
    local setting
    for setting in "$@"; do options+=(-c "$setting"); done
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    STOP_SIGNAL=INT supervise postgres "$DESKWIRE_ROOT/deploy/lib/as-user" postgres "$bin/postgres" "${options[@]}"
    wait_until 60 "PostgreSQL's readiness" "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" || {
        tail -5 "$LOG/postgres.log" >&2
        die "PostgreSQL does not start"
    }
}

# MARK: RabbitMQ

# rabbitmq_environment PORT: what every RabbitMQ command needs to find this node and no other. The two ports after the broker's
# are the node's own and its port mapper's.
rabbitmq_environment() {
    local directory
    directory=$(state_directory rabbitmq rabbitmq)
    export HOME=$directory RABBITMQ_NODENAME=deskwire@localhost RABBITMQ_MNESIA_BASE=$directory/mnesia \
        RABBITMQ_LOG_BASE=$directory/log RABBITMQ_CONFIG_FILE=$directory/rabbitmq.conf \
        RABBITMQ_CONF_ENV_FILE=$directory/rabbitmq-env.conf RABBITMQ_ENABLED_PLUGINS_FILE=$directory/enabled_plugins \
        RABBITMQ_PID_FILE=$directory/pid RABBITMQ_DIST_PORT=$(($1 + 1)) ERL_EPMD_PORT=$(($1 + 2)) \
        ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CTL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
        RABBITMQ_SERVER_START_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

# rabbitmq_command PORT COMMAND…: a RabbitMQ tool, against this node.
rabbitmq_command() {
    (
        rabbitmq_environment "$1"
        shift
        cd "$HOME" || exit
        as_user rabbitmq "$@"
    )
}

# rabbitmq_port [GIVEN…]: a port whose two successors are free as well.
rabbitmq_port() {
    local port
    for _ in $(seq 50); do
        port=$(free_port "$@")
        if port_is_free $((port + 1)) && port_is_free $((port + 2)); then
            echo "$port"
            return
        fi
    done
    die "no free ports for RabbitMQ"
}

# start_rabbitmq PORT USER PASSWORD [WRAPPER…]: waits until the broker takes connections. The wrapper is a command that runs
# the node.
start_rabbitmq() {
    local port=$1 user=$2 password=$3 directory
    shift 3
    directory=$(state_directory rabbitmq rabbitmq)
    (
        umask 077
        cat "$DESKWIRE_ROOT/deploy/rabbitmq/rabbitmq-env.conf" >"$directory/rabbitmq-env.conf"
        cat "$DESKWIRE_ROOT/deploy/rabbitmq/enabled_plugins" >"$directory/enabled_plugins"
        sed "s/@PASSWORD@/$password/; s/@USER@/$user/" "$DESKWIRE_ROOT/deploy/rabbitmq/definitions.json" \
            >"$directory/definitions.json"
        {
            cat "$DESKWIRE_ROOT/deploy/rabbitmq/rabbitmq.conf"
            printf 'listeners.tcp.default = 127.0.0.1:%s\n' "$port"
            printf 'load_definitions = %s\n' "$directory/definitions.json"
        } >"$directory/rabbitmq.conf"
        cd "$directory" || exit
        if is_root; then chown rabbitmq: rabbitmq-env.conf enabled_plugins definitions.json rabbitmq.conf; fi
    )
    (
        rabbitmq_environment "$port"
        cd "$HOME" || exit
        supervise rabbitmq "$@" "$DESKWIRE_ROOT/deploy/lib/rabbitmq-node"
    )
    # The port opens before the node takes everything; the tool fails while there is no node.
    if ! wait_until 90 "RabbitMQ's port" port_is_taken "$port" || ! wait_until 60 "RabbitMQ's readiness" \
        rabbitmq_command "$port" /usr/lib/rabbitmq/bin/rabbitmqctl -q await_startup --timeout 30; then
        tail -20 "$LOG/rabbitmq.log" >&2
        die "RabbitMQ does not start"
    fi
}

# settle_queues PORT: RabbitMQ has seconds' time to write down which log belongs to which new quorum queue. A node that is killed
# before finds an empty queue afterwards, which waits for a leader for ever. So they are written now, and a queue that was left
# without a leader gets one.
settle_queues() {
    local answer
    answer=$(rabbitmq_command "$1" /usr/lib/rabbitmq/bin/rabbitmqctl -q eval "$(<"$DESKWIRE_ROOT/deploy/rabbitmq/settle_queues.erl")" 2>&1) ||
        true
    [ "${answer##*$'\n'}" = ok ] || say "new queues may not outlive the broker yet: $answer"
}

# stop_rabbitmq PORT: the node, then the port mapper it started.
stop_rabbitmq() {
    stop_supervised rabbitmq 30
    ERL_EPMD_PORT=$(($1 + 2)) epmd -kill >/dev/null 2>&1 || true
}
