#!/usr/bin/env bash
# Installs what is missing, builds the worker, and runs the demo: real reviews through a real model on a broker inside the
# worker's process. Safe to run again; the second time it starts at once.
set -euo pipefail
cd "$(dirname "$0")/.."

./deploy/install.sh demo
source "${MILLRACE_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}/env"
export CCACHE_BASEDIR="$PWD"
if [ ! -e build/release/build.ninja ]; then
  echo "demo: configure"
  cmake --preset release >"$MILLRACE_CACHE/cmake-demo.log" 2>&1 || { cat "$MILLRACE_CACHE/cmake-demo.log"; exit 1; }
fi
echo "demo: build (minutes the first time, nothing to do later)"
cmake --build --preset release --target millrace
exec ./build/release/millrace demo --records deploy/demo/reviews.jsonl --topology deploy/demo/topology.yaml "$@"
