"""Why answers differ: each rule has a title of docs/differences.md, and holds for the trait of a file that the text there names, so that
another difference of the same field is not taken for it. d is a compare.Difference; a and b are what the other driver and ours say of
the array."""
import math
import re

from compare_traits import (METADATA, ancestors, array_class, attribute, base, has, has_grid, has_horizontal, has_other_name, has_twin, is_container, is_eos,
                            is_horizontal, is_linked_group, is_same, lacks, lies_somewhere, lists_arrays, number, off_by, opened, path_of, phony,
                            rank, root_of, same_amount, text, theirs, they_read, underscored, wkt)
from osgeo import gdal

VERSION = int(gdal.VersionInfo())
DEFAULT_FILLS = (-127, 255, -32767, 65535, -2147483647, 4294967295, -9223372036854775806, 18446744073709551614, 9.969209968386869e36)
# What libhdf5 undoes without a plugin.
NATIVE_FILTERS = {"DEFLATE", "SHUFFLE", "FLETCHER32", "SZIP", "NBIT", "SCALEOFFSET"}
BOOKKEEPING = {"_nc3_strict", "_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "DIMENSION_LABELS", "CLASS", "NAME", "_FillValue", "missing_value",
               "scale_factor", "add_offset", "grid_mapping", "_Unsigned", "DIMENSION_LIST", "REFERENCE_LIST"}


def georeferencing(d, a, b):
    if tuple(d.field) in (("GEOLOCATION", "X_DATASET"), ("GEOLOCATION", "Y_DATASET")) and d.theirs and d.ours:  # that of a group, named without it
        return d.driver == "netCDF" and d.ours != d.theirs and d.ours.endswith(d.theirs) and opened(d.file, d.theirs) is None
    if not (lacks(d) or d.theirs == [0.0] * 6):
        return False
    if d.field[0] in ("GEOLOCATION", "GEOLOCATION2"):
        return not any(field[0] == d.field[0] for field in a)
    if d.field[0] == "coordinates":  # all of the same rows and columns
        found = [opened(d.file, path) for path in d.ours]
        return has(b, "coordinates") or all(array is not None and array.GetDimensionCount() >= 2 and
                                            [x.GetSize() for x in array.GetDimensions()][-1] in b[("shape",)] for array in found)
    if d.field[0] == "geotransform" and any(field[0] == "GEOLOCATION" for field in a) and ("crs",) not in b:
        return False  # of numbers of lines and pixels
    if d.field[0] in ("crs", "geotransform"):
        return lies_somewhere(b) or is_horizontal(b) or is_eos(d) or has(b, "coordinates") or any(field[0] == "GEOLOCATION" for field in b) or \
            has_grid(d.file)
    return False


def kilometres(d, a, b):
    if d.field[0] == "crs" and re.search(r"#units=(km|kilomet)", text(b)):  # netCDF 3.10 takes false eastings for metres there
        false = [[float(x) for x in re.findall(r'PARAMETER\["False [^"]*",([^,]*)', wkt(side))] for side in (d.theirs, d.ours)]
        if all(false) and [x * 1000 for x in false[0]] == false[1] and 'LENGTHUNIT["kilometre' not in wkt(d.theirs) + wkt(d.ours):
            return True
    if d.field[0] == "crs":
        return 'LENGTHUNIT["kilometre' in wkt(d.theirs) + wkt(d.ours)
    return d.field[0] == "geotransform" and d.theirs and d.ours and all(math.isclose(p * 1000, q, rel_tol=1e-6) for p, q in zip(d.theirs, d.ours))


def parameters(d, a, b):
    if d.field[0] == "GEOLOCATION" and d.field[-1] == "SRS":
        return VERSION < 3130000 and "WGS 84" in str(d.theirs) and "PROJCRS" in wkt(b.get(("crs",))) and "GEOG" in str(d.ours)
    if d.field[0] != "crs" or not d.theirs or not d.ours:
        return False
    if is_eos(d) or (d.driver == "HDF5" and "Authalic" in wkt(d.theirs) and opened(d.file, "/HDFEOS/GRIDS") is not None):
        return d.driver == "HDF5" and "Authalic" in wkt(d.theirs) and "WGS 84" in wkt(d.ours)
    method = re.search(r'METHOD\["([^"]*)', wkt(d.ours))
    if method is None:
        return False
    if "PROJCRS" not in wkt(d.theirs):
        return re.search("Oblique Mercator|Vertical Perspective|Sinusoidal", method.group(1), re.I) is not None
    origin = re.search(r"transverse_mercator#longitude_of_projection_origin|scale_factor_at_projection_origin", text(b))
    return "Geostationary" in method.group(1) or ("Transverse Mercator" in method.group(1) and (origin is not None or d.model == "multidim"))


