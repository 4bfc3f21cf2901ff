"""What the readers that remote.py compares do for each task. Runs in the interpreter of the reader: everything is imported where it is used.

A task answers with what judge.py can check: "objects" [datasets, attributes], "shape" and "attributes", "digest" of values in native byte order, or
"chunks" [[offset, size], ...]. Whatever a reader has to be told to do its best is here or in remote.py's table of readers.
"""
import os
import subprocess
import zlib

HEIGHTS = "/gt1l/heights/"
PRODUCT = "/PRODUCT/"
HHHH = "/science/LSAR/GCOV/grids/frequencyA/HHHH"

# file: dataset, window of one chunk (first, count), windows of T4, levels of groups below the root; lengths along the first
# dimension follow the scale that the files were made with
FILES = {
    "atl03.h5": (HEIGHTS + "h_ph", ((500000,), (10000,)), [(HEIGHTS + n, (0,), (1000000,)) for n in ("lat_ph", "lon_ph", "h_ph")], 3),
    "atl03_paged.h5": (HEIGHTS + "h_ph", ((500000,), (100000,)), [(HEIGHTS + n, (0,), (1000000,)) for n in ("lat_ph", "lon_ph", "h_ph")], 3),
    "cube.nc": ("/t2m", ((96, 90, 180), (16, 90, 180)), [("/t2m", (0, 90, 180), (224, 90, 180))], 0),
    "swath.nc": (PRODUCT + "nitrogendioxide_tropospheric_column", ((0, 812, 225), (1, 406, 225)),
                 [(PRODUCT + n, (0, 0, 0), (1, 3245, 450)) for n in ("latitude", "longitude", "qa_value", "nitrogendioxide_tropospheric_column")], 3),
    "geos.nc": ("/CMI", ((2260, 2260), (226, 226)), [("/CMI", (1130, 1130), (2260, 2260))], 0),
    "grid.h5": (HHHH, ((5120, 5120), (512, 512)), [(HHHH, (5120, 5120), (5120, 5120))], 5),
    "widegroup.h5": ("/wide/variable_05000", None, None, 1),
    "widegroup_v1.h5": ("/wide/variable_05000", None, None, 1),
    "attrs.h5": ("/many", None, None, 0),
}
MANY = ["manychunks_%s.h5" % k for k in ("v1", "fa", "ea", "bt2")]
FILES.update({f: ("/grp/data", ((16000, 800), (16, 16)), None, 1) for f in MANY})
STRUCTURED = ["atl03.h5", "atl03_paged.h5", "cube.nc", "swath.nc", "geos.nc", "grid.h5"]
WIDE = ["widegroup.h5", "widegroup_v1.h5", "attrs.h5"]
TASKS = {"T1": STRUCTURED + WIDE, "T2": STRUCTURED + WIDE, "T3": STRUCTURED + MANY, "T4": STRUCTURED, "T5": MANY,
         "T6": [f for f in STRUCTURED if f != "geos.nc"]}


