"""Where bytes come from: stores, file systems, servers, file-like objects; what it costs, and what is said when it fails."""

import asyncio
import concurrent.futures
import contextlib
import io
import pathlib
import pickle
import threading
import time
from urllib.parse import quote

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from conftest import DATA, RangeServer, broken_index, hdf5_files, label
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import HTTPStore, LocalStore, MemoryStore

import h5range
import h5range.async_hdf5
import h5range.virtualizarr
import h5range.zarr
from h5range.refs import LeftOutWarning, references

PRODUCT = DATA / "product.nc"


class Recording:
    """A store that counts, waits and fails as told. ``get_ranges`` and ``get_ranges_async`` is all it has."""

    def __init__(self, data, latency=0.0, fail_from=None):
        self.data = data
        self.latency = latency
        self.rounds = []
        self.fail_from = fail_from
        self.running = self.most = 0

    def _get(self, starts, lengths):
        self.rounds.append(list(zip(starts, lengths, strict=True)))
        if self.fail_from is not None and len(self.rounds) >= self.fail_from:
            raise RuntimeError("the network is gone\nfor good")
        return [self.data[o : o + n] for o, n in zip(starts, lengths, strict=True)]

    def get_ranges(self, path, *, starts, lengths):
        time.sleep(self.latency)
        return self._get(starts, lengths)

    async def get_ranges_async(self, path, *, starts, lengths):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.latency)
        self.running -= 1
        return self._get(starts, lengths)


def expected(name="sst", path=PRODUCT):
    with h5py.File(path) as f:
        return f[name][...]


def every_way(tmp_path, server):
    data = PRODUCT.read_bytes()
    memory = MemoryStore()
    memory.put("a/product.nc", data)
    fsspec.filesystem("memory").pipe("/product.nc", data)
    return [
        (str(PRODUCT), {}),
        (PRODUCT, {}),
        (f"file://{PRODUCT}", {}),
        (f"{server.url}/product.nc", {}),
        (f"{server.url}/product.nc", {"storage_options": {}}),
        ("memory://product.nc", {}),
        ("product.nc", {"store": LocalStore(DATA)}),
        ("a/product.nc", {"store": memory}),
        ("product.nc", {"store": HTTPStore(server.url, client_options={"allow_http": True})}),
        (str(PRODUCT), {"store": fsspec.filesystem("file")}),
        (f"{server.url}/product.nc", {"store": fsspec.filesystem("http", skip_instance_cache=True)}),
        ("product.nc", {"store": Recording(data)}),
        (data, {}),
        (io.BytesIO(data), {}),
        (fsspec.open(f"file://{PRODUCT}"), {}),
    ]


def test_every_way_to_open(tmp_path, server):
    want = expected()
    for source, options in every_way(tmp_path, server):
        with h5range.open(source, **options) as f:
            np.testing.assert_array_equal(f["sst"][...], want)
            assert f["sst"].attrs["units"] == "K"
            assert f.stats.requests >= 1 or isinstance(source, bytes), source


