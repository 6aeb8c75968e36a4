# shellcheck shell=bash
# Processes that are started again when they die. Callers set RUN and LOG, the directories of process ids and logs. Sourced.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# is_alive PROCESS: whether it runs; what has ended and was not yet collected by its parent does not.
is_alive() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}
has_ended() { ! is_alive "$1"; }

# process_of FILE PATTERN: the process id in the file, if that process lives and its command line looks like the pattern: after
# a reboot the same number may be anybody.
process_of() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    [ -n "$pid" ] && is_alive "$pid" || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$2" || return 1
    printf '%s' "$pid"
}

supervisor_of() { process_of "$RUN/$1.supervisor" "lib/supervise .* $1 "; }

# Beside the supervisor itself: what is left of a process whose supervisor was killed.
process_pattern() {
    case $1 in postgres) echo 'bin/postgres' ;; rabbitmq) echo 'beam' ;; *) service_executable "$1" ;; esac
}
child_of() { process_of "$RUN/$1.pid" "$(process_pattern "$1")"; }

# supervise NAME COMMAND…: starts a supervised process unless it is supervised already.
supervise() {
    local name=$1
    shift
    if supervisor_of "$name" >/dev/null; then return; fi
    stop_supervised "$name"
    # Who calls us from a thread that blocks signals, as Swift's do, hands that on; a service must hear TERM.
    env --default-signal setsid "$DESKWIRE_ROOT/deploy/lib/supervise" "$RUN" "$LOG" "$name" "$@" </dev/null >/dev/null 2>&1 &
    disown
}

# stop_supervised NAME [SECONDS]: asks the process to end, waits, and insists when it does not.
stop_supervised() {
    local name=$1 seconds=${2:-20} supervisor child
    child=$(child_of "$name") || child=
    if supervisor=$(supervisor_of "$name"); then
        # A frozen process hears nothing but this.
        [ -z "$child" ] || kill -CONT "$child" 2>/dev/null || true
        kill -TERM "$supervisor" 2>/dev/null || true
        wait_until "$seconds" "the end of $name" has_ended "$supervisor" || {
            kill -KILL "$supervisor" 2>/dev/null || true
            [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
        }
    elif [ -n "$child" ]; then
        kill -CONT "$child" 2>/dev/null || true
        # PostgreSQL's fast shutdown is INT; RabbitMQ takes that for a call for its debugger.
        if [ "$name" = postgres ]; then kill -INT "$child"; else kill -TERM "$child"; fi 2>/dev/null || true
        wait_until "$seconds" "the end of $name" has_ended "$child" || kill -KILL "$child" 2>/dev/null || true
    fi
    rm -f "$RUN/$name.pid" "$RUN/$name.supervisor"
}

# renew NAME: ends the process and starts it again at once, with the settings and the executable that are there now.
renew() {
    local supervisor child
    supervisor=$(supervisor_of "$1") || return 1
    child=$(child_of "$1") || child=
    [ -z "$child" ] || kill -CONT "$child" 2>/dev/null || true
    kill -HUP "$supervisor"
    [ -z "$child" ] || wait_until 20 "the end of the former $1" has_ended "$child" || kill -KILL "$child" 2>/dev/null || true
}
