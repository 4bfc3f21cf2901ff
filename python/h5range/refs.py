"""Kerchunk references: a file as a Zarr 2 group whose chunks are byte ranges of it.

    python -m h5range refs https://example.org/sst.nc --format kerchunk-json -o sst.json
    xr.open_dataset("sst.json", engine="kerchunk")

Chunks are named as they are stored, with the codecs of numcodecs that undo their filters. What such a reader could not decode (other filters,
text of variable length, data in the file's metadata or in other files) is decoded and put into the references themselves, up to a size.
"""

from __future__ import annotations

import base64
import json
import math
import random
import warnings
from typing import Any

import numpy as np

from . import _file, _zarrmeta, errors, netcdf
from ._nodes import ATTRS, INDEX, SCALES, Dataset
from .errors import UnsupportedError

INLINE = 1 << 20  # bytes of an array that is put into the references where it cannot be named


class LeftOutWarning(UserWarning):
    """An array is neither readable as it is stored nor small enough to be put into the references."""


def _v2_codec(codec: dict[str, Any]) -> dict[str, Any]:
    name, config = codec["name"].removeprefix("numcodecs."), codec.get("configuration", {})
    if name == "zstd":
        return {"id": "zstd", "level": config["level"]}
    return {"id": name, **config}


def _v2_fill(ds: Dataset, dtype: np.dtype, complete: bool) -> Any:
    """In Zarr 2 the fill value is also what xarray masks: there is none where no chunk is missing and netCDF names none."""
    if (complete and "_FillValue" not in ds.attrs) or not _zarrmeta.has_one_fill(ds):
        return None
    if dtype == object:
        return ""
    value = np.zeros(1, dtype) if ds._d["fill_time"] == 1 else np.asarray(ds.fillvalue).ravel()[:1].astype(dtype)
    if dtype.kind == "f":
        return _zarrmeta._float(float(value[0]))
    if dtype.kind == "c":
        return [_zarrmeta._float(value[0].real), _zarrmeta._float(value[0].imag)]
    if dtype.kind in "SV":
        return base64.b64encode(value.tobytes()).decode()
    return value[0].item()


def _array_document(
    v: netcdf.Variable, chunks: tuple[int, ...], dtype: np.dtype, filters: list[dict[str, Any]], complete: bool
) -> tuple[str, str]:
    # What came last is the compressor: of the filters GDAL expects that they do not change the size by much.
    compressor = filters.pop() if filters and filters[-1]["id"] in ("zlib", "bz2", "zstd", "blosc") else None
    doc = {
        "zarr_format": 2,
        "shape": list(v.shape),
        "chunks": list(chunks),
        "dtype": "|O" if dtype == object else [[n, dtype[n].str] for n in dtype.names] if dtype.names else dtype.str,
        "order": "C",
        "compressor": compressor,
        "filters": filters or None,
        "fill_value": _v2_fill(v.dataset, dtype, complete),
    }
    attrs = {k: _zarrmeta.plain(a) for k, a in netcdf.attributes(v.dataset.attrs).items()}
    return _json(doc), _json({**attrs, "_ARRAY_DIMENSIONS": list(v.dims)})


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _stored(v: netcdf.Variable, url: str) -> tuple[tuple[str, str], dict[str, Any]]:
    ds = v.dataset
    if ds.is_null or v.shape != ds.shape:
        raise UnsupportedError("not stored in the shape that netCDF sees", ds.name)
    codecs = _zarrmeta.stored_codecs(ds)
    chunks = ds.chunks if ds.chunks is not None else tuple(max(n, 1) for n in ds.shape)
    filters = [_v2_codec(c) for c in codecs if c["name"] != "bytes"]
    if ds.chunks is None:
        key = ".".join("0" * ds.ndim) or "0"
        have = ds.offset is not None and ds._d["storage_size"] > 0
        _zarrmeta.refuse_missing(ds, have)
        named: dict[str, Any] = {key: [url, ds.offset, ds._d["storage_size"]]} if have else {}
        return _array_document(v, chunks, ds.dtype, filters, have), named
    index = ds.index()
    if index.filter_masks.any():
        raise UnsupportedError("some chunks were stored without all filters", ds.name)
    complete = len(index) == math.prod(index.grid_shape)
    _zarrmeta.refuse_missing(ds, complete)
    inner = (0,) * len(ds.type.inner)
    checksum = 4 if filters and filters[-1]["id"] == "fletcher32" else 0  # behind each chunk; not every reader knows the filter
    if checksum:
        filters.pop()
    named = {".".join(map(str, c.indices + inner)): [url, c.byte_offset, c.byte_length - checksum] for c in index}
    return _array_document(v, chunks, ds.dtype, filters, complete), named


