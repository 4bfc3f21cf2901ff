"""QGIS, without a screen, on a remote file: sublayers and bands have names, pictures are those of the same raster as GeoTIFF."""
import shutil

import numpy as np
import pytest
from conftest import DATA, band_of, run_script, system_python
from osgeo import gdal

SST = DATA / "sst_global.nc"

START = """
import json, sys
from qgis.core import *
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage
app = QgsApplication([], False)
app.initQgis()

def render(layer, picture, band=None):
    if band is not None:
        layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), band))
        layer.setContrastEnhancement(QgsContrastEnhancement.StretchToMinimumMaximum)
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(360, 180))
    settings.setBackgroundColor(QColor(255, 0, 255)) # where nothing is drawn
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().convertToFormat(QImage.Format_RGB888).save(picture)

def describe(layer):
    if not layer.isValid():
        return layer.error().message()
    extent = layer.extent()
    return dict(name=layer.name(), crs=layer.crs().authid(), extent=[extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
                size=[layer.width(), layer.height()], bands=[layer.bandName(i + 1) for i in range(layer.bandCount())])

def end(said): # layers that outlive QGIS crash
    QgsProject.instance().clear()
    app.exitQgis()
    print()
    print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def python():
    return system_python("qgis.core")


@pytest.fixture
def qgis(python, tmp_path):
    def run(script, *arguments):
        for folder in ("home", "runtime"):
            (tmp_path / folder).mkdir(exist_ok=True, mode=0o700)
        return run_script(python, START + script, *arguments, QT_QPA_PLATFORM="offscreen", HOME=tmp_path / "home", XDG_RUNTIME_DIR=tmp_path / "runtime")

    return run


@pytest.fixture
def remote(nginx_folder, nginx):
    shutil.copy(SST, nginx_folder / "qgis.nc")
    nginx.requests()
    return "/vsicurl/" + nginx.url("qgis.nc")


def picture(path):
    return gdal.Open(str(path)).ReadAsArray()


SUBLAYERS = """
said = []
for sub in QgsProviderRegistry.instance().querySublayers(sys.argv[1]):
    if sub.providerKey() == "gdal" and sys.argv[2] == "open":
        layer = sub.toLayer(QgsProviderSublayerDetails.LayerOptions(QgsCoordinateTransformContext()))
        said.append([sub.name(), sub.description(), sub.uri(), sub.driverName(), describe(layer)])
        layer = None
end(said)
"""


def test_h5range_qgis_sublayers(qgis, remote):
    said = {name: rest for name, *rest in qgis(SUBLAYERS, remote, "open")}
    assert list(said) == ["/analysed_sst", "/analysis_error", "/sea_ice_fraction", "/mask", "/statistics/observations"]
    text, uri, driver, layer = said["/analysed_sst"]
    assert (text, uri, driver) == ("[6x180x360] sea_surface_temperature (16-bit integer)", 'H5RANGE:"%s":/analysed_sst' % remote, "H5RANGE")
    for _, _, _, layer in said.values():
        assert (layer["crs"], layer["extent"], layer["size"]) == ("EPSG:4326", [-180, -90, 180, 90], [360, 180])
        assert len(set(layer["bands"])) == 6
    assert said["/analysed_sst"][3]["bands"][1] == "Band 2: analysed sea surface temperature, time=1230811200 (seconds since 1981-01-01)"
    assert said["/statistics/observations"][3]["bands"][0] == "Band 1: number of observations used, time=1230724800 (seconds since 1981-01-01)"


def test_h5range_qgis_opens_sublayers_without_requests(qgis, remote, nginx):
    qgis(SUBLAYERS, remote, "list")
    listed = nginx.requests()
    qgis(SUBLAYERS, remote, "open")
    assert sorted(nginx.requests()) == sorted(listed)
    assert len(listed) <= 3 + 8 # QGIS asks drivers of vectors, too


LAYER = """
uri, tif, folder = sys.argv[1:]
project = QgsProject.instance()
said = {}
for name, source in (("h5range", uri), ("gtiff", tif)):
    layer = QgsRasterLayer(source, name)
    said[name] = describe(layer)
    provider = layer.dataProvider()
    numbers = provider.bandStatistics(3)
    point = QgsPointXY(-150.5, 10.5)
    said[name].update(statistics=[numbers.minimumValue, numbers.maximumValue, numbers.mean, numbers.elementCount],
                      identified=provider.identify(point, QgsRaster.IdentifyFormatValue).results(), nothing=str(provider.sample(QgsPointXY(-100.5, 40.5), 1)),
                      packed=[provider.bandScale(1), provider.bandOffset(1), provider.sourceNoDataValue(1), int(provider.sourceDataType(1))])
    render(layer, "%s/%s_default.png" % (folder, name))
    render(layer, "%s/%s_band.png" % (folder, name), 3)
    project.addMapLayer(layer)
    layer = provider = None
