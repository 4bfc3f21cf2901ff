#include "h5range_multidim.h"

#include <algorithm>

#include "h5range_cf.h"
#include "h5range_sentinel5p.h"

namespace
{

using namespace h5range;

const char *const HIDDEN[] = {"_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", nullptr};

bool IsAncestor(const Chain &aoChain, const h5r_object *psObject)
{
    return std::any_of(aoChain.begin(), aoChain.end(), [psObject](const Place &o) { return o.psGroup == psObject; });
}

} // namespace

namespace h5range
{

std::shared_ptr<GDALGroup> OpenRootGroup(const std::shared_ptr<File> &poFile)
{
    auto poSession = std::make_shared<Session>(poFile);
    const Place oRoot = poSession->Root();
    return oRoot.psGroup != nullptr ? Group::Create(poSession, {oRoot}, "/") : nullptr;
}

std::shared_ptr<GDALMDArray> OpenArray(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osPath)
{
    // Not OpenMDArrayFromFullname(), for which a group that is not there is an error: who asks may know another form of the name.
    return CFFindArray(poRoot, "/", "/" + osPath);
}

Group::Group(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osParentName, const std::string &osName)
    : GDALGroup(osParentName, osName), m_poSession(poSession), m_aoChain(aoChain)
{
}

std::shared_ptr<Group> Group::Create(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName)
{
    const std::string osParent = aoChain.size() > 1 ? aoChain[aoChain.size() - 2].osPath : std::string();
    return std::shared_ptr<Group>(new Group(poSession, aoChain, osParent, osName)); // private constructor
}

const std::vector<Child> &Group::Children() const
{
    std::lock_guard<std::mutex> oLock(m_oMutex);
    if (!m_bListed)
    {
        m_poSession->PrefetchListed(m_aoChain.back().psGroup);
        m_aoChildren = m_poSession->GetChildren(m_aoChain.back().psGroup, m_aoChain.back().osPath);
        m_bListed = true;
    }
    return m_aoChildren;
}

// A child by the name that GDAL shows, without listing the group. netCDF-4 stores a variable that has the name of a dimension but is
// not its coordinate as "_nc4_non_coord_<name>". A dimension scale without a variable is not listed but can be opened.
const h5r_object *Group::Find(const std::string &osName) const
{
    const h5r_object *psDimension = nullptr;
    h5r_error err;
    if (osName.empty() || osName.find('/') != std::string::npos)
        return nullptr;
    for (const char *pszPrefix : {"", "_nc4_non_coord_"})
    {
        const h5r_object *psObject = nullptr;
        const std::string osLink = pszPrefix + osName;
        const h5r_status eStatus = h5r_lookup(m_aoChain.back().psGroup->file, m_aoChain.back().psGroup, osLink.c_str(), &psObject, &err);
        if (eStatus == H5R_OK)
        {
            if (psObject->kind == H5R_DATASET) // attributes of a group may lie far away and not be asked for
                m_poSession->PrefetchObject(psObject, JoinPath(m_aoChain.back().osPath, osLink));
            if (psObject->kind != H5R_DATASET || !m_poSession->IsPureDimension(psObject))
                return psObject;
            psDimension = psObject;
        }
        else if (eStatus != H5R_ERR_NOT_FOUND)
        {
            m_poSession->GetFile()->Report(err, JoinPath(m_osFullName, osName));
            return nullptr;
        }
        else if (psDimension == nullptr)
        {
            return nullptr;
        }
    }
    return psDimension;
}

std::vector<std::string> Group::GetGroupNames(CSLConstList papszOptions) const
{
    std::vector<std::string> aosNames;
    if (GroupsByDimension(papszOptions))
        aosNames = Lines();
    for (const Child &oChild : Children())
        if (oChild.psObject->kind == H5R_GROUP && !IsAncestor(m_aoChain, oChild.psObject))
            aosNames.push_back(oChild.osName);
    return aosNames;
}

std::shared_ptr<GDALGroup> Group::OpenGroup(const std::string &osName, CSLConstList papszOptions) const
{
    const h5r_object *psObject = Find(osName);
    if (psObject == nullptr || psObject->kind != H5R_GROUP)
        return GroupsByDimension(papszOptions) ? OpenGroupOfDimension(osName) : nullptr;
    Chain aoChain = m_aoChain;
    aoChain.push_back({psObject, JoinPath(m_aoChain.back().osPath, osName)});
    return Create(m_poSession, aoChain, osName);
}

std::vector<std::string> Group::GetMDArrayNames(CSLConstList papszOptions) const
{
    std::vector<const Child *> apoArrays;
    for (const Child &oChild : Children())
        if (oChild.psObject->kind == H5R_DATASET && !m_poSession->IsPureDimension(oChild.psObject))
            apoArrays.push_back(&oChild);
    Hide(apoArrays, papszOptions);
    std::vector<std::string> aosNames;
    for (const Child *poChild : apoArrays)
        aosNames.push_back(poChild->osName);
    if (CPLFetchBool(papszOptions, "SHOW_INDEXING", true) || CPLFetchBool(papszOptions, "SHOW_ALL", false))
        for (const auto &poDim : GridDimensions())
            aosNames.push_back(poDim->GetName());
    return aosNames;
}

std::vector<std::shared_ptr<GDALDimension>> Group::GridDimensions() const
{
    auto apoDims = m_poSession->GetEOSGridDimensions(m_osFullName);
    const auto IsTaken = [this](const std::shared_ptr<GDALDimension> &poDim)
    { return std::any_of(Children().begin(), Children().end(), [&poDim](const Child &oChild) { return oChild.osName == poDim->GetName(); }); };
    apoDims.erase(std::remove_if(apoDims.begin(), apoDims.end(), IsTaken), apoDims.end());
    return apoDims;
}

std::shared_ptr<GDALMDArray> Group::OpenMDArray(const std::string &osName, CSLConstList) const
{
    const h5r_object *psObject = Find(osName);
    if (psObject != nullptr)
        return psObject->kind == H5R_DATASET ? Array::Create(m_poSession, m_aoChain, osName, psObject) : nullptr;
    for (const auto &poDim : osName == "XDim" || osName == "YDim" ? GridDimensions() : std::vector<std::shared_ptr<GDALDimension>>())
        if (poDim->GetName() == osName)
            return poDim->GetIndexingVariable();
    return nullptr;
}

std::vector<std::shared_ptr<GDALDimension>> Group::GetDimensions(CSLConstList) const
{
    std::vector<std::pair<GInt64, const Child *>> aoScales; // by netCDF's number of the dimension, where there is one
    for (const Child &oChild : Children())
        if (m_poSession->IsScale(oChild.psObject))
            aoScales.emplace_back(m_poSession->GetDimensionId(oChild.psObject), &oChild);
    std::stable_sort(aoScales.begin(), aoScales.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<std::shared_ptr<GDALDimension>> aoDims;
    for (const auto &oScale : aoScales)
        aoDims.push_back(m_poSession->GetScaleDimension(oScale.second->psObject, JoinPath(m_aoChain.back().osPath, oScale.second->osLink),
                                                        m_poSession->GetUnlimitedSize(oScale.second->psObject)));
    for (const auto &poDim : GridDimensions())
        aoDims.push_back(poDim);
    return aoDims;
}

std::shared_ptr<GDALAttribute> Group::GetAttribute(const std::string &osName) const
{
    const h5r_attr *psAttr = m_poSession->FindAttribute(m_aoChain.back().psGroup, osName.c_str());
    if (psAttr != nullptr)
        return Attribute::Create(m_poSession->GetFile(), m_aoChain.back().psGroup->file, m_osFullName, psAttr);
    const auto aosKeys = m_aoChain.size() == 1 && IsSentinel5PMetadata("/METADATA/" + osName) ? Sentinel5PKeys(*this, false) : std::vector<std::string>();
    return std::find(aosKeys.begin(), aosKeys.end(), osName) != aosKeys.end() ? JsonAttribute(osName) : nullptr;
}

// The netCDF driver shows the trees of Sentinel-5P's METADATA as attributes of the root group.
std::shared_ptr<GDALAttribute> Group::JsonAttribute(const std::string &osKey) const
{
    return std::make_shared<GDALAttributeString>(m_osFullName, osKey, Sentinel5PJson(*m_poSession->GetFile(), *this, osKey), GEDTST_JSON);
}

std::vector<std::shared_ptr<GDALAttribute>> Group::GetAttributes(CSLConstList papszOptions) const
{
    auto apoAttributes = ListAttributes(*m_poSession, m_aoChain.back().psGroup, m_osFullName, HIDDEN, papszOptions);
    if (m_aoChain.size() == 1 && !CPLFetchBool(papszOptions, "SHOW_ALL", false)) // all, that is what is stored
        for (const auto &osKey : Sentinel5PKeys(*this, false))
            apoAttributes.push_back(JsonAttribute(osKey));
    return apoAttributes;
}

} // namespace h5range
