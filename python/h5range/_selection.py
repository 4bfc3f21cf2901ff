"""NumPy's ``a[...]`` as boxes with steps that the core reads, and what is left to do with the result.

Integers, slices (negative steps too), ``...``, ``None``, boolean masks and lists of indexes. Lists are orthogonal, as in h5py: each selects
along its own dimension.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import ArgumentError


@dataclass
class Box:
    start: list[int]
    count: list[int]
    step: list[int]


@dataclass
class Selection:
    """Boxes to be read, each with its place in an array of shape ``count``; then ``keep`` (dropped and new dimensions) is applied."""

    count: tuple[int, ...]
    boxes: list[tuple[Box, tuple[slice, ...]]]
    keep: tuple[Any, ...]
    fields: list[str] | None = None
    take: dict[int, np.ndarray] = field(default_factory=dict)  # of a dimension that was read in sorted order: the order asked for

    def finish(self, out: np.ndarray) -> np.ndarray:
        for dim, order in self.take.items():
            out = np.take(out, order, axis=dim)
        return out[self.keep]


def _slice(key: slice, n: int) -> tuple[int, int, int]:
    start, stop, step = key.indices(n)
    count = len(range(start, stop, step))
    return (start if count else 0), count, step


def _indexes(key: Any, n: int, dim: int) -> np.ndarray:
    array = np.asarray(key)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ArgumentError(f"a mask of shape {array.shape} for dimension {dim}, which has {n} elements")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ArgumentError(f"indexes of dimension {dim} are a list of integers, not {key!r}")
    array = array.astype(np.int64)
    if (array < -n).any() or (array >= n).any():
        raise IndexError(f"index {int(array[(array < -n) | (array >= n)][0])} is outside dimension {dim}, which has {n} elements")
    return np.where(array < 0, array + n, array)


def _runs(sorted_indexes: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Ascending indexes as (start, count, step, place) of even runs."""
    n = len(sorted_indexes)
    if n == 0:
        return []
    if n == 1:
        return [(int(sorted_indexes[0]), 1, 1, 0)]
    gaps = np.diff(sorted_indexes)
    if (gaps == gaps[0]).all():
        return [(int(sorted_indexes[0]), n, int(gaps[0]), 0)]
    cuts = [0, *(np.flatnonzero(gaps != 1) + 1).tolist(), n]
    return [(int(sorted_indexes[a]), b - a, 1, a) for a, b in zip(cuts, cuts[1:], strict=False)]


def parse(key: Any, shape: tuple[int, ...], names: tuple[str, ...] | None) -> Selection:
    """The selection ``a[key]`` of an array of that shape; ``names`` are the members of a compound type."""
    keys = list(key) if isinstance(key, tuple) else [key]
    fields = [k for k in keys if isinstance(k, str)]
    keys = [k for k in keys if not isinstance(k, str)]
    for name in fields:
        if names is None or name not in names:
            raise ArgumentError(f"no member {name!r}: " + (f"the members are {', '.join(names)}" if names else "the type is not compound"))
    if len(keys) == 1 and isinstance(keys[0], np.ndarray) and keys[0].dtype == bool and keys[0].ndim == len(shape) and len(shape) > 1:
        raise ArgumentError("masks of several dimensions are not read: read a box and apply the mask to the array")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if used > len(shape) or sum(k is Ellipsis for k in keys) > 1:
        raise ArgumentError(f"{used} indexes for {len(shape)} dimensions")
    keys[at : at + 1] = [slice(None)] * (len(shape) - used)

    dims: list[list[tuple[int, int, int, int]]] = []
    counts: list[int] = []
    keep: list[Any] = []
    take: dict[int, np.ndarray] = {}
    for k in keys:
        if k is None:
            keep.append(None)
            continue
        dim = len(dims)
        n = shape[dim]
        if isinstance(k, slice):
            start, count, step = _slice(k, n)
            dims.append([(start, count, step, 0)])
            keep.append(slice(None))
        elif np.ndim(k) == 0 and hasattr(k, "__index__") and not isinstance(k, bool | np.bool_):
            index = operator.index(k)
            if not -n <= index < n:
                raise IndexError(f"index {index} is outside dimension {dim}, which has {n} elements")
            dims.append([(index % n, 1, 1, 0)])
            count = 1
            keep.append(0)
        else:
            wanted = _indexes(k, n, dim)
            unique, back = np.unique(wanted, return_inverse=True)
            dims.append(_runs(unique))
            count = len(unique)
            if not np.array_equal(unique, wanted):
                take[dim] = back
            keep.append(slice(None))
        counts.append(count)

    boxes = []
    if all(counts):
        for choice in np.ndindex(*(len(d) for d in dims)):
            runs = [d[i] for d, i in zip(dims, choice, strict=True)]
            place = tuple(slice(r[3], r[3] + r[1]) for r in runs)
            boxes.append((Box([r[0] for r in runs], [r[1] for r in runs], [r[2] for r in runs]), place))
    return Selection(tuple(counts), boxes, tuple(keep), fields or None, take)
