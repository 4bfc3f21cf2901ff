#!/usr/bin/python3
"""window.py NAME [COLUMN ROW WIDTH HEIGHT] - reads a window of a raster through GDAL and says what that cost.

NAME is whatever the H5RANGE driver opens: a URL, "H5RANGE:file.nc", 'H5RANGE:"https://host/file.nc":/group/array'. Of a file with
several arrays the largest is taken; without a window, one of 8 x 6 from the middle. GDAL_DRIVER_PATH has to name the folder of
gdal_H5RANGE.so.
"""
import math
import re
import sys

import numpy as np
from osgeo import gdal

gdal.UseExceptions()


def open_raster(name):
    return gdal.OpenEx(name, gdal.OF_RASTER, allowed_drivers=["H5RANGE"])


def size_of(description):
    """Elements of an array, of "[6x180x360] //analysed_sst ..."."""
    shape = re.match(r"\[([0-9x]+)\]", description)
    return math.prod(int(n) for n in shape.group(1).split("x")) if shape else 0


def main(name, *window):
    ds = open_raster(name)
    arrays = ds.GetSubDatasets()
    if ds.RasterCount == 0 and arrays:
        name = max(arrays, key=lambda a: size_of(a[1]))[0]
        ds = open_raster(name)
    if ds.RasterCount == 0:
        sys.exit("window.py: %s has no raster" % name)
    width, height = ds.RasterXSize, ds.RasterYSize
    if window:
        column, row, n_columns, n_rows = map(int, window)
    else:
        n_columns, n_rows = min(8, width), min(6, height)
        column, row = (width - n_columns) // 2, (height - n_rows) // 2

    band = ds.GetRasterBand(1)
    raw = band.ReadAsArray(column, row, n_columns, n_rows)
    nodata, scale, offset = band.GetNoDataValue(), band.GetScale(), band.GetOffset()
    values = np.ma.masked_equal(raw, nodata) if nodata is not None else np.ma.array(raw)
    if scale is not None or offset is not None:
        values = values * (1.0 if scale is None else scale) + (offset or 0.0)

    print("%s\nband 1 of %d, %d x %d, %s; columns %d to %d, rows %d to %d%s" % (
        name, ds.RasterCount, width, height, gdal.GetDataTypeName(band.DataType), column, column + n_columns - 1, row, row + n_rows - 1,
        ", in " + band.GetUnitType() if band.GetUnitType() else ""))
    print(np.array2string(values, precision=2, max_line_width=120))
    cost = ds.GetMetadata("H5RANGE")
    print("rounds %s, requests %s, bytes %s" % (cost["ROUNDS"], cost["REQUESTS"], cost["BYTES"]))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 6):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except RuntimeError as e:
        sys.exit("window.py: %s" % e)
