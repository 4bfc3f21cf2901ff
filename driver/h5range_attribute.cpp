// Attributes: their bytes are in memory once the object is loaded; text of variable length lies in a heap.
#include "h5range_multidim.h"

#include <cstring>

namespace h5range
{

std::shared_ptr<GDALAttribute> Attribute::Create(const std::shared_ptr<File> &poFile, h5r_file *hFile, const std::string &osParentName,
                                                 const h5r_attr *psAttr)
{
    if (psAttr->error != nullptr)
    {
        poFile->Report(*psAttr->error, osParentName + "@" + psAttr->name, CE_Warning);
        return nullptr;
    }
    auto poType = Type::Create(psAttr->type, false);
    std::shared_ptr<Attribute> poAttr(new Attribute(poFile, hFile, osParentName, psAttr, poType)); // private constructor
    poAttr->SetSelf(poAttr);
    return poAttr;
}

Attribute::Attribute(const std::shared_ptr<File> &poFile, h5r_file *hFile, const std::string &osParentName, const h5r_attr *psAttr,
                     const std::shared_ptr<const Type> &poType)
    : GDALAbstractMDArray(osParentName, psAttr->name), GDALAttribute(osParentName, psAttr->name), m_poFile(poFile), m_hFile(hFile), m_psAttr(psAttr),
      m_poType(poType)
{
    const auto add = [this](GUInt64 nSize)
    { m_aoDims.push_back(std::make_shared<GDALDimension>(std::string(), "dim" + std::to_string(m_aoDims.size()), std::string(), std::string(), nSize)); };
    if (psAttr->space->cls == H5R_SPACE_NULL)
        add(0);
    for (unsigned i = 0; i < psAttr->space->rank; i++)
        add(psAttr->space->shape[i]);
    for (const GUInt64 nSize : poType->InnerShape())
        add(nSize);
}

bool Attribute::IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                      const GDALExtendedDataType &oBufferType, void *pBuffer) const
{
    const auto &oType = m_poType->GDALType();
    const size_t nElems = static_cast<size_t>(m_psAttr->space->count) * m_poType->InnerCount(), nDims = m_aoDims.size();
    std::vector<GByte> abyRaw(m_psAttr->raw_len + 1), abyValues(nElems * oType.GetSize() + 1);
    h5r_values *hValues = nullptr;
    h5r_error err;

    if (h5r_attr_read(m_psAttr, abyRaw.data(), abyRaw.size(), &err) != H5R_OK ||
        (m_psAttr->type->in_heap && m_psAttr->raw != nullptr &&
         h5r_values_load(m_hFile, m_psAttr->type, m_psAttr->raw, static_cast<size_t>(m_psAttr->space->count), &hValues, &err) != H5R_OK))
    {
        m_poFile->Report(err, m_osFullName);
        return false;
    }
    const std::unique_ptr<h5r_values, void (*)(h5r_values *)> oFree(hValues, h5r_values_free);
    if (m_poType->HasReferences())
        m_poFile->LearnPaths();
    m_poType->Convert(m_hFile, hValues, abyRaw.data(), static_cast<size_t>(m_psAttr->space->count), abyValues.data());

    std::vector<GPtrDiff_t> anStride(nDims), anFrom(nDims);
    GPtrDiff_t nOffset = 0, nStride = 1;
    for (size_t i = nDims; i-- > 0;)
    {
        anStride[i] = nStride;
        anFrom[i] = nStride * static_cast<GPtrDiff_t>(panStep[i]);
        nOffset += nStride * static_cast<GPtrDiff_t>(panStart[i]);
        nStride *= static_cast<GPtrDiff_t>(m_aoDims[i]->GetSize());
    }
    if (nElems > 0)
        CopyWindow(abyValues.data() + nOffset * static_cast<GPtrDiff_t>(oType.GetSize()), oType, anFrom.data(), static_cast<GByte *>(pBuffer),
                   oBufferType, panStride, panCount, nDims);
    for (size_t i = 0; i < nElems && oType.NeedsFreeDynamicMemory(); i++)
        oType.FreeDynamicMemory(abyValues.data() + i * oType.GetSize());
    return true;
}

std::vector<std::shared_ptr<GDALAttribute>> ListAttributes(const Session &oSession, const h5r_object *psObject, const std::string &osFullName,
                                                           const char *const *papszHidden, CSLConstList papszOptions)
{
    const h5r_attr *const *papsAttrs = nullptr;
    const h5r_error *psBad = nullptr;
    size_t n = 0;
    h5r_error err;
    std::vector<std::shared_ptr<GDALAttribute>> apoAttributes;

    if (h5r_attrs(psObject->file, psObject, true, &papsAttrs, &n, &psBad, &err) != H5R_OK)
    {
        oSession.GetFile()->Report(err, osFullName);
        return apoAttributes;
    }
    if (psBad != nullptr)
        oSession.GetFile()->Report(*psBad, osFullName, CE_Warning);
    const bool bAll = CPLTestBool(CSLFetchNameValueDef(papszOptions, "SHOW_ALL", "NO"));
    for (size_t i = 0; i < n; i++)
    {
        bool bHidden = false;
        for (size_t k = 0; papszHidden[k] != nullptr; k++)
            bHidden = bHidden || strcmp(papszHidden[k], papsAttrs[i]->name) == 0;
        if (bHidden && !bAll)
            continue;
        if (auto poAttr = Attribute::Create(oSession.GetFile(), psObject->file, osFullName, papsAttrs[i]))
            apoAttributes.push_back(poAttr);
    }
    return apoAttributes;
}

} // namespace h5range
