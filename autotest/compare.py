#!/usr/bin/env python3
"""Compares what GDAL's netCDF and HDF5 drivers say of files with what H5RANGE says, as rasters and as multidimensional arrays.

    autotest/compare.py [--with netCDF|HDF5] [--model raster|multidim] [--all] [--examples N] FILE|FOLDER ...

GDAL_DRIVER_PATH tells where the plugin is (default: build/release/gdalplugins). Prints the differences grouped by kind, those that
docs/differences.md explains by their title there (with --all one by one too). Each file is opened in a process of its own, as what is
compared with may crash. Exit status 1: a difference that nothing explains."""
import argparse
import collections
import json
import math
import os
import pathlib
import re
import select
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("GDAL_DRIVER_PATH", str(ROOT / "build" / "release" / "gdalplugins"))

from osgeo import gdal, osr  # noqa: E402

import compare_rules  # noqa: E402

gdal.UseExceptions()
MAX_VALUES = 4_000_000
SECONDS = 20
MAX_ARRAYS = 60  # of a file
EXTENSIONS = {".h5", ".hdf5", ".he5", ".hdf", ".nc", ".nc4", ".cdf", ".mat", ".snirf", ".hdf5_", ".h5py"}
VERSION = int(gdal.VersionInfo())

# why: the title in docs/differences.md, or None.
Difference = collections.namedtuple("Difference", "model driver file array field theirs ours why", defaults=[None])
# Attributes that drivers do not list, since GDAL has calls for them.
HIDDEN = ("_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping", "units", "_Unsigned", "CLASS", "DIMENSION_LABELS", "coordinates")


# ---------------------------------------------------------------------------------------------------------------- what a driver says


def quiet(function, *args, **kwargs):
    """Result, or None where GDAL fails; quiet.why says why."""
    quiet.why = ""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        return function(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, UnicodeDecodeError) as e:
        quiet.why = str(e)
        return None
    finally:
        gdal.PopErrorHandler()


def number(value):
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value


def srs_of(obj):
    srs = quiet(obj.GetSpatialRef)
    return {"wkt": srs.ExportToWkt(["FORMAT=WKT2_2019"]), "axes": list(srs.GetDataAxisToSRSAxisMapping())} if srs is not None else None


def values_of(raw):
    """Numbers or texts, to be compared one by one."""
    import numpy as np

    if raw is None or not isinstance(raw, (bytes, bytearray)):
        return raw
    return np.frombuffer(raw, "f8")


def array_of_name(name):
    """"/group/var" of a subdataset's name in any of the forms."""
    match = re.match(r'^[A-Za-z0-9]+:"[^"]*":(.*)$', name) or re.match(r"^[A-Za-z0-9]+:.*:(.*)$", name)
    return "/" + match.group(1).strip('"').lstrip("/").replace(" ", "_") if match else name


def raster(ds):
    """Flat: field -> value. Fields are tuples, the first of which is the kind of a difference; those that begin with "_" are not compared,
    but tell what a difference comes from."""
    said = {("size",): (ds.RasterXSize, ds.RasterYSize), ("bands",): ds.RasterCount, ("crs",): srs_of(ds)}
    gt = quiet(ds.GetGeoTransform, can_return_null=True)
    said[("geotransform",)] = list(gt) if gt else None
    for key, value in ds.GetMetadata().items():
        said[("metadata", key)] = value
    for domain in ("GEOLOCATION", "GEOLOCATION2"):
        for key, value in ds.GetMetadata(domain).items():
            said[(domain, key)] = array_of_name(value) if key.endswith("_DATASET") else value
    for domain in ds.GetMetadataDomainList() or []:
        if domain.startswith("json:"):
            said[("json", domain)] = "".join(ds.GetMetadata_List(domain))
    said[("_structure",)] = sorted(ds.GetMetadata("IMAGE_STRUCTURE").values())
    for index in sorted({1, 2, ds.RasterCount}):
        band = ds.GetRasterBand(index) if 0 < index <= ds.RasterCount else None
        if band is None:
            continue
        said.update({("type", index): gdal.GetDataTypeName(band.DataType), ("nodata", index): number(quiet(band.GetNoDataValue)),
                     ("scale", index): band.GetScale(), ("offset", index): band.GetOffset(), ("unit", index): band.GetUnitType(),
                     ("block", index): band.GetBlockSize()})
        for key, value in band.GetMetadata().items():
            said[("band metadata", index, key)] = value
        if ds.RasterXSize * ds.RasterYSize <= MAX_VALUES:
            kind = gdal.GDT_CFloat64 if gdal.DataTypeIsComplex(band.DataType) else gdal.GDT_Float64
            said[("values", index)] = values_of(quiet(band.ReadRaster, buf_type=kind))
    return said