def test_every_way_to_open_in_an_event_loop(tmp_path, server):
    want = expected()

    async def main():
        for source, options in every_way(tmp_path, server):
            async with await h5range.File.open(source, **options) as f:
                ds = await f.get_async("sst")
                np.testing.assert_array_equal(await ds.read(), want)
                np.testing.assert_array_equal(await ds.read(np.s_[1, ::-2, 3]), want[1, ::-2, 3])
                assert (await ds.attrs_async())["units"] == "K"
                np.testing.assert_array_equal(ds[2], want[2])  # the blocking form works as well

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore::h5range.IncompleteWarning")
@pytest.mark.parametrize("path", hdf5_files(256 << 10)[::4], ids=label)
def test_push_mode_gives_what_pull_mode_gives(path):
    """The same answers, in no more rounds than the C source takes, for every fourth small file."""

    def everything(f):
        out = []
        for name, node in f.members().items():
            if isinstance(node, h5range.Dataset):
                try:
                    # some small files hold arrays of gigabytes that were never written
                    out.append((name, node.shape, repr(node[...] if node.nbytes <= 16 << 20 else node[(slice(0, 3),) * node.ndim])))
                except h5range.H5RangeError as e:
                    out.append((name, type(e), str(e)))
            out.append((name, repr(dict(node.attrs)), {k: str(v) for k, v in node.attrs.errors.items()}))
        return out

    async def push():
        store = Recording(path.read_bytes())
        f = await h5range.File.open("a", store=store, others="no")
        await f.prefetch_async()
        return await asyncio.to_thread(everything, f), f.stats, len(store.rounds)

    try:
        with h5range.open("a", store=Recording(path.read_bytes()), others="no") as f:
            f.prefetch()
            pull, stats = everything(f), f.stats
    except h5range.H5RangeError as e:
        with pytest.raises(type(e)):
            asyncio.run(push())
        return
    answers, pushed, rounds = asyncio.run(push())
    unsupported = [a for a in answers if a[1] is h5range.UnsupportedError]
    for a, b in zip(answers, pull, strict=True):
        assert a == b or a in unsupported
    assert pushed.rounds == rounds
    assert rounds <= stats.rounds


def test_rounds_of_opening_listing_and_reading():
    data = PRODUCT.read_bytes()

    async def main():
        store = Recording(data)
        f = await h5range.File.open("p", store=store, head_size=4096)
        opened = len(store.rounds)
        await f.prefetch_async()
        listed = len(store.rounds)
        ds = await f.get_async("sst")
        await ds.attrs_async()
        assert len(store.rounds) == listed, "what was prefetched costs nothing"
        await ds.read()
        assert len(store.rounds) <= listed + 1
        return opened, listed

    opened, listed = asyncio.run(main())
    with h5range.open(PRODUCT, head_size=4096) as f:
        f.prefetch()
        assert opened == 1 and listed <= max(f.stats.rounds, 3)


def cost(stats):
    return stats.rounds, stats.requests


async def costs_of_push_mode(path, options):
    store = Recording(path.read_bytes())
    f = await h5range.File.open("a", store=store, others="no", **options)
    out = [(len(store.rounds), sum(map(len, store.rounds)))]
    await f.prefetch_async()
    out.append((len(store.rounds), sum(map(len, store.rounds))))
    for name in stored_datasets(f)[:1]:
        with contextlib.suppress(h5range.H5RangeError):  # a filter that is not built in
            await (await f.get_async(name)).read()
        out.append((len(store.rounds), sum(map(len, store.rounds))))
    assert out[-1] == cost(f.stats)
    return out


def costs_of_the_core(url, options):
    with h5range.open(url, others="no", **options) as f:
        out = [cost(f.stats)]
        f.prefetch()
        out.append(cost(f.stats))
        for name in stored_datasets(f)[:1]:
            with contextlib.suppress(h5range.H5RangeError):
                f[name][...]
            out.append(cost(f.stats))
    return out


def stored_datasets(f):
    return [n for n, d in f.members().items() if isinstance(d, h5range.Dataset) and d.layout in ("chunked", "contiguous") and d.nbytes <= 16 << 20]


COSTS = [{}, {"head_size": 1024}, {"head_size": 512, "exact_reads": True}]


@pytest.mark.filterwarnings("ignore::h5range.IncompleteWarning")
@pytest.mark.parametrize("path", [p for p in hdf5_files(4 << 20) if p.is_relative_to(DATA) or p.stat().st_size > 200 << 10], ids=label)
def test_a_store_costs_no_more_than_the_source_in_c(path, root_server):
    """Opening, listing, and reading a variable, in rounds and requests: our libcurl source and a store. (Small files of the corpus are one request.)"""
    for options in COSTS:
        try:
            want = costs_of_the_core(f"{root_server.url}{quote(str(path))}", options)
        except h5range.H5RangeError as e:
            with pytest.raises(type(e)):
                asyncio.run(costs_of_push_mode(path, options))
            continue
        got = asyncio.run(costs_of_push_mode(path, options))
        assert len(got) == len(want) and all(a <= b for g, w in zip(got, want, strict=True) for a, b in zip(g, w, strict=True)), (options, got, want)


