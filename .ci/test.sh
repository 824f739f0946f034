#!/usr/bin/env bash
# Everything that `make test` checks, suite after suite; the first failure ends
# it. `lint` as the only argument stops before the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${GO:=go}"

# Generous for two cores: a package that hangs is told by its name, not by the
# CI's own limit.
readonly test_timeout=25m

# suite NAME COMMAND... runs the command and prints how long it took.
suite() {
    local name=$1 started=$SECONDS
    shift
    printf '== %s\n' "$name"
    if ! "$@"; then
        printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - started)) >&2
        exit 1
    fi
    printf '== %s: %d s\n' "$name" $((SECONDS - started))
}

# tools_missing prints the Debian packages of the tools that are not there.
tools_missing() {
    command -v gcc >/dev/null || printf '%s\n' gcc libc6-dev
    command -v promtool >/dev/null && command -v prometheus >/dev/null || printf '%s\n' prometheus
    slurm_missing
    gridengine_missing
}

# gridengine_missing is what a private Grid Engine needs; only root can start one.
gridengine_missing() {
    [ "$(id -u)" -eq 0 ] || return 0
    local need
    for need in sge_qmaster:gridengine-master sge_execd:gridengine-exec qconf:gridengine-client ip:iproute2; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${need%%:*}" >/dev/null || printf '%s\n' "${need#*:}"
    done
}

# slurm_missing is what a private Slurm needs; only root can start one.
slurm_missing() {
    [ "$(id -u)" -eq 0 ] || return 0
    local need
    for need in slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client slurmrestd:slurmrestd munged:munge ip:iproute2 debootstrap:debootstrap; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${need%%:*}" >/dev/null || printf '%s\n' "${need#*:}"
    done
    compgen -G '/usr/lib/*/slurm-wlm/auth_jwt.so' >/dev/null || printf '%s\n' slurm-wlm-jwt-plugin
}

tools() {
    if ! command -v "$GO" >/dev/null; then
        echo "make test: there is no '$GO' on the PATH: install the Go version that go.mod names" >&2
        return 1
    fi
    local missing
    mapfile -t missing < <(tools_missing)
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "make test: missing Debian packages: ${missing[*]}" >&2
        echo "make test: gcc builds tests with the race detector, package prometheus checks the alerts, and is the server of a test" >&2
        echo "make test: install them: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    install_packages "${missing[@]}"
}

# install_packages NAME... installs Debian packages, starting none of the
# services they bring: policy-rc.d answers 101, "forbidden", meanwhile.
install_packages() {
    local policy=/usr/sbin/policy-rc.d made=''
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=$policy
    fi
    local status=0
    {
        DEBIAN_FRONTEND=noninteractive apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
    } || status=$?
    [ -z "$made" ] || rm -f "$made"
    return "$status"
}

formatted() {
    local unformatted
    unformatted=$(gofmt -l .) || return 1
    [ -z "$unformatted" ] && return 0
    printf 'not formatted by gofmt: %s\n' "$unformatted" >&2
    return 1
}

alerts() {
    promtool check rules examples/prometheus/*.rules.yml &&
        promtool test rules examples/prometheus/*.test.yml
}

# killed runs in the package's folder, where go test prints what a test that
# passes says: how many daemons were killed.
killed() (
    cd cmd/autoscaled
    "$GO" test -count=1 -timeout "$test_timeout" -run TestKill -kills=200
)

# left_out says why a suite does not run. In CI each of them runs.
left_out() {
    printf 'LEFT OUT: %s\n' "$1" >&2
    [ -z "${CI:-}" ]
}

# The program against this system's Slurm, in namespaces that go with the tests.
slurm_here() {
    [ "$(id -u)" -eq 0 ] || { left_out 'a private Slurm needs root'; return; }
    "$GO" test -count=1 -timeout "$test_timeout" -parallel 8 ./internal/slurmlab -slurm
}

# The program against this system's Grid Engine, in namespaces that go with the tests.
gridengine_here() {
    [ "$(id -u)" -eq 0 ] || { left_out 'a private Grid Engine needs root'; return; }
    "$GO" test -count=1 -timeout "$test_timeout" ./internal/gelab -gridengine
}

# slurm_of_trixie runs the tests of dynamic nodes, one of power saving and one of each
# version of slurmrestd's API with the Slurm of Debian 13, from a folder of its own.
slurm_of_trixie() {
    [ "$(id -u)" -eq 0 ] || { left_out 'a private Slurm needs root'; return; }
    local root status=0
    root=$(mktemp -d)
    chmod 755 "$root"
    if debootstrap --variant=minbase --include=slurmctld,slurmd,slurm-client,slurmrestd,slurm-wlm-jwt-plugin,munge trixie "$root" >"$root.log" 2>&1; then
        "$GO" test -count=1 -timeout "$test_timeout" -parallel 6 ./internal/slurmlab -slurm -run 'Dynamic|TestGang$|TestReadEveryVersion' -slurm-root="$root" || status=$?
    else
        tail -n 3 "$root.log" >&2
        left_out 'debootstrap could not fetch Debian 13' || status=$?
    fi
    rm -rf "$root" "$root.log"
    return "$status"
}

suite 'tools' tools
suite 'gofmt' formatted
suite 'go mod tidy' "$GO" mod tidy -diff
suite 'go vet' "$GO" vet ./...
suite 'staticcheck' "$GO" tool staticcheck ./...
[ "${1:-}" != lint ] || exit 0
suite 'promtool' alerts
# Fuzz targets run their seed corpus here; `make fuzz` searches further.
suite 'go test -race' "$GO" test -race -count=1 -timeout "$test_timeout" ./...
# The planner's laws again, on a hundred times as many invented situations. They
# are the same ones each time: a change must not fail for what another brought.
suite 'planner properties' "$GO" test -count=1 -run Property ./autoscale -rapid.checks=10000 -rapid.seed=1
# The daemon's own process under SIGKILL, at each crash point and at 200 moments.
suite 'kill -9' killed
# Days of faults and kills, again the same ones each time; how many is printed.
suite 'simulation' "$GO" test -count=1 -timeout "$test_timeout" ./internal/simulation -seeds=2000
# Days of a Mac fleet that serves CI, with faults and kills on every side.
suite 'fleet' "$GO" test -count=1 -timeout "$test_timeout" ./internal/fleet -run TestDays -seeds=120
# The real programs: daemon, hooks and Slurm, with a simulated cloud.
suite 'slurm 22.05' slurm_here
suite 'slurm 24.11' slurm_of_trixie
# The same for Grid Engine.
suite 'grid engine' gridengine_here
printf '== all suites passed: %d s\n' "$SECONDS"
