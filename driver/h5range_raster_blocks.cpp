// Where in the file the blocks of a raster lie: what another reader needs to fetch them itself.
#include "h5range_raster.h"

#include <algorithm>

namespace h5range
{

bool RasterDataset::FindBlock(int iBand, int nBX, int nBY, GUInt64 &nOffset, GUInt64 &nSize) const
{
    const h5r_object *psObject = nullptr;
    const h5r_dataset *psDataset = nullptr;
    h5r_error err;
    if (!m_poArray || m_poOrtho || nBX < 0 || nBY < 0 || nBX >= DIV_ROUND_UP(nRasterXSize, m_nBlockXSize) || nBY >= DIV_ROUND_UP(nRasterYSize, m_nBlockYSize) ||
        h5r_lookup(m_poFile->Handle(), nullptr, m_poArray->GetFullName().c_str(), &psObject, &err) != H5R_OK || psObject->file != m_poFile->Handle() ||
        h5r_dataset_describe(psObject->file, psObject, &psDataset, &err) != H5R_OK || psDataset->layout != H5R_LAYOUT_CHUNKED ||
        psDataset->space->rank != m_poArray->GetDimensionCount())
        return false;
    const auto iX = static_cast<size_t>(m_iXDim), iY = static_cast<size_t>(m_iYDim < 0 ? 0 : m_iYDim);
    // Blocks are chunks, unless chunks are too large for that or rows that were turned do not end with one.
    if (psDataset->chunk[iX] < static_cast<GUInt64>(m_nBlockXSize) || (m_iYDim >= 0 && std::min<GUInt64>(psDataset->chunk[iY], static_cast<GUInt64>(nRasterYSize)) != static_cast<GUInt64>(m_nBlockYSize)) ||
        (m_bBottomUp && nRasterYSize % m_nBlockYSize != 0))
        return false;
    std::vector<uint64_t> anChunk(psDataset->space->rank, 0), anOne(psDataset->space->rank, 1);
    const auto anIndex = BandIndex(iBand);
    for (size_t i = 0; i < anIndex.size(); i++)
        anChunk[static_cast<size_t>(m_anExtraDims[i])] = anIndex[i] / psDataset->chunk[m_anExtraDims[i]];
    if (m_iYDim >= 0)
        anChunk[iY] = static_cast<uint64_t>(m_bBottomUp ? nRasterYSize / m_nBlockYSize - 1 - nBY : nBY);
    anChunk[iX] = static_cast<uint64_t>(nBX);
    for (size_t i = 0; i < anChunk.size(); i++)
        if (anChunk[i] >= psDataset->grid[i]) // not written yet
            return false;
    h5r_chunk sChunk{};
    if (h5r_chunks(psObject->file, psObject, anChunk.data(), anOne.data(), &sChunk, &err) != H5R_OK)
    {
        m_poFile->Report(err, m_poArray->GetFullName());
        return false;
    }
    nOffset = sChunk.offset;
    nSize = sChunk.size;
    return sChunk.offset != H5R_UNDEFINED;
}

} // namespace h5range