def open_raster(name, driver):
    """Names are those of the built-in driver; ours takes them where H5RANGE_CLAIM lets it."""
    gdal.SetConfigOption("H5RANGE_CLAIM", "ALL" if driver == "H5RANGE" else "NONE")
    allowed = {"netCDF": ["netCDF"], "HDF5": ["HDF5", "HDF5Image"]}.get(driver)
    ds = quiet(gdal.OpenEx, name, gdal.OF_RASTER, **({"allowed_drivers": allowed} if allowed else {}))
    return ds if ds is None or allowed or ds.GetDriver().ShortName == "H5RANGE" else None


def listed(ds):
    found = {}
    for name, text in ds.GetSubDatasets():
        found[array_of_name(name)] = (name, text)
    return found


def rasters(file, driver):
    """Array ("" for the file itself) -> fields, of both drivers."""
    theirs, ours = {}, {}
    name = '%s:"%s"' % ("NETCDF" if driver == "netCDF" else "HDF5", file)
    a = open_raster(name if driver == "netCDF" else str(file), driver)
    b = open_raster(name, "H5RANGE")
    why = quiet.why
    if a is None:
        return {}, {}
    if b is None:
        return {"": {("opens",): "yes"}}, {"": {("opens",): "no: %s" % why}}
    theirs[""], ours[""] = raster(a), raster(b)
    in_a = listed(a)
    for said, found in ((theirs[""], in_a), (ours[""], listed(b))):
        for array in found:
            said[("listed", array)] = found[array][1]
    for array, (name, _) in list(in_a.items())[:MAX_ARRAYS]:
        a = open_raster(name, driver)
        b = open_raster(name, "H5RANGE")
        why = quiet.why
        if a is None:
            continue
        theirs[array] = raster(a)
        ours[array] = raster(b) if b is not None else {("opens",): "no: %s" % why}
    return theirs, ours


def type_of(t):
    if t.GetClass() == gdal.GEDTC_STRING:
        return "string"
    if t.GetClass() == gdal.GEDTC_NUMERIC:
        return gdal.GetDataTypeName(t.GetNumericDataType())
    return [(c.GetName(), type_of(c.GetType())) for c in t.GetComponents()]


def attribute_values(attribute):
    if attribute.GetTotalElementsCount() == 0:
        return []
    value = quiet(attribute.Read)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex() if attribute.GetDataType().GetClass() == gdal.GEDTC_COMPOUND else list(value)
    if isinstance(value, (list, tuple)):
        return [number(v) for v in value]
    return number(value)


def md_array(array):
    kind = array.GetDataType()
    said = {("type",): type_of(kind), ("unit",): array.GetUnit(), ("crs",): srs_of(array), ("block",): list(array.GetBlockSize()),
            ("scale",): array.GetScale(), ("offset",): array.GetOffset()}
    if kind.GetClass() == gdal.GEDTC_NUMERIC:
        said[("nodata",)] = number(quiet(array.GetNoDataValueAsDouble))
    dims = array.GetDimensions()
    said[("shape",)] = [d.GetSize() for d in dims]
    for i, d in enumerate(dims):
        said[("dimension name", i)] = d.GetFullName()
        said[("dimension type", i)] = (d.GetType(), d.GetDirection())
        variable = quiet(d.GetIndexingVariable)
        said[("indexing variable", i)] = variable.GetFullName() if variable else None
    said[("coordinates",)] = sorted(c.GetFullName() for c in quiet(array.GetCoordinateVariables) or [])
    for attribute in quiet(array.GetAttributes) or []:
        said[("attribute", attribute.GetName())] = attribute_values(attribute)
    for name in HIDDEN:
        attribute = quiet(array.GetAttribute, name)
        if attribute is not None:
            said[("_hidden", name)] = attribute_values(attribute)
    said[("_structure",)] = sorted((quiet(array.GetStructuralInfo) or {}).values())
    if kind.GetClass() != gdal.GEDTC_COMPOUND and math.prod(said[("shape",)]) <= MAX_VALUES:
        if kind.GetClass() == gdal.GEDTC_STRING:
            said[("values",)] = values_of(quiet(array.Read))
        else:
            complex_ = gdal.DataTypeIsComplex(kind.GetNumericDataType())
            buffer = gdal.ExtendedDataType.Create(gdal.GDT_CFloat64 if complex_ else gdal.GDT_Float64)
            said[("values",)] = values_of(quiet(array.Read, buffer_datatype=buffer)) if all(said[("shape",)]) else []
    return said


