"""HDF5 datasets in Zarr's words: metadata documents of version 3, and the codecs for chunks as HDF5 stored them."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import numpy as np

from . import netcdf
from ._nodes import Dataset
from ._types import COMPOUND, STRING, Empty, Reference, TypeInfo
from .errors import UnsupportedError

_PIECE = 8 << 20  # bytes of a chunk that we choose, where HDF5 has none
_NAMES = {
    "b1": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "f2": "float16", "f4": "float32", "f8": "float64", "f16": "float64", "c8": "complex64", "c16": "complex128", "c32": "complex128",
}  # fmt: skip


def _key(dtype: np.dtype) -> str:
    return f"{dtype.kind}{dtype.itemsize}"


def zarr_dtype(info: TypeInfo) -> np.dtype:
    """The NumPy type that an array has in Zarr, in little-endian order; objects (of text) for what has to be told in words."""
    dtype = info.dtype
    if dtype.kind in "biufc" and _key(dtype) in _NAMES:
        return np.dtype(_NAMES[_key(dtype)]).newbyteorder("<")
    if dtype.kind == "S" and dtype.itemsize:
        return dtype
    if info.cls == COMPOUND and dtype.names and all(_key(dtype[n]) in _NAMES and dtype[n].shape == () for n in dtype.names):
        return np.dtype([(n, np.dtype(_NAMES[_key(dtype[n])]).newbyteorder("<")) for n in dtype.names])
    return np.dtype(object)


def data_type(dtype: np.dtype) -> Any:
    if dtype == object:
        return "string"
    if dtype.kind == "S":
        return {"name": "null_terminated_bytes", "configuration": {"length_bytes": dtype.itemsize}}
    if dtype.names:
        return {"name": "structured", "configuration": {"fields": [[n, data_type(dtype[n])] for n in dtype.names]}}
    return _NAMES[_key(dtype)]


def _float(x: float) -> Any:
    return "NaN" if math.isnan(x) else "Infinity" if x == math.inf else "-Infinity" if x == -math.inf else float(x)


def has_one_fill(ds: Dataset) -> bool:
    """Whether one value says what was never written: elements of an array type may have a fill value each, which Zarr has no word for."""
    raw, n = ds._d["fill_value"], math.prod(ds.type.inner)
    if n <= 1 or raw is None or ds._d["fill"] != 2 or ds._d["fill_time"] == 1:
        return True
    raw = bytes(raw)
    return raw == raw[: len(raw) // n] * n


def refuse_missing(ds: Dataset, complete: bool) -> None:
    """For references, in which a missing chunk is the one value that the document names."""
    if not complete and 0 not in ds.shape and not has_one_fill(ds):
        raise UnsupportedError("chunks were never written, and elements of its fill value differ", ds.name)


def fill_value(value: Any, dtype: np.dtype) -> Any:
    """As the metadata document has it."""
    if dtype == object:
        return value if isinstance(value, str) else ""
    scalar: Any = np.asarray(value).ravel()[:1].astype(dtype)[0] if np.size(value) else np.zeros((), dtype)[()]
    if dtype.kind == "f":
        return _float(float(scalar))
    if dtype.kind == "c":
        return [_float(scalar.real), _float(scalar.imag)]
    if dtype.kind == "S" or dtype.names:
        return base64.b64encode(bytes(scalar) if dtype.kind == "S" else np.asarray(scalar).tobytes()).decode()
    return scalar.item()


# ---------------------------------------------------------------- attributes


def plain(value: Any) -> Any:
    """A value as JSON has it: lists for arrays, text for what else there is."""
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value] if value.ndim else plain(value[()])
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, Empty):
        return ""
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, np.void):
        return {n: plain(value[n]) for n in value.dtype.names} if value.dtype.names else value.tobytes().hex()
    if isinstance(value, complex | np.complexfloating):
        return [float(value.real), float(value.imag)]
    if isinstance(value, np.generic):
        return value.item() if not isinstance(value, np.longdouble) else float(value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def _encode_fill(value: Any) -> Any:
    """``_FillValue`` as xarray writes it into Zarr 3."""
    v = np.asarray(value).ravel()[0] if np.size(value) else value
    if isinstance(v, np.floating):
        return base64.standard_b64encode(struct.pack("<d", float(v))).decode()
    if isinstance(v, bytes):
        return base64.standard_b64encode(v).decode()
    return plain(v)


def attributes(found: dict[str, Any]) -> dict[str, Any]:
    return {str(plain(k)): _encode_fill(v) if k == "_FillValue" and not isinstance(v, str) else plain(v) for k, v in found.items()}


# ---------------------------------------------------------------- arrays


def chunk_shape(ds: Dataset, shape: tuple[int, ...]) -> tuple[int, ...]:
    """HDF5's chunks; for other layouts pieces of some MiB along the first dimensions."""
    if ds.chunks is not None:
        return ds.chunks
    out = [max(n, 1) for n in shape]
    size = max(ds.type.size, 1) * math.prod(out)
    for i, n in enumerate(out):
        if size <= _PIECE:
            break
        keep = max(1, min(n, _PIECE * n // size))
        size = size // n * keep
        out[i] = keep
    return tuple(out)


def bytes_codec(dtype: np.dtype) -> list[dict[str, Any]]:
    if dtype == object:
        return [{"name": "vlen-utf8"}]
    if dtype.kind in "SV" or dtype.itemsize == 1:
        return [{"name": "bytes"}] if not dtype.names else [{"name": "bytes", "configuration": {"endian": "little"}}]
    return [{"name": "bytes", "configuration": {"endian": "big" if dtype.byteorder == ">" else "little"}}]


def document(
    variable: netcdf.Variable, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype, codecs: list[dict[str, Any]], attrs: dict[str, Any]
) -> dict[str, Any]:
    """zarr.json of an array."""
    ds = variable.dataset
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": data_type(dtype),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value(0 if (ds._d["fill_time"] == 1 and dtype != object) or not has_one_fill(ds) else ds.fillvalue, dtype),
        "codecs": codecs,
        "attributes": attributes(attrs),
        "dimension_names": list(variable.dims),
    }


def group_document(attrs: dict[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes(attrs)}


def dump(doc: dict[str, Any]) -> bytes:
    return json.dumps(doc, default=str).encode()


def text(item: Any) -> str:
    """An element that has no type in Zarr, in words."""
    if isinstance(item, str | bytes):
        return plain(item)
    return str(item) if isinstance(item, Reference) else json.dumps(plain(item), default=str)


def whole(v: netcdf.Variable) -> np.ndarray:
    """All values of a variable in the type that it has in Zarr, dimensions without elements as one of fill value."""
    ds = v.dataset
    dtype = zarr_dtype(ds.type)
    out = np.full(tuple(max(n, 1) for n in v.shape), "" if dtype == object else ds.fillvalue, dtype)
    if not ds.is_null and 0 not in ds.shape:
        out[tuple(slice(0, n) for n in ds.shape)] = np.asarray(ds[...]) if ds.shape else ds[...]
    return out


def encode(array: np.ndarray, dtype: np.dtype) -> bytes:
    """A decoded chunk as the codecs of ``bytes_codec()`` have it."""
    if dtype != object:
        with np.errstate(all="ignore"):  # of wider floats, what is beyond the range becomes infinite
            return np.ascontiguousarray(array).astype(dtype, copy=False).tobytes()
    parts = [struct.pack("<I", array.size)]
    for item in array.ravel():
        raw = text(item).encode("utf-8", "replace")
        parts += [struct.pack("<I", len(raw)), raw]
    return b"".join(parts)


# ---------------------------------------------------------------- stored chunks


def stored_codecs(ds: Dataset) -> list[dict[str, Any]]:
    """Zarr codecs that read the dataset's chunks as they are stored.

    Raises UnsupportedError, with the reason, where Zarr has none: those have to be decoded by us.
    """
    info = ds.type
    dtype = info.dtype
    is_number = dtype.kind in "biufc" and _key(dtype) in _NAMES and dtype.itemsize <= 16
    as_is = info.plain and (is_number or info.cls == STRING)  # from text, readers of Zarr take zeros off the end, and nothing else
    if not as_is or (dtype.kind == "f" and dtype.itemsize > 8):
        raise UnsupportedError(f"elements of type {info.name()} are not stored as Zarr has them", ds.name)
    if ds.layout not in ("chunked", "contiguous"):
        raise UnsupportedError(f"{ds.layout} data have no place in the file that a reference could name", ds.name)
    if not ds._info["same_file"]:
        raise UnsupportedError("the data lie in another file, which an external link leads to", ds.name)
    if ds._d["raw_edges"] and ds.filters:
        raise UnsupportedError("chunks across the edge are stored without filters", ds.name)
    out = bytes_codec(dtype)
    size = info.size
    for f in ds.filters:
        v = f.values
        if f.id == 1:
            out.append({"name": "numcodecs.zlib", "configuration": {"level": v[0] if v else 1}})
        elif f.id == 2:
            out.append({"name": "numcodecs.shuffle", "configuration": {"elementsize": v[0] if v else size}})
        elif f.id == 3:
            out.append({"name": "numcodecs.fletcher32", "configuration": {}})
        elif f.id == 307:
            out.append({"name": "numcodecs.bz2", "configuration": {"level": v[0] if v else 9}})
        elif f.id == 32015:
            level = v[0] - (1 << 32) if v and v[0] >= 1 << 31 else v[0] if v else 3
            out.append({"name": "zstd", "configuration": {"level": level, "checksum": False}})
        elif f.id == 32001:
            names = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
            cname = names[v[6]] if len(v) > 6 and v[6] < len(names) else "blosclz"
            shuffle = v[5] if len(v) > 5 else 1
            config = {"cname": cname, "clevel": v[4] if len(v) > 4 else 5, "shuffle": shuffle, "typesize": v[2] if len(v) > 2 else size, "blocksize": 0}
            out.append({"name": "numcodecs.blosc", "configuration": {k: config[k] for k in ("cname", "clevel", "shuffle", "blocksize")}})
        else:
            raise UnsupportedError(f"filter {f.id} ({f.name}) has no codec in Zarr", ds.name)
    return out
