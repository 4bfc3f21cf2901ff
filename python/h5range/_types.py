"""Datatypes of HDF5 as NumPy has them, and elements as arrays of those.

=====================  ==========================================================================================
HDF5                   NumPy
=====================  ==========================================================================================
integer, float         the same, in the file's byte order; other sizes and layouts as the next larger number
bitfield, time         integers
enum                   its integers, with ``dtype.metadata["enum"]``; FALSE and TRUE as ``bool``
complex                ``complex``, also the compound (r, i) that h5py and netCDF write
compound               structured
array                  subarray
opaque                 ``V``; what h5py tagged ``NUMPY:…`` as that
string                 ``S``, without the spaces or zeros behind them; variable-length ones as objects of ``str``
variable-length        objects of arrays
reference              objects of :class:`Reference`
=====================  ==========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _h5range

INTEGER, FLOAT, TIME, STRING, BITFIELD, OPAQUE, COMPOUND, REFERENCE, ENUM, VLEN, ARRAY, COMPLEX = range(12)
_NUMBERS = [None, "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
_IEEE = {(2, 15, 10, 5, 0, 10, 15): "f2", (4, 31, 23, 8, 0, 23, 127): "f4", (8, 63, 52, 11, 0, 52, 1023): "f8"}


@dataclass(frozen=True)
class Region:
    """What a region reference selects: blocks as pairs of first and last element (both inside), points as blocks of one.

    ``kind`` is "none", "points", "hyperslab" or "all".
    """

    kind: str
    blocks: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

    @staticmethod
    def of(raw: tuple[Any, ...]) -> Region:
        kind = ("none", "points", "hyperslab", "all")[raw[0]]
        if len(raw) == 2:
            return Region(kind, tuple(raw[1]))
        start, stride, count, block = raw[1:]
        if any(v is None for v in (*count, *block)):
            return Region(kind)
        firsts = np.ndindex(*count)
        blocks = []
        for index in firsts:
            first = tuple(s + i * d for s, i, d in zip(start, index, stride, strict=True))
            blocks.append((first, tuple(f + b - 1 for f, b in zip(first, block, strict=True))))
        return Region(kind, tuple(blocks))


@dataclass(frozen=True)
class Reference:
    """A reference to an object, a part of a dataset, or an attribute. ``file[reference]`` is what it points to.

    ``address`` of the object's header, None for a null reference (which is false); ``path`` as far as it is known without reading more.
    """

    address: int | None
    region: Region | None = None
    attribute: str | None = None
    path: str | None = None

    def __bool__(self) -> bool:
        return self.address is not None

    def __str__(self) -> str:
        if self.address is None:
            return "null reference"
        return self.path or f"@{self.address}"


class Empty:
    """The value of what has a type but no elements (a null dataspace)."""

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empty) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"Empty(dtype={self.dtype!r})"


def _native(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("=")


class TypeInfo:
    """A datatype: what it is called, how NumPy sees it, and how elements become arrays.

    ``dtype`` is that of results. When ``plain``, elements in the file are such values already (in the dtype's byte order).
    """

    def __init__(self, type: _h5range.Type, cache: dict[Any, Any]):
        self.type = type
        d = self.description = type.describe()
        self.cls: int = d["cls"]
        self.size: int = d["size"]
        self.in_heap: bool = d["in_heap"]
        self.committed: int | None = d["committed"]
        self.base = info_of(d["base"], cache) if d["base"] is not None else None
        self.plain = True
        self.inner: tuple[int, ...] = ()
        self.enum: dict[str, int] | None = None
        self.members: list[tuple[str, int, TypeInfo]] = []
        self.dtype = getattr(self, "_" + _CLASSES[self.cls])(d, cache)

    # ------------------------------------------------------------ the classes

    def _order(self, d: dict[str, Any]) -> str:
        return "|" if self.size == 1 else ">" if d["order"] == 1 else "<"

    def _number(self, d: dict[str, Any]) -> np.dtype:
        name = _NUMBERS[d["number"]]
        self.plain = False
        if name is None:
            self.plain = True
            return np.dtype(f"V{self.size}")
        dtype = np.dtype(name)
        if dtype.kind in "iu" and dtype.itemsize < self.size in (2, 4, 8):
            return np.dtype(f"{dtype.kind}{self.size}")  # the type's own size, as other readers have it
        return dtype

    def _integer(self, d: dict[str, Any], cache: Any) -> np.dtype:
        whole = d["bit_offset"] == 0 and d["precision"] == 8 * self.size and self.size in (1, 2, 4, 8) and d["order"] in (0, 1)
        if not whole:
            return self._number(d)
        return np.dtype(f"{self._order(d)}{'i' if d['signed'] else 'u'}{self.size}")

    def _bitfield(self, d: dict[str, Any], cache: Any) -> np.dtype:
        return self._integer(d, cache)

    def _time(self, d: dict[str, Any], cache: Any) -> np.dtype:
        return self._integer(d, cache)

    def _float(self, d: dict[str, Any], cache: Any) -> np.dtype:
        layout = (self.size, *d["float"])
        whole = d["bit_offset"] == 0 and d["precision"] == 8 * self.size and d["order"] in (0, 1)
        if whole and d["norm"] == 2 and layout in _IEEE:
            return np.dtype(self._order(d) + _IEEE[layout])
        x87 = self.size == 16 and d["float"] == (79, 64, 15, 0, 64, 16383) and d["order"] == 0 and d["bit_offset"] == 0
        if x87 and np.dtype(np.longdouble).itemsize == 16 and np.finfo(np.longdouble).nmant == 63:
            return np.dtype(np.longdouble)
        return self._number(d)

    def _string(self, d: dict[str, Any], cache: Any) -> np.dtype:
        self.plain = d["strpad"] == 1 or (d["strpad"] == 0 and self.size == 1)
        return np.dtype(f"S{self.size}")

    def _opaque(self, d: dict[str, Any], cache: Any) -> np.dtype:
        tag = d["tag"] or ""
        if tag.startswith("NUMPY:"):
            try:
                dtype = np.dtype(tag[6:])
                if dtype.itemsize == self.size and not dtype.hasobject:
                    return dtype
            except TypeError:
                pass
        return np.dtype(f"V{self.size}")

    def _compound(self, d: dict[str, Any], cache: Any) -> np.dtype:
        self.members = [(name, offset, info_of(t, cache)) for name, offset, t in d["members"]]
        self.plain = all(m.plain for _, _, m in self.members)
        names = [name for name, _, _ in self.members]
        if names == ["r", "i"] and self.plain:
            (_, at, re), (_, next_at, im) = self.members
            if at == 0 and re.dtype == im.dtype and re.dtype.kind == "f" and next_at == re.size and self.size == 2 * re.size and re.size in (4, 8, 16):
                return np.dtype(f"{re.dtype.byteorder if re.size < 16 else '='}c{self.size}")
        formats = [m.element for _, _, m in self.members]
        try:
            if self.plain:
                return np.dtype({"names": names, "formats": formats, "offsets": [at for _, at, _ in self.members], "itemsize": self.size})
            return np.dtype({"names": names, "formats": formats})
        except (ValueError, TypeError):  # names that NumPy refuses
            self.plain, self.members = True, []
            return np.dtype(f"V{self.size}")

    def _reference(self, d: dict[str, Any], cache: Any) -> np.dtype:
        self.plain = False
        return np.dtype(object)

    def _enum(self, d: dict[str, Any], cache: Any) -> np.dtype:
        assert self.base is not None
        base = self.base
        values = base.convert(bytearray(d["values"]), None, lambda ref: ref) if d["values"] else np.empty(0, "i8")
        self.enum = {name: int(v) if values.dtype.kind in "iu" else 0 for name, v in zip(d["names"], values, strict=True)}
        self.plain = base.plain
        if self.enum == {"FALSE": 0, "TRUE": 1} and self.size == 1 and base.plain:
            return np.dtype(bool)
        if base.dtype.kind not in "iu":
            return base.dtype
        return np.dtype(base.dtype, metadata={"enum": self.enum})

    def _vlen(self, d: dict[str, Any], cache: Any) -> np.dtype:
        self.plain = False
        if d["vlen_string"]:
            return np.dtype(object, metadata={"vlen": str})
        assert self.base is not None
        return np.dtype(object, metadata={"vlen": self.base.element})

    def _array(self, d: dict[str, Any], cache: Any) -> np.dtype:
        assert self.base is not None
        self.plain = self.base.plain
        self.inner = d["dims"] + self.base.inner
        return self.base.dtype

    def _complex(self, d: dict[str, Any], cache: Any) -> np.dtype:
        assert self.base is not None
        base = self.base
        if base.plain and base.dtype.kind == "f" and base.size in (4, 8, 16) and self.size == 2 * base.size:
            return np.dtype(f"{base.dtype.byteorder if base.size < 16 else '='}c{self.size}")
        return np.dtype(f"V{self.size}")

    # ------------------------------------------------------------ elements

    @property
    def element(self) -> np.dtype:
        """The dtype of one element, a subarray for arrays."""
        return np.dtype((self.dtype, self.inner)) if self.inner else self.dtype

    @property
    def is_string(self) -> bool:
        return self.cls == STRING or (self.cls == VLEN and self.description["vlen_string"])

    @property
    def needs_values(self) -> bool:
        """Whether elements refer to what has to be loaded first."""
        if self.in_heap or self.cls == REFERENCE:
            return True
        if self.cls == COMPOUND:
            return any(m.needs_values for _, _, m in self.members)
        return self.cls in (ARRAY, VLEN) and self.base is not None and self.base.needs_values

    def name(self) -> str:
        """The type in a few words, as ``repr`` shows it."""
        if self.cls == VLEN:
            return "string" if self.is_string else f"sequence of {self.base.name() if self.base else '?'}"
        if self.cls == REFERENCE:
            return "reference"
        if self.cls == ENUM and self.dtype.kind != "b":
            return f"enum {self.dtype.name}"
        if self.cls == COMPOUND and self.dtype.names:
            return "{" + ", ".join(f"{n}: {m.name()}" for n, _, m in self.members) + "}"
        if self.inner:
            return f"{self.dtype.name}{list(self.inner)}"
        return self.dtype.name

    def from_stored(self, raw: bytes | bytearray, values: Any, resolve: Any) -> np.ndarray:
        """Elements as the file has them, as an array of its own."""
        if self.plain:
            return np.frombuffer(bytearray(raw), self.element)
        buffer = bytearray(raw)
        self.type.swap(buffer)
        return self.convert(buffer, values, resolve)

    def convert(self, buffer: Any, values: Any, resolve: Any) -> np.ndarray:
        """Elements in native byte order as an array: n, followed by the dimensions of an array type."""
        n = memoryview(buffer).nbytes // self.size if self.size else 0
        if n == 0:
            return np.empty((0, *self.inner), self.dtype)
        if self.plain:
            return np.frombuffer(buffer, _native(self.element) if self.dtype.kind not in "V" or self.dtype.names else self.element)
        if self.cls == ARRAY:
            assert self.base is not None
            flat = self.base.convert(buffer, values, resolve)
            return flat.reshape((n, *self.inner))
        if self.cls == COMPOUND:
            return self._convert_compound(buffer, n, values, resolve)
        if self.cls == REFERENCE:
            return self._objects(resolve(Reference(a, Region.of(r) if r else None, name)) for a, r, name in values.references(self.type, buffer)).reshape(n)
        if self.cls == STRING and self.description["strpad"] == 0:  # what lies behind the first zero is not text
            letters = np.frombuffer(buffer, np.uint8).reshape(n, self.size)
            return np.where(np.logical_and.accumulate(letters != 0, axis=1), letters, 0).astype(np.uint8).reshape(-1).view(self.dtype)
        if self.cls == STRING:  # filled up with spaces
            letters = np.frombuffer(buffer, np.uint8).reshape(n, self.size)
            filling = np.logical_and.accumulate(letters[:, ::-1] == ord(" "), axis=1)[:, ::-1]
            return np.where(filling, 0, letters).astype(np.uint8).reshape(-1).view(self.dtype)
        if self.cls == VLEN:
            return self._convert_vlen(buffer, values, resolve)
        out = np.empty(n, _NUMBERS[self.description["number"]])
        self.type.to_numbers(buffer, out.view(np.uint8))
        return out.astype(self.dtype, copy=False)

    @staticmethod
    def _objects(items: Any) -> np.ndarray:
        items = list(items)
        out = np.empty(len(items), object)
        for i, item in enumerate(items):
            out[i] = item
        return out

    def _convert_compound(self, buffer: Any, n: int, values: Any, resolve: Any) -> np.ndarray:
        out = np.empty(n, self.dtype)
        raw = np.frombuffer(buffer, np.uint8).reshape(n, self.size)
        for name, at, member in self.members:
            column = np.ascontiguousarray(raw[:, at : at + member.size])
            out[name] = member.convert(column.reshape(-1), values, resolve)
        return out

    def _convert_vlen(self, buffer: Any, values: Any, resolve: Any) -> np.ndarray:
        items = values.get(self.type, buffer)
        if self.is_string:
            return self._objects("" if b is None else b.decode("utf-8", "surrogateescape") for b in items)
        assert self.base is not None
        return self._objects(self.base.from_stored(b or b"", values, resolve) for b in items)


_CLASSES = ["integer", "float", "time", "string", "bitfield", "opaque", "compound", "reference", "enum", "vlen", "array", "complex"]


def info_of(type: _h5range.Type, cache: dict[Any, Any]) -> TypeInfo:
    """Descriptions are remembered for each type of a file."""
    key = type.key()
    info = cache.get(key)
    if info is None:
        info = cache[key] = TypeInfo(type, cache)
    return info