def scaled_coordinates(d, a, b):
    return d.field[0] == "geotransform" and d.driver == "netCDF" and d.theirs and d.ours and 0 < d.ours[1] / d.theirs[1] != 1 and \
        math.isclose(d.ours[1] / d.theirs[1], d.ours[5] / d.theirs[5], rel_tol=1e-6) and "#scale_factor" in text(b)


def no_coordinates(d, a, b):
    if d.ours:
        return False
    if d.field[0] == "GEOLOCATION" and path_of(d, b) in (a.get(("GEOLOCATION", "X_DATASET")), a.get(("GEOLOCATION", "Y_DATASET"))):
        return True  # of longitudes, longitudes themselves
    if d.field[0] == "GEOLOCATION" and d.driver == "netCDF" and b.get(("geotransform",)) and not has(b, "coordinates"):
        return True
    if d.field[0] == "coordinates" and d.driver == "HDF5":
        return d.array in d.theirs
    if d.field[0] == "crs" and d.driver == "HDF5":
        return is_eos(d) and not is_horizontal(b)
    if d.driver != "netCDF":
        return False
    if d.field[0] == "crs":  # in the multidimensional API: no dimension that it could belong to
        return not is_horizontal(b)
    if d.field[0] == "geotransform":
        return is_coordinate(d, b) or not (has_horizontal(d) if d.array else lies_somewhere(b))
    if d.field[0] == "GEOLOCATION":
        longitudes = opened(d.file, a.get(("GEOLOCATION", "X_DATASET"), ""))
        if not isinstance(longitudes, gdal.MDArray):
            return False
        sizes = [dim.GetSize() for dim in longitudes.GetDimensions()]
        return len(sizes) == 1 or sizes[-2:] != list(b[("size",)])[::-1] or any(size != 1 for size in sizes[:-2])
    return d.field[0] == "GEOLOCATION2" and not re.search("degrees?_north", text(b))


def is_coordinate(d, b):
    return re.search(r"degrees?[ _](north|east|N|E)\b", str(attribute(b, "units"))) is not None or attribute(b, "standard_name") in ("longitude", "latitude") or \
        re.match(r"(lat|lon)", base(d.array), re.I) is not None


def coordinates_above(d, a, b):
    named = str(attribute(b, "coordinates")).split()
    return d.field[0] == "coordinates" and set(d.theirs) < set(d.ours) and all(base(path) in [base(n) for n in named] for path in set(d.ours) - set(d.theirs))


def fill_values(d, a, b):
    return d.field[0] == "nodata" and d.driver == "netCDF" and d.ours is None and not has(b, "_FillValue", "missing_value")


def nodata(d, a, b):
    if d.field[0] != "nodata":
        return False
    written = [attribute(b, name) for name in ("_FillValue", "missing_value")]
    if d.driver == "HDF5" and d.ours is None and is_same(attribute(b, "_FILLVALUE"), d.theirs):
        return True
    if d.ours is None:  # a value that the type does not have
        return any(w is not None and not is_same(w, d.theirs) for w in written) or \
            (number(written[0]) is not None and number(written[0]) < 0 and str(b.get(("type", d.field[-1]), b.get(("type",)))).startswith(("U", "Byte")))
    if lacks(d):
        return any(is_same(w, d.ours) for w in written) or any(is_same(fill, d.ours) for fill in DEFAULT_FILLS) or \
            any(number(w) is not None and number(w) % 256 == d.ours % 256 for w in written)
    unsigned = d.theirs < 0 and any(is_same(d.theirs + 2 ** bits, d.ours) for bits in (8, 16, 32))
    return d.driver == "netCDF" and (unsigned or any(is_same(w, d.ours) for w in written))