def walk(group, found, depth=0):
    path = group.GetFullName()
    said = found[path + "@"] = {}
    for attribute in quiet(group.GetAttributes) or []:
        said[("group attribute", attribute.GetName())] = attribute_values(attribute)
    for d in quiet(group.GetDimensions) or []:
        said[("group dimension", d.GetName())] = d.GetSize()
    for name in quiet(group.GetMDArrayNames) or []:
        said[("array listed", name)] = True
        array = quiet(group.OpenMDArray, name) if len(found) < 2 * MAX_ARRAYS else None
        said_of_array = quiet(md_array, array) if array is not None else None
        if said_of_array is not None:
            found[array.GetFullName()] = said_of_array
    for name in quiet(group.GetGroupNames) or []:
        said[("group listed", name)] = True
        child = quiet(group.OpenGroup, name)
        if child is not None and depth < 20:
            walk(child, found, depth + 1)


def multidim(file, driver):
    said = []
    for name, allowed in (('NETCDF:"%s"' % file if driver == "netCDF" else str(file), driver), ('H5RANGE:"%s"' % file, "H5RANGE")):
        ds = quiet(gdal.OpenEx, name, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[allowed])
        found = {}
        if ds is not None:
            walk(ds.GetRootGroup(), found)
        elif said and said[0]:
            found = {"/@": {("opens",): "no: %s" % quiet.why}}
        said.append(found)
    return said if said[0] else ({}, {})


# ------------------------------------------------------------------------------------------------------------------------- comparing


