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
// Nor are more of them read ahead: each is a window of its own.
constexpr GIntBig MAX_AHEAD = 1024;
// Of local storage without chunks that much is read at once where it is wanted: the system's cache is as good as GDAL's.
constexpr GIntBig PLAIN_WINDOW_BYTES = 4096;

GIntBig CacheBudget()
{
    return GDALGetCacheMax64() / 4;
}

// Where block n of a row or column of them ends.
int EndOfBlock(int n, int nBlockSize, int nSize)
{
    return static_cast<int>(std::min<GIntBig>(nSize, (static_cast<GIntBig>(n) + 1) * nBlockSize));
}

// Whether a window goes on where the last one ended. QGIS lets them overlap by a pixel.
bool Follows(int nOff, int nLastOff, int nLastSize)
{
    return nOff > nLastOff && nOff <= nLastOff + nLastSize;
}

} // namespace

bool RasterDataset::IsPlain() const
{
    return !m_sStorage.bFiltered && !IsNetworkPath(m_poFile->Name());
}

// Flattened bands run through the extra dimensions, the last one fastest. A slab takes as many of the bands from iBand on as one
// hyperslab can say: steps along the last dimension, or whole rows of it, whole planes of those, and so on.
Hyperslab RasterDataset::NextSlab(const std::vector<int> &anBands, size_t &iBand, const Window &sWindow, const Buffer &sBuffer) const
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
    return {anStart, anCount, anStep, anStride, pabyDst};
}

void RasterDataset::AddSlabs(std::vector<Hyperslab> &aoSlabs, const std::vector<int> &anBands, const Window &sWindow, const Buffer &sBuffer) const
{
    for (size_t iBand = 0; iBand < anBands.size();)
        aoSlabs.push_back(NextSlab(anBands, iBand, sWindow, sBuffer));
}

bool RasterDataset::Read(const std::vector<int> &anBands, const Window &sWindow, const Buffer &sBuffer) const
{
    std::vector<Hyperslab> aoSlabs;
    AddSlabs(aoSlabs, anBands, sWindow, sBuffer);
    return ReadSlabs(aoSlabs, sBuffer.eType);
}

