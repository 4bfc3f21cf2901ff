// Georeferencing of products that have it in other forms than CF's.
#include "h5range_raster.h"

#include <algorithm>
#include <cmath>

#include "h5range_hdfeos.h"
#include "h5range_multidim.h"
#include "h5range_ortho.h"

namespace h5range
{

namespace
{

const EOSField *EOSFieldOf(const GDALMDArray &oArray)
{
    const auto *poArray = dynamic_cast<const Array *>(&oArray);
    return poArray != nullptr ? poArray->GetEOSField() : nullptr;
}

} // namespace

// A geotransform of the rows as they are stored.
void RasterDataset::SetStoredGeoTransform(const double *padfStored)
{
    std::copy_n(padfStored, 6, m_adfGeoTransform);
    m_bHasGeoTransform = true;
    m_bBottomUp = m_oOptions.eRows == RasterOptions::Rows::AUTO ? m_adfGeoTransform[5] > 0 : m_oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;
    if (m_bBottomUp)
    {
        m_adfGeoTransform[3] += nRasterYSize * m_adfGeoTransform[5];
        m_adfGeoTransform[5] = -m_adfGeoTransform[5];
    }
}

// COSMO-SkyMed, its second generation and KOMPSAT-5.
bool RasterDataset::IsCosmoSkyMed() const
{
    const auto poMission = m_poRoot->GetAttribute("Mission ID");
    const char *pszMission = poMission && poMission->GetDataType().GetClass() == GEDTC_STRING ? poMission->ReadAsString() : nullptr;
    return pszMission != nullptr && (EQUAL(pszMission, "CSK") || EQUAL(pszMission, "CSG") || EQUAL(pszMission, "KMPS"));
}

void RasterDataset::SetProductAxes()
{
    const EOSField *psField = EOSFieldOf(*m_poArray);
    const auto &apoDims = m_poArray->GetDimensions();
    if (apoDims.size() == 3 && apoDims[2]->GetSize() == 2 && IsCosmoSkyMed()) // real and imaginary parts of unprojected products
    {
        m_iYDim = 0;
        m_iXDim = 1;
        return;
    }
    if (psField == nullptr)
    {
        int iX = -1, iY = -1;
        if (FindGPMAxes(iX, iY))
        {
            m_iXDim = iX;
            m_iYDim = iY;
        }
        return;
    }
    if (psField->aosDims.size() != apoDims.size() || apoDims.size() < 2)
        return;
    const auto &aosDims = psField->aosDims;
    if (psField->poGrid)
    {
        const auto itX = std::find(aosDims.begin(), aosDims.end(), "XDim"), itY = std::find(aosDims.begin(), aosDims.end(), "YDim");
        if (itX != aosDims.end() && itY != aosDims.end())
        {
            m_iXDim = static_cast<int>(itX - aosDims.begin());
            m_iYDim = static_cast<int>(itY - aosDims.begin());
        }
        return;
    }
    EOSGeolocation oGeolocation;
    for (size_t iY = 0; iY + 1 < aosDims.size(); iY++)
    {
        for (size_t iX = iY + 1; iX < aosDims.size(); iX++)
        {
            if (!FindEOSGeolocation(*psField, aosDims[iX], aosDims[iY], oGeolocation))
                continue;
            m_iXDim = static_cast<int>(iX);
            m_iYDim = static_cast<int>(iY);
            return;
        }
    }
}

// Rows of a grid are turned as those of other rasters are, except where GDAL's HDF5 driver would leave them.
void RasterDataset::SetEOSGrid()
{
    const EOSField *psField = EOSFieldOf(*m_poArray);
    if (psField == nullptr)
        return;
    double adf[6];
    if (!psField->poGrid)
    {
        // A swath is shown as it was scanned; numbers of its rows and columns, which some files have as coordinates, lie nowhere.
        if (psField->poSwath)
        {
            m_bBottomUp = m_oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;
            m_bHasGeoTransform = false;
        }
        return;
    }
    if (!psField->poGrid->GeoTransform(adf) || nRasterXSize != psField->poGrid->nX || nRasterYSize != psField->poGrid->nY)
        return;
    SetStoredGeoTransform(adf);
    m_poSRS = psField->poGrid->SpatialRef();
}

void RasterDataset::SetLookupTableGrid()
{
    SetStoredGeoTransform(m_poOrtho->GeoTransform().data());
    m_poSRS = m_poOrtho->GetSpatialRef();
}

// GPM and TRMM grids without coordinates: DimensionNames of the array tells which dimension is which, as in "nlayer,nlon,nlat".
bool RasterDataset::FindGPMAxes(int &iX, int &iY) const
{
    const CPLStringList aosNames(CSLTokenizeString2(m_poCF->GetAttributes().Text("DimensionNames").c_str(), ",", CSLT_STRIPLEADSPACES | CSLT_STRIPENDSPACES));
    iX = aosNames.FindString("nlon");
    iY = aosNames.FindString("nlat");
    return static_cast<size_t>(aosNames.Count()) == m_poCF->Axes().size() && iX >= 0 && iY >= 0 && !m_poCF->Axes()[static_cast<size_t>(iX)].poVariable &&
           !m_poCF->Axes()[static_cast<size_t>(iY)].poVariable;
}

// GridHeader of the group that the grid is in: "LatitudeResolution=0.5;\nOrigin=SOUTHWEST;\n" and so on. The bounds are those of the
// outer pixels; a header that does not fit the array is of another one.
bool RasterDataset::SetGPMGrid()
{
    int iX = -1, iY = -1;
    if (!FindGPMAxes(iX, iY) || iX != m_iXDim || iY != m_iYDim)
        return false;
    std::string osHeader;
    for (const auto &poGroup : CFGroupsOnPath(m_poRoot, CFGroupOf(*m_poArray)))
    {
        const std::string osText = Attributes(*poGroup).Text("GridHeader");
        if (!osText.empty())
            osHeader = osText; // the nearest
    }
    const CPLStringList aosHeader(CSLTokenizeString2(osHeader.c_str(), ";\r\n", CSLT_STRIPLEADSPACES | CSLT_STRIPENDSPACES));
    const auto Number = [&aosHeader](const char *pszKey) { return CPLAtof(aosHeader.FetchNameValueDef(pszKey, "nan")); };
    const double dfWest = Number("WestBoundingCoordinate"), dfEast = Number("EastBoundingCoordinate"), dfColumn = Number("LongitudeResolution");
    const double dfSouth = Number("SouthBoundingCoordinate"), dfNorth = Number("NorthBoundingCoordinate"), dfRow = Number("LatitudeResolution");
    const char *pszOrigin = aosHeader.FetchNameValueDef("Origin", "");
    const bool bFits = dfColumn > 0 && dfRow > 0 && std::fabs(dfEast - dfWest - nRasterXSize * dfColumn) < dfColumn / 100 &&
                       std::fabs(dfNorth - dfSouth - nRasterYSize * dfRow) < dfRow / 100;
    if (!bFits || (!EQUAL(pszOrigin, "SOUTHWEST") && !EQUAL(pszOrigin, "NORTHWEST")))
        return false;
    const bool bSouth = EQUAL(pszOrigin, "SOUTHWEST");
    const double adf[6] = {dfWest, (dfEast - dfWest) / nRasterXSize, 0, bSouth ? dfSouth : dfNorth, 0, (bSouth ? 1 : -1) * (dfNorth - dfSouth) / nRasterYSize};
    SetStoredGeoTransform(adf);
    m_poSRS = CFLongLat();
    return true;
}

bool IsODIM(const GDALGroup &oRoot)
{
    const auto poConventions = oRoot.GetAttribute("Conventions");
    const char *pszConventions = poConventions && poConventions->GetDataType().GetClass() == GEDTC_STRING ? poConventions->ReadAsString() : nullptr;
    return pszConventions != nullptr && STARTS_WITH(pszConventions, "ODIM_H5");
}

// ODIM: radar composites on a projection. The corners are in degrees.
bool RasterDataset::SetRadar()
{
    const auto poWhere = IsODIM(*m_poRoot) ? m_poRoot->OpenGroup("where") : nullptr;
    if (!poWhere)
        return false;
    const Attributes oWhere(*poWhere);
    const std::string osProjection = oWhere.Text("projdef");
    if (osProjection.empty() || oWhere.Number({"xsize"}) != nRasterXSize || oWhere.Number({"ysize"}) != nRasterYSize)
        return false;
    auto poSRS = std::make_shared<OGRSpatialReference>();
    if (poSRS->importFromProj4(osProjection.c_str()) != OGRERR_NONE)
        return false;
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    const std::unique_ptr<OGRSpatialReference, void (*)(OGRSpatialReference *)> poDegrees(poSRS->CloneGeogCS(), [](OGRSpatialReference *p) { p->Release(); });
    if (!poDegrees)
        return false;
    poDegrees->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    const std::unique_ptr<OGRCoordinateTransformation> poTransform(OGRCreateCoordinateTransformation(poDegrees.get(), poSRS.get()));
    double adfX[4], adfY[4];
    const char *const apszCorners[] = {"LL", "UR", "UL", "LR"};
    size_t nCorners = 0;
    for (const char *pszCorner : apszCorners)
    {
        const double dfLon = oWhere.Number({(std::string(pszCorner) + "_lon").c_str()}), dfLat = oWhere.Number({(std::string(pszCorner) + "_lat").c_str()});
        if (std::isnan(dfLon) || std::isnan(dfLat))
            break;
        adfX[nCorners] = dfLon;
        adfY[nCorners] = dfLat;
        nCorners++;
    }
    if (nCorners < 2 || !poTransform || !poTransform->Transform(static_cast<int>(nCorners), adfX, adfY))
        return false;
    const double dfLeft = *std::min_element(adfX, adfX + nCorners), dfRight = *std::max_element(adfX, adfX + nCorners);
    const double dfBottom = *std::min_element(adfY, adfY + nCorners), dfTop = *std::max_element(adfY, adfY + nCorners);
    const double adf[6] = {dfLeft, (dfRight - dfLeft) / nRasterXSize, 0, dfTop, 0, (dfBottom - dfTop) / nRasterYSize};
    std::copy(adf, adf + 6, m_adfGeoTransform);
    m_bHasGeoTransform = adf[1] > 0 && adf[5] < 0;
    m_bBottomUp = m_oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;
    m_poSRS = poSRS;
    return true;
}

// Corners of unprojected products, the map of projected ones.
bool RasterDataset::SetCosmoSkyMed()
{
    if (!IsCosmoSkyMed())
        return false;
    const Attributes oRoot(*m_poRoot);
    const auto &oArray = m_poCF->GetAttributes();
    m_bBottomUp = m_oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;

    const auto adfTopLeft = oArray.Numbers("Top Left East-North");
    const double dfColumn = oArray.Number({"Column Spacing"}), dfLine = oArray.Number({"Line Spacing"});
    if (adfTopLeft.size() >= 2 && dfColumn > 0 && dfLine > 0)
    {
        auto poSRS = std::make_shared<OGRSpatialReference>();
        poSRS->SetWellKnownGeogCS("WGS84");
        const auto adfCentre = oRoot.Numbers("Map Projection Centre"), adfFalse = oRoot.Numbers("Map Projection False East-North");
        const auto adfScale = oRoot.Numbers("Map Projection Scale Factor");
        const std::string osProjection = oRoot.Text("Projection ID");
        const double dfZone = oRoot.Number({"Map Projection Zone"});
        const bool bUTM = EQUAL(osProjection.c_str(), "UTM") || osProjection.find("TRANSVERSE") != std::string::npos;
        if (bUTM && dfZone >= 1 && dfZone <= 60)
            poSRS->SetUTM(static_cast<int>(dfZone), !(adfFalse.size() >= 2 && adfFalse[1] > 0)); // the south has a false northing
        else if (adfCentre.size() >= 2 && adfFalse.size() >= 2)
            poSRS->SetPS(adfCentre[0], adfCentre[1], adfScale.empty() ? 1 : adfScale[0], adfFalse[0], adfFalse[1]);
        else
            return false;
        poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
        const double adf[6] = {adfTopLeft[0], dfColumn, 0, adfTopLeft[1], 0, -dfLine};
        std::copy(adf, adf + 6, m_adfGeoTransform);
        m_bHasGeoTransform = true;
        m_poSRS = poSRS;
        return true;
    }
    static const struct
    {
        const char *pszName;
        double dfCol, dfRow; // of the raster's size
    } asCorners[] = {{"Top Left", 0, 0}, {"Top Right", 1, 0}, {"Bottom Left", 0, 1}, {"Bottom Right", 1, 1}};
    for (const auto &sCorner : asCorners)
    {
        const auto adf = oArray.Numbers((std::string(sCorner.pszName) + " Geodetic Coordinates").c_str()); // latitude, longitude, height
        if (adf.size() < 3)
        {
            m_asGCPs.clear();
            return false;
        }
        AddGCP(sCorner.dfCol * nRasterXSize, sCorner.dfRow * nRasterYSize, adf[1], adf[0], adf[2]);
    }
    return true;
}

void RasterDataset::SetProductGeoreferencing()
{
    if (m_iXDim < 0 || m_iYDim < 0)
        return;
    if (m_poOrtho)
        SetLookupTableGrid();
    else if (IsEOSPath(m_poArray->GetFullName()))
        SetEOSGrid();
    else if (!m_bHasGeoTransform && !SetGPMGrid() && !SetRadar())
        (void)SetCosmoSkyMed();
}

bool RasterDataset::SetEOSGeolocation()
{
    const EOSField *psField = EOSFieldOf(*m_poArray);
    EOSGeolocation oGeolocation;
    if (psField == nullptr || psField->aosDims.size() != m_poArray->GetDimensionCount() ||
        !FindEOSGeolocation(*psField, psField->aosDims[static_cast<size_t>(m_iXDim)], psField->aosDims[static_cast<size_t>(m_iYDim)], oGeolocation) ||
        oGeolocation.osLongitude == m_poArray->GetFullName() || oGeolocation.osLatitude == m_poArray->GetFullName())
        return false;
    const int anOffset[2] = {oGeolocation.oX.nOffset, oGeolocation.oY.nOffset}, anStep[2] = {oGeolocation.oX.nIncrement, oGeolocation.oY.nIncrement};
    SetGeolocationItems(oGeolocation.osLongitude, oGeolocation.osLatitude, anOffset, anStep);
    return true;
}

} // namespace h5range
