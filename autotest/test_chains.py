"""Files inside others on a web server: file systems of GDAL's on top of each other."""
import gzip
import io
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from conftest import DATA, Errors, open_multidim
from osgeo import gdal

BODY = (DATA / "plain.h5").read_bytes()


def zipped(method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        z.writestr("in/x.h5", BODY)
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        member = tarfile.TarInfo("x.h5")
        member.size = len(BODY)
        t.addfile(member, io.BytesIO(BODY))
    return out.getvalue()


CHAINS = {
    "/vsizip/%s/in/x.h5": ("stored.zip", zipped(zipfile.ZIP_STORED)),
    "/vsizip/{%s}/in/x.h5": ("packed.zip", zipped(zipfile.ZIP_DEFLATED)),
    "/vsigzip/%s": ("x.h5.gz", gzip.compress(BODY)),
    "/vsitar/%s/x.h5": ("x.tar", tarred()),
    "/vsisubfile/512_" + str(len(BODY)) + ",%s": ("inside.bin", b"-" * 512 + BODY + b"-" * 100),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_h5range_a_file_inside_a_remote_one_is_remote(chain, nginx, nginx_folder):
    """Only names that begin with a network file system were taken."""
    name, body = CHAINS[chain]
    (nginx_folder / name).write_bytes(body)
    remote = chain % ("/vsicurl/" + nginx.url(name))
    nginx.requests()
    with Errors() as errors:
        ds = open_multidim(remote)
        assert ds is not None and ds.GetDriver().ShortName == "H5RANGE", errors.messages
    values = ds.GetRootGroup().OpenMDArray("a").ReadAsArray()
    assert np.array_equal(values, open_multidim("H5RANGE:%s" % (DATA / "plain.h5")).GetRootGroup().OpenMDArray("a").ReadAsArray())
    raster = gdal.Open('H5RANGE:"%s":/a' % remote)
    gdal.Info(raster)
    assert np.array_equal(raster.ReadAsArray(), values)
    del raster
    paths = {path for _, path, _, _ in nginx.requests()}
    assert "/" + name in paths and not any(".aux.xml" in path or ".ovr" in path for path in paths)


def test_h5range_a_file_inside_a_local_one_is_local(tmp_path):
    """A folder that is called like a network file system is none."""
    folder = tmp_path / "vsicurl"
    folder.mkdir()
    (folder / "x.zip").write_bytes(zipped(zipfile.ZIP_STORED))
    shutil.copy(DATA / "plain.h5", folder / "x.h5")
    for name in ("/vsizip/%s/in/x.h5" % (folder / "x.zip"), str(folder / "x.h5")):
        assert gdal.IdentifyDriverEx(name, gdal.OF_MULTIDIM_RASTER).ShortName == "HDF5"
        assert open_multidim("H5RANGE:" + name).GetDriver().ShortName == "H5RANGE"
