"""VirtualiZarr: files as references to their chunks.

    from h5range.virtualizarr import H5RangeParser
    vds = virtualizarr.open_virtual_dataset(url, parser=H5RangeParser(), registry=registry)

Chunks that were never written are missing from manifests, attributes, fill values and netCDF's dimension names are kept. An array whose chunks
Zarr cannot read as they are stored is reported by name, with the reason, and left out (``on_unsupported="error"``: refused). What is had from
such a file is had through :mod:`h5range.zarr`, which decodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlparse

import numpy as np
from obspec_utils.registry import ObjectStoreRegistry
from virtualizarr.manifests import ChunkManifest, ManifestArray, ManifestGroup, ManifestStore
from zarr.core.metadata.v3 import ArrayV3Metadata

from . import _file, _zarrmeta, errors, netcdf
from ._nodes import ATTRS, INDEX, SCALES, Dataset


class LeftOutWarning(UserWarning):
    """An array has no place among references."""


def _manifest(ds: Dataset, url: str) -> ChunkManifest:
    if ds.chunks is None:
        grid = (1,) * ds.ndim
        if ds.offset is None or ds._d["storage_size"] == 0:
            return ChunkManifest(entries={}, shape=grid)
        offsets, lengths = np.full(grid, ds.offset, np.uint64), np.full(grid, ds._d["storage_size"], np.uint64)
        where: Any = ...
    else:
        index = ds.index()
        if index.filter_masks.any():
            raise errors.UnsupportedError("some chunks were stored without all filters", ds.name)
        inner = (1,) * len(ds.type.inner)
        grid = index.grid_shape + inner
        if len(index) == 0:
            return ChunkManifest(entries={}, shape=grid)
        offsets, lengths = np.zeros(grid, np.uint64), np.zeros(grid, np.uint64)
        where = np.unravel_index(index.numbers.astype(np.int64), grid)
        offsets[where], lengths[where] = index.byte_offsets, index.byte_lengths
    paths = np.full(grid, "", np.dtypes.StringDType())
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


def _group(groups: dict[str, netcdf.NetcdfGroup], path: str, url: str, drop: frozenset[str], on_unsupported: str) -> ManifestGroup:
    here = groups[path]
    arrays = {}
    for name, v in here.variables.items():
        if name in drop:
            continue
        try:
            arrays[name] = _array(v, url)
        except errors.UnsupportedError as e:
            if on_unsupported == "error":
                raise
            if on_unsupported == "warn":
                warnings.warn(f"left out: {e}", LeftOutWarning, stacklevel=4)
    below = {
        name: _group(groups, child, url, drop, on_unsupported)
        for name in here.groups
        if name not in drop and (child := path.rstrip("/") + "/" + name) in groups
    }
    return ManifestGroup(arrays=arrays, groups=below, attributes=_zarrmeta.attributes(here.attrs))


def _checked(on_unsupported: str) -> str:
    if on_unsupported not in ("warn", "skip", "error"):
        raise errors.ArgumentError(f'on_unsupported={on_unsupported!r}: "warn", "skip" or "error" expected')
    return on_unsupported


class H5RangeParser:
    """A parser of VirtualiZarr 2. ``group``: the path that becomes the root; ``options``: see :class:`h5range.Options`."""

    def __init__(self, group: str | None = None, drop_variables: Iterable[str] | None = None, on_unsupported: str = "warn", **options: Any):
        self.group = group
        self.drop_variables = frozenset(drop_variables or ())
        self.on_unsupported = _checked(on_unsupported)
        self.options = options

    def __call__(self, url: str, registry: ObjectStoreRegistry) -> ManifestStore:
        store, path = registry.resolve(url)
        with _file.open(path, store=store, **self.options) as file:
            return _manifest_store(file, self.group, url, registry, self.drop_variables, self.on_unsupported)


def _manifest_store(
    file: _file.File, group: str | None, url: str, registry: ObjectStoreRegistry, drop: frozenset[str], on_unsupported: str
) -> ManifestStore:
    top = "/" + (group or "").strip("/")
    groups = file._run(netcdf.Reader(file).walk(top))
    file._run(groups[top].group._prefetch(64, ATTRS | SCALES | INDEX))
    return ManifestStore(group=_group(groups, top, url, drop, on_unsupported), registry=registry)


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
    **options: Any,
) -> ManifestStore:
    """The file as VirtualiZarr's ManifestStore. ``url``: what manifests name the file by, ``path`` when None."""
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
        return await asyncio.to_thread(_manifest_store, file, group, name, registry, drop, on_unsupported)
