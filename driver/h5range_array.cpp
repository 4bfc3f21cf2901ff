// A dataset as a GDALMDArray.
#include "h5range_multidim.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstring>

#include "h5range_cf.h"

namespace
{

using namespace h5range;

// What GDAL has other ways for, or what describes dimensions.
const char *const HIDDEN[] = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS", "_Netcdf4Dimid", "_Netcdf4Coordinates",
                              "_FillValue", "missing_value", "units", "scale_factor", "add_offset", "grid_mapping", "_Unsigned", nullptr};

// Values that have to be converted pass through a buffer of at most that many bytes.
constexpr GUInt64 MAX_TEXT = 1 << 20;
constexpr size_t PIECE_BYTES = 64 * 1024 * 1024;

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
// Calls of GetRawBlockInfo() after which the whole index is read.
constexpr unsigned SCAN = 16;
#endif

// netCDF-3 knew no unsigned types: an attribute says so, and of bytes their valid range may.
bool IsUnsignedByConvention(const Session &oSession, const h5r_object *psObject, const h5r_type *t)
{
    if (t->cls != H5R_CLASS_INTEGER || !t->is_signed)
        return false;
    if (EQUAL(oSession.GetText(psObject, "_Unsigned").c_str(), "true"))
        return true;
    const h5r_attr *psRange = t->size == 1 ? oSession.FindAttribute(psObject, "valid_range") : nullptr;
    if (psRange == nullptr || psRange->space->count != 2)
        return false;
    const auto poRange = Attribute::Create(oSession.GetFile(), psObject->file, std::string(), psRange);
    return poRange && poRange->GetDataType().GetClass() == GEDTC_NUMERIC && poRange->ReadAsDoubleArray() == std::vector<double>{0, 255};
}

} // namespace