def scale(d, a, b):
    if d.field[0] == "unit" and d.driver == "netCDF" and d.model == "multidim" and lacks(d):
        return d.ours in [v for f, v in b.items() if f[-1] in ("Units", "UNITS")]
    if d.driver != "HDF5" or not lacks(d):
        return False
    if d.field[0] == "unit":
        return attribute(b, "units") in (d.ours, [d.ours]) or d.ours in [v for f, v in b.items() if f[-1] in ("Units", "UNITS")]
    return (VERSION < 3090000 or d.model == "multidim") and is_same(attribute(b, {"scale": "scale_factor", "offset": "add_offset"}.get(d.field[0], "")), d.ours)


def block_sizes(d):
    arrays = [opened(d.file, d.array)] if d.array else [root_of(d.file)[0].OpenMDArray(name) for name in root_of(d.file)[0].GetMDArrayNames() or []]
    return [array.GetBlockSize() for array in arrays if isinstance(array, gdal.MDArray)]


def blocks(d, a, b):
    if d.field[0] != "block":
        return False
    if d.model == "multidim":
        return d.driver == "HDF5" and VERSION < 3090000 and not any(d.theirs) and any(d.ours)
    width, height = b[("size",)]
    if list(d.ours) == [min(d.theirs[0], width), min(d.theirs[1], height)]:  # chunks that reach beyond the array
        return True
    if list(d.theirs) == [width, 1] and any(list(size[-2:]) == [d.ours[1], d.ours[0]] for size in block_sizes(d)):  # the file's chunks
        return True
    strips = list(d.theirs) == [width, 1] and d.ours[0] == width and 1 < d.ours[1] <= height
    return strips and d.ours[0] * (d.ours[1] - 1) <= 256 * 1024


def unreadable(d, a, b):
    if d.field[0] == "array listed" and d.driver == "netCDF" and d.theirs is None:
        return theirs("netCDF", d.file, d.array.rstrip("@") + "/" + d.field[-1]) is None or not lists_arrays(d.file)
    if d.field[0] == "listed" and d.driver == "HDF5" and d.theirs is None:
        return not they_read("HDF5", d.file, d.field[-1])
    if not off_by(d, "^theirs cannot"):
        return False
    if d.model == "multidim" and not they_read("HDF5", d.file, d.array):  # libhdf5 itself
        return True
    return not set(b.get(("_structure",), ())) <= NATIVE_FILTERS or b.get(("type",)) == "string"


def never_written(d, a, b):
    return off_by(d, r"first \d+: 0\.0 and .*theirs are all the same; ours are all the same") and not has(b, "scale_factor")


def rows_and_columns(d, a, b):
    if d.model != "raster":
        return False
    if d.field[0] == "values":
        return d.driver == "netCDF" and off_by(d, "rows are turned")
    if d.field[0] == "metadata":  # of the dimensions that are bands
        return is_dim(d) and (a.get(("size",)) != b.get(("size",)) or a.get(("bands",)) != b.get(("bands",)))
    if d.field[0] not in ("size", "bands"):
        return False
    if d.driver == "netCDF" and a[("bands",)] == 0 or (d.driver == "HDF5" and is_eos(d) and d.field[0] == "bands" and a[("bands",)] == 1):  # lengths that netCDF takes for none, or for garbage
        return True
    return same_amount(a, b) or is_container(a) != is_container(b)


def valid_ranges(d, a, b):
    if d.model != "raster" or d.driver != "netCDF":
        return False
    ranged = has(b, "valid_range", "valid_min", "valid_max")
    return ranged and (d.field[0] == "values" or (d.field[0] == "nodata" and lacks(d) and any(is_same(fill, d.ours) for fill in DEFAULT_FILLS)))