bool RasterDataset::AreCached(const std::vector<int> &anBands, const Blocks &sBlocks)
{
    for (const int iBand : anBands)
    {
        for (int nBY = sBlocks.nY0; nBY <= sBlocks.nY1; nBY++)
        {
            for (int nBX = sBlocks.nX0; nBX <= sBlocks.nX1; nBX++)
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

// GDALReadBlock() does not look into the block cache, where what was read ahead is. A block that GDAL is about to fill is there
// already: its memory is the one to be filled.
bool RasterDataset::CopyCachedBlock(int iBand, int nBX, int nBY, void *pImage)
{
    GDALRasterBlock *poBlock = static_cast<RasterBand *>(GetRasterBand(iBand + 1))->TryGetLockedBlockRef(nBX, nBY);
    if (poBlock == nullptr)
        return false;
    const bool bOther = poBlock->GetDataRef() != pImage;
    if (bOther)
        memcpy(pImage, poBlock->GetDataRef(),
               static_cast<size_t>(m_nBlockXSize) * static_cast<size_t>(m_nBlockYSize) * static_cast<size_t>(GDALGetDataTypeSizeBytes(m_eType)));
    poBlock->DropLock();
    return bOther;
}

RasterDataset::Window RasterDataset::WindowOf(const Blocks &sBlocks) const
{
    Window sWindow{sBlocks.nX0 * m_nBlockXSize, sBlocks.nY0 * m_nBlockYSize, 0, 0};
    sWindow.nXSize = EndOfBlock(sBlocks.nX1, m_nBlockXSize, nRasterXSize) - sWindow.nXOff;
    sWindow.nYSize = EndOfBlock(sBlocks.nY1, m_nBlockYSize, nRasterYSize) - sWindow.nYOff;
    return sWindow;
}

RasterDataset::Blocks RasterDataset::BlocksOf(const Window &sWindow) const
{
    return {sWindow.nXOff / m_nBlockXSize, sWindow.nYOff / m_nBlockYSize, (sWindow.nXOff + sWindow.nXSize - 1) / m_nBlockXSize,
            (sWindow.nYOff + sWindow.nYSize - 1) / m_nBlockYSize};
}

// Every block is a window of one plan, read into the block's own memory.
bool RasterDataset::LoadInPlace(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget)
{
    const auto nSize = static_cast<GSpacing>(GDALGetDataTypeSizeBytes(m_eType));
    std::vector<Hyperslab> aoSlabs;
    std::vector<GDALRasterBlock *> apoBlocks;

    const auto AddBlock = [&](int iBand, int nBX, int nBY)
    {
        void *pDst = sTarget.pImage;
        if (pDst == nullptr || iBand != sTarget.iBand || nBX != sTarget.nX || nBY != sTarget.nY)
        {
            auto poBand = static_cast<RasterBand *>(GetRasterBand(iBand + 1));
            GDALRasterBlock *poBlock = poBand->TryGetLockedBlockRef(nBX, nBY);
            if (poBlock != nullptr)
            {
                poBlock->DropLock();
                return true;
            }
            if ((poBlock = poBand->GetLockedBlockRef(nBX, nBY, TRUE)) == nullptr)
                return false;
            apoBlocks.push_back(poBlock);
            pDst = poBlock->GetDataRef();
        }
        AddSlabs(aoSlabs, {iBand}, WindowOf({nBX, nBY, nBX, nBY}), {pDst, m_eType, nSize, nSize * m_nBlockXSize, 0});
        return true;
    };
    bool bOK = true;
    for (const int iBand : anBands)
        for (const Blocks &sBlocks : asBlocks)
            for (int nBY = sBlocks.nY0; bOK && nBY <= sBlocks.nY1; nBY++)
                for (int nBX = sBlocks.nX0; bOK && nBX <= sBlocks.nX1; nBX++)
                    bOK = AddBlock(iBand, nBX, nBY);

    bOK = bOK && ReadSlabs(aoSlabs, m_eType);
    for (GDALRasterBlock *poBlock : apoBlocks)
    {
        auto poBand = poBlock->GetBand();
        const int nX = poBlock->GetXOff(), nY = poBlock->GetYOff();
        poBlock->DropLock();
        if (!bOK) // it holds nothing
            poBand->FlushBlock(nX, nY, FALSE);
    }
    return bOK;
}

// Bands that share chunks, and bytes that arrive as 16-bit integers, are read together and then copied apart.
bool RasterDataset::LoadThroughBuffer(const std::vector<int> &anBands, const Blocks &sBlocks, const Target &sTarget)
{
    const Window sWindow = WindowOf(sBlocks);
    const GDALDataType eReadType = m_bSignedByte ? GDT_Int16 : m_eType;
    const auto nReadSize = static_cast<size_t>(GDALGetDataTypeSizeBytes(eReadType)), nSize = static_cast<size_t>(GDALGetDataTypeSizeBytes(m_eType));
    const size_t nLine = static_cast<size_t>(sWindow.nXSize) * nReadSize;
    const size_t nPlane = nLine * static_cast<size_t>(sWindow.nYSize);
    if (m_nReadBytes < nPlane * anBands.size())
    {
        m_nReadBytes = 0;
        m_pabyRead.reset(new GByte[nPlane * anBands.size()]); // not zeroed
        m_nReadBytes = nPlane * anBands.size();
    }
    if (!Read(anBands, sWindow,
              {m_pabyRead.get(), eReadType, static_cast<GSpacing>(nReadSize), static_cast<GSpacing>(nLine), static_cast<GSpacing>(nPlane)}))
        return false;

    for (size_t i = 0; i < anBands.size(); i++)
    {
        auto poBand = static_cast<RasterBand *>(GetRasterBand(anBands[i] + 1));
        for (int nBY = sBlocks.nY0; nBY <= sBlocks.nY1; nBY++)
        {
            for (int nBX = sBlocks.nX0; nBX <= sBlocks.nX1; nBX++)
            {
                const bool bTarget = sTarget.pImage != nullptr && anBands[i] == sTarget.iBand && nBX == sTarget.nX && nBY == sTarget.nY;
                GDALRasterBlock *poBlock = nullptr;
                GByte *pabyDst = static_cast<GByte *>(sTarget.pImage);
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
                    const GByte *pabySrc = m_pabyRead.get() + i * nPlane + static_cast<size_t>(nYOff + nRow) * nLine + static_cast<size_t>(nXOff) * nReadSize;
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
    if (m_nReadBytes > static_cast<size_t>(AHEAD_BYTES))
    {
        m_pabyRead.reset();
        m_nReadBytes = 0;
    }
    return true;
}

bool RasterDataset::LoadBlocks(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget)
{
    try
    {
        if (!m_bSignedByte && (anBands.size() == 1 || m_nChunkBands <= 1))
            return LoadInPlace(anBands, asBlocks, sTarget);
        return std::all_of(asBlocks.begin(), asBlocks.end(), [&](const Blocks &sBlocks) { return LoadThroughBuffer(anBands, sBlocks, sTarget); });
    }
    catch (const std::bad_alloc &)
    {
        CPLError(CE_Failure, CPLE_OutOfMemory, "%s: out of memory", m_poFile->Name().c_str());
        return false;
    }
}

// What nobody has asked for yet must not spoil what was asked for: that is read alone, then, and says what is wrong with it.
bool RasterDataset::LoadQuietly(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget)
{
    CPLErrorStateBackuper oBackup;
    CPLErrorHandlerPusher oQuiet(CPLQuietErrorHandler);
    return LoadBlocks(anBands, asBlocks, sTarget);
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

void RasterDataset::Advise(const std::vector<int> &anBands, const Window &sWindow)
{
    const Blocks sBlocks = BlocksOf(sWindow);
    const Window sUnion = WindowOf(sBlocks);
    const GIntBig nBlocks = static_cast<GIntBig>(sBlocks.nX1 - sBlocks.nX0 + 1) * (sBlocks.nY1 - sBlocks.nY0 + 1) * static_cast<GIntBig>(anBands.size());
    const GIntBig nBytes = static_cast<GIntBig>(sUnion.nXSize) * sUnion.nYSize * GDALGetDataTypeSizeBytes(m_eType) * static_cast<GIntBig>(anBands.size());
    if (nBlocks > MAX_BLOCKS || nBytes > CacheBudget()) // it would push itself out of the cache
        return;
    m_anAdvisedBands = anBands;
    m_sAdvised = sBlocks;
}

bool RasterDataset::LoadAdvised(const std::vector<int> &anBands, const Blocks &sBlocks, const Target &sTarget)
{
    const auto &a = m_sAdvised;
    const bool bInside = sBlocks.nX0 >= a.nX0 && sBlocks.nX1 <= a.nX1 && sBlocks.nY0 >= a.nY0 && sBlocks.nY1 <= a.nY1;
    for (const int iBand : anBands)
        if (!bInside || std::find(m_anAdvisedBands.begin(), m_anAdvisedBands.end(), iBand) == m_anAdvisedBands.end())
            return false;
    std::vector<int> anAdvised;
    anAdvised.swap(m_anAdvisedBands);
    return LoadQuietly(anAdvised, {a}, sTarget);
}

CPLErr RasterDataset::ReadBlock(int iBand, int nBX, int nBY, void *pImage)
{
    const Target sTarget{iBand, nBX, nBY, pImage};
    if (CopyCachedBlock(iBand, nBX, nBY, pImage) || LoadAdvised({iBand}, {nBX, nBY, nBX, nBY}, sTarget))
        return CE_None;
    const auto anBands = BandsOfChunk(iBand);
    const int nBlocksX = DIV_ROUND_UP(nRasterXSize, m_nBlockXSize), nBlocksY = DIV_ROUND_UP(nRasterYSize, m_nBlockYSize);
    const GIntBig nBlock = static_cast<GIntBig>(m_nBlockXSize) * m_nBlockYSize * GDALGetDataTypeSizeBytes(m_eType) * static_cast<GIntBig>(anBands.size());
    const GIntBig nAhead = std::min(MAX_AHEAD, std::min(AHEAD_BYTES, CacheBudget()) / std::max<GIntBig>(nBlock, 1));

    // A caller that goes from block to block gets the rest of the row, or more rows, in the same read. One that takes every n-th
    // block, as for approximate statistics, gets more of those once it has taken three.
    const GIntBig nIndex = static_cast<GIntBig>(nBY) * nBlocksX + nBX;
    const GIntBig nStep = m_sLast.iBand == iBand && m_sLast.nBX >= 0 ? nIndex - (static_cast<GIntBig>(m_sLast.nBY) * nBlocksX + m_sLast.nBX) : 0;
    std::vector<Blocks> asBlocks{{nBX, nBY, nBX, nBY}};
    const bool bWorth = !IsPlain(); // nothing is won by reading plain blocks early
    if (bWorth && nStep == 1)
    {
        asBlocks[0].nX1 = static_cast<int>(std::min<GIntBig>(nBlocksX - 1, nBX + std::max<GIntBig>(nAhead, 1) - 1));
        if (nBX == 0 && asBlocks[0].nX1 == nBlocksX - 1)
            asBlocks[0].nY1 = static_cast<int>(std::min<GIntBig>(nBlocksY - 1, nBY + std::max<GIntBig>(nAhead / nBlocksX, 1) - 1));
    }
    else if (bWorth && nStep > 1 && nStep == m_sLast.nStep && anBands.size() == 1 && !m_bSignedByte) // where all make one plan
    {
        const GIntBig nEnd = static_cast<GIntBig>(nBlocksX) * nBlocksY;
        for (GIntBig i = 1; i < nAhead && nIndex + i * nStep < nEnd; i++)
        {
            const int nX = static_cast<int>((nIndex + i * nStep) % nBlocksX), nY = static_cast<int>((nIndex + i * nStep) / nBlocksX);
            asBlocks.push_back({nX, nY, nX, nY});
        }
    }
    m_sLast.iBand = iBand;
    m_sLast.nBX = asBlocks.back().nX1;
    m_sLast.nBY = asBlocks.back().nY1;
    m_sLast.nStep = nStep;
    const bool bAhead = asBlocks.size() > 1 || asBlocks[0].nX1 > nBX || asBlocks[0].nY1 > nBY;
    if (bAhead && LoadQuietly(anBands, asBlocks, sTarget))
        return CE_None;
    return LoadBlocks(anBands, {{nBX, nBY, nBX, nBY}}, sTarget) ? CE_None : CE_Failure;
}

// A window that is made smaller is put together from blocks. Where each of them has a part in it, all come at once.
void RasterDataset::LoadForResampling(const std::vector<int> &anBands, const Window &sWindow, int nBufXSize, int nBufYSize)
{
    const Blocks sBlocks = BlocksOf(sWindow);
    const Window sUnion = WindowOf(sBlocks);
    const int nX = sBlocks.nX1 - sBlocks.nX0 + 1, nY = sBlocks.nY1 - sBlocks.nY0 + 1;
    const auto nAsked = static_cast<GIntBig>(anBands.size());
    const GIntBig nBytes = static_cast<GIntBig>(sUnion.nXSize) * sUnion.nYSize * GDALGetDataTypeSizeBytes(m_eType) * nAsked;
    if (nBufXSize >= nX && nBufYSize >= nY && nX * static_cast<GIntBig>(nY) * nAsked <= MAX_BLOCKS && nBytes <= std::min(CacheBudget(), 4 * AHEAD_BYTES) &&
        !AreCached(anBands, sBlocks))
        (void)LoadQuietly(anBands, {sBlocks}, NOWHERE);
}

RasterDataset::Outcome RasterDataset::ReadWindow(const std::vector<int> &anBands, const Window &sWindow, int nBufXSize, int nBufYSize,
                                                 const Buffer &sBuffer)
{
    const int nTypeSize = GDALGetDataTypeSizeBytes(sBuffer.eType);
    if (nBufXSize != sWindow.nXSize || nBufYSize != sWindow.nYSize)
    {
        LoadForResampling(anBands, sWindow, nBufXSize, nBufYSize);
        return Outcome::BY_BLOCKS;
    }
    if (nTypeSize == 0 || anBands.empty() ||
        sBuffer.nPixelSpace % nTypeSize != 0 || sBuffer.nLineSpace % nTypeSize != 0 || sBuffer.nBandSpace % nTypeSize != 0)
        return Outcome::BY_BLOCKS;

    const Blocks sBlocks = BlocksOf(sWindow);
    const auto nAsked = static_cast<GIntBig>(anBands.size());
    const GIntBig nBlocks = static_cast<GIntBig>(sBlocks.nX1 - sBlocks.nX0 + 1) * (sBlocks.nY1 - sBlocks.nY0 + 1) * nAsked;
    const Window &sLast = m_sLast.sWindow;
    const bool bSameBand = m_sLast.iBand == anBands[0], bBelow = Follows(sWindow.nYOff, sLast.nYOff, sLast.nYSize);
    const bool bNext = bSameBand && bBelow && sWindow.nXOff == sLast.nXOff && sWindow.nXSize == sLast.nXSize;
    // From window to window along rows of them, as programs go that take one chunk after the other. On disk that costs a copy and saves nothing.
    const bool bNewRow = bBelow && sWindow.nXOff == 0 && sLast.nXOff > 0 && sLast.nXOff + sLast.nXSize == nRasterXSize;
    const bool bBeside = bSameBand && IsNetworkPath(m_poFile->Name()) &&
                         (bNewRow || (sWindow.nYOff == sLast.nYOff && Follows(sWindow.nXOff, sLast.nXOff, sLast.nXSize)));
    m_sLast.nBeside = !bBeside ? 0 : m_sLast.nBeside + (m_sLast.nBeside < 30 ? 1 : 0);
    m_sLast.sWindow = sWindow;
    m_sLast.iBand = anBands[0];
    const GIntBig nWindow = static_cast<GIntBig>(sWindow.nXSize) * sWindow.nYSize;
    const GIntBig nSize = GDALGetDataTypeSizeBytes(m_eType);
    const auto ReadAll = [&]() { return Read(anBands, sWindow, sBuffer) ? Outcome::DONE : Outcome::FAILED; };
    if (IsPlain() && !m_sStorage.bChunked && !m_bSignedByte && nWindow * nSize >= PLAIN_WINDOW_BYTES)
        return ReadAll();
    if (nBlocks <= MAX_BLOCKS && AreCached(anBands, sBlocks))
        return Outcome::BY_BLOCKS;
    const bool bAllAdvised = sBlocks == m_sAdvised && anBands == m_anAdvisedBands;
    if (!bAllAdvised && LoadAdvised(anBands, sBlocks, NOWHERE))
        return Outcome::BY_BLOCKS;

    const Window sUnion = WindowOf(sBlocks);
    const GIntBig nCols = sUnion.nXSize, nUnion = nCols * sUnion.nYSize;
    const GIntBig nBudget = std::min<GIntBig>(CacheBudget(), 4 * AHEAD_BYTES);
    // One band of chunks that hold several: the others are wanted next, as often as not, and come for nothing.
    const auto anMates = nAsked == 1 ? BandsOfChunk(anBands[0]) : anBands;
    const bool bMates = static_cast<GIntBig>(anMates.size()) > nAsked && nUnion * nSize * static_cast<GIntBig>(anMates.size()) <= nBudget;
    const auto &anLoad = bMates ? anMates : anBands;
    const GIntBig nPixel = nSize * static_cast<GIntBig>(anLoad.size());
    const bool bWhole = nWindow * 2 >= nUnion;
    // Rows that are not chunked can be read in part: a narrow window would drag in whole ones.
    const bool bNarrow = !m_sStorage.bChunked && sWindow.nXSize * 2 < nRasterXSize && nWindow * 4 < nUnion;
    const bool bAhead = (bNext || bBeside) && nWindow * nPixel <= SMALL_WINDOW_BYTES && !bNarrow;
    const bool bTooLarge = nUnion * nPixel > nBudget || nBlocks > MAX_BLOCKS;
    if (m_bSignedByte && bTooLarge) // its bytes cannot go straight into the caller's buffer
        return Outcome::BY_BLOCKS;
    if (bTooLarge || (((bWhole && !bAhead && !bMates) || bNarrow) && !m_bSignedByte))
        return ReadAll();
    if (bAhead)
    {
        const int nBlocksX = DIV_ROUND_UP(nRasterXSize, m_nBlockXSize), nBlocksY = DIV_ROUND_UP(nRasterYSize, m_nBlockYSize);
        const auto nLoad = static_cast<GIntBig>(anLoad.size());
        Blocks sAhead = sBlocks;
        GIntBig nMost = std::min(AHEAD_BYTES, nBudget);
        if (bBeside)
        {
            // Who looks at a few windows reads a few more: the look ahead doubles with each window that came as expected.
            nMost = std::min(nMost, std::max(2 * nUnion * nPixel, SMALL_WINDOW_BYTES / 2) << std::min(m_sLast.nBeside, 10));
            const GIntBig nColumn = static_cast<GIntBig>(sBlocks.nY1 - sBlocks.nY0 + 1) * nLoad;
            const GIntBig nColumnBytes = nColumn / nLoad * m_nBlockYSize * m_nBlockXSize * nPixel;
            const GIntBig nMore = std::min(MAX_AHEAD / nColumn, nMost / std::max<GIntBig>(nColumnBytes, 1));
            sAhead.nX1 = static_cast<int>(std::min<GIntBig>(nBlocksX - 1, std::max<GIntBig>(sBlocks.nX1, sBlocks.nX0 + nMore - 1)));
        }
        if (!bBeside || (sBlocks.nX0 == 0 && sAhead.nX1 == nBlocksX - 1))
        {
            const GIntBig nRow = (sAhead.nX1 - sAhead.nX0 + 1) * nLoad;
            const GIntBig nRowBytes = static_cast<GIntBig>(WindowOf(sAhead).nXSize) * m_nBlockYSize * nPixel;
            const GIntBig nMore = std::min(MAX_AHEAD / nRow, nMost / std::max<GIntBig>(nRowBytes, 1));
            sAhead.nY1 = static_cast<int>(std::min<GIntBig>(nBlocksY - 1, std::max<GIntBig>(sBlocks.nY1, sBlocks.nY0 + nMore - 1)));
        }
        if (LoadQuietly(anLoad, {sAhead}, NOWHERE))
            return Outcome::BY_BLOCKS;
    }
    return LoadBlocks(anLoad, {sBlocks}, NOWHERE) ? Outcome::BY_BLOCKS : Outcome::FAILED;
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
    const Course sLast = m_sLast; // the base class asks band by band, which is no course
    const CPLErr eErr = GDALPamDataset::IRasterIO(eRWFlag, nXOff, nYOff, nXSize, nYSize, pData, nBufXSize, nBufYSize, eBufType, nBandCount, panBandMap,
                                                  nPixelSpace, nLineSpace, nBandSpace, psExtraArg);
    m_sLast = sLast;
    return eErr;
}

CPLErr RasterDataset::AdviseRead(int nXOff, int nYOff, int nXSize, int nYSize, int /* nBufXSize */, int /* nBufYSize */, GDALDataType /* eType */,
                                 int nBandCount, int *panBandMap, OptionList /* papszOptions */)
{
    std::vector<int> anBands;
    if (nBandCount == 0) // as Python says "all"
    {
        nBandCount = nBands;
        panBandMap = nullptr;
    }
    for (int i = 0; i < nBandCount; i++)
        anBands.push_back((panBandMap != nullptr ? panBandMap[i] : i + 1) - 1);
    const bool bInside = nXOff >= 0 && nYOff >= 0 && nXSize > 0 && nYSize > 0 && nXSize <= nRasterXSize - nXOff && nYSize <= nRasterYSize - nYOff &&
                         std::all_of(anBands.begin(), anBands.end(), [this](int iBand) { return iBand >= 0 && iBand < nBands; });
    if (!bInside)
    {
        CPLError(CE_Failure, CPLE_IllegalArg, "AdviseRead(): a window of %d x %d at %d, %d, or a band, that the raster does not have", nXSize, nYSize,
                 nXOff, nYOff);
        return CE_Failure;
    }
    if (m_poArray && !anBands.empty() && !IsPlain())
        Advise(anBands, {nXOff, nYOff, nXSize, nYSize});
    return CE_None;
}

CPLErr RasterBand::AdviseRead(int nXOff, int nYOff, int nXSize, int nYSize, int nBufXSize, int nBufYSize, GDALDataType eType, OptionList papszOptions)
{
    int nThis = nBand;
    return m_poRasterDS->AdviseRead(nXOff, nYOff, nXSize, nYSize, nBufXSize, nBufYSize, eType, 1, &nThis, papszOptions);
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
