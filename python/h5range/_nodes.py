"""Groups, datasets and named datatypes, and what can be asked of them.

Each question has two forms: the plain one blocks, the one with ``_async`` at its end (and ``Dataset.read``) is awaited.
"""

from __future__ import annotations

import posixpath
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _h5range, errors
from ._engine import Engine, Heavy, Operation
from ._index import ChunkIndex
from ._selection import Selection, parse
from ._types import STRING, Empty, Reference, Region, TypeInfo, info_of

if TYPE_CHECKING:
    from ._file import File

GROUP, DATASET, DATATYPE = 1, 2, 3
ATTRS, INDEX, SCALES = 1, 2, 4
LAYOUTS = ("compact", "contiguous", "chunked", "virtual", "external")
INDEXES = ("version 1 B-tree", "single chunk", "implicit", "fixed array", "extensible array", "version 2 B-tree")
_PIECE = 256 << 20  # bytes of elements that push mode reads at once


class Link(NamedTuple):
    """A link of a group. ``kind`` is "hard", "soft", "external" or "user"; ``target`` a path, ``file`` that of an external link."""

    name: str
    kind: str
    address: int | None = None
    target: str | None = None
    file: str | None = None
    order: int | None = None


class Filter(NamedTuple):
    """A filter of a dataset's pipeline: registered number, name, client data, and whether chunks may lack it."""

    id: int
    name: str
    values: tuple[int, ...]
    optional: bool


def _failure(e: tuple[int, str, str, int | None] | None) -> errors.H5RangeError | None:
    return errors.make(*e) if e is not None else None


class Attributes(Mapping[str, Any]):
    """Attributes of an object: text as ``str``, numbers as NumPy scalars and arrays, in the order of their creation where that is known.

    ``errors`` has what cannot be read, by name ("" for what broke off the list); asking for such an attribute raises that.
    """

    def __init__(self, values: dict[str, Any], failures: dict[str, errors.H5RangeError], types: dict[str, TypeInfo]):
        self._values = values
        self.errors = failures
        self.types = types

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            if name in self.errors:
                raise self.errors[name] from None
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Attributes: {', '.join(self) or 'none'}>"

    def __reduce__(self):
        return Attributes, (self._values, self.errors, {})


