#!/usr/bin/env bash
# Installs the Debian packages that building, testing and the demonstration need, as far as they are missing. Root or sudo.
set -euo pipefail
packages="build-essential cmake ninja-build pkg-config git ca-certificates zlib1g-dev libcurl4-openssl-dev libgdal-dev gdal-bin
python3 python3-dev python3-gdal python3-numpy python3-pytest python3-venv libgtest-dev nginx-light
libdeflate-dev libaec-dev liblzf-dev libbz2-dev liblz4-dev libzstd-dev libblosc-dev libzfp-dev libcharls-dev libsnappy-dev
liblzo2-dev libjpeg-dev libopenjp2-7-dev"
if [ "${1:-}" = test ]; then
    packages="$packages clang libclang-rt-14-dev python3-rasterio"
    # QGIS is the program that most people will see the driver in. It brings some 150 packages (170 MB, 650 MB unpacked), which takes one to
    # three minutes once; H5RANGE_QGIS=0 does without, and autotest/test_qgis.py is skipped.
    [ "${H5RANGE_QGIS:-1}" = 0 ] || packages="$packages python3-qgis qgis-providers"
fi

missing=
for p in $packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "deps.sh: run as root, or install:$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
