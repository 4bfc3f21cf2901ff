"""A file that the generator does not draw: fill values of array types."""
import h5py
import numpy as np
from hdf5 import DEFAULT, H5, constant, numbers, plist, simple


def fill_for_each_element(path, count=5):
    """Writes datasets of arrays of four, each element with a fill value of its own, in chunks of two and in one piece: never written, and half."""
    with h5py.File(path, "w") as f:
        row = H5.Tarray_create2(constant("STD_I16LE"), 1, numbers([4]))
        for name, chunked, fill in (("chunked", True, [1, 2, 3, 4]), ("half", True, [1, 2, 3, 4]), ("piece", False, [1, 2, 3, 4]), ("same", True, [7] * 4)):
            dcpl = plist("DATASET_CREATE")
            if chunked:
                H5.Pset_chunk(dcpl, 1, numbers([2]))
            H5.Pset_fill_value(dcpl, row, np.array(fill, "<i2").tobytes())
            H5.Dclose(H5.Dcreate2(f.id.id, name.encode(), row, simple([count]), DEFAULT, dcpl, DEFAULT))
        f["half"][0] = [5, 6, 7, 8]
