"""A read-only Zarr 3 store over an HDF5 file: ``zarr.open_group(h5range.zarr.open_store("https://…/file.nc"))``.

Groups, arrays, attributes, dimension names (netCDF's) and fill values are there as in the file. Chunks are decoded by h5range, so every array
can be read, whatever its filters, without codecs on Zarr's side; with ``stored=True`` chunks are given as they are stored, with the matching
codecs, where Zarr has those. Elements that Zarr has no type for (sequences, references, nested compounds) are given as JSON text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal

import numpy as np
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from . import _file, _zarrmeta, errors, netcdf
from ._engine import Operation


class _Array:
    """An array of the store: its document, and how its chunks are had."""

    def __init__(self, variable: netcdf.Variable, stored: bool):
        ds = variable.dataset
        self.ds = ds
        self.shape = variable.shape
        self.codecs: list[dict[str, Any]] | None = None
        # What was never written is a missing chunk, unless its elements differ.
        self.fill = None if _zarrmeta.has_one_fill(ds) else np.asarray(ds.fillvalue)
        if stored and self.fill is None:
            try:
                self.codecs = _zarrmeta.stored_codecs(ds)
            except errors.UnsupportedError:
                self.codecs = None
        self.dtype = _zarrmeta.zarr_dtype(ds.type) if self.codecs is None else ds.dtype
        whole = self.codecs is not None and ds.chunks is None
        self.chunks = tuple(max(n, 1) for n in ds.shape) if whole else _zarrmeta.chunk_shape(ds, self.shape)
        if len(self.chunks) != len(self.shape):
            raise errors.UnsupportedError("chunks of another rank than the array", ds.name)
        self.grid = tuple(-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))
        codecs = self.codecs if self.codecs is not None else _zarrmeta.bytes_codec(self.dtype)
        self.document = _zarrmeta.dump(_zarrmeta.document(variable, self.shape, self.chunks, self.dtype, codecs, netcdf.attributes(ds.attrs)))

    def key(self, index: tuple[int, ...]) -> str:
        return "/".join(["c", *map(str, index)])

    def index(self, parts: list[str]) -> tuple[int, ...] | None:
        """Grid coordinates of a chunk's key, None when it is none."""
        if parts[:1] != ["c"] or not all(p.isdigit() for p in parts[1:]):
            return None
        index = tuple(map(int, parts[1:]))
        if len(index) != len(self.grid) or any(i >= n for i, n in zip(index, self.grid, strict=True)):
            return None
        return index

    async def chunk(self, index: tuple[int, ...]) -> bytes | None:
        ds = self.ds
        if ds.is_null:
            return None
        location = None
        if ds.chunks is not None:
            rank = len(ds._d["chunk"])
            if any(i >= n for i, n in zip(index, ds._d["grid"], strict=False)):
                return self._unwritten(index)
            offsets, sizes, masks = await ds._await(ds._locate(index[:rank], [1] * rank))
            if offsets[0] == np.uint64(2**64 - 1):
                return self._unwritten(index)
            location = int(offsets[0]), int(sizes[0]), int(masks[0])
        elif ds.layout == "contiguous" and ds.offset is None:
            return self._unwritten(index)
        if self.codecs is not None:
            return await self._stored(location)
        box = tuple(slice(i * c, min(i * c + c, n)) for i, c, n in zip(index, self.chunks, ds.shape, strict=True))
        part = _array(await ds.read(box), self.dtype)
        if part.shape != self.chunks:
            whole = self._filled(index) if self.fill is not None else np.full(self.chunks, ds.fillvalue if self.dtype != object else None, self.dtype)
            whole[tuple(slice(0, n) for n in part.shape)] = part
            part = whole if self.dtype != object else _texts(whole)
        return _zarrmeta.encode(part, self.dtype)

    def _filled(self, index: tuple[int, ...]) -> np.ndarray:
        """A chunk of fill value; it may have a part of an element's dimensions."""
        assert self.fill is not None
        whole = np.full(self.chunks, None if self.dtype == object else 0, self.dtype)
        rank = len(self.chunks) - self.fill.ndim
        part = self.fill[tuple(slice(i * c, i * c + c) for i, c in zip(index[rank:], self.chunks[rank:], strict=True))]
        whole[(..., *(slice(0, n) for n in part.shape))] = part
        return whole

    def _unwritten(self, index: tuple[int, ...]) -> bytes | None:
        if self.fill is None:
            return None
        whole = self._filled(index)
        return _zarrmeta.encode(whole if self.dtype != object else _texts(whole), self.dtype)

    async def _stored(self, location: tuple[int, int, int] | None) -> bytes:
        ds = self.ds
        if location is None:
            location = ds.offset or 0, ds._d["storage_size"], 0
        offset, size, mask = location
        if mask:
            raise errors.UnsupportedError(f"chunk at byte {offset} was stored without some filters: open the store without stored=True", ds.name)
        (raw,) = await ds.file.fetch_async([(offset, size)])
        return bytes(raw)

    async def written(self) -> AsyncIterator[tuple[int, ...]]:
        if self.ds.is_null:
            return
        if self.ds.chunks is None or self.fill is not None:
            if self.fill is None and self.ds.layout == "contiguous" and self.ds.offset is None:
                return
            for index in np.ndindex(*self.grid):
                yield index
            return
        inner = (0,) * len(self.ds.type.inner)
        for c in await self.ds.index_async():
            yield c.indices + inner


