#!/usr/bin/env bash
# Compares hub-proxy with configurable-http-proxy (CHP), nginx and HAProxy on this machine, one after the other.
#
#   hub/proxy/benches/compare.sh [seconds per case, default 5]
#
#   HUB_PROXY  the program                        [default: built here as it is published: --profile dist]
#   CHP        its program                        [default: configurable-http-proxy on PATH]
#
# Needs Linux, two cores and root for installing wrk, nginx and HAProxy (Debian's packages). Each proxy is pinned to core
# 0 with one worker; the target (nginx) and the load (wrk) share core 1. Where core 1 is the bottleneck, requests per
# second say little; CPU time of the proxy per request is the number to look at. Every case runs twice, the better counts.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seconds=${1:-5}
need=()
for pair in wrk:wrk nginx:nginx-light haproxy:haproxy; do
    command -v "${pair%%:*}" >/dev/null || [ -x "/usr/sbin/${pair%%:*}" ] || need+=("${pair##*:}")
done
if [ ${#need[@]} -gt 0 ]; then
    apt-get install -y --no-install-recommends "${need[@]}"
    for service in nginx haproxy; do service $service stop || true; done
fi
PATH=$PATH:/usr/sbin
if [ -z "${HUB_PROXY:-}" ]; then
    cargo build --profile dist -p hub-proxy
    HUB_PROXY=${CARGO_TARGET_DIR:-target}/dist/hub-proxy
fi
CHP=${CHP:-$(command -v configurable-http-proxy || true)}
[ -n "$CHP" ] || { echo "no configurable-http-proxy on PATH; install it (npm) or set CHP" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"

dir=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

target=18080 port=18000 api=18001
mkdir "$dir/www"
head -c 100 /dev/zero | tr '\0' x > "$dir/www/small"
head -c 1048576 /dev/zero | tr '\0' x > "$dir/www/1m"

# nginx as the target, and as a proxy.
nginx_conf() { # file, workers' core mask, server block
    cat > "$1" <<CONF
user root; daemon off; worker_processes 1; worker_cpu_affinity $2; pid $1.pid; error_log $1.log error;
events { worker_connections 15000; }
http { access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on;
  client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4;
  scgi_temp_path $dir/t5;
  map \$http_upgrade \$connection_upgrade { default upgrade; '' ''; }
  $3 }
CONF
}
nginx_conf "$dir/target.conf" 10 "server { listen 127.0.0.1:$target backlog=4096; root $dir/www;
  open_file_cache max=10; location / { rewrite ^.*/([^/]*)\$ /\$1 break; } }"
nginx_conf "$dir/nginx.conf" 01 "upstream t { server 127.0.0.1:$target; keepalive 512; }
  upstream w { server 127.0.0.1:18090; }
  server { listen 127.0.0.1:$port backlog=4096;
    location /ws { proxy_pass http://w; proxy_http_version 1.1; proxy_set_header Upgrade \$http_upgrade;
      proxy_set_header Connection \$connection_upgrade; proxy_read_timeout 1h; }
    location / { proxy_pass http://t; proxy_http_version 1.1; proxy_set_header Connection '';
    proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto \$scheme; } }"
cat > "$dir/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:$port backlog 4096
  use_backend w if { path_beg /ws }
  default_backend t
backend t
  server t 127.0.0.1:$target
backend w
  server w 127.0.0.1:18090
CONF

taskset -c 1 nginx -c "$dir/target.conf" & pids+=($!)

wait_for() { # port
    for _ in $(seq 200); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.05
    done
    echo "nothing listens on port $1" >&2
    exit 1
}

start() { # name
    case $1 in
    ours) taskset -c 0 "$HUB_PROXY" --ip 127.0.0.1 --port $port --api-port $api --log-level error & ;;
    chp) taskset -c 0 "$CHP" --ip 127.0.0.1 --port $port --api-ip 127.0.0.1 --api-port $api --log-level error & ;;
    nginx) taskset -c 0 nginx -c "$dir/nginx.conf" & ;;
    haproxy) taskset -c 0 haproxy -f "$dir/haproxy.cfg" -db & ;;
    esac
    proxy=$!
    pids+=("$proxy")
    wait_for $port
    case $1 in ours | chp) wait_for $api; route / $target; route /ws 18090 ;; esac
}
stop() {
    kill "$proxy"
    wait "$proxy" 2>/dev/null || true
    # nginx' worker may take a moment to let go of the port.
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
        sleep 0.05
    done
}
route() { # path, port
    curl -sf -X POST -d "{\"target\":\"http://127.0.0.1:$2\"}" "http://127.0.0.1:$api/api/routes$1" >/dev/null
}
family() { echo "$proxy"; pgrep -P "$proxy" || true; }
ticks() { # user and system time of the proxy in ticks of 10 ms
    local sum=0 pid
    for pid in $(family); do
        sum=$((sum + $(awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$pid/stat")))
    done
    echo $sum
}
rss() { # KiB, what is shared counted once
    local sum=0 pid
    for pid in $(family); do
        sum=$((sum + $(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup")))
    done
    echo $sum
}

# Prints: requests per second, CPU microseconds per request, p99 in ms, errors.
load() { # path, connections
    local best="" before after out
    taskset -c 1 wrk -t1 -c"$2" -d1 "http://127.0.0.1:$port$1" >/dev/null
    for _ in 1 2; do
        before=$(ticks)
        out=$(taskset -c 1 wrk -t1 -c"$2" -d"$seconds" --latency "http://127.0.0.1:$port$1")
        after=$(ticks)
        best=$(printf '%s\n%s\n' "$best" "$(awk -v ticks=$((after - before)) '
            function ms(text) { return text ~ /us$/ ? text / 1000 : text ~ /ms$/ ? text + 0 : text * 1000 }
            / requests in / { n = $1 } /^Requests\/sec:/ { rps = $2 } / 99% / { p99 = ms($2) }
            /Non-2xx/ { errors += $NF } /Socket errors/ { gsub(",", ""); errors += $4 + $6 + $8 + $10 }
            END { printf "%.0f %.1f %.2f %d", rps, ticks * 10000 / n, p99, errors }' <<<"$out")" |
            sort -n | tail -1)
    done
    echo "$best"
}

declare -A got
report() { # title, case
    echo
    echo "$1"
    printf '  %-8s %12s %10s %14s %10s %9s %7s\n' '' requests/s 'of nginx' 'CPU us/request' 'of nginx' 'p99 ms' errors
    local name base rest
    read -r base_rps base_cpu _ <<<"${got[nginx,$2]}"
    for name in ours nginx haproxy chp; do
        read -r rps cpu p99 errors <<<"${got[$name,$2]}"
        printf '  %-8s %12s %10s %14s %10s %9s %7s\n' $name "$rps" \
            "$(awk "BEGIN { printf \"%.2f\", $rps / $base_rps }")" "$cpu" \
            "$(awk "BEGIN { printf \"%.2f\", $cpu / $base_cpu }")" "$p99" "$errors"
    done
}

echo "$(nproc) cores: $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo); load average $(cut -d' ' -f1-3 /proc/loadavg)"
for name in ours nginx haproxy chp; do
    start $name
    got[$name,s64]=$(load /small 64)
    got[$name,s512]=$(load /small 512)
    got[$name,m64]=$(load /1m 64)
    stop
done
report "small answers (100 bytes), 64 connections" s64
report "small answers (100 bytes), 512 connections" s512
report "1 MiB answers, 64 connections" m64

echo
echo "routes in the table (small answers, 64 connections): requests/s, CPU us/request"
cat > "$dir/routes.lua" <<'LUA'
local n = 0
function request()
    n = n + 1
    return wrk.format("POST", "/api/routes/user/name-" .. n, nil, '{"target":"http://127.0.0.1:18080","user":"u"}')
end
LUA
for name in ours chp; do
    start $name
    have=0
    for count in 1 1000 10000; do
        for n in $(seq $((have + 1)) $count); do echo "url = \"http://127.0.0.1:$api/api/routes/user/name-$n\""; done |
            curl -sf -X POST -d "{\"target\":\"http://127.0.0.1:$target\"}" -K - >/dev/null
        have=$count
        printf '  %-8s %6d routes: %s\n' $name $count "$(load /user/name-$count/small 64 | cut -d' ' -f1,2)"
    done
    stop
done

echo
echo "route changes per second (POST, new keys, 8 connections)"
for name in ours chp; do
    start $name
    printf '  %-8s %s\n' $name "$(taskset -c 1 wrk -t1 -c8 -d"$seconds" -s "$dir/routes.lua" "http://127.0.0.1:$api" |
        awk '/^Requests\/sec:/ {print $2}')"
    stop
done

echo
echo "5000 idle WebSockets: KiB of proxy memory for each"
taskset -c 1 python3 hub/proxy/benches/idle_websockets.py serve 18090 & pids+=($!)
wait_for 18090
for name in ours nginx haproxy chp; do
    start $name
    before=$(rss)
    taskset -c 1 python3 hub/proxy/benches/idle_websockets.py open $port 5000 > "$dir/opened" & client=$!
    pids+=("$client")
    for _ in $(seq 600); do [ -s "$dir/opened" ] && break; sleep 0.1; done
    sleep 1
    printf '  %-8s %s open, %s\n' $name "$(cat "$dir/opened")" \
        "$(awk "BEGIN { printf \"%.1f\", ($(rss) - $before) / 5000 }")"
    kill "$client"
    wait "$client" 2>/dev/null || true
    rm "$dir/opened"
    stop
done
