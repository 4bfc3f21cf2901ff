// One open of a file: what is loaded ahead, which links lead to what, and dimensions.
#include "h5range_multidim.h"

#include <algorithm>
#include <cstring>

#include "h5range_cf.h"

namespace
{

using namespace h5range;

constexpr unsigned OBJECT_AND_SCALES = H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES;
constexpr char PURE_DIMENSION[] = "This is a netCDF dimension but not a netCDF variable";
constexpr char NON_COORDINATE[] = "_nc4_non_coord_";
// Groups of more links than about that name their anonymous dimensions without loading all datasets of the group.
constexpr uint64_t MAX_NUMBERED = 1000;

std::string ParentOf(const std::string &osPath)
{
    const size_t n = osPath.rfind('/');
    return n == 0 || n == std::string::npos ? "/" : osPath.substr(0, n);
}

std::string ShownName(const std::string &osLink)
{
    return osLink.rfind(NON_COORDINATE, 0) == 0 ? osLink.substr(strlen(NON_COORDINATE)) : osLink;
}

} // namespace

namespace h5range
{

std::string JoinPath(const std::string &osParent, const std::string &osName)
{
    return osParent == "/" ? "/" + osName : osParent + "/" + osName;
}

/************************************************************************/
/*                              Dimension                               */
/************************************************************************/

Dimension::Dimension(const std::shared_ptr<Session> &poSession, const std::string &osParentName, const std::string &osName,
                     const std::string &osType, const std::string &osDirection, GUInt64 nSize, const std::string &osVariable)
    : GDALDimension(osParentName, osName, osType, osDirection, nSize), m_poSession(poSession), m_osVariable(osVariable)
{
}

void Dimension::SetRegular(double dfFirst, double dfStep)
{
    m_bRegular = true;
    m_dfFirst = dfFirst;
    m_dfStep = dfStep;
}

std::shared_ptr<GDALMDArray> Dimension::GetIndexingVariable() const
{
    if (m_bRegular) // on a dimension of its own, which does not lead back to it
    {
        const std::string osParent = GetFullName().substr(0, GetFullName().rfind('/'));
        return GDALMDArrayRegularlySpaced::Create(osParent, GetName(),
                                                  std::make_shared<GDALDimension>(osParent, GetName(), GetType(), GetDirection(), GetSize()),
                                                  m_dfFirst, m_dfStep, 0);
    }
    return m_osVariable.empty() ? nullptr : m_poSession->OpenArray(m_osVariable);
}

/************************************************************************/
/*                               Session                                */
/************************************************************************/

Session::Session(const std::shared_ptr<File> &poFile)
    : m_poFile(poFile), m_poPam(std::make_shared<GDALPamMultiDim>(poFile->Name()))
{
}

// The file itself may be kept open for longer, and a process need not end by closing it.
Session::~Session()
{
    h5r_index_cache_write(m_poFile->Handle());
}

Place Session::Root() const
{
    const h5r_object *psRoot = nullptr;
    h5r_error err;
    if (h5r_lookup(Handle(), nullptr, "/", &psRoot, &err) != H5R_OK)
        m_poFile->Report(err);
    return {psRoot, "/"};
}

std::vector<Child> Session::GetChildren(const h5r_object *psGroup, const std::string &osPath)
{
    const h5r_link *const *papsLinks = nullptr;
    const h5r_error *psBad = nullptr;
    size_t n = 0;
    h5r_error err;
    std::vector<Child> aoChildren;

    if (h5r_links(psGroup->file, psGroup, true, &papsLinks, &n, &psBad, &err) != H5R_OK)
    {
        m_poFile->Report(err, osPath);
        return aoChildren;
    }
    if (psBad != nullptr)
        m_poFile->Report(*psBad, osPath, CE_Warning);
    aoChildren.reserve(n);
    for (size_t i = 0; i < n; i++)
    {
        const h5r_link &sLink = *papsLinks[i];
        const h5r_object *psObject = nullptr;
        h5r_status eStatus = H5R_ERR_NOT_FOUND;
        if (sLink.kind == H5R_LINK_HARD)
            eStatus = h5r_object_at(psGroup->file, sLink.addr, &psObject, &err);
        else if (sLink.kind != H5R_LINK_USER)
            eStatus = h5r_lookup(psGroup->file, psGroup, sLink.name, &psObject, &err);
        if (eStatus != H5R_OK)
        {
            if (eStatus != H5R_ERR_NOT_FOUND) // a dangling soft or external link is no error
                m_poFile->Report(err, JoinPath(osPath, sLink.name), CE_Warning);
            continue;
        }
        // Soft links to groups would show whole branches again, and cycles.
        if (sLink.kind == H5R_LINK_SOFT && psObject->kind != H5R_DATASET)
            continue;
        aoChildren.push_back({ShownName(sLink.name), sLink.name, psObject});
    }
    return aoChildren;
}

const h5r_attr *Session::FindAttribute(const h5r_object *psObject, const char *pszName) const
{
    const h5r_attr *const *papsAttrs = nullptr;
    size_t n = 0;
    if (h5r_attrs(psObject->file, psObject, false, &papsAttrs, &n, nullptr, nullptr) != H5R_OK)
        return nullptr;
    const auto less = [](const h5r_attr *psAttr, const char *psz) { return strcmp(psAttr->name, psz) < 0; };
    const auto it = std::lower_bound(papsAttrs, papsAttrs + n, pszName, less);
    return it != papsAttrs + n && strcmp((*it)->name, pszName) == 0 && (*it)->error == nullptr ? *it : nullptr;
}

std::string Session::GetText(const h5r_object *psObject, const char *pszName) const
{
    const h5r_attr *psAttr = FindAttribute(psObject, pszName);
    if (psAttr == nullptr || psAttr->space->count != 1 ||
        (psAttr->type->cls != H5R_CLASS_STRING && !(psAttr->type->cls == H5R_CLASS_VLEN && psAttr->type->vlen_string)))
        return std::string();
    const auto poAttr = Attribute::Create(m_poFile, psObject->file, std::string(), psAttr);
    const char *pszValue = poAttr ? poAttr->ReadAsString() : nullptr;
    return pszValue != nullptr ? pszValue : "";
}

void Session::PrefetchObject(const h5r_object *psObject, const std::string &osPath)
{
    if (psObject->file == Handle()) // with its group known, scales come along with the attributes that name them
        (void)h5r_prefetch_path(Handle(), osPath.c_str(), 0, OBJECT_AND_SCALES, nullptr);
    (void)h5r_prefetch(psObject->file, psObject, 0, OBJECT_AND_SCALES, nullptr); // what fails is reported when it is asked for
}

void Session::PrefetchListed(const h5r_object *psGroup)
{
    bool bWhole = false;
    {
        std::lock_guard<std::mutex> oLock(m_oMutex);
        if (m_bWholeFile)
            return;
        if (m_nListed > 0 && m_psListed == psGroup)
            return;
        m_psListed = psGroup;
        bWhole = m_nListed++ > 0;
        m_bWholeFile = bWhole;
    }
    const h5r_object *psFrom = bWhole ? Root().psGroup : psGroup;
    if (psFrom != nullptr)
        (void)h5r_prefetch(psFrom->file, psFrom, bWhole ? 64 : 1, OBJECT_AND_SCALES, nullptr);
}

std::shared_ptr<GDALMDArray> Session::OpenArray(const std::string &osFullName)
{
    const Place oRoot = Root();
    if (oRoot.psGroup == nullptr)
        return nullptr;
    auto poRoot = Group::Create(shared_from_this(), {oRoot}, "/");
    return poRoot->OpenMDArrayFromFullname(osFullName);
}

/************************************************************************/
/*                          Dimension scales                            */
/************************************************************************/

bool Session::IsScale(const h5r_object *psObject) const
{
    return psObject->kind == H5R_DATASET && GetText(psObject, "CLASS") == "DIMENSION_SCALE";
}

bool Session::IsPureDimension(const h5r_object *psObject) const
{
    return GetText(psObject, "NAME").rfind(PURE_DIMENSION, 0) == 0 && IsScale(psObject);
}

namespace
{

// Values of an attribute of integers, in its order.
std::vector<GInt64> GetIntegers(const h5r_attr *psAttr)
{
    std::vector<GInt64> anValues;
    if (psAttr == nullptr || psAttr->type->cls != H5R_CLASS_INTEGER || psAttr->type->size > 8 || psAttr->space->count > H5R_MAX_RANK)
        return anValues;
    const h5r_number eNumber = h5r_type_number(psAttr->type, nullptr);
    std::vector<GByte> abyRaw(psAttr->raw_len + 1), abyNumbers(8 * static_cast<size_t>(psAttr->space->count) + 8);
    if (eNumber == H5R_NO_NUMBER || h5r_attr_read(psAttr, abyRaw.data(), abyRaw.size(), nullptr) != H5R_OK)
        return anValues;
    const size_t nSize = h5r_number_size(eNumber), nCount = static_cast<size_t>(psAttr->space->count);
    h5r_to_numbers(psAttr->type, abyRaw.data(), nCount, abyNumbers.data());
    for (size_t i = 0; i < nCount; i++)
    {
        GInt64 nValue = 0;
        GByte *pabyValue = abyNumbers.data() + i * nSize;
        if (nSize == 8)
            memcpy(&nValue, pabyValue, 8);
        else if (nSize == 4)
        {
            GInt32 n = 0;
            memcpy(&n, pabyValue, 4);
            nValue = n;
        }
        else if (nSize == 2)
        {
            GInt16 n = 0;
            memcpy(&n, pabyValue, 2);
            nValue = n;
        }
        else
            nValue = static_cast<signed char>(*pabyValue);
        anValues.push_back(nValue);
    }
    return anValues;
}

} // namespace

GInt64 Session::GetDimensionId(const h5r_object *psScale) const
{
    const auto anId = GetIntegers(FindAttribute(psScale, "_Netcdf4Dimid"));
    return anId.empty() ? -1 : anId[0];
}

GUInt64 Session::GetScaleSize(const h5r_object *psScale) const
{
    const h5r_dataset *psDataset = nullptr;
    if (h5r_dataset_describe(psScale->file, psScale, &psDataset, nullptr) != H5R_OK || psDataset->space->rank == 0)
        return 0;
    if (psDataset->space->rank == 1)
        return psDataset->space->shape[0];
    // A coordinate variable of several dimensions: its own one is that whose number it bears.
    const auto anIds = GetIntegers(FindAttribute(psScale, "_Netcdf4Coordinates"));
    const GInt64 nOwn = GetDimensionId(psScale);
    for (unsigned i = 0; i < psDataset->space->rank && i < anIds.size(); i++)
        if (anIds[i] == nOwn)
            return psDataset->space->shape[i];
    return psDataset->space->shape[0];
}

GUInt64 Session::GetUnlimitedSize(const h5r_object *psScale) const
{
    GUInt64 nSize = GetScaleSize(psScale);
    const h5r_dataset *psDataset = nullptr;
    const h5r_attr *psList = FindAttribute(psScale, "REFERENCE_LIST");
    if (psList == nullptr || psList->raw == nullptr || psList->type->cls != H5R_CLASS_COMPOUND || psList->type->n_members != 2 || !IsPureDimension(psScale) ||
        h5r_dataset_describe(psScale->file, psScale, &psDataset, nullptr) != H5R_OK || psDataset->space->rank != 1 ||
        psDataset->space->max_shape[0] != H5R_UNDEFINED)
        return nSize;
    // {array, number of its dimension}
    const h5r_member &sArray = psList->type->members[0], &sNumber = psList->type->members[1];
    if (sArray.type->cls != H5R_CLASS_REFERENCE || sNumber.type->cls != H5R_CLASS_INTEGER || sNumber.type->size != 4)
        return nSize;
    for (uint64_t i = 0; i < psList->space->count; i++)
    {
        const GByte *pabyElem = static_cast<const GByte *>(psList->raw) + i * psList->type->size;
        uint64_t nAddr = H5R_UNDEFINED;
        GInt32 iDim = 0;
        memcpy(&iDim, pabyElem + sNumber.offset, sizeof(iDim));
        h5r_swap(sNumber.type, &iDim, 1);
        const h5r_object *psArray = nullptr;
        if (h5r_ref_address(psScale->file, nullptr, sArray.type, pabyElem + sArray.offset, &nAddr) == H5R_OK && nAddr != H5R_UNDEFINED &&
            h5r_object_at(psScale->file, nAddr, &psArray, nullptr) == H5R_OK && psArray->kind == H5R_DATASET &&
            h5r_dataset_describe(psArray->file, psArray, &psDataset, nullptr) == H5R_OK && iDim >= 0 &&
            static_cast<unsigned>(iDim) < psDataset->space->rank)
            nSize = std::max<GUInt64>(nSize, psDataset->space->shape[iDim]);
    }
    return nSize;
}

std::shared_ptr<GDALDimension> Session::GetScaleDimension(const h5r_object *psScale, const std::string &osPath, GUInt64 nSize)
{
    const auto oKey = std::make_pair(psScale, nSize);
    {
        std::lock_guard<std::mutex> oLock(m_oMutex);
        const auto it = m_oDimensions.find(oKey);
        if (it != m_oDimensions.end())
            if (auto poDim = it->second.lock())
                return poDim;
    }
    const std::string osParent = ParentOf(osPath);
    const std::string osName = ShownName(osPath.substr(osPath.rfind('/') + 1));
    std::string osType, osDirection;
    CFDimensionRole([this, psScale](const char *pszAttr) { return GetText(psScale, pszAttr); }, osName, osType, osDirection);
    // An array shorter or longer than its scale (unlimited dimensions) has no coordinates along it that fit.
    const bool bHasVariable = !IsPureDimension(psScale) && GetScaleSize(psScale) == nSize;
    auto poDim = std::make_shared<Dimension>(shared_from_this(), osParent, osName, osType, osDirection, nSize,
                                             bHasVariable ? JoinPath(osParent, osName) : std::string());
    std::lock_guard<std::mutex> oLock(m_oMutex);
    m_oDimensions[oKey] = poDim;
    return poDim;
}

// Path of an object that is known from a reference: from what has been read so far, else from the links of the groups on
// the way to the array that refers to it, else from the whole file.
std::string Session::FindPath(const Chain &aoChain, const h5r_object *psObject)
{
    const uint64_t nAddr = psObject->addr;
    const bool bOwn = psObject->file == Handle(); // paths in other files are none of GDAL's
    const char *pszKnown = bOwn ? h5r_known_path(Handle(), nAddr) : nullptr;
    for (size_t i = aoChain.size(); pszKnown == nullptr && i-- > 0;)
    {
        if (aoChain[i].psGroup->file != psObject->file)
            continue;
        // Of the group, what it takes to find the link: a scale is usually among what has been read.
        if (bOwn)
        {
            (void)h5r_learn_path(psObject->file, aoChain[i].psGroup, nAddr, nullptr);
            pszKnown = h5r_known_path(Handle(), nAddr);
            continue;
        }
        const h5r_link *const *papsLinks = nullptr;
        size_t n = 0;
        if (h5r_links(psObject->file, aoChain[i].psGroup, false, &papsLinks, &n, nullptr, nullptr) != H5R_OK)
            continue;
        for (size_t k = 0; k < n; k++)
            if (papsLinks[k]->kind == H5R_LINK_HARD && papsLinks[k]->addr == nAddr)
                return JoinPath(aoChain[i].osPath, papsLinks[k]->name);
    }
    if (pszKnown == nullptr && bOwn)
    {
        (void)h5r_prefetch(Handle(), aoChain.front().psGroup, 64, 0, nullptr);
        pszKnown = h5r_known_path(Handle(), nAddr);
    }
    return pszKnown != nullptr ? pszKnown : "";
}

// The first scale of each dimension by DIMENSION_LIST; nullptr where there is none.
std::vector<const h5r_object *> Session::GetScales(const h5r_object *psObject, unsigned nRank)
{
    std::vector<const h5r_object *> apsScales(nRank, nullptr);
    const h5r_attr *psList = FindAttribute(psObject, "DIMENSION_LIST");
    if (psList == nullptr || psList->type->cls != H5R_CLASS_VLEN || psList->type->vlen_string ||
        psList->type->base->cls != H5R_CLASS_REFERENCE || psList->space->count != nRank)
        return apsScales;
    h5r_values *hValues = nullptr;
    h5r_error err;
    if (h5r_values_load(psObject->file, psList->type, psList->raw, nRank, &hValues, &err) != H5R_OK)
    {
        m_poFile->Report(err, std::string(), CE_Warning);
        return apsScales;
    }
    for (unsigned i = 0; i < nRank; i++)
    {
        const void *pRefs = nullptr;
        size_t n = 0;
        uint64_t nAddr = H5R_UNDEFINED;
        const GByte *pabyElem = static_cast<const GByte *>(psList->raw) + static_cast<size_t>(i) * psList->type->size;
        if (h5r_values_get(hValues, psList->type, pabyElem, &pRefs, &n) != H5R_OK || n == 0 ||
            h5r_ref_address(psObject->file, hValues, psList->type->base, pRefs, &nAddr) != H5R_OK || nAddr == H5R_UNDEFINED)
            continue;
        const h5r_object *psScale = nullptr;
        if (h5r_object_at(psObject->file, nAddr, &psScale, nullptr) == H5R_OK && psScale->kind == H5R_DATASET)
            apsScales[i] = psScale;
    }
    h5r_values_free(hValues);
    return apsScales;
}

// The dimensions of a coordinate variable of several dimensions: it is a scale itself and has no DIMENSION_LIST, only numbers.
std::vector<const h5r_object *> Session::GetScalesByIds(const Chain &aoChain, const h5r_object *psObject, unsigned nRank)
{
    std::vector<const h5r_object *> apsScales(nRank, nullptr);
    const auto anIds = GetIntegers(FindAttribute(psObject, "_Netcdf4Coordinates"));
    if (anIds.size() != nRank)
        return apsScales;
    for (size_t i = aoChain.size(); i-- > 0;)
        for (const Child &oChild : GetChildren(aoChain[i].psGroup, aoChain[i].osPath))
        {
            if (!IsScale(oChild.psObject))
                continue;
            const GInt64 nOwn = GetDimensionId(oChild.psObject);
            for (unsigned k = 0; k < nRank; k++)
                if (apsScales[k] == nullptr && anIds[k] == nOwn)
                    apsScales[k] = oChild.psObject;
        }
    return apsScales;
}

/************************************************************************/
/*                        Anonymous dimensions                          */
/************************************************************************/

// Anonymous dimensions are numbered within their group, in the order of its datasets: those of one length share one number, but not
// within one dataset.
unsigned Session::PhonyNumber(const Chain &aoChain, const h5r_object *psObject, const h5r_dataset *psDataset, unsigned iDim)
{
    const Place &oGroup = aoChain.back();
    uint64_t nLinks = 0;
    const bool bKnown = h5r_links_estimate(oGroup.psGroup->file, oGroup.psGroup, &nLinks, nullptr) == H5R_OK;
    if (!bKnown || nLinks > MAX_NUMBERED)
    {
        // By length, times the rank limit to leave room for several of one length.
        unsigned nSame = 0;
        for (unsigned i = 0; i < iDim; i++)
            nSame += psDataset->space->shape[i] == psDataset->space->shape[iDim];
        return static_cast<unsigned>(psDataset->space->shape[iDim]) * H5R_MAX_RANK + nSame;
    }
    {
        std::lock_guard<std::mutex> oLock(m_oMutex);
        const auto it = m_oPhony.find(oGroup.psGroup);
        if (it != m_oPhony.end())
        {
            const auto itNumber = it->second.find({psObject, iDim});
            return itNumber != it->second.end() ? itNumber->second : static_cast<unsigned>(it->second.size()) + iDim;
        }
    }
    (void)h5r_prefetch(oGroup.psGroup->file, oGroup.psGroup, 1, OBJECT_AND_SCALES, nullptr);
    PhonyNumbers oNumbers;
    std::vector<std::pair<uint64_t, bool>> aoPhony; // length and unlimitedness of each number
    for (const Child &oChild : GetChildren(oGroup.psGroup, oGroup.osPath))
    {
        const h5r_dataset *psChild = nullptr;
        if (oChild.psObject->kind != H5R_DATASET || h5r_dataset_describe(oChild.psObject->file, oChild.psObject, &psChild, nullptr) != H5R_OK ||
            IsScale(oChild.psObject))
            continue;
        const auto apsScales = GetScales(oChild.psObject, psChild->space->rank);
        std::vector<bool> abUsed(aoPhony.size(), false);
        for (unsigned i = 0; i < psChild->space->rank; i++)
        {
            if (apsScales[i] != nullptr)
                continue;
            const auto oWanted = std::make_pair(psChild->space->shape[i], psChild->space->max_shape[i] == H5R_UNDEFINED);
            unsigned k = 0;
            while (k < aoPhony.size() && (abUsed[k] || aoPhony[k] != oWanted))
                k++;
            if (k == aoPhony.size())
            {
                aoPhony.push_back(oWanted);
                abUsed.push_back(false);
            }
            abUsed[k] = true;
            oNumbers[{oChild.psObject, i}] = k;
        }
    }
    const auto it = oNumbers.find({psObject, iDim});
    const unsigned nNumber = it != oNumbers.end() ? it->second : static_cast<unsigned>(oNumbers.size()) + iDim;
    std::lock_guard<std::mutex> oLock(m_oMutex);
    m_oPhony[oGroup.psGroup] = std::move(oNumbers);
    return nNumber;
}

/************************************************************************/
/*                              HDF-EOS5                                */
/************************************************************************/

const EOSField *Session::GetEOSField(const std::string &osFullName)
{
    if (!IsEOSPath(osFullName))
        return nullptr;
    std::call_once(m_oEOSRead,
                   [this]()
                   {
                       std::string osText;
                       for (int i = 0;; i++) // long texts are cut in pieces
                       {
                           const std::string osName = "/HDFEOS INFORMATION/StructMetadata." + std::to_string(i);
                           const h5r_object *psObject = nullptr;
                           if (h5r_lookup(Handle(), nullptr, osName.c_str(), &psObject, nullptr) != H5R_OK)
                               break;
                           const auto poArray = OpenArray(osName);
                           const auto oString = GDALExtendedDataType::CreateString();
                           if (!poArray || poArray->GetDimensionCount() > 1 || poArray->GetTotalElementsCount() != 1 || poArray->GetDataType() != oString)
                               break;
                           const GUInt64 nStart = 0;
                           const size_t nCount = 1;
                           char *pszPiece = nullptr;
                           if (poArray->Read(&nStart, &nCount, nullptr, nullptr, oString, &pszPiece) && pszPiece != nullptr)
                               osText += pszPiece;
                           CPLFree(pszPiece);
                       }
                       m_poEOS = HDFEOS::Parse(osText);
                   });
    return m_poEOS->Find(osFullName);
}

std::shared_ptr<GDALDimension> Session::GetEOSDimension(const EOSField &oField, const std::string &osGroup, const std::string &osName, GUInt64 nSize)
{
    const bool bX = oField.poGrid && osName == "XDim", bY = oField.poGrid && osName == "YDim";
    const bool bDegrees = (bX || bY) && oField.poGrid->IsGeographic();
    // A dimension belongs to its grid or swath, whose folder is the one above that of the fields.
    auto poDim = std::make_shared<Dimension>(shared_from_this(), ParentOf(osGroup), osName,
                                             bX ? GDAL_DIM_TYPE_HORIZONTAL_X : bY ? GDAL_DIM_TYPE_HORIZONTAL_Y : "",
                                             bDegrees ? (bX ? "EAST" : "NORTH") : "", nSize, std::string());
    double adf[6];
    if ((bX || bY) && oField.poGrid->GeoTransform(adf))
        poDim->SetRegular(bX ? adf[0] + adf[1] / 2 : adf[3] + adf[5] / 2, bX ? adf[1] : adf[5]);
    return poDim;
}

std::vector<std::shared_ptr<GDALDimension>> Session::GetEOSGridDimensions(const std::string &osGroup)
{
    std::vector<std::shared_ptr<GDALDimension>> apoDims;
    const std::string osFolder = osGroup + "/Data Fields";
    if (osGroup.compare(0, strlen("/HDFEOS/GRIDS/"), "/HDFEOS/GRIDS/") != 0)
        return apoDims;
    (void)GetEOSField(osFolder + "/"); // reads the text
    const EOSField *psField = m_poEOS ? m_poEOS->FindOfGrid(osGroup) : nullptr;
    double adf[6];
    if (psField == nullptr || psField->poGrid->nX <= 0 || psField->poGrid->nY <= 0 || !psField->poGrid->GeoTransform(adf))
        return apoDims;
    apoDims.push_back(GetEOSDimension(*psField, osFolder, "YDim", static_cast<GUInt64>(psField->poGrid->nY)));
    apoDims.push_back(GetEOSDimension(*psField, osFolder, "XDim", static_cast<GUInt64>(psField->poGrid->nX)));
    return apoDims;
}

/************************************************************************/
/*                       Dimensions of an array                         */
/************************************************************************/

std::vector<std::shared_ptr<GDALDimension>> Session::GetDimensions(const Chain &aoChain, const h5r_object *psObject,
                                                                   const h5r_dataset *psDataset, const std::string &osName)
{
    const h5r_space &sSpace = *psDataset->space;
    std::vector<std::shared_ptr<GDALDimension>> aoDims;

    if (sSpace.cls == H5R_SPACE_NULL) // no elements at all
        return {std::make_shared<Dimension>(shared_from_this(), aoChain.back().osPath, "null", std::string(), std::string(), 0, std::string())};

    const bool bIsScale = IsScale(psObject);
    std::vector<const h5r_object *> apsScales;
    if (!bIsScale)
        apsScales = GetScales(psObject, sSpace.rank);
    else if (sSpace.rank == 1)
        apsScales = {psObject};
    else
        apsScales = GetScalesByIds(aoChain, psObject, sSpace.rank);

    const EOSField *psField = GetEOSField(JoinPath(aoChain.back().osPath, osName));
    if (psField != nullptr && psField->aosDims.size() != sSpace.rank)
        psField = nullptr;
    const h5r_attr *psLabels = FindAttribute(psObject, "DIMENSION_LABELS");
    CPLStringList aosLabels;
    if (psLabels != nullptr && psLabels->space->count == sSpace.rank)
        if (const auto poLabels = Attribute::Create(m_poFile, psObject->file, std::string(), psLabels))
            aosLabels = poLabels->ReadAsStringArray();

    for (unsigned i = 0; i < sSpace.rank; i++)
    {
        GUInt64 nSize = sSpace.shape[i];
        if (apsScales[i] != nullptr)
        {
            // What netCDF has not written yet of an unlimited dimension is missing, not beyond the end.
            if (sSpace.max_shape[i] == H5R_UNDEFINED)
                nSize = std::max(nSize, GetScaleSize(apsScales[i]));
            const std::string osPath =
                apsScales[i] == psObject ? JoinPath(aoChain.back().osPath, osName) : FindPath(aoChain, apsScales[i]);
            if (!osPath.empty())
            {
                aoDims.push_back(GetScaleDimension(apsScales[i], osPath, nSize));
                continue;
            }
        }
        std::string osDimName = static_cast<int>(i) < aosLabels.size() && aosLabels[static_cast<int>(i)] != nullptr
                                    ? aosLabels[static_cast<int>(i)]
                                    : "";
        if (psField != nullptr && osDimName.empty())
        {
            aoDims.push_back(GetEOSDimension(*psField, aoChain.back().osPath, psField->aosDims[i], nSize));
            continue;
        }
        const auto same = [&osDimName](const std::shared_ptr<GDALDimension> &poDim) { return poDim->GetName() == osDimName; };
        if (osDimName.empty() || osDimName.find('/') != std::string::npos || std::any_of(aoDims.begin(), aoDims.end(), same))
            osDimName = CPLSPrintf("phony_dim_%u", PhonyNumber(aoChain, psObject, psDataset, i));
        aoDims.push_back(std::make_shared<Dimension>(shared_from_this(), aoChain.back().osPath, osDimName, std::string(), std::string(),
                                                     nSize, std::string()));
    }
    return aoDims;
}

} // namespace h5range
