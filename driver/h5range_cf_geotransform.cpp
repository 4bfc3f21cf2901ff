// Geotransforms from coordinate variables of one dimension.
#include "h5range_cf.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace h5range
{

namespace
{

constexpr double FULL_CIRCLE = 360;

/** Pixel centres along one axis, in file order: dfFirst + i * dfStep. */
struct Line
{
    double dfFirst = 0, dfLast = 0, dfStep = 0;
};

enum class Spacing
{
    EVEN,
    NEARLY_EVEN, // steps differ by less than 0.1: the threshold of GDAL's netCDF driver for latitudes
    UNEVEN
};

// Makes longitudes that jump at the date line monotonous: those after the last jump keep their values.
void Unwrap(std::vector<double> &adfValues)
{
    double dfShift = 0;
    for (size_t i = 1; i < adfValues.size() && adfValues.size() > 2; i++)
    {
        const double dfStep = adfValues[i] + dfShift - adfValues[i - 1];
        if (dfStep > FULL_CIRCLE / 2)
            dfShift -= FULL_CIRCLE;
        else if (dfStep < -FULL_CIRCLE / 2)
            dfShift += FULL_CIRCLE;
        adfValues[i] += dfShift;
    }
    const double dfMin = std::min(adfValues.front(), adfValues.back());
    const double dfMax = std::max(adfValues.front(), adfValues.back());
    double dfBack = -dfShift;
    if (dfShift == 0 && dfMin >= FULL_CIRCLE / 2 && dfMax <= FULL_CIRCLE && CPLTestBool(CPLGetConfigOption("GDAL_NETCDF_CENTERLONG_180", "YES")))
        dfBack = -FULL_CIRCLE;
    for (double &dfValue : adfValues)
        dfValue += dfBack;
}

Spacing Fit(const std::vector<double> &adfValues, bool bSingle, Line &sLine)
{
    const size_t n = adfValues.size();
    sLine.dfFirst = adfValues.front();
    sLine.dfLast = adfValues.back();
    sLine.dfStep = (sLine.dfLast - sLine.dfFirst) / static_cast<double>(n - 1);
    if (!std::isfinite(sLine.dfStep) || sLine.dfStep == 0)
        return Spacing::UNEVEN;
    if (CPLTestBool(CPLGetConfigOption("GDAL_NETCDF_IGNORE_EQUALLY_SPACED_XY_CHECK", "NO")))
        return Spacing::EVEN;

    // A twentieth of a pixel, and what rounding to the file's type does.
    const double dfEpsilon = bSingle ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
    const double dfTolerance = std::fabs(sLine.dfStep) / 20 + 4 * dfEpsilon * std::max(std::fabs(sLine.dfFirst), std::fabs(sLine.dfLast));
    bool bEven = true;
    double dfMinStep = std::numeric_limits<double>::max(), dfMaxStep = -dfMinStep;
    for (size_t i = 1; i < n; i++)
    {
        const double dfOff = adfValues[i] - (sLine.dfFirst + static_cast<double>(i) * sLine.dfStep);
        if (!(std::fabs(dfOff) <= dfTolerance))
            bEven = false;
        dfMinStep = std::min(dfMinStep, adfValues[i] - adfValues[i - 1]);
        dfMaxStep = std::max(dfMaxStep, adfValues[i] - adfValues[i - 1]);
    }
    if (bEven)
        return Spacing::EVEN;
    return dfMinStep * dfMaxStep > 0 && dfMaxStep - dfMinStep <= 0.1 ? Spacing::NEARLY_EVEN : Spacing::UNEVEN;
}

// More digits than a coordinate rounded to float has: actual_range, where it says the same as the coordinates.
void RefineByRange(const std::vector<double> &adfRange, bool bPixelEdges, size_t n, Line &sLine)
{
    if (adfRange.size() != 2 || n < 2)
        return;
    const bool bReverse = sLine.dfStep < 0 && adfRange[0] < adfRange[1];
    double dfFirst = bReverse ? adfRange[1] : adfRange[0];
    double dfLast = bReverse ? adfRange[0] : adfRange[1];
    const double dfStep = (dfLast - dfFirst) / static_cast<double>(bPixelEdges ? n : n - 1);
    if (bPixelEdges)
    {
        dfFirst += dfStep / 2;
        dfLast -= dfStep / 2;
    }
    const double dfTolerance = std::fabs(sLine.dfStep) / 100;
    if (std::fabs(dfFirst - sLine.dfFirst) <= dfTolerance && std::fabs(dfLast - sLine.dfLast) <= dfTolerance)
        sLine = {dfFirst, dfLast, dfStep};
}

bool Agree(const double *padfA, const double *padfB, double dfCols, double dfRows)
{
    const double dfPixel = std::min(std::hypot(padfB[1], padfB[4]), std::hypot(padfB[2], padfB[5]));
    for (const double dfCol : {0.0, dfCols})
    {
        for (const double dfRow : {0.0, dfRows})
        {
            const double dfX = padfA[0] - padfB[0] + dfCol * (padfA[1] - padfB[1]) + dfRow * (padfA[2] - padfB[2]);
            const double dfY = padfA[3] - padfB[3] + dfCol * (padfA[4] - padfB[4]) + dfRow * (padfA[5] - padfB[5]);
            if (!(std::fabs(dfX) <= dfPixel / 20 && std::fabs(dfY) <= dfPixel / 20))
                return false;
        }
    }
    return true;
}

// Numbers of scan lines and pixels are an X and a Y axis to some, beside the longitudes and latitudes of each.
bool OnlyCounts(const CFArray::Axis &oAxis)
{
    const std::string osUnit = oAxis.oAttributes.Text("units");
    return oAxis.poVariable && (osUnit.empty() || osUnit == "1") && oAxis.oAttributes.Text("standard_name").empty() &&
           !CFIsLongitude(oAxis.oAttributes.Getter(), oAxis.osName) && !CFIsLatitude(oAxis.oAttributes.Getter(), oAxis.osName);
}

} // namespace

// What turns values of a coordinate variable into units of the CRS.
double CFArray::UnitFactor(const Axis &oAxis, const OGRSpatialReference *poSRS) const
{
    const std::string osUnit = oAxis.oAttributes.Text("units");
    const char *pszUnit = osUnit.c_str();
    if (poSRS == nullptr || osUnit.empty())
        return 1;
    double dfRadians = 0;
    if (EQUAL(pszUnit, "rad") || EQUAL(pszUnit, "radian") || EQUAL(pszUnit, "radians"))
        dfRadians = 1;
    else if (EQUAL(pszUnit, "microradian") || EQUAL(pszUnit, "microradians"))
        dfRadians = 1e-6;
    else if (STARTS_WITH_CI(pszUnit, "degree") && poSRS->IsProjected())
        dfRadians = M_PI / 180;

    if (poSRS->IsProjected())
    {
        const double dfCRSUnit = poSRS->GetLinearUnits();
        if (dfRadians != 0)
        {
            // Scan angles of a geostationary view: PROJ's coordinates are angle times height.
            const double dfHeight = m_oMappingAttributes.Number({"perspective_point_height"});
            return dfHeight > 0 && EQUAL(m_oMappingAttributes.Text("grid_mapping_name").c_str(), "geostationary") ? dfRadians * dfHeight / dfCRSUnit : 1;
        }
        const double dfMetres = CFUnitInMetres(osUnit);
        return dfMetres > 0 && dfCRSUnit > 0 ? dfMetres / dfCRSUnit : 1;
    }
    return dfRadians != 0 ? dfRadians * 180 / M_PI : 1;
}

bool CFArray::GeoTransformOfMapping(double *padfGeoTransform) const
{
    const auto adfGiven = m_oMappingAttributes.Numbers("GeoTransform");
    if (adfGiven.size() == 6 && adfGiven[1] * adfGiven[5] - adfGiven[2] * adfGiven[4] != 0)
    {
        std::copy(adfGiven.begin(), adfGiven.end(), padfGeoTransform);
        return true;
    }
    const double dfNorth = m_oMappingAttributes.Number({"Northernmost_Northing"}), dfSouth = m_oMappingAttributes.Number({"Southernmost_Northing"});
    const double dfEast = m_oMappingAttributes.Number({"Easternmost_Easting"}), dfWest = m_oMappingAttributes.Number({"Westernmost_Easting"});
    const GUInt64 nCols = m_anSizes[static_cast<size_t>(m_iXDim)], nRows = m_anSizes[static_cast<size_t>(m_iYDim)];
    if (!(dfNorth > dfSouth && dfEast > dfWest) || nCols < 2 || nRows < 2)
        return false;
    // They name pixel centres.
    const double dfDX = (dfEast - dfWest) / static_cast<double>(nCols - 1), dfDY = (dfNorth - dfSouth) / static_cast<double>(nRows - 1);
    const double adf[6] = {dfWest - dfDX / 2, dfDX, 0, dfNorth + dfDY / 2, 0, -dfDY};
    std::copy(adf, adf + 6, padfGeoTransform);
    return true;
}

bool CFArray::GeoTransform(const OGRSpatialReference *poSRS, const RasterOptions &oOptions, double *padfGeoTransform, bool &bBottomUp) const
{
    if (m_iXDim < 0 || m_iYDim < 0)
    {
        bBottomUp = false;
        return false;
    }
    const Axis &oX = m_aoAxes[static_cast<size_t>(m_iXDim)];
    const Axis &oY = m_aoAxes[static_cast<size_t>(m_iYDim)];
    const auto nCols = static_cast<double>(m_anSizes[static_cast<size_t>(m_iXDim)]);
    const auto nRows = static_cast<double>(m_anSizes[static_cast<size_t>(m_iYDim)]);
    const bool bNumbers = !m_poMapping && !oOptions.bAnyAxes && OnlyCounts(oX) && OnlyCounts(oY) && CFFindGeolocation(m_poRoot, *this, m_osGroup, m_iYDim, m_iXDim);
    const auto *padfX = bNumbers ? nullptr : Values(m_iXDim);
    const auto *padfY = bNumbers ? nullptr : Values(m_iYDim);

    if (padfY != nullptr && padfY->size() > 1)
        bBottomUp = padfY->front() < padfY->back();
    else if (nRows == 1)
        bBottomUp = false;
    double adfMapping[6];
    const bool bMapping = GeoTransformOfMapping(adfMapping);
    if (bMapping && padfY == nullptr)
        bBottomUp = false; // nothing but the geotransform tells: it is that of the rows as they are stored
    if (oOptions.eRows != RasterOptions::Rows::AUTO)
        bBottomUp = oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;
    const bool bHorizontal = (oX.osType == GDAL_DIM_TYPE_HORIZONTAL_X && oY.osType == GDAL_DIM_TYPE_HORIZONTAL_Y) || oOptions.bAnyAxes;
    if (padfX == nullptr || padfY == nullptr || !bHorizontal)
    {
        if (bMapping)
            std::copy(adfMapping, adfMapping + 6, padfGeoTransform);
        return bMapping;
    }

    Line sX, sY;
    Spacing eX = Spacing::EVEN, eY = Spacing::EVEN;
    const bool bLongitude = CFIsLongitude(oX.oAttributes.Getter(), oX.osName), bLatitude = CFIsLatitude(oY.oAttributes.Getter(), oY.osName);
    std::vector<double> adfX(*padfX);
    if (bLongitude)
        Unwrap(adfX);
    const auto IsSingle = [](const Axis &oAxis) { return oAxis.poVariable->GetDataType().GetNumericDataType() == GDT_Float32; };
    const bool bPixelEdges = m_poRoot && Attributes(*m_poRoot).Number({"node_offset"}) == 1;
    const auto Describe = [&](const Axis &oAxis, const std::vector<double> &adfValues, Line &sLine)
    {
        const auto adfRange = oAxis.oAttributes.Numbers("actual_range");
        if (adfValues.size() > 1)
        {
            const Spacing eSpacing = Fit(adfValues, IsSingle(oAxis), sLine);
            RefineByRange(adfRange, bPixelEdges, adfValues.size(), sLine);
            return eSpacing;
        }
        sLine.dfFirst = sLine.dfLast = adfValues[0];
        if (bPixelEdges && adfRange.size() == 2)
            sLine.dfStep = adfRange[1] - adfRange[0];
        return Spacing::EVEN;
    };
    eX = Describe(oX, adfX, sX);
    eY = Describe(oY, *padfY, sY);
    // The width of a single row or column is that of the other axis, if of any.
    if (sX.dfStep == 0 && adfX.size() == 1)
        sX.dfStep = std::fabs(sY.dfStep);
    if (sY.dfStep == 0 && padfY->size() == 1)
        sY.dfStep = -std::fabs(sX.dfStep);

    m_bUnevenLatitudes = eX == Spacing::EVEN && eY == Spacing::UNEVEN && bLatitude && bLongitude;
    if (eY == Spacing::NEARLY_EVEN && bLatitude && eX == Spacing::EVEN)
    {
        CPLError(CE_Warning, CPLE_AppDefined, "%s: latitudes are not evenly spaced; the geotransform is good to 0.1 degrees", oY.osName.c_str());
        eY = Spacing::EVEN;
    }
    if (eX != Spacing::EVEN || eY != Spacing::EVEN || sX.dfStep == 0 || sY.dfStep == 0)
    {
        if (bMapping)
            std::copy(adfMapping, adfMapping + 6, padfGeoTransform);
        return bMapping;
    }

    const double dfXFactor = UnitFactor(oX, poSRS), dfYFactor = UnitFactor(oY, poSRS);
    const double dfTop = bBottomUp ? sY.dfLast : sY.dfFirst, dfDown = bBottomUp ? -sY.dfStep : sY.dfStep;
    const double adf[6] = {(sX.dfFirst - sX.dfStep / 2) * dfXFactor, sX.dfStep * dfXFactor, 0, (dfTop - dfDown / 2) * dfYFactor, 0, dfDown * dfYFactor};
    if (bMapping && adfMapping[5] > 0 && adf[5] < 0)
    {
        adfMapping[3] += nRows * adfMapping[5];
        adfMapping[5] = -adfMapping[5];
    }
    // A geotransform that was written beside the coordinates has all digits; one that disagrees is of another grid.
    const double *padfBest = bMapping && Agree(adfMapping, adf, nCols, nRows) ? adfMapping : adf;
    std::copy(padfBest, padfBest + 6, padfGeoTransform);
    return true;
}

} // namespace h5range
