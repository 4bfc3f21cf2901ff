"""The interface of the package async-hdf5 0.1, over h5range: change ``import async_hdf5`` into ``from h5range import async_hdf5``, and
``from async_hdf5.store import ...`` into ``from h5range.async_hdf5.store import ...``. xarray's engine is ``h5range`` instead of ``async_hdf5``.

What differs: attributes of all kinds of headers are there, chunk indexes are complete, results are tuples, errors are h5range's. Everything
here is also had, decoded and with names, from :class:`h5range.File`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .. import errors
from .._file import File
from .._index import ChunkIndex, ChunkLocation
from .._nodes import Dataset, Group
from .._types import ARRAY, COMPOUND, REFERENCE, VLEN, TypeInfo

__all__ = ["ChunkIndex", "ChunkLocation", "HDF5Dataset", "HDF5File", "HDF5Group", "ObspecInput"]

_SUBMODULES = ("store", "virtualizarr", "xarray", "zarr")  # each needs what it is named after


class ObspecInput(Protocol):
    """What a store has to offer: ranges of an object, awaited. obstore's stores do."""

    async def get_range_async(self, path: str, *, start: int, end: int | None = None, length: int | None = None) -> Any: ...

    async def get_ranges_async(
        self, path: str, *, starts: Sequence[int], ends: Sequence[int] | None = None, lengths: Sequence[int] | None = None
    ) -> Sequence[Any]: ...


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("open_hdf5", "HDF5Store"):
        return getattr(importlib.import_module(f"{__name__}.zarr"), name)
    if name == "open_virtual_hdf5":
        return importlib.import_module(f"{__name__}.virtualizarr").open_virtual_hdf5
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or "/"


def _numpy_dtype(info: TypeInfo) -> str:
    if info.cls in (VLEN, REFERENCE):
        raise ValueError(f"elements of type {info.name()} have no fixed NumPy type: await dataset.read() gives them")
    if info.cls == ARRAY:
        base = info
        while base.cls == ARRAY and base.base is not None:
            base = base.base
        return f"{info.inner}{_numpy_dtype(base)}"
    if info.dtype.kind == "c":
        return info.dtype.str
    vax = info.description["order"] == 2
    if info.cls == COMPOUND or vax or (info.base is None and info.dtype.itemsize != info.size):
        return f"|V{info.size}"
    if not info.plain and info.size in (1, 2, 4, 8) and info.dtype.kind in "iuf":  # fewer bits than bytes: in the file's order all the same
        return np.dtype(f"{'>' if info.description['order'] == 1 else '<'}{info.dtype.kind}{info.size}").str
    return info.dtype.str