def packed_longitudes(d, a, b):
    unpacked = re.search(r"^<VRTDataset.*<SourceFilename>(.*)</SourceFilename>.*<ScaleRatio>", str(d.ours)) if d.field[0] == "GEOLOCATION" else None
    if unpacked:  # of the same array
        path, theirs = (str(name).rsplit(":", 1)[-1].lstrip("/") for name in (unpacked[1], d.theirs))
        array = opened(d.file, "/" + theirs)
        return path == theirs and array is not None and (array.GetScale() is not None or array.GetOffset() is not None)
    found = re.search(r"first \d+: (\S+) and (\S+?)(;|$)", str(d.theirs)) if d.field[0] == "values" else None
    return found is not None and d.driver == "netCDF" and abs(float(found.group(2)) - float(found.group(1))) == 360 and has(b, "scale_factor")


def texts(d, a, b):
    if off_by(d, "^padded"):
        return True
    if d.model != "multidim":  # HDF5 tells the first of several texts
        return d.driver == "HDF5" and d.field[0] in METADATA and isinstance(d.theirs, str) and isinstance(d.ours, str) and d.ours.startswith(d.theirs + " ")
    if d.field[0] == "type":
        return d.driver == "netCDF" and d.ours == "string" and d.theirs == "Byte"
    if d.field[0] == "shape":
        return b.get(("type",)) == "string" and d.theirs[:len(d.ours)] == d.ours
    two_dims = d.driver == "HDF5" and isinstance(d.theirs, list) and isinstance(d.ours, list) and len(d.theirs) == len(d.ours)
    return d.field[0] in ("attribute", "group attribute") and two_dims


def anonymous(d, a, b):
    if d.field[0] == "group dimension" and d.driver == "HDF5" and d.ours is None and re.match("/HDFEOS/(GRIDS|SWATHS|ZAS)/", d.array):
        return True  # of HDF-EOS5, without coordinates
    if d.field[0] in ("dimension name", "group dimension"):
        return phony(d.theirs) or phony(d.ours) or phony(d.field[-1])
    return is_dim(d) and (phony(re.split("_DEF|_VALUES", d.field[-1])[0]) or phony(d.ours) or phony(d.theirs))


def is_dim(d):
    return d.model == "raster" and d.field[0] in METADATA and str(d.field[-1]).startswith("NETCDF_DIM_")


def guessed(d, a, b):
    """netCDF's indexing variable of a dimension has another name than the dimension."""
    if d.driver != "netCDF":
        return False
    if d.field[0] == "indexing variable":
        dim = base(b.get(("dimension name", d.field[1])))
        return (d.theirs is None or base(d.theirs) != dim or phony(dim)) and (d.ours is None or base(d.ours) == dim)
    if d.field[0] == "dimension type":
        theirs, ours = a.get(("indexing variable", d.field[1])), b.get(("indexing variable", d.field[1]))
        if d.theirs[0] == "VERTICAL" and re.search(r"\b(m|km|meters?|metres?)\b", str(unit_of(d.file, theirs))):  # by a unit of length
            return True
        named = re.match("x|y|lon|lat|rlon|rlat|grid_", base(b.get(("dimension name", d.field[1]))), re.I) is not None
        return not any(d.theirs) or (not any(d.ours) and theirs != ours) or d.theirs[0] == d.ours[0] or (named and theirs != ours)
    if not is_dim(d) or d.field[-1] == "NETCDF_DIM_EXTRA":
        return False
    name = re.sub("_DEF$|_VALUES$", "", d.field[-1][len("NETCDF_DIM_"):])
    return d.theirs is None or has_variable(d, name) == (d.ours is not None and not str(d.ours).isdigit()) or \
        (str(d.theirs).isdigit() and has_variable(d, name)) or (str(d.ours).isdigit() and not has_variable(d, name))


def unit_of(file, path):
    array = opened(file, path) if path else None
    return array.GetUnit() if isinstance(array, gdal.MDArray) else ""


def has_variable(d, name):
    """Whether a dimension of the array has a coordinate variable."""
    array = opened(d.file, d.array) if d.array else None
    return array is not None and any(dim.GetName() == name and dim.GetIndexingVariable() is not None for dim in array.GetDimensions())


