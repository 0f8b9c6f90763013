#!/usr/bin/env bash
# Compares one sweep of cull-idle with one of jupyterhub-idle-culler 2.0, at the same fake hub in one run: 1,000 and 10,000 users with a
# running server each, of which none or 500 are idle.
#
#   cull-idle/benches/compare.sh [runs of each case, default 3]
#
#   CULLER  the program                       [default: built here with --release]
#   PEERS   the folder of the Python culler   [default: target/peers; `tests/run --peers-only` fills it]
#
# Needs Linux and two cores. The cullers are pinned to core 0, the fake hub (compare.py) to core 1. Of several runs the best counts. CPU
# time and memory are what the kernel says of each process when it ends, so they contain its start.
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=$(realpath -s "${PEERS:-target/peers}")
python=$peers/venv/bin/python
"$python" -c 'import jupyterhub_idle_culler' 2>/dev/null \
    || { echo "no Python culler in $peers: run tests/run --peers-only, or set PEERS" >&2; exit 1; }
if [ -z "${CULLER:-}" ]; then
    cargo build --release -p cull-idle
    CULLER=${CARGO_TARGET_DIR:-target}/release/cull-idle
fi
exec "$python" cull-idle/benches/compare.py "$(realpath "$CULLER")" "${1:-3}"
