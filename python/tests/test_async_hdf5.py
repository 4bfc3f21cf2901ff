"""The interface of async-hdf5 over all files: the same calls on ours and, where it is installed, on async-hdf5.

What h5py can tell decides: ours equals it, so where async-hdf5 is right, ours is equal to it, too. What h5py cannot tell is equal to async-hdf5,
but for exceptions that are listed with their reasons. Attributes' values are compared in test_values.py.
"""

import asyncio
import contextlib

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from conftest import DATA, hdf5_files, label
from obstore.store import LocalStore

import h5range
from h5range import async_hdf5 as ours

try:
    import async_hdf5 as theirs
except ImportError:
    theirs = None

CHUNKS = 200  # of a dataset, and as many places of its grid where there is none, are compared; some files have hundreds of thousands
VALUES = None if h5py.version.version_tuple >= (3, 16) else 16  # of a filter; what older h5py gives behind those is whatever was in memory
TOLD = ("shape", "ndim", "numpy_dtype", "element_size", "chunk_shape", "filters", "fill_value", "is_null_dataspace", "has_external_storage")

# What ours says otherwise than async-hdf5 where h5py says nothing: {(file, dataset, what): why}
EXPLAINED = {
    **{
        (f"types_atomic_{v}.h5", name, "numpy_dtype"): why
        for v in ("earliest", "latest")
        for name, why in (
            ("/FLOAT_BFLOAT16LE", "bfloat16 is not half precision, which async-hdf5 calls it"), ("/FLOAT_BFLOAT16BE", "the same"),
            ("/VAX_F32", "VAX's order of bytes is none of NumPy's"), ("/VAX_F64", "the same"),
        )
    },
    ("float.h5", "/quadprecision", "numpy_dtype"): "IEEE's quadruple precision: what NumPy calls f16 here is the x87's",
}


async def root_of(module, path):
    return await (await module.HDF5File.open(path.name, store=LocalStore(path.parent), block_size=1 << 20, pre_warm_size=1 << 16)).root_group()


def told(d):
    out = {}
    for what in TOLD:
        try:
            value = getattr(d, what)
        except ValueError:
            value = ValueError
        out[what] = tuple(value) if isinstance(value, list) and what != "filters" else value
    out["filters"] = [(f["id"], tuple(f["client_data"])[:VALUES]) for f in d.filters]
    return out


def known(ds):
    """What h5py tells of a dataset."""
    plist, kind = ds.id.get_create_plist(), ds.id.get_type()
    shape = ds.shape
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    out = {
        "shape": shape or (), "ndim": len(shape or ()), "is_null_dataspace": shape is None, "chunk_shape": ds.chunks,
        "filters": [(f[0], tuple(f[2])[:VALUES]) for f in filters], "has_external_storage": plist.get_external_count() > 0,
    }  # fmt: skip
    chosen = plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    if not chosen:
        out["fill_value"] = None
    with contextlib.suppress(TypeError, ValueError, KeyError):  # a type that h5py has no name for
        dtype, size = ds.dtype, stored_size(kind, ds.file)
        out["element_size"] = size
        if dtype.names and dtype.kind != "c":
            out["numpy_dtype"] = np.dtype((np.void, size))
        elif dtype.hasobject:
            out["numpy_dtype"] = ValueError
        elif dtype.itemsize == size:
            out["numpy_dtype"] = dtype
            if chosen and dtype.kind in "iufbS":
                out["fill_value"] = np.asarray(ds.fillvalue, dtype).tobytes()
    return out


def stored_size(kind, f):
    """Bytes of an element in the file; what h5py says of sequences and references is their size in memory."""
    address, _ = f.id.get_create_plist().get_sizes()
    if isinstance(kind, h5py.h5t.TypeVlenID) or (isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()):
        return 4 + address + 4
    if isinstance(kind, h5py.h5t.TypeArrayID):
        return int(np.prod(kind.get_array_dims(), dtype=np.int64)) * stored_size(kind.get_super(), f)
    if isinstance(kind, h5py.h5t.TypeReferenceID):
        return address if kind.equal(h5py.h5t.STD_REF_OBJ) else kind.get_size()
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        members = [kind.get_member_type(i) for i in range(kind.get_nmembers())]
        if any(stored_size(m, f) != m.get_size() for m in members):
            raise TypeError("the places of the members in the file are not known")
    return kind.get_size()


