// HDF-EOS5: grids and swaths, whose dimensions, projections and geolocation a text of the file describes (StructMetadata.0).
#ifndef H5RANGE_HDFEOS_H
#define H5RANGE_HDFEOS_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ogr_spatialref.h"

namespace h5range
{

/** A grid: nX by nY pixels between two corners. */
struct EOSGrid
{
    std::string osName{}, osProjection{}, osOrigin{};
    int nX = 0, nY = 0, nZone = 0, nSphere = -1;
    std::vector<double> adfParameters{};
    double adfUpperLeft[2] = {0, 0}, adfLowerRight[2] = {0, 0};
    bool bHasCorners = false;

    /** The CRS in traditional GIS order, or null. */
    std::shared_ptr<OGRSpatialReference> SpatialRef() const;
    /** Geotransform of the rows and columns as they are stored; false where the file does not say. */
    bool GeoTransform(double *padfGeoTransform) const;
    bool IsGeographic() const
    {
        return osProjection == "HE5_GCTP_GEO";
    }
};

/** How a dimension of a swath's data lies on one of its geolocation fields: element Offset + i * Increment of the data is element i. */
struct EOSDimensionMap
{
    std::string osGeo{}, osData{};
    int nOffset = 0, nIncrement = 1;
};

struct EOSSwath
{
    std::string osName{};
    std::vector<EOSDimensionMap> aoMaps{};
    std::map<std::string, std::vector<std::string>> aoGeoFields{}; // name -> dimensions
};

/** A field of a grid, a swath or a zonal average. */
struct EOSField
{
    std::vector<std::string> aosDims{};
    std::shared_ptr<const EOSGrid> poGrid{};
    std::shared_ptr<const EOSSwath> poSwath{};
};

class HDFEOS
{
  public:
    /** Never null; what the text does not have is not found later. */
    static std::shared_ptr<const HDFEOS> Parse(const std::string &osText);

    /** By full name: /HDFEOS/GRIDS/name/Data Fields/field. nullptr for other arrays. */
    const EOSField *Find(const std::string &osFullName) const;
    /** Any field of a grid by the full name of its folder, /HDFEOS/GRIDS/name; nullptr for other groups. */
    const EOSField *FindOfGrid(const std::string &osGroupFullName) const;

  private:
    std::map<std::string, EOSField> m_oFields{};
};

/** Whether an array may be a field: those of other files need not look for the text. */
bool IsEOSPath(const std::string &osFullName);

/** Longitudes and latitudes of a swath's field, as full names, and how they lie on its columns and rows. */
struct EOSGeolocation
{
    std::string osLongitude{}, osLatitude{};
    EOSDimensionMap oX{}, oY{};
    bool bDirect = false; // the field's two dimensions are those of the longitudes
};
bool FindEOSGeolocation(const EOSField &oField, const std::string &osXDim, const std::string &osYDim, EOSGeolocation &oGeolocation);

} // namespace h5range

#endif
