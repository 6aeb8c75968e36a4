# shellcheck shell=bash
# What the deploy commands share: where things are, how they speak, ports, secrets, identities. Sourced.

[ -z "${DESKWIRE_ROOT:-}" ] || return 0
DESKWIRE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DESKWIRE_HOME=${DESKWIRE_HOME:-$DESKWIRE_ROOT/.deskwire}
case $DESKWIRE_HOME in /*) ;; *) DESKWIRE_HOME=$PWD/$DESKWIRE_HOME ;; esac

# The services, in the order they are started; each is an executable deskwire-<name> and a schema <name>.
# shellcheck disable=SC2034
DESKWIRE_SERVICES=(tickets routing sla notifications knowledge gateway)

say() { printf '%s\n' "$*" >&2; }
die() { say "deploy: $*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# service_executable NAME: the build product of a service.
service_executable() { echo "deskwire-$1"; }

# random_secret: 256 bits as letters and digits, so that it needs no quoting in a URL or a file.
random_secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_is_free() { ! port_is_taken "$1"; }

# free_port [GIVEN…]: a port nobody listens on, below the range that the kernel hands out to clients, and not one that somebody was
# given and does not listen on yet. Whoever was given one, or asks for one, may take its two successors as well, as RabbitMQ does.
free_port() {
    local port given
    for _ in $(seq 200); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        for given in "$@"; do
            if [ "$port" -ge $((given - 2)) ] && [ "$port" -le $((given + 2)) ]; then continue 2; fi
        done
        if port_is_free "$port"; then
            echo "$port"
            return
        fi
    done
    die "no free port found"
}

# wait_until SECONDS WHAT COMMAND…: runs the command until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "deploy: $what did not come about in time"
            return 1
        fi
        sleep 0.1
    done
}

# as_user USER COMMAND…: the command as that user when we are root, else as ourselves. It replaces this shell's process.
as_user() {
    local user=$1
    shift
    if is_root; then
        exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
    fi
    exec "$@"
}

# state_directory NAME USER: a directory under DESKWIRE_HOME that the user can reach and nobody else. A server that drops root
# can't reach a home below, say, /root: then the directory lies in /var/lib and the home has a link to it.
state_directory() {
    local name=$1 user=$2 path=$DESKWIRE_HOME/$1
    if [ ! -e "$path" ]; then
        if is_root && ! (as_user "$user" test -x "$DESKWIRE_HOME"); then
            local elsewhere
            elsewhere=/var/lib/deskwire/$(printf '%s' "$DESKWIRE_HOME" | cksum | cut -d' ' -f1)-$name
            mkdir -p "$elsewhere"
            ln -sfn "$elsewhere" "$path"
        else
            mkdir -p "$path"
        fi
        if is_root; then chown "$user:" "$(readlink -f "$path")"; fi
        chmod 700 "$(readlink -f "$path")"
    fi
    readlink -f "$path"
}

# wipe_home: deletes the state, wherever it lies.
wipe_home() {
    local name
    for name in postgres rabbitmq bin; do
        if [ -L "$DESKWIRE_HOME/$name" ]; then rm -rf "$(readlink -f "$DESKWIRE_HOME/$name")"; fi
    done
    rm -rf "$DESKWIRE_HOME"
}
