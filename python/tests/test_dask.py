"""Dask: a mean over a cube, computed by worker processes that read from a server, each with one index read."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import RangeServer

pytest.importorskip("distributed")

# In a process of its own: worker processes start from its main module, and end with it.
PROGRAM = """
import json, sys
import xarray as xr
from dask.distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        ds = xr.open_dataset(sys.argv[1], engine="h5range", chunks={})
        means = ds["v"].mean(("y", "x")).compute()
        print(json.dumps({"mean": float(ds["v"].mean()), "means": means.values.tolist()}))
"""


def test_mean_by_two_processes(tmp_path):
    values = np.random.default_rng(3).normal(size=(40, 256, 512))  # 42 MB
    with h5py.File(tmp_path / "cube.h5", "w") as f:
        f["junk"] = np.zeros(1 << 20)  # the index of the cube lies beyond the first read
        f.create_dataset("v", data=values, chunks=(1, 256, 512))
        for i, name in enumerate(("t", "y", "x")):
            f[name] = np.arange(values.shape[i])
            f[name].make_scale(name)
            f["v"].dims[i].attach_scale(f[name])
    server = RangeServer(tmp_path)
    try:
        env = {**os.environ, "PYTHONWARNINGS": ""}
        done = subprocess.run([sys.executable, "-c", PROGRAM, f"{server.url}/cube.h5"], capture_output=True, text=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr[-2000:]
        got = json.loads(done.stdout.splitlines()[-1])
        np.testing.assert_allclose(got["means"], values.mean((1, 2)))
        np.testing.assert_allclose(got["mean"], values.mean())
        heads = [r for _, r in server.log if r and r.startswith("bytes=0-")]
        assert len(heads) <= 3, "each process opens the file once: the client, and two workers"
    finally:
        server.close()