namespace h5range
{

void CopyWindow(const GByte *pabySrc, const GDALExtendedDataType &oSrcType, const GPtrDiff_t *panSrcStride, GByte *pabyDst,
                const GDALExtendedDataType &oDstType, const GPtrDiff_t *panDstStride, const size_t *panCount, size_t nDims)
{
    const GPtrDiff_t nSrc = static_cast<GPtrDiff_t>(oSrcType.GetSize()), nDst = static_cast<GPtrDiff_t>(oDstType.GetSize());
    if (nDims <= 1)
    {
        GDALExtendedDataType::CopyValues(pabySrc, oSrcType, nDims == 1 ? panSrcStride[0] : 0, pabyDst, oDstType,
                                         nDims == 1 ? panDstStride[0] : 0, nDims == 1 ? panCount[0] : 1);
        return;
    }
    for (size_t i = 0; i < panCount[0]; i++)
        CopyWindow(pabySrc + static_cast<GPtrDiff_t>(i) * panSrcStride[0] * nSrc, oSrcType, panSrcStride + 1,
                   pabyDst + static_cast<GPtrDiff_t>(i) * panDstStride[0] * nDst, oDstType, panDstStride + 1, panCount + 1, nDims - 1);
}

/************************************************************************/
/*                               Creation                               */
/************************************************************************/

std::shared_ptr<Array> Array::Create(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName,
                                     const h5r_object *psObject)
{
    const std::string osFullName = JoinPath(aoChain.back().osPath, osName);
    const h5r_dataset *psDataset = nullptr;
    h5r_error err;

    if (h5r_dataset_describe(psObject->file, psObject, &psDataset, &err) != H5R_OK)
    {
        poSession->GetFile()->Report(err, osFullName);
        return nullptr;
    }
    auto poType = Type::Create(psDataset->type, IsUnsignedByConvention(*poSession, psObject, psDataset->type));
    std::shared_ptr<Array> poArray(new Array(poSession, aoChain, osName, psObject, psDataset, poType)); // private constructor
    poArray->SetSelf(poArray);
    return poArray;
}

Array::Array(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName, const h5r_object *psObject,
             const h5r_dataset *psDataset, const std::shared_ptr<const Type> &poType)
    : GDALAbstractMDArray(aoChain.back().osPath, osName), GDALPamMDArray(aoChain.back().osPath, osName, poSession->GetPam()),
      m_poSession(poSession), m_aoChain(aoChain), m_psObject(psObject), m_psDataset(psDataset), m_poType(poType),
      m_aoDims(poSession->GetDimensions(aoChain, psObject, psDataset, osName)), m_nFileDims(m_aoDims.size())
{
    // Characters with a last dimension are netCDF's texts.
    const h5r_space &sSpace = *psDataset->space;
    if (psDataset->type->cls == H5R_CLASS_STRING && psDataset->type->size == 1 && sSpace.cls == H5R_SPACE_SIMPLE && sSpace.rank >= 2 &&
        sSpace.shape[sSpace.rank - 1] > 0 && sSpace.shape[sSpace.rank - 1] <= MAX_TEXT)
    {
        m_nText = static_cast<size_t>(sSpace.shape[sSpace.rank - 1]);
        m_aoDims.pop_back();
        m_nFileDims--;
    }
    for (size_t i = 0; i < m_nFileDims && sSpace.cls == H5R_SPACE_SIMPLE; i++)
        m_bPadded = m_bPadded || m_aoDims[i]->GetSize() > sSpace.shape[i];
    for (size_t i = 0; i < poType->InnerShape().size(); i++)
        m_aoDims.push_back(std::make_shared<Dimension>(poSession, m_osFullName, "element_dim_" + std::to_string(i), std::string(),
                                                       std::string(), poType->InnerShape()[i], std::string()));
    for (const char *pszName : {"units", "Units", "UNITS"}) // as GDAL's HDF5 driver, which reads the name in any capitals
        if (m_osUnit.empty())
            m_osUnit = poSession->GetText(psObject, pszName);
    m_bHasScale = GetDouble("scale_factor", m_dfScale, m_eScaleType);
    m_bHasOffset = GetDouble("add_offset", m_dfOffset, m_eOffsetType);
    SetNoData();
    SetStructuralInfo();
}

bool Array::GetDouble(const char *pszName, double &dfValue, GDALDataType &eType) const
{
    const h5r_attr *psAttr = m_poSession->FindAttribute(m_psObject, pszName);
    const auto poAttr = psAttr != nullptr && psAttr->space->count == 1 ? Attribute::Create(m_poSession->GetFile(), m_psObject->file, m_osFullName, psAttr) : nullptr;
    if (!poAttr || poAttr->GetDataType().GetClass() != GEDTC_NUMERIC)
        return false;
    dfValue = poAttr->ReadAsDouble();
    eType = poAttr->GetDataType().GetNumericDataType();
    return true;
}

void Array::SetNoData()
{
    const auto &oType = m_poType->GDALType();
    if (oType.GetClass() != GEDTC_NUMERIC)
        return;
    for (const char *pszName : {"_FillValue", "missing_value"})
    {
        const h5r_attr *psAttr = m_poSession->FindAttribute(m_psObject, pszName);
        if (psAttr == nullptr || psAttr->space->count == 0) // of several, which netCDF allows for missing_value, the first is meant
            continue;
        // The signed fill value of integers that are unsigned by convention.
        const bool bUnsigned = IsUnsignedByConvention(*m_poSession, m_psObject, m_psDataset->type) && psAttr->type->cls == H5R_CLASS_INTEGER &&
                               psAttr->type->size == m_psDataset->type->size;
        const auto poFrom = Type::Create(psAttr->type, bUnsigned);
        if (poFrom->InnerCount() != 1)
            continue;
        std::vector<GByte> abyRaw(psAttr->raw_len), abyFrom(poFrom->GDALType().GetSize()), abyTo(oType.GetSize()), abyBack(abyFrom.size());
        if (poFrom->GDALType().GetClass() == GEDTC_STRING)
        {
            const std::string osText = m_poSession->GetText(m_psObject, pszName);
            if (CPLGetValueType(osText.c_str()) == CPL_VALUE_STRING)
                continue;
            const double dfValue = CPLAtof(osText.c_str());
            GDALCopyWords(&dfValue, GDT_Float64, 0, abyTo.data(), oType.GetNumericDataType(), 0, 1);
            m_abyNoData = abyTo;
            return;
        }
        if (poFrom->GDALType().GetClass() != GEDTC_NUMERIC || h5r_attr_read(psAttr, abyRaw.data(), abyRaw.size(), nullptr) != H5R_OK)
            continue;
        poFrom->Convert(m_psObject->file, nullptr, abyRaw.data(), 1, abyFrom.data());
        GDALExtendedDataType::CopyValue(abyFrom.data(), poFrom->GDALType(), abyTo.data(), oType);
        GDALExtendedDataType::CopyValue(abyTo.data(), oType, abyBack.data(), poFrom->GDALType());
        double dfFrom = 0, dfBack = 0;
        GDALCopyWords(abyFrom.data(), poFrom->GDALType().GetNumericDataType(), 0, &dfFrom, GDT_Float64, 0, 1);
        GDALCopyWords(abyBack.data(), poFrom->GDALType().GetNumericDataType(), 0, &dfBack, GDT_Float64, 0, 1);
        // A double that only loses digits on the way to float is the same value to whoever wrote it.
        const bool bSame = dfFrom == dfBack || (std::isnan(dfFrom) && std::isnan(dfBack)) ||
                           (GDALDataTypeIsFloating(oType.GetNumericDataType()) && std::fabs(dfFrom - dfBack) <= 1e-6 * std::fabs(dfFrom));
        if (!bSame)
        {
            CPLError(CE_Warning, CPLE_AppDefined, "%s#%s: %s = %.17g is no value of the array's type %s and is ignored",
                     m_poSession->GetFile()->Name().c_str(), m_osFullName.c_str(), pszName, dfFrom,
                     GDALGetDataTypeName(oType.GetNumericDataType()));
            continue;
        }
        m_abyNoData = abyTo;
        return;
    }
}

void Array::SetStructuralInfo()
{
    for (unsigned i = 0; i < m_psDataset->n_filters; i++)
    {
        const h5r_filter &sFilter = m_psDataset->filters[i];
        const char *pszName = h5r_filter_name(sFilter.id);
        const std::string osName = pszName != nullptr ? CPLString(pszName).toupper() : std::string(CPLSPrintf("%u", sFilter.id));
        // As GDAL's own drivers put it: the compressor, and what prepares for it.
        if (sFilter.id == 2 || sFilter.id == 3)
            m_aosStructuralInfo.SetNameValue("FILTER", osName.c_str());
        else
            m_aosStructuralInfo.SetNameValue("COMPRESSION", osName.c_str());
    }
}

/************************************************************************/
/*                               Metadata                               */
/************************************************************************/

std::vector<GUInt64> Array::GetBlockSize() const
{
    std::vector<GUInt64> anBlock(m_aoDims.size(), 0);
    if (m_psDataset->layout == H5R_LAYOUT_CHUNKED)
    {
        std::copy_n(m_psDataset->chunk, m_nFileDims, anBlock.begin());
        std::copy(m_poType->InnerShape().begin(), m_poType->InnerShape().end(), anBlock.begin() + static_cast<ptrdiff_t>(m_nFileDims));
    }
    return anBlock;
}

double Array::GetOffset(bool *pbHasOffset, GDALDataType *peStorageType) const
{
    if (pbHasOffset != nullptr)
        *pbHasOffset = m_bHasOffset;
    if (m_bHasOffset && peStorageType != nullptr)
        *peStorageType = m_eOffsetType;
    return m_bHasOffset ? m_dfOffset : 0.0;
}

double Array::GetScale(bool *pbHasScale, GDALDataType *peStorageType) const
{
    if (pbHasScale != nullptr)
        *pbHasScale = m_bHasScale;
    if (m_bHasScale && peStorageType != nullptr)
        *peStorageType = m_eScaleType;
    return m_bHasScale ? m_dfScale : 1.0;
}

std::shared_ptr<OGRSpatialReference> Array::GetSpatialRef() const
{
    std::lock_guard<std::mutex> oLock(m_oMutex);
    if (m_bHasSRS)
        return m_poSRS;
    m_bHasSRS = true;
    // Side files of remote files are not looked for.
    if (!GetFilename().empty())
        m_poSRS = GDALPamMDArray::GetSpatialRef();
    if (!m_poSRS)
    {
        m_poSRS = CFSpatialRef(Group::Create(m_poSession, {m_aoChain.front()}, "/"), *this, m_aoChain.back().osPath);
    }
    const EOSField *psField = m_poSRS ? nullptr : GetEOSField();
    if (psField != nullptr && psField->poGrid && m_aoDims.size() >= 2 && (m_poSRS = psField->poGrid->SpatialRef()) != nullptr)
    {
        int iX = static_cast<int>(m_aoDims.size()), iY = iX - 1; // counted from 1
        for (size_t i = 0; i < m_aoDims.size(); i++)
        {
            if (m_aoDims[i]->GetName() == "XDim")
                iX = static_cast<int>(i) + 1;
            else if (m_aoDims[i]->GetName() == "YDim")
                iY = static_cast<int>(i) + 1;
        }
        m_poSRS->SetDataAxisToSRSAxisMapping(m_poSRS->GetDataAxisToSRSAxisMapping() == std::vector<int>{2, 1} ? std::vector<int>{iY, iX}
                                                                                                            : std::vector<int>{iX, iY});
    }
    return m_poSRS;
}

std::vector<std::shared_ptr<GDALMDArray>> Array::GetCoordinateVariables() const
{
    std::vector<std::shared_ptr<GDALMDArray>> apoVariables;
    const CPLStringList aosNames(CSLTokenizeString2(m_poSession->GetText(m_psObject, "coordinates").c_str(), " ", 0));
    auto poRoot = Group::Create(m_poSession, {m_aoChain.front()}, "/");
    for (int i = 0; i < aosNames.size(); i++)
    {
        auto poVariable = poRoot->ResolveMDArray(aosNames[i], m_aoChain.back().osPath, nullptr);
        if (poVariable)
            apoVariables.push_back(poVariable);
    }
    if (apoVariables.empty() && aosNames.Count() == 0 && m_aoDims.size() >= 2 && !IsEOSPath(GetFullName()))
    {
        const CFArray oCF(poRoot, *this, m_aoChain.back().osPath);
        const bool bAxes = std::any_of(oCF.Axes().begin(), oCF.Axes().end(), [](const CFArray::Axis &o) { return o.poVariable && !o.osType.empty(); });
        const auto oFound = bAxes ? CFGeolocation() : CFFindGeolocation(poRoot, oCF, m_aoChain.back().osPath, oCF.YDim(), oCF.XDim());
        if (oFound && oFound.poLongitudes->GetFullName() != GetFullName() && oFound.poLatitudes->GetFullName() != GetFullName())
            apoVariables = {oFound.poLongitudes, oFound.poLatitudes};
    }
    const EOSField *psField = apoVariables.empty() && m_aoDims.size() >= 2 ? GetEOSField() : nullptr;
    for (size_t iY = 0; psField != nullptr && apoVariables.empty() && iY < m_aoDims.size(); iY++)
    {
        for (size_t iX = iY + 1; apoVariables.empty() && iX < m_aoDims.size(); iX++)
        {
            EOSGeolocation oGeolocation;
            if (!FindEOSGeolocation(*psField, m_aoDims[iX]->GetName(), m_aoDims[iY]->GetName(), oGeolocation) || oGeolocation.oX.nOffset != 0 ||
                oGeolocation.oX.nIncrement != 1 || oGeolocation.oY.nOffset != 0 || oGeolocation.oY.nIncrement != 1)
                continue;
            const bool bItself = GetFullName() == oGeolocation.osLongitude || GetFullName() == oGeolocation.osLatitude;
            for (const auto &osName : {oGeolocation.osLongitude, oGeolocation.osLatitude})
                if (auto poVariable = !bItself ? poRoot->OpenMDArrayFromFullname(osName) : nullptr)
                    apoVariables.push_back(poVariable);
        }
    }
    return apoVariables;
}

std::shared_ptr<GDALAttribute> Array::GetAttribute(const std::string &osName) const
{
    const h5r_attr *psAttr = m_poSession->FindAttribute(m_psObject, osName.c_str());
    return psAttr != nullptr ? Attribute::Create(m_poSession->GetFile(), m_psObject->file, m_osFullName, psAttr) : nullptr;
}

std::vector<std::shared_ptr<GDALAttribute>> Array::GetAttributes(CSLConstList papszOptions) const
{
    return ListAttributes(*m_poSession, m_psObject, m_osFullName, HIDDEN, papszOptions);
}

CPLErr Array::GetStatistics(bool bApproxOK, bool bForce, double *pdfMin, double *pdfMax, double *pdfMean, double *pdfStdDev,
                            GUInt64 *pnValidCount, GDALProgressFunc pfnProgress, void *pProgressData)
{
    if (GetFilename().empty()) // no side file to look into
        return GDALMDArray::GetStatistics(bApproxOK, bForce, pdfMin, pdfMax, pdfMean, pdfStdDev, pnValidCount, pfnProgress, pProgressData);
    return GDALPamMDArray::GetStatistics(bApproxOK, bForce, pdfMin, pdfMax, pdfMean, pdfStdDev, pnValidCount, pfnProgress, pProgressData);
}

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 8, 0)
std::shared_ptr<GDALGroup> Array::GetRootGroup() const
{
    return Group::Create(m_poSession, {m_aoChain.front()}, "/");
}
#endif

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
bool Array::GetRawBlockInfo(const uint64_t *panBlockCoordinates, GDALMDArrayRawBlockInfo &oInfo) const
{
    const h5r_dataset *d = m_psDataset;
    const unsigned nRank = d->space->rank;
    h5r_error err;

    oInfo.clear();
    const h5r_file_info *psInfo = h5r_get_info(m_psObject->file);
    const std::string osFilename = m_psObject->file == m_poSession->Handle() ? NameOfFile() : psInfo->name; // behind an external link
    if (d->layout == H5R_LAYOUT_VIRTUAL || d->layout == H5R_LAYOUT_EXTERNAL || psInfo->driver[0] != '\0')
    {
        CPLError(CE_Failure, CPLE_NotSupported, "%s#%s: its blocks lie in other files", NameOfFile().c_str(), m_osFullName.c_str());
        return false;
    }
    for (size_t i = 0; i < m_aoDims.size(); i++)
    {
        const uint64_t nBlocks = d->layout == H5R_LAYOUT_CHUNKED && i < nRank ? d->grid[i] : 1;
        if (panBlockCoordinates[i] >= nBlocks)
        {
            CPLError(CE_Failure, CPLE_AppDefined, "GetRawBlockInfo(): block %" PRIu64 " of dimension %u, which has %" PRIu64,
                     panBlockCoordinates[i], static_cast<unsigned>(i), nBlocks);
            return false;
        }
    }
    h5r_chunk sChunk = {d->storage_offset, d->storage_size, 0, 0};
    if (d->layout == H5R_LAYOUT_CHUNKED)
    {
        // Who asks for many blocks wants all: the whole index, once. What is wrong with it is told for the block that it matters to.
        const h5r_chunk *pasAll = nullptr;
        size_t nAll = 0;
        if (++m_nBlocksAsked == SCAN)
            (void)h5r_chunks_all(m_psObject->file, m_psObject, &pasAll, &nAll, nullptr);
        const std::vector<uint64_t> anOne(nRank, 1);
        std::vector<uint64_t> anChunk(nRank, 0); // characters of texts have no coordinate
        std::copy_n(panBlockCoordinates, m_nFileDims, anChunk.begin());
        if (m_nText > d->chunk[nRank - 1] && m_nText > 0)
        {
            CPLError(CE_Failure, CPLE_NotSupported, "%s#%s: its texts go over several chunks", NameOfFile().c_str(), m_osFullName.c_str());
            return false;
        }
        if (h5r_chunks(m_psObject->file, m_psObject, anChunk.data(), anOne.data(), &sChunk, &err) != H5R_OK)
        {
            m_poSession->GetFile()->Report(err, m_osFullName);
            return false;
        }
    }
    if (sChunk.offset == H5R_UNDEFINED) // never written: a block without bytes
        return true;
    oInfo.pszFilename = CPLStrdup(osFilename.c_str());
    oInfo.nOffset = sChunk.offset;
    oInfo.nSize = sChunk.size;
    CPLStringList aosInfo;
    for (const char *pszKey : {"COMPRESSION", "FILTER"})
    {
        const char *pszValue = m_aosStructuralInfo.FetchNameValue(pszKey);
        for (unsigned i = 0; pszValue != nullptr && i < d->n_filters; i++)
        {
            const char *pszName = h5r_filter_name(d->filters[i].id);
            if ((sChunk.skipped >> i & 1) == 0 && pszName != nullptr && EQUAL(pszName, pszValue))
                aosInfo.SetNameValue(pszKey, pszValue);
        }
    }
    const h5r_type *t = d->type;
    while (t->cls == H5R_CLASS_ARRAY || t->cls == H5R_CLASS_ENUM || t->cls == H5R_CLASS_COMPLEX)
        t = t->base;
    if ((t->cls == H5R_CLASS_INTEGER || t->cls == H5R_CLASS_FLOAT) && t->size > 1)
        aosInfo.SetNameValue("ENDIANNESS", t->order == H5R_ORDER_BE ? "BIG" : "LITTLE");
    oInfo.papszInfo = aosInfo.StealList();
    return true;
}
#endif