@pytest.fixture(scope="module")
def root_server():
    s = RangeServer(pathlib.Path("/"))
    yield s
    s.close()


def test_an_index_that_cannot_be_read_is_an_exception(tmp_path):
    """In every consumer, blocking and awaited; the rest of the file is read. (Dask's is in test_dask.py.)"""
    broken_index(tmp_path / "a.h5")
    store = LocalStore(tmp_path)
    wrong = pytest.raises(h5range.FormatError, match="/v: .*damaged")
    f = h5range.open(tmp_path / "a.h5")
    for use in (f["v"].index, lambda: f["v"][...], lambda: f.prefetch(index=True) or f["v"][0], lambda: f.read_many({"v": ...})):
        with wrong:
            use()

    async def awaited():
        f = await h5range.File.open("a.h5", store=store)
        ds = await f.get_async("v")
        assert (await (await f.get_async("plain")).read()).tolist() == [0, 1, 2]
        for use in (ds.index_async, ds.read, lambda: f.read_many_async({"v": np.s_[3:50]})):
            with wrong:
                await asyncio.wait_for(use(), 60)
        results = await asyncio.wait_for(asyncio.gather(*(ds.read(np.s_[i]) for i in range(30)), return_exceptions=True), 60)
        assert all(isinstance(r, h5range.FormatError) for r in results)
        d = await (await (await h5range.async_hdf5.HDF5File.open("a.h5", store=store)).root_group()).dataset("v")
        for use in (d.chunk_index, d.read, lambda: d.batch_get_chunks([[0]])):
            with wrong:
                await asyncio.wait_for(use(), 60)

    asyncio.run(awaited())
    with xr.open_dataset(tmp_path / "a.h5", engine="h5range") as ds:
        with wrong:
            ds["v"].load()
        assert ds["plain"].values.tolist() == [0, 1, 2]
    for opened in (h5range.zarr.open_store(tmp_path / "a.h5"), asyncio.run(h5range.zarr.open_hdf5("a.h5", store=store))):
        group = zarr.open_group(opened, mode="r")
        with wrong:
            group["v"][...]
        assert group["plain"][...].tolist() == [0, 1, 2]
        with wrong, xr.open_dataset(opened, engine="zarr", consolidated=False, zarr_format=3) as ds:
            ds["v"].load()
    registry = ObjectStoreRegistry({"file://": LocalStore()})
    url = f"file://{tmp_path / 'a.h5'}"
    with wrong:
        h5range.virtualizarr.H5RangeParser()(url, registry)
    with wrong:
        asyncio.run(h5range.virtualizarr.open_virtual_hdf5("a.h5", store=store, url=url))
    with pytest.warns(LeftOutWarning, match="left out: .*/v: .*damaged"):
        assert "v/.zarray" not in references(tmp_path / "a.h5")["refs"]


def test_fifty_files_take_as_long_as_one():
    data = PRODUCT.read_bytes()

    async def one(store):
        f = await h5range.File.open("p", store=store, head_size=4096)
        await f.prefetch_async()
        return await (await f.get_async("time")).read()

    async def main():
        alone = Recording(data, 0.05)
        await one(alone)
        many = Recording(data, 0.05)
        values = await asyncio.gather(*(one(many) for _ in range(50)))
        assert all(np.array_equal(v, values[0]) for v in values)
        assert len(many.rounds) == 50 * len(alone.rounds)
        assert many.most == 50, "all of them wait at the same time"

    asyncio.run(main())


