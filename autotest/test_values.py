"""Every numeric array that GDAL can express equals h5py's, whole and in windows with steps."""
import random

import numpy as np
import pytest
from conftest import DATA, Errors, shared_folder
from osgeo import gdal

WINDOWS = 20
WHOLE_BYTES = 64 << 20  # larger arrays are left to the benchmarks

NON_COORDINATE = "_nc4_non_coord_"

# What the driver may say of an array that it does not read.
UNSUPPORTED = ("not built in", "is not supported", "does not read", "GDAL has no type for")

FILES = sorted(p for p in DATA.iterdir() if p.suffix in (".h5", ".nc"))
CORPUS = shared_folder()
CORPUS_FILES = sorted(p for p in (CORPUS / "corpus" / "files").rglob("*") if p.is_file()) if CORPUS else []


def random_window(shape, rng):
    """start, count, step of each dimension."""
    window = []
    for n in shape:
        step = rng.choice([1, 1, 1, 2, 3, -1, -2])
        start = rng.randrange(n)
        most = (n - start + abs(step) - 1) // abs(step) if step > 0 else start // abs(step) + 1
        window.append((start, rng.randint(1, most), step))
    return window


def read_window(array, window):
    start, count, step = (list(t) for t in zip(*window))
    return array.ReadAsArray(array_start_idx=start, count=count, array_step=step)


def cut(values, window):
    """What NumPy has in a window."""
    stops = [start + step * count for start, count, step in window]
    return values[tuple(slice(start, stop if stop >= 0 else None, step) for (start, _, step), stop in zip(window, stops))]


def same(got, expected):
    """Equal values; bytes of NaNs do not count."""
    if got is None or got.shape != expected.shape:
        return False
    if expected.dtype.kind in "fc":
        return bool(np.array_equal(got.astype(expected.dtype), expected, equal_nan=True))
    return bool(np.array_equal(got, expected))


def compare_file(path, oracle, rng):
    """Differences of a file, number of arrays compared."""
    listed = oracle.arrays(path)
    if not isinstance(listed, list):
        return [], 0
    wanted = [a for a in listed if a.get("kind") in ("i", "u", "f", "c", "b") and a["shape"] is not None and a["bytes"] > 0
              and a["bytes"] <= WHOLE_BYTES]
    if not wanted:
        return [], 0
    with Errors() as errors:
        ds = gdal.OpenEx("H5RANGE:" + '"%s"' % path, gdal.OF_MULTIDIM_RASTER)
    if ds is None:
        return ["%s does not open: %s" % (path, errors.failures())], 0
    root, differences, compared = ds.GetRootGroup(), [], 0
    # GDAL shows such a variable under the dimension's name, which hides the dimension's own dataset.
    hidden = {a["path"].replace(NON_COORDINATE, "") for a in listed if NON_COORDINATE in a["path"]}
    wanted = [a for a in wanted if a["path"] not in hidden]
    for a in wanted:
        try:
            expected = oracle.read(path, a["path"])
        except ValueError:
            continue  # a filter that h5py lacks
        try:
            array = root.OpenMDArrayFromFullname(a["path"])
            got = array.ReadAsArray()
        except (RuntimeError, AttributeError) as e:
            if not any(words in str(e) for words in UNSUPPORTED):
                differences.append("%s#%s: %s" % (path, a["path"], e))
            continue
        compared += 1
        if expected.dtype.kind == "b":
            expected = expected.astype("u1")
        elif expected.dtype.kind == "i" and a["unsigned"]:  # netCDF's convention for types that it lacked
            expected = expected.view(expected.dtype.str.replace("i", "u"))
        elif expected.dtype.kind == "f" and expected.dtype.itemsize > 8:
            expected = expected.astype("f8")
        if a["fill_never"]:  # h5py leaves zeros where nothing was written, GDAL's convention is the fill value
            got, expected = np.where(expected == 0, 0, got), expected
        if not same(got, expected):
            differences.append("%s#%s: the whole differs (%s of shape %s, not %s of %s)"
                               % (path, a["path"], got.dtype, got.shape, expected.dtype, expected.shape))
            continue
        if a["fill_never"]:
            continue
        for _ in range(WINDOWS if expected.ndim > 0 else 0):
            window = random_window(expected.shape, rng)
            if not same(read_window(array, window), cut(expected, window)):
                differences.append("%s#%s: window %s differs" % (path, a["path"], window))
                break
    return differences, compared


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_values_equal_h5py(path, oracle):
    differences, _ = compare_file(path, oracle, random.Random(path.name))
    assert not differences


@pytest.mark.skipif(not CORPUS_FILES, reason="no shared material beside the project (H5RANGE_SHARED)")
def test_values_of_the_shared_corpus_equal_h5py(oracle):
    differences, compared, seen = [], 0, 0
    for path in CORPUS_FILES:
        found, n = compare_file(path, oracle, random.Random(str(path.relative_to(CORPUS))))
        differences += found
        compared += n
        seen += n > 0
    print("%d arrays of %d files compared" % (compared, seen))
    assert not differences, "%d of %d arrays differ:\n%s" % (len(differences), compared, "\n".join(differences[:50]))
    assert compared > 1000
