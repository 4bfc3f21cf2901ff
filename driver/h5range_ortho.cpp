#include "h5range_ortho.h"

#include <algorithm>
#include <climits>
#include <cstring>

#include "h5range_cf.h"
#include "h5range_raster.h"

namespace h5range
{

namespace
{

// Sides of blocks. Those of the grid are no chunks: pixels of a block come from all over a rotated part of the swath.
constexpr GUInt64 BLOCK = 128;
// Values of the swath that are held at a time, and pixels of the table.
constexpr size_t PIECE_BYTES = 64 * 1024 * 1024;
constexpr size_t TABLE_PIXELS = 16 * 1024 * 1024;

bool IsPlane(const std::shared_ptr<GDALMDArray> &poArray)
{
    return poArray && poArray->GetDimensionCount() == 2 && IsRasterType(poArray->GetDataType());
}

} // namespace

std::shared_ptr<OrthoArray> OrthoArray::Create(const GDALGroup &oRoot, const std::shared_ptr<GDALMDArray> &poSwath, int iYDim, int iXDim)
{
    const auto Fail = [&poSwath](const char *pszWhy)
    {
        CPLError(CE_Failure, CPLE_AppDefined, "%s#%s: GLT=YES, but %s", poSwath->GetFilename().c_str(), poSwath->GetFullName().c_str(), pszWhy);
        return nullptr;
    };
    const auto poLocation = oRoot.OpenGroup("location");
    const auto poCols = poLocation ? poLocation->OpenMDArray("glt_x") : nullptr, poRows = poLocation ? poLocation->OpenMDArray("glt_y") : nullptr;
    if (!IsPlane(poCols) || !IsPlane(poRows))
        return Fail("the file has no lookup table /location/glt_x, /location/glt_y");
    for (size_t i = 0; i < 2; i++)
        if (poCols->GetDimensions()[i]->GetSize() != poRows->GetDimensions()[i]->GetSize())
            return Fail("/location/glt_x and /location/glt_y are not of the same size");
    const auto poLongitudes = poLocation->OpenMDArray("lon");
    const auto &apoDims = poSwath->GetDimensions();
    if (iYDim < 0 || iXDim < 0 || !IsPlane(poLongitudes) ||
        poLongitudes->GetDimensions()[0]->GetSize() != apoDims[static_cast<size_t>(iYDim)]->GetSize() ||
        poLongitudes->GetDimensions()[1]->GetSize() != apoDims[static_cast<size_t>(iXDim)]->GetSize())
        return Fail("its rows and columns are not those of the swath, /location/lon");

    std::shared_ptr<OrthoArray> poOrtho(new OrthoArray(CFGroupOf(*poSwath), poSwath, static_cast<size_t>(iYDim), static_cast<size_t>(iXDim)));
    const Attributes oAttributes(oRoot);
    poOrtho->m_adfGeoTransform = oAttributes.Numbers("geotransform");
    if (poOrtho->m_adfGeoTransform.size() != 6)
        return Fail("the file has no attribute geotransform of six numbers that says where the table lies");
    poOrtho->m_poSRS = CFSpatialRefFromMapping(oAttributes, 1, true); // attribute spatial_ref
    poOrtho->m_apoDims[poOrtho->m_iY] = poRows->GetDimensions()[0];
    poOrtho->m_apoDims[poOrtho->m_iX] = poRows->GetDimensions()[1];
    poOrtho->m_poRows = poRows;
    poOrtho->m_poCols = poCols;
    const auto *pabyNoData = static_cast<const GByte *>(poSwath->GetRawNoDataValue());
    if (pabyNoData != nullptr)
        poOrtho->m_abyNoData.assign(pabyNoData, pabyNoData + poSwath->GetDataType().GetSize());
    else
        poOrtho->m_abyNoData = NetCDFFill(poSwath->GetDataType().GetNumericDataType());
    poOrtho->SetSelf(poOrtho);
    return poOrtho;
}

// Bands that lie side by side in the file are in a block together.
std::vector<GUInt64> OrthoArray::GetBlockSize() const
{
    auto anBlock = m_poSwath->GetBlockSize();
    for (size_t i = 0; i < anBlock.size(); i++)
    {
        if (i == m_iY || i == m_iX)
            anBlock[i] = std::min(BLOCK, m_apoDims[i]->GetSize());
        else if (anBlock[i] == 0)
            anBlock[i] = i > m_iX ? m_apoDims[i]->GetSize() : 1;
    }
    return anBlock;
}

bool OrthoArray::ReadTable(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, Table &oTable) const
{
    const GUInt64 anStart[2] = {panStart[m_iY], panStart[m_iX]};
    const size_t anCount[2] = {panCount[m_iY], panCount[m_iX]};
    const GInt64 anStep[2] = {panStep[m_iY], panStep[m_iX]};
    const auto oType = GDALExtendedDataType::Create(GDT_Int32);
    oTable.nWidth = anCount[1];
    oTable.anRows.resize(anCount[0] * anCount[1]);
    oTable.anCols.resize(oTable.anRows.size());
    if (!m_poRows->Read(anStart, anCount, anStep, nullptr, oType, oTable.anRows.data()) ||
        !m_poCols->Read(anStart, anCount, anStep, nullptr, oType, oTable.anCols.data()))
        return false;
    // The table counts from 1. What points out of the swath is no pixel.
    const GUInt64 nRows = m_poSwath->GetDimensions()[m_iY]->GetSize(), nCols = m_poSwath->GetDimensions()[m_iX]->GetSize();
    for (size_t i = 0; i < oTable.anRows.size(); i++)
    {
        const GInt32 nRow = oTable.anRows[i], nCol = oTable.anCols[i];
        const bool bPixel = nRow >= 1 && nCol >= 1 && static_cast<GUInt64>(nRow) <= nRows && static_cast<GUInt64>(nCol) <= nCols;
        oTable.anRows[i] = bPixel ? nRow - 1 : -1;
        oTable.anCols[i] = bPixel ? nCol - 1 : -1;
    }
    return true;
}

bool OrthoArray::Halve(const Table &oTable, const Piece &oPiece, size_t iDim, const GDALExtendedDataType &oType) const
{
    Piece oFirst(oPiece), oSecond(oPiece);
    const size_t nHalf = oPiece.anCount[iDim] / 2;
    oFirst.anCount[iDim] = nHalf;
    oSecond.anCount[iDim] -= nHalf;
    oSecond.anStart[iDim] += static_cast<GUInt64>(static_cast<GInt64>(nHalf) * oPiece.anStep[iDim]); // wraps where the step is negative
    oSecond.nRow += iDim == m_iY ? nHalf : 0;
    oSecond.nCol += iDim == m_iX ? nHalf : 0;
    oSecond.pabyTo += static_cast<GPtrDiff_t>(nHalf) * oPiece.anStride[iDim];
    return ReadPiece(oTable, oFirst, oType) && ReadPiece(oTable, oSecond, oType);
}

bool OrthoArray::ReadPiece(const Table &oTable, const Piece &oPiece, const GDALExtendedDataType &oType) const
{
    const size_t nDims = m_apoDims.size(), nSize = oType.GetSize();
    const auto At = [&](size_t nRow, size_t nCol) { return (oPiece.nRow + nRow) * oTable.nWidth + oPiece.nCol + nCol; };

    // The part of the swath that the pixels of the piece come from.
    GInt32 nRow0 = INT_MAX, nRow1 = -1, nCol0 = INT_MAX, nCol1 = -1;
    for (size_t nRow = 0; nRow < oPiece.anCount[m_iY]; nRow++)
    {
        for (size_t nCol = 0; nCol < oPiece.anCount[m_iX]; nCol++)
        {
            const size_t n = At(nRow, nCol);
            if (oTable.anRows[n] < 0)
                continue;
            nRow0 = std::min(nRow0, oTable.anRows[n]);
            nRow1 = std::max(nRow1, oTable.anRows[n]);
            nCol0 = std::min(nCol0, oTable.anCols[n]);
            nCol1 = std::max(nCol1, oTable.anCols[n]);
        }
    }
    std::vector<GByte> abyValues;
    std::vector<GPtrDiff_t> anFrom(nDims); // strides of values in bytes
    if (nRow1 >= 0)
    {
        std::vector<GUInt64> anStart(oPiece.anStart);
        std::vector<size_t> anCount(oPiece.anCount);
        std::vector<GInt64> anStep(oPiece.anStep);
        anStart[m_iY] = static_cast<GUInt64>(nRow0);
        anStart[m_iX] = static_cast<GUInt64>(nCol0);
        anCount[m_iY] = static_cast<size_t>(nRow1 - nRow0) + 1;
        anCount[m_iX] = static_cast<size_t>(nCol1 - nCol0) + 1;
        anStep[m_iY] = anStep[m_iX] = 1;
        double dfBytes = static_cast<double>(nSize);
        size_t iHalved = m_iY; // rather bands that lie apart; rows; columns
        for (size_t i = 0; i < nDims; i++)
        {
            dfBytes *= static_cast<double>(anCount[i]);
            if (i != m_iY && i != m_iX && oPiece.anCount[i] > GetBlockSize()[i])
                iHalved = i;
        }
        if (oPiece.anCount[iHalved] == 1)
            iHalved = m_iX;
        if (dfBytes > static_cast<double>(PIECE_BYTES) && oPiece.anCount[iHalved] > 1)
            return Halve(oTable, oPiece, iHalved, oType);
        std::vector<GPtrDiff_t> anStride(nDims);
        GPtrDiff_t nStride = 1;
        for (size_t i = nDims; i-- > 0;)
        {
            anStride[i] = nStride;
            anFrom[i] = nStride * static_cast<GPtrDiff_t>(nSize);
            nStride *= static_cast<GPtrDiff_t>(anCount[i]);
        }
        abyValues.resize(static_cast<size_t>(nStride) * nSize);
        if (!m_poSwath->Read(anStart.data(), anCount.data(), anStep.data(), anStride.data(), oType, abyValues.data()))
            return false;
    }

    // Where the elements of the other dimensions are, for each pixel alike.
    std::vector<std::pair<GPtrDiff_t, GPtrDiff_t>> anOthers{{0, 0}}; // from, to
    for (size_t i = 0; i < nDims; i++)
    {
        if (i == m_iY || i == m_iX)
            continue;
        std::vector<std::pair<GPtrDiff_t, GPtrDiff_t>> anMore;
        for (const auto &o : anOthers)
            for (size_t n = 0; n < oPiece.anCount[i]; n++)
                anMore.emplace_back(o.first + static_cast<GPtrDiff_t>(n) * anFrom[i], o.second + static_cast<GPtrDiff_t>(n) * oPiece.anStride[i]);
        anOthers.swap(anMore);
    }
    std::vector<GByte> abyNoData(nSize, 0);
    if (!m_abyNoData.empty())
        GDALExtendedDataType::CopyValue(m_abyNoData.data(), GetDataType(), abyNoData.data(), oType);
    for (size_t nRow = 0; nRow < oPiece.anCount[m_iY]; nRow++)
    {
        for (size_t nCol = 0; nCol < oPiece.anCount[m_iX]; nCol++)
        {
            const size_t n = At(nRow, nCol);
            GByte *pabyTo = oPiece.pabyTo + static_cast<GPtrDiff_t>(nRow) * oPiece.anStride[m_iY] + static_cast<GPtrDiff_t>(nCol) * oPiece.anStride[m_iX];
            const bool bPixel = oTable.anRows[n] >= 0;
            const GByte *pabyFrom = bPixel ? abyValues.data() + (oTable.anRows[n] - nRow0) * anFrom[m_iY] + (oTable.anCols[n] - nCol0) * anFrom[m_iX]
                                           : abyNoData.data();
            for (const auto &o : anOthers)
                memcpy(pabyTo + o.second, pabyFrom + (bPixel ? o.first : 0), nSize);
        }
    }
    return true;
}

bool OrthoArray::IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                       const GDALExtendedDataType &oBufferType, void *pBuffer) const
{
    if (oBufferType.GetClass() != GEDTC_NUMERIC)
    {
        CPLError(CE_Failure, CPLE_NotSupported, "%s#%s: numbers can be read as numbers only", GetFilename().c_str(), GetFullName().c_str());
        return false;
    }
    const size_t nDims = m_apoDims.size();
    Piece oAll{{panStart, panStart + nDims}, {panCount, panCount + nDims}, {panStep, panStep + nDims}, {panStride, panStride + nDims}, 0, 0,
               static_cast<GByte *>(pBuffer)};
    for (GPtrDiff_t &nStride : oAll.anStride)
        nStride *= static_cast<GPtrDiff_t>(oBufferType.GetSize());
    try
    {
        // Of very large windows the table is read in parts.
        const size_t nRows = std::max<size_t>(1, TABLE_PIXELS / std::max<size_t>(1, panCount[m_iX]));
        for (size_t nRow = 0; nRow < panCount[m_iY]; nRow += nRows)
        {
            Piece oPiece(oAll);
            oPiece.anStart[m_iY] += static_cast<GUInt64>(static_cast<GInt64>(nRow) * panStep[m_iY]);
            oPiece.anCount[m_iY] = std::min(nRows, panCount[m_iY] - nRow);
            oPiece.pabyTo += static_cast<GPtrDiff_t>(nRow) * oAll.anStride[m_iY];
            Table oTable;
            if (!ReadTable(oPiece.anStart.data(), oPiece.anCount.data(), panStep, oTable) || !ReadPiece(oTable, oPiece, oBufferType))
                return false;
        }
    }
    catch (const std::bad_alloc &)
    {
        CPLError(CE_Failure, CPLE_OutOfMemory, "%s#%s: out of memory", GetFilename().c_str(), GetFullName().c_str());
        return false;
    }
    return true;
}

} // namespace h5range
