"""The xarray engine ``h5range``: ``xr.open_dataset("https://…/file.nc", engine="h5range")``.

Variables are read when their values are needed, by as many threads as ask; ``chunks={}`` gives Dask arrays with the file's chunks, which
can be sent to other processes. Dimensions are netCDF's (see :mod:`h5range.netcdf`); times, scale factors and masks are decoded by xarray.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlparse

import numpy as np
from xarray import Dataset, DataTree, Variable
from xarray.backends import AbstractDataStore, BackendArray, BackendEntrypoint, CachingFileManager, StoreBackendEntrypoint
from xarray.core import indexing
from xarray.core.utils import FrozenDict

from . import _file, _h5range, errors, netcdf
from ._h5range import identify
from ._nodes import Dataset as H5Dataset

_SUFFIXES = {".nc", ".nc4", ".h5", ".hdf5", ".hdf", ".he5", ".h5ad", ".cdf"}
_SIGNATURE_HEAD = 65536
_BRIEFLY = {"retries": 1, "connect_timeout_s": 5, "stall_timeout_s": 10}


class H5RangeArray(BackendArray):
    """Values of a variable, read where they are indexed."""

    def __init__(self, store: H5RangeDataStore, path: str, variable: netcdf.Variable):
        self.store = store
        self.path = path
        self.shape = variable.shape
        ds = variable.dataset
        # xarray would take structures of another byte order for plain bytes
        self.dtype = ds.dtype.newbyteorder("=") if ds.dtype.names else ds.dtype
        self.stored = ds.shape
        self.inner = len(ds.type.inner)
        self.is_null = ds.is_null
        self.fill = ds.fillvalue if self.shape != self.stored else None
        if self.dtype == object and not self.inner:
            self.fill = _boxed(self.fill)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> Any:
        import asyncio

        return await asyncio.to_thread(self.__getitem__, key)

    def _dataset(self) -> H5Dataset:
        return self.store.file()[self.path]

    def _read(self, key: tuple[Any, ...]) -> Any:
        if self.is_null:
            return np.empty((), self.dtype)
        if self.shape == self.stored:
            if self.dtype == object and all(isinstance(k, int | np.integer) for k in key):
                return _boxed(self._dataset()[key])
            return np.asarray(self._dataset()[key], dtype=None if self.shape and not self.dtype.names else self.dtype)
        # The dimension is longer than the dataset: what lies beyond is fill value.
        picks = [np.arange(n)[k] for n, k in zip(self.shape, key, strict=True)]
        fill = self.fill
        if self.inner:  # an array type has a fill value for each of its elements
            fill = fill[np.ix_(*map(np.atleast_1d, picks[-self.inner :]))]
        out = np.full([p.size for p in picks], fill, self.dtype)
        inside = [p < n for p, n in zip(picks, self.stored, strict=True)]
        part = self._dataset()[tuple(np.atleast_1d(p)[np.atleast_1d(i)].tolist() for p, i in zip(picks, inside, strict=True))]
        out[np.ix_(*(np.flatnonzero(i) for i in inside))] = part
        return out.reshape([p.size for p in picks if p.ndim])


def _boxed(item: Any) -> np.ndarray:
    """One element as an array without dimensions: an element that is an array itself would be taken for more of them."""
    out = np.empty((), object)
    out[()] = item
    return out


def _encoding(store: H5RangeDataStore, v: netcdf.Variable) -> dict[str, Any]:
    ds = v.dataset
    info = ds.type
    encoding: dict[str, Any] = {"dtype": str if info.is_string and info.dtype == object else ds.dtype}
    if ds.chunks:
        encoding |= {"contiguous": False, "chunksizes": ds.chunks, "preferred_chunks": dict(zip(v.dims, ds.chunks, strict=True))}
    else:
        encoding |= {"contiguous": True, "chunksizes": None}
    filters = {f.id: f for f in ds.filters}
    encoding |= {"fletcher32": 3 in filters, "shuffle": 2 in filters}
    if 1 in filters:
        encoding |= {"zlib": True, "complevel": filters[1].values[0] if filters[1].values else None}
    elif filters:
        last = [f for f in ds.filters if f.id not in (2, 3)]
        if last:
            encoding |= {"compression": last[-1].name, "compression_opts": last[-1].values}
    return encoding | {"source": store.name, "original_shape": v.shape}


class H5RangeDataStore(AbstractDataStore):
    """A group of an open file, for xarray's decoders."""

    def __init__(self, manager: CachingFileManager | _OpenFile | _Again, group: netcdf.NetcdfGroup, path: str):
        self.manager = manager
        self.group = group
        self.path = path
        self.name = self.file().source

    def __getstate__(self):
        # What was decoded stays behind: arrays need the file, and their path in it.
        manager = self.manager
        if isinstance(manager, CachingFileManager):
            manager = _Again(*manager._args)
        return {"manager": manager, "group": None, "path": self.path, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def file(self) -> _file.File:
        return self.manager.acquire()

    def get_variables(self):
        return FrozenDict((name, self._variable(v)) for name, v in self.group.variables.items())

    def _variable(self, v: netcdf.Variable) -> Variable:
        data = indexing.LazilyIndexedArray(H5RangeArray(self, v.dataset.name, v))
        return Variable(v.dims, data, netcdf.attributes(v.dataset.attrs), _encoding(self, v))

    def get_attrs(self):
        return FrozenDict(self.group.attrs)

    def get_dimensions(self):
        return FrozenDict((name, d.size) for name, d in self.group.all_dimensions().items())

    def get_parent_dimensions(self):
        return FrozenDict((name, d.size) for name, d in (self.group.parent.all_dimensions() if self.group.parent else {}).items())

    def get_encoding(self):
        return {"unlimited_dims": {name for name, d in self.group.dimensions.items() if d.unlimited}}

    def close(self) -> None:
        self.manager.close()


class _Again:
    """In place of a file manager, in the process that a dataset was sent to: its tasks share one open file, and so do later ones."""

    def __init__(self, name: str, given: _Given):
        self._name = name
        self._given = given

    def acquire(self, needs_lock: bool = True) -> _file.File:
        options = dict(self._given.options)
        origin = (self._name, options.pop("store", None), options.pop("storage_options", None))
        return _file._reopen(origin, options)

    def close(self, needs_lock: bool = True) -> None:
        pass  # others may be using the file; it is closed when it has not been used for a while


class _OpenFile:
    """In place of a file manager, for what cannot be opened again by name: an open file, bytes, a file-like object."""

    def __init__(self, file: _file.File, owned: bool):
        self._file = file
        self._owned = owned

    def acquire(self, needs_lock: bool = True) -> _file.File:
        return self._file

    def close(self, needs_lock: bool = True) -> None:
        if self._owned:
            self._file.close()


def _name_of(source: Any) -> Any:
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if isinstance(source, str) and "://" not in source:
        return os.path.abspath(os.path.expanduser(source))
    return source


class _Given:
    """Options of a file, stores and dictionaries among them, which have no hash. xarray's file managers ask for one."""

    def __init__(self, options: dict[str, Any]):
        self.options = options


def _opener(name: str, given: _Given, mode: str = "r") -> _file.File:
    return _file.open(name, **given.options)


def _manager(source: Any, store: Any, options: dict[str, Any]) -> CachingFileManager | _OpenFile:
    if isinstance(source, _file.File):
        return _OpenFile(source, False)
    if isinstance(source, AbstractDataStore):
        raise TypeError("a path, URL, file or h5range.File expected, not a data store")
    name = source if store is not None else _name_of(source)
    if isinstance(name, str):
        return CachingFileManager(_opener, name, _Given({"store": store, **options}), mode="r")
    return _OpenFile(_file.open(name, store=store, **options), True)


class H5RangeBackend(BackendEntrypoint):
    """Opens netCDF-4 and other HDF5 files over byte ranges.

    ``filename_or_obj``: whatever :func:`h5range.open` takes, or an open ``h5range.File``. ``store``, ``storage_options``: where it lies.
    ``group``: a path in the file. ``phony_dims``: how dimensions without a name are numbered ("access", "sort"). ``pre_warm_size``: bytes of
    the head that are read at once; ``block_size``, ``concurrency`` and ``options``: see :class:`h5range.Options`.
    """

    description = "Open netCDF-4 and HDF5 files over byte ranges (paths, http, s3, obstore, fsspec) using h5range"
    supports_groups = True
    open_dataset_parameters = (
        "filename_or_obj", "mask_and_scale", "decode_times", "concat_characters", "decode_coords", "drop_variables", "use_cftime",
        "decode_timedelta", "group", "store", "storage_options", "phony_dims", "block_size", "pre_warm_size", "concurrency", "options",
    )  # fmt: skip

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        if isinstance(filename_or_obj, _file.File):
            return True
        if isinstance(filename_or_obj, bytes | bytearray | memoryview):
            return identify(bytes(filename_or_obj[:_SIGNATURE_HEAD]))
        if isinstance(filename_or_obj, io.IOBase):
            try:
                at = filename_or_obj.tell()
                head = filename_or_obj.read(_SIGNATURE_HEAD)
                filename_or_obj.seek(at)
            except (OSError, ValueError):
                return False
            return isinstance(head, bytes) and identify(head)
        name = _name_of(filename_or_obj)
        if not isinstance(name, str):
            return False
        if "://" in name:
            if os.path.splitext(urlparse(name).path)[1].lower() in _SUFFIXES:
                return True
            try:  # one request that is not insisted on: the name may be that of anything
                return _h5range.is_url(name) and identify(_h5range.url_head(name, _SIGNATURE_HEAD, _BRIEFLY))
            except (OSError, ValueError, errors.H5RangeError):
                return False
        try:
            with open(name, "rb") as f:
                return identify(f.read(_SIGNATURE_HEAD))
        except OSError:
            return False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        store: Any = None,
        storage_options: dict[str, Any] | None = None,
        phony_dims: str | None = None,
        block_size: int | None = None,
        pre_warm_size: int | None = None,
        concurrency: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> Dataset:
        manager = _manager(filename_or_obj, store, _options(storage_options, block_size, pre_warm_size, concurrency, options))
        try:
            file = manager.acquire()
            found = file._run(netcdf.Reader(file, phony_dims).open(group))
            decoding = dict(
                mask_and_scale=mask_and_scale, decode_times=decode_times, concat_characters=concat_characters, decode_coords=decode_coords,
                drop_variables=drop_variables, use_cftime=use_cftime, decode_timedelta=decode_timedelta,
            )  # fmt: skip
            return _dataset(manager, found, group or "/", decoding)
        except BaseException:
            manager.close()
            raise

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        mask_and_scale: Any = True,
        decode_times: Any = True,
        concat_characters: Any = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        store: Any = None,
        storage_options: dict[str, Any] | None = None,
        phony_dims: str | None = None,
        block_size: int | None = None,
        pre_warm_size: int | None = None,
        concurrency: int | None = None,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Dataset]:
        manager = _manager(filename_or_obj, store, _options(storage_options, block_size, pre_warm_size, concurrency, options))
        try:
            file = manager.acquire()
            groups = file._run(netcdf.Reader(file, phony_dims).walk(group))
            decoding = dict(
                mask_and_scale=mask_and_scale, decode_times=decode_times, concat_characters=concat_characters, decode_coords=decode_coords,
                drop_variables=drop_variables, use_cftime=use_cftime, decode_timedelta=decode_timedelta,
            )  # fmt: skip
            top = "/" + (group or "").strip("/")
            return {
                "/" + name.removeprefix(top).strip("/") if top != "/" else name: _dataset(manager, found, name, decoding)
                for name, found in groups.items()
            }
        except BaseException:
            manager.close()
            raise

    def open_datatree(self, filename_or_obj: Any, **kwargs: Any) -> DataTree:
        groups = self.open_groups_as_dict(filename_or_obj, **kwargs)
        tree = DataTree.from_dict(groups)
        for path, dataset in groups.items():
            tree[path].set_close(dataset._close)
        return tree


def _options(
    storage_options: dict[str, Any] | None, block_size: int | None, pre_warm_size: int | None, concurrency: int | None, more: dict[str, Any] | None
) -> dict[str, Any]:
    out = {"storage_options": storage_options, "block_size": block_size, "head_size": pre_warm_size, "concurrency": concurrency, **(more or {})}
    return {k: v for k, v in out.items() if v is not None}


def _dataset(manager: CachingFileManager | _OpenFile | _Again, group: netcdf.NetcdfGroup, path: str, decoding: dict[str, Any]) -> Dataset:
    import warnings

    for name, e in group.failures.items():
        warnings.warn(f"{name} cannot be read and is left out: {e}", errors.IncompleteWarning, stacklevel=3)
    store = H5RangeDataStore(manager, group, path)
    return StoreBackendEntrypoint().open_dataset(store, **decoding)
