// Longitudes and latitudes of every pixel, for arrays without a geotransform.
#include "h5range_cf.h"

#include <algorithm>

namespace h5range
{

namespace
{

// Folders in which products keep them: ocean colour, VIIRS and PACE, EMIT, HDF-EOS and its relatives.
const char *const FOLDERS[] = {"navigation_data", "geolocation_data", "location", "Geolocation Fields", "GeoLocation", "Geolocation"};
const char *const NAMES[][2] = {{"longitude", "latitude"}, {"lon", "lat"}, {"Longitude", "Latitude"}};

// Rows and columns, after dimensions of size 1.
bool Covers(const GDALMDArray &oArray, const std::string &osYDim, GUInt64 nRows, const std::string &osXDim, GUInt64 nCols)
{
    const auto &apoDims = oArray.GetDimensions();
    if (apoDims.size() < 2 || oArray.GetDataType().GetClass() != GEDTC_NUMERIC)
        return false;
    for (size_t i = 0; i + 2 < apoDims.size(); i++)
        if (apoDims[i]->GetSize() != 1)
            return false;
    const auto &poY = apoDims[apoDims.size() - 2], &poX = apoDims.back();
    // Anonymous dimensions have other names in each group: the sizes tell, and the names that the order is not the other one.
    return poY->GetSize() == nRows && poX->GetSize() == nCols && !(poY->GetName() == osXDim && poX->GetName() == osYDim);
}

void Choose(const std::vector<std::shared_ptr<GDALMDArray>> &apoCandidates, const CFArray &oArray, int iY, int iX, CFGeolocation &oFound)
{
    const auto iRow = static_cast<size_t>(iY), iCol = static_cast<size_t>(iX);
    for (const auto &poArray : apoCandidates)
    {
        if (!Covers(*poArray, oArray.Axes()[iRow].osName, oArray.Sizes()[iRow], oArray.Axes()[iCol].osName, oArray.Sizes()[iCol]))
            continue;
        const Attributes oAttributes(*poArray);
        const std::string osName = poArray->GetName();
        const auto IsNamed = [&osName](int i)
        { return std::any_of(std::begin(NAMES), std::end(NAMES), [&](const char *const *papsz) { return osName == papsz[i]; }); };
        if (!oFound.poLongitudes && (CFIsLongitude(oAttributes.Getter(), osName) || IsNamed(0)))
            oFound.poLongitudes = poArray;
        else if (!oFound.poLatitudes && (CFIsLatitude(oAttributes.Getter(), osName) || IsNamed(1)))
            oFound.poLatitudes = poArray;
    }
}

std::vector<std::shared_ptr<GDALMDArray>> Named(const std::shared_ptr<GDALGroup> &poGroup)
{
    std::vector<std::shared_ptr<GDALMDArray>> apoArrays;
    for (const auto &apszPair : NAMES)
        for (const char *pszName : apszPair)
            if (auto poArray = poGroup->OpenMDArray(pszName))
                apoArrays.push_back(poArray);
    return apoArrays;
}

} // namespace

CFGeolocation CFFindGeolocation(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, int iY, int iX)
{
    CFGeolocation oFound;
    if (iX < 0 || iY < 0)
        return oFound;
    Choose(oArray.AuxiliaryCoordinates(), oArray, iY, iX, oFound);
    if (oFound || !oArray.GetAttributes().Text("coordinates").empty() || !poRoot)
        return oFound;

    std::vector<std::shared_ptr<GDALGroup>> apoGroups{poRoot};
    const CPLStringList aosParts(CSLTokenizeString2(osGroupFullName.c_str(), "/", 0));
    for (int i = 0; i < aosParts.Count(); i++)
    {
        auto poGroup = apoGroups.back()->OpenGroup(aosParts[i]);
        if (!poGroup)
            break;
        apoGroups.push_back(poGroup);
    }
    for (; !apoGroups.empty() && !oFound; apoGroups.pop_back())
    {
        oFound = CFGeolocation();
        Choose(Named(apoGroups.back()), oArray, iY, iX, oFound);
        for (const char *pszFolder : FOLDERS)
        {
            const auto poFolder = oFound ? nullptr : apoGroups.back()->OpenGroup(pszFolder);
            if (!poFolder)
                continue;
            oFound = CFGeolocation();
            Choose(Named(poFolder), oArray, iY, iX, oFound);
        }
        // VIIRS data records: /All_Data/VIIRS-M4-SDR_All beside /All_Data/VIIRS-MOD-GEO-TC_All
        if (!oFound && apoGroups.back()->GetFullName() == "/All_Data")
        {
            for (const auto &osName : apoGroups.back()->GetGroupNames())
            {
                const auto poFolder = oFound || osName.find("-GEO") == std::string::npos ? nullptr : apoGroups.back()->OpenGroup(osName);
                if (!poFolder)
                    continue;
                oFound = CFGeolocation();
                Choose(Named(poFolder), oArray, iY, iX, oFound);
            }
        }
    }
    return oFound ? oFound : CFGeolocation();
}

} // namespace h5range
