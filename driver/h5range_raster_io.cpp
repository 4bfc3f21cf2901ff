// How pixels come: one read of the array for a window of several bands where that is no waste, else by blocks, several at once.
#include "h5range_raster.h"

#include <algorithm>
#include <cstring>

namespace h5range
{

namespace
{

// What may be read beyond what was asked for, by a caller that goes through the raster in order.
constexpr GIntBig AHEAD_BYTES = 16 * 1024 * 1024;
// Windows below that size are worth a look ahead.
constexpr GIntBig SMALL_WINDOW_BYTES = 1024 * 1024;
// More blocks than that are not looked for in the cache one by one.
constexpr GIntBig MAX_BLOCKS = 4096;

GIntBig CacheBudget()
{
    return GDALGetCacheMax64() / 4;
}

// Where block n of a row or column of them ends.
int EndOfBlock(int n, int nBlockSize, int nSize)
{
    return static_cast<int>(std::min<GIntBig>(nSize, (static_cast<GIntBig>(n) + 1) * nBlockSize));
}

struct Free
{
    void operator()(void *p) const
    {
        VSIFree(p);
    }
};

} // namespace

// Flattened bands run through the extra dimensions, the last one fastest. A slab takes as many of the bands from iBand on as one
// hyperslab can say: steps along the last dimension, or whole rows of it, whole planes of those, and so on.
bool RasterDataset::ReadSlab(const std::vector<int> &anBands, size_t &iBand, const Window &sWindow, const Buffer &sBuffer) const
{
    const size_t nDims = m_poArray->GetDimensionCount();
    const auto nTypeSize = static_cast<GSpacing>(GDALGetDataTypeSizeBytes(sBuffer.eType));
    std::vector<GUInt64> anStart(nDims, 0);
    std::vector<size_t> anCount(nDims, 1);
    std::vector<GInt64> anStep(nDims, 1);
    std::vector<GPtrDiff_t> anStride(nDims, 0);

    auto *pabyDst = static_cast<GByte *>(sBuffer.pData) + static_cast<GPtrDiff_t>(iBand) * sBuffer.nBandSpace;
    size_t nTake = 1;
    if (!m_anExtraDims.empty())
    {
        const auto anIndex = BandIndex(anBands[iBand]);
        for (size_t i = 0; i < m_anExtraDims.size(); i++)
            anStart[static_cast<size_t>(m_anExtraDims[i])] = anIndex[i];

        const int nStep = iBand + 1 < anBands.size() ? anBands[iBand + 1] - anBands[iBand] : 1;
        while (iBand + nTake < anBands.size() && nStep != 0 && anBands[iBand + nTake] - anBands[iBand + nTake - 1] == nStep)
            nTake++;
        const size_t iLast = m_anExtraDims.size() - 1;
        const auto iLastDim = static_cast<size_t>(m_anExtraDims[iLast]);
        if (nStep == 1 && anIndex[iLast] == 0 && nTake >= m_anExtraSizes[iLast])
        {
            size_t nUnit = 1; // bands of one index of the dimension under consideration
            for (size_t i = m_anExtraDims.size(); i-- > 0;)
            {
                const auto iDim = static_cast<size_t>(m_anExtraDims[i]);
                const auto nLeft = static_cast<size_t>(m_anExtraSizes[i] - anIndex[i]);
                anCount[iDim] = std::min(nLeft, nTake / nUnit);
                anStride[iDim] = static_cast<GPtrDiff_t>(nUnit) * (sBuffer.nBandSpace / nTypeSize);
                const bool bWhole = anIndex[i] == 0 && anCount[iDim] == m_anExtraSizes[i];
                nUnit *= anCount[iDim];
                if (!bWhole || i == 0 || nTake / nUnit <= 1)
                    break;
            }
            nTake = nUnit;
        }
        else
        {
            // as far as the last dimension goes
            const GInt64 nRoom = nStep > 0 ? (static_cast<GInt64>(m_anExtraSizes[iLast] - 1 - anIndex[iLast])) / nStep
                                           : static_cast<GInt64>(anIndex[iLast]) / (nStep == 0 ? 1 : -nStep);
            nTake = std::min(nTake, static_cast<size_t>(nRoom) + 1);
            anCount[iLastDim] = nTake;
            anStep[iLastDim] = nStep == 0 ? 1 : nStep;
            anStride[iLastDim] = sBuffer.nBandSpace / nTypeSize;
        }
    }
    if (m_iYDim >= 0)
    {
        const auto iY = static_cast<size_t>(m_iYDim);
        anStart[iY] = static_cast<GUInt64>(m_bBottomUp ? nRasterYSize - 1 - sWindow.nYOff : sWindow.nYOff);
        anCount[iY] = static_cast<size_t>(sWindow.nYSize);
        anStep[iY] = m_bBottomUp ? -1 : 1;
        anStride[iY] = sBuffer.nLineSpace / nTypeSize;
    }
    const auto iX = static_cast<size_t>(m_iXDim);
    anStart[iX] = static_cast<GUInt64>(sWindow.nXOff);
    anCount[iX] = static_cast<size_t>(sWindow.nXSize);
    anStride[iX] = sBuffer.nPixelSpace / nTypeSize;

    iBand += nTake;
    return ReadArray(anStart.data(), anCount.data(), anStep.data(), anStride.data(), sBuffer.eType, pabyDst);
}

bool RasterDataset::Read(const std::vector<int> &anBands, const Window &sWindow, const Buffer &sBuffer) const
{
    for (size_t iBand = 0; iBand < anBands.size();)
        if (!ReadSlab(anBands, iBand, sWindow, sBuffer))
            return false;
    return true;
}

bool RasterDataset::AreCached(const std::vector<int> &anBands, int nBX0, int nBY0, int nBX1, int nBY1)
{
    for (const int iBand : anBands)
    {
        for (int nBY = nBY0; nBY <= nBY1; nBY++)
        {
            for (int nBX = nBX0; nBX <= nBX1; nBX++)
            {
                GDALRasterBlock *poBlock = static_cast<RasterBand *>(GetRasterBand(iBand + 1))->TryGetLockedBlockRef(nBX, nBY);
                if (poBlock == nullptr)
                    return false;
                poBlock->DropLock();
            }
        }
    }
    return true;
}

bool RasterDataset::LoadBlocks(const std::vector<int> &anBands, int nBX0, int nBY0, int nBX1, int nBY1, int iTargetBand, int nTargetBX,
                               int nTargetBY, void *pTarget)
{
    Window sWindow{nBX0 * m_nBlockXSize, nBY0 * m_nBlockYSize, 0, 0};
    sWindow.nXSize = EndOfBlock(nBX1, m_nBlockXSize, nRasterXSize) - sWindow.nXOff;
    sWindow.nYSize = EndOfBlock(nBY1, m_nBlockYSize, nRasterYSize) - sWindow.nYOff;

    const GDALDataType eReadType = m_bSignedByte ? GDT_Int16 : m_eType;
    const auto nReadSize = static_cast<size_t>(GDALGetDataTypeSizeBytes(eReadType)), nSize = static_cast<size_t>(GDALGetDataTypeSizeBytes(m_eType));
    const size_t nLine = static_cast<size_t>(sWindow.nXSize) * nReadSize;
    const size_t nPlane = nLine * static_cast<size_t>(sWindow.nYSize);
    std::unique_ptr<GByte, Free> pabyRead(static_cast<GByte *>(VSI_MALLOC2_VERBOSE(nPlane, anBands.size())));
    if (!pabyRead || !Read(anBands, sWindow,
                           {pabyRead.get(), eReadType, static_cast<GSpacing>(nReadSize), static_cast<GSpacing>(nLine), static_cast<GSpacing>(nPlane)}))
        return false;

    for (size_t i = 0; i < anBands.size(); i++)
    {
        auto poBand = static_cast<RasterBand *>(GetRasterBand(anBands[i] + 1));
        for (int nBY = nBY0; nBY <= nBY1; nBY++)
        {
            for (int nBX = nBX0; nBX <= nBX1; nBX++)
            {
                const bool bTarget = pTarget != nullptr && anBands[i] == iTargetBand && nBX == nTargetBX && nBY == nTargetBY;
                GDALRasterBlock *poBlock = nullptr;
                GByte *pabyDst = static_cast<GByte *>(pTarget);
                if (!bTarget)
                {
                    if ((poBlock = poBand->TryGetLockedBlockRef(nBX, nBY)) != nullptr)
                    {
                        poBlock->DropLock();
                        continue;
                    }
                    if ((poBlock = poBand->GetLockedBlockRef(nBX, nBY, TRUE)) == nullptr)
                        return false;
                    pabyDst = static_cast<GByte *>(poBlock->GetDataRef());
                }
                const int nXOff = nBX * m_nBlockXSize - sWindow.nXOff, nYOff = nBY * m_nBlockYSize - sWindow.nYOff;
                const int nCols = std::min(m_nBlockXSize, sWindow.nXSize - nXOff), nRows = std::min(m_nBlockYSize, sWindow.nYSize - nYOff);
                for (int nRow = 0; nRow < nRows; nRow++)
                {
                    const GByte *pabySrc = pabyRead.get() + i * nPlane + static_cast<size_t>(nYOff + nRow) * nLine + static_cast<size_t>(nXOff) * nReadSize;
                    GByte *pabyLine = pabyDst + static_cast<size_t>(nRow) * static_cast<size_t>(m_nBlockXSize) * nSize;
                    if (!m_bSignedByte)
                    {
                        memcpy(pabyLine, pabySrc, static_cast<size_t>(nCols) * nSize);
                        continue;
                    }
                    for (int nCol = 0; nCol < nCols; nCol++)
                    {
                        GInt16 nValue;
                        memcpy(&nValue, pabySrc + static_cast<size_t>(nCol) * nReadSize, nReadSize);
                        pabyLine[nCol] = static_cast<GByte>(nValue & 0xFF);
                    }
                }
                if (poBlock != nullptr)
                    poBlock->DropLock();
            }
        }
    }
    return true;
}

// The bands whose values are in the same chunks: all are decoded together, so all are kept.
std::vector<int> RasterDataset::BandsOfChunk(int iBand) const
{
    const GIntBig nBlock = static_cast<GIntBig>(m_nBlockXSize) * m_nBlockYSize * GDALGetDataTypeSizeBytes(m_eType);
    if (m_nChunkBands <= 1 || nBlock * m_nChunkBands > CacheBudget())
        return {iBand};
    const auto nLast = static_cast<int>(m_anExtraSizes.back());
    const int nInRow = iBand % nLast;
    const int nFirst = nInRow - nInRow % m_nChunkBands;
    std::vector<int> anBands;
    for (int i = nFirst; i < std::min(nLast, nFirst + m_nChunkBands); i++)
        anBands.push_back(iBand - nInRow + i);
    return anBands;
}

CPLErr RasterDataset::ReadBlock(int iBand, int nBX, int nBY, void *pImage)
{
    const auto anBands = BandsOfChunk(iBand);
    const int nBlocksX = DIV_ROUND_UP(nRasterXSize, m_nBlockXSize), nBlocksY = DIV_ROUND_UP(nRasterYSize, m_nBlockYSize);
    const GIntBig nBlock = static_cast<GIntBig>(m_nBlockXSize) * m_nBlockYSize * GDALGetDataTypeSizeBytes(m_eType) * static_cast<GIntBig>(anBands.size());
    const GIntBig nAhead = std::min(AHEAD_BYTES, CacheBudget()) / std::max<GIntBig>(nBlock, 1);

    // A caller that goes from block to block gets the rest of the row, or more rows, in the same read.
    const bool bNext = m_nLastBand == iBand && ((nBY == m_nLastBY && nBX == m_nLastBX + 1) || (nBX == 0 && nBY == m_nLastBY + 1 && m_nLastBX == nBlocksX - 1));
    int nBX1 = nBX, nBY1 = nBY;
    if (bNext)
    {
        nBX1 = static_cast<int>(std::min<GIntBig>(nBlocksX - 1, nBX + std::max<GIntBig>(nAhead, 1) - 1));
        if (nBX == 0 && nBX1 == nBlocksX - 1)
            nBY1 = static_cast<int>(std::min<GIntBig>(nBlocksY - 1, nBY + std::max<GIntBig>(nAhead / nBlocksX, 1) - 1));
    }
    m_nLastBand = iBand;
    m_nLastBX = nBX1;
    m_nLastBY = nBY1;
    return LoadBlocks(anBands, nBX, nBY, nBX1, nBY1, iBand, nBX, nBY, pImage) ? CE_None : CE_Failure;
}

RasterDataset::Outcome RasterDataset::ReadWindow(const std::vector<int> &anBands, const Window &sWindow, int nBufXSize, int nBufYSize,
                                                 const Buffer &sBuffer)
{
    const int nTypeSize = GDALGetDataTypeSizeBytes(sBuffer.eType);
    if (nBufXSize != sWindow.nXSize || nBufYSize != sWindow.nYSize || nTypeSize == 0 || anBands.empty() ||
        sBuffer.nPixelSpace % nTypeSize != 0 || sBuffer.nLineSpace % nTypeSize != 0 || sBuffer.nBandSpace % nTypeSize != 0)
        return Outcome::BY_BLOCKS;

    const int nBX0 = sWindow.nXOff / m_nBlockXSize, nBX1 = (sWindow.nXOff + sWindow.nXSize - 1) / m_nBlockXSize;
    const int nBY0 = sWindow.nYOff / m_nBlockYSize;
    int nBY1 = (sWindow.nYOff + sWindow.nYSize - 1) / m_nBlockYSize;
    const auto nAsked = static_cast<GIntBig>(anBands.size());
    const GIntBig nBlocks = static_cast<GIntBig>(nBX1 - nBX0 + 1) * (nBY1 - nBY0 + 1) * nAsked;
    const bool bNext = sWindow.nXOff == m_sLastWindow.nXOff && sWindow.nXSize == m_sLastWindow.nXSize && m_nLastBand == anBands[0] &&
                       sWindow.nYOff == m_sLastWindow.nYOff + m_sLastWindow.nYSize;
    m_sLastWindow = sWindow;
    m_nLastBand = anBands[0];
    if (nBlocks <= MAX_BLOCKS && AreCached(anBands, nBX0, nBY0, nBX1, nBY1))
        return Outcome::BY_BLOCKS;

    const GIntBig nCols = EndOfBlock(nBX1, m_nBlockXSize, nRasterXSize) - nBX0 * m_nBlockXSize;
    const GIntBig nRows = EndOfBlock(nBY1, m_nBlockYSize, nRasterYSize) - nBY0 * m_nBlockYSize;
    const GIntBig nWindow = static_cast<GIntBig>(sWindow.nXSize) * sWindow.nYSize, nUnion = nCols * nRows;
    const GIntBig nSize = GDALGetDataTypeSizeBytes(m_eType);
    const GIntBig nBudget = std::min<GIntBig>(CacheBudget(), 4 * AHEAD_BYTES);
    // One band of chunks that hold several: the others are wanted next, as often as not, and come for nothing.
    const auto anMates = nAsked == 1 ? BandsOfChunk(anBands[0]) : anBands;
    const bool bMates = static_cast<GIntBig>(anMates.size()) > nAsked && nUnion * nSize * static_cast<GIntBig>(anMates.size()) <= nBudget;
    const auto &anLoad = bMates ? anMates : anBands;
    const GIntBig nPixel = nSize * static_cast<GIntBig>(anLoad.size());
    const bool bWhole = nWindow * 2 >= nUnion;
    // Rows that are not chunked can be read in part: a narrow window would drag in whole ones.
    const bool bNarrow = !m_sStorage.bChunked && sWindow.nXSize * 2 < nRasterXSize && nWindow * 4 < nUnion;
    const bool bAhead = bNext && nWindow * nPixel <= SMALL_WINDOW_BYTES && !bNarrow;
    const bool bTooLarge = nUnion * nPixel > nBudget || nBlocks > MAX_BLOCKS;
    if (m_bSignedByte && bTooLarge) // its bytes cannot go straight into the caller's buffer
        return Outcome::BY_BLOCKS;
    if (bTooLarge || (((bWhole && !bAhead && !bMates) || bNarrow) && !m_bSignedByte))
    {
        if (!Read(anBands, sWindow, sBuffer))
            return Outcome::FAILED;
        return Outcome::DONE;
    }
    if (bAhead)
    {
        const GIntBig nBlockRow = nCols * m_nBlockYSize * nPixel;
        const GIntBig nMore = std::min(AHEAD_BYTES, nBudget) / std::max<GIntBig>(nBlockRow, 1);
        nBY1 = static_cast<int>(std::min<GIntBig>(DIV_ROUND_UP(nRasterYSize, m_nBlockYSize) - 1, std::max<GIntBig>(nBY1, nBY0 + nMore - 1)));
    }
    return LoadBlocks(anLoad, nBX0, nBY0, nBX1, nBY1, -1, -1, -1, nullptr) ? Outcome::BY_BLOCKS : Outcome::FAILED;
}

CPLErr RasterDataset::IRasterIO(GDALRWFlag eRWFlag, int nXOff, int nYOff, int nXSize, int nYSize, void *pData, int nBufXSize, int nBufYSize,
                                GDALDataType eBufType, int nBandCount, int *panBandMap, GSpacing nPixelSpace, GSpacing nLineSpace,
                                GSpacing nBandSpace, GDALRasterIOExtraArg *psExtraArg)
{
    if (eRWFlag == GF_Read && m_poArray)
    {
        std::vector<int> anBands(panBandMap, panBandMap + nBandCount);
        for (int &iBand : anBands)
            iBand--;
        const Outcome eOutcome = ReadWindow(anBands, {nXOff, nYOff, nXSize, nYSize}, nBufXSize, nBufYSize,
                                            {pData, eBufType, nPixelSpace, nLineSpace, nBandSpace});
        if (eOutcome == Outcome::FAILED)
            return CE_Failure;
        if (eOutcome == Outcome::DONE)
            return psExtraArg == nullptr || psExtraArg->pfnProgress == nullptr || psExtraArg->pfnProgress(1.0, "", psExtraArg->pProgressData) ? CE_None
                                                                                                                                           : CE_Failure;
    }
    return GDALPamDataset::IRasterIO(eRWFlag, nXOff, nYOff, nXSize, nYSize, pData, nBufXSize, nBufYSize, eBufType, nBandCount, panBandMap, nPixelSpace,
                                     nLineSpace, nBandSpace, psExtraArg);
}

CPLErr RasterBand::IReadBlock(int nBlockXOff, int nBlockYOff, void *pImage)
{
    return m_poRasterDS->ReadBlock(nBand - 1, nBlockXOff, nBlockYOff, pImage);
}

CPLErr RasterBand::IRasterIO(GDALRWFlag eRWFlag, int nXOff, int nYOff, int nXSize, int nYSize, void *pData, int nBufXSize, int nBufYSize,
                             GDALDataType eBufType, GSpacing nPixelSpace, GSpacing nLineSpace, GDALRasterIOExtraArg *psExtraArg)
{
    if (eRWFlag == GF_Read)
    {
        const auto eOutcome =
            m_poRasterDS->ReadWindow({nBand - 1}, {nXOff, nYOff, nXSize, nYSize}, nBufXSize, nBufYSize, {pData, eBufType, nPixelSpace, nLineSpace, 0});
        if (eOutcome == RasterDataset::Outcome::FAILED)
            return CE_Failure;
        if (eOutcome == RasterDataset::Outcome::DONE)
            return CE_None;
    }
    return GDALPamRasterBand::IRasterIO(eRWFlag, nXOff, nYOff, nXSize, nYSize, pData, nBufXSize, nBufYSize, eBufType, nPixelSpace, nLineSpace, psExtraArg);
}

} // namespace h5range
