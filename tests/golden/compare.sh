#!/usr/bin/env bash
# Says whether Millrace and transformers 4.57 give the same answers for a checkpoint folder of yours.
#
#   ./tests/golden/compare.sh FOLDER                    built-in inputs, the task that the folder is for
#   ./tests/golden/compare.sh FOLDER --task TASK --inputs FILE.jsonl --parameters JSON
#   ./tests/golden/compare.sh --help                    every option
#
# MILLRACE          the millrace binary (build/release/millrace)
# MILLRACE_ORACLE   a Python environment that has transformers 4.57 and torch; without it one is made, once, in the user's
#                   cache folder: about 5 GB with the torch of PyPI
#
# Exit status: 0 if the two agree, 1 if they differ, 2 for wrong use, or if they cannot be compared.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/millrace"

say() { printf 'compare: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

# The torch that deploy/install.sh takes, so that both sides compute with the same library.
torch="$(awk '$1 == "wheel" && $2 ~ /^torch==/ {print $2}' "$root/deploy/versions.lock")"
wanted=("transformers>=4.57,<4.58" "$torch" sentencepiece protobuf)

make_oracle() {
  oracle="$cache/oracle"
  local stamp="$oracle/.done-$(printf '%s\n' "${wanted[@]}" | sha256sum | cut -c1-12)"
  [ -e "$stamp" ] && return 0
  say "make the environment $oracle with ${wanted[*]}; this is done once and takes minutes"
  mkdir -p "$cache"
  python3 -m venv "$oracle" || fail "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"
  "$oracle/bin/python" -m pip install -q --disable-pip-version-check "${wanted[@]}" >&2 ||
    fail "pip could not install ${wanted[*]}; name an environment that has them with MILLRACE_ORACLE"
  touch "$stamp"
}

find_millrace() {
  export MILLRACE="${MILLRACE:-$root/build/release/millrace}"
  [ -x "$MILLRACE" ] && return 0
  fail "there is no binary $MILLRACE; build it:
    ./deploy/install.sh demo && source \"\${MILLRACE_PREFIX:-$cache}/env\"
    cmake --preset release && cmake --build --preset release --target millrace
  or name one with MILLRACE"
}

case " $* " in *" --help "* | *" -h "*) exec python3 "$root/tests/golden/compare.py" --help ;; esac
[ $# -gt 0 ] || fail "name a checkpoint folder: ./tests/golden/compare.sh FOLDER [--task TASK] [--inputs FILE.jsonl] [--parameters JSON]"
find_millrace
if [ -n "${MILLRACE_ORACLE:-}" ]; then
  oracle="$MILLRACE_ORACLE"
  [ -x "$oracle/bin/python" ] || fail "MILLRACE_ORACLE=$oracle is no Python environment: it has no bin/python"
  "$oracle/bin/python" -c 'import transformers, torch' 2>/dev/null ||
    fail "MILLRACE_ORACLE=$oracle lacks transformers or torch: $oracle/bin/python -m pip install '${wanted[0]}' ${wanted[*]:1}"
else
  make_oracle
fi
exec "$oracle/bin/python" "$root/tests/golden/compare.py" "$@"