/************************************************************************/
/*                                 Data                                 */
/************************************************************************/

namespace
{

/** A window as the core takes it. */
struct Selection
{
    uint64_t anStart[H5R_MAX_RANK], anCount[H5R_MAX_RANK];
    int64_t anStep[H5R_MAX_RANK], anStride[H5R_MAX_RANK];
};

h5r_selection Select(Selection &s, size_t nDims, const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, void *pDst)
{
    h5r_selection sSel{};
    for (size_t i = 0; i < nDims; i++)
    {
        s.anStart[i] = panStart[i];
        s.anCount[i] = panCount[i];
        s.anStep[i] = panCount[i] > 1 ? panStep[i] : 1; // GDAL gives 0 where it does not matter
    }
    sSel.start = s.anStart;
    sSel.count = s.anCount;
    sSel.step = s.anStep;
    sSel.dst_stride = s.anStride;
    sSel.dst = pDst;
    sSel.fill_never = true;
    return sSel;
}

} // namespace

bool Array::ReadSelections(const h5r_selection *pasSelections, size_t n) const
{
    const std::vector<const h5r_object *> apsObjects(n, m_psObject);
    h5r_error err;

    if (n == 1 && m_poSession->GetFile()->GetAdvice().Read(m_psObject, pasSelections[0]))
        return true;
    if (h5r_read_many(m_psObject->file, apsObjects.data(), pasSelections, n, &err) == H5R_OK)
        return true;
    m_poSession->GetFile()->Report(err, m_osFullName);
    return false;
}

