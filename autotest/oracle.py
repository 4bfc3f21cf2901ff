"""What h5py reads, for a test process that has GDAL but not h5py: reads one JSON request a line, answers one JSON line and bytes.

Runs with the interpreter of .venv. Requests: {"do": "arrays", "file": F} lists the datasets; {"do": "read", "file": F, "path": P,
"index": [[start, count, step], ...] or null} answers a selection, in native byte order and C order."""
import json
import sys
import warnings

import h5py
import hdf5plugin  # noqa: F401 (registers its filters)
import numpy as np

warnings.simplefilter("ignore")
files = {}


def open_file(name):
    if name not in files:
        files.clear()
        files[name] = h5py.File(name, "r")
    return files[name]


def describe(file):
    """Datasets by the paths of hard links, each once."""
    found = []

    def visit(name, obj):
        if isinstance(obj, h5py.Dataset):
            try:
                dtype = obj.dtype
                found.append({"path": "/" + name, "kind": dtype.kind, "dtype": dtype.str if dtype.kind in "iufcb" else str(dtype.kind),
                              "shape": obj.shape, "bytes": int(dtype.itemsize * (obj.size or 0)),
                              "unsigned": obj.attrs.get("_Unsigned") in ("true", b"true"),
                              "fill_never": obj.id.get_create_plist().get_fill_time() == h5py.h5d.FILL_TIME_NEVER})
            except Exception as e:
                found.append({"path": "/" + name, "error": str(e)})

    file.visititems(visit)
    return found


def take(obj, index):
    values = np.asarray(obj[()])
    if index is not None:
        grid = [np.asarray(start + step * np.arange(count)) for start, count, step in index]
        values = values[np.ix_(*grid)] if grid else values
    return values.astype(values.dtype.newbyteorder("="), order="C")


def answer(request):
    file = open_file(request["file"])
    if request["do"] == "arrays":
        return describe(file), b""
    values = take(file[request["path"]], request.get("index"))
    if values.dtype.kind in "OSU":
        flat = [v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else str(v) for v in values.ravel().tolist()]
        return {"strings": flat, "shape": values.shape}, b""
    return {"dtype": values.dtype.str, "shape": values.shape}, values.tobytes()


for line in sys.stdin:
    try:
        head, body = answer(json.loads(line))
    except Exception as e:
        head, body = {"error": "%s: %s" % (type(e).__name__, e)}, b""
    out = json.dumps({"answer": head, "bytes": len(body)}).encode() + b"\n" + body
    sys.stdout.buffer.write(out)
    sys.stdout.buffer.flush()
