"""VirtualiZarr: files as references to their chunks.

    from h5range.virtualizarr import H5RangeParser
    vds = virtualizarr.open_virtual_dataset(url, parser=H5RangeParser(), registry=registry)

Chunks that were never written are missing from manifests, attributes, fill values and netCDF's dimension names are kept. An array whose chunks
Zarr cannot read as they are stored is reported by name, with the reason, and left out (``on_unsupported="error"``: refused). With
``on_unsupported="inline"`` it is decoded, up to ``inline`` bytes: in virtual datasets it is a NumPy array then (text has a fixed length), which
VirtualiZarr writes into the references. What is too large for that is had through :mod:`h5range.zarr`, which decodes.
"""

from __future__ import annotations

import math
import uuid
import warnings
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlparse

import numpy as np
import xarray as xr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import MemoryStore
from virtualizarr.manifests import ChunkManifest, ManifestArray, ManifestGroup, ManifestStore
from zarr.core.metadata.v3 import ArrayV3Metadata

from . import _file, _zarrmeta, errors, netcdf
from ._nodes import ATTRS, INDEX, SCALES, Dataset
from .refs import INLINE


_MOST = 1 << 27  # places of a manifest: 32 bytes each, once they are looked through


class LeftOutWarning(UserWarning):
    """An array has no place among references."""


def _manifest(ds: Dataset, url: str) -> ChunkManifest:
    if ds.chunks is None:
        grid = (1,) * ds.ndim
        if ds.offset is None or ds._d["storage_size"] == 0:
            _zarrmeta.refuse_missing(ds, False)
            return ChunkManifest(entries={}, shape=grid)
        offsets, lengths = np.full(grid, ds.offset, np.uint64), np.full(grid, ds._d["storage_size"], np.uint64)
        where: Any = ...
    else:
        index = ds.index()
        if index.filter_masks.any():
            raise errors.UnsupportedError("some chunks were stored without all filters", ds.name)
        _zarrmeta.refuse_missing(ds, len(index) == math.prod(index.grid_shape))
        inner = (1,) * len(ds.type.inner)
        grid = tuple(max(n, 1) for n in index.grid_shape + inner)  # without any place it could not be written
        if len(index) == 0:
            return ChunkManifest(entries={}, shape=grid)
        if math.prod(grid) > _MOST:
            raise errors.UnsupportedError(f"its grid has {math.prod(grid)} places for chunks, and a manifest has room for each", ds.name)
        offsets, lengths = np.zeros(grid, np.uint64), np.zeros(grid, np.uint64)
        where = np.unravel_index(index.numbers.astype(np.int64), grid)
        offsets[where], lengths[where] = index.byte_offsets, index.byte_lengths
    paths = np.zeros(grid, np.dtypes.StringDType())  # empty, and no memory is touched
    paths[where] = url
    return ChunkManifest.from_arrays(paths=paths, offsets=offsets, lengths=lengths, validate_paths=False)


def _array(v: netcdf.Variable, url: str) -> ManifestArray:
    ds = v.dataset
    if ds.is_null:
        raise errors.UnsupportedError("it has no elements at all (a null dataspace)", ds.name)
    codecs = _zarrmeta.stored_codecs(ds)
    if v.shape != ds.shape:
        raise errors.UnsupportedError("a dimension is longer than the data", ds.name)
    chunks = ds.chunks if ds.chunks is not None else tuple(max(n, 1) for n in ds.shape)
    dtype = ds.dtype.newbyteorder("<") if ds.dtype.kind != "S" else ds.dtype
    doc = _zarrmeta.document(v, v.shape, chunks, dtype, codecs, netcdf.attributes(ds.attrs))
    return ManifestArray(metadata=ArrayV3Metadata.from_dict(doc), chunkmanifest=_manifest(ds, url))


class _Inline:
    """Arrays that are decoded, as one chunk each in a store of its own. ``limit``: bytes of one."""

    def __init__(self, limit: int):
        self.limit = limit
        self.store = MemoryStore()
        self.url = f"memory://h5range-{uuid.uuid4()}"
        self.variables: dict[str, dict[str, xr.Variable]] = {}  # by path of the group

    def array(self, v: netcdf.Variable, path: str) -> ManifestArray:
        ds = v.dataset
        if ds.is_null:
            raise errors.UnsupportedError("it has no elements at all (a null dataspace)", ds.name)
        size = math.prod(v.shape) * max(ds.type.size, 1)
        if size > self.limit:
            raise errors.UnsupportedError(f"its {size} bytes are more than inline={self.limit}", ds.name)
        values = _zarrmeta.whole(v)
        dtype, grid = _zarrmeta.zarr_dtype(ds.type), (1,) * len(v.shape)
        doc = _zarrmeta.document(v, v.shape, values.shape, dtype, _zarrmeta.bytes_codec(dtype), netcdf.attributes(ds.attrs))
        data = _zarrmeta.encode(values, dtype)
        name = str(sum(map(len, self.variables.values())))
        self.store.put(name, data)
        paths = np.full(grid, f"{self.url}/{name}", np.dtypes.StringDType())
        manifest = ChunkManifest.from_arrays(
            paths=paths, offsets=np.zeros(grid, np.uint64), lengths=np.full(grid, len(data), np.uint64), validate_paths=False
        )  # fmt: skip
        if dtype == object:  # writers take an object for its address
            values = np.array([_zarrmeta.text(t) for t in values.ravel()], str).reshape(values.shape)
        attrs = {k: _zarrmeta.plain(a) for k, a in netcdf.attributes(ds.attrs).items()}  # _FillValue as a number: writers encode it
        self.variables.setdefault(path, {})[v.name] = xr.Variable(v.dims, values[tuple(slice(0, n) for n in v.shape)], attrs)
        if not v.dims:
            warnings.warn(f"{ds.name} is inlined without dimensions, which VirtualiZarr's kerchunk writer loses", LeftOutWarning, stacklevel=5)
        return ManifestArray(metadata=ArrayV3Metadata.from_dict(doc), chunkmanifest=manifest)