bool Array::ReadFile(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const int64_t *panStrideBytes, void *pBuffer) const
{
    Selection s;
    std::copy_n(panStrideBytes, m_nFileDims, s.anStride);
    const h5r_selection sSel = Select(s, m_nFileDims, panStart, panCount, panStep, pBuffer);
    return ReadSelections(&sSel, 1);
}

// Nothing is read yet: other arrays may be announced, too, and are read together with this one.
bool Array::IAdviseRead(const GUInt64 *panStart, const size_t *panCount, CSLConstList papszOptions) const
{
    const char *pszMax = CSLFetchNameValue(papszOptions, "CACHE_SIZE");
    const GIntBig nMax = pszMax != nullptr ? CPLAtoGIntBig(pszMax) : GDALGetCacheMax64() / 4;
    if (m_psDataset->space->cls == H5R_SPACE_SIMPLE && m_nFileDims == m_aoDims.size() && !m_bPadded && m_nText == 0 && nMax > 0)
        m_poSession->GetFile()->GetAdvice().Add(m_psObject, m_psDataset, std::vector<uint64_t>(panStart, panStart + m_nFileDims),
                                                std::vector<uint64_t>(panCount, panCount + m_nFileDims), static_cast<uint64_t>(nMax));
    return true;
}

bool Array::ReadDirectly(const std::vector<Hyperslab> &aoSlabs) const
{
    const auto nSize = static_cast<int64_t>(m_poType->GDALType().GetSize());
    std::vector<Selection> as(aoSlabs.size());
    std::vector<h5r_selection> asSelections;

    if (m_psDataset->space->cls == H5R_SPACE_NULL)
        return true; // no elements to read
    for (size_t k = 0; k < aoSlabs.size(); k++)
    {
        const auto &o = aoSlabs[k];
        for (size_t i = 0; i < m_nFileDims; i++)
            as[k].anStride[i] = static_cast<int64_t>(o.anStride[i]) * nSize;
        asSelections.push_back(Select(as[k], m_nFileDims, o.anStart.data(), o.anCount.data(), o.anStep.data(), o.pDst));
    }
    return ReadSelections(asSelections.data(), asSelections.size());
}