def windows_of(task, name, shape_of):
    """The windows of T3 or T4, cut to the shape of the dataset: files of a small scale are shorter."""
    path, one, medium, _ = FILES[name]
    for path, first, count in [(path,) + one] if task == "T3" else medium:
        shape = shape_of(path)
        first = [min(a, max(0, n - c)) if task == "T3" else min(a, n // 4) for a, c, n in zip(first, count, shape)]
        if task == "T3" and name in STRUCTURED:
            first = [a - a % c for a, c in zip(first, count)]
        yield path, first, [min(c, n - a) for a, c, n in zip(first, count, shape)]


def slices(first, count):
    return tuple(slice(a, a + c) for a, c in zip(first, count))


def digest(arrays):
    import numpy
    crc = 0
    for a in arrays:
        a = numpy.ascontiguousarray(a)
        crc = zlib.crc32(a.astype(a.dtype.newbyteorder("="), copy=False).view("u1").reshape(-1), crc)
    return {"digest": "%08x" % crc}


# ---------------------------------------------------------------- GDAL
def multidim(options, task, name, url):
    from osgeo import gdal
    gdal.UseExceptions()
    root = gdal.OpenEx("/vsicurl/" + url, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[options["driver"]]).GetRootGroup()
    if task == "T1":
        counts = [0, 0]

        def read_attributes(o):
            for a in o.GetAttributes():
                a.Read()
                counts[1] += 1

        def walk(group):
            read_attributes(group)
            for n in group.GetMDArrayNames() or []:
                try:
                    array = group.OpenMDArray(n)
                except RuntimeError:
                    continue
                if array is None:
                    continue
                counts[0] += 1
                read_attributes(array)
                [d.GetSize() for d in array.GetDimensions()], array.GetDataType().GetName(), array.GetBlockSize(), array.GetUnit()
            for n in group.GetGroupNames() or []:
                walk(group.OpenGroup(n))
        walk(root)
        return {"objects": counts}
    if task == "T2":
        array = root.OpenMDArrayFromFullname(FILES[name][0])
        return {"shape": [d.GetSize() for d in array.GetDimensions()], "attributes": len([a.Read() for a in array.GetAttributes()])}
    arrays = {}

    def shape_of(path):
        arrays[path] = root.OpenMDArrayFromFullname(path)
        return [d.GetSize() for d in arrays[path].GetDimensions()]
    windows = list(windows_of(task, name, shape_of))
    for path, first, count in windows:  # all are announced before the first is read
        arrays[path].AdviseRead(first, count)
    return digest(arrays[p].ReadAsArray(first, count) for p, first, count in windows)


def raster(options, task, name, url):
    from osgeo import gdal
    gdal.UseExceptions()

    def open_one(path):
        return gdal.OpenEx('%s:"/vsicurl/%s":/%s' % (options["driver"], url, path), gdal.OF_RASTER)
    if task == "T1":
        dataset = gdal.OpenEx("/vsicurl/" + url, gdal.OF_RASTER, allowed_drivers=[options["driver"]])
        gdal.Info(dataset)
        return {"subdatasets": len(dataset.GetSubDatasets())}
    if task == "T2":
        dataset = open_one(FILES[name][0])
        return {"size": [dataset.RasterYSize, dataset.RasterXSize]}
    datasets = {}
    ranks = {w[0]: len(w[1]) for w in [(FILES[name][0],) + FILES[name][1]] + (FILES[name][2] or [])}

    def shape_of(path):
        d = datasets[path] = open_one(path)
        return {1: [d.RasterXSize], 2: [d.RasterYSize, d.RasterXSize], 3: [d.RasterCount, d.RasterYSize, d.RasterXSize]}[ranks[path]]

    def read(path, first, count):
        d = datasets[path]
        if len(count) == 3:
            return d.ReadRaster(first[2], first[1], count[2], count[1], band_list=list(range(first[0] + 1, first[0] + count[0] + 1)))
        return d.ReadRaster(first[-1], first[0] if len(count) > 1 else 0, count[-1], count[0] if len(count) > 1 else 1)
    import numpy
    return digest(numpy.frombuffer(read(*w), "u1") for w in windows_of(task, name, shape_of))


# ---------------------------------------------------------------- ours
def command(options, task, name, url):
    path = "%s#%s" % (url, FILES[name][0])
    args = {"T1": ["tree", "--attributes", url], "T2": ["info", path], "T5": ["chunks", path], "T6": ["chunks", "--recursive", url]}[task]
    p = subprocess.run([os.environ["H5RANGE_CLI"]] + args, capture_output=True)
    if p.returncode:
        raise RuntimeError(p.stderr.decode()[-300:])
    lines = p.stdout.decode().splitlines()

    def answer():  # what was printed is looked at after the clock was stopped
        if task == "T1":
            names = [line.strip() for line in lines]
            attributes = sum(n.startswith(":") for n in names)
            others = sum(n.endswith(("/", "(named type)")) for n in names if not n.startswith(":"))
            return {"objects": [len(names) - attributes - others, attributes]}
        if task == "T2":
            shape = next((line for line in lines if line.startswith("shape: ")), "").strip("shape: ()")
            return {"shape": [int(n) for n in shape.split(",") if n.strip()], "attributes": sum(line.startswith("attribute ") for line in lines)}
        return {"chunks": [[int(n) for n in line.split()[-3:-1]] for line in lines]}
    return answer


def package(options, task, name, url):
    import h5range
    import numpy
    f = h5range.open(url)
    if task == "T1":
        f.prefetch()
        counts = [0, 0]

        def walk(group):
            counts[1] += len(dict(group.attrs))
            for member in group.values():
                if isinstance(member, h5range.Group):
                    walk(member)
                elif isinstance(member, h5range.Dataset):
                    counts[0] += 1
                    counts[1] += len(dict(member.attrs))
                    member.shape, member.dtype, member.chunks, member.filters
        walk(f)
        return {"objects": counts}
    if task == "T2":
        d = f[FILES[name][0]]
        return {"shape": list(d.shape), "attributes": len(dict(d.attrs))}
    if task in ("T3", "T4"):
        windows = list(windows_of(task, name, lambda path: f[path].shape))
        values = f.read_many({path: slices(first, count) for path, first, count in windows})
        return digest(values[path] for path, *_ in windows)

    def pairs(index):
        return numpy.stack([index.byte_offsets.reshape(-1), index.byte_lengths.reshape(-1)], axis=1)[index.byte_lengths.reshape(-1) > 0]
    if task == "T5":
        found = [pairs(f[FILES[name][0]].index())]
    else:
        f.prefetch(attrs=False, index=True)
        found = []

        def collect(group):
            for member in group.values():
                if isinstance(member, h5range.Group):
                    collect(member)
                elif isinstance(member, h5range.Dataset) and member.chunks:
                    found.append(pairs(member.index()))
        collect(f)
    return lambda: {"chunks": numpy.concatenate(found).tolist()}


# ---------------------------------------------------------------- other readers of Python
def open_fsspec(options, url):
    import fsspec
    if not url.startswith("http"):
        return open(url, "rb")
    return fsspec.filesystem("http").open(url, **options.get("cache", {}))


def libhdf5(options, task, name, url):
    import h5py
    if task in ("T3", "T4"):
        import hdf5plugin  # noqa: F401
    f = h5py.File(open_fsspec(options, url), "r")
    if task == "T1":
        counts = [0, len([f.attrs[k] for k in f.attrs])]

        def visit(_, o):
            counts[1] += len([o.attrs[k] for k in o.attrs])
            if isinstance(o, h5py.Dataset):
                counts[0] += 1
                o.shape, o.dtype, o.chunks, o.compression, o.fillvalue
        f.visititems(visit)
        return {"objects": counts}
    if task == "T2":
        d = f[FILES[name][0]]
        return {"shape": list(d.shape), "attributes": len([d.attrs[k] for k in d.attrs])}
    if task in ("T3", "T4"):
        return digest(f[p][slices(first, count)] for p, first, count in windows_of(task, name, lambda path: f[path].shape))
    chunks = []

    def take(c):
        chunks.append((c.byte_offset, c.size))
    if task == "T5":
        f[FILES[name][0]].id.chunk_iter(take)
    else:
        f.visititems(lambda _, o: o.id.chunk_iter(take) if isinstance(o, h5py.Dataset) and o.chunks else None)
    return {"chunks": chunks}


def pyfive(options, task, name, url):
    import pyfive
    f = pyfive.File(open_fsspec(options, url))

    def walk(group, visit):
        for key in group:
            member = group[key]
            visit(member)
            if isinstance(member, pyfive.Group):
                walk(member, visit)
    if task == "T1":
        counts = [0, len(dict(f.attrs))]

        def count(o):
            counts[1] += len(dict(o.attrs))
            if isinstance(o, pyfive.Dataset):
                counts[0] += 1
                o.shape, o.dtype, o.chunks
        walk(f, count)
        return {"objects": counts}
    if task == "T2":
        d = f[FILES[name][0]]
        return {"shape": list(d.shape), "attributes": len(dict(d.attrs))}
    if task in ("T3", "T4"):
        return digest(f[p][slices(first, count)] for p, first, count in windows_of(task, name, lambda path: f[path].shape))
    found = []

    def take(o):
        if isinstance(o, pyfive.Dataset) and o.chunks:
            found.extend((c.byte_offset, c.size) for c in o.id.index.values())
    if task == "T5":
        take(f[FILES[name][0]])
    else:
        walk(f, take)
    return {"chunks": found}


def undo_filters(raw, dataset, shape):
    """A chunk of async-hdf5, which gives it as it is stored."""
    import numpy
    for step in reversed(dataset.filters):
        if step["id"] == 1:
            raw = zlib.decompress(raw)
        elif step["id"] == 2:
            raw = numpy.frombuffer(raw, "u1").reshape(dataset.element_size, -1).T.tobytes()
        elif step["id"] == 32015:
            import numcodecs
            raw = numcodecs.Zstd().decode(raw)
        else:
            raise RuntimeError("filter %d" % step["id"])
    return numpy.frombuffer(raw, dataset.numpy_dtype).reshape(shape)


def async_hdf5(options, task, name, url):
    import asyncio
    import itertools
    import async_hdf5 as library
    import numpy
    from obstore.store import HTTPStore

    async def all_of(calls):
        return await asyncio.gather(*calls) if options["gather"] else [await c for c in calls]

    async def dataset(root, path):
        above, _, last = path.strip("/").rpartition("/")
        return await (await root.navigate(above) if above else root).dataset(last)

    async def walk(group, visit):
        await visit(group, False)
        calls = []
        for n in await group.dataset_names():
            async def one(n=n):
                await visit(await group.dataset(n), True)
            calls.append(one())
        for n in await group.group_names():
            async def below(n=n):
                await walk(await group.group(n), visit)
            calls.append(below())
        await all_of(calls)

    async def window(d, first, count):
        chunk = (await d.chunk_index()).chunk_shape
        places = list(itertools.product(*[range(a // k, -(-(a + n) // k)) for a, n, k in zip(first, count, chunk)]))
        out = numpy.empty(count, d.numpy_dtype)
        for at, raw in zip(places, await d.batch_get_chunks([list(p) for p in places])):
            values = undo_filters(raw, d, chunk)
            low = [max(a, p * k) for a, p, k in zip(first, at, chunk)]
            high = [min(a + n, p * k + k) for a, n, p, k in zip(first, count, at, chunk)]
            out[tuple(slice(x - a, y - a) for x, y, a in zip(low, high, first))] = values[tuple(
                slice(x - p * k, y - p * k) for x, y, p, k in zip(low, high, at, chunk))]
        return out

    async def run():
        folder, _, last = url.rpartition("/")
        store = HTTPStore.from_url(folder, client_options={"allow_http": True})
        root = await (await library.HDF5File.open(last, store=store)).root_group()
        if task == "T1":
            counts = [0, 0]

            async def count(o, is_dataset):
                attributes = await o.attributes()
                counts[1] += len(attributes)  # others count while this one waits
                if is_dataset:
                    counts[0] += 1
                    o.shape, o.dtype, o.chunk_shape, o.filters, o.fill_value
            await walk(root, count)
            return {"objects": counts}
        if task == "T2":
            d = await dataset(root, FILES[name][0])
            return {"shape": list(d.shape), "attributes": len(await d.attributes())}
        if task in ("T3", "T4"):
            sets = {}
            for path in [FILES[name][0]] if task == "T3" else [w[0] for w in FILES[name][2]]:
                sets[path] = await dataset(root, path)
            return digest(await all_of([window(sets[p], first, count) for p, first, count in windows_of(task, name, lambda path: sets[path].shape)]))
        found = []

        async def take(o, is_dataset):
            if is_dataset and o.chunk_shape:
                found.extend((c.byte_offset, c.byte_length) for c in await o.chunk_index())
        if task == "T5":
            await take(await dataset(root, FILES[name][0]), True)
        else:
            await walk(root, take)
        return {"chunks": found}
    return asyncio.run(run())


def h5coro(options, task, name, url):
    import numpy
    from h5coro import h5coro as library, webdriver
    h = library.H5Coro(url, webdriver.HTTPDriver, credentials={})
    if task == "T1":
        counts = [0, 0]

        def walk(path):
            variables, attributes, groups = h.list(path, w_attr=True)
            counts[0] += len(variables)
            counts[1] += len(attributes) + sum(len(v) - 1 for v in variables.values())
            for g in groups:
                walk(path.rstrip("/") + "/" + g)
        walk("/")
        return {"objects": counts}
    if task == "T2":
        _, attributes, description = h.inspectPath(FILES[name][0])
        return {"shape": [int(n) for n in description.dimensions], "attributes": len(attributes)}

    def shape_of(path):
        return [int(n) for n in h.inspectPath(path)[2].dimensions]
    windows = list(windows_of(task, name, shape_of))
    values = h.readDatasets([{"dataset": p, "hyperslice": [[a, a + c] for a, c in zip(first, count)]} for p, first, count in windows], block=True)
    return digest(numpy.asarray(values[p]) for p, *_ in windows)


def kerchunk(options, task, name, url):
    import kerchunk.hdf
    found = kerchunk.hdf.SingleHdf5ToZarr(url, inline_threshold=0).translate()["refs"]
    return {"chunks": [r[1:] for r in found.values() if isinstance(r, list) and len(r) == 3]}


def virtualizarr(options, task, name, url):
    import numpy
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import HTTPStore
    from virtualizarr.parsers import HDFParser
    folder = url.rpartition("/")[0]
    registry = ObjectStoreRegistry({folder: HTTPStore.from_url(folder, client_options={"allow_http": True})})
    store = HDFParser()(url=url, registry=registry)

    def answer():  # the manifests are there; this only goes through them
        found = []

        def collect(group):
            for a in group.arrays.values():
                m = a.manifest
                found.append(numpy.stack([m._offsets.reshape(-1), m._lengths.reshape(-1)], axis=1)[m._lengths.reshape(-1) > 0])
            for g in group.groups.values():
                collect(g)
        collect(store._group)
        return {"chunks": numpy.concatenate(found).tolist() if found else []}
    return answer


# What each kind runs, and what it needs beside the standard library, which is imported before the clock starts.
KINDS = {
    "multidim": (multidim, ["osgeo.gdal"]),
    "raster": (raster, ["osgeo.gdal", "numpy"]),
    "command": (command, []),
    "package": (package, ["h5range", "numpy"]),
    "h5py": (libhdf5, ["h5py", "fsspec", "aiohttp", "hdf5plugin"]),
    "pyfive": (pyfive, ["pyfive", "fsspec", "aiohttp"]),
    "async-hdf5": (async_hdf5, ["async_hdf5", "obstore.store", "numcodecs", "numpy"]),
    "h5coro": (h5coro, ["h5coro.h5coro", "h5coro.webdriver", "numpy"]),
    "kerchunk": (kerchunk, ["kerchunk.hdf", "fsspec", "aiohttp"]),
    "virtualizarr": (virtualizarr, ["virtualizarr.parsers", "obstore.store", "obspec_utils.registry"]),
}