project.write(folder + "/saved.qgs")
project.clear()
assert project.read(folder + "/saved.qgs")
layer = project.mapLayersByName("h5range")[0]
said["reopened"] = describe(layer)
render(layer, folder + "/reopened.png")
layer = None
end(said)
"""


def test_h5range_qgis_layer(qgis, remote, nginx, tmp_path):
    tif = tmp_path / "sst.tif"
    gdal.Translate(str(tif), gdal.Open('H5RANGE:"%s":/analysed_sst' % SST))
    nginx.requests()
    said = qgis(LAYER, 'H5RANGE:"%s":/analysed_sst' % remote, tif, tmp_path)
    asked = nginx.requests()
    assert {path for _, path, _, _ in asked} == {"/qgis.nc"}, asked # no side files
    assert len(asked) <= 3, asked

    ours, theirs = said["h5range"], said["gtiff"]
    for key in ("crs", "extent", "size", "identified", "nothing", "packed"):
        assert ours[key] == theirs[key], key
    assert ours["statistics"] == pytest.approx(theirs["statistics"])
    band = band_of(gdal.Open('H5RANGE:"%s":/analysed_sst' % SST), 3)
    values = band.ReadAsArray()
    valid = values[values != band.GetNoDataValue()] * 0.01 + 273.15
    assert ours["statistics"] == pytest.approx([valid.min(), valid.max(), valid.mean(), valid.size], rel=1e-5)
    assert ours["nothing"] == "(nan, False)"

    for kind in ("default", "band"):
        drawn = picture(tmp_path / ("h5range_%s.png" % kind))
        assert np.array_equal(drawn, picture(tmp_path / ("gtiff_%s.png" % kind))), kind
        assert drawn.shape == (3, 180, 360) and len(np.unique(drawn.reshape(3, -1), axis=1)[0]) > 50
        empty = (drawn == np.array([255, 0, 255], dtype=np.uint8).reshape(3, 1, 1)).all(axis=0)
        assert np.array_equal(empty, values == band.GetNoDataValue()) or kind == "default"
    reopened = said["reopened"]
    assert (reopened["crs"], reopened["extent"], reopened["bands"]) == (ours["crs"], ours["extent"], ours["bands"])
    assert np.array_equal(picture(tmp_path / "reopened.png"), picture(tmp_path / "h5range_band.png"))


ALONE = """
layer = QgsRasterLayer(sys.argv[1], "alone")
said = describe(layer)
layer = None
end(said)
"""


def test_h5range_qgis_file_with_one_raster(qgis, made, nginx_folder, nginx):
    file = made("alone.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, values in (('y', np.arange(3) * -1000. + 5000), ('x', np.arange(4) * 1000. + 500000)):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.units = 'm'; v.standard_name = 'projection_%s_coordinate' % name
m = n.createVariable('utm', 'i1'); m.spatial_ref = 'EPSG:32633'; m.grid_mapping_name = 'transverse_mercator'
v = n.createVariable('height', 'f4', ('y', 'x')); v.setncatts(dict(grid_mapping='utm', long_name='height above the ground')); v[:] = np.arange(12).reshape(3, 4); n.close()""")
    shutil.copy(file, nginx_folder / "alone.nc")
    nginx.requests()
    said = qgis(ALONE, "/vsicurl/" + nginx.url("alone.nc"))
    assert (said["crs"], said["extent"], said["bands"]) == ("EPSG:32633", [499500, 2500, 503500, 5500], ["Band 1: height above the ground"])
    assert {path for _, path, _, _ in nginx.requests()} == {"/alone.nc"}
