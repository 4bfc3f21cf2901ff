#!/usr/bin/env bash
# Runs every test: GoogleTest (release, address+undefined, thread sanitizers), the command and the driver through pytest, the
# shared corpus. What needs ../shared (or $H5RANGE_SHARED) is skipped with a line where that is missing.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
shared=$(cd "${H5RANGE_SHARED:-../shared}" 2>/dev/null && pwd || true)
export H5RANGE_SHARED=$shared
jobs=$(nproc)
passed=0 failed=0 skipped=0

part() { # part NAME COMMAND...: output of a failing part is shown whole
    local name=$1 log start
    shift
    log=$(mktemp)
    start=$(date +%s)
    if "$@" >"$log" 2>&1; then
        printf 'ok    %-44s %4d s  %s\n' "$name" $(($(date +%s) - start)) "$(grep -hoE '[0-9]+ passed[^=]*|[0-9]+% tests passed.*|[0-9]+ of [0-9]+ files exact.*' "$log" | tail -n 1)"
        passed=$((passed + 1))
    else
        printf 'FAIL  %s\n' "$name"
        tail -n 200 "$log"
        failed=$((failed + 1))
    fi
    rm -f "$log"
}
skip() {
    printf 'skip  %s: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}
configure() { cmake --preset "$1" -DH5RANGE_WERROR=ON "${@:2}"; }
build() { cmake --build "build/$1" -j "$jobs"; }
suites() { ctest --test-dir "build/$1" -j "$jobs" --output-on-failure; }
clang_build() {
    CC=clang CXX=clang++ cmake -S . -B build/clang -G Ninja -DCMAKE_BUILD_TYPE=Release -DH5RANGE_WERROR=ON -DH5RANGE_TESTS=OFF &&
        cmake --build build/clang -j "$jobs"
}
bare_build() { # the core alone: no GDAL, no libcurl, no tests
    cmake -S . -B build/bare -G Ninja -DH5RANGE_DRIVER=OFF -DH5RANGE_CURL=OFF -DH5RANGE_TESTS=OFF -DH5RANGE_WERROR=ON &&
        cmake --build build/bare -j "$jobs"
}
corpus() {
    .venv/bin/python tests/corpus.py "$shared" "$root/build/release/bin/h5range"
}

bash scripts/deps.sh test || { echo "FAIL  scripts/deps.sh"; echo "0 passed, 1 failed"; exit 1; }
bash scripts/venv.sh || { echo "FAIL  scripts/venv.sh"; echo "0 passed, 1 failed"; exit 1; }

part "configure and build, GCC, warnings are errors" bash -c "$(declare -f configure build); jobs=$jobs; configure release && build release"
part "GoogleTest" suites release
part "h5range command" .venv/bin/python -m pytest -q -p no:cacheprovider tests/cli
if [ -f driver/h5range_driver.cpp ]; then
    part "GDAL driver" /usr/bin/python3 -m pytest -q -p no:cacheprovider autotest
fi
if [ -n "$shared" ]; then
    part "shared corpus" corpus
else
    skip "shared corpus" "no shared material at ${H5RANGE_SHARED:-../shared}"
fi
part "Clang, warnings are errors" clang_build
part "core alone, without GDAL and libcurl" bare_build
part "address and undefined-behaviour sanitizers: build" bash -c "$(declare -f configure build); jobs=$jobs; configure asan -DH5RANGE_CLI=OFF && build asan"
part "address and undefined-behaviour sanitizers: GoogleTest" suites asan
part "thread sanitizer: build" bash -c "$(declare -f configure build); jobs=$jobs; configure tsan -DH5RANGE_CLI=OFF && build tsan"
part "thread sanitizer: threaded tests" ctest --test-dir build/tsan -R 'Threads|Curl' --output-on-failure

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
