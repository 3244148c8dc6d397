#!/usr/bin/env bash
# Measures the gateway with everything on beside nginx that only passes through, on the same upstream in one run.
#   tests/bench/run.sh [SECONDS]     seconds for each of the 28 measurements; default 3.5 (under two minutes in all)
# Needs nginx and taskset (Debian: apt-get install nginx-light util-linux) and two cores: each proxy alone on core 0
# while it is measured, load and upstream on core 1.
set -euo pipefail

seconds=${1:-3.5}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
nginx=$(command -v nginx || echo /usr/sbin/nginx)
for program in "$nginx" taskset; do
    command -v "$program" >/dev/null || { echo "not installed: $program (see the top of this script)" >&2; exit 2; }
done

cargo build --release --locked --bin portcullis --example mock_upstream --example load
target=${CARGO_TARGET_DIR:-target}/release

work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# A free port between 20000 and 32000.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
wait_for_port() {
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.05
    done
    echo "nothing listens on port $1; see what it wrote:" >&2
    cat "$work"/*.log >&2
    exit 1
}

mock_port=$(free_port) nginx_port=$(free_port) gateway_port=$(free_port)
health_port=$(free_port) admin_port=$(free_port)
key=bench-client-key

taskset -c 1 "$target/examples/mock_upstream" "127.0.0.1:$mock_port" >"$work/mock.log" 2>&1 &
pids+=($!)
wait_for_port "$mock_port"

cat >"$work/nginx.conf" <<EOF
daemon off;
master_process off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    # Bodies stay in memory, connections stay open: nginx at its best.
    client_body_buffer_size 256k;
    keepalive_requests 100000000;
    upstream mock {
        server 127.0.0.1:$mock_port;
        keepalive 64;
        keepalive_requests 100000000;
    }
    server {
        listen 127.0.0.1:$nginx_port;
        location / {
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
EOF
taskset -c 0 "$nginx" -p "$work" -c "$work/nginx.conf" >>"$work/nginx.log" 2>&1 &
nginx_pid=$!
pids+=("$nginx_pid")
wait_for_port "$nginx_port"

cat >"$work/gateway.yaml" <<EOF
listeners: [{ address: "127.0.0.1:$gateway_port" }]
health: { address: "127.0.0.1:$health_port" }
admin: { address: "127.0.0.1:$admin_port" }
policies: $root/policies
upstreams:
  mock: { provider: openai, base_url: "http://127.0.0.1:$mock_port", api_key: bench-upstream-key }
routes:
  - { name: chat, path: /v1/, upstreams: [mock], policy: default }
clients:
  - name: bench
    key_sha256: "$(printf %s "$key" | sha256sum | cut -d' ' -f1)"
    limits: { requests: [4000000000/min], tokens: 4000000000/min, concurrency: 1000 }
record: { stdout: false, file: { path: $work/records.jsonl, keep: 1 } }
EOF
taskset -c 0 "$target/portcullis" serve --config "$work/gateway.yaml" >"$work/gateway.log" 2>&1 &
gateway_pid=$!
pids+=("$gateway_pid")
wait_for_port "$gateway_port"

taskset -c 1 "$target/examples/load" "$seconds" "$key" \
    "nginx=127.0.0.1:$nginx_port,$nginx_pid" "gateway=127.0.0.1:$gateway_port,$gateway_pid"