bool ReadWindows(const GDALMDArray &oArray, const std::vector<Hyperslab> &aoSlabs, const GDALExtendedDataType &oType)
{
    const auto poOurs = dynamic_cast<const Array *>(&oArray);
    if (poOurs != nullptr && poOurs->IsDirect(oType))
        return poOurs->ReadDirectly(aoSlabs);
    return std::all_of(aoSlabs.begin(), aoSlabs.end(),
                       [&](const Hyperslab &o)
                       { return oArray.Read(o.anStart.data(), o.anCount.data(), o.anStep.data(), o.anStride.data(), oType, o.pDst); });
}

bool Array::IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                  const GDALExtendedDataType &oBufferType, void *pBuffer) const
{
    if (m_psDataset->space->cls == H5R_SPACE_NULL)
        return true; // no elements to read
    try
    {
        return m_bPadded ? ReadPadded(panStart, panCount, panStep, panStride, oBufferType, static_cast<GByte *>(pBuffer))
                         : ReadStored(panStart, panCount, panStep, panStride, oBufferType, pBuffer);
    }
    catch (const std::bad_alloc &)
    {
        CPLError(CE_Failure, CPLE_OutOfMemory, "%s#%s: out of memory", NameOfFile().c_str(), m_osFullName.c_str());
        return false;
    }
}

