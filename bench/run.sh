#!/usr/bin/env bash
# Measures Millrace and its peers on the same work in one run, and prints one table. See bench/README.md.
#
#   ./bench/run.sh            everything; about twenty minutes on two cores
#
# ORACLE_PYTHON        a Python with transformers 4.57 and tokenizers; empty: without peers
# BENCH_ROUNDS         rounds, ours and the peer's in turn (3)
# BENCH_TEXTS          texts of the MiniLM rounds (2000)
# BENCH_COPY_RECORDS   records of a copy (2000000)
# MILLRACE_BUILD_DIR   an existing build made with -DMILLRACE_BENCH=ON; else build/bench is built
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${MILLRACE_BUILD_DIR:-}" ]; then
  ./deploy/install.sh
  source "${MILLRACE_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}/env"
  export MILLRACE_BUILD_DIR="$PWD/build/bench"
  cmake -G Ninja -S . -B "$MILLRACE_BUILD_DIR" -DTORCH_ROOT="$TORCH_ROOT" -DCMAKE_BUILD_TYPE=Release -DMILLRACE_BENCH=ON \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >"$MILLRACE_CACHE/cmake-bench.log" 2>&1 ||
    { cat "$MILLRACE_CACHE/cmake-bench.log" >&2; exit 1; }
fi
cmake --build "$MILLRACE_BUILD_DIR" --target millrace worker_bench
cmake --build "$MILLRACE_BUILD_DIR" --target tokenizer_bench 2>/dev/null || true
[ -n "${MILLRACE_MINILM:-}" ] || { echo "run.sh: MILLRACE_MINILM is not set: source the env file of deploy/install.sh" >&2; exit 2; }
if [ -z "${ORACLE_PYTHON:-}" ]; then
  ORACLE_PYTHON="$(command -v python3)"
  "$ORACLE_PYTHON" -c 'import transformers, tokenizers' 2>/dev/null || ORACLE_PYTHON=""
fi
export ORACLE_PYTHON MILLRACE_SOURCE_DIR="$PWD"
[ -n "$ORACLE_PYTHON" ] || echo "run.sh: no Python with transformers: the peers are left out (see bench/README.md)" >&2

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 bench/texts.py "$MILLRACE_MINILM/vocab.txt" "${BENCH_TEXTS:-2000}" >"$work/texts.jsonl"

printf '%s, %s cores, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" "$(date -u +%Y-%m-%d)"
printf 'load before: %s\n\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
"$MILLRACE_BUILD_DIR/bench/worker_bench" "$MILLRACE_MINILM" "$work/texts.jsonl"
tokenizer_bench="$MILLRACE_BUILD_DIR/bench/tokenizer_bench"
if [ -x "$tokenizer_bench" ] && [ -e bench/tokenizer.py ] && [ -n "$ORACLE_PYTHON" ]; then
  echo
  # WordPiece with its real vocabulary; byte-level BPE and Unigram with small ones of the tests.
  for folder in "$MILLRACE_MINILM" tests/golden/tiny_roberta_ner tests/golden/tiny_xlm_roberta_ner tests/golden/tiny_albert_qa; do
    "$ORACLE_PYTHON" bench/tokenizer.py "$tokenizer_bench" "$folder"
  done
fi
if [ -n "$ORACLE_PYTHON" ]; then
  echo
  "$ORACLE_PYTHON" bench/tasks.py "$MILLRACE_BUILD_DIR/millrace" "$MILLRACE_MINILM/vocab.txt" "${BENCH_ROUNDS:-3}"
fi
printf '\nload after: %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
