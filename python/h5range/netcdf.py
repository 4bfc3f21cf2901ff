"""What netCDF-4 sees in an HDF5 file: variables, dimensions with their names, attributes without the bookkeeping.

Dimensions are HDF5's dimension scales, which other variables refer to (``DIMENSION_LIST``), with netCDF's additions (``_Netcdf4Dimid``,
``_Netcdf4Coordinates``, the ``_nc4_non_coord_`` prefix). Where a dataset has none, dimensions are made up: ``phony_dim_0`` and so on, one for
each length in a group, as netCDF does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import errors
from ._engine import Operation
from ._nodes import ATTRS, SCALES, Attributes, Dataset, Group
from ._types import STRING, Empty, Reference

HIDDEN = frozenset(
    ["REFERENCE_LIST", "CLASS", "DIMENSION_LIST", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"]
)
_NOT_A_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
_PREFIX = "_nc4_non_coord_"


@dataclass
class Dimension:
    name: str
    size: int
    unlimited: bool
    address: int | None = None  # of the scale; None when it was made up
    id: int | None = None


@dataclass
class Variable:
    name: str
    dataset: Dataset
    dims: tuple[str, ...]
    shape: tuple[int, ...]  # where a dimension is longer than the dataset, the rest is fill value


@dataclass
class NetcdfGroup:
    """A group as netCDF sees it. ``dimensions`` are its own, ``parent`` has more."""

    group: Group
    parent: NetcdfGroup | None
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)

    def all_dimensions(self) -> dict[str, Dimension]:
        out = dict(self.parent.all_dimensions()) if self.parent is not None else {}
        out.update(self.dimensions)
        return out


def attribute(attrs: Attributes, name: str) -> Any:
    """The value as netCDF programs expect it: lists of text, single elements as scalars."""
    value = attrs[name]
    info = attrs.types.get(name)
    # Marks for missing characters are characters, which NumPy has as bytes.
    letters = info is not None and info.cls == STRING and info.size == 1 and name in ("_FillValue", "missing_value")
    if isinstance(value, Empty):
        text = info is not None and info.is_string
        return b"" if letters else "" if text and info is not None and info.size == 1 else np.array([], dtype=object if text else value.dtype)
    if info is not None and info.is_string:
        if isinstance(value, str):
            if info.size == 1 and any("\udc80" <= c <= "\udcff" for c in value):
                letters = True  # a byte that is no text
            return value.encode("utf-8", "surrogateescape") if letters else value
        items = [v.encode("utf-8", "surrogateescape") if letters else v for v in value.ravel()]
        return items[0] if len(items) == 1 else items
    if isinstance(value, np.ndarray) and len(value) == 1:
        return value[0]
    return value


def attributes(attrs: Attributes) -> dict[str, Any]:
    return {name: attribute(attrs, name) for name in attrs if name not in HIDDEN}


def _references(value: Any) -> list[Reference | None]:
    """The scale of each dimension: where several are attached, the last, as netCDF takes it."""
    out: list[Reference | None] = []
    for item in np.atleast_1d(value):
        refs = [r for r in np.atleast_1d(item).ravel() if isinstance(r, Reference) and r] if item is not None else []
        out.append(refs[-1] if refs else None)
    return out


def _unlimited_size(ds: Dataset, size: int, attrs: Attributes, file: Group) -> Operation[int]:
    """A dimension without limit is as long as the longest variable along it."""
    try:
        users = attrs.get("REFERENCE_LIST")
    except errors.H5RangeError:
        return size
    if not isinstance(users, np.ndarray) or users.dtype.names is None or len(users.dtype.names) != 2:
        return size
    for user, axis in users:
        if not isinstance(user, Reference) or not user:
            continue
        try:
            other = yield from ds._find_reference(user)
            if isinstance(other, Dataset) and 0 <= int(axis) < len(other.shape):
                size = max(size, other.shape[int(axis)])
        except (errors.FormatError, errors.NotFoundError):
            continue
    return size


class Reader:
    """Makes :class:`NetcdfGroup` of the groups of a file; numbers of made-up dimensions count through the file."""

    def __init__(self, file: Group, phony_dims: str | None = None):
        if phony_dims not in (None, "access", "sort"):
            raise errors.ArgumentError(f'phony_dims={phony_dims!r}: "access", "sort" or None expected')
        self.file = file
        self.sorted = phony_dims == "sort"
        self.count = 0
        self.offset = 0
        self._done: dict[str, NetcdfGroup] = {}

    def open(self, path: str | None) -> Operation[NetcdfGroup]:
        """The group of that path, and those above it, which have its dimensions."""
        parts = [p for p in (path or "/").split("/") if p]
        if self.sorted and not self._done:
            yield from self._all()
        yield lambda: self.file._core.prefetch(1, ATTRS | SCALES)
        at = yield from self._group("/", self.file, None)
        for i in range(len(parts)):
            name = "/" + "/".join(parts[: i + 1])
            node = yield from at.group._find(parts[i])
            if not isinstance(node, Group):
                raise errors.ArgumentError(f"{name} is not a group", name)
            at = yield from self._group(name, node, at)
        return at

    def walk(self, path: str | None) -> Operation[dict[str, NetcdfGroup]]:
        """The group and all below it, by absolute path."""
        top = yield from self.open(path)
        yield lambda: top.group._core.prefetch(64, ATTRS | SCALES)
        out: dict[str, NetcdfGroup] = {}
        todo = [("/" + (path or "").strip("/"), top)]
        above: dict[str, list[Group]] = {todo[0][0]: [top.group]}
        while todo:
            name, group = todo.pop(0)
            out[name] = group
            children = []
            for child in group.groups:
                child_name = name.rstrip("/") + "/" + child
                node = yield from group.group._find(child)
                if not isinstance(node, Group) or any(node == g for g in above[name]):
                    continue  # a hard link back to a group above
                above[child_name] = [*above[name], node]
                children.append((child_name, (yield from self._group(child_name, node, group))))
            todo = children + todo
        return out

    def _all(self) -> Operation[None]:
        """Made-up dimensions are numbered behind those of the file, whatever is opened."""
        self.sorted = False
        yield lambda: self.file._core.prefetch(64, ATTRS | SCALES)
        first = Reader(self.file)
        groups = yield from first.walk("/")
        self.offset = sum(d.address is not None for g in groups.values() for d in g.dimensions.values())
        self._done.clear()
        yield from self.walk("/")

    # ------------------------------------------------------------ one group

    def _group(self, name: str, group: Group, parent: NetcdfGroup | None) -> Operation[NetcdfGroup]:
        if name in self._done:
            return self._done[name]
        yield lambda: group._core.prefetch(1, ATTRS | SCALES)
        out = NetcdfGroup(group, parent)
        out.attrs = attributes((yield from group._read_attrs()))
        members: dict[str, tuple[Dataset, Attributes]] = {}
        for link in (yield from group._links()):
            try:
                node = yield from group._find(link.name)
                if isinstance(node, Group):
                    out.groups.append(link.name)
                elif isinstance(node, Dataset):
                    members[link.name] = (node, (yield from node._read_attrs()))
            except (errors.NotFoundError, errors.NoFileError, errors.UnsupportedError, errors.FormatError, errors.LimitError) as e:
                if link.kind == "hard":
                    out.failures[link.name] = e
        yield from self._dimensions(out, members)
        known = out.all_dimensions()
        for key, (ds, attrs) in members.items():
            if _NOT_A_VARIABLE in str(attrs.get("NAME", "")):
                continue
            dims = yield from self._dims_of(out, known, key, ds, attrs)
            shape = tuple(max(n, known[d].size) if d in known else n for d, n in zip(dims, ds.shape, strict=True))
            out.variables[key.replace(_PREFIX, "")] = Variable(key.replace(_PREFIX, ""), ds, dims, shape)
        self._done[name] = out
        return out

    def _dimensions(self, out: NetcdfGroup, members: dict[str, tuple[Dataset, Attributes]]) -> Operation[None]:
        unlabelled: Counter[int] = Counter()
        for key, (ds, attrs) in members.items():
            if attrs.get("CLASS") == "DIMENSION_SCALE":
                size = ds.shape[0] if ds.shape else 0
                unlimited = ds.maxshape == (None,)
                if unlimited:
                    size = yield from _unlimited_size(ds, size, attrs, self.file)
                id = attrs.get("_Netcdf4Dimid")
                out.dimensions[key] = Dimension(key, size, unlimited, ds.address, int(id) if id is not None else None)
            elif not ds.is_null and not any(_references(attrs.get("DIMENSION_LIST", []))):
                unlabelled |= Counter(ds.shape)
        have = Counter(d.size for d in out.dimensions.values())
        for size, count in unlabelled.items():
            for _ in range(have[size], count):
                name = f"phony_dim_{self.offset + self.count}"
                out.dimensions[name] = Dimension(name, size, False)
                self.count += 1

    def _dims_of(self, out: NetcdfGroup, known: dict[str, Dimension], key: str, ds: Dataset, attrs: Attributes) -> Operation[tuple[str, ...]]:
        scale = attrs.get("CLASS") == "DIMENSION_SCALE"
        if scale and "_Netcdf4Coordinates" in attrs:
            ids = {d.id: name for name, d in known.items() if d.id is not None}
            wanted = [int(i) for i in np.atleast_1d(attrs["_Netcdf4Coordinates"])]
            if all(i in ids for i in wanted) and len(wanted) == ds.ndim:
                return tuple(ids[i] for i in wanted)
        refs = _references(attrs.get("DIMENSION_LIST", []))
        if refs and all(refs) and len(refs) == ds.ndim:
            names = []
            for ref in refs:
                assert ref is not None
                names.append((yield from self._scale_name(known, ds, ref)))
            return tuple(names)
        if key in out.dimensions and ds.ndim == 1:
            return (key,)
        if ds.is_null:
            return ()
        used: Counter[int] = Counter()
        names = []
        for axis, size in enumerate(ds.shape):
            ref = refs[axis] if axis < len(refs) else None
            if ref:
                names.append((yield from self._scale_name(known, ds, ref)))
                continue
            same = [d.name for d in out.dimensions.values() if d.size == size]
            while used[size] >= len(same):  # a dataset with names for some of its dimensions only
                name = f"phony_dim_{self.offset + self.count}"
                self.count += 1
                out.dimensions[name] = known[name] = Dimension(name, size, False)
                same.append(name)
            names.append(same[used[size]])
            used[size] += 1
        return tuple(names)

    def _scale_name(self, known: dict[str, Dimension], ds: Dataset, ref: Reference) -> Operation[str]:
        for name, d in known.items():
            if d.address == ref.address:
                return name
        if ref.path is None:
            ref = yield from ds._learn(ref)
        return (ref.path or f"@{ref.address}").rsplit("/", 1)[-1]
