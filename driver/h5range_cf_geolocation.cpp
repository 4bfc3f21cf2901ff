// Longitudes and latitudes of every pixel, for arrays without a geotransform.
#include "h5range_cf.h"

#include <algorithm>
#include <functional>

namespace h5range
{

namespace
{

// Folders in which products keep them: ocean colour, VIIRS and PACE, EMIT, HDF-EOS and its relatives.
const char *const FOLDERS[] = {"navigation_data", "geolocation_data", "location", "Geolocation Fields", "GeoLocation", "Geolocation"};
const char *const NAMES[][2] = {{"longitude", "latitude"}, {"lon", "lat"}, {"Longitude", "Latitude"}};

// Numbers with rows and columns, which may have dimensions of size 1 before them: Sentinel-5P has a time of one step.
bool HasRowsAndColumns(const GDALMDArray &oArray)
{
    const auto &apoDims = oArray.GetDimensions();
    const auto IsOne = [](const std::shared_ptr<GDALDimension> &poDim) { return poDim->GetSize() == 1; };
    return apoDims.size() >= 2 && std::all_of(apoDims.begin(), apoDims.end() - 2, IsOne) && oArray.GetDataType().GetClass() == GEDTC_NUMERIC;
}

bool Covers(const GDALMDArray &oArray, const std::string &osYDim, GUInt64 nRows, const std::string &osXDim, GUInt64 nCols)
{
    if (!HasRowsAndColumns(oArray))
        return false;
    const auto &apoDims = oArray.GetDimensions();
    const auto &poY = apoDims[apoDims.size() - 2], &poX = apoDims.back();
    // Anonymous dimensions have other names in each group: the sizes tell, and the names that the order is not the other one.
    return poY->GetSize() == nRows && poX->GetSize() == nCols && !(poY->GetName() == osXDim && poX->GetName() == osYDim);
}

bool IsNamed(const std::string &osName, int iOfPair)
{
    return std::any_of(std::begin(NAMES), std::end(NAMES), [&](const char *const *papsz) { return osName == papsz[iOfPair]; });
}

bool IsLongitudes(const GDALMDArray &oArray)
{
    return CFIsLongitude(Attributes(oArray).Getter(), oArray.GetName()) || IsNamed(oArray.GetName(), 0);
}

bool IsLatitudes(const GDALMDArray &oArray)
{
    return CFIsLatitude(Attributes(oArray).Getter(), oArray.GetName()) || IsNamed(oArray.GetName(), 1);
}

void Choose(const std::vector<std::shared_ptr<GDALMDArray>> &apoCandidates, const CFArray &oArray, int iY, int iX, CFGeolocation &oFound)
{
    const auto iRow = static_cast<size_t>(iY), iCol = static_cast<size_t>(iX);
    for (const auto &poArray : apoCandidates)
    {
        if (!Covers(*poArray, oArray.Axes()[iRow].osName, oArray.Sizes()[iRow], oArray.Axes()[iCol].osName, oArray.Sizes()[iCol]))
            continue;
        if (!oFound.poLongitudes && IsLongitudes(*poArray))
            oFound.poLongitudes = poArray;
        else if (!oFound.poLatitudes && IsLatitudes(*poArray))
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

using Visitor = std::function<bool(const std::vector<std::shared_ptr<GDALMDArray>> &)>;

// Where longitudes and latitudes of an array may be, one place after the other until one will do: what its attribute names; its group and those
// above it, each with its folders, unless all that it names is known.
void VisitPlaces(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, const Visitor &Visit)
{
    const auto apoNamed = oArray.AuxiliaryCoordinates();
    const size_t nNames = CFNames(oArray.GetAttributes().Text("coordinates")).size();
    if (Visit(apoNamed) || !poRoot || (nNames > 0 && apoNamed.size() == nNames))
        return;

    for (auto apoGroups = CFGroupsOnPath(poRoot, osGroupFullName); !apoGroups.empty(); apoGroups.pop_back())
    {
        if (Visit(Named(apoGroups.back())))
            return;
        for (const char *pszFolder : FOLDERS)
        {
            const auto poFolder = apoGroups.back()->OpenGroup(pszFolder);
            if (poFolder && Visit(Named(poFolder)))
                return;
        }
        // VIIRS data records: /All_Data/VIIRS-M4-SDR_All beside /All_Data/VIIRS-MOD-GEO-TC_All
        if (apoGroups.back()->GetFullName() != "/All_Data")
            continue;
        for (const auto &osName : apoGroups.back()->GetGroupNames())
        {
            const auto poFolder = osName.find("-GEO") == std::string::npos ? nullptr : apoGroups.back()->OpenGroup(osName);
            if (poFolder && Visit(Named(poFolder)))
                return;
        }
    }
}

// Which dimensions of an array are the rows and columns of an array of longitudes or latitudes.
bool MatchAxes(const GDALMDArray &oPlaces, const CFArray &oArray, int &iY, int &iX)
{
    if (!HasRowsAndColumns(oPlaces))
        return false;
    const auto &apoDims = oPlaces.GetDimensions();
    const auto &poRows = apoDims[apoDims.size() - 2], &poCols = apoDims.back();
    const size_t nDims = oArray.Axes().size();
    iX = iY = -1;
    for (size_t i = 0; i < nDims; i++)
    {
        const std::string &osName = oArray.Axes()[i].osName;
        if (osName == poRows->GetName() && oArray.Sizes()[i] == poRows->GetSize())
            iY = static_cast<int>(i);
        else if (osName == poCols->GetName() && oArray.Sizes()[i] == poCols->GetSize())
            iX = static_cast<int>(i);
    }
    if (iX >= 0 && iY >= 0)
        return true;
    // Anonymous dimensions have other names in each group: two neighbours of their sizes, the last ones if those are.
    for (size_t i = nDims - 1; i-- > 0;)
    {
        if (!CFIsAnonymous(poRows->GetName()) || !CFIsAnonymous(oArray.Axes()[i].osName) || oArray.Sizes()[i] != poRows->GetSize() ||
            oArray.Sizes()[i + 1] != poCols->GetSize())
            continue;
        iY = static_cast<int>(i);
        iX = iY + 1;
        return true;
    }
    return false;
}

} // namespace

CFGeolocation CFFindGeolocation(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, int iY, int iX)
{
    CFGeolocation oFound;
    if (iX < 0 || iY < 0)
        return oFound;
    VisitPlaces(poRoot, oArray, osGroupFullName,
                [&](const std::vector<std::shared_ptr<GDALMDArray>> &apoCandidates)
                {
                    oFound = CFGeolocation();
                    Choose(apoCandidates, oArray, iY, iX, oFound);
                    return static_cast<bool>(oFound);
                });
    return oFound ? oFound : CFGeolocation();
}

bool CFFindGeolocationAxes(const std::shared_ptr<GDALGroup> &poRoot, const CFArray &oArray, const std::string &osGroupFullName, int &iY, int &iX)
{
    bool bFound = false;
    VisitPlaces(poRoot, oArray, osGroupFullName,
                [&](const std::vector<std::shared_ptr<GDALMDArray>> &apoCandidates)
                {
                    bFound = std::any_of(apoCandidates.begin(), apoCandidates.end(),
                                         [&](const std::shared_ptr<GDALMDArray> &poArray)
                                         { return (IsLongitudes(*poArray) || IsLatitudes(*poArray)) && MatchAxes(*poArray, oArray, iY, iX); });
                    return bFound;
                });
    return bFound;
}

} // namespace h5range
