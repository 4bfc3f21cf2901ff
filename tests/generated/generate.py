"""Draws one HDF5 file: everything in it follows from the random numbers it is given.

What libhdf5 refuses (a type that the version bounds exclude, a filter that a type does not take, ...) is left out and counted; the rest of
the file is drawn on. Parts that lie in other files (virtual sources, raw data, targets of links) are written beside it.
"""
import collections
import ctypes as C
import os
import zlib

import numpy as np

from datatypes import FLOATS, PLAIN, WORDS, Types, Values, scalar_name, slab
from hdf5 import (ALL, DEFAULT, H5, ON_TRAVERSE, UNLIMITED, LinkClass, Refused, constant, numbers, plist, simple)
from oracle import Type

EARLIEST, V18, V110, V112, V114, V200 = range(6)
BYTES = 400_000  # of one dataset

# Filters of hdf5plugin: id and how its values are drawn for elements of `size` bytes.
PLUGINS = {
    307: lambda r, size: [r.randint(1, 9)],
    32000: lambda r, size: [],
    32001: lambda r, size: [0, 0, 0, 0, r.randint(1, 9), r.randrange(3), r.choice([0, 1, 2, 4, 5])],
    32004: lambda r, size: [r.choice([0, 64, 1024])],
    32008: lambda r, size: r.choice([[0, 0], [0, 2], [0, 3, r.randint(1, 9)], [r.choice([8, 16, 128]), r.choice([0, 2])]]),
    32015: lambda r, size: [r.randint(1, 12)],
    32026: lambda r, size: [0, 0, 0, 0, r.randint(1, 9), r.randrange(3), r.choice([0, 1, 2, 4, 5])],
    32013: lambda r, size: r.choice([[5, 0, 0, 0, 0, 0], [1, 0, 0, 0x40200000, 0, 0], [2, 0, r.randint(4, 20), 0, 0, 0]]),
}


@ON_TRAVERSE
def traverse_nothing(name, group, value, size, lapl, dxpl):
    return -1


LINK_CLASS = LinkClass(0, 99, b"of the tests", None, None, None, C.cast(traverse_nothing, C.c_void_p), None, None)