class Node:
    """What groups, datasets and named datatypes have in common."""

    def __init__(self, file: File | None, core: _h5range.Node, path: str):
        self._file = file  # None in the file itself, which would keep itself alive otherwise
        self._core = core
        self.name = path
        self._info = core.info()
        self._attrs: Attributes | None = None

    @property
    def file(self) -> File:
        assert self._file is not None
        return self._file

    @property
    def _engine(self) -> Engine:
        return self.file._engine

    def _run(self, operation: Operation[Any]) -> Any:
        return self._engine.run(operation)

    async def _await(self, operation: Operation[Any]) -> Any:
        return await self._engine.run_async(operation)

    @property
    def address(self) -> int:
        """Of the object's header, relative to the file's base address."""
        return self._info["addr"]

    @property
    def parent(self) -> Group:
        return self.file[posixpath.dirname(self.name.rstrip("/")) or "/"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self._core.same(other._core)

    def __hash__(self) -> int:
        return hash((type(self), self.address))

    def __reduce__(self):
        return _node_again, (self.file, self.name)

    # ------------------------------------------------------------ attributes

    def _resolve(self, reference: Reference) -> Reference:
        if reference.address is None or reference.path is not None:
            return reference
        path = self._core.known_path(reference.address)
        return Reference(reference.address, reference.region, reference.attribute, path) if path else reference

    def _find_reference(self, reference: Reference) -> Operation[Node]:
        if reference.address is None:
            raise errors.ArgumentError("a null reference points to nothing")
        address = reference.address
        core = yield lambda: self._core.at(address)
        node = _node_of(self.file, core, reference.path or self._core.known_path(address) or f"@{address}")
        if isinstance(node, Dataset):
            yield from node._describe()
        return node

    def _learn(self, reference: Reference) -> Operation[Reference]:
        """The reference with its path, for which the whole file may have to be listed."""
        reference = self._resolve(reference)
        if reference.path is None and reference.address is not None:
            root = yield lambda: self._engine.core.lookup(None, "/")
            yield lambda: root.prefetch(64, 0)
            reference = self._resolve(reference)
        return reference

    def _values_of(self, info: TypeInfo, raw: Any) -> Operation[np.ndarray]:
        """Elements as stored, as an array in one dimension (and those of an array type)."""
        values = None
        if info.needs_values and len(raw):
            values = yield lambda: _h5range.load_values(self._core, info.type, raw)
        return info.from_stored(raw, values, self._resolve)

    def _read_attrs(self) -> Operation[Attributes]:
        if self._attrs is not None:
            return self._attrs
        yield lambda: self._core.prefetch(0, ATTRS)
        found, bad = yield lambda: self._core.attributes(True)
        values: dict[str, Any] = {}
        failures: dict[str, errors.H5RangeError] = {}
        types: dict[str, TypeInfo] = {}
        if bad is not None:
            failures[""] = errors.make(*bad)
        for name, type, shape, raw, bad in found:
            if bad is not None:
                failures[name] = errors.make(*bad)
                continue
            info = types[name] = info_of(type, self._engine.cache)
            if shape is None:
                values[name] = Empty(info.dtype)
                continue
            try:
                array = yield from self._values_of(info, raw)
            except errors.ReadError:
                raise
            except errors.H5RangeError as e:
                failures[name] = e
                continue
            values[name] = _attribute(info, array.reshape(shape + info.inner))
        self._attrs = Attributes(values, failures, types)
        return self._attrs

    @property
    def attrs(self) -> Attributes:
        return self._run(self._read_attrs())

    async def attrs_async(self) -> Attributes:
        return await self._await(self._read_attrs())

    def _read_notes(self) -> Operation[Any]:
        return (yield self._core.notes)

    @property
    def comment(self) -> str | None:
        """Of an object that has one, which is rare."""
        return self._run(self._read_notes())[0]

    def _prefetch(self, depth: int, what: int) -> Operation[None]:
        yield lambda: self._core.prefetch(depth, what)


def _attribute(info: TypeInfo, array: np.ndarray) -> Any:
    if info.cls == STRING:
        if array.ndim == 0:
            return bytes(array[()]).decode("utf-8", "surrogateescape")
        out = np.empty(array.shape, object)
        for i in np.ndindex(array.shape):
            out[i] = bytes(array[i]).decode("utf-8", "surrogateescape")
        return out
    return array[()] if array.ndim == 0 else array


def _node_again(file: File, path: str) -> Node:
    return file[path]


class Group(Node, Mapping[str, Any]):
    """A group: a mapping of names to groups, datasets and named datatypes. ``group["a/b"]`` follows paths and links."""

    __hash__ = Node.__hash__
    __eq__ = Node.__eq__
    links_error: errors.H5RangeError | None = None  # why the list of links breaks off

    def _path(self, path: str) -> str:
        parts = [p for p in path.split("/") if p not in ("", ".")]  # ".." is a name like any other
        base = "/" if path.startswith("/") else self.name
        return "/".join([base.rstrip("/"), *parts]) or "/"

    def _find(self, path: str | Reference) -> Operation[Node]:
        if isinstance(path, Reference):
            return (yield from self._find_reference(path))
        if not isinstance(path, str):
            raise TypeError(f"a path or a reference expected, not {type(path).__name__}")
        core = yield lambda: self._engine.core.lookup(self._core, path)
        node = _node_of(self.file, core, self._path(path))
        if isinstance(node, Dataset):
            yield from node._describe()
        return node

    def __getitem__(self, path: str | Reference) -> Any:
        return self._run(self._find(path))

    async def get_async(self, path: str | Reference) -> Any:
        try:
            return await self._await(self._find(path))
        except errors.UnsupportedError:
            if not self._engine.core.push:
                raise
            twin = await self.file._in_pull_mode()
        here = await twin.get_async(self.name)
        return await here.get_async(path)

    def _links(self) -> Operation[list[Link]]:
        found, bad = yield lambda: self._core.links(True)
        if bad is not None and self.links_error is None:
            warnings.warn(f"{self.name}: not all links can be read: {bad[1]}", errors.IncompleteWarning, stacklevel=2)
        self.links_error = _failure(bad)
        return [Link(name, _kind(kind), addr, target, file, order) for name, kind, addr, target, file, order in found]

    def links(self) -> list[Link]:
        """Links in the order of their creation where the group tracks that, else by name. 

        When some cannot be read, the others are given, ``links_error`` says why, and an IncompleteWarning is issued.
        """
        return self._run(self._links())

    async def links_async(self) -> list[Link]:
        return await self._await(self._links())

    def __iter__(self) -> Iterator[str]:
        return (link.name for link in self.links())

    def __len__(self) -> int:
        return len(self.links())

    def __contains__(self, path: object) -> bool:
        try:
            self[path]  # type: ignore[index]
        except (KeyError, FileNotFoundError):
            return False
        return True

    def _members(self) -> Operation[dict[str, Node]]:
        yield lambda: self._core.prefetch(1, 0)
        links = yield from self._links()
        out: dict[str, Node] = {}
        for link in links:
            if link.kind == "user":
                continue
            try:
                out[link.name] = yield from self._find(link.name)
            except (errors.NotFoundError, errors.NoFileError, errors.LimitError):  # the last where links form a loop
                if link.kind == "hard":
                    raise
            except errors.UnsupportedError:  # a file that Options.others keeps closed; push mode opens none, and leaves it to members_async()
                if link.kind == "hard" or (self._engine.core.push and self.file.options.others != "no"):
                    raise
        return out

    def members(self) -> dict[str, Any]:
        """The group's members by name, without links that lead nowhere or must not be followed: one batch of requests for all."""
        return self._run(self._members())

    async def members_async(self) -> dict[str, Any]:
        try:
            return await self._await(self._members())
        except errors.UnsupportedError:
            if not self._engine.core.push:
                raise
            twin = await self.file._in_pull_mode()
        here = await twin.get_async(self.name)
        return await here.members_async()

    def prefetch(self, depth: int = 64, *, attrs: bool = True, index: bool = False) -> None:
        """Loads all that lies below, in as few rounds as the nesting of the file takes: what is asked for later costs no request.

        ``depth`` levels of groups, with attributes (and what they refer to) and, for ``index``, whole chunk indexes.
        """
        self._run(self._prefetch(depth, (ATTRS | SCALES if attrs else 0) | (INDEX if index else 0)))

    async def prefetch_async(self, depth: int = 64, *, attrs: bool = True, index: bool = False) -> None:
        await self._await(self._prefetch(depth, (ATTRS | SCALES if attrs else 0) | (INDEX if index else 0)))

    def read_many(self, selections: Mapping[str, Any]) -> dict[str, Any]:
        """Windows of several datasets, planned together: ``{"t": ..., "sst": np.s_[0, :100]}``."""
        return self._run(self._read_many(selections))

    async def read_many_async(self, selections: Mapping[str, Any]) -> dict[str, Any]:
        return await self._await(self._read_many(selections))

    def _read_many(self, selections: Mapping[str, Any]) -> Operation[dict[str, Any]]:
        parts = []
        for path, key in selections.items():
            node = yield from self._find(path)
            if not isinstance(node, Dataset):
                raise errors.ArgumentError(f"{path} is not a dataset")
            parts.append((path, node, node._parse(key)))
        arrays = yield from _read([(node, s) for _, node, s in parts])
        return {path: array for (path, _, _), array in zip(parts, arrays, strict=True)}

    def __repr__(self) -> str:
        from ._repr import group_text

        return group_text(self)

    def _repr_html_(self) -> str:
        from ._repr import group_html

        return group_html(self)


def _kind(kind: int) -> str:
    return {0: "hard", 1: "soft", 64: "external"}.get(kind, "user")


class Datatype(Node):
    """A named datatype."""

    @property
    def type(self) -> TypeInfo:
        return info_of(self._info["type"], self._engine.cache)

    @property
    def dtype(self) -> np.dtype:
        return self.type.element

    def __repr__(self) -> str:
        return f"<h5range.Datatype {self.name}: {self.type.name()}>"


class Dataset(Node):
    """A dataset. ``dataset[...]`` reads, ``await dataset.read(...)`` does so in an event loop."""

    _description: dict[str, Any] | None = None

    def _describe(self) -> Operation[dict[str, Any]]:
        if self._description is None:
            self._description = yield self._core.describe
        return self._description

    @property
    def _d(self) -> dict[str, Any]:
        return self._description if self._description is not None else self._run(self._describe())

    @property
    def type(self) -> TypeInfo:
        return info_of(self._d["type"], self._engine.cache)

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements along each dimension, those of an array type included; () for null dataspaces."""
        return () if self.is_null else self._d["shape"] + self.type.inner

    @property
    def is_null(self) -> bool:
        """Whether there is a type but no elements."""
        return self._d["shape"] is None

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        """How far it may grow; None: without limit."""
        return () if self.is_null else self._d["max_shape"] + self.type.inner

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 0 if self.is_null else 1
        for d in self.shape:
            n *= d
        return n

    @property
    def nbytes(self) -> int:
        return self._d["count"] * self.type.size

    @property
    def dtype(self) -> np.dtype:
        """That of what reading gives; see :mod:`h5range._types`."""
        return self.type.dtype

    @property
    def layout(self) -> str:
        """"compact", "contiguous", "chunked", "virtual" or "external"."""
        return LAYOUTS[self._d["layout"]]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Elements of a chunk along each dimension, None when the dataset is not chunked."""
        return self._d["chunk"] + self.type.inner if self._d["chunk"] is not None else None

    @property
    def grid(self) -> tuple[int, ...] | None:
        """Chunks along each dimension."""
        return self._d["grid"]

    @property
    def filters(self) -> list[Filter]:
        """In the order in which they were applied."""
        return [Filter(i, name or _filter_name(i), values, bool(flags & 1)) for i, flags, name, values in self._d["filters"]]

    @property
    def offset(self) -> int | None:
        """Byte of the file where contiguous data begin; None for other layouts and where nothing was written."""
        return self._d["storage_offset"] if self.layout == "contiguous" else None

    @property
    def external(self) -> list[tuple[str, int, int | None]]:
        """(file, offset, bytes) of raw files that hold the data."""
        return self._d["external"]

    @property
    def fillvalue(self) -> Any:
        """What elements are that were never written: zero when the file does not say."""
        return self._run(self._read_fill())

    def _read_fill(self) -> Operation[Any]:
        d = yield from self._describe()
        info = info_of(d["type"], self._engine.cache)
        raw = d["fill_value"] if d["fill"] == 2 and d["fill_value"] is not None else bytes(info.size)
        array = yield from self._values_of(info, raw)
        return array[0] if array.ndim == 1 else array.reshape(info.inner)

    @property
    def has_fillvalue(self) -> bool:
        """Whether whoever made the file chose one."""
        return self._d["fill"] == 2

    # ------------------------------------------------------------ chunks

    def _read_index(self) -> Operation[ChunkIndex]:
        d = yield from self._describe()
        if d["chunk"] is None:
            raise errors.ArgumentError(f"the dataset is not chunked: its storage is {LAYOUTS[d['layout']]}", self.name)
        columns = yield self._core.chunks_all
        numbers, offsets, sizes = (np.frombuffer(c, np.uint64) for c in columns[:3])
        return ChunkIndex(numbers, offsets, sizes, np.frombuffer(columns[3], np.uint32), d["shape"], d["chunk"], d["grid"])

    def index(self) -> ChunkIndex:
        """Where all stored chunks are. ArgumentError when the dataset is not chunked."""
        return self._run(self._read_index())

    async def index_async(self) -> ChunkIndex:
        return await self._await(self._read_index())

    def _locate(self, first: Sequence[int], count: Sequence[int]) -> Operation[Any]:
        columns = yield lambda: self._core.chunks(first, count)
        return (*(np.frombuffer(c, np.uint64) for c in columns[1:3]), np.frombuffer(columns[3], np.uint32))

    def decode_chunk(self, stored: Any, filter_mask: int = 0) -> np.ndarray:
        """Undoes the filters of one stored chunk; the result has the shape of a chunk. Reads nothing (but descriptions and heap values)."""
        return self._run(self._decode(stored, filter_mask))

    def _decode(self, stored: Any, filter_mask: int) -> Operation[np.ndarray]:
        d = yield from self._describe()
        info = info_of(d["type"], self._engine.cache)
        out = np.empty(d["chunk_bytes"], np.uint8)
        yield Heavy(lambda: self._core.decode_chunk(stored, filter_mask, out))
        array = yield from self._values_of(info, out)
        return array.reshape(d["chunk"] + info.inner)

    # ------------------------------------------------------------ reading

    def _parse(self, key: Any) -> Selection:
        info = self.type
        if self.is_null:
            return Selection((), [], ())
        shape = self._d["shape"]
        inner: tuple[Any, ...] = ()
        if info.inner and isinstance(key, tuple) and Ellipsis not in [k for k in key if not isinstance(k, np.ndarray)]:
            inner = key[len(shape) :]  # indexes within the elements
            key = key[: len(shape)]
        s = parse(key, shape, info.dtype.names)
        if inner:
            s.keep = s.keep + inner
        return s

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Reference):
            return self._run(self._read_region(key))
        self._d  # noqa: B018 (the description, before the key is looked at)
        return self._run(_read([(self, self._parse(key))]))[0]

    async def read(self, key: Any = ...) -> Any:
        """``dataset[key]``, awaited. Bytes are fetched in the event loop; filters are undone in threads."""
        try:
            await self._await(self._describe())
            if isinstance(key, Reference):
                return await self._await(self._read_region(key))
            return (await self._await(_read([(self, self._parse(key))])))[0]
        except errors.UnsupportedError:
            if not self._engine.core.push or self.layout not in ("virtual", "external"):
                raise
            twin = await self.file._in_pull_mode()
        here = await twin.get_async(self.name)
        return await here.read(key)

    def _read_region(self, reference: Reference) -> Operation[np.ndarray]:
        """What a region reference selects, in one dimension."""
        d = yield from self._describe()
        region = reference.region or Region("all")
        if region.kind == "all":
            array = (yield from _read([(self, self._parse(...))]))[0]
            return array.reshape((d["count"], *self.type.inner))
        keys = [tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True)) for first, last in region.blocks]
        parts = (yield from _read([(self, self._parse(k)) for k in keys])) if keys else []
        flat = [p.reshape((-1, *self.type.inner)) for p in parts]
        return np.concatenate(flat) if flat else np.empty((0, *self.type.inner), self.dtype)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = np.asarray(self[...])
        return array if dtype is None else array.astype(dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self.name} is a scalar: it has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        from ._repr import dataset_text

        return dataset_text(self)

    def _repr_html_(self) -> str:
        from ._repr import dataset_html

        return dataset_html(self)


