// Which arrays of a group are listed: the options of GetMDArrayNames(), and groups by dimension.
#include "h5range_multidim.h"

#include <algorithm>
#include <set>

#include "h5range_cf.h"

namespace h5range
{

namespace
{

/** The arrays of one dimension that lie along a dimension of a group, as a group. */
class SameDimensionGroup final : public GDALGroup
{
  public:
    SameDimensionGroup(const std::shared_ptr<const Group> &poGroup, const std::string &osDimension)
        : GDALGroup(poGroup->GetFullName(), osDimension), m_poGroup(poGroup), m_osDimension(osDimension)
    {
    }
    std::vector<std::string> GetMDArrayNames(CSLConstList) const override
    {
        return m_poGroup->LinesAlong(m_osDimension);
    }
    std::shared_ptr<GDALMDArray> OpenMDArray(const std::string &osName, CSLConstList papszOptions) const override
    {
        const auto aosNames = m_poGroup->LinesAlong(m_osDimension);
        return std::find(aosNames.begin(), aosNames.end(), osName) != aosNames.end() ? m_poGroup->OpenMDArray(osName, papszOptions) : nullptr;
    }

  private:
    std::shared_ptr<const Group> m_poGroup;
    std::string m_osDimension;
};

} // namespace

bool GroupsByDimension(CSLConstList papszOptions)
{
    return EQUAL(CSLFetchNameValueDef(papszOptions, "GROUP_BY", ""), "SAME_DIMENSION");
}

// Name of the dimension of an array of one dimension, "" of other arrays.
std::string Group::LineAlong(const Child &oChild) const
{
    const h5r_dataset *psDataset = nullptr;
    if (h5r_dataset_describe(oChild.psObject->file, oChild.psObject, &psDataset, nullptr) != H5R_OK || psDataset->space->rank != 1)
        return std::string();
    const auto apoDims = m_poSession->GetDimensions(m_aoChain, oChild.psObject, psDataset, oChild.osName);
    return apoDims.size() == 1 ? apoDims[0]->GetName() : std::string();
}

std::vector<std::string> Group::LinesAlong(const std::string &osDimension) const
{
    std::vector<std::string> aosNames;
    for (const Child &oChild : Children())
        if (oChild.psObject->kind == H5R_DATASET && !m_poSession->IsPureDimension(oChild.psObject) && LineAlong(oChild) == osDimension)
            aosNames.push_back(oChild.osName);
    return aosNames;
}

std::vector<std::string> Group::Lines() const
{
    std::vector<std::string> aosNames;
    for (const Child &oChild : Children())
    {
        if (oChild.psObject->kind != H5R_DATASET || m_poSession->IsPureDimension(oChild.psObject))
            continue;
        const std::string osName = LineAlong(oChild);
        if (!osName.empty() && std::find(aosNames.begin(), aosNames.end(), osName) == aosNames.end())
            aosNames.push_back(osName);
    }
    return aosNames;
}

std::shared_ptr<GDALGroup> Group::OpenGroupOfDimension(const std::string &osName) const
{
    const auto aosNames = Lines();
    if (std::find(aosNames.begin(), aosNames.end(), osName) == aosNames.end())
        return nullptr;
    return std::make_shared<SameDimensionGroup>(Create(m_poSession, m_aoChain, GetName()), osName);
}

// Takes those that the options hide from the arrays of a group.
void Group::Hide(std::vector<const Child *> &apoArrays, CSLConstList papszOptions) const
{
    const auto Shows = [papszOptions](const char *pszName) { return CPLFetchBool(papszOptions, pszName, true); };
    const bool bZero = Shows("SHOW_ZERO_DIM"), bCoordinates = Shows("SHOW_COORDINATES"), bBounds = Shows("SHOW_BOUNDS");
    const bool bIndexing = Shows("SHOW_INDEXING"), bTime = Shows("SHOW_TIME"), bByDimension = GroupsByDimension(papszOptions);
    if (CPLFetchBool(papszOptions, "SHOW_ALL", false) || (bZero && bCoordinates && bBounds && bIndexing && bTime && !bByDimension))
        return;
    std::set<std::string> aosHidden; // by name: those of other groups are listed there
    for (const Child *poChild : apoArrays)
    {
        if (!bCoordinates)
            for (const auto &osName : CFNames(m_poSession->GetText(poChild->psObject, "coordinates")))
                aosHidden.insert(osName);
        if (!bBounds)
            aosHidden.insert(m_poSession->GetText(poChild->psObject, "bounds"));
    }
    const auto IsHidden = [&](const Child *poChild)
    {
        const h5r_dataset *psDataset = nullptr;
        if (aosHidden.count(poChild->osName) != 0)
            return true;
        if (h5r_dataset_describe(poChild->psObject->file, poChild->psObject, &psDataset, nullptr) != H5R_OK)
            return false;
        const unsigned nRank = psDataset->space->rank;
        const bool bIsTime = EQUAL(m_poSession->GetText(poChild->psObject, "standard_name").c_str(), "time") ||
                             m_poSession->GetText(poChild->psObject, "units").find(" since ") != std::string::npos;
        return (!bZero && nRank == 0) || (!bIndexing && nRank == 1 && m_poSession->IsScale(poChild->psObject)) || (!bTime && nRank <= 1 && bIsTime) ||
               (bByDimension && nRank == 1 && !LineAlong(*poChild).empty());
    };
    apoArrays.erase(std::remove_if(apoArrays.begin(), apoArrays.end(), IsHidden), apoArrays.end());
}

} // namespace h5range
