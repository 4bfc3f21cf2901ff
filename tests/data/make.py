#!/usr/bin/env python3
"""Writes the small files beside this script, with h5py 3.16 and netCDF4 1.7.5 (scripts/venv.sh), and their expectations.

    .venv/bin/python tests/data/make.py            the files
    .venv/bin/python tests/data/make.py --expect   also NAME.json, by $H5RANGE_SHARED/corpus/h5expect.py (libhdf5 reads)
"""
import os, subprocess, sys
import h5py
import netCDF4
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
OLD, NEW = "earliest", ("v110", "v114")


def path(name):
    return os.path.join(HERE, name)


def flat(name, n, libver):
    """One group of n contiguous datasets with an attribute each: what a listing has to cost."""
    with h5py.File(path(name), "w", libver=libver) as f:
        for i in range(n):
            d = f.create_dataset("d%03d" % i, data=np.arange(4, dtype="<i2") + i)
            d.attrs["units"] = np.bytes_("m")


def indexes():
    """Every chunk index, filtered and not; some pages and blocks are never written."""
    with h5py.File(path("chunk_indexes.h5"), "w", libver=NEW) as f:
        a = np.arange(60 * 40, dtype="<i4").reshape(60, 40)
        for filtered in (False, True):
            kw = dict(compression="gzip", shuffle=True) if filtered else {}
            g = f.create_group("filtered" if filtered else "plain")
            g.create_dataset("single", data=a[:4, :6], chunks=(4, 6), **kw)
            g.create_dataset("fixed", data=a[:8, :10], chunks=(3, 4), maxshape=(16, 20), **kw)
            d = g.create_dataset("fixed_paged", shape=(3000,), dtype="u1", chunks=(1,), fillvalue=7, **kw)
            d[5:9] = 1
            d[2500:2503] = 2
            g.create_dataset("extensible", data=a, chunks=(7, 9), maxshape=(None, 40), **kw)
            g.create_dataset("extensible_last", data=a[:8, :30], chunks=(2, 3), maxshape=(8, None), **kw)
            d = g.create_dataset("extensible_sparse", shape=(200000,), dtype="u1", chunks=(1,), maxshape=(None,), fillvalue=3, **kw)
            for i in (0, 3, 4, 100, 5000, 199999):
                d[i] = i % 251
            g.create_dataset("btree2", data=a[:20, :20], chunks=(3, 4), maxshape=(None, None), **kw)
    with h5py.File(path("implicit.h5"), "w", libver=NEW) as f:
        space = h5py.h5s.create_simple((6, 7), (12, 14))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2, 3))
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        d = h5py.h5d.create(f.id, b"implicit", h5py.h5t.STD_I16BE, space, plist)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(42, dtype=">i2").reshape(6, 7))
    with h5py.File(path("btree1.h5"), "w", libver=OLD) as f:
        f.create_dataset("deep", data=np.arange(400, dtype="<u2"), chunks=(2,), compression="gzip", fletcher32=True)
        d = f.create_dataset("sparse", shape=(50, 50), dtype="<f4", chunks=(10, 10), fillvalue=-1.5, shuffle=True)
        d[20:31, 40:] = 2.5


def types():
    with h5py.File(path("types.h5"), "w", libver=NEW) as f:
        for t in ("i1", "u1", "<i2", ">i2", "<u4", ">i8", "<f2", "<f4", ">f8", "c8"):
            f.create_dataset(t.replace("<", "le_").replace(">", "be_"), data=np.arange(6).astype(t))
        f["bool"] = np.array([True, False, True])
        f["fixed"] = np.array([b"one", b"three", b""], "S5")
        f.create_dataset("vlen_string", data=["a", "", "caf\u00e9", "x" * 300], dtype=h5py.string_dtype())
        d = f.create_dataset("vlen_int", shape=(3,), dtype=h5py.vlen_dtype(np.dtype(">i4")))
        d[0], d[2] = [1, 2, 3], [4]
        nested = np.dtype([("x", "<f8"), ("tag", "S4"), ("v", ">i2", (2, 3)), ("s", h5py.string_dtype())])
        a = np.zeros(2, nested)
        a["x"], a["tag"], a["v"][1], a["s"] = [1.5, -2], [b"ab", b"cd"], 7, ["one", "two"]
        f.create_dataset("compound", data=a)
        f["named"] = np.dtype([("re", "<f4"), ("im", "<f4")])
        f.create_dataset("of_named", shape=(2,), dtype=f["named"])
        f.create_dataset("color", data=[1, 0, 2], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, ">i2"))
        f["opaque"] = np.array([b"\0\1\2\3"], "V4")
        f["refs"] = np.array([f["fixed"].ref, h5py.Reference()], dtype=h5py.ref_dtype)
        f.create_dataset("regions", data=np.array([f["le_i2"].regionref[1:4:2]], dtype=h5py.regionref_dtype))
        f.create_dataset("null", dtype="f4", data=h5py.Empty("f4"))
        f["scalar"] = 42
        f.create_dataset("none_yet", shape=(3, 0), dtype="i4")
        f.create_dataset("never_written", shape=(5,), dtype=">i4", fillvalue=-9)