def roles(d, a, b):
    if d.driver != "HDF5" or d.field[0] not in ("indexing variable", "dimension type"):
        return False
    if d.field[0] == "dimension type" and d.theirs[0] == d.ours[0] and not d.theirs[1]:
        return True
    if d.field[0] == "indexing variable" and d.ours is None and d.theirs and opened(d.file, d.theirs) is not None and \
            [dim.GetSize() for dim in opened(d.file, d.theirs).GetDimensions()] == [0]:
        return True
    return not any(d.theirs or ()) or (d.field[0] == "indexing variable" and (d.theirs is None or base(d.theirs) != base(b.get(("dimension name", d.field[1])))
                                                                               or d.theirs.rsplit("/", 1)[0] != (d.ours or "").rsplit("/", 1)[0]))


def several_scales(d, a, b):
    if d.field[0] == "dimension name":
        return d.theirs is not None and d.ours is not None and opened(d.file, d.theirs) is not None
    return d.field[0] == "group dimension" and (not d.theirs or opened(d.file, d.array.rstrip("@") + "/" + d.field[-1]) is not None)


def other_groups(d, a, b):
    if d.model != "raster" or d.field[0] != "metadata" or d.ours is not None or not d.array:
        return False
    key = str(d.field[-1])
    if d.driver == "netCDF":
        group = re.match(r"(/.*)/[^/]*#", key)
        return group is not None and underscored(group.group(1)) not in [underscored(p) for p in ancestors(d.array)]
    return not any(key.startswith(underscored(p) + "_") and opened(d.file, p) is not None and key in
                   [underscored(p) + "_" + underscored(x.GetName()) for x in opened(d.file, p).GetAttributes() or []] for p in ancestors(d.array)) and \
        (key in BOOKKEEPING or key not in [underscored(x.GetName()) for x in root_of(d.file)[0].GetAttributes() or []])


def hdf5_dialect(d, a, b):
    if d.model != "raster" or d.driver != "HDF5" or d.field[0] not in METADATA:
        return False
    key = str(d.field[-1])
    if d.field[0] == "band metadata" and VERSION < 3070000:
        prefixed = [f[-1] for f in a if f[0] == "band metadata"]
        if d.theirs is None:  # ours has it without the prefix
            return any(p.endswith("_" + underscored(key)) for p in prefixed) or not isinstance(d.ours, (int, float))
        own = [underscored(str(f[-1])) for f in b if f[0] == "band metadata"]
        return any(key.endswith("_" + name) for name in own) or any(key.endswith("_" + name) for name in BOOKKEEPING)
    if d.theirs is None:
        return d.ours is not None
    if is_container(a) and not is_container(b):  # its only array has them
        return True
    if d.ours is None and any(key.startswith(underscored(name) + "_") and array_class(d.file, name) != gdal.GEDTC_NUMERIC
                              for name in root_of(d.file)[0].GetMDArrayNames() or []):  # of what is no number
        return True
    return any(key == name or key.endswith("_" + name) for name in BOOKKEEPING)


def every_type(d, a, b):
    if d.field[0] not in METADATA:
        return False
    if d.theirs in (None, ""):
        return d.ours is not None
    return d.ours == [] or d.ours == "" or wrapped(d, b) or d.model == "multidim" and (isinstance(d.theirs, str) and isinstance(d.ours, (str, float, int)) and re.fullmatch("[0-9a-f]*", d.theirs) is not None)


def wrapped(d, b):
    """Signed in the file, unsigned by _Unsigned."""
    theirs, ours = (v.strip("{}").split(",") if isinstance(v, str) else v if isinstance(v, list) else [v] for v in (d.theirs, d.ours))
    return has(b, "_Unsigned") and len(theirs) == len(ours) and all(
        number(p) is not None and number(q) is not None and (number(p) - number(q)) % 256 == 0 for p, q in zip(theirs, ours))


def sentinel5p(d, a, b):
    if d.field[0] == "json":
        return d.theirs is not None and d.ours is not None and ": 0.0" in re.sub(r":0\.0\b", ": 0.0", d.theirs) and '"{' in d.ours
    return d.field == ("group listed", "METADATA") and d.driver == "netCDF" and d.theirs is None and opened(d.file, "/METADATA/ISO_METADATA") is not None


def bookkeeping(d, a, b):
    return d.field[0] in METADATA and d.ours is None and str(d.field[-1]).rsplit("#", 1)[-1] in BOOKKEEPING


