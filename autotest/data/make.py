#!/usr/bin/env python3
"""Writes rasters.nc beside this script with netCDF4 1.7.5 (scripts/venv.sh):

    .venv/bin/python autotest/data/make.py

Values count from 0 in the order of storage, so that tests know them without reading the file another way.
"""
import os

import netCDF4
import numpy as np


def path(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def axis(group, name, values, **attributes):
    group.createDimension(name, len(values))
    v = group.createVariable(name, attributes.pop("type", "f8"), (name,))
    v.setncatts(attributes)
    v.set_auto_maskandscale(False)
    v[:] = values


LAT = dict(units="degrees_north", standard_name="latitude")
LON = dict(units="degrees_east", standard_name="longitude")
MAPPINGS = {
    "albers_conical_equal_area": dict(standard_parallel=[30.0, 50.0], longitude_of_central_meridian=10.0, latitude_of_projection_origin=40.0),
    "azimuthal_equidistant": dict(longitude_of_projection_origin=10.0, latitude_of_projection_origin=40.0),
    "lambert_azimuthal_equal_area": dict(longitude_of_projection_origin=10.0, latitude_of_projection_origin=52.0, false_easting=4321000.0),
    "lambert_conformal_conic": dict(standard_parallel=[25.0, 60.0], longitude_of_central_meridian=-100.0, latitude_of_projection_origin=42.5),
    "lambert_cylindrical_equal_area": dict(standard_parallel=30.0, longitude_of_central_meridian=5.0),
    "mercator": dict(standard_parallel=30.0, longitude_of_projection_origin=10.0),
    "oblique_mercator": dict(azimuth_of_central_line=30.0, longitude_of_projection_origin=10.0, latitude_of_projection_origin=40.0),
    "orthographic": dict(longitude_of_projection_origin=10.0, latitude_of_projection_origin=40.0),
    "polar_stereographic": dict(straight_vertical_longitude_from_pole=-45.0, latitude_of_projection_origin=90.0, standard_parallel=70.0),
    "sinusoidal": dict(longitude_of_projection_origin=10.0),
    "stereographic": dict(longitude_of_projection_origin=10.0, latitude_of_projection_origin=40.0, scale_factor_at_projection_origin=0.99),
    "transverse_mercator": dict(longitude_of_central_meridian=10.0, scale_factor_at_central_meridian=0.9996, false_easting=500000.0),
    "vertical_perspective": dict(longitude_of_projection_origin=10.0, latitude_of_projection_origin=40.0, perspective_point_height=35785831.0),
    "geostationary": dict(longitude_of_projection_origin=-75.0, perspective_point_height=35786023.0, sweep_angle_axis="x"),
    "latitude_longitude": dict(longitude_of_prime_meridian=2.5),
    "rotated_latitude_longitude": dict(grid_north_pole_latitude=32.5, grid_north_pole_longitude=170.0),
}


def rasters():
    """What the raster view decides on: grid mappings, kinds of axes, orders of dimensions, chunks across the flip."""
    with netCDF4.Dataset(path("rasters.nc"), "w") as n:
        n.Conventions, n.node_offset = "CF-1.8", np.int32(1)

        def fill(group, name, dims, type="i2", **kw):
            attributes = kw.pop("attributes", {})
            v = group.createVariable(name, type, dims, **kw)
            v.setncatts(attributes)
            v.set_auto_maskandscale(False)
            v[:] = np.arange(np.prod(v.shape)).reshape(v.shape)

        g = n.createGroup("mappings")
        axis(g, "y", [3000.0, 2000.0, 1000.0], units="m", standard_name="projection_y_coordinate")
        axis(g, "x", [1000.0, 2000.0], units="m", standard_name="projection_x_coordinate")
        for name, parameters in MAPPINGS.items():
            c = g.createGroup("crs").createVariable(name, "i1")
            c.setncatts(dict(parameters, grid_mapping_name=name, semi_major_axis=6378137.0, inverse_flattening=298.257223563))
            fill(g, "on_" + name, ("y", "x"), attributes=dict(grid_mapping="/mappings/crs/" + name))
        fill(g, "expanded", ("y", "x"), attributes=dict(grid_mapping="crs/latitude_longitude: lat lon crs/transverse_mercator: x y"))
        fill(g, "missing", ("y", "x"), attributes=dict(grid_mapping="nowhere"))
        for name, unit in (("km", "km"), ("scan_angles", "rad")):
            h = g.createGroup(name)
            axis(h, "y", [3, 2, 1], type="i2", units=unit, standard_name="projection_y_coordinate", scale_factor=0.01)
            axis(h, "x", [1, 2], type="i2", units=unit, standard_name="projection_x_coordinate", scale_factor=0.01)
            fill(h, "data", ("y", "x"), attributes=dict(grid_mapping="/mappings/crs/" + ("geostationary" if unit == "rad" else "transverse_mercator")))

        g = n.createGroup("axes")
        for name, lat, lon in (("north_up", [3.0, 2.0, 1.0], [1.0, 2.0]), ("south_up", [1.0, 2.0, 3.0], [1.0, 2.0]),
                               ("date_line", [3.0, 2.0, 1.0], [178.0, 179.0, -180.0, -179.0]), ("pacific", [3.0, 2.0, 1.0], [200.0, 210.0]),
                               ("uneven", [9.0, 8.0, 4.0, 1.0], [1.0, 2.0]), ("one_row", [3.0], [1.0, 2.0])):
            h = g.createGroup(name)
            axis(h, "lat", lat, **LAT)
            axis(h, "lon", lon, **LON)
            fill(h, "data", ("lat", "lon"))
            if name == "north_up":
                fill(h.createGroup("deep/down"), "data", ("lat", "lon"))
                fill(h, "transposed", ("lon", "lat"))
        h = g.createGroup("one_column")
        axis(h, "lat", [3.0, 2.0], **LAT)
        axis(h, "lon", [10.0], actual_range=[8.0, 12.0], **LON)
        fill(h, "data", ("lat", "lon"))
        h = g.createGroup("swath")
        h.createDimension("line", 3)
        h.createDimension("pixel", 2)
        fill(h, "lat", ("line", "pixel"), "f4", attributes=LAT)
        fill(h, "lon", ("line", "pixel"), "f4", attributes=LON)
        fill(h, "data", ("line", "pixel"), attributes=dict(coordinates="lat lon"))

        g = n.createGroup("bands")
        axis(g, "time", [0.0, 6.5], units="hours since 2000-01-01")
        axis(g, "level", [1000, 500, 10], type="i4", units="hPa")
        axis(g, "lat", np.arange(37) / 2, **LAT)
        axis(g, "lon", np.arange(53) / 2, **LON)
        fill(g, "flipped", ("time", "level", "lat", "lon"), "i4", chunksizes=(1, 2, 8, 11), zlib=True,
             attributes=dict(long_name="counter", units="1", scale_factor=0.5, add_offset=10.0, missing_value=np.int32(-5)))
        fill(g, "last", ("lat", "lon", "level"), "f4", fill_value=False)
        fill(g, "bytes", ("lat", "lon"), "i1", fill_value=np.int8(-7))
        fill(g, "unsigned", ("lat", "lon"), attributes=dict(_Unsigned="true"), fill_value=np.int16(-1))
        fill(g, "large", ("level", "lat"), "i8", fill_value=np.int64(2**60 + 1))


if __name__ == "__main__":
    rasters()
