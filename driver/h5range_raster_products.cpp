// Georeferencing of products that have it in other forms than CF's.
#include "h5range_raster.h"

#include <algorithm>

#include "h5range_hdfeos.h"
#include "h5range_multidim.h"

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

void RasterDataset::SetProductAxes()
{
    const EOSField *psField = EOSFieldOf(*m_poArray);
    const auto &apoDims = m_poArray->GetDimensions();
    if (psField == nullptr || psField->aosDims.size() != apoDims.size() || apoDims.size() < 2)
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
void RasterDataset::SetProductGeoreferencing()
{
    const EOSField *psField = EOSFieldOf(*m_poArray);
    if (psField == nullptr)
        return;
    double adf[6];
    if (!psField->poGrid)
    {
        if (!m_bHasGeoTransform && m_oOptions.eRows == RasterOptions::Rows::AUTO)
            m_bBottomUp = false; // a swath is shown as it was scanned
        return;
    }
    if (!psField->poGrid->GeoTransform(adf) || nRasterXSize != psField->poGrid->nX || nRasterYSize != psField->poGrid->nY)
        return;
    m_bBottomUp = m_oOptions.eRows == RasterOptions::Rows::AUTO ? adf[5] > 0 && !m_oName.bHDF5Dialect : m_oOptions.eRows == RasterOptions::Rows::BOTTOM_UP;
    if (m_bBottomUp)
    {
        adf[3] += nRasterYSize * adf[5];
        adf[5] = -adf[5];
    }
    std::copy(adf, adf + 6, m_adfGeoTransform);
    m_bHasGeoTransform = true;
    m_poSRS = psField->poGrid->SpatialRef();
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
