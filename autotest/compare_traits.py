"""What compare_rules.py asks of files and of what drivers say of their arrays."""
import functools
import math
import os
import re

from osgeo import gdal

METADATA = ("metadata", "band metadata", "attribute", "group attribute")


@functools.lru_cache(maxsize=4)
def root_of(file):
    ds = gdal.OpenEx('H5RANGE:"%s"' % file, gdal.OF_MULTIDIM_RASTER)
    return ds.GetRootGroup(), ds


def opened(file, path):
    """An array or a group, by a path that may have "_" for blanks; None where there is none."""
    group, parts = root_of(file)[0], [p for p in str(path).rstrip("@").split("/") if p]
    for i, part in enumerate(parts):
        names = [[n if isinstance(n, str) else os.fsdecode(n) for n in kind or []] for kind in (group.GetGroupNames(), group.GetMDArrayNames())]
        group_name, array_name = (next((n for n in kind if n == part or n.replace(" ", "_") == part), None) for kind in names)
        if i + 1 == len(parts) and array_name is not None:
            return group.OpenMDArray(array_name)
        if group_name is None:
            return None
        group = group.OpenGroup(group_name)
    return group


def theirs(driver, file, path):
    """An array as the other driver opens it, whether it lists it or not; None where it does not. Of netCDF and HDF5, so of libhdf5."""
    try:
        ds = gdal.OpenEx('NETCDF:"%s"' % file if driver == "netCDF" else str(file), gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver])
        found = ds.GetRootGroup()
        *groups, array = [p for p in path.split("/") if p]
        for part in groups:
            found = found.OpenGroup(part)
        array = found.OpenMDArray(array)
        array.root = ds
        return array
    except (RuntimeError, AttributeError):
        return None


def lists_arrays(file):
    """netCDF lists none where one has an attribute that it cannot read."""
    try:
        return gdal.OpenEx('NETCDF:"%s"' % file, gdal.OF_MULTIDIM_RASTER, allowed_drivers=["netCDF"]).GetRootGroup().GetMDArrayNames() is not None
    except RuntimeError:
        return False


def they_read(driver, file, path):
    array = theirs(driver, file, path)
    try:
        return array is not None and array.Read() is not None
    except (RuntimeError, TypeError, ValueError):
        return False


@functools.lru_cache(maxsize=4)
def has_grid(file):
    """Whether any array of the file has horizontal dimensions or coordinates of two."""
    def look(group):
        for name in group.GetMDArrayNames() or []:
            array = group.OpenMDArray(name)
            roles = {d.GetType() for d in array.GetDimensions()}
            if {"HORIZONTAL_X", "HORIZONTAL_Y"} <= roles or (array.GetDimensionCount() >= 2 and array.GetCoordinateVariables()):
                return True
        return any(look(group.OpenGroup(name)) for name in group.GetGroupNames() or [])
    return look(root_of(file)[0])


def is_linked_group(file, path):
    """One that is not listed, but there."""
    try:
        group = root_of(file)[0]
        for part in [p for p in path.split("/") if p]:
            group = group.OpenGroup(part)
        return opened(file, path) is None
    except (RuntimeError, AttributeError):
        return False


def has_other_name(file, path):
    """Whether an array of the same group has the same values: a link to it."""
    array, group = opened(file, path), opened(file, path.rsplit("/", 1)[0] or "/")
    if not isinstance(array, gdal.MDArray):
        return False
    others = [group.OpenMDArray(name) for name in group.GetMDArrayNames() if name != array.GetName()]
    return any([x.GetSize() for x in other.GetDimensions()] == [x.GetSize() for x in array.GetDimensions()] and other.Read() == array.Read() for other in others)


def array_class(file, path):
    array = opened(file, path)
    return array.GetDataType().GetClass() if isinstance(array, gdal.MDArray) else None


def rank(file, path):
    found = opened(file, path)
    return found.GetDimensionCount() if isinstance(found, gdal.MDArray) else -1


def attribute(said, name):
    """Of the array, hidden or not; None where there is none."""
    for field, value in said.items():
        if field[0] in ("_hidden", "attribute", "band metadata") and field[-1] == name:
            return value
    return None


def has(said, *names):
    return any(attribute(said, name) is not None for name in names)


def number(value):
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_same(a, b):
    x, y = number(a), number(b)
    return x is not None and y is not None and (math.isclose(x, y, rel_tol=1e-6) or (math.isnan(x) and math.isnan(y)))


def lacks(d):
    """What is compared with says nothing, ours does."""
    return d.theirs in (None, "", [], "null") and d.ours not in (None, "", [])


def wkt(value):
    return value["wkt"] if value else ""


def text(said):
    """All of an array's metadata, to look for words in."""
    return "\n".join("%s=%s" % ("#".join(map(str, field[1:])), value) for field, value in said.items() if field[0] in METADATA or field[0] == "_hidden")


def lies_somewhere(said):
    """Attributes that place pixels: longitudes and latitudes, axes of a projection, a grid mapping, or those of HDF-EOS and ODIM."""
    return re.search(r"degrees?[ _](north|south|east|west|[NSEW])|standard_name=(grid_)?(longitude|latitude)|projection_[xy]_coordinate|grid_mapping|spatial_ref|crs_wkt|"
                     r"(^|[#_])axis=[XY]", text(said), re.M | re.I) is not None


def is_horizontal(said):
    roles = {value[0] for field, value in said.items() if field[0] == "dimension type"}
    return {"HORIZONTAL_X", "HORIZONTAL_Y"} <= roles


def has_horizontal(d):
    array = opened(d.file, d.array)
    return isinstance(array, gdal.MDArray) and {"HORIZONTAL_X", "HORIZONTAL_Y"} <= {dim.GetType() for dim in array.GetDimensions()}


def path_of(d, said):
    """The array's, that of a file with one array too."""
    return d.array or "/" + str(said.get(("band metadata", 1, "NETCDF_VARNAME"), "")) if "/" not in d.array else d.array


def is_eos(d):
    return d.array.startswith("/HDFEOS/")


def phony(value):
    return re.search(r"phony_dim_\d+|/dim\d+$|^dim\d+$|NETCDF_DIM_dim\d+", str(value)) is not None


def base(path):
    return str(path).rsplit("/", 1)[-1]


def off_by(d, pattern):
    """A difference of values whose text has a pattern."""
    return d.field[0] == "values" and re.search(pattern, str(d.theirs)) is not None


def same_amount(a, b):
    """The same pixels, with rows, columns and bands exchanged."""
    return sorted([*a[("size",)], a[("bands",)]]) == sorted([*b[("size",)], b[("bands",)]]) or \
        math.prod([*a[("size",)], a[("bands",)]]) == math.prod([*b[("size",)], b[("bands",)]])


def is_container(said):
    return said.get(("bands",)) == 0 and list(said.get(("size",), ())) == [512, 512]


def has_twin(file, path):
    """A name in the same group that differs in capitals only."""
    group = opened(file, path.rsplit("/", 1)[0] or "/")
    name = base(path)
    return group is not None and any(other != name and other.lower() == name.lower() for other in group.GetMDArrayNames() or [])


def underscored(path):
    return re.sub(r"[/ ]", "_", path.strip("/"))


def ancestors(path):
    parts = path.strip("/").split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]