def _filter_name(id: int) -> str:
    return next((name for i, name, _, _ in _h5range.filters() if i == id), str(id))


def _split(boxes: list[tuple[Box, tuple[slice, ...]]], size: int) -> Any:
    """Boxes of at most about _PIECE bytes, cut along their first dimensions."""
    for box, place in boxes:
        n = size
        for c in box.count:
            n *= c
        dim = next((i for i, c in enumerate(box.count) if c > 1), None)
        if n <= _PIECE or dim is None:
            yield box, place
            continue
        rows = max(1, _PIECE // (n // box.count[dim]))
        pieces = []
        for k in range(0, box.count[dim], rows):
            part = type(box)(list(box.start), list(box.count), list(box.step))
            part.start[dim] += k * box.step[dim]
            part.count[dim] = min(rows, box.count[dim] - k)
            at = place[dim].start + k
            pieces.append((part, (*place[:dim], slice(at, at + part.count[dim]), *place[dim + 1 :])))
        yield from _split(pieces, size) if len(pieces) > 1 else pieces


def _read(parts: list[tuple[Dataset, Selection]]) -> Operation[list[Any]]:
    """Selections of several datasets of a file, read as one plan."""
    outs: list[Any] = []
    work: list[tuple[Dataset, np.ndarray, Any]] = []  # node, raw array, selection
    requests: dict[bool, list[Any]] = {True: [], False: []}
    copies = []
    for ds, s in parts:
        info = ds.type
        if ds.is_null:
            outs.append(None)
            continue
        raw_dtype = info.element if info.plain else np.dtype((np.void, info.size)) if info.size else np.dtype("V1")
        raw = np.empty(s.count, raw_dtype)
        outs.append(raw)
        boxes = list(_split(s.boxes, info.size)) if ds._engine.core.push else s.boxes
        for box, place in boxes:
            whole = len(boxes) == 1
            target = raw if whole else np.empty(box.count, raw_dtype)
            buffer = _bytes_of(target)
            requests[info.plain].append((ds._core, buffer, box.start, box.count, box.step))
            if not whole:
                copies.append((raw, place, target))
        work.append((ds, raw, s))
    for file_order, selections in requests.items():
        if parts and parts[0][0]._engine.core.push:
            batches: list[list[Any]] = []
            n = _PIECE + 1
            for sel in selections:
                if n + sel[1].nbytes > _PIECE:
                    batches.append([])
                    n = 0
                batches[-1].append(sel)
                n += sel[1].nbytes
        else:
            batches = [selections] if selections else []
        for batch in batches:
            yield Heavy(partial(_h5range.read_many, batch, file_order))
    for raw, place, target in copies:
        if raw.ndim or place == ():
            raw[place] = target.reshape(raw[place].shape)
    results: list[Any] = []
    it = iter(work)
    for (ds, _), raw in zip(parts, outs, strict=True):
        if raw is None:
            results.append(Empty(ds.dtype))
            continue
        _, _, s = next(it)
        results.append((yield from _finish(ds, raw, s)))
    return results


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data) if array.size and array.dtype.itemsize else memoryview(bytearray())


def _finish(ds: Dataset, raw: np.ndarray, s: Selection) -> Operation[Any]:
    info = ds.type
    if info.plain:
        array = raw
    else:
        buffer = _bytes_of(raw)
        values = None
        if info.needs_values and raw.size:
            values = yield lambda: _h5range.load_values(ds._core, info.type, buffer)
        array = info.convert(buffer, values, ds._resolve).reshape(s.count + info.inner)
    array = s.finish(array)
    if s.fields:
        array = array[s.fields[0]] if len(s.fields) == 1 else array[s.fields]
    if isinstance(array, np.ndarray) and array.ndim == 0:
        return array[()]
    return array


def _node_of(file: File, core: _h5range.Node, path: str) -> Node:
    kind = core.info()["kind"]
    if kind == GROUP:
        return Group(file, core, path)
    if kind == DATASET:
        return Dataset(file, core, path)
    if kind == DATATYPE:
        return Datatype(file, core, path)
    raise errors.UnsupportedError("an object of unknown kind", path)


from ._selection import Box  # noqa: E402
