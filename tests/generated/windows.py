"""Windows with steps through `h5range cat`, and what `h5range chunks` says is stored, against libhdf5's."""
import io

import numpy as np

def native(text):
    """For each byte of an element in the machine's order, which byte of the stored element it is."""
    cls, size = text["class"], text["size"]
    straight = np.arange(size)
    if cls in ("integer", "float", "bitfield", "time"):
        # VAX: no byte order of a machine, so they stay as they are
        return straight[::-1] if text["order"] == "be" else straight
    if cls == "enum":
        return native(text["base"])
    if cls in ("array", "complex"):
        base = native(text["base"])
        return np.concatenate([base + i for i in range(0, size, len(base))])
    if cls == "compound":
        for m in text["members"]:
            straight[m["offset"]:m["offset"] + m["type"]["size"]] = native(m["type"]) + m["offset"]
    return straight


def draw(r, dims):
    """A slice for each dimension, as text and as what NumPy takes."""
    texts, parts = [], []
    for d in dims:
        kind = r.randrange(5)
        if kind == 0:
            i = r.randrange(-d, d)
            texts.append(str(i))
            parts.append(i)
            continue
        a, b, step = r.randint(-d - 1, d + 1), r.randint(-d - 1, d + 1), r.choice([1, 1, 2, 3, -1, -2, r.randint(1, d)])
        a, b = (None if r.random() < 0.3 else a), (None if r.random() < 0.3 else b)
        texts.append("%s:%s:%d" % ("" if a is None else a, "" if b is None else b, step))
        parts.append(slice(a, b, step))
    return ",".join(texts), tuple(parts)


def compare(r, command, path, found):
    """Differences, as lines of text: a few windows of some of the datasets found."""
    out = []
    for w in r.sample(found, min(4, len(found))):
        size = w.text["size"]
        whole = np.frombuffer(w.data, "u1").reshape(w.dims + (size,))[..., native(w.text)]
        text, parts = draw(r, w.dims)
        want = whole[parts]
        for form in ("raw", "npy"):
            p = command("cat", "--format=" + form, "--slice=" + text, path + "#" + w.path) if "%" not in w.path else None
            if p is None or (form == "npy" and p.returncode == 6):
                continue  # a name that the description escapes; a type that NumPy does not have
            if p.returncode != 0:
                out.append("%s[%s] as %s: %s" % (w.path, text, form, p.stderr.decode(errors="replace")[-300:]))
                continue
            got, shape = p.stdout, want.shape[:-1]
            if form == "npy":
                a = np.load(io.BytesIO(got))
                if a.shape[:len(shape)] != shape:
                    out.append("%s[%s]: shape %s, NumPy has %s" % (w.path, text, a.shape, shape))
                    continue
                got = got[len(got) - a.nbytes:]  # NumPy does not keep what is between the members of a compound
            if got != want.tobytes():
                out.append("%s[%s] as %s: other bytes than libhdf5's (%d, %d)" % (w.path, text, form, len(got), want.size))
    return out


def compare_chunks(command, path, chunks, all_read):
    """all_read: libhdf5 met no error, so the command has no reason to."""
    p = command("chunks", "--recursive", path)
    if p.returncode != 0 and all_read:
        return ["chunks: %s" % p.stderr.decode(errors="replace")[-300:]]
    got = {}
    for line in p.stdout.decode().splitlines():
        name, at, where, size, mask = line.rsplit(" ", 4)
        got.setdefault(name, []).append((tuple(map(int, at.split(","))), int(where), int(size), int(mask)))
    out = []
    for name, (trusted, rows) in chunks.items():
        if "%" in name:
            continue
        a, b = (sorted(rows), sorted(got.get(name, []))) if trusted else (sorted(x[1:] for x in rows), sorted(x[1:] for x in got.get(name, [])))
        if a != b:
            differ = sorted(set(a) ^ set(b))
            out.append("%s: libhdf5 has %d chunks, h5range %d; first difference %s" % (name, len(a), len(b), differ[:2]))
    return out