bool Array::ReadStored(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                       const GDALExtendedDataType &oBufferType, void *pBuffer) const
{
    if (m_nText > 0)
        return ReadTexts(panStart, panCount, panStep, panStride, oBufferType, static_cast<GByte *>(pBuffer));
    if (IsDirect(oBufferType))
    {
        int64_t anStride[H5R_MAX_RANK] = {0};
        for (size_t i = 0; i < m_nFileDims; i++)
            anStride[i] = static_cast<int64_t>(panStride[i]) * static_cast<int64_t>(oBufferType.GetSize());
        return ReadFile(panStart, panCount, panStep, anStride, pBuffer);
    }
    // The rest in pieces along the outermost dimension that has several elements.
    size_t nBytes = std::max<size_t>(m_psDataset->type->size, m_poType->InnerCount() * m_poType->GDALType().GetSize());
    size_t iSplit = 0;
    while (iSplit + 1 < m_nFileDims && panCount[iSplit] == 1)
        iSplit++;
    for (size_t i = iSplit + 1; i < m_nFileDims; i++)
        nBytes = nBytes > PIECE_BYTES ? nBytes : nBytes * panCount[i];
    if (m_nFileDims == 0)
        return ReadPiece(panStart, panCount, panStep, panStride, oBufferType, static_cast<GByte *>(pBuffer));
    const size_t nRows = std::max<size_t>(1, PIECE_BYTES / std::max<size_t>(1, nBytes));
    std::vector<GUInt64> anStart(panStart, panStart + m_aoDims.size());
    std::vector<size_t> anCount(panCount, panCount + m_aoDims.size());
    for (size_t i = 0; i < panCount[iSplit]; i += nRows)
    {
        anStart[iSplit] = panStart[iSplit] + static_cast<GUInt64>(static_cast<GInt64>(i) * panStep[iSplit]);
        anCount[iSplit] = std::min(nRows, panCount[iSplit] - i);
        GByte *pabyTo = static_cast<GByte *>(pBuffer) +
                        static_cast<GPtrDiff_t>(i) * panStride[iSplit] * static_cast<GPtrDiff_t>(oBufferType.GetSize());
        if (!ReadPiece(anStart.data(), anCount.data(), panStep, panStride, oBufferType, pabyTo))
            return false;
    }
    return true;
}