def groups():
    for name, libver in (("links_earliest.h5", OLD), ("links_latest.h5", NEW)):
        with h5py.File(path(name), "w", libver=libver) as f:
            g = f.create_group("a/b")
            g["data"] = np.arange(3)
            f["alias"] = g["data"]
            g["loop"] = f["a"]
            f["soft"] = h5py.SoftLink("/a/b/data")
            f["a/relative"] = h5py.SoftLink("b/data")
            f["dangling"] = h5py.SoftLink("/nowhere")
            f["external"] = h5py.ExternalLink("other.h5", "/x")
            f["circle"] = h5py.SoftLink("/circle")
            many = f.create_group("many", track_order=True)
            for i in range(60):
                many["n%02d" % (i * 7 % 60)] = h5py.SoftLink("/a")
            for i in range(40):
                f["a"].attrs["attr%02d" % (i * 11 % 40)] = i
    with h5py.File(path("attributes.h5"), "w", libver=NEW) as f:
        d = f.create_dataset("dense", data=0, track_order=True)
        for i in range(30):
            d.attrs["k%02d" % (i * 7 % 30)] = np.arange(i)
        d.attrs["huge"] = np.zeros(9000)
        d.attrs["text"] = "caf\u00e9"
        d.attrs["texts"] = ["x", "yy"]
        d.attrs["empty"] = h5py.Empty("f4")