class InliningStore(ManifestStore):
    """A manifest store of which some arrays lie in memory; in its virtual datasets they are NumPy arrays, not decoded by xarray, as the virtual ones."""

    def __init__(self, group: ManifestGroup, registry: ObjectStoreRegistry, inline: _Inline):
        own = ObjectStoreRegistry()
        own.map = dict(registry.map)
        own.register(inline.url, inline.store)
        super().__init__(group=group, registry=own)
        self._inline = inline

    def _put(self, ds: xr.Dataset, path: str) -> xr.Dataset:
        found = self._inline.variables.get(path, {})
        return ds.assign({n: v for n, v in found.items() if n in ds.variables and isinstance(ds.variables[n].data, ManifestArray)})

    def to_virtual_dataset(self, *args: Any, **options: Any) -> xr.Dataset:
        return self._put(super().to_virtual_dataset(*args, **options), "")

    def to_virtual_datatree(self, group: str = "", **options: Any) -> xr.DataTree:
        tree = super().to_virtual_datatree(group, **options)
        top = group.strip("/")
        datasets = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
        return xr.DataTree.from_dict({at: self._put(ds, "/".join(p for p in (top, at.strip("/")) if p)) for at, ds in datasets.items()})


def _group(
    groups: dict[str, netcdf.NetcdfGroup], path: str, url: str, drop: frozenset[str], on_unsupported: str, inline: _Inline | None, at: str = ""
) -> ManifestGroup:
    here = groups[path]
    arrays = {}
    for name, v in here.variables.items():
        if name in drop:
            continue
        try:
            try:
                arrays[name] = _array(v, url)
            except errors.UnsupportedError:
                if inline is None:
                    raise
                arrays[name] = inline.array(v, at)
        except errors.UnsupportedError as e:
            if on_unsupported == "error":
                raise
            if on_unsupported != "skip":
                warnings.warn(f"left out: {e}", LeftOutWarning, stacklevel=4)
    below = {
        name: _group(groups, child, url, drop, on_unsupported, inline, f"{at}/{name}" if at else name)
        for name in here.groups
        if name not in drop and (child := path.rstrip("/") + "/" + name) in groups
    }
    return ManifestGroup(arrays=arrays, groups=below, attributes=_zarrmeta.attributes(here.attrs))


def _checked(on_unsupported: str) -> str:
    if on_unsupported not in ("warn", "skip", "error", "inline"):
        raise errors.ArgumentError(f'on_unsupported={on_unsupported!r}: "warn", "skip", "error" or "inline" expected')
    return on_unsupported


class H5RangeParser:
    """A parser of VirtualiZarr 2.

    ``group``: the path that becomes the root. ``on_unsupported``: what becomes of an array that Zarr cannot read as it is stored, "warn" (left out,
    with a LeftOutWarning), "skip", "error" or "inline" (decoded, up to ``inline`` bytes). ``options``: see :class:`h5range.Options`.
    """

    def __init__(
        self, group: str | None = None, drop_variables: Iterable[str] | None = None, on_unsupported: str = "warn", inline: int = INLINE, **options: Any
    ):
        self.group = group
        self.drop_variables = frozenset(drop_variables or ())
        self.on_unsupported = _checked(on_unsupported)
        self.inline = inline
        self.options = options

    def __call__(self, url: str, registry: ObjectStoreRegistry) -> ManifestStore:
        store, path = registry.resolve(url)
        with _file.open(path, store=store, **self.options) as file:
            return _manifest_store(file, self.group, url, registry, self.drop_variables, self.on_unsupported, self.inline)


def _manifest_store(
    file: _file.File, group: str | None, url: str, registry: ObjectStoreRegistry, drop: frozenset[str], on_unsupported: str, limit: int
) -> ManifestStore:
    top = "/" + (group or "").strip("/")
    groups = file._run(netcdf.Reader(file).walk(top))
    file._run(groups[top].group._prefetch(64, ATTRS | SCALES | INDEX))
    inline = _Inline(limit) if on_unsupported == "inline" else None
    found = _group(groups, top, url, drop, on_unsupported, inline)
    if inline is not None and inline.variables:
        return InliningStore(found, registry, inline)
    return ManifestStore(group=found, registry=registry)


async def open_virtual_hdf5(
    path: str,
    *,
    store: Any,
    group: str | None = None,
    url: str | None = None,
    registry: ObjectStoreRegistry | None = None,
    drop_variables: Iterable[str] | None = None,
    block_size: int | None = None,
    on_unsupported: str = "warn",
    inline: int = INLINE,
    **options: Any,
) -> ManifestStore:
    """The file as VirtualiZarr's ManifestStore. ``url``: what manifests name the file by, ``path`` when None; the rest: see H5RangeParser."""
    import asyncio

    if block_size is not None:
        options["block_size"] = block_size
    _checked(on_unsupported)
    drop = frozenset(drop_variables or ())
    registry = registry if registry is not None else ObjectStoreRegistry()
    name = url or path
    parsed = urlparse(name)
    if parsed.scheme:
        try:
            registry.resolve(name)
        except ValueError:
            registry.register(f"{parsed.scheme}://{parsed.netloc}", store)
    async with await _file.File.open(path, store=store, **options) as file:
        await file._await(netcdf.Reader(file).walk(group))
        await file.prefetch_async(index=True)
        return await asyncio.to_thread(_manifest_store, file, group, name, registry, drop, on_unsupported, inline)
