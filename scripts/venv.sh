#!/usr/bin/env bash
# Makes .venv, where the oracle lives: h5py, hdf5plugin and netCDF4 of the versions that the expectations were made with.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/h5range-1
[ -e "$stamp" ] && exit 0
rm -rf .venv
/usr/bin/python3 -m venv .venv
.venv/bin/pip install -q --disable-pip-version-check h5py==3.16.0 hdf5plugin==7.1.0 netCDF4==1.7.5 'numpy>=2' pytest
touch "$stamp"
