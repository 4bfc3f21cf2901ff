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

gdal.UseExceptions()
MAX_VALUES = 4_000_000
SECONDS = 20
MAX_ARRAYS = 60  # of a file
EXTENSIONS = {".h5", ".hdf5", ".he5", ".hdf", ".nc", ".nc4", ".cdf", ".mat", ".snirf", ".hdf5_", ".h5py"}
VERSION = int(gdal.VersionInfo())

Difference = collections.namedtuple("Difference", "model driver file array field theirs ours")


# ---------------------------------------------------------------------------------------------------------------- what a driver says


def quiet(function, *args, **kwargs):
    """Result, or None where GDAL fails."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        return function(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, UnicodeDecodeError):
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
    """Flat: field -> value. Fields are tuples, the first of which is the kind of a difference."""
    said = {("size",): (ds.RasterXSize, ds.RasterYSize), ("bands",): ds.RasterCount, ("crs",): srs_of(ds)}
    gt = quiet(ds.GetGeoTransform, can_return_null=True)
    said[("geotransform",)] = list(gt) if gt else None
    for key, value in ds.GetMetadata().items():
        said[("metadata", key)] = value
    for domain in ("GEOLOCATION", "GEOLOCATION2"):
        for key, value in ds.GetMetadata(domain).items():
            said[(domain, key)] = array_of_name(value) if key.endswith("_DATASET") else value
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
    if a is None:
        return {}, {}
    if b is None:
        return {"": {("opens",): "yes"}}, {"": {("opens",): "no: %s" % gdal.GetLastErrorMsg()}}
    theirs[""], ours[""] = raster(a), raster(b)
    in_a = listed(a)
    for said, found in ((theirs[""], in_a), (ours[""], listed(b))):
        for array in found:
            said[("listed", array)] = found[array][1]
    for array, (name, _) in list(in_a.items())[:MAX_ARRAYS]:
        a = open_raster(name, driver)
        b = open_raster(name, "H5RANGE")
        if a is None:
            continue
        theirs[array] = raster(a)
        ours[array] = raster(b) if b is not None else {("opens",): "no: %s" % gdal.GetLastErrorMsg()}
    return theirs, ours


def type_of(t):
    if t.GetClass() == gdal.GEDTC_STRING:
        return "string"
    if t.GetClass() == gdal.GEDTC_NUMERIC:
        return gdal.GetDataTypeName(t.GetNumericDataType())
    return [(c.GetName(), type_of(c.GetType())) for c in t.GetComponents()]


def attribute_values(attribute):
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
            found = {"/@": {("opens",): "no: %s" % gdal.GetLastErrorMsg()}}
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


def differing_values(a, b):
    """What differs, None when nothing does."""
    import numpy as np

    if a is None or b is None:
        return None if a is b else "%s cannot be read" % ("theirs" if a is None else "ours")
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        a, b = (x.tolist() if isinstance(x, np.ndarray) else x for x in (a, b))
        return None if a == b else "%s | %s" % (short(a), short(b))
    if a.shape != b.shape:
        return "%s and %s values" % (a.size, b.size)
    with np.errstate(invalid="ignore"):
        off = np.flatnonzero(~((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-6 * np.abs(a))))
    if off.size == 0:
        return None
    reversed_ = "; the same backwards" if np.array_equal(np.sort(a), np.sort(b), equal_nan=True) else ""
    return "%d of %d values, first %d: %r and %r%s" % (off.size, a.size, off[0], a[off[0]].item(), b[off[0]].item(), reversed_)


FOLLOWS = {"size": ("values", "block", "GEOLOCATION", "geotransform"), "bands": ("values", "block", "type", "nodata", "scale", "offset", "unit", "band metadata"),
           "type": ("values", "nodata"), "shape": ("values", "block", "dimension name", "dimension type", "indexing variable", "coordinates", "crs")}


def same(field, a, b):
    if field[0] == "crs":
        return same_crs(a, b)
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
        fields = set(a) | set(b)
        for cause, effects in FOLLOWS.items():
            if any(f[0] == cause and not same(f, a.get(f), b.get(f)) for f in fields):
                fields = {f for f in fields if f[0] not in effects}
        for field in sorted(fields, key=str):
            if field[0] == "values":
                text = differing_values(a.get(field), b.get(field))
                if text:
                    found.append(Difference(model, driver, str(file), array, field, text, ""))
            elif not same(field, a.get(field), b.get(field)):
                found.append(Difference(model, driver, str(file), array, field, a.get(field), b.get(field)))
    return found


def explained(d):
    """Title of docs/differences.md that says why ours is better, or None."""
    for title, matches in RULES:
        if matches(d):
            return title
    return None


def lacks(d):
    """What is compared with says nothing, ours does."""
    return d.theirs in (None, "", [], "null") and d.ours not in (None, "", [])


def wkt(value):
    return value["wkt"] if value else ""


def phony(value):
    return re.search(r"phony_dim_\d+|/dim\d+$|^dim\d+$", str(value)) is not None


def is_dim(d):
    return d.field[-1] is not None and str(d.field[-1]).startswith("NETCDF_DIM_")


KIND = {"crs", "geotransform", "GEOLOCATION", "GEOLOCATION2", "coordinates"}
def off_by(d, pattern):
    """A difference of values whose text has a pattern."""
    return d.field[0] == "values" and re.search(pattern, str(d.theirs)) is not None


METADATA = ("metadata", "band metadata", "attribute", "group attribute")
BOOKKEEPING = {"_nc3_strict", "_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "DIMENSION_LABELS", "CLASS", "NAME", "_FillValue", "missing_value",
               "scale_factor", "add_offset", "grid_mapping", "_Unsigned"}
# Titles of docs/differences.md, in the order in which they are tried.
RULES = [
    ("Georeferencing where the others have none", lambda d: d.field[0] in KIND and (lacks(d) or d.theirs == [0.0] * 6)),
    ("Kilometres", lambda d: (d.field[0] == "crs" and 'LENGTHUNIT["kilometre' in wkt(d.theirs) + wkt(d.ours)) or
     (d.field[0] == "geotransform" and d.theirs and d.ours and d.theirs[1] and abs(d.ours[1] / d.theirs[1] - 1000) < 1)),
    ("Parameters of projections", lambda d: d.field[0] == "crs" and d.theirs and d.ours and "PROJCRS" in wkt(d.ours)),
    ("Parameters of projections", lambda d: d.driver == "HDF5" and d.field[0] == "crs" and "Authalic" in wkt(d.theirs) and "WGS 84" in wkt(d.ours)),
    ("Parameters of projections", lambda d: d.field[0] == "GEOLOCATION" and d.field[-1] == "SRS" and d.ours and "GEOG" in d.ours),
    ("Scaled coordinates", lambda d: d.field[0] == "geotransform" and d.driver == "netCDF" and d.theirs and d.ours and
     0 < d.ours[1] / d.theirs[1] != 1 and math.isclose(d.ours[1] / d.theirs[1], d.ours[5] / d.theirs[5], rel_tol=1e-6)),
    ("Coordinates that are none", lambda d: d.field[0] in KIND and not d.ours),
    ("Coordinates of groups above", lambda d: d.field[0] == "coordinates" and set(d.theirs) < set(d.ours)),
    ("Fill values of HDF5", lambda d: d.field[0] == "nodata" and d.ours is None and d.driver == "netCDF"),
    ("Nodata of every origin", lambda d: d.field[0] == "nodata" and (lacks(d) or d.driver == "netCDF" or d.ours is None)),
    ("Scale, offset and unit", lambda d: d.driver == "HDF5" and d.field[0] in ("scale", "offset", "unit")),
    ("Blocks", lambda d: d.field[0] == "block"),
    ("Names tell capitals from small letters", lambda d: d.driver == "HDF5" and "/#refs#/" in d.array and d.field[0] in ("size", "type", "bands", "values")),
    ("Data that the others cannot read", lambda d: off_by(d, "^theirs cannot")),
    ("NaN stays NaN", lambda d: off_by(d, r" and nan")),
    ("Blocks that were never written", lambda d: off_by(d, r"first \d+: 0\.0 and ")),
    ("Rows and columns", lambda d: off_by(d, "the same backwards")),
    ("Rows and columns", lambda d: d.driver == "netCDF" and d.field[0] in ("size", "bands")),
    ("Valid ranges", lambda d: d.model == "raster" and d.driver == "netCDF" and off_by(d, r"first \d+: -\d+\.0 and |and -32767\.0")),
    ("Packed longitudes", lambda d: d.model == "raster" and off_by(d, r"first \d+: \d+\.0 and \d+\.0$")),
    ("Texts", lambda d: d.field[0] in ("values", "attribute") and "[" in str(d.theirs)[:1] and d.model == "multidim"),
    ("Texts", lambda d: d.driver == "netCDF" and d.field[0] in ("type", "shape") and d.model == "multidim"),
    ("Anonymous dimensions", lambda d: d.field[0] in ("dimension name", "group dimension") and (phony(d.theirs) or phony(d.ours) or phony(d.field[-1]))),
    ("Anonymous dimensions", lambda d: is_dim(d) and (phony(d.field[-1].rsplit("_DEF")[0].rsplit("_VALUES")[0]) or phony(d.ours) or phony(d.theirs))),
    ("Coordinate variables are not guessed", lambda d: d.driver == "netCDF" and (d.field[0] in ("indexing variable", "dimension type") or is_dim(d))),
    ("Roles of dimensions", lambda d: d.field[0] in ("indexing variable", "dimension type") and d.driver == "HDF5"),
    ("Several scales and several names", lambda d: d.field[0] in ("dimension name", "group dimension")),
    ("Attributes of other groups", lambda d: d.model == "raster" and d.field[0] == "metadata" and d.ours is None and d.array),
    ("Metadata of names in HDF5's form", lambda d: d.model == "raster" and d.driver == "HDF5" and d.field[0] in METADATA),
    ("Attributes of every type", lambda d: d.field[0] in METADATA and (lacks(d) or d.theirs is None)),
    ("Bookkeeping is hidden", lambda d: d.field[0] in METADATA and d.field[-1] in BOOKKEEPING),
    ("Attributes of every type", lambda d: d.field[0] in METADATA),
    ("Scalars are listed", lambda d: d.field[0] == "array listed" and d.driver == "netCDF" and d.theirs is None),
    ("Links", lambda d: d.field[0] in ("array listed", "group listed")),
    ("Lines are listed where there is nothing else", lambda d: d.field[0] in ("listed", "size", "bands") and d.driver == "HDF5"),
    ("Subdatasets", lambda d: d.field[0] == "listed"),
    ("Types", lambda d: d.field[0] in ("type", "shape")),
    ("Files without a raster", lambda d: d.field[0] == "opens"),
]


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
        title = explained(d)
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
