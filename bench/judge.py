"""Whether the answer of a reader to a task of remote.py is right and complete: compared with what libhdf5 says of the local file."""
import array
import os

import readers

# Attributes that make up dimensions, types, fill values and reference systems, which a reader may give in another form than as attributes.
CONSUMED = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS", "_Netcdf4Coordinates", "_Netcdf4Dimid", "_NCProperties",
            "_nc3_strict", "_FillValue", "_Unsigned", "units", "scale_factor", "add_offset", "grid_mapping", "coordinates"}
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def reference(folder, task, name):
    """What libhdf5 answers, in an interpreter that has h5py; of T1 and T2 also the least that a complete answer has."""
    import h5py
    path = os.path.join(folder, name)
    answer = readers.libhdf5({}, task, name, path)
    if task in ("T1", "T2"):
        with h5py.File(path, "r") as f:
            least = [0, 0]

            def count(_, o):
                least[1] += sum(k not in CONSUMED for k in o.attrs)
                least[0] += isinstance(o, h5py.Dataset) and not bytes(o.attrs.get("NAME", b"")).startswith(NO_VARIABLE)
            if task == "T1":
                count(None, f)
                f.visititems(count)
            else:
                count(None, f[readers.FILES[name][0]])
        answer["least"] = least
    return answer


def pack(answer, path):
    """Puts a list of chunks into a file: an answer is one line."""
    if "chunks" in answer:
        flat = array.array("Q", (n for pair in answer["chunks"] for n in pair))
        with open(path, "wb") as f:
            flat.tofile(f)
        answer["chunks"] = len(flat) // 2
    return answer


def unpack(path):
    flat = array.array("Q")
    with open(path, "rb") as f:
        flat.frombytes(f.read())
    return set(zip(flat[::2], flat[1::2]))


def shown(answer):
    return ", ".join("%s %s" % x for x in answer.items())


def what_is_wrong(task, kind, answer, ref, chunks, ref_chunks):
    """None, or what is missing or wrong."""
    if "digest" in ref:
        return None if answer["digest"] == ref["digest"] else "other values"
    if task in ("T1", "T2") and kind == "raster":
        return None  # its metadata have another form
    if task == "T1":
        for of, n, least, most in zip(("datasets", "attributes"), answer["objects"], ref["least"], ref["objects"]):
            if not least <= n <= most:
                return "%d of %d %s" % (n, most, of)
        return None
    if task == "T2":
        if list(answer["shape"]) != list(ref["shape"]):
            return "another shape: %s" % (answer["shape"],)
        return None if ref["least"][1] <= answer["attributes"] <= ref["attributes"] else "%d of %d attributes" % (answer["attributes"], ref["attributes"])
    missing = len(ref_chunks - chunks)  # a reader may give data that are not chunked, too
    return "%d of %d chunks missing" % (missing, len(ref_chunks)) if missing else None