class HDF5Dataset:
    """A dataset: what it is, and where its chunks are. ``dataset`` is h5range's own, which decodes."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    @property
    def name(self) -> str:
        return _name(self.dataset.name)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.dataset._d["shape"] or ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """The type in words."""
        return self.dataset.type.name()

    @property
    def numpy_dtype(self) -> str:
        """What ``numpy.dtype()`` takes for elements as they are stored: ``"<f4"``, ``"(3,)>i2"``, ``"|V16"`` for compounds.

        ValueError for types whose elements do not lie in the dataset (text of variable length, sequences, references).
        """
        return _numpy_dtype(self.dataset.type)

    @property
    def element_size(self) -> int:
        return self.dataset.type.size

    @property
    def chunk_shape(self) -> tuple[int, ...] | None:
        return self.dataset._d["chunk"]

    @property
    def filters(self) -> list[dict[str, Any]]:
        return [{"id": f.id, "name": f.name, "client_data": list(f.values)} for f in self.dataset.filters]

    @property
    def fill_value(self) -> bytes | None:
        """The bytes of an element that was never written; None where the file does not say."""
        return self.dataset._d["fill_value"] if self.dataset.has_fillvalue else None

    @property
    def is_null_dataspace(self) -> bool:
        return self.dataset.is_null

    @property
    def has_external_storage(self) -> bool:
        return self.dataset.layout == "external"

    async def attributes(self) -> dict[str, Any]:
        return dict(await self.dataset.attrs_async())

    async def chunk_index(self) -> ChunkIndex:
        """Contiguous data are one chunk; compact, virtual and external ones have none."""
        ds = self.dataset
        if ds.layout == "chunked":
            return await ds.index_async()
        shape = self.shape
        have = ds.offset is not None and ds._d["storage_size"] > 0
        size = min(ds._d["storage_size"] or 0, math.prod(shape) * ds.type.size)
        grid = (1,) * len(shape)

        def column(value: int, dtype: Any) -> np.ndarray:
            return np.array([value] if have else [], dtype)

        return ChunkIndex(
            column(0, np.uint64), column(ds.offset or 0, np.uint64), column(size, np.uint64), column(0, np.uint32), shape, shape, grid
        )  # fmt: skip

    async def batch_get_chunks(self, chunk_indices: Sequence[Sequence[int]]) -> list[bytes | None]:
        """Stored bytes of chunks, in one round; None for those that were never written."""
        index = await self.chunk_index()
        found = [index.get(i) for i in chunk_indices]
        ranges = [(c.byte_offset, c.byte_length) for c in found if c is not None]
        data = iter(await self.batch_fetch_ranges(ranges))
        return [next(data) if c is not None else None for c in found]

    async def batch_fetch_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        return await self.dataset.file.fetch_async([(int(o), int(n)) for o, n in ranges])

    async def read(self, key: Any = ...) -> Any:
        """Decoded values."""
        return await self.dataset.read(key)

    def __repr__(self) -> str:
        return f"<HDF5Dataset {self.name}: {self.shape} {self.dtype}>"


class HDF5Group:
    """A group."""

    def __init__(self, group: Group):
        self._group = group

    @property
    def name(self) -> str:
        return self._group.name

    async def children(self) -> list[str]:
        return [link.name for link in await self._group.links_async()]

    async def _open(self, name: str, kind: type, what: str) -> Any:
        node = await self._group.get_async(name)
        if not isinstance(node, kind):
            raise errors.ArgumentError(f"{name} is not a {what}", node.name)
        return node

    async def group(self, name: str) -> HDF5Group:
        return HDF5Group(await self._open(name, Group, "group"))

    async def dataset(self, name: str) -> HDF5Dataset:
        return HDF5Dataset(await self._open(name, Dataset, "dataset"))

    async def navigate(self, path: str) -> HDF5Group:
        return await self.group(path.strip("/") or ".")

    async def group_names(self) -> list[str]:
        return [name for name, node in (await self._group.members_async()).items() if isinstance(node, Group)]

    async def dataset_names(self) -> list[str]:
        return [name for name, node in (await self._group.members_async()).items() if isinstance(node, Dataset)]

    async def attributes(self) -> dict[str, Any]:
        return dict(await self._group.attrs_async())

    def __repr__(self) -> str:
        return f"<HDF5Group {self.name}>"


class HDF5File:
    """An open file. ``file`` is h5range's own."""

    def __init__(self, file: File):
        self.file = file

    @classmethod
    async def open(
        cls, path: str, *, store: Any = None, block_size: int | None = None, pre_warm_size: int | None = None, **options: Any
    ) -> HDF5File:
        """``block_size``: metadata are read in blocks of so many bytes, a power of two; ``pre_warm_size``: bytes of the head to begin with."""
        if block_size is not None:
            options["block_size"] = block_size
        if pre_warm_size is not None:
            options["head_size"] = pre_warm_size
        return cls(await File.open(path, store=store, **options))

    async def root_group(self) -> HDF5Group:
        return HDF5Group(self.file)

    def __repr__(self) -> str:
        return f"<HDF5File {self.file.source}>"