def storage():
    with h5py.File(path("userblock.h5"), "w", libver=OLD, userblock_size=1024) as f:
        f["x"] = np.arange(5.0)
        f.create_dataset("chunked", data=np.arange(40), chunks=(7,), compression="gzip")
    with h5py.File(path("paged.h5"), "w", libver=NEW, fs_strategy="page", fs_page_size=4096) as f:
        f["x"] = np.arange(5.0)
        f.create_group("g").create_dataset("y", data=np.arange(100), chunks=(9,))
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    fcpl.set_sizes(4, 4)
    fid = h5py.h5f.create(path("sizes4.h5").encode(), h5py.h5f.ACC_TRUNC, fcpl)
    with h5py.File(fid) as f:
        # finite maxshape: libhdf5 reports unlimited ones of 4-byte lengths as 4294967295
        f.create_dataset("x", data=np.arange(30), chunks=(4,), maxshape=(60,), shuffle=True)
        f["s"] = "text"
        f.attrs["a"] = ["p", "q"]
    with h5py.File(path("compact.h5"), "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        d = h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32BE, h5py.h5s.create_simple((3, 4)), plist)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(12, dtype=">i4").reshape(3, 4))


def product():
    """A CF product: packed temperature on a polar stereographic grid over time, and a group with a quality layer."""
    y, x, t = 60, 80, 4
    with netCDF4.Dataset(path("product.nc"), "w") as n:
        n.Conventions, n.title = "CF-1.8", "Sea surface temperature, demonstration product"
        n.createDimension("time", None)
        n.createDimension("y", y)
        n.createDimension("x", x)
        v = n.createVariable("time", "f8", ("time",))
        v.units, v.calendar, v.standard_name, v.axis = "days since 2020-01-01", "standard", "time", "T"
        v[:] = np.arange(t)
        v = n.createVariable("y", "f8", ("y",))
        v.units, v.standard_name, v.axis = "m", "projection_y_coordinate", "Y"
        v[:] = 1e6 - 25000.0 * np.arange(y)
        v = n.createVariable("x", "f8", ("x",))
        v.units, v.standard_name, v.axis = "m", "projection_x_coordinate", "X"
        v[:] = -1e6 + 25000.0 * np.arange(x)
        c = n.createVariable("crs", "i4", ())
        c.grid_mapping_name = "polar_stereographic"
        c.latitude_of_projection_origin, c.straight_vertical_longitude_from_pole = 90.0, -45.0
        c.standard_parallel, c.false_easting, c.false_northing = 70.0, 0.0, 0.0
        c.semi_major_axis, c.inverse_flattening = 6378137.0, 298.257223563
        s = n.createVariable("sst", "i2", ("time", "y", "x"), zlib=True, shuffle=True, chunksizes=(1, 30, 40), fill_value=-32768)
        s.units, s.long_name, s.standard_name, s.grid_mapping = "K", "sea surface temperature", "sea_surface_temperature", "crs"
        s.set_auto_maskandscale(False)
        s.scale_factor, s.add_offset = 0.01, 273.15
        yy, xx = np.mgrid[0:y, 0:x]
        for i in range(t):
            a = (1500 + 900 * np.cos(yy / 17 + i / 3) * np.sin(xx / 23)).astype("i2")
            a[(yy - 20) ** 2 + (xx - 60) ** 2 < 90] = -32768
            s[i] = a
        g = n.createGroup("quality")
        q = g.createVariable("level", "u1", ("time", "y", "x"), zlib=True, chunksizes=(1, 60, 80))
        q.long_name, q.flag_values, q.flag_meanings = "quality level", np.arange(6, dtype="u1"), "none bad worst low ok best"
        q[:] = (np.arange(t)[:, None, None] + (yy + xx)[None]) % 6


def conventions():
    """What the driver makes of netCDF-4's conventions: dimensions in parent groups, unlimited and shared ones, a variable that has a
    dimension's name, a coordinate variable of two dimensions, packing, unsigned integers, types."""
    with netCDF4.Dataset(path("conventions.nc"), "w") as n:
        n.history, n.numbers = "made for tests", np.array([1, 2, 3], "i4")
        n.createDimension("time", None)
        n.createDimension("lat", 3)
        n.createDimension("lon", 4)
        n.createDimension("strlen", 5)
        n.createDimension("station", 2)
        lat = n.createVariable("lat", "f4", ("lat",))
        lat.units, lat.standard_name = "degrees_north", "latitude"
        lat[:] = [10, 20, 30]
        lon = n.createVariable("lon", "f4", ("lon",))
        lon.units, lon.standard_name = "degrees_east", "longitude"
        lon[:] = [0, 1, 2, 3]
        time = n.createVariable("time", "f8", ("time",))
        time.units = "hours since 2000-01-01"
        time[:] = [0, 6]
        n.createVariable("station", "i4", ("strlen",))[:] = range(5)  # no coordinate: stored as _nc4_non_coord_station
        n.createVariable("two_d", "f4", ("lat", "lon"))[:] = np.arange(12).reshape(3, 4)
        packed = n.createVariable("packed", "i2", ("time", "lat", "lon"), zlib=True, shuffle=True, chunksizes=(1, 2, 3), fill_value=-1)
        packed.set_auto_maskandscale(False)
        packed.scale_factor, packed.add_offset, packed.units = 0.5, 100.0, "m"
        packed.coordinates = "lat lon"
        packed[:] = np.arange(24).reshape(2, 3, 4) - 1
        unsigned = n.createVariable("unsigned", "i1", ("lat",), fill_value=-1)
        unsigned.set_auto_maskandscale(False)
        unsigned.setncattr("_Unsigned", "true")
        unsigned[:] = np.array([1, -2, -1], "i1")
        missing = n.createVariable("missing", "f4", ("lat",))
        missing.missing_value = np.float64(-999.9)
        missing[:] = [1, -999.9, 3]
        n.createVariable("chars", "S1", ("station", "strlen"))[:] = np.array([list("ab\0\0\0"), list("hello")], "S1")
        n.createVariable("strings", str, ("station",))[:] = np.array(["caf\u00e9", ""], object)
        level = n.createEnumType("u1", "level_t", {"low": 0, "high": 7})
        n.createVariable("level", level, ("station",))[:] = np.array([7, 0], "u1")
        pair = n.createCompoundType(np.dtype([("a", "i4"), ("b", "f8")]), "pair_t")
        n.createVariable("pairs", pair, ("station",))[:] = np.array([(1, 1.5), (2, 2.5)], np.dtype([("a", "i4"), ("b", "f8")]))
        n.createVariable("scalar", "f8", ())[...] = 2.5
        inner = n.createGroup("inner/most")
        inner.createDimension("z", 2)
        v = inner.createVariable("v", "f8", ("z", "time", "lat"))
        v[:] = np.arange(12).reshape(2, 2, 3)
        n["inner"].level = np.float32(1.25)
    with h5py.File(path("plain.h5"), "w", libver=OLD) as f:
        f["a"] = np.arange(12, dtype="<i4").reshape(3, 4)
        f["b"] = np.arange(12, dtype=">f4").reshape(4, 3)
        f["square"] = np.arange(16, dtype="<u2").reshape(4, 4)
        f["labelled"] = np.zeros((2, 3))
        f["labelled"].dims[0].label = "row"
        f.create_dataset("vectors", data=np.arange(24, dtype="<f8").reshape(2, 4, 3), dtype="<f8")
        f.create_dataset("of_arrays", shape=(4,), dtype=np.dtype(("<i2", (2, 3))))[...] = np.arange(24).reshape(4, 2, 3)
        f["complex"] = np.array([1 + 2j, 3 - 4j], "c8")
        f["half"] = np.array([0.5, -2], "<f2")
        f.create_dataset("chunked", data=np.arange(1000, dtype=">i2").reshape(20, 50), chunks=(8, 16), compression="gzip")
        g = f.create_group("group")
        g["a"] = np.arange(-1, 2, dtype="i1")
        g["up"] = f["/"]
        g["to_a"] = h5py.SoftLink("/a")
        g["to_root"] = h5py.SoftLink("/")
        d = f.create_dataset("sequences", shape=(2,), dtype=h5py.vlen_dtype("<i4"))
        d[0] = [1, 2]


def analysis():
    """A global analysis of sea surface temperature as agencies publish them: the file of scripts/demo.sh."""
    lat, lon = np.arange(-89.5, 90), np.arange(-179.5, 180)
    yy, xx = np.deg2rad(lat)[:, None], np.deg2rad(lon)[None, :]
    land = np.zeros((180, 360), bool)
    for north, east, tall, wide in ((45, -100, 25, 35), (-15, -60, 35, 18), (5, 20, 30, 25), (50, 80, 25, 75), (-25, 134, 12, 20), (-85, 0, 18, 400)):
        land |= ((lat[:, None] - north) / tall) ** 2 + ((lon[None, :] - east) / wide) ** 2 < 1
    with netCDF4.Dataset(path("sst_global.nc"), "w") as n:
        n.setncatts({
            "Conventions": "CF-1.8, ACDD-1.3", "title": "Global sea surface temperature, six daily analyses on one degree",
            "summary": "Made up by tests/data/make.py for demonstrations and tests: the shape of a real product, none of its measurements.",
            "processing_level": "L4", "geospatial_lat_min": np.float32(-90), "geospatial_lat_max": np.float32(90),
            "geospatial_lon_min": np.float32(-180), "geospatial_lon_max": np.float32(180), "time_coverage_start": "2020-01-01T12:00:00Z",
            "time_coverage_end": "2020-01-06T12:00:00Z"})
        for name, size in (("time", None), ("lat", 180), ("lon", 360)):
            n.createDimension(name, size)
        v = n.createVariable("time", "f8", ("time",), chunksizes=(64,))
        v.setncatts({"standard_name": "time", "units": "seconds since 1981-01-01", "calendar": "gregorian", "axis": "T"})
        v[:] = 1230724800.0 + 86400.0 * np.arange(6)
        for name, values, units, axis in (("lat", lat, "degrees_north", "Y"), ("lon", lon, "degrees_east", "X")):
            v = n.createVariable(name, "f4", (name,))
            v.setncatts({"standard_name": {"lat": "latitude", "lon": "longitude"}[name], "units": units, "axis": axis})
            v[:] = values

        def layer(group, name, dtype, fill, scale, offset, **attributes):
            v = group.createVariable(name, dtype, ("time", "lat", "lon"), zlib=True, shuffle=True, complevel=6, chunksizes=(1, 90, 180), fill_value=fill)
            v.set_auto_maskandscale(False)
            if scale:
                v.setncatts({"scale_factor": float(scale), "add_offset": float(offset)})
            v.setncatts(attributes)
            return v

        sst = layer(n, "analysed_sst", "i2", -32768, 0.01, 273.15, long_name="analysed sea surface temperature", standard_name="sea_surface_temperature",
                    units="kelvin", valid_min=np.int16(-300), valid_max=np.int16(4500), cell_methods="time: mean")
        err = layer(n, "analysis_error", "i2", -32768, 0.01, 0, long_name="estimated error standard deviation", units="kelvin")
        ice = layer(n, "sea_ice_fraction", "i1", -128, 0.01, 0, long_name="sea ice area fraction", standard_name="sea_ice_area_fraction", units="1")
        mask = layer(n, "mask", "i1", None, None, None, long_name="sea, land and ice", flag_meanings="sea land ice", flag_masks=np.array([1, 2, 4], "i1"))
        g = n.createGroup("statistics")
        g.description = "What went into the analyses"
        used = layer(g, "observations", "i4", -1, None, None, long_name="number of observations used", units="1")
        mean = g.createVariable("mean_sst", "f4", ("time",))
        mean.setncatts({"long_name": "mean of the analysed sea surface temperature", "units": "kelvin"})
        for t in range(6):
            celsius = 29 * np.cos(yy) ** 2 + 2 * np.sin(3 * xx + t / 4) * np.cos(yy) ** 4 - 1.8 * np.sin(yy) ** 2
            frozen = (celsius < -1) & ~land
            sst[t] = np.where(land, -32768, np.rint(celsius * 100)).astype("i2")
            err[t] = np.where(land, -32768, np.rint(40 + 20 * np.cos(4 * yy + t) + 10 * np.sin(2 * xx))).astype("i2")
            ice[t] = np.where(land, -128, np.where(frozen, 80, 0)).astype("i1")
            mask[t] = np.where(land, 2, np.where(frozen, 4, 1)).astype("i1")
            used[t] = np.where(land, -1, np.rint(8 + 6 * np.cos(xx + t) * np.cos(yy))).astype("i4")
            mean[t] = 273.15 + celsius[~land].mean()


def others():
    """Parts that lie in other files: virtual datasets of all kinds, external raw data, external links, families and split files."""
    os.makedirs(path("parts"), exist_ok=True)
    for i in range(3):
        with h5py.File(path("parts/virtual_source_%d.h5" % i), "w", libver=NEW) as f:
            f.create_dataset("block", data=np.arange(12, dtype="<i4").reshape(3, 4) + 100 * i, chunks=(2, 2), compression="gzip")
            f.create_dataset("line", data=np.arange(10, dtype=">i2") + 10 * i, maxshape=(None,), chunks=(4,))
    source = lambda i, name, shape, **kw: h5py.VirtualSource("virtual_source_%s.h5" % i, name, shape=shape, **kw)
    for name, libver in (("virtual.h5", NEW), ("virtual_v1.h5", ("v200", "v200"))):
        with h5py.File(path("parts/" + name), "w", libver=libver) as f:
            stacked = h5py.VirtualLayout((4, 3, 4), "<i4")
            for i in range(4):  # the last one is missing: fill
                stacked[i] = source(i, "block", (3, 4))
            f.create_virtual_dataset("stacked", stacked, fillvalue=-7)
            mixed = h5py.VirtualLayout((6, 4), "<f8")  # other type, interleaved rows, a part that nothing is mapped to
            mixed[0:6:2] = source(0, "block", (3, 4))
            mixed[1, 1:3] = source(1, "block", (3, 4))[2, 2:4]
            f.create_virtual_dataset("mixed", mixed, fillvalue=0.5)
            flattened = h5py.VirtualLayout((12,), "<i4")
            flattened[:] = source(2, "block", (3, 4))
            f.create_virtual_dataset("flattened", flattened)
            grown = h5py.VirtualLayout((10,), ">i2", maxshape=(None,))
            line = source(1, "line", (10,), maxshape=(None,))
            grown[0:h5py.h5s.UNLIMITED] = line[0:h5py.h5s.UNLIMITED]
            f.create_virtual_dataset("grown", grown, fillvalue=-1)
            numbered = h5py.VirtualLayout((9, 4), "<i4", maxshape=(None, 4))
            space, whole = h5py.h5s.create_simple((3, 4), (h5py.h5s.UNLIMITED, 4)), h5py.h5s.create_simple((3, 4))
            space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (3, 1), (3, 4))
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_fill_value(np.array(-2, "<i4"))
            plist.set_virtual(space, b"virtual_source_%b.h5", b"block", whole)
            h5py.h5d.create(f.id, b"numbered", h5py.h5t.STD_I32LE, space, plist)
            f["own"] = np.arange(6, dtype="<u2")
            here = h5py.VirtualLayout((2, 6), "<u2")
            here[1] = h5py.VirtualSource(f["own"])
            f.create_virtual_dataset("here", here)
            nested = h5py.VirtualLayout((3,), "<u2")
            nested[:] = h5py.VirtualSource(".", "here", shape=(2, 6))[1, 1:6:2]
            f.create_virtual_dataset("nested", nested)
    raw = np.arange(40, dtype="<i2")
    for part, name in ((raw[:16], "external_0.raw"), (raw[16:], "external_1.raw")):
        with open(path("parts/" + name), "wb") as f:
            f.write(b"head" + part.tobytes())
    with h5py.File(path("parts/external.h5"), "w", libver=OLD) as f:
        files = [("external_0.raw", 4, 32), ("external_1.raw", 4, 40)]
        f.create_dataset("data", shape=(4, 9), dtype="<i2", external=files)
        f.create_dataset("short", shape=(30,), dtype="<i2", external=[("external_1.raw", 4, h5py.h5f.UNLIMITED)])
    with h5py.File(path("parts/linked.h5"), "w", libver=NEW) as f:
        f["block"] = h5py.ExternalLink("virtual_source_0.h5", "/block")
        f["file"] = h5py.ExternalLink("virtual_source_1.h5", "/")
        f["soft"] = h5py.SoftLink("/file/line")
        f["twice"] = h5py.ExternalLink("linked.h5", "/block")
        f["loop"] = h5py.ExternalLink("linked.h5", "/loop")
        f["outside"] = h5py.ExternalLink("../virtual_source_0.h5", "/block")
        f["nowhere"] = h5py.ExternalLink("nowhere.h5", "/")
        f["absolute"] = h5py.ExternalLink("/no/such/folder/virtual_source_2.h5", "/block")
    with h5py.File(path("parts/family_%05d.h5"), "w", driver="family", memb_size=2048, libver=OLD) as f:
        f["x"] = np.arange(600, dtype="<i4")
        f.create_group("g").create_dataset("y", data=np.arange(300.0), chunks=(50,), compression="gzip")
    with h5py.File(path("parts/split"), "w", driver="split", libver=OLD) as f:
        f["x"] = np.arange(100, dtype="<i4")
        f["g/y"] = np.arange(5.0)