def same_crs(a, b):
    if a is None or b is None:
        return a == b
    x, y = osr.SpatialReference(), osr.SpatialReference()
    x.ImportFromWkt(a["wkt"])
    y.ImportFromWkt(b["wkt"])
    return bool(x.IsSame(y, ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"])) and a["axes"] == b["axes"]


def same_text(a, b):
    """Texts of numbers differ in digits."""
    if a == b:
        return True
    if not isinstance(a, str) or not isinstance(b, str):
        return False
    split = re.compile(r"[ ,{}]+")
    x, y = [t for t in split.split(a) if t], [t for t in split.split(b) if t]
    if len(x) != len(y):
        return False
    try:
        return all(p == q or math.isclose(float(p), float(q), rel_tol=2e-7) for p, q in zip(x, y))
    except ValueError:
        return False


def differing_values(a, b, size=None):
    """What differs, None when nothing does. size: columns and rows of a raster."""
    import numpy as np

    if a is None or b is None:
        return None if a is b else "%s cannot be read" % ("theirs" if a is None else "ours")
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        a, b = (x.tolist() if isinstance(x, np.ndarray) else x for x in (a, b))
        return None if a == b else "%s%s | %s" % ("padded: " if are_padded(a, b) else "", short(a), short(b))
    if a.shape != b.shape:
        return "%s and %s values" % (a.size, b.size)
    with np.errstate(invalid="ignore"):
        off = np.flatnonzero(~((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-6 * np.abs(a))))
    if off.size == 0:
        return None
    text = "%d of %d values, first %d: %r and %r" % (off.size, a.size, off[0], a[off[0]].item(), b[off[0]].item())
    for whose, values in (("theirs", a[off]), ("ours", b[off])):
        text += "; %s are all the same" % whose if np.array_equal(values, np.full_like(values, values[0]), equal_nan=True) else ""
    if size and a.size == size[0] * size[1]:
        rows, others = a.reshape(size[1], size[0]), b.reshape(size[1], size[0])
        turned = [rows[::-1]] + ([t for turn in (rows.T, rows[::-1].T) for t in (turn, turn[::-1])] if size[0] == size[1] else [])
        text += "; rows are turned" if any(np.array_equal(t, others, equal_nan=True) for t in turned) else ""
    return text


def are_padded(a, b):
    """Texts that begin with ours: what follows is padding, or what lies behind the text in memory."""
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        return False
    as_bytes = [[("" if t is None else t).encode() if not isinstance(t, bytes) else t for t in texts] if all(isinstance(t, (str, bytes, type(None))) for t in texts) else None
                for texts in (a, b)]
    return None not in as_bytes and all(p.startswith(q) for p, q in zip(*as_bytes))


FOLLOWS = {"size": ("values", "block", "GEOLOCATION", "geotransform"), "bands": ("values", "block", "type", "nodata", "scale", "offset", "unit", "band metadata"),
           "type": ("values", "nodata"), "shape": ("values", "block", "dimension name", "dimension type", "indexing variable", "coordinates", "crs")}


def same(field, a, b):
    if field[0] == "crs":
        return same_crs(a, b)
    if field == ("GEOLOCATION", "SRS") and a and b:
        return same_crs({"wkt": a, "axes": []}, {"wkt": b, "axes": []})
    if field[0] == "geotransform" and a and b:
        pixel = min(abs(b[1]) + abs(b[2]), abs(b[4]) + abs(b[5]))
        return all(abs(p - q) <= 1e-6 * max(abs(p), abs(q)) or abs(p - q) <= 1e-4 * pixel for p, q in zip(a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-7)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and field[0] in ("attribute", "group attribute"):
        return all(same(field, p, q) for p, q in zip(a, b))
    return same_text(a, b)


def compare(file, driver, model):
    theirs, ours = (rasters if model == "raster" else multidim)(file, driver)
    found = []
    for array in theirs:
        a, b = theirs[array], ours.get(array, {})
        if not b and model == "multidim":
            continue  # one that is listed elsewhere is said by "array listed" and "group listed"
        if ("opens",) in b:
            found.append(Difference(model, driver, str(file), array, ("opens",), "yes", b[("opens",)]))
            continue
        fields = {f for f in set(a) | set(b) if not f[0].startswith("_")}
        for cause, effects in FOLLOWS.items():
            if any(f[0] == cause and not same(f, a.get(f), b.get(f)) for f in fields):
                fields = {f for f in fields if f[0] not in effects}
        for field in sorted(fields, key=str):
            if field[0] == "values":
                text = differing_values(a.get(field), b.get(field), b.get(("size",)))
                if text:
                    found.append(Difference(model, driver, str(file), array, field, text, ""))
            elif not same(field, a.get(field), b.get(field)):
                found.append(Difference(model, driver, str(file), array, field, a.get(field), b.get(field)))
    return [d._replace(why=compare_rules.explained(d, theirs[d.array], ours.get(d.array, {}))) for d in found]


# ----------------------------------------------------------------------------------------------------------------------- many files


def in_a_process(function, *args):
    """(result, None) or (None, how it failed)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            gdal.PushErrorHandler("CPLQuietErrorHandler")
            with os.fdopen(writer, "w") as out:
                json.dump(function(*args), out, default=str)
                out.flush()
                os._exit(0)
        except BaseException as e:
            sys.stderr.write("%s: %s: %s\n" % (args[0], type(e).__name__, e))
            os._exit(1)
    os.close(writer)
    chunks = []
    with os.fdopen(reader, "rb", 0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], SECONDS)
            if not ready:
                os.kill(pid, signal.SIGKILL)
                break
            chunk = pipe.read(1 << 16)
            if not chunk:
                break
            chunks.append(chunk)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        return None, "signal %d" % (status & 127) if status & 127 else "exit %d" % (status >> 8)
    return json.loads(b"".join(chunks)), None


def is_hdf5(file):
    """At 0, 512, 1024, ...: as far as a user block usually goes."""
    with open(file, "rb") as f:
        for offset in (0, 512, 1024, 2048):
            f.seek(offset)
            if f.read(8) == b"\x89HDF\r\n\x1a\n":
                return True
    return False


def files_of(names):
    for name in names:
        path = pathlib.Path(name)
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            if is_hdf5(file):
                yield file


def run(names, drivers=("netCDF", "HDF5"), models=("raster", "multidim")):
    """All differences, and what failed: (file, driver, model, how)."""
    differences, failures = [], []
    for file in files_of(names):
        for model in models:
            for driver in drivers:
                found, failure = in_a_process(compare, file, driver, model)
                if failure:
                    failures.append((str(file), driver, model, failure))
                else:
                    differences += [Difference(*d) for d in found]
    return differences, failures


def short(value):
    text = str(value)
    return text if len(text) <= 300 else text[:300] + "..."


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--with", dest="drivers", action="append", choices=("netCDF", "HDF5"))
    parser.add_argument("--model", action="append", choices=("raster", "multidim"))
    parser.add_argument("--all", action="store_true", help="show explained differences one by one, too")
    parser.add_argument("--examples", type=int, default=5, help="of each kind")
    parser.add_argument("--json", help="write all differences to a file, one a line")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    differences, failures = run(options.names, options.drivers or ("netCDF", "HDF5"), options.model or ("raster", "multidim"))
    if options.json:
        with open(options.json, "w") as out:
            for d in differences:
                out.write(json.dumps(d._asdict()) + "\n")
    groups = collections.defaultdict(list)
    unexplained = 0
    for d in differences:
        title = d.why
        unexplained += title is None
        groups[(title is not None, title or "%s, %s: %s" % (d.model, d.driver, d.field[0]))].append(d)
    for (known, title), items in sorted(groups.items()):
        print("%s%s: %d differences in %d files" % ("(explained) " if known else "", title, len(items), len({d.file for d in items})))
        for d in items[:options.examples] if options.all or not known else []:
            print("    %s %s %s %s\n        theirs: %s\n        ours:   %s" % (d.driver, d.file, d.array, list(d.field), short(d.theirs), short(d.ours)))
    for failure in failures:
        print("not compared: %s %s %s: %s" % failure)
    print("%d differences, %d of them unexplained; %d files not compared" % (len(differences), unexplained, len({f[0] for f in failures})))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