bool Array::ReadPiece(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                      const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const
{
    const auto &oType = m_poType->GDALType();
    const size_t nDims = m_aoDims.size();
    const h5r_type *psType = m_psDataset->type;
    size_t nElems = 1;
    std::vector<int64_t> anBytes(nDims + 1);
    std::vector<GPtrDiff_t> anFrom(nDims + 1);

    int64_t nStride = static_cast<int64_t>(psType->size);
    for (size_t i = m_nFileDims; i-- > 0;)
    {
        anBytes[i] = nStride;
        nStride *= static_cast<int64_t>(panCount[i]);
        nElems *= panCount[i];
    }
    std::vector<GByte> abyRaw(nElems * psType->size);
    if (!ReadFile(panStart, panCount, panStep, anBytes.data(), abyRaw.data()))
        return false;

    h5r_values *hValues = nullptr;
    h5r_error err;
    if (psType->in_heap && h5r_values_load(m_psObject->file, psType, abyRaw.data(), nElems, &hValues, &err) != H5R_OK)
    {
        m_poSession->GetFile()->Report(err, m_osFullName);
        return false;
    }
    const std::unique_ptr<h5r_values, void (*)(h5r_values *)> oFree(hValues, h5r_values_free);
    std::vector<GByte> abyValues;
    if (!m_poType->IsDirect())
    {
        abyValues.resize(nElems * m_poType->InnerCount() * oType.GetSize());
        if (m_poType->HasReferences())
            m_poSession->GetFile()->LearnPaths();
        m_poType->Convert(m_psObject->file, hValues, abyRaw.data(), nElems, abyValues.data());
        abyRaw.clear();
    }

    // Of an array type's own dimensions the window is taken from whole elements.
    GPtrDiff_t nOffset = 0, nPacked = 1;
    for (size_t i = nDims; i-- > m_nFileDims;)
    {
        anFrom[i] = nPacked * static_cast<GPtrDiff_t>(panStep[i]);
        nOffset += nPacked * static_cast<GPtrDiff_t>(panStart[i]);
        nPacked *= static_cast<GPtrDiff_t>(m_aoDims[i]->GetSize());
    }
    for (size_t i = m_nFileDims; i-- > 0;)
    {
        anFrom[i] = nPacked;
        nPacked *= static_cast<GPtrDiff_t>(panCount[i]);
    }
    const GByte *pabyFrom = m_poType->IsDirect() ? abyRaw.data() : abyValues.data();
    CopyWindow(pabyFrom + nOffset * static_cast<GPtrDiff_t>(oType.GetSize()), oType, anFrom.data(), pabyBuffer, oBufferType, panStride, panCount,
               nDims);
    for (size_t i = 0; i < nElems * m_poType->InnerCount() && oType.NeedsFreeDynamicMemory(); i++)
        oType.FreeDynamicMemory(abyValues.data() + i * oType.GetSize());
    return true;
}

} // namespace h5range