def chunks():
    """Enough chunks for several threads; element k of every dataset is (k // 50) % 1000, so that a test can tell what is right."""
    def values(*shape):
        return ((np.arange(np.prod(shape)) // 50) % 1000).reshape(shape)

    os.makedirs(path("large"), exist_ok=True)
    with h5py.File(path("large/chunks.h5"), "w", libver=NEW) as f:
        packed = dict(compression="gzip", shuffle=True)
        f.create_dataset("le4", data=values(1000, 700).astype("<i4"), chunks=(128, 128), **packed)
        f.create_dataset("be2", data=values(1000, 700).astype(">i2"), chunks=(100, 70), **packed)
        f.create_dataset("be4", data=values(20, 50, 700).astype(">f4"), chunks=(5, 20, 90), **packed)
        f.create_dataset("be8", data=values(200000).astype(">f8"), chunks=(10000,), fletcher32=True, **packed)
        f.create_dataset("deflate", data=values(1000, 700).astype("<u2"), chunks=(226, 226), compression="gzip")
        f.create_dataset("deflate_be", data=values(100000).astype(">u4"), chunks=(8192,), compression="gzip")
        pair = np.zeros((500, 300), dtype=[("a", ">i2"), ("b", "<f8"), ("c", ">u4")])
        for name in pair.dtype.names:
            pair[name] = values(500, 300)
        f.create_dataset("compound", data=pair, chunks=(64, 64), **packed)
        f.create_dataset("raw", data=values(300, 200).astype("<i4"), chunks=(100, 50))
        f.create_dataset("raw_be", data=values(300, 200).astype(">i2"), chunks=(150, 100))
        f.create_dataset("contiguous", data=values(300, 200).astype("<f4"))
        f.create_dataset("contiguous_be", data=values(300, 200).astype(">i4"))
    # an index that is worth keeping of a local file: 5,000 chunks, of two elements each
    with h5py.File(path("large/many_chunks.h5"), "w", libver=NEW) as f:
        f.create_dataset("data", data=(np.arange(10000) % 251).astype("u1"), chunks=(2,), maxshape=(10000,))
    # indexes of 3,000 chunks in many nodes
    values = (np.arange(3000) % 251).astype("u1")
    with h5py.File(path("large/nodes_v1.h5"), "w", libver=OLD) as f:
        f.create_dataset("btree1", data=values, chunks=(1,))
    with h5py.File(path("large/nodes.h5"), "w", libver=NEW) as f:
        f.create_dataset("fixed", data=values, chunks=(1,), maxshape=(3000,))
        f.create_dataset("extensible", data=values, chunks=(1,), maxshape=(None,), compression="gzip")
        f.create_dataset("btree2", data=values.reshape(60, 50), chunks=(1, 1), maxshape=(None, None))


def overlapping():
    """Mappings that overlap: the later one wins, whichever source it is of. (Nothing is left unmapped: libhdf5 compares the sum of all mapped
    elements with the size to see whether there is something to fill.)"""
    with h5py.File(path("parts/overlapping.h5"), "w", libver=NEW) as f:
        f["low"], f["high"] = np.arange(10, dtype="<i4"), np.arange(100, 110, dtype="<i4")
        layout = h5py.VirtualLayout((3, 10), "<i4")
        layout[0, 0:8] = h5py.VirtualSource(f["low"])[0:8]
        layout[0, 4:10] = h5py.VirtualSource(f["high"])[0:6]
        layout[0, 5:7] = h5py.VirtualSource(f["low"])[8:10]
        layout[1, 0:10:2] = h5py.VirtualSource(f["low"])[0:5]
        layout[1, 1:10:2] = h5py.VirtualSource(f["high"])[0:5]
        layout[2, 0:10] = h5py.VirtualSource(f["high"])
        layout[2, 0:10] = h5py.VirtualSource(f["low"])
        f.create_virtual_dataset("overlapping", layout)


def unequal():
    """Unlimited mappings between selections that are not alike: a numbered source that has grown since, one that has shrunk, others of another
    shape, and unlimited selections along another dimension or of other blocks. (No fill value: libhdf5 does not write what a shrunken
    source leaves.)"""
    without = h5py.h5s.UNLIMITED
    with h5py.File(path("parts/unequal.h5"), "w", libver=NEW) as f:
        def add(name, shape, slab, source, source_shape, source_slab=None):
            """Slabs: (start, stride, count, block)."""
            space = h5py.h5s.create_simple(shape, tuple(without if without in (slab[2][i], slab[3][i]) else n for i, n in enumerate(shape)))
            space.select_hyperslab(slab[0], slab[2], slab[1], slab[3])
            of = h5py.h5s.create_simple(source_shape, (without,) * len(source_shape))
            if source_slab is not None:
                of.select_hyperslab(source_slab[0], source_slab[2], source_slab[1], source_slab[3])
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_virtual(space, b".", source, of)
            h5py.h5d.create(f.id, name, h5py.h5t.STD_I32LE, space, plist)

        def source(name, *shape):
            values = 100 * len(f) + np.arange(np.prod(shape), dtype="<i4")
            f.create_dataset(name, data=values.reshape(shape), maxshape=(None,) * len(shape), chunks=(2,) * len(shape))

        for name, shapes in (("taller", ((2, 3), (3, 3), (2, 3))), ("wider", ((2, 3), (3, 4), (2, 4))), ("shorter", ((2, 3), (1, 3), (3, 2))),
                             ("turned", ((3, 2), (3, 2), (3, 2))), ("line", ((6,), (8,), (6,)))):
            for i, shape in enumerate(shapes):
                source("%s_%d" % (name, i), *shape)
        blocks = ((0, 0), (2, 1), (without, 1), (2, 3))
        for name in ("taller", "wider", "shorter", "turned", "line"):
            add(b"numbered_" + name.encode(), (8, 3), blocks, b"/" + name.encode() + b"_%b", f[name + "_0"].shape)
        add(b"numbered_gap", (10, 3), ((1, 0), (4, 1), (without, 1), (2, 3)), b"/taller_%b", (2, 3))
        add(b"numbered_aside", (2, 8), ((0, 0), (1, 3), (1, without), (2, 3)), b"/wider_%b", (2, 3))
        source("flat", 5, 3)
        source("wide", 3, 9)
        source("deep", 5, 3, 2)
        rows = ((0, 0), (1, 1), (1, 1), (without, 3))
        layers = ((0, 0, 0), (1, 1, 1), (1, 1, 1), (without, 3, 2))
        add(b"axis", (3, 2), ((0, 0), (1, 1), (1, 1), (3, without)), b"/flat", (5, 3), rows)
        add(b"axis_apart", (3, 10), ((0, 1), (1, 3), (1, without), (3, 2)), b"/flat", (5, 3), rows)
        add(b"axis_cut", (20, 3), ((1, 0), (3, 1), (without, 1), (2, 3)), b"/wide", (3, 9), ((0, 0), (1, 4), (1, without), (3, 3)))
        add(b"axis_last", (2, 3, 9), ((0, 0, 0), (1, 1, 1), (1, 1, 1), (2, 3, without)), b"/deep", (5, 3, 2), layers)
        add(b"axis_middle", (3, 9, 2), ((0, 0, 0), (1, 1, 1), (1, 1, 1), (3, without, 2)), b"/deep", (5, 3, 2), layers)
        add(b"slices", (9, 2, 3), ((0, 0, 0), (1, 1, 1), (1, 1, 1), (without, 2, 3)), b"/deep", (5, 3, 2), layers)


def retyped():
    """Virtual datasets of other types than their sources: half floats, complex numbers, compounds whose members pair by name."""
    with h5py.File(path("parts/retyped_source.h5"), "w", libver=NEW) as f:
        f["text"] = np.array([("one", 1), ("three", 3)], dtype=[("s", h5py.string_dtype()), ("n", "<i4")])
        f["array"] = np.array([([1, 2, 3], 5)], dtype=[("v", "<i2", (3,)), ("w", "<i4")])
        for name, dtype in (("number_to_text", [("w", "S2")]), ("other_extent", [("v", "<i2", (2,))]), ("record_to_number", "<i4")):
            layout = h5py.VirtualLayout((1,), dtype)
            layout[:] = h5py.VirtualSource(f["array"])
            f.create_virtual_dataset(name, layout)
    with h5py.File(path("parts/retyped.h5"), "w", libver=NEW) as f:
        f["real"] = np.array([0, -0.0, 1 / 3, 2049, 2051, 1.000488281250001, 65504, 65504.5, -1e9, 2.98e-8, 2.99e-8, 6.1e-5, 6.0975e-5, np.inf, np.nan])
        f["whole"] = np.array([0, -3, 2049, 65504, 70000, -70000], "<i4")
        f["complex"] = np.array([1 + 2j, 3 - 4.1j, 1e39])
        f["record"] = np.array([(1, 2.5, b"ab"), (-3, 4.5, b"cd")], dtype=[("a", "<i2"), ("b", "<f8"), ("s", "S2")])
        f["nested"] = np.array([((1, 2.5), 3), ((4, 5.5), 6)], dtype=[("p", [("a", "<i2"), ("b", "<f8")]), ("q", "<i4")])
        f["array"] = np.array([([1, 2, 300], 5), ([4, 5, 6], 7)], dtype=[("v", "<i2", (3,)), ("w", "<i4")])
        pair = [("a", ">i4"), ("b", "<f4")]
        for name, source, dtype in (
                ("real_half", "real", "<f2"), ("whole_half", "whole", "<f2"), ("complex_single", "complex", "<c8"), ("complex_swapped", "complex", ">c8"),
                ("record_part", "record", [("b", "<f8")]), ("record_turned", "record", [("s", "S4"), ("b", "<f2"), ("a", ">i8")]),
                ("record_more", "record", [("b", "<f4"), ("extra", "<i4"), ("a", "<i2")]), ("record_other", "record", [("A", "<i2"), ("c", "<f4")]),
                ("record_wide", "record", np.dtype({"names": ["a", "b"], "formats": ["<i2", ">f8"], "offsets": [4, 16], "itemsize": 32})),
                ("nested_turned", "nested", [("q", "<i2"), ("p", pair)]), ("nested_more", "nested", [("p", pair + [("z", "u1")])]),
                ("array_wide", "array", [("w", "i1"), ("v", ">i4", (3,))]), ("array_clipped", "array", [("v", "u1", (3,))])):
            layout = h5py.VirtualLayout(f[source].shape, dtype)
            layout[:] = h5py.VirtualSource(f[source])
            fill = np.array((1, 2, 3), dtype) if name == "record_more" else None  # a member that the source lacks is 0 all the same
            f.create_virtual_dataset(name, layout, fillvalue=fill)
        for name, dtype in (("text_part", [("s", h5py.string_dtype())]), ("text_left", [("n", "<i8")])):  # libhdf5 crashes where the source lacks a text
            layout = h5py.VirtualLayout((2,), dtype)
            layout[:] = h5py.VirtualSource("retyped_source.h5", "text", (2,))
            f.create_virtual_dataset(name, layout)


def scattered(name, libver, **space):
    """Groups in groups whose metadata lie between the data all over the file: each dataset is created after data of those before it, groups get
    their attributes one by one while data are written, datasets last. What it costs to find something."""
    random = np.random.default_rng(5)
    with h5py.File(path(name), "w", libver=libver, **space) as f:
        groups = [f.create_group("beam%d/%s" % (b, g)) for b in range(2) for g in ("heights", "geolocation")]
        for k in range(6):
            for g in groups:
                d = g.create_dataset("time" if k == 0 else "variable_%d" % k, shape=(4800,), dtype="<u2", chunks=(600,))
                d[:2400] = random.integers(0, 65536, 2400)
                if k == 0:
                    d.make_scale("time")
                else:
                    d.dims[0].attach_scale(g["time"])
                g.parent.attrs["step_%d" % k] = np.bytes_("attribute of the group, written between data")
        for g in groups:
            for d in g.values():
                d[2400:] = random.integers(0, 65536, 2400)
            g.attrs["comment"] = np.bytes_("data of %s were written" % g.name)
        for g in groups:
            for d in g.values():
                for a in ("units", "long_name", "description"):
                    d.attrs[a] = np.bytes_("%s of %s, as text of some length" % (a, d.name))


def scales(name):
    """A dataset whose scales have their headers at the front of the file and their attributes at its end."""
    random = np.random.default_rng(6)
    with h5py.File(path(name), "w", libver=NEW) as f:
        group = f.create_group("product")
        for n, size in (("row", 40), ("column", 50)):
            group.create_dataset(n, data=np.arange(size, dtype="<u2")).make_scale(n)
        data = f.create_group("data")

        def fill(n):
            data[n] = random.integers(0, 65536, 12000).astype("<u2")
        fill("first")
        d = group.create_dataset("values", shape=(40, 50), dtype="<u2", chunks=(20, 25))
        for k, n in enumerate(("row", "column")):
            d.dims[k].attach_scale(group[n])
        fill("second")
        for k in range(12):
            d.attrs["attribute_%d" % k] = np.bytes_("of the values, as text of some length")
        fill("third")
        for n in ("row", "column"):
            for k in range(12):
                group[n].attrs["attribute_%d" % k] = np.bytes_("of a scale, as text of some length")


def converted(name):
    """An old group that a name in UTF-8 turned into a new one: what its entry in the parent says of its symbol table is out of date."""
    with h5py.File(path(name), "w", libver=OLD) as f:
        old = f.create_group("outer/turned")
        for i in range(4):
            old["d%d" % i] = np.arange(4096, dtype="<u2")
            old.attrs["a%d" % i] = np.bytes_("attribute %d, for which the header gets one more block" % i)
        old["caf\u00e9"] = np.arange(3, dtype="<i4")
        for i in range(4):
            f["outer/turned/later%d" % i] = np.arange(4096, dtype="<u2")


def escaped_names():
    """Names that the canonical description escapes, which decides their order there."""
    with h5py.File(path("escaped_names.h5"), "w", libver=NEW) as f:
        names = ("dot.ted", "caf\u00e9", "a%b", "a", "quote\"", "\u6e29\u5ea6")
        f.create_dataset("enum", data=range(6), dtype=h5py.enum_dtype({n: i for i, n in enumerate(names)}, ">i2"))
        f["enum"].attrs["\u6e29\u5ea6"] = np.zeros(1, [(n, "<i2") for n in names])


def equal_hashes():
    """Links and attributes whose names have equal lookup3 hashes: the B-tree's key does not tell them apart."""
    with h5py.File(path("equal_hashes.h5"), "w", libver=NEW) as f:
        names = ["variable_%d" % i for pair in ((103176, 120050), (214573, 382826), (171247, 373939), (181698, 233070)) for i in pair]
        for i, name in enumerate(names + ["n%02d" % i for i in range(20)]):
            f[name] = np.int32(i)
            f.attrs[name] = np.int32(100 + i)


def family_with_user_block():
    """Addresses count from behind the user block, members from the beginning of it."""
    name = path("parts/block_%05d.h5")
    with h5py.File(name, "w", driver="family", memb_size=2048, libver=OLD, userblock_size=512) as f:
        f["x"] = np.arange(1200, dtype="<i4")


def dimension_ids():
    """Dimensions whose order is that of their numbers, not of their names, and coordinate variables of two dimensions, which have no
    DIMENSION_LIST but numbers of dimensions (_Netcdf4Coordinates)."""
    with netCDF4.Dataset(path("dimension_ids.nc"), "w") as n:
        for name, size in (("z", 2), ("x", 4), ("a", 3)):
            n.createDimension(name, size)
        n.createVariable("x", "f4", ("x", "a"))[:] = np.arange(12).reshape(4, 3)
        n.createVariable("a", "f4", ("z", "a"))[:] = np.arange(6).reshape(2, 3)  # the scale of its last dimension
        n.createVariable("v", "i2", ("a", "x", "z"))[:] = np.arange(24).reshape(3, 4, 2)


def virtual_values():
    """A virtual dataset of values that lie in the heaps of three files: strings, sequences, sequences of strings, and all of them in a
    compound; and one of that one."""
    text, ints, texts = h5py.string_dtype(), h5py.vlen_dtype(np.dtype("<i4")), h5py.vlen_dtype(h5py.string_dtype())
    of = {"text": text, "ints": ints, "texts": texts, "all": np.dtype([("n", "<i2"), ("text", text), ("ints", ints)])}

    def values(name, k):
        out = np.empty(3, object if name != "all" else of["all"])
        for i in range(3):
            one = {"text": "file %d row %d" % (k, i), "ints": np.arange(10 * k, 10 * k + i, dtype="<i4"),
                   "texts": np.array(["%d/%d/%d" % (k, i, j) for j in range(i)], object)}
            out[i] = one[name] if name != "all" else (10 * k + i, one["text"], one["ints"])
        return out

    for k in (1, 2):
        with h5py.File(path("parts/values_%d.h5" % k), "w", libver=NEW) as f:
            for name, t in of.items():
                f.create_dataset(name, data=values(name, k), dtype=t)
    for out, sources in (("values.h5", [("values_1.h5", ""), ("values_2.h5", ""), (".", "own_")]), ("values_again.h5", [("values.h5", ""), ("values_2.h5", "")])):
        with h5py.File(path("parts/" + out), "w", libver=NEW) as f:
            for name, t in of.items():
                f.create_dataset("own_" + name, data=values(name, 0), dtype=t)
                sizes = [10 if file == "values.h5" else 3 for file, _ in sources]
                layout, at = h5py.VirtualLayout((sum(sizes) + 1,), t), 0
                for (file, prefix), n in zip(sources, sizes):
                    layout[at:at + n] = h5py.VirtualSource(file, prefix + name, shape=(n,))
                    at += n
                f.create_virtual_dataset(name, layout)


def main():
    flat("flat_earliest.h5", 10, OLD)
    flat("flat_latest.h5", 10, NEW)
    flat("wide_earliest.h5", 200, OLD)
    indexes()
    types()
    groups()
    storage()
    product()
    conventions()
    analysis()
    others()
    chunks()
    overlapping()
    unequal()
    retyped()
    escaped_names()
    equal_hashes()
    dimension_ids()
    family_with_user_block()
    virtual_values()
    os.makedirs(path("scattered"), exist_ok=True)
    scattered("scattered/earliest.h5", OLD)
    scattered("scattered/latest.h5", NEW)
    scattered("scattered/paged.h5", NEW, fs_strategy="page", fs_page_size=16384)
    converted("scattered/converted.h5")
    scales("scattered/scales.h5")
    if "--expect" in sys.argv:
        shared = os.environ.get("H5RANGE_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
        parts = ["parts/" + name for name in ("virtual.h5", "virtual_v1.h5", "overlapping.h5", "unequal.h5", "retyped.h5", "values.h5", "values_again.h5", "external.h5", "linked.h5", "family_00000.h5", "block_00000.h5", "split-m.h5")]
        for name in sorted(os.listdir(HERE)) + parts:
            if name.endswith((".h5", ".nc")):
                out = subprocess.run([sys.executable, os.path.join(shared, "corpus", "h5expect.py"), path(name)],
                                     stdout=subprocess.PIPE, check=True).stdout
                with open(path(name + ".json"), "wb") as f:
                    f.write(out)


if __name__ == "__main__":
    main()