def test_many_reads_of_one_file_at_once():
    want = expected()

    async def main():
        store = Recording(PRODUCT.read_bytes(), 0.01)
        f = await h5range.File.open("p", store=store, head_size=4096, exact_reads=True)
        ds = await f.get_async("sst")
        keys = [np.s_[i % 4, (i * 7) % 50 :, :: i % 5 + 1] for i in range(40)]
        for key, got in zip(keys, await asyncio.gather(*(ds.read(k) for k in keys)), strict=True):
            np.testing.assert_array_equal(got, want[key])
        names = ["time", "y", "x", "quality/level", "sst"]
        got = await asyncio.gather(*(f.get_async(n) for n in names))
        assert [d.name for d in got] == ["/" + n for n in names]
        both = await f.read_many_async({"y": ..., "sst": np.s_[0]})
        np.testing.assert_array_equal(both["sst"], want[0])

    asyncio.run(main())


def test_threads_share_a_file():
    want = expected()
    with h5range.open("p", store=Recording(PRODUCT.read_bytes(), 0.001), exact_reads=True) as f:
        wrong = []

        def read(i):
            for k in range(10):
                key = np.s_[(i + k) % 4, i::3]
                if not np.array_equal(f["sst"][key], want[key]) or f["time"].attrs["units"] != f["time"].attrs["units"]:
                    wrong.append(key)

        threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert wrong == []


def test_large_selections_are_read_in_pieces(monkeypatch):
    monkeypatch.setattr("h5range._nodes._PIECE", 5000)

    async def main():
        f = await h5range.File.open("p", store=Recording(PRODUCT.read_bytes()), exact_reads=True)
        ds = await f.get_async("sst")
        np.testing.assert_array_equal(await ds.read(), expected())
        np.testing.assert_array_equal(await ds.read(np.s_[::-1, ::3, [70, 2, 3]]), expected()[::-1, ::3][:, :, [70, 2, 3]])

    asyncio.run(main())


def test_failures_of_a_store():
    data = PRODUCT.read_bytes()
    with pytest.raises(h5range.ReadError, match="the network is gone") as e:
        h5range.open("p", store=Recording(data, fail_from=1))
    assert isinstance(e.value, OSError) and isinstance(e.value.__cause__, RuntimeError)

    async def main():
        with pytest.raises(h5range.ReadError, match="p: the network is gone"):
            await h5range.File.open("p", store=Recording(data, fail_from=1))
        store = Recording(data)
        f = await h5range.File.open("p", store=store, head_size=4096, exact_reads=True)
        ds = await f.get_async("sst")
        store.fail_from = 1
        for result in await asyncio.gather(*(ds.read() for _ in range(5)), return_exceptions=True):
            assert isinstance(result, h5range.ReadError)
        store.fail_from = None
        np.testing.assert_array_equal(await ds.read(), expected())  # the file still answers

    asyncio.run(main())


def test_what_is_missing_or_wrong_is_told(tmp_path, server):
    for source, options in [
        (tmp_path / "missing.nc", {}),
        (f"{server.url}/missing.nc", {}),
        ("missing.nc", {"store": LocalStore(DATA)}),
        ("missing.nc", {"store": MemoryStore()}),
        ("memory://missing.nc", {}),
    ]:
        with pytest.raises(FileNotFoundError):
            h5range.open(source, **options)
        with pytest.raises(FileNotFoundError):
            asyncio.run(h5range.File.open(source, **options))
    with pytest.raises(h5range.FormatError, match="signature"):
        h5range.open(b"not a file of this kind" * 100)
    with pytest.raises(TypeError, match="no option speed"):
        h5range.open(PRODUCT, speed=3)
    with pytest.raises(ValueError, match="power of two"):
        h5range.open(PRODUCT, block_size=1000)
    with pytest.raises(TypeError, match="cannot read from a int"):
        h5range.open(3)
    with pytest.raises(TypeError, match="needs a path"):
        h5range.open(LocalStore(DATA))
    with pytest.raises(h5range.LimitError, match="limits={'chunk_bytes': N}"):
        h5range.open(PRODUCT, limits={"chunk_bytes": 100})["sst"][...]
    with pytest.raises(ValueError, match="no limit bytes"):
        h5range.open(PRODUCT, limits={"bytes": 100})


