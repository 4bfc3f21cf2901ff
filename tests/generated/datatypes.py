"""Draws datatypes and values for them."""
import ctypes as C

import numpy as np

from hdf5 import DEFAULT, H5, Refused, Sequence, constant, numbers, simple

PLAIN = ["STD_%s%d%s" % (k, n, o) for k in "IU" for n in (8, 16, 32, 64) for o in ("LE", "BE")]
FLOATS = ["IEEE_F%d%s" % (n, o) for n in (16, 32, 64) for o in ("LE", "BE")]
ODD_FLOATS = ["NATIVE_LDOUBLE", "VAX_F32", "VAX_F64", "FLOAT_BFLOAT16LE", "FLOAT_BFLOAT16BE", "FLOAT_F8E4M3", "FLOAT_F8E5M2"]
WORDS = ["a", "id", "temperature", "x y", "caf\u00e9", "\u6e29\u5ea6", "_private", "UPPER", "%41", "quote'\"", "back\\slash", "dot.ted", "0", "long" * 20]


def scalar_name(r):
    return r.choice(r.choice([PLAIN, PLAIN, FLOATS[:6]]))


class Types:
    """Draws with the generator's random numbers; temporary types are closed by close()."""

    def __init__(self, r, allow_complex):
        self.r, self.allow_complex, self.open, self.named = r, allow_complex, [], []
        self.references_anywhere = True  # with other sizes of addresses libhdf5 writes nested ones with their size in memory

    def keep(self, tid):
        self.open.append(tid)
        return tid

    def close(self):
        for tid in self.open:
            H5.Tclose(tid)
        self.open.clear()

    def copy(self, name):
        return self.keep(H5.Tcopy(constant(name)))

    def draw(self, depth=0):
        """Any type; nested ones less often the deeper they lie."""
        r = self.r
        kinds = [(14, self.plain), (3, self.odd_integer), (3, self.floating), (4, self.text), (2, self.bits), (2, self.opaque), (2, self.enumeration),
                 (1, self.time), (2, self.reference)]
        if depth < 4:
            kinds += [(max(1, 5 - 2 * depth), self.compound), (max(1, 4 - depth), self.array), (max(1, 4 - depth), self.sequence)]
        if self.allow_complex:
            kinds.append((2, self.complex))
        if self.named and depth == 0:
            kinds.append((3, lambda depth: r.choice(self.named)))
        draw = r.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
        try:
            return draw(depth)
        except Refused:  # what this version does not have, or a nesting it does not take
            return self.plain(depth)

    def plain(self, depth):
        return self.copy(scalar_name(self.r))

    def odd_integer(self, depth):
        """Any size, precision, place of the bits and padding."""
        r = self.r
        t = self.copy(r.choice(PLAIN))
        H5.Tset_order(t, r.randrange(2))
        if r.random() < 0.3:
            H5.Tset_size(t, r.choice([3, 5, 6, 7, 16]))
        bits = 8 * H5.Tget_size(t)
        precision = r.randint(bits // 2 + 1, bits)  # libhdf5 takes less for damage in headers without checksums
        H5.Tset_precision(t, precision)
        H5.Tset_offset(t, r.randint(0, bits - precision))
        H5.Tset_pad(t, r.randrange(2), r.randrange(2))  # the file has no background padding
        return t

    def floating(self, depth):
        r = self.r
        if r.random() < 0.6:
            return self.copy(r.choice(FLOATS + ODD_FLOATS))
        t = self.copy(r.choice(["IEEE_F32LE", "IEEE_F32BE", "IEEE_F64LE", "IEEE_F64BE"]))
        bits = 8 * H5.Tget_size(t)
        exponent = r.randint(3, 11)
        mantissa = r.randint(bits // 2 - exponent, bits - exponent - 1)
        H5.Tset_fields(t, exponent + mantissa, mantissa, exponent, 0, mantissa)
        H5.Tset_precision(t, exponent + mantissa + 1)
        H5.Tset_ebias(t, r.randint(1, (1 << exponent) - 2))
        H5.Tset_norm(t, r.randrange(3))
        H5.Tset_inpad(t, r.randrange(2))
        H5.Tset_pad(t, r.randrange(2), r.randrange(2))  # the file has no background padding
        return t

    def text(self, depth):
        r = self.r
        t = self.copy("C_S1")
        H5.Tset_size(t, r.choice([0xFFFFFFFFFFFFFFFF, 1, 2, r.randint(1, 40), r.randint(1, 300)]))
        H5.Tset_cset(t, r.randrange(2))
        H5.Tset_strpad(t, r.randrange(3))
        return t

    def bits(self, depth):
        return self.copy("STD_B%d%s" % (self.r.choice([8, 16, 32, 64]), self.r.choice(["LE", "BE"])))

    def opaque(self, depth):
        t = self.keep(H5.Tcreate(5, self.r.choice([1, 3, 8, self.r.randint(1, 100)])))
        H5.Tset_tag(t, self.r.choice(["", "tag", "image/png", "x" * 200]).encode())
        return t

    def enumeration(self, depth):
        r = self.r
        base = self.copy(r.choice(PLAIN))
        t, size = self.keep(H5.Tenum_create(base)), H5.Tget_size(base)
        for name in r.sample(WORDS, r.choice([0, 1, 2, r.randint(1, len(WORDS))])):
            try:
                H5.Tenum_insert(t, name.encode(), r.randbytes(size))
            except Refused:  # the value is there already
                pass
        return t

    def time(self, depth):
        return self.copy("UNIX_D%d%s" % (self.r.choice([32, 64]), self.r.choice(["LE", "BE"])))

    def complex(self, depth):
        return self.keep(H5.Tcomplex_create(constant(self.r.choice(FLOATS[:6]))))

    def reference(self, depth):
        if depth > 0 and not self.references_anywhere:
            return self.plain(depth)
        return self.copy(self.r.choice(["STD_REF_OBJ", "STD_REF_DSETREG", "STD_REF"]))

    def compound(self, depth):
        r = self.r
        members, end = [], 0
        for name in r.sample(WORDS, r.choice([1, 2, 3, r.randint(1, len(WORDS))])):
            member = self.draw(depth + 1)
            at = end + r.choice([0, 0, 0, 1, 4, r.randint(0, 70)])
            members.append((name, at, member))
            end = at + H5.Tget_size(member)
        t = self.keep(H5.Tcreate(6, end + r.choice([0, 0, 0, 3, 20])))
        r.shuffle(members)
        for name, at, member in members:
            H5.Tinsert(t, name.encode(), at, member)
        return t

    def array(self, depth):
        r = self.r
        dims = [r.randint(1, 4) for _ in range(r.choice([1, 1, 2, 3]))]
        return self.keep(H5.Tarray_create2(self.draw(depth + 1), len(dims), numbers(dims)))

    def sequence(self, depth):
        return self.keep(H5.Tvlen_create(self.draw(depth + 1)))


class Values:
    """Random elements of a type in memory, as libhdf5 takes them; what they point to lives until close()."""

    def __init__(self, r, fid, objects, attributes):
        self.r, self.fid, self.objects, self.attributes, self.alive, self.references = r, fid, objects, attributes, [], []
        self.regions = set()  # paths that region references have been made to

    def close(self):
        for buffer in self.references:
            H5.Rdestroy(buffer)
        self.references.clear()
        self.alive.clear()

    def make(self, t, n):
        """A buffer of n elements of an oracle's Type."""
        size = max(1, n * t.size)
        if t.raw:
            return C.create_string_buffer(self.bytes(n, t.size), size)
        buffer = C.create_string_buffer(size)
        self.alive.append(buffer)
        for i in range(n):
            self.put(t, C.addressof(buffer) + i * t.size)
        return buffer

    def bytes(self, n, size):
        r, style = self.r, self.r.randrange(5)
        if style == 0:
            return r.randbytes(n * size)
        if style == 1:
            return bytes(n * size)
        if style == 2:  # what codecs like: few values, long runs
            return b"".join(r.choices([r.randbytes(size) for _ in range(3)], k=n)) if n < 5000 else r.randbytes(size) * n
        ramp = r.randint(1, 300)
        return b"".join((i * ramp).to_bytes(8, "little").ljust(size, b"\0")[:size] for i in range(n))

    def put(self, t, p):
        r, kind = self.r, t.parts[0]
        if kind == "raw":
            C.memmove(p, r.randbytes(t.size), t.size)
        elif kind == "text":
            if r.random() < 0.15:
                return  # a null pointer
            text = C.create_string_buffer(r.choice(["", "x", "caf\u00e9 \u6e29", "word " * r.randint(1, 60)]).encode())
            self.alive.append(text)
            C.c_void_p.from_address(p).value = C.addressof(text)
        elif kind == "sequence":
            n = r.choice([0, 1, 2, 3, r.randint(0, 12)])
            if n > 0:
                items = self.make(t.parts[1], n)
                self.alive.append(items)  # plain bytes are not kept by make()
                s = Sequence.from_address(p)
                s.n, s.p = n, C.addressof(items)
        elif kind == "array":
            for i in range(t.parts[2]):
                self.put(t.parts[1], p + i * t.parts[1].size)
        elif kind == "compound":
            for offset, member in t.parts[1]:
                self.put(member, p + offset)
        elif self.objects and r.random() < 0.85:
            try:
                self.refer(kind, p)
            except Refused:  # its object is gone by now
                C.memset(p, 0, t.size)

    def refer(self, kind, p):
        r = self.r
        path, dims = r.choice(self.objects)
        if kind == "object1":
            H5.Rcreate(p, self.fid, path, 0, -1)
        elif kind == "std" and (dims is None or r.random() < 0.4):
            on = [a for a in self.attributes if a[0] == path]
            if on and r.random() < 0.7:
                H5.Rcreate_attr(self.fid, path, r.choice(on)[1], DEFAULT, p)
            else:
                H5.Rcreate_object(self.fid, path, DEFAULT, p)
            self.references.append(p)
        elif dims:
            self.regions.add(path)
            space = simple(dims)
            try:
                self.select(space, dims)
                if kind == "region1":
                    H5.Rcreate(p, self.fid, path, 1, space)
                else:
                    H5.Rcreate_region(self.fid, path, space, DEFAULT, p)
                    self.references.append(p)
            finally:
                H5.Sclose(space)

    def select(self, space, dims):
        """Some elements: a regular hyperslab, a union of blocks, points, all."""
        r, kind = self.r, self.r.randrange(5)
        if 0 in dims or kind == 0:
            return
        if kind == 1:
            n = r.randint(1, 6)
            H5.Sselect_elements(space, 0, n, numbers(r.randrange(d) for _ in range(n) for d in dims))
            return
        slabs = [slab(r, dims) for _ in range(1 if kind < 4 else r.randint(2, 3))]
        for i, s in enumerate(slabs):
            H5.Sselect_hyperslab(space, 0 if i == 0 else 1, *map(numbers, s))
        if len(slabs) > 1 and not is_union(space, dims, slabs):
            H5.Sselect_hyperslab(space, 0, *map(numbers, slabs[0]))


def is_union(space, dims, slabs):
    """False where libhdf5 joined hyperslabs wrongly: the blocks of 1 of 400 random unions are not those of its parts."""
    want, got = np.zeros(dims, bool), np.zeros(dims, bool)
    for start, stride, count, block in slabs:
        want[np.ix_(*[[f + s * i + j for i in range(n) for j in range(b)] for f, s, n, b in zip(start, stride, count, block)])] = True
    blocks = np.zeros((H5.Sget_select_hyper_nblocks(space), 2, len(dims)), "<u8")
    H5.Sget_select_hyper_blocklist(space, 0, len(blocks), blocks.ctypes.data)
    for low, high in blocks:
        got[tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high))] = True
    return bool((want == got).all()) and H5.Sget_select_npoints(space) == want.sum()


def slab(r, dims):
    """A regular hyperslab inside dims: start, stride, count, block."""
    parts = []
    for d in dims:
        block = r.choice([1, 1, r.randint(1, d)])
        start = r.randint(0, d - block)
        stride = block + r.choice([0, 1, r.randint(0, 5)])
        most = (d - start - block) // stride + 1
        parts.append((start, stride, r.choice([1, most, r.randint(1, most)]), block))
    return tuple(zip(*parts))
