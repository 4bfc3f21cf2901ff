// The CF and netCDF-4 conventions over GDAL's multidimensional objects: what the axes of an array mean, its CRS and its
// geotransform. Nothing here knows HDF5.
#ifndef H5RANGE_CF_H
#define H5RANGE_CF_H

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gdal_priv.h"
#include "ogr_spatialref.h"

#include "h5range_options.h"

namespace h5range
{

/** Text of an attribute, "" when there is none. */
using AttributeText = std::function<std::string(const char *)>;

/** The attributes of an array or a group, fetched once, hidden ones too. */
class Attributes
{
  public:
    Attributes() = default;
    explicit Attributes(const GDALIHasAttribute &oObject);

    const std::vector<std::shared_ptr<GDALAttribute>> &All() const
    {
        return m_apoAttributes;
    }
    std::shared_ptr<GDALAttribute> Find(const char *pszName) const;
    /** First value as text. */
    std::string Text(const char *pszName) const;
    /** All values; those of a text are split at blanks and commas. */
    std::vector<double> Numbers(const char *pszName) const;
    /** First of the names that is there, else NaN. */
    double Number(std::initializer_list<const char *> apszNames) const;
    AttributeText Getter() const;

  private:
    std::vector<std::shared_ptr<GDALAttribute>> m_apoAttributes;
};

/** GDAL_DIM_TYPE_* and direction ("EAST", "NORTH", "UP", "DOWN") of a dimension, by the attributes of its coordinate
 * variable and, where those say nothing, by its name. Both are "" for a dimension without a role. */
void CFDimensionRole(const AttributeText &oText, const std::string &osName, std::string &osType, std::string &osDirection);

/** Whether a coordinate variable holds longitudes or latitudes on the Earth (not those of a rotated pole). */
bool CFIsLongitude(const AttributeText &oText, const std::string &osName);
bool CFIsLatitude(const AttributeText &oText, const std::string &osName);

/** Metres of a unit of length, 0 when it is none. */
double CFUnitInMetres(const std::string &osUnit);

/** Array of a name as CF writes it: an absolute path, or a path relative to the group or the nearest ancestor that has it. */
std::shared_ptr<GDALMDArray> CFFindArray(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osGroupFullName, const std::string &osName);

/** Full name of the group that holds an array. */
std::string CFGroupOf(const GDALMDArray &oArray);

/** The groups on a path, the root first, as far as they are there. */
std::vector<std::shared_ptr<GDALGroup>> CFGroupsOnPath(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osFullName);

/** Whether a dimension has no name of its own. */
bool CFIsAnonymous(const std::string &osDimension);

/** WGS 84 by longitude and latitude. */
std::shared_ptr<OGRSpatialReference> CFLongLat();

/** The names in an attribute such as coordinates, ancillary_variables or (with their keys) grid_mapping. */
std::vector<std::string> CFNames(const std::string &osText);

/** Reads an array of at most one dimension in a type of its caller's. A failure is a warning: what coordinates tell is missing then,
 * the array that they belong to can be read all the same. */
bool CFReadOrWarn(const GDALMDArray &oArray, const GDALExtendedDataType &oType, size_t nCount, void *pBuffer);

/** Values of a numeric array of at most one dimension, scale and offset applied. */
bool CFReadCoordinate(const GDALMDArray &oArray, std::vector<double> &adfValues);

/** One array as CF sees it. Coordinate variables are opened and read once, when asked for. */
class CFArray
{
  public:
    struct Axis
    {
        std::string osName; // of the dimension
        std::shared_ptr<GDALMDArray> poVariable; // coordinate variable of one dimension, or null
        Attributes oAttributes;                  // of the variable
        std::string osType, osDirection;
    };

    CFArray(const std::shared_ptr<GDALGroup> &poRoot, const GDALMDArray &oArray, const std::string &osGroupFullName);

