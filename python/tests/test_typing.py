"""Type stubs: they say what the extension has, and a program that uses the package passes the strictest checks."""

import subprocess
import sys

import pytest
from conftest import DATA

pytest.importorskip("mypy")

PROGRAM = '''
import asyncio
from typing import Any

import numpy as np

import h5range
from h5range import async_hdf5
from h5range.zarr import HDF5Store, open_store


def window(path: str) -> float:
    with h5range.open(path, head_size=4096) as f:
        ds = f["sst"]
        assert isinstance(ds, h5range.Dataset)
        values: np.ndarray[Any, Any] = ds[0, 10:12, ::-2]
        index: h5range.ChunkIndex = ds.index()
        place: h5range.ChunkLocation | None = index.get((0, 0, 0))
        assert place is not None and place.byte_offset > 0
        both = f.read_many({"time": ..., "sst": np.s_[0]})
        stats: h5range.Stats = f.stats
        print(both["time"])
        return float(values.mean()) + stats.rounds


async def awaited(path: str) -> int:
    async with await h5range.File.open(path) as f:
        await f.prefetch_async()
        values = await (await f.get_async("sst")).read(np.s_[0])
        return int(values.size)


async def ported(path: str) -> int:
    f = await async_hdf5.HDF5File.open(path, store=async_hdf5.store.LocalStore())
    d = await (await f.root_group()).dataset("sst")
    shape: tuple[int, ...] = d.shape
    fill: bytes | None = d.fill_value
    return len(await d.chunk_index()) + len(shape) + len(fill or b"")


def store(path: str) -> HDF5Store:
    return open_store(path)


def submodules_without_an_import(path: str) -> int:
    found: dict[str, Any] = h5range.refs.references(path)
    return len(found["refs"])


if __name__ == "__main__":
    import sys

    window(sys.argv[1]), asyncio.run(awaited(sys.argv[1])), asyncio.run(ported(sys.argv[1])), store(sys.argv[1])
    submodules_without_an_import(sys.argv[1])
'''


def run(*args):
    done = subprocess.run([sys.executable, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_are_the_extension(tmp_path):
    run("-m", "mypy.stubtest", "h5range._h5range")
    (tmp_path / "program.py").write_text(PROGRAM)
    run(tmp_path / "program.py", DATA / "product.nc")
    run("-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", tmp_path / "program.py")