def _array(value: Any, dtype: np.dtype) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    out = np.empty((), object if dtype == object else dtype)
    out[()] = value
    return out


def _texts(a: np.ndarray) -> np.ndarray:
    for i in np.ndindex(a.shape):
        if a[i] is None:
            a[i] = ""
    return a


class HDF5Store(Store):
    """A file, or a group of it, as Zarr. Made by :func:`open_store` (blocking) and :func:`open_hdf5` (awaited)."""

    def __init__(self, file: _file.File, group: str | None, groups: dict[str, netcdf.NetcdfGroup], drop: Iterable[str], stored: bool):
        super().__init__(read_only=True)
        self.file = file
        self.group = "/" + (group or "").strip("/")
        self._stored = stored
        self._drop = frozenset(drop)
        self._groups: dict[str, bytes] = {}
        self._arrays: dict[str, _Array] = {}
        self._children: dict[str, list[str]] = {}
        for path, g in groups.items():
            at = path.removeprefix(self.group).strip("/")
            self._groups[at] = _zarrmeta.dump(_zarrmeta.group_document(g.attrs))
            self._children.setdefault(at, [])
            if at:
                self._children.setdefault(at.rpartition("/")[0], []).append(at.rpartition("/")[2])
            for name, v in g.variables.items():
                if name in self._drop or "/" in name:
                    continue
                self._arrays[f"{at}/{name}" if at else name] = _Array(v, stored)
                self._children[at].append(name)
        self._is_open = True

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, HDF5Store)
            and (self.file.source, self.group, self._drop, self._stored) == (other.file.source, other.group, other._drop, other._stored)
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self):
        return _again, (self.file, self.group, self._drop, self._stored)

    def __repr__(self) -> str:
        return f"<HDF5Store {self.file.source}{self.group}: {len(self._groups)} groups, {len(self._arrays)} arrays>"

    __str__ = __repr__

    # ------------------------------------------------------------ reading

    def _array_of(self, key: str) -> tuple[_Array, tuple[int, ...]] | None:
        parts = key.split("/")
        for i in range(len(parts) - 1, 0, -1):
            array = self._arrays.get("/".join(parts[:i]))
            if array is not None:
                index = array.index(parts[i:])
                return (array, index) if index is not None else None
        return None

    def _document(self, key: str) -> bytes | None:
        at, _, last = key.rpartition("/")
        if last != "zarr.json":
            return None
        if at in self._groups:
            return self._groups[at]
        array = self._arrays.get(at)
        return array.document if array is not None else None

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        data = self._document(key)
        if data is None:
            found = self._array_of(key)
            data = await found[0].chunk(found[1]) if found is not None else None
        return None if data is None else prototype.buffer.from_bytes(_cut(data, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return list(await asyncio.gather(*(self.get(k, prototype, r) for k, r in key_ranges)))

    async def exists(self, key: str) -> bool:
        if self._document(key) is not None:
            return True
        found = self._array_of(key)
        return found is not None and await found[0].chunk(found[1]) is not None

    # ------------------------------------------------------------ listing

    @property
    def supports_listing(self) -> bool:
        return True

    async def list(self) -> AsyncIterator[str]:
        for at in self._groups:
            yield f"{at}/zarr.json" if at else "zarr.json"
        for at, array in self._arrays.items():
            yield f"{at}/zarr.json"
            async for index in array.written():
                yield f"{at}/{array.key(index)}"

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        at = prefix.strip("/")
        if at in self._groups:
            for name in ("zarr.json", *self._children[at]):
                yield name
            return
        seen = set()
        async for key in self.list_prefix(at + "/"):
            name = key.removeprefix(at + "/").split("/")[0]
            if name not in seen:
                seen.add(name)
                yield name

    # ------------------------------------------------------------ writing, which there is not

    @property
    def supports_writes(self) -> bool:
        return False

    @property
    def supports_deletes(self) -> bool:
        return False

    @property
    def supports_partial_writes(self) -> Literal[False]:
        return False

    async def set(self, key: str, value: Buffer, byte_range: tuple[int, int] | None = None) -> None:
        raise ValueError("an HDF5Store is read-only")

    async def delete(self, key: str) -> None:
        raise ValueError("an HDF5Store is read-only")

    async def set_partial_values(self, key_start_values: Iterable[tuple[str, int, Any]]) -> None:
        raise ValueError("an HDF5Store is read-only")


def _cut(data: bytes, request: ByteRequest | None) -> bytes:
    if isinstance(request, RangeByteRequest):
        return data[request.start : request.end]
    if isinstance(request, OffsetByteRequest):
        return data[request.offset :]
    if isinstance(request, SuffixByteRequest):
        return data[max(0, len(data) - request.suffix) :]
    return data


def _make(file: _file.File, group: str | None, drop: Iterable[str] | None, stored: bool) -> Operation[Any]:
    return (yield from netcdf.Reader(file).walk(group))


def _again(file: _file.File, group: str, drop: Iterable[str], stored: bool) -> HDF5Store:
    return HDF5Store(file, group, file._run(_make(file, group, drop, stored)), drop, stored)


def open_store(
    path: Any, *, store: Any = None, group: str | None = None, drop_variables: Iterable[str] | None = None, stored: bool = False, **options: Any
) -> HDF5Store:
    """A store for what :func:`h5range.open` takes, or for an open ``File``. ``group``: the path that becomes the root."""
    file = path if isinstance(path, _file.File) else _file.open(path, store=store, **options)
    return _again(file, group or "/", tuple(drop_variables or ()), stored)


async def open_hdf5(
    path: Any,
    *,
    store: Any = None,
    group: str | None = None,
    drop_variables: Iterable[str] | None = None,
    block_size: int | None = None,
    pre_warm_size: int | None = None,
    stored: bool = False,
    **options: Any,
) -> HDF5Store:
    """:func:`open_store`, awaited. ``pre_warm_size``: bytes of the head that are read at once."""
    if pre_warm_size is not None:
        options["head_size"] = pre_warm_size
    if block_size is not None:
        options["block_size"] = block_size
    file = await _file.File.open(path, store=store, **options)
    drop = tuple(drop_variables or ())
    groups = await file._await(_make(file, group, drop, stored))
    return await asyncio.to_thread(HDF5Store, file, group, groups, drop, stored)


