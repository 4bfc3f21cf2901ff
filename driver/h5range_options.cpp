#include "h5range_options.h"

namespace h5range
{

const char OPEN_OPTIONS[] =
    "<OpenOptionList>"
    "  <Option name='GROUP' type='string' scope='raster' description='Group whose arrays are listed: /path/of/group'/>"
    "  <Option name='VARIABLE' type='string' scope='raster' description='Array to open, by its name in GROUP'/>"
    "  <Option name='LIST' type='string-select' scope='raster' default='AUTO' description='Arrays that are listed as subdatasets: 2D those of "
    "two dimensions or more, ALL those of one too, AUTO is 2D unless the file has none of those'>"
    "    <Value>AUTO</Value><Value>2D</Value><Value>ALL</Value>"
    "  </Option>"
    "  <Option name='LIST_ALL_ARRAYS' type='boolean' scope='raster' default='NO' description='YES is LIST=ALL'/>"
    "  <Option name='HONOUR_VALID_RANGE' type='boolean' scope='raster' default='YES' description='Values outside valid_range, valid_min and "
    "valid_max are read as nodata'/>"
    "  <Option name='ASSUME_LONGLAT' type='boolean' scope='raster' default='NO' description='A raster without a CRS whose geotransform fits on "
    "the Earth in degrees is in longitude and latitude'/>"
    "  <Option name='PRESERVE_AXIS_UNIT_IN_CRS' type='boolean' scope='raster' default='NO' description='Kilometres stay kilometres in CRS and "
    "geotransform'/>"
    "  <Option name='BOTTOMUP' type='string-select' scope='raster' default='AUTO' description='Whether the first row of the array is the "
    "southernmost: AUTO is as the coordinates tell'>"
    "    <Value>AUTO</Value><Value>YES</Value><Value>NO</Value>"
    "  </Option>"
    "  <Option name='IGNORE_XY_AXIS_NAME_CHECKS' type='boolean' scope='raster' default='NO' description='Coordinates of the last two "
    "dimensions make a geotransform, whatever they are'/>"
    "  <Option name='VARIABLES_AS_BANDS' type='boolean' scope='raster' default='NO' description='A file whose arrays all are of the same two "
    "dimensions is one raster with a band for each'/>"
    "  <Option name='GLT' type='boolean' scope='raster' default='NO' description='An array of a swath is shown on the grid of the geometry "
    "lookup table that its file has (EMIT)'/>"
    "  <Option name='NUM_THREADS' type='string' default='ALL_CPUS' description='Threads that decode chunks: a number, or ALL_CPUS. Else "
    "GDAL_NUM_THREADS counts'/>"
    "  <Option name='OTHER_FILES' type='string-select' default='AUTO' description='Other files that may be opened for parts of this one "
    "(virtual and external data, external links): AUTO is BESIDE for a remote file, else ANY'>"
    "    <Value>AUTO</Value><Value>NO</Value><Value>BESIDE</Value><Value>ANY</Value>"
    "  </Option>"
    "</OpenOptionList>";

const char ARRAY_LIST_OPTIONS[] =
    "<MultiDimArrayGetNamesOptionList>"
    "  <Option name='SHOW_ALL' type='boolean' default='NO' description='All arrays, whatever the other options say'/>"
    "  <Option name='SHOW_ZERO_DIM' type='boolean' default='YES' description='Scalars'/>"
    "  <Option name='SHOW_COORDINATES' type='boolean' default='YES' description='Arrays that others name as their coordinates'/>"
    "  <Option name='SHOW_BOUNDS' type='boolean' default='YES' description='Arrays that others name as their bounds'/>"
    "  <Option name='SHOW_INDEXING' type='boolean' default='YES' description='Coordinate variables of dimensions'/>"
    "  <Option name='SHOW_TIME' type='boolean' default='YES' description='Times'/>"
    "  <Option name='GROUP_BY' type='string-select' description='SAME_DIMENSION: arrays of one dimension are in a group named as it'>"
    "    <Value>SAME_DIMENSION</Value>"
    "  </Option>"
    "</MultiDimArrayGetNamesOptionList>";

namespace
{

bool Fetch(CSLConstList papszOptions, const char *pszName, const char *pszConfig, bool bDefault)
{
    const char *pszDefault = pszConfig != nullptr ? CPLGetConfigOption(pszConfig, nullptr) : nullptr;
    const char *pszValue = CSLFetchNameValueDef(papszOptions, pszName, pszDefault);
    return pszValue != nullptr ? CPLTestBool(pszValue) : bDefault;
}

std::string Normalize(const char *pszPath)
{
    const std::string osPath = pszPath != nullptr ? pszPath : "";
    const size_t nFirst = osPath.find_first_not_of('/'), nLast = osPath.find_last_not_of('/');
    return nFirst == std::string::npos ? std::string() : osPath.substr(nFirst, nLast - nFirst + 1);
}

} // namespace

RasterOptions ParseRasterOptions(CSLConstList papszOptions)
{
    RasterOptions o;
    o.osGroup = "/" + Normalize(CSLFetchNameValue(papszOptions, "GROUP"));
    o.osVariable = Normalize(CSLFetchNameValue(papszOptions, "VARIABLE"));
    const char *pszList = CSLFetchNameValueDef(papszOptions, "LIST", "AUTO");
    o.eList = EQUAL(pszList, "ALL") || CPLFetchBool(papszOptions, "LIST_ALL_ARRAYS", false) ? RasterOptions::List::ALL
              : EQUAL(pszList, "2D")                                                         ? RasterOptions::List::TWO_D
                                                                                             : RasterOptions::List::AUTO;
    if (!EQUAL(pszList, "AUTO") && !EQUAL(pszList, "2D") && !EQUAL(pszList, "ALL"))
        CPLError(CE_Warning, CPLE_IllegalArg, "LIST=%s is not one of AUTO, 2D, ALL: AUTO is used", pszList);
    const char *pszRows = CSLFetchNameValueDef(papszOptions, "BOTTOMUP", CPLGetConfigOption("GDAL_NETCDF_BOTTOMUP", "AUTO"));
    if (!EQUAL(pszRows, "AUTO"))
        o.eRows = CPLTestBool(pszRows) ? RasterOptions::Rows::BOTTOM_UP : RasterOptions::Rows::TOP_DOWN;
    o.bHonourValidRange = Fetch(papszOptions, "HONOUR_VALID_RANGE", nullptr, true);
    o.bAssumeLongLat = Fetch(papszOptions, "ASSUME_LONGLAT", "GDAL_NETCDF_ASSUME_LONGLAT", false);
    o.bPreserveAxisUnit = Fetch(papszOptions, "PRESERVE_AXIS_UNIT_IN_CRS", nullptr, false);
    o.bAnyAxes = Fetch(papszOptions, "IGNORE_XY_AXIS_NAME_CHECKS", "GDAL_NETCDF_IGNORE_XY_AXIS_NAME_CHECKS", false);
    o.bVariablesAsBands = Fetch(papszOptions, "VARIABLES_AS_BANDS", nullptr, false);
    o.bLookupTable = Fetch(papszOptions, "GLT", nullptr, false);
    return o;
}

} // namespace h5range
