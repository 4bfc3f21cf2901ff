// Ground control points. GDAL's HDF5 driver makes them of longitudes and latitudes of each pixel, so for names in its form we do, too;
// for other names the domain GEOLOCATION tells more. Programs ask every raster for its points, which is when they are looked for.
#include "h5range_raster.h"

#include <algorithm>
#include <cmath>

#include "h5range_hdfeos.h"

namespace h5range
{

namespace
{

constexpr int MAX_GROUP_DEPTH = 64;

// A raster has at least that many rows and columns of points, as in GDAL's HDF5 driver, which makes none of smaller ones.
constexpr int ROWS = 100, COLUMNS = 30;

struct Coordinates
{
    std::shared_ptr<GDALMDArray> poLongitudes{}, poLatitudes{};
};

bool IsOfShape(const GDALMDArray &oArray, int nRows, int nCols)
{
    const auto &apoDims = oArray.GetDimensions();
    return apoDims.size() == 2 && apoDims[0]->GetSize() == static_cast<GUInt64>(nRows) && apoDims[1]->GetSize() == static_cast<GUInt64>(nCols) &&
           IsRasterType(oArray.GetDataType()) && !GDALDataTypeIsComplex(oArray.GetDataType().GetNumericDataType());
}

// Those of a group, else of the first of the groups in it that has them.
Coordinates FindCoordinates(GDALGroup &oGroup, int nRows, int nCols, int nDepth = 0)
{
    Coordinates oFound;
    for (const auto &osName : oGroup.GetMDArrayNames())
        for (const bool bLatitude : {false, true})
            if (EQUAL(osName.c_str(), bLatitude ? "Latitude" : "Longitude"))
                (bLatitude ? oFound.poLatitudes : oFound.poLongitudes) = oGroup.OpenMDArray(osName);
    if (oFound.poLongitudes && oFound.poLatitudes && IsOfShape(*oFound.poLongitudes, nRows, nCols) && IsOfShape(*oFound.poLatitudes, nRows, nCols))
        return oFound;
    if (nDepth < MAX_GROUP_DEPTH)
    {
        for (const auto &osName : oGroup.GetGroupNames())
        {
            const auto poChild = oGroup.OpenGroup(osName);
            oFound = poChild ? FindCoordinates(*poChild, nRows, nCols, nDepth + 1) : Coordinates();
            if (oFound.poLongitudes)
                return oFound;
        }
    }
    return Coordinates();
}

// Every nRowStep-th row and nColStep-th column; NaN for what is missing.
bool ReadSample(const GDALMDArray &oArray, int nRowStep, int nColStep, size_t nRows, size_t nCols, std::vector<float> &afValues)
{
    const GUInt64 anStart[2] = {0, 0};
    const size_t anCount[2] = {nRows, nCols};
    const GInt64 anStep[2] = {nRowStep, nColStep};
    afValues.resize(nRows * nCols);
    CPLPushErrorHandler(CPLQuietErrorHandler);
    const bool bRead = oArray.Read(anStart, anCount, anStep, nullptr, GDALExtendedDataType::Create(GDT_Float32), afValues.data());
    CPLPopErrorHandler();
    if (!bRead)
    {
        const std::string osWhy = CPLGetLastErrorMsg();
        CPLErrorReset();
        CPLError(CE_Warning, CPLE_AppDefined, "there are no ground control points: %s", osWhy.c_str());
        return false;
    }
    const auto fFill = static_cast<float>(Attributes(oArray).Number({"_FillValue"}));
    const double dfScale = oArray.GetScale(), dfOffset = oArray.GetOffset();
    for (float &fValue : afValues)
        fValue = fValue == fFill ? NAN : static_cast<float>(fValue * dfScale + dfOffset);
    return true;
}

} // namespace

void RasterDataset::AddGCP(double dfCol, double dfRow, double dfLongitude, double dfLatitude, double dfHeight) const
{
    static char szEmpty[] = "";
    GDAL_GCP sGCP{};
    sGCP.pszId = sGCP.pszInfo = szEmpty;
    sGCP.dfGCPPixel = dfCol;
    sGCP.dfGCPLine = dfRow;
    sGCP.dfGCPX = dfLongitude;
    sGCP.dfGCPY = dfLatitude;
    sGCP.dfGCPZ = dfHeight;
    m_asGCPs.push_back(sGCP);
    if (!m_poGCPSRS)
        m_poGCPSRS = CFLongLat();
}

void RasterDataset::FindGCPs() const
{
    if (m_bHasLookedForGCPs)
        return;
    m_bHasLookedForGCPs = true;
    const int nRowStep = nRasterYSize / ROWS, nColStep = nRasterXSize / COLUMNS;
    if (!m_oName.bHDF5Dialect || !m_asGCPs.empty() || !m_poArray || m_iXDim < 0 || m_iYDim < 0 || nRowStep == 0 || nColStep == 0 || m_bHasGeoTransform ||
        m_poOrtho || IsCosmoSkyMed() || IsEOSPath(m_poArray->GetFullName()))
        return;

    // Those next to the array: a file can have several swaths.
    Coordinates oFound;
    for (auto apoGroups = CFGroupsOnPath(m_poRoot, CFGroupOf(*m_poArray)); !apoGroups.empty() && !oFound.poLongitudes; apoGroups.pop_back())
        oFound = FindCoordinates(*apoGroups.back(), nRasterYSize, nRasterXSize);
    const auto nRows = static_cast<size_t>(nRasterYSize / nRowStep), nCols = static_cast<size_t>(nRasterXSize / nColStep);
    std::vector<float> afLongitudes, afLatitudes;
    if (!oFound.poLongitudes || !ReadSample(*oFound.poLongitudes, nRowStep, nColStep, nRows, nCols, afLongitudes) ||
        !ReadSample(*oFound.poLatitudes, nRowStep, nColStep, nRows, nCols, afLatitudes))
        return;

    // As GDAL's HDF5 driver does, and by the same option: a raster that crosses the date line is moved by half a circle.
    bool bWest = false, bEast = false, bMiddle = false;
    for (size_t i = 0; i < afLongitudes.size(); i++)
    {
        if (std::isnan(afLatitudes[i]))
            afLongitudes[i] = NAN;
        bWest = bWest || (afLongitudes[i] >= -180 && afLongitudes[i] < -170);
        bEast = bEast || (afLongitudes[i] > 170 && afLongitudes[i] <= 180);
        bMiddle = bMiddle || std::fabs(afLongitudes[i]) < 90;
    }
    const char *pszShift = CPLGetConfigOption("HDF5_SHIFT_GCPX_BY_180", nullptr);
    const double dfShift = (pszShift != nullptr ? CPLTestBool(pszShift) : bWest && bEast && !bMiddle) ? 180 : 0;
    for (size_t iRow = 0; iRow < nRows; iRow++)
    {
        for (size_t iCol = 0; iCol < nCols; iCol++)
        {
            const size_t i = iRow * nCols + iCol;
            const double dfRow = static_cast<double>(iRow) * nRowStep + 0.5, dfCol = static_cast<double>(iCol) * nColStep + 0.5;
            if (std::isfinite(afLongitudes[i]) && std::isfinite(afLatitudes[i]))
                AddGCP(dfCol, m_bBottomUp ? nRasterYSize - dfRow : dfRow, static_cast<double>(afLongitudes[i]) + dfShift, static_cast<double>(afLatitudes[i]), 0);
        }
    }
}

int RasterDataset::GetGCPCount()
{
    FindGCPs();
    return m_asGCPs.empty() ? GDALPamDataset::GetGCPCount() : static_cast<int>(m_asGCPs.size());
}

const OGRSpatialReference *RasterDataset::GetGCPSpatialRef() const
{
    FindGCPs();
    return m_asGCPs.empty() ? GDALPamDataset::GetGCPSpatialRef() : m_poGCPSRS.get();
}

const GDAL_GCP *RasterDataset::GetGCPs()
{
    FindGCPs();
    return m_asGCPs.empty() ? GDALPamDataset::GetGCPs() : m_asGCPs.data();
}

} // namespace h5range
