// Reading what is in the file in another shape than GDAL sees: texts as characters, arrays shorter than their dimensions.
#include "h5range_multidim.h"

#include <algorithm>
#include <cstring>

namespace h5range
{

bool Array::ReadTexts(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                      const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const
{
    const size_t nDims = m_aoDims.size();
    uint64_t anStart[H5R_MAX_RANK] = {0}, anCount[H5R_MAX_RANK] = {0};
    int64_t anStep[H5R_MAX_RANK] = {0};
    size_t nTexts = 1;
    for (size_t i = 0; i < nDims; i++)
    {
        anStart[i] = panStart[i];
        anCount[i] = panCount[i];
        anStep[i] = panCount[i] > 1 ? panStep[i] : 1;
        nTexts *= panCount[i];
    }
    anCount[nDims] = m_nText;
    anStep[nDims] = 1;
    std::vector<char> achAll(nTexts * m_nText);
    h5r_selection sSel{};
    h5r_error err;
    sSel.start = anStart;
    sSel.count = anCount;
    sSel.step = anStep;
    sSel.dst = achAll.data();
    sSel.fill_never = true;
    if (h5r_read_dataset(m_psObject->file, m_psObject, &sSel, &err) != H5R_OK)
    {
        m_poSession->GetFile()->Report(err, m_osFullName);
        return false;
    }
    // Each up to its first zero, as pointers into one buffer: CopyWindow() makes the caller's copies.
    std::vector<char> achTexts(nTexts * (m_nText + 1), '\0');
    std::vector<const char *> apszTexts(nTexts);
    for (size_t i = 0; i < nTexts; i++)
    {
        char *pszText = achTexts.data() + i * (m_nText + 1);
        memcpy(pszText, achAll.data() + i * m_nText, m_nText);
        apszTexts[i] = pszText;
    }
    std::vector<GPtrDiff_t> anFrom(nDims + 1);
    GPtrDiff_t nStride = 1;
    for (size_t i = nDims; i-- > 0;)
    {
        anFrom[i] = nStride;
        nStride *= static_cast<GPtrDiff_t>(panCount[i]);
    }
    CopyWindow(reinterpret_cast<const GByte *>(apszTexts.data()), m_poType->GDALType(), anFrom.data(), pabyBuffer, oBufferType, panStride, panCount, nDims);
    return true;
}

bool Array::ReadPadded(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                       const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const
{
    const size_t nDims = m_aoDims.size();
    const auto &oType = m_poType->GDALType();
    std::vector<GUInt64> anStart(panStart, panStart + nDims);
    std::vector<size_t> anCount(panCount, panCount + nDims);
    GPtrDiff_t nSkip = 0;
    bool bNothing = false, bAll = true;
    for (size_t i = 0; i < nDims; i++)
    {
        const GUInt64 nStored = i < m_nFileDims ? m_psDataset->space->shape[i] : m_aoDims[i]->GetSize();
        const GInt64 nStep = panCount[i] > 1 ? panStep[i] : 1;
        size_t nFirst = 0, nEnd = 0; // of the counts that are stored: one run, as steps go one way
        for (size_t k = 0; k < panCount[i]; k++)
        {
            if (panStart[i] + static_cast<GUInt64>(static_cast<GInt64>(k) * nStep) >= nStored)
                continue;
            if (nEnd == 0)
                nFirst = k;
            nEnd = k + 1;
        }
        bNothing = bNothing || nEnd == 0;
        bAll = bAll && nFirst == 0 && nEnd == panCount[i];
        anStart[i] = panStart[i] + static_cast<GUInt64>(static_cast<GInt64>(nFirst) * nStep);
        anCount[i] = nEnd - nFirst;
        nSkip += static_cast<GPtrDiff_t>(nFirst) * panStride[i];
    }
    if (!bAll)
    {
        // the value for missing ones, else the file's fill value, else zero
        std::vector<GByte> abyFill(m_abyNoData);
        std::vector<GPtrDiff_t> anSame(nDims + 1, 0);
        if (abyFill.empty())
        {
            abyFill.resize(std::max<size_t>(oType.GetSize(), m_poType->InnerCount() * oType.GetSize()));
            const h5r_type *psType = m_psDataset->type;
            if (m_psDataset->fill == H5R_FILL_USER && m_psDataset->fill_value != nullptr && oType.GetClass() == GEDTC_NUMERIC && !psType->in_heap)
            {
                std::vector<GByte> abyRaw(static_cast<const GByte *>(m_psDataset->fill_value), static_cast<const GByte *>(m_psDataset->fill_value) + psType->size);
                h5r_swap(psType, abyRaw.data(), 1);
                m_poType->Convert(m_psObject->file, nullptr, abyRaw.data(), 1, abyFill.data());
            }
        }
        CopyWindow(abyFill.data(), oType, anSame.data(), pabyBuffer, oBufferType, panStride, panCount, nDims);
    }
    if (bNothing)
        return true;
    return ReadStored(anStart.data(), anCount.data(), panStep, panStride, oBufferType, pabyBuffer + nSkip * static_cast<GPtrDiff_t>(oBufferType.GetSize()));
}

} // namespace h5range
