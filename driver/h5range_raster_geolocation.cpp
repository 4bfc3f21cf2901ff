// Longitudes and latitudes of each pixel, and rows at unequal distances: the metadata that gdalwarp places pixels by.
#include "h5range_raster.h"

namespace h5range
{

void RasterDataset::SetGeolocation()
{
    if (m_iXDim < 0 || m_iYDim < 0 || m_poOrtho)
        return;
    if (m_poCF->HasUnevenLatitudes())
    {
        CPLStringList aosItems;
        std::vector<std::string> aosValues;
        for (const double dfValue : *m_poCF->Values(m_iYDim))
            aosValues.push_back(CPLSPrintf("%.16g", dfValue));
        aosItems.SetNameValue("Y_VALUES", Braced(aosValues).c_str());
        GDALMajorObject::SetMetadata(aosItems.List(), "GEOLOCATION2");
    }
    if (SetEOSGeolocation())
        return;

    // Next to a geotransform only those that the array itself names are worth telling.
    const bool bNamed = !m_poCF->AuxiliaryCoordinates().empty();
    if (!bNamed && m_bHasGeoTransform)
        return;
    const auto oFound = !bNamed && m_poCF->HasUnevenLatitudes() ? CFGeolocation() : CFFindGeolocation(m_poRoot, *m_poCF, CFGroupOf(*m_poArray), m_iYDim, m_iXDim);
    const int anOffset[2] = {0, 0}, anStep[2] = {1, 1};
    const auto &oX = m_poCF->Axes()[static_cast<size_t>(m_iXDim)], &oY = m_poCF->Axes()[static_cast<size_t>(m_iYDim)];
    // Longitudes and latitudes of columns and rows that are not at equal distances: GDAL knows arrays of one dimension, too.
    if (!oFound && !m_bHasGeoTransform && oX.poVariable && oY.poVariable && CFIsLongitude(oX.oAttributes.Getter(), oX.osName) &&
        CFIsLatitude(oY.oAttributes.Getter(), oY.osName))
    {
        SetGeolocationItems(oX.poVariable->GetFullName(), oY.poVariable->GetFullName(), anOffset, anStep);
        return;
    }
    if (!oFound || oFound.poLongitudes->GetFullName() == m_poArray->GetFullName() || oFound.poLatitudes->GetFullName() == m_poArray->GetFullName())
        return;
    const auto &poLongitudes = oFound.poLongitudes, &poLatitudes = oFound.poLatitudes;
    SetGeolocationItems(poLongitudes->GetFullName(), poLatitudes->GetFullName(), anOffset, anStep);
}

// The name of an array whose values are read as they are, without scale and offset: of packed ones that of a VRT that unpacks them.
std::string RasterDataset::UnpackedName(const std::string &osFullName) const
{
    const std::string osName = NameOf(osFullName);
    const auto poArray = m_poRoot->OpenMDArrayFromFullname(osFullName);
    bool bScale = false, bOffset = false, bNoData = false;
    const double dfScale = poArray ? poArray->GetScale(&bScale) : 1, dfOffset = poArray ? poArray->GetOffset(&bOffset) : 0;
    if (!poArray || poArray->GetDimensionCount() == 0 || ((!bScale || dfScale == 1) && (!bOffset || dfOffset == 0)))
        return osName;
    const auto &apoDims = poArray->GetDimensions();
    const double dfNoData = poArray->GetNoDataValueAsDouble(&bNoData);
    char *pszEscaped = CPLEscapeString(osName.c_str(), -1, CPLES_XML);
    std::string osXML = CPLSPrintf("<VRTDataset rasterXSize=\"" CPL_FRMT_GUIB "\" rasterYSize=\"" CPL_FRMT_GUIB "\"><VRTRasterBand dataType=\"Float64\" band=\"1\">",
                                   static_cast<GUIntBig>(apoDims.back()->GetSize()), static_cast<GUIntBig>(apoDims.size() < 2 ? 1 : apoDims[apoDims.size() - 2]->GetSize()));
    if (bNoData)
        osXML += CPLSPrintf("<NoDataValue>%.17g</NoDataValue>", dfNoData);
    osXML += std::string("<ComplexSource><SourceFilename>") + pszEscaped + "</SourceFilename><SourceBand>1</SourceBand>";
    osXML += CPLSPrintf("<ScaleOffset>%.17g</ScaleOffset><ScaleRatio>%.17g</ScaleRatio>", bOffset ? dfOffset : 0, bScale ? dfScale : 1);
    if (bNoData)
        osXML += CPLSPrintf("<NODATA>%.17g</NODATA>", dfNoData);
    CPLFree(pszEscaped);
    return osXML + "</ComplexSource></VRTRasterBand></VRTDataset>";
}

// Offset and step of columns, then of rows.
void RasterDataset::SetGeolocationItems(const std::string &osX, const std::string &osY, const int *panOffset, const int *panStep)
{
    CPLStringList aosItems;
    // They are on the ellipsoid of the array's CRS, where it has one.
    const std::unique_ptr<OGRSpatialReference, void (*)(OGRSpatialReference *)> poDegrees(m_poSRS && !m_poSRS->IsDerivedGeographic() ? m_poSRS->CloneGeogCS() : nullptr,
                                                                                         [](OGRSpatialReference *p) { OSRRelease(OGRSpatialReference::ToHandle(p)); });
    char *pszWKT = nullptr;
    if (poDegrees && poDegrees->exportToWkt(&pszWKT) == OGRERR_NONE)
        aosItems.SetNameValue("SRS", pszWKT);
    else
        aosItems.SetNameValue("SRS", SRS_WKT_WGS84_LAT_LONG);
    CPLFree(pszWKT);
    aosItems.SetNameValue("X_DATASET", UnpackedName(osX).c_str());
    aosItems.SetNameValue("X_BAND", "1");
    aosItems.SetNameValue("Y_DATASET", UnpackedName(osY).c_str());
    aosItems.SetNameValue("Y_BAND", "1");
    aosItems.SetNameValue("PIXEL_OFFSET", CPLSPrintf("%d", panOffset[0]));
    aosItems.SetNameValue("PIXEL_STEP", CPLSPrintf("%d", panStep[0]));
    aosItems.SetNameValue("LINE_OFFSET", CPLSPrintf("%d", panOffset[1]));
    aosItems.SetNameValue("LINE_STEP", CPLSPrintf("%d", panStep[1]));
    aosItems.SetNameValue("GEOREFERENCING_CONVENTION", "PIXEL_CENTER");
    GDALMajorObject::SetMetadata(aosItems.List(), "GEOLOCATION");
}

} // namespace h5range
