# shellcheck shell=bash
# Debian packages: installs what is missing as root, else names it. Sourced.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# require_packages NAME…
require_packages() {
    local missing=() name
    command -v dpkg-query >/dev/null || {
        say "deploy: this is no Debian; it is up to you that these are installed: $*"
        return
    }
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    is_root || die "these packages are missing: ${missing[*]}
    sudo apt-get install --no-install-recommends ${missing[*]}"
    say "installing ${missing[*]}"

    # The packages bring servers that would start by themselves, now and at the next boot; ours are private.
    local policy=/usr/sbin/policy-rc.d made='' log status=0
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
        made=1
    fi
    log=$(mktemp)
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 </dev/null || status=$?
    [ -z "$made" ] || rm -f $policy
    if [ -d /run/systemd/system ]; then
        for name in "${missing[@]}"; do
            case $name in postgresql | rabbitmq-server) systemctl disable --quiet "$name" || true ;; esac
        done
    fi
    [ $status = 0 ] || {
        tail -20 "$log" >&2
        die "apt-get could not install ${missing[*]}; its output is in $log"
    }
    rm -f "$log"
}

# What the executables are linked with. The packages for developers bring the libraries, whatever these are called in a release.
require_libraries() {
    require_packages librabbitmq-dev libpq-dev libssl-dev libcmark-gfm-dev libcmark-gfm-extensions-dev libxml2-dev
}

# What the platform needs to be built.
require_build_packages() {
    require_libraries
    require_packages pkg-config
    command -v swift >/dev/null || die "the Swift toolchain is not on the PATH (https://www.swift.org/install)"
}

# How a release is made. Nothing looks a symbol up by its name, so none is exported, which saves megabytes of memory in each
# process; function names stay for backtraces, what only a debugger reads is left out.
release_flags=(-c release --static-swift-stdlib -Xlinker --no-export-dynamic -Xlinker --strip-debug)

# build_release: all that is run, as it is deployed; prints the directory that has it.
build_release() {
    local service product
    for service in "${DESKWIRE_SERVICES[@]}" deskwire; do
        product=$service
        [ "$service" = deskwire ] || product=$(service_executable "$service")
        (cd "$DESKWIRE_ROOT" && swift build "${release_flags[@]}" --product "$product") >&2 || return
    done
    (cd "$DESKWIRE_ROOT" && swift build "${release_flags[@]}" --show-bin-path)
}
require_server_packages() { require_packages postgresql postgresql-client rabbitmq-server curl; }
