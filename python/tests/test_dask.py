"""Dask: a mean over a cube, computed by worker processes that read from a server, each with one index read."""

import json
import os
import subprocess
import sys
from collections import Counter

import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import RangeServer, broken_index

import h5range

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


BLOCK = 1 << 20  # metadata are read in blocks of this size, from multiples of it; data from where they begin


def test_mean_by_two_processes(tmp_path):
    """Of 200 MiB in 200 chunks. The nodes of the index lie between the chunks, all over the file."""
    values = np.random.default_rng(3).normal(size=(200, 256, 512))
    path = tmp_path / "cube.h5"
    with h5py.File(path, "w") as f:
        for i, name in enumerate(("t", "y", "x")):
            f[name] = np.arange(values.shape[i])
            f[name].make_scale(name)
        v = f.create_dataset("v", data=values, chunks=(1, 256, 512))
        for i, name in enumerate(("t", "y", "x")):
            v.dims[i].attach_scale(f[name])
        chunks = Counter(v.id.get_chunk_info(i).byte_offset for i in range(200))
    assert all(offset % BLOCK for offset in chunks)
    server = RangeServer(tmp_path)
    try:
        env = {**os.environ, "PYTHONWARNINGS": ""}
        done = subprocess.run([sys.executable, "-c", PROGRAM, f"{server.url}/cube.h5"], capture_output=True, text=True, timeout=300, env=env)
        assert done.returncode == 0, done.stderr[-2000:]
        got = json.loads(done.stdout.splitlines()[-1])
        np.testing.assert_allclose(got["means"], values.mean((1, 2)))
        np.testing.assert_allclose(got["mean"], values.mean())
        asked = Counter(tuple(map(int, r.removeprefix("bytes=").split("-"))) for _, r in server.log if r)
        size = path.stat().st_size
        metadata = {first: n for (first, last), n in asked.items() if first % BLOCK == 0 and last == min(first + BLOCK, size) - 1}
        data = {first: n for (first, last), n in asked.items() if first not in metadata and first % BLOCK}
        assert data.keys() <= chunks.keys() and max(data.values()) == 2, "each chunk once for each of the two means"
        assert len(data) >= 190, "but for those of which a part came with a place of the index"
        assert 0 in metadata and len(metadata) >= 3, "the index is not all in the head"
        assert max(metadata.values()) <= 3, "each process reads a place of the index once: the client, and two workers"
    finally:
        server.close()


# Of a dataset whose index is damaged: who computes gets the exception, in this process and from another one.
BROKEN = """
import sys
import xarray as xr
from dask.distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        ds = xr.open_dataset(sys.argv[1], engine="h5range", chunks={})
        try:
            ds["v"].mean().compute()
        except Exception as e:
            print(type(e).__mro__, e)
"""


def test_an_index_that_cannot_be_read_is_an_exception(tmp_path):
    broken_index(tmp_path / "a.h5")
    for scheduler in ("threads", "synchronous"):
        with xr.open_dataset(tmp_path / "a.h5", engine="h5range", chunks={}) as ds, pytest.raises(h5range.FormatError, match="/v: .*damaged"):
            ds["v"].mean().compute(scheduler=scheduler)
    env = {**os.environ, "PYTHONWARNINGS": ""}
    done = subprocess.run([sys.executable, "-c", BROKEN, str(tmp_path / "a.h5")], capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0 and "h5range.errors.FormatError" in done.stdout and "/v: " in done.stdout, done.stdout + done.stderr[-2000:]
