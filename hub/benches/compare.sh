#!/usr/bin/env bash
# Compares the REST API of our hub with that of JupyterHub 6.1 on this machine, one after the other, in one run: looking up
# a token (GET /hub/api/user), and lists of users (GET /hub/api/users, pages of 50 and 200 of 10,000).
#
#   hub/benches/compare.sh [seconds per case, default 5] [users, default 10000]
#
#   HUB    the program                       [default: built here with --profile dist]
#   PEERS  the folder of JupyterHub          [default: target/peers; `tests/run --peers-only` fills it]
#
# Needs Linux, two cores, wrk (installed from Debian when missing) and python3. Each hub is pinned to core 0, the load (wrk)
# to core 1; both hubs have the same users, groups and tokens, made through the API, and log as they do by default. Where
# core 1 is the bottleneck, requests per second say little of ours; CPU time of the hub per request is the number to look
# at then. Every case runs twice, the better counts.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-5}
users=${2:-10000}
command -v wrk >/dev/null || apt-get install -y --no-install-recommends wrk
peers=$(realpath "${PEERS:-target/peers}")
jupyterhub=$peers/venv/bin/jupyterhub
[ -x "$jupyterhub" ] || { echo "no JupyterHub in $peers: run tests/run --peers-only, or set PEERS" >&2; exit 1; }
if [ -z "${HUB:-}" ]; then
    cargo build --profile dist -p hub
    HUB=${CARGO_TARGET_DIR:-target}/dist/hub
fi
HUB=$(realpath "$HUB")

dir=$(mktemp -d)
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }
    rm -rf "$dir"
}
trap finish EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
secret=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
export secret

start() { # ours | jupyterhub
    mkdir -p "$dir/$1"
    public=$(free_port) port=$(free_port) proxy=$(free_port)
    case $1 in
    ours)
        cat > "$dir/ours/hub.toml" <<TOML
[JupyterHub]
bind_url = "http://127.0.0.1:$public"
hub_bind_url = "http://127.0.0.1:$port"
authenticator_class = "dummy"
spawner_class = "simple"

[[JupyterHub.services]]
name = "bench"
api_token = "$secret"

[[JupyterHub.load_roles]]
name = "bench"
services = ["bench"]
scopes = ["admin:users", "tokens", "read:servers", "read:roles:users"]

[ConfigurableHTTPProxy]
api_url = "http://127.0.0.1:$proxy"

[Authenticator]
allow_all = true
TOML
        (cd "$dir/ours" && exec taskset -c 0 "$HUB" -f hub.toml) >"$dir/ours/log" 2>&1 &
        ;;
    jupyterhub)
        cat > "$dir/jupyterhub/jupyterhub_config.py" <<PY
c.JupyterHub.bind_url = "http://127.0.0.1:$public"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:$port"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.services = [{"name": "bench", "api_token": "$secret"}]
c.JupyterHub.load_roles = [{"name": "bench", "services": ["bench"],
    "scopes": ["admin:users", "tokens", "read:servers", "read:roles:users"]}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:$proxy"
c.Authenticator.allow_all = True
PY
        (cd "$dir/jupyterhub" &&
            PATH=$peers/venv/bin:$peers/node/node_modules/.bin:$PATH exec taskset -c 0 "$jupyterhub") \
            >"$dir/jupyterhub/log" 2>&1 &
        ;;
    esac
    pid=$!
    for _ in $(seq 600); do
        curl -sf "http://127.0.0.1:$port/hub/api/" >/dev/null && return
        kill -0 "$pid" 2>/dev/null || { tail -5 "$dir/$1/log" >&2; exit 1; }
        sleep 0.1
    done
    echo "$1 does not answer" >&2
    exit 1
}
stop() { kill "$pid"; wait "$pid" 2>/dev/null || true; pid=; }

# Registers the users, a few hundred per request, and prints a token of one of them.
seed() {
    python3 - "http://127.0.0.1:$port/hub/api" "$users" <<'PY'
import json, os, sys, urllib.request
api, count = sys.argv[1], int(sys.argv[2])
def post(path, body):
    headers = {"Authorization": "token " + os.environ["secret"], "Content-Type": "application/json"}
    request = urllib.request.Request(api + path, json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=600))
names = [f"user-{n:05}" for n in range(count)]
for at in range(0, count, 250):
    print(f"\rregistering users: {at} of {count} ", end="", file=sys.stderr, flush=True)
    post("/users", {"usernames": names[at : at + 250]})
print("\r\x1b[K", end="", file=sys.stderr)
print(post("/users/user-00007/tokens", {"note": "bench"})["token"])
PY
}

ticks() { awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$pid/stat"; } # user and system time in ticks of 10 ms

# Prints: requests per second, CPU microseconds per request, p99 in ms, errors, bytes of one answer.
load() { # path, token
    local url="http://127.0.0.1:$port/hub/api$1" best="" before out bytes
    local -a headers=(-H "Authorization: token $2" -H "Accept: application/jupyterhub-pagination+json")
    bytes=$(curl -sf "${headers[@]}" "$url" | wc -c)
    taskset -c 1 wrk -t1 -c8 -d1 "${headers[@]}" "$url" >/dev/null
    for _ in 1 2; do
        before=$(ticks)
        out=$(taskset -c 1 wrk -t1 -c8 -d"$seconds" --timeout 30 --latency "${headers[@]}" "$url")
        best=$(printf '%s\n%s\n' "$best" "$(awk -v ticks=$(($(ticks) - before)) -v bytes="$bytes" '
            function ms(text) { return text ~ /us$/ ? text / 1000 : text ~ /ms$/ ? text + 0 : text * 1000 }
            / requests in / { n = $1 } /^Requests\/sec:/ { rps = $2 } / 99% / { p99 = ms($2) }
            /Non-2xx/ { errors += $NF } /Socket errors/ { gsub(",", ""); errors += $4 + $6 + $8 + $10 }
            END { printf "%.1f %.1f %.2f %d %d", rps, n ? ticks * 10000 / n : 0, p99, errors, bytes }' <<<"$out")" |
            sort -n | tail -1)
    done
    echo "$best"
}

half=$((users / 2))
cases=("/user" "/users?limit=50&offset=$half" "/users?limit=200&offset=$half")
declare -A got
echo "$(nproc) cores: $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo); load average $(cut -d' ' -f1-3 /proc/loadavg)"
for name in ours jupyterhub; do
    echo "$name: starting (JupyterHub takes minutes to register 10,000 users)" >&2
    start $name
    token=$(seed)
    echo "$name: measuring" >&2
    for path in "${cases[@]}"; do
        case $path in /user) who=$token ;; *) who=$secret ;; esac
        got[$name,$path]=$(load "$path" "$who")
    done
    stop
done
for path in "${cases[@]}"; do
    echo
    echo "GET /hub/api$path"
    printf '  %-11s %12s %15s %9s %7s %8s\n' '' requests/s 'CPU us/request' 'p99 ms' errors bytes
    for name in ours jupyterhub; do
        read -r rps cpu p99 errors bytes <<<"${got[$name,$path]}"
        printf '  %-11s %12s %15s %9s %7s %8s\n' $name "$rps" "$cpu" "$p99" "$errors" "$bytes"
    done
    read -r our_rps our_cpu _ <<<"${got[ours,$path]}"
    read -r rps cpu _ <<<"${got[jupyterhub,$path]}"
    awk "BEGIN { printf \"  ratio       %11.0fx %14.0fx\\n\", $our_rps / $rps, $cpu / $our_cpu }"
done
