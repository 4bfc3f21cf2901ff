#include "h5range_sentinel5p.h"

#include <map>

#include "cpl_json.h"

#include "h5range_multidim.h"
#include "h5range_raster.h"

namespace h5range
{

namespace
{

constexpr unsigned MAX_DEPTH = 64;

const struct
{
    const char *pszKey, *pszParent;
} TREES[] = {{"ISO_METADATA", "/METADATA"},        {"ESA_METADATA", "/METADATA"},        {"EOP_METADATA", "/METADATA"}, {"QA_STATISTICS", "/METADATA"},
             {"GRANULE_DESCRIPTION", "/METADATA"}, {"ALGORITHM_SETTINGS", "/METADATA"}, {"SUPPORT_DATA", "/PRODUCT"}};

/** Members of an object of which those called "name#1", "name#2" are the elements of an array "name". */
class Members
{
  public:
    explicit Members(CPLJSONObject &oObject) : m_oObject(oObject)
    {
    }
    template <class T> void Add(const std::string &osName, const T &oValue)
    {
        const size_t nSharp = osName.find('#');
        if (nSharp == std::string::npos)
        {
            m_oObject.Add(osName, oValue);
            return;
        }
        const std::string osArray = osName.substr(0, nSharp);
        if (m_oArrays.count(osArray) == 0)
            m_oObject.Add(osArray, m_oArrays[osArray]);
        m_oArrays[osArray].Add(oValue);
    }

  private:
    CPLJSONObject &m_oObject;
    std::map<std::string, CPLJSONArray> m_oArrays{};
};

// Numbers of one element that are no integers are numbers, all else is text, as the netCDF driver has it.
void AddGroup(const GDALGroup &oGroup, unsigned nDepth, CPLJSONObject &oObject)
{
    Members oAttributes(oObject), oGroups(oObject);
    for (const auto &poAttribute : oGroup.GetAttributes())
    {
        const auto &oType = poAttribute->GetDataType();
        const std::string osName = poAttribute->GetName();
        if (oType.GetClass() == GEDTC_COMPOUND)
            continue;
        if (oType.GetClass() == GEDTC_NUMERIC && GDALDataTypeIsFloating(oType.GetNumericDataType()) && !GDALDataTypeIsComplex(oType.GetNumericDataType()) &&
            poAttribute->GetTotalElementsCount() == 1 && osName.find('#') == std::string::npos)
            oAttributes.Add(osName, CPLAtof(MetadataText(*poAttribute).c_str()));
        else
            oAttributes.Add(osName, MetadataText(*poAttribute));
    }
    for (const auto &osName : oGroup.GetGroupNames())
    {
        const auto poChild = nDepth < MAX_DEPTH ? oGroup.OpenGroup(osName) : nullptr;
        if (!poChild)
            continue;
        CPLJSONObject oChild;
        AddGroup(*poChild, nDepth + 1, oChild);
        oGroups.Add(osName, oChild);
    }
}

} // namespace

std::vector<std::string> Sentinel5PKeys(const GDALGroup &oRoot, bool bSupport)
{
    std::vector<std::string> aosKeys;
    for (const char *pszParent : {"METADATA", "PRODUCT"})
    {
        const bool bWanted = bSupport || EQUAL(pszParent, "METADATA");
        const auto poParent = bWanted ? oRoot.OpenGroup(pszParent) : nullptr;
        for (const auto &sTree : TREES)
            if (poParent && poParent->GetFullName() == sTree.pszParent && poParent->OpenGroup(sTree.pszKey))
                aosKeys.push_back(sTree.pszKey);
    }
    return aosKeys;
}

std::string Sentinel5PJson(const File &oFile, const GDALGroup &oRoot, const std::string &osKey)
{
    for (const auto &sTree : TREES)
    {
        const auto poParent = osKey == sTree.pszKey ? oRoot.OpenGroup(sTree.pszParent + 1) : nullptr;
        const auto poGroup = poParent ? poParent->OpenGroup(osKey) : nullptr;
        if (!poGroup)
            continue;
        // What cannot be loaded is reported when it is looked at.
        (void)h5r_prefetch_path(oFile.Handle(), poGroup->GetFullName().c_str(), MAX_DEPTH, H5R_PREFETCH_ATTRS, nullptr);
        CPLJSONDocument oDocument;
        CPLJSONObject oObject = oDocument.GetRoot();
        AddGroup(*poGroup, 0, oObject);
        return CPLString(oDocument.SaveAsString()).replaceAll("\\/", "/");
    }
    return std::string();
}

bool IsSentinel5PMetadata(const std::string &osGroupFullName)
{
    for (const auto &sTree : TREES)
    {
        const std::string osTree = JoinPath(sTree.pszParent, sTree.pszKey);
        if (osGroupFullName == osTree || osGroupFullName.compare(0, osTree.size() + 1, osTree + "/") == 0)
            return true;
    }
    return false;
}

} // namespace h5range
