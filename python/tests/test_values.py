"""Every object, attribute and value of the files, compared with h5py."""

import contextlib
import warnings

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from conftest import hdf5_files, label

import h5range
from h5range import _h5range

FILES = hdf5_files(4 << 20)
LARGEST = 4 << 20  # bytes of a dataset that is compared whole; of larger ones a corner


def same(ours, theirs, where, h5file):
    """Equal values, where h5py's are bytes for text and its own kinds of references and empty values."""
    if isinstance(theirs, np.ndarray) and theirs.ndim == 0 and not isinstance(ours, np.ndarray):
        theirs = theirs[()]
    if isinstance(ours, bytes) and isinstance(theirs, bytes):
        assert ours == theirs.rstrip(b"\0"), where
        return
    if isinstance(theirs, h5py.Empty):
        assert isinstance(ours, h5range.Empty), where
        return
    if isinstance(theirs, h5py.Reference | h5py.RegionReference):
        assert bool(ours) == bool(theirs), where
        if theirs and ours.path is not None:
            try:
                target = h5file[theirs].name
            except (KeyError, ValueError, RuntimeError):
                return
            assert target is None or ours.path == target or h5file[ours.path] == h5file[theirs], where
        return
    if isinstance(ours, str):
        text = theirs.decode("utf-8", "surrogateescape") if isinstance(theirs, bytes) else str(theirs)
        assert ours == text or ours == text.split("\0")[0] or ours == text.rstrip(" "), where
        return
    a, b = np.asarray(ours), np.asarray(theirs)
    if isinstance(a, np.ndarray) and a.dtype == b.dtype.newbyteorder() and a.dtype.kind == "f" and "vlen_be" in where:
        b = b.byteswap()  # h5py forgets the byte order of what is in sequences
    assert a.shape == b.shape, where
    if b.dtype.names:
        assert a.dtype.names == b.dtype.names, where
        for name in b.dtype.names:
            same(a[name], b[name], f"{where}.{name}", h5file)
        return
    if a.dtype.hasobject or b.dtype.hasobject:
        for i in np.ndindex(b.shape):
            if a.ndim == 0 and not isinstance(a[()], np.ndarray | str | h5range.Reference):
                assert a[()] == b[()], where
            else:
                same(a[i], b[i], where, h5file)
        return
    if a.dtype.kind == "V" or b.dtype.kind == "V":
        assert a.tobytes() == b.tobytes(), where
        return
    if a.dtype != b.dtype and b.dtype.kind in "fc":
        np.testing.assert_array_equal(a.astype(b.dtype), b, err_msg=where)
        return
    assert a.dtype.kind == b.dtype.kind and a.dtype.itemsize == b.dtype.itemsize, (where, a.dtype, b.dtype)
    assert a.tobytes() == b.tobytes() or np.array_equal(a, b, equal_nan=a.dtype.kind in "fcmM"), where


def attributes(ours, theirs, h5file):
    try:
        names = list(theirs.attrs)
    except Exception:
        return
    assert set(names) <= set(ours.attrs) | set(ours.attrs.errors), ours.name
    for name in names:
        try:
            value = theirs.attrs[name]
        except Exception:
            continue
        same(ours.attrs[name], value, f"{ours.name}@{name}", h5file)


def dataset(ours, theirs, h5file):
    try:
        theirs.dtype, theirs.shape  # noqa: B018
    except (TypeError, ValueError, KeyError):
        return  # a type that h5py has no name for
    assert ours.is_null == (theirs.shape is None)
    if theirs.shape is None:
        return
    assert ours.shape == theirs.shape + theirs.dtype.shape if theirs.dtype.subdtype else ours.shape == theirs.shape, ours.name
    assert ours._d["chunk"] == theirs.chunks
    key = ... if theirs.nbytes <= LARGEST else tuple(slice(0, 3) for _ in theirs.shape)
    try:
        value = theirs[key]
    except Exception:
        return  # damaged, or a filter that libhdf5 lacks
    try:
        mine = ours[key]
    except h5range.UnsupportedError as e:
        missing = {i for i, _, _, available in _h5range.filters() if not available}
        assert any(f.id in missing for f in ours.filters), e
        return
    same(mine, value, ours.name, h5file)
    if theirs.chunks is None or theirs.is_virtual:
        return
    index = ours.index()
    base = h5file.userblock_size
    # libhdf5 answers wrong places where another dimension than the first is unlimited
    for c in list(index)[:200] if None not in theirs.maxshape[1:] else []:
        info = theirs.id.get_chunk_info_by_coord(tuple(i * n for i, n in zip(c.indices, theirs.chunks, strict=True)))
        assert (info.size, info.filter_mask) == (c.byte_length, c.filter_mask), ours.name
        assert info.byte_offset in (c.byte_offset, c.byte_offset - base), ours.name
    if None not in theirs.maxshape[1:] and theirs.id.get_num_chunks() <= 200:
        written = [theirs.id.get_chunk_info(i) for i in range(theirs.id.get_num_chunks())]
        inside = [c for c in written if c.byte_offset is not None and all(o < n for o, n in zip(c.chunk_offset, theirs.shape, strict=True))]
        assert len(index) == len(inside), ours.name


def walk(ours, theirs, h5file, seen):
    attributes(ours, theirs, h5file)
    try:
        names = list(theirs)
    except RuntimeError:
        return
    for name in names:
        try:
            if not isinstance(theirs.get(name, getlink=True), h5py.HardLink):
                continue
            child = theirs[name]
        except Exception:
            continue
        try:
            address = h5py.h5o.get_info(child.id).addr
        except RuntimeError:
            continue
        if address in seen:
            continue
        seen.add(address)
        mine = ours[name]
        if isinstance(child, h5py.Group):
            assert isinstance(mine, h5range.Group)
            walk(mine, child, h5file, seen)
        elif isinstance(child, h5py.Dataset):
            assert isinstance(mine, h5range.Dataset)
            attributes(mine, child, h5file)
            dataset(mine, child, h5file)
        else:
            assert isinstance(mine, h5range.Datatype)
            attributes(mine, child, h5file)


def everything(group, seen=frozenset()):
    for node in group.members().values():
        if isinstance(node, h5range.Group):
            if node.address not in seen:
                everything(node, seen | {group.address, node.address})
        elif isinstance(node, h5range.Dataset):
            node[...]
            if node.chunks:
                node.index()
    if group.links_error is not None:
        raise group.links_error
    if group.attrs.errors:
        raise next(iter(group.attrs.errors.values()))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_file_equals_h5py(path):
    try:
        theirs = h5py.File(path, "r")
        theirs["/"]
    except Exception:
        with pytest.raises(h5range.H5RangeError):
            h5range.open(path).prefetch()
            pytest.skip("libhdf5 does not open it, h5range does")
        return
    if path.name.startswith("damaged_"):  # what is given of the rest differs
        theirs.close()
        with contextlib.suppress(h5range.H5RangeError), warnings.catch_warnings():
            warnings.simplefilter("ignore", h5range.IncompleteWarning)
            with h5range.open(path) as ours:
                everything(ours)
        return
    with theirs, h5range.open(path, limits={"chunk_bytes": 8 << 30}) as ours:
        walk(ours, theirs, theirs, {h5py.h5o.get_info(theirs["/"].id).addr})
        repr(ours)
        ours._repr_html_()