def scalars(d, a, b):
    array = theirs("netCDF", d.file, d.array.rstrip("@") + "/" + d.field[-1]) if d.field[0] == "array listed" and d.driver == "netCDF" else None
    return d.theirs is None and array is not None and array.GetDimensionCount() == 0


def links(d, a, b):
    if d.field[0] == "values" and d.model == "multidim" and d.driver == "netCDF":
        parent, name = d.array.rsplit("/", 1)
        return theirs("HDF5", d.file, parent + "/_nc4_non_coord_" + name) is not None
    if d.field[0] == "array listed":
        return d.driver == "HDF5" and (str(d.field[-1]).startswith("_nc4_non_coord_") or (d.theirs is None and opened(d.file, d.array.rstrip("@") + "/" + d.field[-1]) is not None))
    if d.field[0] == "listed":  # under the name of the link
        return d.driver == "HDF5" and d.theirs is None and ("_nc4_non_coord_" in str([f[-1] for f in a if f[0] == "listed"]) or theirs("HDF5", d.file, d.field[-1]) is None)
    if d.field[0] == "metadata" and d.driver == "netCDF" and d.ours is None and "#" in str(d.field[-1]):  # of what a link leads to
        path = re.sub("(/NC_GLOBAL)?#.*", "", "/" + str(d.field[-1]).lstrip("/"))
        return is_linked_group(d.file, path) or has_other_name(d.file, path)
    if d.field[0] == "metadata" and d.field[-1] == "NETCDF_DIM_EXTRA":
        return opened(d.file, "/" + str(d.theirs).strip("{}")) is not None and not d.array
    if d.field[0] != "group listed" or d.driver != "netCDF" or d.ours is not None:
        return False
    return is_linked_group(d.file, d.array.rstrip("@") + "/" + d.field[-1])


def lines(d, a, b):
    if d.driver != "HDF5":
        return False
    if d.field[0] in ("size", "bands"):
        return is_container(a)
    return d.field[0] == "listed" and d.theirs is None and not 2 <= rank(d.file, d.field[-1]) <= 3


def subdatasets(d, a, b):
    if d.field[0] != "listed":
        return False
    array = opened(d.file, d.field[-1])
    if array is None or array.GetDataType().GetClass() != gdal.GEDTC_NUMERIC:
        return d.ours is None  # of strings
    if d.theirs is None:
        complex_ = gdal.DataTypeIsComplex(array.GetDataType().GetNumericDataType())
        return bool(complex_) or not they_read("netCDF", d.file, d.field[-1]) or not is_container(a) or is_container(a) != is_container(b) or re.search("degrees", str(array.GetUnit())) is not None
    if d.ours is None:
        return not is_container(b) or any(dim.GetSize() == 0 for dim in array.GetDimensions())
    theirs, ours = (re.fullmatch(r"\[(.*)\] (.*) \((.*)\)", said) for said in (d.theirs, d.ours))
    standard_name = array.GetAttribute("standard_name") if any(x.GetName() == "standard_name" for x in array.GetAttributes()) else None
    named = theirs.group(2) == ours.group(2) or (standard_name is not None and standard_name.ReadAsString() == ours.group(2))
    sizes = [str(dim.GetSize()) for dim in array.GetDimensions()]
    unsigned = any(x.GetName() == "_Unsigned" for x in array.GetAttributes(["SHOW_ALL=YES"])) and theirs.group(3).replace("integer", "unsigned integer") == ours.group(3)
    return named and ours.group(1).split("x") == sizes and (theirs.group(3) == ours.group(3) or "32/64" in theirs.group(3) or theirs.group(3) in ("Unknown", "") or unsigned or
                                                            (theirs.group(3), ours.group(3)) in {("64-bit floating-point", "32-bit floating-point"), ("16-bit floating-point", "32-bit floating-point")})


# (theirs, ours) of other drivers' types: numbers of unusual sizes, enumerations, and those that HDF5 has some integer for.
TYPES = {("Int8", "Byte"), ("Int8", "UInt32"), ("Int8", "UInt64"), ("Int8", "string"),
         ("Float64", "Float32"), ("Float32", "Float64"), ("UInt64", "string"), ("Int16", "Byte"), ("Int16", "UInt32"), ("Int16", "UInt64"), ("Int16", "string")}


