#!/usr/bin/env python3
"""Writes filters_*.h5 beside this script with h5py 3.16 and hdf5plugin 7.1 (scripts/venv.sh), and the seeds of tests/fuzz/fuzz_filter.

    .venv/bin/python tests/data/make_filters.py            the files and the seeds
    .venv/bin/python tests/data/make.py --expect           NAME.json of all data files

Each dataset is the smallest that shows one thing: an element size, a rest that fills no block, a byte order, a pipeline.
"""
import os, struct
import h5py
import hdf5plugin
import numpy as np
from h5py import h5d, h5p, h5s, h5t

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = os.path.join(HERE, "..", "fuzz", "corpus", "filter")
rng = np.random.default_rng(5)


def smooth(n, dtype):
    """Numbers that compress, with some noise in them."""
    a = np.round(200 * np.sin(np.arange(n) / 9.0)) / 4 + rng.integers(0, 4, n)
    kind = np.dtype(dtype).kind
    return (a + 60 if kind == "u" else a).astype(dtype)


def low_level(f, name, file_type, array, chunk, filters, mem_type=None, fill=None):
    """A dataset of any HDF5 type with any pipeline: filters is [(function of the property list, arguments)]."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk(chunk)
    if fill is not None:
        plist.set_fill_value(np.array(fill, array.dtype))
    for function, *arguments in filters:
        getattr(plist, function)(*arguments)
    d = h5d.create(f.id, name.encode(), file_type, h5s.create_simple(array.shape), plist)
    d.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(array), mem_type)
    return d


def builtin():
    with h5py.File(os.path.join(HERE, "filters_builtin.h5"), "w", libver=("v110", "v114")) as f:
        for t in ("<u1", "<i2", ">i2", "<u4", ">f4", "<i8", "<f8", ">f8"):
            for coding in ("nn", "ec"):
                name = "szip_%s_%s" % (coding, t.replace("<", "le_").replace(">", "be_"))
                f.create_dataset(name, data=smooth(150, t).reshape(10, 15), chunks=(6, 15), compression="szip", compression_opts=(coding, 8))
        f.create_dataset("szip_wide", data=smooth(3000, "<i2").reshape(5, 600), chunks=(2, 600), compression="szip", compression_opts=("nn", 32))
        for size in (3, 5, 8, 12, 16):
            f.create_dataset("shuffle_%d" % size, data=rng.integers(0, 9, (23, size), "u1").view("V%d" % size).reshape(23), chunks=(7,), shuffle=True)
        for t in ("<i1", "<i2", ">i4", "<u8"):
            f.create_dataset("soint_" + t[1:], data=smooth(41, t), chunks=(16,), scaleoffset=0)
        f.create_dataset("soint_bits", data=smooth(41, "<i4"), chunks=(16,), scaleoffset=8, fillvalue=-9)
        d = f.create_dataset("soint_fill", shape=(40,), dtype="<i4", chunks=(16,), scaleoffset=0, fillvalue=-9)
        d[5:21] = smooth(16, "<i4")
        f.create_dataset("soint_constant", data=np.full(20, 7, "<i2"), chunks=(20,), scaleoffset=0)
        f.create_dataset("soint_all_fill", data=np.full(20, 7, "<i2"), chunks=(20,), scaleoffset=0, fillvalue=7)
        f.create_dataset("soint_full", data=np.array([-2**31, 2**31 - 1, 5, -6], ">i4"), chunks=(4,), scaleoffset=0)
        f.create_dataset("soint_full_le", data=np.array([-2**63, 2**63 - 1, 5, -6], "<i8"), chunks=(4,), scaleoffset=0)
        for t in ("<f4", ">f4", "<f8", ">f8"):
            for digits in (0, 1, 3):
                f.create_dataset("sofloat_%s_%d" % (t.replace("<", "le_").replace(">", "be_"), digits), data=smooth(41, t) / 3, chunks=(16,), scaleoffset=digits)
        d = f.create_dataset("sofloat_fill", shape=(40,), dtype="<f8", chunks=(16,), scaleoffset=2, fillvalue=-99.5)
        d[5:21] = smooth(16, "<f8") / 7
        f.create_dataset("sofloat_full", data=np.array([1e30, -1e30, 0.1, 3], "<f4"), chunks=(4,), scaleoffset=2)
        f.create_dataset("sofloat_negative", data=smooth(30, "<f8") * 1e6, chunks=(30,), scaleoffset=0)
        nbit = [("set_filter", 5, 0, ())]
        for name, base, size, precision, offset in (("le", h5t.STD_I32LE, 4, 11, 0), ("be", h5t.STD_I32BE, 4, 11, 7), ("le8", h5t.STD_U64LE, 8, 50, 3),
                                                    ("be2", h5t.STD_U16BE, 2, 9, 5), ("byte", h5t.STD_U8LE, 1, 3, 2), ("full", h5t.STD_I16LE, 2, 16, 0)):
            t = base.copy()
            t.set_precision(precision)
            t.set_offset(offset)
            a = rng.integers(0, 1 << min(precision - 1, 60), 37).astype("<u8" if size == 8 else "<i4")
            low_level(f, "nbit_" + name, t, a, (10,), nbit)
        t = h5t.IEEE_F32LE.copy()
        t.set_fields(26, 20, 6, 7, 13)
        t.set_offset(7)
        t.set_precision(20)
        t.set_ebias(31)
        low_level(f, "nbit_float", t, smooth(25, "<f4") / 8, (10,), nbit)
        f.create_dataset("nbit_long_double", shape=(9,), dtype=np.longdouble, chunks=(4,), compression=5)[...] = smooth(9, "<f8") / 3
        small = h5t.STD_I16LE.copy()
        small.set_precision(5)
        inner = h5t.create(h5t.COMPOUND, 5)
        inner.insert(b"p", 0, h5t.STD_U8LE)
        inner.insert(b"q", 1, h5t.STD_I32BE)
        t = h5t.create(h5t.COMPOUND, 40)
        t.insert(b"a", 1, small)
        t.insert(b"s", 4, h5t.C_S1.copy())
        t.insert(b"v", 8, h5t.array_create(small, (2, 3)))
        t.insert(b"in", 24, inner)
        t.insert(b"f", 32, h5t.IEEE_F64BE)
        m = np.zeros(13, [("a", "<i2"), ("s", "S1"), ("v", "<i2", (2, 3)), ("in", [("p", "u1"), ("q", "<i4")]), ("f", "<f8")])
        m["a"], m["s"], m["f"] = np.arange(13) - 6, b"x", np.arange(13) / 3
        m["v"] = (np.arange(78) % 15).reshape(13, 2, 3)
        m["in"]["p"], m["in"]["q"] = np.arange(13), -1000 * np.arange(13)
        low_level(f, "nbit_compound", t, m, (5,), nbit)
        low_level(f, "nbit_string", h5t.py_create(np.dtype("S3")), np.array([b"abc", b"de", b""], "S3"), (2,), nbit)
        a = smooth(50, "<i4")
        f.create_dataset("lzf", data=a, chunks=(50,), compression="lzf")
        f.create_dataset("lzf_shuffle_fletcher", data=a, chunks=(20,), compression="lzf", shuffle=True, fletcher32=True)
        f.create_dataset("lzf_noise", data=rng.integers(0, 256, 40, "u1"), chunks=(20,), compression="lzf")
        low_level(f, "fletcher_first", h5t.STD_I32LE, a, (21,), [("set_fletcher32",), ("set_shuffle",), ("set_deflate", 6)])
        low_level(f, "nbit_deflate", small, a.astype("<i2") % 15, (21,), nbit + [("set_deflate", 6)])
        low_level(f, "so_shuffle_deflate_fletcher", h5t.STD_I32BE, a, (21,), [("set_scaleoffset", 2, 0), ("set_shuffle",), ("set_deflate", 1), ("set_fletcher32",)])
        d = f.create_dataset("masked", shape=(30,), dtype="<i2", chunks=(10,), shuffle=True, compression="gzip", fletcher32=True)
        raw = np.arange(10, dtype="<i2")
        d.id.write_direct_chunk((0,), raw.tobytes(), 0b111)
        d.id.write_direct_chunk((10,), raw.view("u1").reshape(10, 2).T.tobytes(), 0b110)
        d[20:] = raw


def plugins():
    p = hdf5plugin
    with h5py.File(os.path.join(HERE, "filters_plugins.h5"), "w", libver=("v110", "v114")) as f:
        def put(name, a, chunks, **kw):
            f.create_dataset(name, data=a, chunks=chunks, **kw)
        a = smooth(700, "<i4")
        put("bzip2", a, (300,), **p.BZip2())
        put("zstd", a, (300,), **p.Zstd())
        put("zstd_shuffle_fletcher", a.astype(">i8"), (300,), shuffle=True, fletcher32=True, **p.Zstd(clevel=9))
        put("lz4", a, (700,), **p.LZ4())
        put("lz4_blocks", a, (700,), **p.LZ4(nbytes=999))
        put("lz4_noise", rng.integers(0, 256, 100, "u1"), (60,), **p.LZ4(nbytes=32))
        for t in ("u1", "<i2", ">i4", "<f8", "V3", "V12"):
            d = rng.integers(0, 5, (5003 // np.dtype(t).itemsize, np.dtype(t).itemsize), "u1").view(t).reshape(-1) if t[0] == "V" else smooth(999, t)
            put("bitshuffle_" + t.replace("<", "le_").replace(">", "be_"), d, (len(d),), **p.Bitshuffle(cname="none"))
            put("bitshuffle_lz4_" + t.replace("<", "le_").replace(">", "be_"), d, (len(d),), **p.Bitshuffle(cname="lz4"))
        put("bitshuffle_zstd", smooth(999, "<u2"), (999,), **p.Bitshuffle(cname="zstd"))
        put("bitshuffle_blocks", smooth(999, "<f4"), (500,), **p.Bitshuffle(nelems=64, cname="lz4"))
        put("bitshuffle_blocks_none", smooth(999, "<f4"), (500,), **p.Bitshuffle(nelems=64, cname="none"))
        put("bitshuffle_short", smooth(5, "<f4"), (5,), **p.Bitshuffle(cname="lz4"))
        for c in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for s in (0, 1, 2):
                put("blosc_%s_%d" % (c, s), smooth(1001, "<f8" if s else ">i2"), (1001,), **p.Blosc(cname=c, clevel=5, shuffle=s))
        put("blosc_noise", rng.integers(0, 256, 100, "u1"), (100,), **p.Blosc())
        for c in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for s in (0, 1, 2, 3):
                put("blosc2_%s_%d" % (c, s), smooth(1001, "<f4" if s else ">i2"), (1001,), **p.Blosc2(cname=c, clevel=5, filters=s))
        for t in ("u1", "<u2", "<f8", "V3", "V24"):
            d = np.zeros(300, t) if t[0] == "V" else smooth(300, t)
            if t[0] == "V":
                d = np.ascontiguousarray(np.tile(np.arange(300, dtype="u1"), (np.dtype(t).itemsize, 1)).T).view(t).reshape(-1)
            put("blosc2_delta_" + t.strip("<"), d, (300,), **p.Blosc2(filters=3))
        put("blosc2_large", smooth(60000, "<i4") // 8, (60000,), **p.Blosc2(cname="zstd", clevel=9, filters=1))
        put("blosc2_delta_large", smooth(60000, "<i4") // 8, (60000,), **p.Blosc2(cname="zstd", clevel=9, filters=3))
        put("blosc2_2d", smooth(35 * 41, "<i4").reshape(35, 41), (35, 41), **p.Blosc2(cname="lz4", filters=1))
        put("blosc2_2d_odd", smooth(130 * 150, "<u2").reshape(130, 150) // 9, (130, 150), **p.Blosc2(cname="zstd", clevel=9, filters=2))
        put("blosc2_3d", smooth(9 * 11 * 13, "<f8").reshape(9, 11, 13), (5, 11, 7), **p.Blosc2(cname="blosclz", filters=2))
        put("blosc2_4d", smooth(3 * 4 * 5 * 6, ">i2").reshape(3, 4, 5, 6), (2, 3, 4, 5), **p.Blosc2(cname="zlib", filters=1))
        put("blosc2_zeros", np.zeros(2000, "<f8"), (2000,), **p.Blosc2())
        put("blosc2_zeros_2d", np.zeros((50, 40), "<f4"), (50, 40), **p.Blosc2())
        put("blosc2_noise", rng.integers(0, 256, 100, "u1"), (100,), **p.Blosc2())
        put("blosc2_repeated", np.full(3000, 1.5, "<f8"), (3000,), **p.Blosc2(cname="blosclz", filters=1))
        for name, shape, chunks, t, codec, filters in (("a", (97, 90), (97, 81), "<i4", 1, 1), ("b", (10, 16, 43), (10, 15, 40), ">i2", 5, 2),
                                                      ("c", (5, 4, 7, 11), (5, 4, 7, 11), "<f8", 0, 3), ("d", (33, 65), (33, 65), "V7", 5, 1)):
            n = int(np.prod(shape))
            d = (np.arange(7 * n) // 300 % 251).astype("u1").view(t) if t == "V7" else smooth(n, t) // 8 * 8
            put("blosc2_boxes_" + name, d.reshape(shape), chunks, compression=32026, compression_opts=(0, 2048, 0, 0, 5, filters, codec))
        put("blosc2_blocks", smooth(5003, "<i4"), (5003,), compression=32026, compression_opts=(0, 2048, 0, 0, 5, 3, 1))
        put("blosc2_bytedelta", smooth(500, "<u2"), (500,), compression=32026, compression_opts=(0, 0, 0, 0, 5, 35, 5))
        for t in ("<f4", "<f8", "<i4", "<i8"):
            for name, kw in (("rate", dict(rate=16)), ("precision", dict(precision=20)), ("reversible", dict(reversible=True))) + ((("accuracy", dict(accuracy=0.01)),) if "f" in t else ()):
                put("zfp_%s_%s" % (name, t[1:]), smooth(17 * 21, t).reshape(17, 21), (17, 10), **p.Zfp(**kw))
        put("zfp_1d", smooth(101, "<f4"), (50,), **p.Zfp(rate=11))
        put("zfp_3d", smooth(5 * 6 * 7, "<f8").reshape(5, 6, 7), (5, 6, 7), **p.Zfp(accuracy=1e-3))
        put("zfp_4d", smooth(5 * 3 * 2 * 6, "<f4").reshape(5, 3, 2, 6), (5, 3, 2, 6), **p.Zfp(reversible=True))
        put("zfp_thin", smooth(60, "<f4").reshape(1, 60, 1), (1, 60, 1), **p.Zfp(rate=8))
        put("zfp_expert", smooth(60, "<f8"), (60,), **p.Zfp(minexp=-5))
        for t in ("u1", "<i2", "<u2"):
            put("fcidecomp_" + t.strip("<"), smooth(30 * 40, t).reshape(30, 40), (30, 40), **p.FciDecomp())
        put("fcidecomp_components", smooth(3 * 20 * 30, "u1").reshape(3, 20, 30), (3, 20, 30), **p.FciDecomp())
    with h5py.File(os.path.join(HERE, "filters_htj2k.h5"), "w", libver=("v110", "v114")) as f:
        for t in ("u1", "i1", "<i2", "<u2"):
            f.create_dataset("image_" + t.strip("<"), data=smooth(30 * 41, t).reshape(30, 41), chunks=(30, 41), **p.Htj2k())
        f.create_dataset("rgb", data=smooth(12 * 20 * 3, "u1").reshape(12, 20, 3), chunks=(12, 20, 3), **p.Htj2k())
        f.create_dataset("line", data=smooth(50, "<u2"), chunks=(50,), **p.Htj2k())


def seeds():
    """One small chunk of each kind as fuzz_filter reads it: id, chunk bytes, number of client values, the values, the bytes."""
    os.makedirs(SEEDS, exist_ok=True)
    for old in os.listdir(SEEDS):
        if old.startswith("data_"):
            os.remove(os.path.join(SEEDS, old))
    for file in ("filters_builtin.h5", "filters_plugins.h5", "filters_htj2k.h5"):
        with h5py.File(os.path.join(HERE, file)) as f:
            for name, d in f.items():
                plist = d.id.get_create_plist()
                info = d.id.get_chunk_info(0)
                mask, stored = d.id.read_direct_chunk(info.chunk_offset)
                bytes_ = int(np.prod(d.chunks)) * d.dtype.itemsize
                if plist.get_nfilters() != 1 or mask or len(stored) > 700 or bytes_ > 65535:
                    continue
                id_, _, values, _ = plist.get_filter(0)
                with open(os.path.join(SEEDS, "data_" + name), "wb") as out:
                    out.write(struct.pack("<HHB%dI" % len(values), id_, bytes_, len(values), *values) + stored)


if __name__ == "__main__":
    builtin()
    plugins()
    seeds()
