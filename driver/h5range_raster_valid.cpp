// Values outside an array's valid range, which are read as missing ones.
#include "h5range_raster.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "h5range_multidim.h"

namespace h5range
{

namespace
{

template <class T> void Mask(void *pValues, size_t nValues, const Storage &sStorage, const void *pNoData)
{
    T tNoData;
    memcpy(&tNoData, pNoData, sizeof(T));
    auto *ptValues = static_cast<T *>(pValues);
    for (size_t i = 0; i < nValues; i++)
    {
        const auto dfValue = static_cast<double>(ptValues[i]);
        if (dfValue < sStorage.dfMin || dfValue > sStorage.dfMax)
            ptValues[i] = tNoData;
    }
}

void MaskValues(GDALDataType eType, void *pValues, size_t nValues, const Storage &sStorage, const void *pNoData)
{
    switch (eType)
    {
        case GDT_Byte:
            return Mask<GByte>(pValues, nValues, sStorage, pNoData);
        case GDT_Int16:
            return Mask<GInt16>(pValues, nValues, sStorage, pNoData);
        case GDT_UInt16:
            return Mask<GUInt16>(pValues, nValues, sStorage, pNoData);
        case GDT_Int32:
            return Mask<GInt32>(pValues, nValues, sStorage, pNoData);
        case GDT_UInt32:
            return Mask<GUInt32>(pValues, nValues, sStorage, pNoData);
        case GDT_Int64:
            return Mask<GInt64>(pValues, nValues, sStorage, pNoData);
        case GDT_UInt64:
            return Mask<GUInt64>(pValues, nValues, sStorage, pNoData);
        case GDT_Float32:
            return Mask<float>(pValues, nValues, sStorage, pNoData);
        case GDT_Float64:
            return Mask<double>(pValues, nValues, sStorage, pNoData);
        default:
            return Mask<signed char>(pValues, nValues, sStorage, pNoData); // Int8: SetValidRange() lets no other through
    }
}

} // namespace

// Limits are in the unit of the stored values. Without a value for missing ones there is nothing to put in their place.
void RasterDataset::SetValidRange()
{
    if (!m_oOptions.bHonourValidRange || m_oName.bHDF5Dialect)
        return;
    const auto &oAttributes = m_poCF->GetAttributes();
    const GDALDataType eType = m_poArray->GetDataType().GetNumericDataType();
    double dfMin = oAttributes.Number({"valid_min"}), dfMax = oAttributes.Number({"valid_max"});
    const auto adfRange = oAttributes.Numbers("valid_range");
    if (adfRange.size() == 2)
    {
        dfMin = adfRange[0];
        dfMax = adfRange[1];
    }
    if (EQUAL(oAttributes.Text("_Unsigned").c_str(), "true"))
    {
        // stored as signed numbers, as the array is
        const double dfTurn = std::exp2(8 * GDALGetDataTypeSizeBytes(eType));
        dfMin += dfMin < 0 ? dfTurn : 0;
        dfMax += dfMax < 0 ? dfTurn : 0;
    }
    // Limits of a wider type than the array's are those of unpacked values (netCDF's conventions, Attribute Conventions).
    const auto poLimit = oAttributes.Find(adfRange.size() == 2 ? "valid_range" : std::isnan(dfMin) ? "valid_max" : "valid_min");
    bool bHasScale = false, bHasOffset = false;
    const double dfScale = m_poArray->GetScale(&bHasScale), dfOffset = m_poArray->GetOffset(&bHasOffset);
    if (poLimit && (bHasScale || bHasOffset) && dfScale != 0 && poLimit->GetDataType().GetClass() == GEDTC_NUMERIC && !GDALDataTypeIsFloating(eType) &&
        GDALDataTypeIsFloating(poLimit->GetDataType().GetNumericDataType()))
    {
        dfMin = (dfMin - dfOffset) / dfScale;
        dfMax = (dfMax - dfOffset) / dfScale;
        if (dfScale < 0)
            std::swap(dfMin, dfMax);
    }
    if ((std::isnan(dfMin) && std::isnan(dfMax)) || dfMin > dfMax || GDALDataTypeIsComplex(eType) ||
        GDALGetDataTypeSizeBytes(eType) == 0 || EQUAL(GDALGetDataTypeName(eType), "Float16"))
        return;
    if (m_poArray->GetRawNoDataValue() == nullptr && m_sStorage.abyFill.empty())
        m_sStorage.abyFill = NetCDFFill(eType);
    if (m_poArray->GetRawNoDataValue() == nullptr && m_sStorage.abyFill.empty())
        return;
    m_sStorage.bValidRange = true;
    m_sStorage.dfMin = std::isnan(dfMin) ? -std::numeric_limits<double>::infinity() : dfMin;
    m_sStorage.dfMax = std::isnan(dfMax) ? std::numeric_limits<double>::infinity() : dfMax;
}

bool RasterDataset::ReadSlabs(const std::vector<Hyperslab> &aoSlabs, GDALDataType eType) const
{
    const auto oBufferType = GDALExtendedDataType::Create(eType);
    if (!m_sStorage.bValidRange)
        return ReadWindows(*m_poArray, aoSlabs, oBufferType);

    // Limits are compared with the values as they are stored, before they change their type and place.
    const auto &oType = m_poArray->GetDataType();
    const size_t nDims = m_poArray->GetDimensionCount();
    std::vector<Hyperslab> aoPacked(aoSlabs);
    std::vector<std::vector<GByte>> aabyValues(aoSlabs.size());
    std::vector<size_t> anValues(aoSlabs.size(), 1);
    try
    {
        for (size_t k = 0; k < aoSlabs.size(); k++)
        {
            bool bInPlace = oBufferType == oType;
            for (size_t i = nDims; i-- > 0;)
            {
                aoPacked[k].anStride[i] = static_cast<GPtrDiff_t>(anValues[k]);
                bInPlace = bInPlace && (aoSlabs[k].anCount[i] == 1 || aoSlabs[k].anStride[i] == aoPacked[k].anStride[i]);
                anValues[k] *= aoSlabs[k].anCount[i];
            }
            if (bInPlace)
                continue;
            aabyValues[k].resize(anValues[k] * oType.GetSize());
            aoPacked[k].pDst = aabyValues[k].data();
        }
    }
    catch (const std::exception &)
    {
        CPLError(CE_Failure, CPLE_OutOfMemory, "%s: out of memory", m_poFile->Name().c_str());
        return false;
    }
    if (!ReadWindows(*m_poArray, aoPacked, oType))
        return false;
    const void *pNoData = m_poArray->GetRawNoDataValue();
    for (size_t k = 0; k < aoSlabs.size(); k++)
    {
        MaskValues(oType.GetNumericDataType(), aoPacked[k].pDst, anValues[k], m_sStorage, pNoData != nullptr ? pNoData : m_sStorage.abyFill.data());
        if (!aabyValues[k].empty())
            CopyWindow(aabyValues[k].data(), oType, aoPacked[k].anStride.data(), static_cast<GByte *>(aoSlabs[k].pDst), oBufferType,
                       aoSlabs[k].anStride.data(), aoSlabs[k].anCount.data(), nDims);
    }
    return true;
}

} // namespace h5range
