#!/usr/bin/env bash
# Makes build/programs/venv: rioxarray, gdalxarray and h5netcdf over Debian's GDAL and rasterio, for autotest/test_xarray.py.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/programs/venv
if [ ! -x $venv/bin/pip ]; then
    mkdir -p build/programs
    /usr/bin/python3 -m venv --system-site-packages $venv
fi
$venv/bin/pip install -q --disable-pip-version-check --no-deps --only-binary :all: -r autotest/requirements.txt
