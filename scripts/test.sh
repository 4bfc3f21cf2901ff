#!/usr/bin/env bash
# test.sh - runs every test and prints a line for each part: GoogleTest (release; address, undefined-behaviour and thread sanitizers), the
# command, packaging, the GDAL driver, the Python package, the shared corpus, the demonstration. Installs what is missing (Debian 12, root or
# sudo). What needs ../shared (or $H5RANGE_SHARED) is skipped where that is missing; parts that need something that failed before are skipped,
# too.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
shared=$(cd "${H5RANGE_SHARED:-../shared}" 2>/dev/null && pwd || true)
[ -d "$shared/corpus/files" ] || shared=
export H5RANGE_SHARED=$shared
jobs=$(nproc)
passed=0 failed=0 skipped=0

skip() { # skip NAME REASON
    printf 'skip  %s: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}
part() { # part NAME COMMAND...: the output of a part that fails is shown (its last 200 lines)
    local name=$1 log start status=0
    shift
    log=$(mktemp)
    start=$(date +%s)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        printf 'ok    %-62s %4d s  %s\n' "$name" $(($(date +%s) - start)) \
            "$(grep -hoE '[0-9]+ passed[^=]*|[0-9]+% tests passed.*|[0-9]+ of [0-9]+ files exact.*' "$log" | tail -n 1)"
        passed=$((passed + 1))
    else
        printf 'FAIL  %s (exit code %d)\n' "$name" "$status"
        grep -vE '^ +Start +[0-9]+: |\.\.\. +Passed ' "$log" | tail -n 200
        failed=$((failed + 1))
    fi
    rm -f "$log"
    return "$status"
}
after() { # after CONDITION REASON NAME COMMAND...: a part that makes no sense unless the condition is 1
    local condition=$1 reason=$2
    shift 2
    if [ "$condition" = 1 ]; then part "$@"; else skip "$1" "$reason"; fi
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

tree() { # tree PRESET OPTION...: configured and built
    cmake --preset "$1" -DH5RANGE_WERROR=ON -DH5RANGE_TESTS=ON -DH5RANGE_CLI=ON -DH5RANGE_CURL=ON "${@:2}" && cmake --build "build/$1" -j "$jobs"
}
suites() { ctest --test-dir "build/$1" -j "$jobs" --output-on-failure --no-tests=error "${@:2}"; }
python_tests() { .venv/bin/python -m pytest -q -p no:cacheprovider "$@"; }
clang_build() {
    CC=clang CXX=clang++ cmake -S . -B build/clang -G Ninja -DCMAKE_BUILD_TYPE=Release -DH5RANGE_WERROR=ON -DH5RANGE_TESTS=OFF \
        -DH5RANGE_EXAMPLES=ON && cmake --build build/clang -j "$jobs"
}
bare_build() { # the core alone: no GDAL, no libcurl, no tests
    cmake -S . -B build/bare -G Ninja -DH5RANGE_DRIVER=OFF -DH5RANGE_CURL=OFF -DH5RANGE_TESTS=OFF -DH5RANGE_WERROR=ON \
        -DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON -DCMAKE_DISABLE_FIND_PACKAGE_GDAL=ON && cmake --build build/bare -j "$jobs"
}
python_package() { # built and installed as users do, into an environment of its own, which is kept in build/
    local venv=build/python/venv
    [ -x $venv/bin/python ] || /usr/bin/python3 -m venv $venv || return
    $venv/bin/pip install -q --disable-pip-version-check "./python[test]" --config-settings=cmake.define.H5RANGE_WERROR=ON &&
        $venv/bin/python -m pytest -q -c python/pyproject.toml python/tests
}
sanitized_command() { H5RANGE_BIN=$root/build/asan/bin/h5range python_tests tests/cli; }

part "Debian packages" bash scripts/deps.sh test || finish
part "Python packages of the oracle" bash scripts/venv.sh || finish

release=1
part "configure and build: GCC, warnings are errors" tree release -DH5RANGE_DRIVER=ON || release=0
built="the release build failed"
after $release "$built" "GoogleTest" suites release
after $release "$built" "h5range command" python_tests tests/cli
after $release "$built" "files drawn anew" .venv/bin/python tests/generated/run.py
after $release "$built" "installation, headers, examples" python_tests tests/package
part "rioxarray and gdalxarray over Debian's GDAL" bash scripts/programs.sh
after $release "$built" "GDAL driver" /usr/bin/python3 -m pytest -q -p no:cacheprovider autotest
after $release "$built" "demonstration" bash scripts/demo.sh
if [ -n "$shared" ]; then
    after $release "$built" "shared corpus" .venv/bin/python tests/corpus.py "$shared" "$root/build/release/bin/h5range"
else
    skip "shared corpus" "no shared material in ${H5RANGE_SHARED:-../shared}"
fi
part "Python package" python_package
part "configure and build: Clang, warnings are errors" clang_build
part "configure and build: the core alone, without GDAL and libcurl" bare_build
asan=1
part "configure and build: address and undefined-behaviour sanitizers" tree asan || asan=0
built="its build failed"
after $asan "$built" "address and undefined-behaviour sanitizers: GoogleTest" suites asan
after $asan "$built" "address and undefined-behaviour sanitizers: command" sanitized_command
tsan=1
part "configure and build: thread sanitizer" tree tsan -DH5RANGE_CLI=OFF || tsan=0
after $tsan "$built" "thread sanitizer: threaded tests" suites tsan -R 'Threads|Curl'
finish
