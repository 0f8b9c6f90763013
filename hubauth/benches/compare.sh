#!/usr/bin/env bash
# Compares the SDK with JupyterHub's Python classes on this machine: cached look-ups in one process, and a service with and
# without protection under load.
#
#   hubauth/benches/compare.sh [seconds per case, default 5]
#
#   BENCH   the Rust program   [default: built here with --release]
#   PYTHON  with JupyterHub    [default: target/peers/venv/bin/python, fetched by tests/run --peers-only]
#
# Needs Linux, two cores and wrk (Debian's package). Each service runs on core 0 with one thread, the load on core 1. Every
# case runs twice, the better counts. The hub that both ask is the SDK's fake hub; it is asked once.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-5}
command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 1; }
PYTHON=${PYTHON:-target/peers/venv/bin/python}
[ -x "$PYTHON" ] || { echo "$PYTHON is missing: run tests/run --peers-only, or set PYTHON" >&2; exit 1; }
if [ -z "${BENCH:-}" ]; then
    BENCH=$(cargo bench -p hubauth --bench lookups --no-run --message-format short 2>&1 |
        sed -n 's/.*(\(.*lookups-[0-9a-f]*\)).*/\1/p' | tail -1)
    [ -n "$BENCH" ] || { echo "cargo bench -p hubauth --bench lookups --no-run failed" >&2; exit 1; }
fi
token=$(printf '0123456789abcdef%.0s' 1 2 3 4)

dir=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

# Starts a program that says on its first line where it serves.
serve() { # name, command...
    local name=$1
    shift
    taskset -c 0 "$@" serve >"$dir/$name" & pids+=($!)
    for _ in $(seq 200); do
        [ -s "$dir/$name" ] && break
        sleep 0.05
    done
    read -r hub plain protected <"$dir/$name"
}

# Prints requests per second; fails when an answer is not 200.
load() { # address
    local best=0 out rps
    taskset -c 1 wrk -t1 -c32 -d1 -H "Authorization: token $token" "http://$1/" >/dev/null
    for _ in 1 2; do
        out=$(taskset -c 1 wrk -t1 -c32 -d"$seconds" -H "Authorization: token $token" "http://$1/")
        if grep -q 'Non-2xx' <<<"$out"; then echo "not all answers were 200: $out" >&2; exit 1; fi
        rps=$(awk '/^Requests\/sec:/ {printf "%.0f", $2}' <<<"$out")
        [ "$rps" -gt "$best" ] && best=$rps
    done
    echo "$best"
}

# Prints a row; gives the share of the unprotected throughput in $share.
report() { # name, plain, protected
    share=$(awk "BEGIN { printf \"%.1f\", 100 * $3 / $2 }")
    printf '  %-8s %12s %12s %8s %%\n' "$1" "$2" "$3" "$share"
}

# The figure of the line `cached look-up: N/s, …`.
per_second() { awk '/^cached look-up: / { print int($3); exit }' "$1"; }

verdict() { # what, figure, aim
    awk -v what="$1" -v figure="$2" -v aim="$3" 'BEGIN { printf "  %s: %s (aim: %s): %s\n", what, figure, aim, (figure >= aim) ? "reached" : "NOT reached" }'
}

echo "$(nproc) cores: $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo); load average $(cut -d' ' -f1-3 /proc/loadavg)"
echo
echo "in one process, one thread"
taskset -c 0 "$BENCH" | tee "$dir/ours.txt" | sed 's/^/  ours: /'
serve ours "$BENCH"
export JUPYTERHUB_API_URL=$hub
taskset -c 0 "$PYTHON" hubauth/benches/lookups.py | tee "$dir/python.txt" | sed 's/^/  python: /'
ours=$(per_second "$dir/ours.txt")
python=$(per_second "$dir/python.txt")
echo
echo "requests/s of a service, 32 connections"
printf '  %-8s %12s %12s %10s\n' '' plain protected 'of plain'
report ours "$(load "$plain")" "$(load "$protected")"
ours_share=$share
serve python "$PYTHON" hubauth/benches/lookups.py
report python "$(load "$plain")" "$(load "$protected")"
echo
echo "ours beside python"
printf '  cached look-ups: %s times as many\n' "$(awk "BEGIN { printf \"%.0f\", $ours / $python }")"
printf '  of the unprotected throughput: %s %% beside %s %%\n' "$ours_share" "$share"
verdict "cached look-ups per second and core" "$ours" 2000000
verdict "protected, % of unprotected" "$ours_share" 90