def some(items):
    return items[:: max(1, len(items) // CHUNKS)]


def check_chunks(index, ds, raw):
    """The index has the stored bytes of each chunk, and no place for those that were never written."""
    found = {tuple(c.indices): c for c in index}
    assert len(found) == len(index)
    if ds.chunks is None:
        offset = ds.id.get_offset()
        if offset is None or ds.is_virtual or ds.external or ds.id.get_storage_size() == 0:
            assert not found
        else:
            (c,) = found.values()
            assert (c.byte_offset, c.byte_length, c.filter_mask) == (offset, ds.id.get_storage_size(), 0)
        return
    grid = tuple(-(-n // c) for n, c in zip(ds.shape, ds.chunks, strict=True))
    assert tuple(index.grid_shape) == grid and tuple(index.chunk_shape) == ds.chunks and tuple(index.dataset_shape) == ds.shape
    for at in some(list(found)):
        c = found[at]
        mask, stored = ds.id.read_direct_chunk(tuple(i * n for i, n in zip(at, ds.chunks, strict=True)))
        assert raw[c.byte_offset : c.byte_offset + c.byte_length] == stored and c.filter_mask == mask, at
    total = int(np.prod(grid, dtype=np.int64))
    for number in range(0, total, max(1, total // CHUNKS)):
        at = tuple(int(i) for i in np.unravel_index(number, grid))
        if at not in found:
            with pytest.raises((RuntimeError, OSError, MemoryError)):  # libhdf5's ways to say that there is none
                ds.id.read_direct_chunk(tuple(i * n for i, n in zip(at, ds.chunks, strict=True)))
            assert index.get(at) is None


def equal(a, b):
    if a is ValueError or b is ValueError:
        return a is b
    if isinstance(b, np.dtype):
        return np.dtype(a) == b
    return a == b


def is_dtype(text):
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


async def opened(call, name):
    """What async-hdf5 has under that name, None where it fails, which it does with RuntimeError or a panic that is no Exception."""
    try:
        return await call(name)
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt | asyncio.CancelledError):
            raise
        return None


class Comparison:
    """Goes through hard links, and through each object once. ``wrong`` collects what differs."""

    def __init__(self, path):
        self.path = path
        self.raw = path.read_bytes()
        self.seen = set()
        self.wrong = []

    async def group(self, mine, other, h5):
        self.seen.add(h5py.h5o.get_info(h5.id).addr)
        names = {n.decode("utf-8", "surrogateescape"): n for n in h5.id}
        assert sorted(await mine.children()) == sorted(names), h5.name
        found = {}
        for name, raw in names.items():
            with contextlib.suppress(Exception):  # links that lead nowhere
                found[name] = h5py.h5o.open(h5.id, raw)
        for kind, call in ((h5py.h5g.GroupID, mine.group_names), (h5py.h5d.DatasetID, mine.dataset_names)):
            assert sorted(await call()) == sorted(n for n, o in found.items() if isinstance(o, kind)), h5.name
        for name, child in found.items():
            info = h5py.h5o.get_info(child)
            if h5.id.links.get_info(names[name]).type != h5py.h5l.TYPE_HARD or info.addr in self.seen:
                continue
            self.seen.add(info.addr)
            if isinstance(child, h5py.h5g.GroupID):
                twin = await opened(other.group, name) if other is not None else None
                await self.group(await mine.group(name), twin, h5py.Group(child))
            elif isinstance(child, h5py.h5d.DatasetID):
                twin = await opened(other.dataset, name) if other is not None else None
                await self.dataset(await mine.dataset(name), twin, h5py.Dataset(child))

    async def dataset(self, mine, other, h5):
        said, truth = told(mine), known(h5)
        self.wrong += [(h5.name, what, said[what], value) for what, value in truth.items() if not equal(said[what], value)]
        check_chunks(await mine.chunk_index(), h5, self.raw)
        for what, value in (told(other) if other is not None else {}).items():
            if what in truth or (self.path.name, h5.name, what) in EXPLAINED:
                continue
            if what == "fill_value" and value is None:  # but h5py says that there is one: async-hdf5 knows none of text
                assert said[what] is not None
            elif what == "numpy_dtype" and value is not ValueError and not is_dtype(value):  # "<f5"
                assert is_dtype(said[what])
            elif not equal(said[what], value):
                self.wrong.append((h5.name, what, said[what], value))
        attributes = await opened(lambda _: other.attributes(), "") if other is not None else None
        assert set(attributes or ()) <= set(await mine.attributes())


@pytest.mark.filterwarnings("ignore::h5range.IncompleteWarning")
@pytest.mark.parametrize("path", [p for p in hdf5_files(1 << 40) if not p.name.startswith("damaged_")], ids=label)
def test_as_h5py_and_async_hdf5_say(path):
    if path.name == "virtual_v1.h5" and h5py.version.hdf5_version_tuple < (2,):
        pytest.skip("virtual datasets of this version need libhdf5 2.0 to compare with")
    try:
        f = h5py.File(path)
        f["/"]
    except Exception:  # libhdf5 does not read it: neither has to any other; if it does, in full
        with contextlib.suppress(h5range.H5RangeError):
            asyncio.run(everything(path))
        return

    async def main():
        comparison = Comparison(path)
        other = await opened(lambda p: root_of(theirs, p), path) if theirs is not None else None
        await comparison.group(await root_of(ours, path), other, f["/"])
        return comparison.wrong

    with f:
        assert asyncio.run(main()) == []


async def everything(path):
    """All that the interface gives of a file's groups and datasets."""
    todo, seen = [await root_of(ours, path)], set()
    while todo:
        group = todo.pop()
        if group._group.address in seen:
            continue
        seen.add(group._group.address)
        await group.attributes()
        for name in await group.dataset_names():
            d = await group.dataset(name)
            told(d), await d.attributes(), await d.chunk_index()
        todo += [await group.group(name) for name in await group.group_names()]


@pytest.mark.filterwarnings("ignore::h5range.IncompleteWarning")
@pytest.mark.parametrize("path", [p for p in hdf5_files(1 << 40) if p.name.startswith("damaged_")], ids=label)
def test_damaged_files_end_in_an_answer(path):
    with contextlib.suppress(h5range.H5RangeError):
        asyncio.run(asyncio.wait_for(everything(path), 60))


def test_chunks_ranges_and_navigation():
    async def main():
        f = await ours.HDF5File.open("product.nc", store=LocalStore(DATA))
        root = await f.root_group()
        assert (await root.navigate("quality")).name == "/quality" and (await root.navigate("/")).name == "/"
        sst = await root.dataset("sst")
        assert (sst.numpy_dtype, sst.filters[1], sst.ndim) == ("<i2", {"id": 1, "name": "deflate", "client_data": [4]}, 3)
        index = await sst.chunk_index()
        assert (index.grid_shape, index.chunk_shape, index.dataset_shape) == ((4, 2, 2), (1, 30, 40), (4, 60, 80))
        c = index.get([3, 1, 1])
        a, b, c_again = await sst.batch_get_chunks([[3, 1, 1], [0, 0, 0], [3, 1, 1]])
        assert a == c_again == (await sst.batch_fetch_ranges([(c.byte_offset, c.byte_length)]))[0] != b
        np.testing.assert_array_equal(sst.dataset.decode_chunk(a)[0], (await sst.read())[3, 30:, 40:])
        assert (await sst.attributes())["units"] == "K"
        with pytest.raises(KeyError):
            await root.dataset("nothing")
        with pytest.raises(ValueError, match="not a group"):
            await root.group("sst")
        with pytest.raises(IndexError):
            index.get([4, 0, 0])

    asyncio.run(main())
