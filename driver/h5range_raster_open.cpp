// Opening a file as a raster: which arrays there are, and which of them a name or an option means.
#include "h5range_raster.h"

#include <algorithm>
#include <climits>
#include <set>

#include "h5range_multidim.h"

namespace h5range
{

namespace
{

constexpr int MAX_GROUP_DEPTH = 64;

/** Everything a container wants to know, from one walk. */
struct Listing
{
    std::vector<std::shared_ptr<GDALMDArray>> apoArrays;  // numeric, of one dimension or more
    std::vector<std::shared_ptr<GDALMDArray>> apoScalars; // numeric, too
    std::vector<std::pair<std::string, std::shared_ptr<GDALGroup>>> aoGroups;
    std::set<std::string> aosAuxiliary; // full names of arrays that others name as their coordinates or bounds
};

void Walk(const std::shared_ptr<GDALGroup> &poRoot, const std::shared_ptr<GDALGroup> &poGroup, int nDepth, Listing &oListing)
{
    const std::string osGroup = poGroup->GetFullName();
    oListing.aoGroups.emplace_back(osGroup, poGroup);
    for (const auto &osName : poGroup->GetMDArrayNames())
    {
        const auto poArray = poGroup->OpenMDArray(osName);
        if (!poArray || !IsRasterType(poArray->GetDataType()))
            continue;
        if (poArray->GetDimensionCount() == 0)
        {
            oListing.apoScalars.push_back(poArray);
            continue;
        }
        oListing.apoArrays.push_back(poArray);
        const Attributes oAttributes(*poArray);
        for (const char *pszName : {"coordinates", "bounds"})
        {
            if (poArray->GetDimensionCount() < 2 && EQUAL(pszName, "coordinates"))
                continue; // of a series, which is no raster
            for (const auto &osOther : CFNames(oAttributes.Text(pszName)))
            {
                const auto poOther = CFFindArray(poRoot, osGroup, osOther);
                if (!poOther)
                    break;
                oListing.aosAuxiliary.insert(poOther->GetFullName());
            }
        }
    }
    if (nDepth < MAX_GROUP_DEPTH)
        for (const auto &osName : poGroup->GetGroupNames())
            if (const auto poChild = poGroup->OpenGroup(osName))
                Walk(poRoot, poChild, nDepth + 1, oListing);
}

// HDF5's form of names has "_" for blanks: "//my_group/x" may be "/my group/x".
std::shared_ptr<GDALMDArray> FindUnderscored(const std::shared_ptr<GDALGroup> &poGroup, const std::string &osPath)
{
    const size_t nSlash = osPath.find('/', 1);
    const std::string osFirst = osPath.substr(1, nSlash == std::string::npos ? std::string::npos : nSlash - 1);
    const auto Matches = [&osFirst](std::string osName)
    {
        std::replace(osName.begin(), osName.end(), ' ', '_');
        return osName == osFirst;
    };
    if (nSlash == std::string::npos)
    {
        for (const auto &osName : poGroup->GetMDArrayNames())
            if (Matches(osName))
                return poGroup->OpenMDArray(osName);
        return nullptr;
    }
    for (const auto &osName : poGroup->GetGroupNames())
        if (Matches(osName))
            if (const auto poChild = poGroup->OpenGroup(osName))
                if (auto poArray = FindUnderscored(poChild, osPath.substr(nSlash)))
                    return poArray;
    return nullptr;
}

using Groups = std::vector<std::pair<std::string, std::shared_ptr<GDALGroup>>>;

Groups GroupsAbove(const std::shared_ptr<GDALGroup> &poRoot, const GDALMDArray &oArray)
{
    Groups aoGroups;
    for (const auto &poGroup : CFGroupsOnPath(poRoot, CFGroupOf(oArray)))
        aoGroups.emplace_back(poGroup->GetFullName(), poGroup);
    return aoGroups;
}

// Groups that describe what lies beside and below them. Only ODIM's are looked for: a name that is not there may cost a request.
void AddDescriptions(const File &oFile, Groups &aoGroups)
{
    const Groups aoAbove = aoGroups;
    for (const auto &oAbove : aoAbove)
    {
        (void)h5r_prefetch_path(oFile.Handle(), oAbove.first.c_str(), 1, H5R_PREFETCH_ATTRS, nullptr); // all of them in the same rounds
        for (const char *pszName : {"what", "where", "how"})
            if (const auto poGroup = oAbove.second->OpenGroup(pszName))
                aoGroups.emplace_back(poGroup->GetFullName(), poGroup);
    }
}

GDALDataset *OpenContainer(const std::shared_ptr<File> &poFile, const ParsedName &oName, const RasterOptions &oOptions,
                           const std::shared_ptr<GDALGroup> &poRoot, const std::shared_ptr<GDALGroup> &poGroup)
{
    // All arrays will be looked at: what cannot be read is reported when it is.
    (void)h5r_prefetch_path(poFile->Handle(), oOptions.osGroup.c_str(), MAX_GROUP_DEPTH, H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES, nullptr);
    Listing oListing;
    Walk(poRoot, poGroup, 0, oListing);
    const auto HasRank = [&oListing](size_t nRank)
    {
        return std::any_of(oListing.apoArrays.begin(), oListing.apoArrays.end(),
                           [nRank](const std::shared_ptr<GDALMDArray> &poArray) { return poArray->GetDimensionCount() >= nRank; });
    };
    const bool bLines = oOptions.eList == RasterOptions::List::ALL || (oOptions.eList == RasterOptions::List::AUTO && !HasRank(2));
    const size_t nMinRank = bLines ? 1 : 2;
    std::vector<Subdataset> aoSubdatasets;
    std::vector<std::shared_ptr<GDALMDArray>> apoRasters; // without coordinates and bounds
    for (const auto &poArray : oListing.apoArrays)
    {
        const auto &apoDims = poArray->GetDimensions();
        const bool bTooLarge = std::any_of(apoDims.begin(), apoDims.end(), [](const std::shared_ptr<GDALDimension> &poDim)
                                           { return poDim->GetSize() > static_cast<GUInt64>(INT_MAX) || poDim->GetSize() == 0; });
        if (apoDims.size() < nMinRank || bTooLarge)
            continue;
        aoSubdatasets.push_back({poArray->GetFullName(), Attributes(*poArray).Text("standard_name"), poArray});
        if (oListing.aosAuxiliary.count(poArray->GetFullName()) == 0)
            apoRasters.push_back(poArray);
    }
    if (aoSubdatasets.empty())
    {
        CPLError(CE_Failure, CPLE_AppDefined, "%s%s holds no numeric array of %s dimension%s or more: there is nothing to show as a raster",
                 oName.osURI.c_str(), oOptions.osGroup == "/" ? "" : ("#" + oOptions.osGroup).c_str(), bLines ? "one" : "two", bLines ? "" : "s");
        return nullptr;
    }

    if (oOptions.bVariablesAsBands)
        if (auto poDS = OpenVariablesAsBands(poFile, oName, oOptions, poRoot, apoRasters))
            return poDS;
    std::unique_ptr<RasterDataset> poDS(new RasterDataset(poFile, oName, oOptions, poRoot));
    const bool bOne = apoRasters.size() == 1 || aoSubdatasets.size() == 1;
    poDS->SetDescription(oName.osOriginal.c_str());
    if (bOne && !poDS->SetArray(apoRasters.size() == 1 ? apoRasters[0] : aoSubdatasets[0].poArray))
        return nullptr;
    poDS->SetGroupMetadata(oListing.aoGroups);
    for (const auto &apoArrays : {oListing.apoArrays, oListing.apoScalars})
        for (const auto &poArray : apoArrays)
            if (oName.bHDF5Dialect && !bOne)
                poDS->SetHDF5Metadata(poArray->GetFullName(), Attributes(*poArray));
    if (!bOne || !oListing.aosAuxiliary.empty())
        poDS->SetSubdatasets(aoSubdatasets);
    poDS->SetSideFiles(!bOne);
    return poDS.release();
}

} // namespace

GDALDataset *OpenRaster(GDALOpenInfo *poOpenInfo, const std::shared_ptr<File> &poFile, const ParsedName &oFileName)
{
    const auto poRoot = OpenRootGroup(poFile);
    if (!poRoot)
        return nullptr;
    const RasterOptions oOptions = ParseRasterOptions(poOpenInfo->papszOpenOptions);
    const auto poGroup = oOptions.osGroup == "/" ? poRoot : poRoot->OpenGroupFromFullname(oOptions.osGroup);
    if (!poGroup)
    {
        if (CPLGetLastErrorType() != CE_Failure)
            CPLError(CE_Failure, CPLE_OpenFailed, "%s has no group %s", oFileName.osURI.c_str(), oOptions.osGroup.c_str());
        return nullptr;
    }
    ParsedName oName = oFileName;
    if (oName.osArray.empty() && !oOptions.osVariable.empty())
        oName.osArray = JoinPath(oOptions.osGroup, oOptions.osVariable);
    if (oName.osArray.empty())
        return OpenContainer(poFile, oName, oOptions, poRoot, poGroup);

    // The array's metadata and that of the groups above it are shown together.
    (void)h5r_prefetch_path(poFile->Handle(), oName.osArray.c_str(), 0, H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES | H5R_PREFETCH_GROUPS, nullptr);
    auto poArray = OpenArray(poRoot, oName.osArray);
    if (!poArray && oName.bHDF5Dialect && oName.osArray.find('_') != std::string::npos)
        poArray = FindUnderscored(poRoot, oName.osArray);
    if (!poArray)
    {
        if (CPLGetLastErrorType() != CE_Failure)
            CPLError(CE_Failure, CPLE_OpenFailed, "%s has no array %s", oName.osURI.c_str(), oName.osArray.c_str());
        return nullptr;
    }
    std::unique_ptr<RasterDataset> poDS(new RasterDataset(poFile, oName, oOptions, poRoot));
    poDS->SetDescription(oName.osOriginal.c_str());
    if (!poDS->SetArray(poArray))
        return nullptr;
    Groups aoGroups = GroupsAbove(poRoot, *poArray);
    if (IsODIM(*poRoot))
        AddDescriptions(*poFile, aoGroups);
    poDS->SetGroupMetadata(aoGroups);
    poDS->SetSideFiles(false);
    return poDS.release();
}

} // namespace h5range