def types(d, a, b):
    if d.field[0] == "shape" and len(d.theirs) == len(d.ours):  # shorter than its scale is
        scales = [opened(d.file, b.get(("dimension name", i)) or "/no") for i in range(len(d.ours))]
        if all(p == q or (p > q and isinstance(x, gdal.MDArray) and [n.GetSize() for n in x.GetDimensions()] == [p]) for p, q, x in zip(d.theirs, d.ours, scales)):
            return True
    if d.field[0] == "shape":
        return d.driver == "HDF5" and (d.ours == [0] or b.get(("type",)) == "string" or 0 in d.theirs) or \
            (d.driver == "netCDF" and len(d.theirs) == len(d.ours) and any(p != q for p, q in zip(d.theirs, d.ours)))
    if d.field[0] != "type":
        return False
    if isinstance(d.theirs, (list, tuple)) and isinstance(d.ours, (list, tuple)):  # netCDF has no texts in compounds
        ours = dict(map(tuple, d.ours))
        return d.driver == "netCDF" and all(name in ours and (kind == ours[name] or ours[name] == "string") for name, kind in map(tuple, d.theirs))
    if isinstance(d.theirs, (list, tuple)):  # a compound of two equal numbers
        return str(d.ours).startswith("C") and len(d.theirs) == 2
    if d.model == "raster" and d.driver == "netCDF" and (d.theirs, d.ours) == ("Byte", "Int16"):  # an enumeration, whose type netCDF's arrays have, too, or not
        array = theirs("netCDF", d.file, path_of(d, b))
        return array is not None and gdal.GetDataTypeName(array.GetDataType().GetNumericDataType()) != "Byte"
    if has(b, "_Unsigned") and (d.theirs, d.ours) in {("Int8", "Byte"), ("Int16", "UInt16"), ("Int32", "UInt32")}:
        return True
    return d.theirs in ("Int8", "Int16") if isinstance(d.ours, (list, tuple)) else (d.theirs, d.ours) in TYPES


def no_raster(d, a, b):
    if d.field[0] == "metadata" and d.driver == "netCDF" and d.ours is None and "#" in str(d.field[-1]):  # of strings that netCDF takes for a raster
        return array_class(d.file, "/" + str(d.field[-1]).split("#")[0].lstrip("/")) == gdal.GEDTC_STRING
    return d.field[0] == "opens" and re.search("nothing to show as a raster|the array is empty|values that are no numbers|a scalar|longer than", str(d.ours)) is not None


RULES = [
    ("Georeferencing where the others have none", georeferencing), ("Kilometres", kilometres), ("Parameters of projections", parameters),
    ("Scaled coordinates", scaled_coordinates), ("Coordinates that are none", no_coordinates), ("Coordinates of groups above", coordinates_above),
    ("Fill values of HDF5", fill_values), ("Valid ranges", valid_ranges), ("Nodata of every origin", nodata), ("Scale, offset and unit", scale), ("Blocks", blocks),
    ("Names tell capitals from small letters", lambda d, a, b: d.driver == "HDF5" and d.model == "raster" and has_twin(d.file, d.array)),
    ("Data that the others cannot read", unreadable), ("NaN stays NaN", lambda d, a, b: off_by(d, r"first \d+: [-+.e\d]+ and nan")),
    ("Rows and columns", rows_and_columns), ("Blocks that were never written", never_written), ("Packed longitudes", packed_longitudes), ("Texts", texts),
    ("Anonymous dimensions", anonymous), ("Coordinate variables are not guessed", guessed), ("Roles of dimensions", roles),
    ("Several scales and several names", several_scales), ("Metadata of Sentinel-5P", sentinel5p), ("Bookkeeping is hidden", bookkeeping), ("Attributes of other groups", other_groups),
    ("Metadata of names in HDF5's form", hdf5_dialect), ("Attributes of every type", every_type), ("Scalars are listed", scalars), ("Links", links),
    ("Lines are listed where there is nothing else", lines), ("Subdatasets", subdatasets), ("Types", types), ("Files without a raster", no_raster),
]


def explained(d, a, b):
    """Title of docs/differences.md that says why ours is better, or None."""
    for title, holds in RULES:
        if holds(d, a, b):
            return title
    return None
