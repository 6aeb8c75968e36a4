# shellcheck shell=bash
# Debian packages: installs what is missing as root, else names it. Sourced after common.sh.

# require_packages NAME…
require_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" = 0 ] || die "these packages are missing: ${missing[*]}
  sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    # The packages bring servers of their own; ours are private, so those need not start.
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
        made=1
    fi
    local status=0
    {
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    } >"${TMPDIR:-/tmp}/deskwire-apt.log" 2>&1 || status=$?
    [ -z "$made" ] || rm -f $policy
    [ $status = 0 ] || { tail -20 "${TMPDIR:-/tmp}/deskwire-apt.log" >&2; die "apt-get could not install ${missing[*]}"; }
}

# What the platform needs to be built, and to run.
require_build_packages() { require_packages librabbitmq-dev libpq-dev libssl-dev pkg-config; }
require_server_packages() { require_packages postgresql postgresql-client rabbitmq-server curl; }