    const Attributes &GetAttributes() const
    {
        return m_oAttributes;
    }
    const std::vector<Axis> &Axes() const
    {
        return m_aoAxes;
    }
    /** Sizes of the dimensions. */
    const std::vector<GUInt64> &Sizes() const
    {
        return m_anSizes;
    }
    /** Which dimension runs along a raster's rows and which along its columns; -1 for one that an array of less than two
     * dimensions lacks. By role, else the last two. */
    int XDim() const
    {
        return m_iXDim;
    }
    int YDim() const
    {
        return m_iYDim;
    }
    /** Values of an axis' variable, or null. */
    const std::vector<double> *Values(int iDim) const;
    /** The variable that grid_mapping names, or null. */
    const std::shared_ptr<GDALMDArray> &MappingVariable() const
    {
        return m_poMapping;
    }
    /** Arrays that the coordinates attribute names, those found. */
    std::vector<std::shared_ptr<GDALMDArray>> AuxiliaryCoordinates() const;

    /** The CRS in traditional GIS order, or null. bMetre: a CRS on km axes is given in metres. */
    std::shared_ptr<OGRSpatialReference> SpatialRef(bool bMetre) const;

    /** The geotransform of the raster in units of poSRS (may be null). bBottomUp: whether the rows run from south to north in the
     * file, unchanged where nothing tells; the geotransform is that of the raster with its rows turned so. */
    bool GeoTransform(const OGRSpatialReference *poSRS, const RasterOptions &oOptions, double *padfGeoTransform, bool &bBottomUp) const;

    /** Latitudes of an uneven grid whose longitudes are even (a gaussian grid): set by GeoTransform(). */
    bool HasUnevenLatitudes() const
    {
        return m_bUnevenLatitudes;
    }

  private:
    void FindMapping();
    void FindVariable(Axis &oAxis, const GDALDimension &oDim, const std::vector<std::shared_ptr<GDALMDArray>> &apoAuxiliary) const;
    void TakeUnattachedCoordinates();
    void FindAxes();
    double UnitFactor(const Axis &oAxis, const OGRSpatialReference *poSRS) const;
    bool GeoTransformOfMapping(double *padfGeoTransform) const;

    std::shared_ptr<GDALGroup> m_poRoot;
    std::string m_osGroup;
    Attributes m_oAttributes, m_oMappingAttributes;
    std::shared_ptr<GDALMDArray> m_poMapping;
    std::vector<Axis> m_aoAxes;
    std::vector<GUInt64> m_anSizes;
    int m_iXDim = -1, m_iYDim = -1;
    mutable bool m_bUnevenLatitudes = false;
    mutable std::map<int, std::vector<double>> m_oValues;
};

/** Longitudes and latitudes of every pixel. */
struct CFGeolocation
{
    std::shared_ptr<GDALMDArray> poLongitudes{}, poLatitudes{};
    explicit operator bool() const
    {
        return poLongitudes && poLatitudes;
    }
};

/** Those that an array names, else those that have the usual names in its group, in one above or in a folder there; of dimensions iY
 * and iX. */
CFGeolocation CFFindGeolocation(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, int iY, int iX);

/** Which dimensions of an array are rows and columns of the longitudes and latitudes that go with it; false: none tell. */
bool CFFindGeolocationAxes(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, int &iY, int &iX);

/** The CRS that a grid mapping's attributes describe, or null: WKT and identifiers first, then CF's parameters. dfUnit:
 * metres of the unit of the projected axes; bMetre: give a CRS in metres all the same. */
std::shared_ptr<OGRSpatialReference> CFSpatialRefFromMapping(const Attributes &oMapping, double dfUnit, bool bMetre);

/** The CRS of an array for GDALMDArray::GetSpatialRef(), with the mapping of its dimensions to the CRS' axes, or null. */
std::shared_ptr<OGRSpatialReference> CFSpatialRef(const std::shared_ptr<GDALGroup> &poRoot, const GDALMDArray &oArray,
                                                  const std::string &osGroupFullName);

} // namespace h5range

#endif