def test_reads_beyond_the_end_are_cut():
    """A truncated file is a FormatError, with stores that refuse ranges behind the end, too."""
    data = PRODUCT.read_bytes()[:20000]
    memory = MemoryStore()
    memory.put("p", data)
    with pytest.raises(h5range.FormatError, match="truncated"):
        h5range.open("p", store=memory)["sst"][...]

    async def main():
        f = await h5range.File.open("p", store=memory)
        await f["sst"].read()

    with pytest.raises(h5range.FormatError, match="truncated"):
        asyncio.run(main())


def test_pickling_opens_once(server):
    with h5range.open(f"{server.url}/product.nc", head_size=8192) as f:
        before = len(server.log)
        ds, group = pickle.loads(pickle.dumps((f["sst"], f["quality"])))
        assert ds.file is group.file and ds.file is not f and ds.file.options.head_size == 8192
        again = pickle.loads(pickle.dumps(f["sst"]))
        assert again.file is ds.file
        np.testing.assert_array_equal(ds[0], f["sst"][0])
        assert len(server.log) > before
    stored = pickle.loads(pickle.dumps(h5range.open("product.nc", store=LocalStore(DATA))))
    assert stored["sst"].shape == (4, 60, 80)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(h5range.open(io.BytesIO(PRODUCT.read_bytes())))


def test_closed_files_say_so():
    f = h5range.open(PRODUCT)
    ds = f["sst"]
    f.close()
    f.close()
    assert f.closed and "closed" in repr(f) and "closed" in repr(ds) and "closed" in ds._repr_html_()
    with pytest.raises(ValueError, match="closed"):
        ds[0]
    with pytest.raises(ValueError, match="closed"):
        f["time"]


def test_other_files_of_a_store(tmp_path):
    """External links and virtual datasets are followed to the files beside the first, in its own store."""
    with h5py.File(tmp_path / "b.h5", "w") as b:
        b["x"] = np.arange(10)
    with h5py.File(tmp_path / "a.h5", "w") as a:
        a["link"] = h5py.ExternalLink("b.h5", "/x")
        layout = h5py.VirtualLayout((10,), "i8")
        layout[:] = h5py.VirtualSource("b.h5", "x", (10,))
        a.create_virtual_dataset("virtual", layout)
        a["gone"] = h5py.ExternalLink("c.h5", "/x")
    for options in ({"store": LocalStore(tmp_path)}, {"store": fsspec.filesystem("file")}):
        name = "a.h5" if isinstance(options["store"], LocalStore) else str(tmp_path / "a.h5")
        with h5range.open(name, **options) as f:
            assert f["link"][...].tolist() == f["virtual"][...].tolist() == list(range(10))
            assert "gone" not in f and sorted(f.members()) == ["link", "virtual"]

        async def main(name, options):
            async with await h5range.File.open(name, **options) as f:
                link, virtual = await asyncio.gather(f.get_async("link"), f.get_async("virtual"))
                return (await link.read()).tolist(), (await virtual.read(np.s_[3:5])).tolist()

        assert asyncio.run(main(name, options)) == (list(range(10)), [3, 4])
        with h5range.open(name, others="no", **options) as f, pytest.raises(h5range.H5RangeError):
            f["link"]


def virtual_file(folder):
    with h5py.File(folder / "a.h5", "w") as a:
        for i in range(40):
            with h5py.File(folder / f"b{i}.h5", "w") as b:
                b["x"] = np.arange(10)
            layout = h5py.VirtualLayout((10,), "i8")
            layout[:] = h5py.VirtualSource(f"b{i}.h5", "x", (10,))
            a.create_virtual_dataset(f"v{i}", layout)