def _inlined(v: netcdf.Variable) -> tuple[tuple[str, str], dict[str, Any]]:
    ds = v.dataset
    dtype = _zarrmeta.zarr_dtype(ds.type)
    chunks = tuple(max(n, 1) for n in v.shape)
    document = _array_document(v, chunks, dtype, [{"id": "vlen-utf8"}] if dtype == object else [], not ds.is_null)
    if ds.is_null or 0 in ds.shape:
        return document, {}
    data = base64.b64encode(_zarrmeta.encode(_zarrmeta.whole(v), dtype)).decode()
    return document, {".".join("0" * len(chunks)) or "0": "base64:" + data}


def references(source: Any, *, url: str | None = None, group: str | None = None, inline: int = INLINE, **options: Any) -> dict[str, Any]:
    """The references of a file, as kerchunk's dictionary (version 1).

    ``source``: what :func:`h5range.open` takes. ``url``: what the file is called in the references, its own name when None. ``inline``: bytes of an
    array that may be put into them; a larger one that cannot be named is left out, with a LeftOutWarning.
    """
    file = source if isinstance(source, _file.File) else _file.open(source, **options)
    name = url or file.source
    top = "/" + (group or "").strip("/")
    groups = file._run(netcdf.Reader(file).walk(top))
    file._run(groups[top].group._prefetch(64, ATTRS | SCALES | INDEX))
    refs: dict[str, Any] = {}
    for path, g in groups.items():
        at = path.removeprefix(top).strip("/")
        prefix = at + "/" if at else ""
        refs[prefix + ".zgroup"] = _json({"zarr_format": 2})
        refs[prefix + ".zattrs"] = _json({k: _zarrmeta.plain(a) for k, a in g.attrs.items()})
        for key, v in g.variables.items():
            try:
                try:
                    documents, chunks = _stored(v, name)
                except UnsupportedError:
                    if math.prod(v.shape) * v.dataset.type.size > inline:  # as netCDF sees it, which may be longer than what is stored
                        raise
                    documents, chunks = _inlined(v)
            except errors.H5RangeError as e:
                warnings.warn(f"left out: {e}", LeftOutWarning, stacklevel=2)
                continue
            refs[f"{prefix}{key}/.zarray"], refs[f"{prefix}{key}/.zattrs"] = documents
            refs.update({f"{prefix}{key}/{k}": c for k, c in chunks.items()})
    return {"version": 1, "refs": refs}


def check(found: dict[str, Any], source: Any, *, group: str | None = None, chunks: int = 20, **options: Any) -> int:
    """Reads some chunks through the references, and compares them with what h5range reads. Returns how many; FormatError where one differs."""
    import numcodecs

    file = source if isinstance(source, _file.File) else _file.open(source, **options)
    refs = found["refs"]
    top = "/" + (group or "").strip("/")
    groups = file._run(netcdf.Reader(file).walk(top))
    named = [k for k, v in refs.items() if isinstance(v, list)]
    picked = random.Random(len(named)).sample(named, min(chunks, len(named)))
    for key in picked:
        path, _, at = key.rpartition("/")
        doc = json.loads(refs[path + "/.zarray"])
        (data,) = file.fetch([tuple(refs[key][1:])])
        for config in [doc["compressor"]] * bool(doc["compressor"]) + (doc["filters"] or [])[::-1]:
            data = numcodecs.get_codec(config).decode(data)
        shape = tuple(doc["chunks"])
        dtype = np.dtype(doc["dtype"])
        got = np.frombuffer(bytes(memoryview(data).cast("B"))[: math.prod(shape) * dtype.itemsize], dtype).reshape(shape)
        index = [int(i) for i in at.split(".")] if shape else []
        box = tuple(slice(i * c, min(i * c + c, n)) for i, c, n in zip(index, shape, doc["shape"], strict=True))
        at_group, _, name = path.rpartition("/")
        ds = groups[(top.rstrip("/") + "/" + at_group).rstrip("/") or "/"].variables[name].dataset
        want = np.asarray(ds[box]).astype(dtype)
        got = np.asarray(got[tuple(slice(0, n) for n in want.shape)], dtype)  # indexing takes a scalar's byte order away
        if got.tobytes() != want.tobytes():
            raise errors.FormatError(f"chunk {at} reads otherwise through the references: please report this", ds.name)
    return len(picked)