class Maker:
    def __init__(self, r, folder, filters):
        self.r, self.folder, self.filters, self.refused, self.drawn = r, folder, filters, collections.Counter(), collections.Counter()
        self.objects, self.groups, self.named_attributes, self.serial = [], [], [], 0

    # ---------------------------------------------------------------- help
    def attempt(self, what, call, *arguments):
        """Runs a part of the file that libhdf5 may refuse."""
        try:
            result = call(*arguments)
            self.drawn[what] += 1
            return result
        except Refused as e:
            self.refused["%s: %s" % (what, e)] += 1
            return None

    def maybe(self, chance, what, call, *arguments):
        if self.r.random() < chance:
            return self.attempt(what, call, *arguments)
        return None

    def name(self):
        self.serial += 1
        return ("%s%d" % (self.r.choice(WORDS + ["n", "n", "n"]), self.serial)).encode()

    def path(self, group, name):
        return (b"" if group == b"/" else group) + b"/" + name

    # ---------------------------------------------------------------- file
    def make(self):
        """-> the name of the file, how to open it (None or a function of a property list)."""
        r = self.r
        self.low = r.choice([EARLIEST, EARLIEST, V18, V110, V112, V114, V200])
        self.high = r.choice([v for v in (V18, V110, V112, V114, V200, V200) if v >= self.low])
        self.types = Types(r, self.high == V200)
        self.driver = r.choices(["file", "family", "split"], [40, 1, 1])[0]
        self.file_name = {"file": "main.h5", "family": "main_%03d.h5", "split": "main"}[self.driver]
        self.member_size = r.choice([4096, 10000, 65536])
        fcpl = plist("FILE_CREATE")
        self.address_size = 8
        self.creation(fcpl)
        self.types.references_anywhere = self.address_size == 8
        try:
            self.fid = H5.Fcreate(self.at(self.file_name), 2, fcpl, self.access(self.low, self.high))
        except Refused as e:  # a property that the bounds exclude
            self.refused["file: %s" % e] += 1
            self.address_size, self.types.references_anywhere = 8, True
            self.fid = H5.Fcreate(self.at(self.file_name), 2, DEFAULT, self.access(self.low, self.high))
        H5.Pclose(fcpl)
        self.values = Values(r, self.fid, self.objects, self.named_attributes)
        H5.Lregister(C.byref(LINK_CLASS))
        self.groups.append(b"/")
        self.objects.append((b"/", None))
        for _ in range(r.choice([1, 3, 6, r.randint(4, 14)])):
            self.something(r.choice(self.groups))
        self.attributes(b"/")
        self.finish()
        if r.random() < 0.4:
            self.second_session()
        if self.driver == "file" and r.random() < 0.08:
            self.wrap()
        return {"file": "main.h5", "family": "main_000.h5", "split": "main-m.h5"}[self.driver], self.open_again

    def at(self, name):
        return os.path.join(self.folder, name).encode()

    def access(self, low, high):
        fapl = plist("FILE_ACCESS")
        H5.Pset_libver_bounds(fapl, low, high)
        H5.Pset_fclose_degree(fapl, 3)  # with all that a refused call may have left open
        if self.driver == "family":
            H5.Pset_fapl_family(fapl, self.member_size, DEFAULT)
        elif self.driver == "split":
            H5.Pset_fapl_split(fapl, b"-m.h5", DEFAULT, b"-r.h5", DEFAULT)
        else:
            if self.r.random() < 0.1:
                H5.Pset_alignment(fapl, self.r.choice([1, 100, 1000]), self.r.choice([8, 64, 512]))
            if self.r.random() < 0.1:
                H5.Pset_meta_block_size(fapl, self.r.choice([0, 512, 8192]))
        return fapl

    def open_again(self):
        fapl = self.access(EARLIEST, V200)
        return H5.Fopen(self.at(self.file_name), 0, fapl)

    def creation(self, fcpl):
        r = self.r
        if self.driver != "split" and r.random() < 0.15:  # raw data of split files begin at an address of 8 bytes
            sizes = r.choice([(4, 4), (4, 8), (8, 4), (4, 4)])
            H5.Pset_sizes(fcpl, *sizes)
            self.address_size = sizes[0]
            self.drawn["sizes %d, %d" % sizes] += 1
        if r.random() < 0.25:
            H5.Pset_sym_k(fcpl, r.choice([1, 2, 5]), r.choice([1, 2, 4]))
        if r.random() < 0.25:
            H5.Pset_istore_k(fcpl, r.choice([1, 2, 6]))
        if self.driver == "file" and r.random() < 0.12:
            H5.Pset_userblock(fcpl, r.choice([512, 1024, 4096]))
            self.drawn["user block"] += 1
        if self.driver == "file" and r.random() < 0.3:
            strategy = r.randrange(4)
            H5.Pset_file_space_strategy(fcpl, strategy, r.random() < 0.4, r.choice([1, 64]))
            if strategy == 1:
                H5.Pset_file_space_page_size(fcpl, r.choice([512, 4096, 5000]))
            self.drawn["space strategy %d" % strategy] += 1
        if r.random() < 0.2:
            n = r.randint(1, 3)
            H5.Pset_shared_mesg_nindexes(fcpl, n)
            for i, mask in enumerate(r.sample([0x02, 0x08, 0x20, 0x800, 0x1000], n) if n > 1 else [r.choice([0x183A - 0x10, 0x1000, 0x08])]):
                H5.Pset_shared_mesg_index(fcpl, i, mask, r.choice([1, 10, 60]))
            most = r.choice([0, 2, 50])
            H5.Pset_shared_mesg_phase_change(fcpl, most, r.randint(0, most + 1))
            self.drawn["shared messages"] += 1
        self.order(fcpl)
        self.tracking(fcpl)

    def order(self, plist):
        r = self.r
        if r.random() < 0.4:
            H5.Pset_link_creation_order(plist, r.choice([1, 3]))
        if r.random() < 0.4:
            most = r.choice([0, 1, 4, 20])
            H5.Pset_link_phase_change(plist, most, r.randint(0, most))

    def tracking(self, plist):
        r = self.r
        if r.random() < 0.4:
            H5.Pset_attr_creation_order(plist, r.choice([1, 3]))
        if r.random() < 0.4:
            most = r.choice([0, 1, 4, 20])
            H5.Pset_attr_phase_change(plist, most, r.randint(0, most))
        if r.random() < 0.3:
            H5.Pset_obj_track_times(plist, r.random() < 0.5)

    def finish(self):
        self.types.close()
        self.types.named.clear()
        self.values.close()
        H5.Fclose(self.fid)

    def second_session(self):
        """Opened again, perhaps by a newer version, and changed: what lies in the file is then of several ages."""
        low = self.r.choice([v for v in (EARLIEST, V18, V110, V114, V200) if v >= self.low])
        try:
            self.fid = H5.Fopen(self.at(self.file_name), 1, self.access(low, V200))
        except Refused as e:
            self.refused["second session: %s" % e] += 1
            return
        self.drawn["second session"] += 1
        self.values.fid = self.fid
        self.types.allow_complex = True
        for _ in range(self.r.randint(1, 5)):
            self.r.choice([self.remove, self.remove, self.move, self.more_attributes, self.copy_object, lambda: self.something(b"/")])()
        self.finish()

    def wrap(self):
        """Puts bytes in front of the finished file, as h5jam does, or behind it."""
        with open(self.at("main.h5"), "rb") as f:
            content = f.read()
        if content[:8] != b"\x89HDF\r\n\x1a\n":
            return  # there is a user block
        front = self.r.choice([0, 512, 2048])
        with open(self.at("main.h5"), "wb") as f:
            f.write(self.r.randbytes(front) + content + self.r.randbytes(self.r.choice([0, 100])))
        self.drawn["wrapped"] += 1

    # ---------------------------------------------------------------- objects
    def something(self, group):
        kind = self.r.choices(["group", "dataset", "links", "type", "sparse", "virtual", "external", "many", "remove", "move", "copy"],
                              [20, 50, 12, 7, 7, 7, 4, 5, 4, 3, 3])[0]
        if kind == "virtual" and self.driver != "file":
            kind = "dataset"  # libhdf5 looks for the sources with the driver of the file itself
        if kind in ("remove", "move", "copy"):
            {"remove": self.remove, "move": self.move, "copy": self.copy_object}[kind]()
        else:
            self.attempt("new " + kind, getattr(self, "new_" + kind), group)
        self.types.close()
        self.values.close()

    def lcpl(self):
        p = plist("LINK_CREATE")
        H5.Pset_char_encoding(p, self.r.randrange(2))
        return p

    def new_group(self, parent):
        r, gcpl, path = self.r, plist("GROUP_CREATE"), self.path(parent, self.name())
        self.order(gcpl)
        self.tracking(gcpl)
        if r.random() < 0.2:
            H5.Pset_est_link_info(gcpl, r.randint(0, 30), r.randint(1, 60))
        if r.random() < 0.2:
            H5.Pset_local_heap_size_hint(gcpl, r.choice([16, 100, 2000]))
        if r.random() < 0.15:
            H5.Pset_deflate(gcpl, 6)
            self.drawn["filtered group"] += 1
        H5.Oclose(H5.Gcreate2(self.fid, path, self.lcpl(), gcpl, DEFAULT))
        self.groups.append(path)
        self.objects.append((path, None))
        self.comment(path)
        self.attributes(path)
        for _ in range(r.choice([0, 1, 2, 4])):
            self.something(path)

    def new_many(self, parent):
        """A group of many short links, some of them taken out again."""
        r, gcpl, path = self.r, plist("GROUP_CREATE"), self.path(parent, self.name())
        self.order(gcpl)
        if r.random() < 0.3:
            H5.Pset_deflate(gcpl, 6)
        group = H5.Gcreate2(self.fid, path, self.lcpl(), gcpl, DEFAULT)
        self.groups.append(path)
        self.objects.append((path, None))
        names = [b"%s%d" % (r.choice([b"", b"link ", b"n" * r.randint(1, 200)]), i) for i in range(r.choice([9, 40, r.randint(10, 700)]))]
        r.shuffle(names)
        for name in names:
            H5.Lcreate_soft(r.choice([b"/", b"nowhere", b"../" * 10]), group, name, DEFAULT, DEFAULT)
        if r.random() < 0.5:
            for name in r.sample(names, r.randint(0, len(names))):
                H5.Ldelete(group, name, DEFAULT)
        H5.Oclose(group)

    def new_type(self, parent):
        path, t = self.path(parent, self.name()), self.types.draw()
        if H5.Tcommitted(t):
            return
        t, tcpl = H5.Tcopy(t), plist("DATATYPE_CREATE")
        self.tracking(tcpl)
        H5.Tcommit2(self.fid, path, t, self.lcpl(), tcpl, DEFAULT)
        H5.Tclose(t)
        self.types.named.append(H5.Oopen(self.fid, path, DEFAULT))
        self.objects.append((path, None))
        self.comment(path)
        self.attributes(path)

    def new_links(self, parent):
        r = self.r
        group = H5.Oopen(self.fid, parent, DEFAULT)
        for _ in range(r.choice([1, 2, 5])):
            kind, name, lcpl = r.choice(["hard", "soft", "external", "user"]), self.name(), self.lcpl()
            target, _ = r.choice(self.objects)
            if kind == "hard":
                self.attempt("hard link", H5.Lcreate_hard, self.fid, target, group, name, lcpl, DEFAULT)
            elif kind == "soft":
                self.attempt("soft link", H5.Lcreate_soft, r.choice([target, target[1:] or b".", b"gone", b"./x/..", "caf\u00e9".encode()]), group, name, lcpl, DEFAULT)
            elif kind == "external":
                self.attempt("external link", H5.Lcreate_external, r.choice([b"other.h5", b"main.h5", b"/no/such/file"]), r.choice([target, b"/"]), group, name, lcpl, DEFAULT)
            else:
                value = r.randbytes(r.choice([1, 20, 300]))
                self.attempt("user link", H5.Lcreate_ud, group, name, 99, value, len(value), lcpl, DEFAULT)
        H5.Oclose(group)

    def comment(self, path):
        if self.r.random() < 0.1:
            o = H5.Oopen(self.fid, path, DEFAULT)
            H5.Oset_comment(o, self.r.choice([b"a comment", b"c" * 300, "caf\u00e9".encode()]))
            H5.Oclose(o)
            self.drawn["comment"] += 1

    def remove(self):
        if len(self.objects) > 2:
            path, _ = self.r.choice(self.objects[1:])
            # Another object may take its place, and libhdf5 then reads the selection as one of that.
            if any(p == path or p.startswith(path + b"/") for p in self.values.regions):
                return
            self.attempt("removed object", H5.Ldelete, self.fid, path, DEFAULT)
            self.forget(path)

    def move(self):
        if len(self.objects) > 2:
            path, dims = self.r.choice(self.objects[1:])
            group = self.r.choice(self.groups)
            if group == path or group.startswith(path + b"/"):
                return
            to = self.path(group, self.name())
            if self.attempt("moved object", H5.Lmove, self.fid, path, self.fid, to, DEFAULT, DEFAULT) is not None:
                self.forget(path)
                self.objects.append((to, dims))

    def copy_object(self):
        path, dims = self.r.choice(self.objects)
        if path != b"/":
            to, ocpl = self.path(b"/", self.name()), plist("OBJECT_COPY")
            H5.Pset_copy_object(ocpl, self.r.choice([0, 1, 2, 8, 16]))
            if self.attempt("copied object", H5.Ocopy, self.fid, path, self.fid, to, ocpl, DEFAULT) is not None:
                self.objects.append((to, dims))

    def forget(self, path):
        gone = lambda p: p == path or p.startswith(path + b"/")
        self.objects[:] = [o for o in self.objects if not gone(o[0])]
        self.groups[:] = [g for g in self.groups if not gone(g)]
        self.named_attributes[:] = [a for a in self.named_attributes if not gone(a[0])]

    # ---------------------------------------------------------------- attributes
    def more_attributes(self):
        self.attempt("more attributes", self.attributes, self.r.choice(self.objects)[0])

    def attributes(self, path):
        r = self.r
        n = r.choices([0, r.randint(1, 4), r.randint(5, 12), r.randint(20, 60)], [8, 8, 2, 1])[0]
        if n == 0:
            return
        o, names = H5.Oopen(self.fid, path, DEFAULT), []
        for _ in range(n):
            name = self.name()
            if self.attempt("attribute", self.attribute, o, name, n) is not None:
                names.append(name)
            self.values.close()
        for name in list(names):
            if r.random() < 0.15:
                self.attempt("removed attribute", H5.Adelete, o, name)
                names.remove(name)
            elif r.random() < 0.08:
                new = self.name()
                if self.attempt("renamed attribute", H5.Arename, o, name, new) is not None:
                    names[names.index(name)] = new
        H5.Oclose(o)
        self.named_attributes += [(path, name) for name in names]

    def attribute(self, o, name, siblings):
        r = self.r
        t = self.types.draw() if siblings < 20 else self.types.plain(0)
        acpl = plist("ATTRIBUTE_CREATE")
        H5.Pset_char_encoding(acpl, r.randrange(2))
        dims = r.choice(["null", (), (), (1,), (r.randint(0, 6),), (2, 3), (r.randint(1, 400),)])
        if dims != "null" and len(dims) and r.random() < 0.02:
            dims, t = (9000,), self.types.copy("STD_I64LE")
        space = H5.Screate(2) if dims == "null" else simple(dims) if dims else H5.Screate(0)
        aid = H5.Acreate2(o, name, t, space, acpl, DEFAULT)
        try:
            n = 0 if dims == "null" else int(np.prod(dims))
            if n and r.random() < 0.95:
                self.with_type(H5.Aget_type(aid), lambda tid, of: H5.Awrite(aid, tid, self.values.make(of, n)))
        finally:
            H5.Aclose(aid)
            H5.Sclose(space)
        return True

    def with_type(self, tid, call):
        """A file's type as it is in memory."""
        try:
            return call(tid, Type(tid, self.address_size))
        finally:
            H5.Tclose(tid)

    # ---------------------------------------------------------------- datasets
    def shape(self, element):
        """dims, their maxima, or None for a null space."""
        r = self.r
        kind = r.choices(["null", "scalar", "usual", "high", "empty"], [1, 4, 40, 2, 2])[0]
        if kind == "null":
            return None, None
        if kind == "scalar":
            return (), ()
        rank = r.choice([1, 1, 2, 2, 3, 4]) if kind != "high" else r.choice([5, 9, 31])  # libhdf5 crashes on chunks of 32 dimensions
        most = {1: 400, 2: 40, 3: 12, 4: 6}.get(rank, 1 if rank > 9 else 3)
        dims = [r.choice([1, r.randint(1, most), r.randint(1, most)]) for _ in range(rank)]
        if rank > 9:
            dims[r.randrange(rank)] = 3
        if kind == "empty":
            dims[r.randrange(rank)] = 0
        while np.prod(dims, dtype=float) * element > BYTES:
            dims[dims.index(max(dims))] //= 2
        maximum = [r.choice([d, d, d + r.randint(0, 9), UNLIMITED]) for d in dims]
        return tuple(dims), tuple(dims) if r.random() < 0.4 else tuple(maximum)

    def new_dataset(self, parent):
        r = self.r
        t = self.types.draw()
        size = H5.Tget_size(t)
        dims, maximum = self.shape(max(size, 60 if size == 16 else size))
        layout = r.choices(["compact", "contiguous", "chunked"], [2, 4, 14])[0]
        if not dims:
            layout = r.choice(["compact", "contiguous"])
        elif layout != "chunked":
            maximum = dims
        dcpl, chunk = plist("DATASET_CREATE"), None
        H5.Pset_layout(dcpl, ("compact", "contiguous", "chunked").index(layout))
        if layout == "chunked":
            chunk = self.chunk_shape(dims, maximum)
            H5.Pset_chunk(dcpl, len(chunk), numbers(chunk))
            if r.random() < 0.2:
                H5.Pset_chunk_opts(dcpl, 2)
                self.drawn["partial edge chunks unfiltered"] += 1
            t = self.maybe(0.6, "filters", self.pipeline, dcpl, t, chunk) or t
        self.create(parent, t, dims, maximum, dcpl, chunk)

    def chunk_shape(self, dims, maximum):
        r = self.r
        whole = all(d > 0 for d in dims) and r.random() < 0.1
        chunk = [d if whole else min(m, r.choice([1, 2, 3, max(1, d), r.randint(1, max(1, d) + 3), r.randint(1, max(1, d))])) for d, m in zip(dims, maximum)]
        chunk = [max(1, c) for c in chunk]
        while np.prod([-(-max(d, 1) // c) for d, c in zip(dims, chunk)]) > 700:
            i = max(range(len(dims)), key=lambda i: dims[i] // chunk[i])
            chunk[i] *= 2
        return tuple(min(c, m) if m else c for c, m in zip(chunk, maximum))

    def pipeline(self, dcpl, t, chunk):
        """Filters in any order. Some want a type of their own: it is returned."""
        r, size = self.r, H5.Tget_size(t)
        special = r.random()
        if special < 0.08:
            t = self.types.copy(r.choice(PLAIN + FLOATS[2:6]))
            if H5.Tget_class(t) == 0:
                H5.Pset_scaleoffset(dcpl, 2, r.choice([0, 0, r.randint(1, 8 * H5.Tget_size(t))]))
            else:
                H5.Pset_scaleoffset(dcpl, 0, r.randint(0, 6))
            self.drawn["filter 6"] += 1
            return t
        if special < 0.12 and 32013 in self.filters and 1 <= sum(c > 1 for c in chunk) and len(chunk) <= 4:
            t = self.types.copy(r.choice(["IEEE_F32LE", "IEEE_F64LE", "STD_I32LE", "STD_I64LE"]))
            self.plugin(dcpl, 32013, 0)
            return t
        kinds = r.sample(["deflate", "shuffle", "fletcher32", "szip", "nbit", "plugin", "plugin"], r.choice([1, 1, 2, 2, 3, 4]))
        if "nbit" in kinds and (H5.Tget_class(t) not in (0, 1, 6, 10) or not Type(t, self.address_size).raw):
            kinds.remove("nbit")  # libhdf5 crashes on strings and sequences
        if "szip" in kinds and "nbit" in kinds:
            kinds.remove("nbit")
        if "szip" in kinds and size not in (1, 2, 4, 8):
            kinds.remove("szip")  # it loses the end of a chunk that is no multiple of a pixel
        # First: szip for the same reason. libhdf5's nbit, where it has nothing to pack, hands the allocated size of
        # its buffer on as that of the data, which is larger behind bzip2 and others, so that it cannot undo what comes before it.
        kinds.sort(key=lambda k: k not in ("szip", "nbit"))
        # A plugin's filter once: the second time its set_local() takes the values of both for its own, and writes beyond them.
        ids = [i for i in PLUGINS if i in self.filters and i != 32013]
        for kind in kinds:
            if kind == "deflate":
                H5.Pset_deflate(dcpl, r.randint(0, 9))
            elif kind == "szip":
                H5.Pset_szip(dcpl, r.choice([4, 32]), r.choice([2, 4, 8, 16, 32]))
            elif kind == "plugin":
                if ids:
                    ids.remove(cls := r.choice(ids))
                    self.plugin(dcpl, cls, size)
                continue
            else:
                getattr(H5, "Pset_" + kind)(dcpl)
            self.drawn["filter " + kind] += 1
        return t

    def plugin(self, dcpl, cls, size):
        values = PLUGINS[cls](self.r, size)
        H5.Pset_filter(dcpl, cls, self.r.randrange(2), len(values), (C.c_uint * max(1, len(values)))(*values))
        self.drawn["filter %d" % cls] += 1

    def create(self, parent, t, dims, maximum, dcpl, chunk):
        r, path = self.r, self.path(parent, self.name())
        H5.Pset_fill_time(dcpl, r.choice([2, 2, 0, 1]))
        if r.random() < 0.4:
            H5.Pset_alloc_time(dcpl, r.choice([1, 2, 3]) if chunk else r.choice([1, 2]))
        fill = r.random()
        if fill < 0.35:
            self.attempt("fill value", lambda: H5.Pset_fill_value(dcpl, t, self.values.make(Type(t, self.address_size), 1)))
        elif fill < 0.42:
            H5.Pset_fill_value(dcpl, t, None)
        self.tracking(dcpl)
        space = H5.Screate(2) if dims is None else simple(dims, maximum) if dims else H5.Screate(0)
        try:
            did = H5.Dcreate2(self.fid, path, t, space, self.lcpl(), dcpl, DEFAULT)
        finally:
            H5.Sclose(space)
        self.drawn["rank %d" % len(dims or ())] += 1
        self.objects.append((path, dims or None))
        try:
            self.fill_dataset(did, dims, maximum, chunk)
        finally:
            H5.Dclose(did)
        self.comment(path)
        self.attributes(path)

    def fill_dataset(self, did, dims, maximum, chunk):
        r = self.r
        if dims is None:
            return
        for step in range(r.choice([0, 1, 1, 2, 3])):
            if chunk and step > 0:
                dims = tuple(m if r.random() < 0.1 and m < 50 else min(m, max(0, r.choice([d, d + r.randint(0, 9), d - r.randint(0, 9), d // 2]))) for d, m in zip(dims, maximum))
                if self.attempt("resized", H5.Dset_extent, did, numbers(dims)) is None:
                    return
            if 0 not in dims:
                self.attempt("written", self.write, did, dims)
                if chunk and r.random() < 0.15:
                    self.attempt("chunk written directly", self.write_chunk, did, dims, chunk)

    def write(self, did, dims):
        """Everything, or some windows or points of it."""
        r = self.r

        def put(tid, of):
            file_space = H5.Dget_space(did)
            for i in range(r.choice([1, 1, 2, 4])):
                whole = not dims or r.random() < 0.4
                if not whole and r.random() < 0.2:
                    n = r.randint(1, 5)
                    H5.Sselect_elements(file_space, 0, n, numbers(r.randrange(d) for _ in range(n) for d in dims))
                elif not whole:
                    H5.Sselect_hyperslab(file_space, 0, *map(numbers, slab(r, dims)))
                else:
                    H5.Sselect_all(file_space)
                n = H5.Sget_select_npoints(file_space)
                memory = simple([n])
                H5.Dwrite(did, tid, memory, file_space, DEFAULT, self.elements(tid, of, n))
                H5.Sclose(memory)
                self.values.close()
            H5.Sclose(file_space)
        self.with_type(H5.Dget_type(did), put)

    def write_small(self, did, dims):
        """Whole numbers from 0 to 100: all types have them."""
        n = int(np.prod(dims))
        values = np.array([self.r.randint(0, 100) for _ in range(n)], "<i4")
        H5.Dwrite(did, constant("STD_I32LE"), ALL, ALL, DEFAULT, values.ctypes.data)

    def elements(self, tid, of, n):
        """Floating-point numbers mostly of usual values: arithmetic of lossy filters on all else is nobody's promise."""
        if of.raw and of.text["class"] == "float" and of.size in (4, 8) and of.text["order"] in ("le", "be"):
            order = "<" if of.text["order"] == "le" else ">"
            numbers_ = np.round(np.cumsum([self.r.uniform(-3, 3) for _ in range(min(n, 2000))]), 3)
            return np.resize(numbers_, n).astype("%sf%d" % (order, of.size)).tobytes()
        if of.raw and of.text["class"] == "integer" and self.r.random() < 0.5:
            top = 1 << (of.text["precision"] - 1)
            start = self.r.randrange(top)
            order = {"le": "little", "be": "big"}.get(of.text["order"], "little")
            values = [((start + self.r.randrange(50)) % top << of.text["bit_offset"]) for _ in range(min(n, 2000))]
            data = b"".join(v.to_bytes(of.size, order) for v in values)
            return (data * (n // max(1, len(values)) + 1))[:n * of.size]
        return self.values.make(of, n)

    def write_chunk(self, did, dims, chunk):
        """Stored bytes as they are, with filters skipped: all of them, or all but deflate."""
        r, dcpl = self.r, H5.Dget_create_plist(did)
        ids, i = [], 0
        while i < H5.Pget_nfilters(dcpl):
            flags, n, config = C.c_uint(), C.c_size_t(0), C.c_uint()
            ids.append(H5.Pget_filter2(dcpl, i, C.byref(flags), C.byref(n), None, 0, None, C.byref(config)))
            i += 1
        options = C.c_uint()
        H5.Pget_chunk_opts(dcpl, C.byref(options))
        H5.Pclose(dcpl)
        at = [r.randrange(d) // c * c for d, c in zip(dims, chunk)]
        unfiltered = options.value and any(a + c > d for a, c, d in zip(at, chunk, dims))  # on the edge libhdf5 would undo no filter
        mask = (1 << len(ids)) - 1

        def put(tid, of):
            if not of.raw:
                return
            nonlocal mask
            data = self.values.bytes(int(np.prod(chunk)), of.size)
            if 1 in ids and not unfiltered and r.random() < 0.5:
                mask &= ~(1 << ids.index(1))
                data = zlib.compress(data)
            H5.Dwrite_chunk(did, DEFAULT, mask, numbers(at), len(data), data)
        self.with_type(H5.Dget_type(did), put)

    def new_sparse(self, parent):
        """A long index of which little is written: paged arrays, deep trees, rows of chunks that are not there."""
        r = self.r
        t = self.types.copy(r.choice(["STD_U8LE", "STD_I16BE", "IEEE_F32LE"]))
        rank, size = r.choice([1, 1, 2, 3]), H5.Tget_size(t)
        long = r.randrange(rank)
        dims = [1 if i != long else r.choice([1500, 9000, r.randint(3000, 300000 // size)]) for i in range(rank)]
        chunk = [1 if i != long else r.choice([1, 1, 2, 7]) for i in range(rank)]
        maximum = [r.choice([d, d + 5, UNLIMITED]) for d in dims]
        dcpl = plist("DATASET_CREATE")
        H5.Pset_chunk(dcpl, rank, numbers(chunk))
        if r.random() < 0.5:
            H5.Pset_shuffle(dcpl) if r.random() < 0.5 else H5.Pset_fletcher32(dcpl)
        value = C.create_string_buffer(r.randbytes(size), size)
        H5.Pset_fill_value(dcpl, t, value)
        space = simple(dims, maximum)
        path = self.path(parent, self.name())
        did = H5.Dcreate2(self.fid, path, t, space, self.lcpl(), dcpl, DEFAULT)
        H5.Sclose(space)
        places = [r.choice([r.randrange(dims[long]), r.randrange(min(200, dims[long])), dims[long] - 1]) for _ in range(r.randint(1, 25))]
        for place in places:
            file_space = H5.Dget_space(did)
            at = [0] * rank
            at[long] = place
            H5.Sselect_elements(file_space, 0, 1, numbers(at))
            one = simple([1])
            H5.Dwrite(did, t, one, file_space, DEFAULT, r.randbytes(size))
            H5.Sclose(one)
            H5.Sclose(file_space)
        if r.random() < 0.3:
            dims[long] = r.randint(1, dims[long])
            H5.Dset_extent(did, numbers(dims))
        H5.Dclose(did)
        self.objects.append((path, tuple(dims)))

    # ---------------------------------------------------------------- parts in other files
    def source_file(self, t, grown=False):
        """Files of plain arrays for virtual datasets of type t: [(name, dims)]. Of t itself, or of other numbers that t has: how libhdf5
        converts those that it does not have depends on the byte order (-0.3 is 0 in a little-endian integer, INT_MIN in a big-endian one).
        grown: all but the first may be larger than it, and are chunked: of a contiguous one libhdf5 takes rows as long as those of the first."""
        r = self.r
        self.serial += 1
        base, out = "source_%d_" % self.serial, []
        for i in range(r.choice([1, 2, 3])):
            fid = H5.Fcreate(self.at("%s%d.h5" % (base, i)), 2, DEFAULT, DEFAULT)
            dims = (r.randint(1, 9), r.randint(1, 9)) if i == 0 else tuple(n + (r.randint(0, 2) if grown else 0) for n in out[0][1])
            dcpl, same = plist("DATASET_CREATE"), r.random() < 0.4
            if grown or r.random() < 0.5:
                H5.Pset_chunk(dcpl, 2, numbers([r.randint(1, d) for d in dims]))
                H5.Pset_deflate(dcpl, 1)
            space = simple(dims)
            did = H5.Dcreate2(fid, b"d", t if same else constant(scalar_name(r)), space, self.lcpl(), dcpl, DEFAULT)
            self.write(did, dims) if same else self.write_small(did, dims)
            for h, close in ((did, H5.Dclose), (space, H5.Sclose), (fid, H5.Fclose)):
                close(h)
            out.append(("%s%d.h5" % (base, i), dims))
        return base, out

    def new_virtual(self, parent):
        r = self.r
        t = self.types.copy(r.choice(PLAIN + FLOATS[:6]))
        kind = r.choice(["rows", "rows", "windows", "windows", "numbered", "own", "growing", "turned"])
        base, sources = self.source_file(t, grown=kind == "numbered")
        dims = sources[0][1]
        dcpl = plist("DATASET_CREATE")
        if kind == "rows":  # each source below the other, then one that is missing
            n = len(sources) + r.randrange(2)
            shape, maximum = (n * dims[0], dims[1]), (n * dims[0], dims[1])
            for i in range(n):
                self.map(dcpl, shape, None, ((i * dims[0], 0), (1, 1), (1, 1), dims), "%s%d.h5" % (base, i), dims, None)
        elif kind == "windows":
            shape = maximum = (r.randint(4, 20), r.randint(4, 20))
            mapped = 0  # libhdf5 fills what is not mapped only when all mappings together have fewer elements than the dataset
            for i in range(r.randint(1, 3)):
                name, dims = r.choice(sources)
                start, stride, count, block = slab(r, dims)
                n = [c * b for c, b in zip(count, block)]
                if any(k > s for k, s in zip(n, shape)) or mapped + n[0] * n[1] >= shape[0] * shape[1]:
                    continue
                mapped += n[0] * n[1]
                at = [r.randint(0, s - k) for k, s in zip(n, shape)]
                self.map(dcpl, shape, None, (at, (1, 1), (1, 1), n), name, dims, (start, stride, count, block))
        elif kind == "numbered":
            shape, maximum = (len(sources) * dims[0], dims[1]), (UNLIMITED, dims[1])
            self.map(dcpl, shape, maximum, ((0, 0), (dims[0], 1), (UNLIMITED, 1), dims), base + "%b.h5", dims, None)
        elif kind == "growing":
            shape, maximum = dims, (UNLIMITED, dims[1])
            self.map(dcpl, shape, maximum, ((0, 0), (1, 1), (UNLIMITED, 1), (1, dims[1])), sources[0][0], dims,
                     ((0, 0), (1, 1), (UNLIMITED, 1), (1, dims[1])), (UNLIMITED, dims[1]))
        elif kind == "turned":  # unlimited along the other dimension
            shape, maximum = (dims[1], dims[0]), (dims[1], UNLIMITED)
            self.map(dcpl, shape, maximum, ((0, 0), (1, 1), (1, 1), (dims[1], UNLIMITED)), sources[0][0], dims,
                     ((0, 0), (1, 1), (UNLIMITED, 1), (1, dims[1])), (UNLIMITED, dims[1]))
        else:
            shape = maximum = (dims[0] + 2, dims[1])
            own = self.path(b"/", self.name())
            space = simple(dims)
            did = H5.Dcreate2(self.fid, own, constant(scalar_name(r)), space, self.lcpl(), DEFAULT, DEFAULT)
            self.write_small(did, dims)
            H5.Dclose(did)
            H5.Sclose(space)
            self.map(dcpl, shape, None, ((1, 0), (1, 1), (1, 1), dims), ".", dims, None, dataset=own)
        if r.random() < 0.6:
            H5.Pset_fill_value(dcpl, t, r.randbytes(H5.Tget_size(t)))
        path, space = self.path(parent, self.name()), simple(shape, maximum)
        H5.Dclose(H5.Dcreate2(self.fid, path, t, space, self.lcpl(), dcpl, DEFAULT))
        H5.Sclose(space)
        self.drawn["virtual: " + kind] += 1
        self.objects.append((path, None))

    def map(self, dcpl, shape, maximum, target, name, dims, source, source_maximum=None, dataset=b"d"):
        virtual, space = simple(shape, maximum), simple(dims, source_maximum)
        H5.Sselect_hyperslab(virtual, 0, *map(numbers, target))
        if source:
            H5.Sselect_hyperslab(space, 0, *map(numbers, source))
        try:
            H5.Pset_virtual(dcpl, virtual, name.encode(), dataset, space)
        finally:
            H5.Sclose(virtual)
            H5.Sclose(space)

    def new_external(self, parent):
        r = self.r
        t = self.types.copy(scalar_name(r))
        size, dims, dcpl = H5.Tget_size(t), (r.randint(1, 20), r.randint(1, 9)), plist("DATASET_CREATE")
        left = size * dims[0] * dims[1]
        for i in range(3):
            self.serial += 1
            name, offset = "raw_%d.bin" % self.serial, r.choice([0, 0, 7])
            n = left if i == 2 else r.randint(0, left)
            if n == 0:
                continue
            with open(self.at(name), "wb") as f:
                f.write(r.randbytes(offset + max(0, n - r.choice([0, 0, 3]))))
            left -= n
            H5.Pset_external(dcpl, name.encode(), offset, UNLIMITED if left == 0 and r.random() < 0.5 else n)
            if left == 0:
                break
        space = simple(dims)
        path = self.path(parent, self.name())
        H5.Dclose(H5.Dcreate2(self.fid, path, t, space, self.lcpl(), dcpl, DEFAULT))
        H5.Sclose(space)
        self.objects.append((path, dims))