@pytest.mark.parametrize("asynchronous", [True, False])
def test_many_reads_of_other_files_at_once(tmp_path, asynchronous):
    """With a store that fetches in threads, reads in threads used to wait for each other for ever."""
    virtual_file(tmp_path)
    options = {"store": LocalStore(tmp_path)} if asynchronous else {"store": fsspec.filesystem("file")}

    async def main():
        async with await h5range.File.open("a.h5" if asynchronous else str(tmp_path / "a.h5"), **options) as f:
            found = await asyncio.gather(*(f.get_async(f"v{i}") for i in range(40)))
            return await asyncio.wait_for(asyncio.gather(*(ds.read() for ds in found)), 60)

    assert all(v.tolist() == list(range(10)) for v in asyncio.run(main()))


def test_other_files_are_read_in_whatever_loop_asks(tmp_path):
    """The loop in which they were first read may be closed, or blocked by who waits; reads used to go there all the same."""
    virtual_file(tmp_path)
    f = asyncio.run(h5range.File.open("a.h5", store=LocalStore(tmp_path)))

    async def read(name):
        return (await (await f.get_async(name)).read()).tolist()

    async def while_blocked():
        assert await read("v1") == list(range(10))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # this loop waits for one in another thread, as with zarr's blocking calls
            return pool.submit(asyncio.run, asyncio.wait_for(read("v2"), 60)).result(70)

    for run in (read("v0"), while_blocked(), read("v3")):
        assert asyncio.run(run) == list(range(10))
    f.close()


def test_groups_with_parts_in_other_files_are_listed(tmp_path):
    """A dataset that grows with those of other files used to fail the whole listing in push mode; below a group it waited for itself."""
    with h5py.File(tmp_path / "b.h5", "w") as b:
        b.create_dataset("x", data=np.arange(10), chunks=(5,), maxshape=(None,))
    with h5py.File(tmp_path / "a.h5", "w") as a:
        a["junk"] = np.zeros(100000)
        layout = h5py.VirtualLayout((10,), "i8", maxshape=(None,))
        source = h5py.VirtualSource("b.h5", "x", (10,), maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        a.create_group("g/h").create_virtual_dataset("grown", layout)
        a["g/h/plain"] = 3
        a["g/h/circle"] = h5py.SoftLink("/g/h/circle")

    async def main():
        async with await h5range.File.open("a.h5", store=LocalStore(tmp_path), head_size=512, exact_reads=True) as f:
            group = await f.get_async("g/h")
            members = await asyncio.wait_for(group.members_async(), 60)
            assert sorted(members) == ["grown", "plain"]
            return (await members["grown"].read()).tolist(), (await (await group.get_async("grown")).read(np.s_[3:])).tolist()

    assert asyncio.run(main()) == (list(range(10)), list(range(3, 10)))


def test_latency_is_paid_for_rounds_only():
    slow = RangeServer(DATA, 0.02)
    try:
        with h5range.open(f"{slow.url}/product.nc") as f:
            f.prefetch()
            f["sst"][...]
            assert f.stats.rounds <= 2 and len(slow.log) == f.stats.requests
    finally:
        slow.close()


def test_errors_name_the_file(tmp_path):
    bad = tmp_path / "login.h5"
    bad.write_text("<html>please log in</html>")
    for opened in (lambda: h5range.open(bad), lambda: asyncio.run(h5range.File.open(str(bad))),
                   lambda: h5range.open("login.h5", store=LocalStore(tmp_path))):
        with pytest.raises(h5range.FormatError, match=r"login\.h5: .*HTML") as e:
            opened()
        again = pickle.loads(pickle.dumps(e.value))
        assert str(again) == str(e.value) and again.file.endswith("login.h5")
    with h5range.open(PRODUCT) as f, pytest.raises(h5range.NotFoundError, match=r"product\.nc#none: "):
        f["none"]
