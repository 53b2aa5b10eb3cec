#!/usr/bin/env bash
# Installs, builds and passes every test, a real Apache Kafka included. Safe to run again; the second run is fast.
#
#   ./tests/run.sh               everything
#   ./tests/run.sh -R Ring       arguments go to ctest's last run (here: only tests whose name contains Ring)
#
# MILLRACE_LANES   which lanes to run: "asan tsan fuzz release" by default
set -euo pipefail
cd "$(dirname "$0")/.."

./deploy/install.sh
source "${MILLRACE_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}/env"
# Tests over real checkpoints and a real broker skip themselves without these: here that would be a lie.
: "${MILLRACE_MINILM:?}" "${MILLRACE_SENTIMENT:?}" "${MILLRACE_KAFKA_LIBS:?}"
lanes="${MILLRACE_LANES:-asan tsan fuzz release}"
jobs="$(nproc)"
# Running out of memory is tested, too: the allocator is to refuse, not to end the process.
export ASAN_OPTIONS="allocator_may_return_null=1:${ASAN_OPTIONS:-}"
# Objects are shared between clones: the folder of a build is no part of what is cached.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE="${CCACHE_MAXSIZE:-8G}"

say() { printf '\n== %s\n' "$*"; }

build() {
  say "build $1"
  cmake --preset "$1" >"$MILLRACE_CACHE/cmake-$1.log" 2>&1 || { cat "$MILLRACE_CACHE/cmake-$1.log"; exit 1; }
  cmake --build --preset "$1" -j "$jobs"
}

fuzz() {
  say "fuzz, a short run of every target"
  local fuzzer corpus
  for fuzzer in build/fuzz/tests/*_fuzz; do
    corpus="$MILLRACE_CACHE/corpus/$(basename "$fuzzer")"
    mkdir -p "$corpus"
    "$fuzzer" -max_total_time=10 -timeout=5 -rss_limit_mb=2048 -max_len=65536 -verbosity=0 "$corpus"
  done
}

for lane in $lanes; do
  build "$lane"
  case "$lane" in
    fuzz) fuzz ;;
    release) ;;
    *)
      say "tests under $lane"
      without=broker
      if [ "$lane" = tsan ]; then without="broker|kafka"; fi
      ctest --test-dir "build/$lane" -j "$jobs" --output-on-failure -LE "$without"
      ;;
  esac
done
case " $lanes " in *" release "*)
  say "tests"
  ctest --test-dir build/release -j "$jobs" --output-on-failure "$@"
  ;;
esac
