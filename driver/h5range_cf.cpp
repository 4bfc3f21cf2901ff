// Attributes, roles of dimensions, and which variables belong to an array.
#include "h5range_cf.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace h5range
{

namespace
{

bool IsOneOf(const std::string &os, std::initializer_list<const char *> apsz)
{
    return std::any_of(apsz.begin(), apsz.end(), [&os](const char *psz) { return EQUAL(os.c_str(), psz); });
}

bool IsDegrees(const std::string &osUnit, char chEastOrNorth)
{
    if (chEastOrNorth == 'E')
        return IsOneOf(osUnit, {"degrees_east", "degree_east", "degrees_E", "degree_E", "degreesE", "degreeE"});
    return IsOneOf(osUnit, {"degrees_north", "degree_north", "degrees_N", "degree_N", "degreesN", "degreeN"});
}

bool IsPressure(const std::string &osUnit)
{
    return IsOneOf(osUnit, {"bar", "bars", "millibar", "millibars", "mbar", "decibar", "decibars", "dbar", "atmosphere", "atmospheres", "atm",
                            "pascal", "pascals", "Pa", "hPa"});
}

bool IsVerticalName(const std::string &osStandardName)
{
    return IsOneOf(osStandardName,
                   {"height", "altitude", "depth", "air_pressure", "model_level_number", "geopotential_height", "height_above_geopotential_datum",
                    "height_above_reference_ellipsoid", "height_above_mean_sea_level", "atmosphere_ln_pressure_coordinate",
                    "atmosphere_sigma_coordinate", "atmosphere_hybrid_sigma_pressure_coordinate", "atmosphere_hybrid_height_coordinate",
                    "atmosphere_sleve_coordinate", "ocean_sigma_coordinate", "ocean_s_coordinate", "ocean_s_coordinate_g1",
                    "ocean_s_coordinate_g2", "ocean_sigma_z_coordinate", "ocean_double_sigma_coordinate"});
}

enum class Role
{
    NONE,
    X,
    Y,
    Z,
    T
};

Role RoleOfAttributes(const AttributeText &oText)
{
    const std::string osStandardName = oText("standard_name");
    const std::string osUnit = oText("units");
    const std::string osAxis = oText("axis");
    if (IsOneOf(osStandardName, {"longitude", "grid_longitude", "projection_x_coordinate", "projection_x_angular_coordinate"}))
        return Role::X;
    if (IsOneOf(osStandardName, {"latitude", "grid_latitude", "projection_y_coordinate", "projection_y_angular_coordinate"}))
        return Role::Y;
    if (IsDegrees(osUnit, 'E') || EQUAL(osAxis.c_str(), "X"))
        return Role::X;
    if (IsDegrees(osUnit, 'N') || EQUAL(osAxis.c_str(), "Y"))
        return Role::Y;
    if (EQUAL(osAxis.c_str(), "Z") || IsVerticalName(osStandardName) || IsPressure(osUnit) || IsOneOf(oText("positive"), {"up", "down"}) ||
        IsOneOf(osUnit, {"level", "layer", "sigma_level"}))
        return Role::Z;
    if (EQUAL(osAxis.c_str(), "T") || EQUAL(osStandardName.c_str(), "time") || osUnit.find(" since ") != std::string::npos)
        return Role::T;

    const std::string osLongName = oText("long_name");
    const std::string osType = oText("_CoordinateAxisType");
    if (IsOneOf(osLongName, {"longitude", "x coordinate of projection"}) || IsOneOf(osType, {"Lon", "GeoX"}))
        return Role::X;
    if (IsOneOf(osLongName, {"latitude", "y coordinate of projection"}) || IsOneOf(osType, {"Lat", "GeoY"}))
        return Role::Y;
    if (IsOneOf(osType, {"Height", "Pressure", "GeoZ"}))
        return Role::Z;
    return EQUAL(osType.c_str(), "Time") ? Role::T : Role::NONE;
}

Role RoleOfName(const std::string &osName)
{
    if (IsOneOf(osName, {"lon", "longitude", "long", "rlon", "x", "xc", "xdim", "easting"}))
        return Role::X;
    if (IsOneOf(osName, {"lat", "latitude", "rlat", "y", "yc", "ydim", "northing"}))
        return Role::Y;
    return IsOneOf(osName, {"time"}) ? Role::T : Role::NONE;
}

// Says that a coordinate is no plain one in degrees, whatever its name is.
bool ContradictsDegrees(const std::string &osUnit)
{
    return !osUnit.empty() && !STARTS_WITH_CI(osUnit.c_str(), "degree") && !EQUAL(osUnit.c_str(), "deg");
}

bool IsGeographicAxis(const AttributeText &oText, const std::string &osName, char chEastOrNorth, const char *pszStandardName,
                      std::initializer_list<const char *> apszNames)
{
    const std::string osStandardName = oText("standard_name");
    const std::string osUnit = oText("units");
    if (!osStandardName.empty() && osStandardName.find("time") == std::string::npos)
        return EQUAL(osStandardName.c_str(), pszStandardName) && !ContradictsDegrees(osUnit);
    if (IsDegrees(osUnit, chEastOrNorth))
        return true;
    return !ContradictsDegrees(osUnit) && !osUnit.empty() && (IsOneOf(osName, apszNames) || EQUAL(oText("long_name").c_str(), pszStandardName));
}

std::vector<std::string> SplitPath(const std::string &osPath)
{
    const CPLStringList aosParts(CSLTokenizeString2(osPath.c_str(), "/", 0));
    return std::vector<std::string>(aosParts.List(), aosParts.List() + aosParts.Count());
}

} // namespace

Attributes::Attributes(const GDALIHasAttribute &oObject)
{
    CPLStringList aosOptions;
    aosOptions.SetNameValue("SHOW_ALL", "YES");
    m_apoAttributes = oObject.GetAttributes(aosOptions.List());
}

std::shared_ptr<GDALAttribute> Attributes::Find(const char *pszName) const
{
    for (const auto &poAttribute : m_apoAttributes)
        if (poAttribute->GetName() == pszName)
            return poAttribute;
    return nullptr;
}

std::string Attributes::Text(const char *pszName) const
{
    const auto poAttribute = Find(pszName);
    if (!poAttribute || poAttribute->GetTotalElementsCount() == 0 || poAttribute->GetDataType().GetClass() == GEDTC_COMPOUND)
        return std::string();
    const char *pszValue = poAttribute->ReadAsString();
    return pszValue != nullptr ? pszValue : "";
}

std::vector<double> Attributes::Numbers(const char *pszName) const
{
    std::vector<double> adfValues;
    const auto poAttribute = Find(pszName);
    if (!poAttribute || poAttribute->GetDataType().GetClass() == GEDTC_COMPOUND)
        return adfValues;
    if (poAttribute->GetDataType().GetClass() == GEDTC_NUMERIC)
        return poAttribute->GetTotalElementsCount() != 0 ? poAttribute->ReadAsDoubleArray() : adfValues;
    const CPLStringList aosTokens(CSLTokenizeString2(Text(pszName).c_str(), " ,\t\r\n", 0));
    for (int i = 0; i < aosTokens.Count(); i++)
    {
        char *pszEnd = nullptr;
        const double dfValue = CPLStrtod(aosTokens[i], &pszEnd);
        if (pszEnd == aosTokens[i] || *pszEnd != '\0')
            return std::vector<double>();
        adfValues.push_back(dfValue);
    }
    return adfValues;
}

double Attributes::Number(std::initializer_list<const char *> apszNames) const
{
    for (const char *pszName : apszNames)
    {
        const auto adfValues = Numbers(pszName);
        if (!adfValues.empty())
            return adfValues[0];
    }
    return std::numeric_limits<double>::quiet_NaN();
}

AttributeText Attributes::Getter() const
{
    return [this](const char *pszName) { return Text(pszName); };
}

void CFDimensionRole(const AttributeText &oText, const std::string &osName, std::string &osType, std::string &osDirection)
{
    Role eRole = RoleOfAttributes(oText);
    if (eRole == Role::NONE)
        eRole = RoleOfName(osName);
    osType.clear();
    osDirection.clear();
    if (eRole == Role::X)
    {
        osType = GDAL_DIM_TYPE_HORIZONTAL_X;
        osDirection = CFIsLongitude(oText, osName) ? "EAST" : ""; // that of a projection's axis is its CRS' business
    }
    else if (eRole == Role::Y)
    {
        osType = GDAL_DIM_TYPE_HORIZONTAL_Y;
        osDirection = CFIsLatitude(oText, osName) ? "NORTH" : "";
    }
    else if (eRole == Role::Z)
    {
        osType = GDAL_DIM_TYPE_VERTICAL;
        const std::string osPositive = oText("positive");
        osDirection = EQUAL(osPositive.c_str(), "up") ? "UP" : EQUAL(osPositive.c_str(), "down") ? "DOWN" : "";
    }
    else if (eRole == Role::T)
    {
        osType = GDAL_DIM_TYPE_TEMPORAL;
    }
}

bool CFIsLongitude(const AttributeText &oText, const std::string &osName)
{
    return IsGeographicAxis(oText, osName, 'E', "longitude", {"lon", "longitude", "long"});
}

bool CFIsLatitude(const AttributeText &oText, const std::string &osName)
{
    return IsGeographicAxis(oText, osName, 'N', "latitude", {"lat", "latitude"});
}

double CFUnitInMetres(const std::string &osUnit)
{
    if (IsOneOf(osUnit, {"m", "metre", "metres", "meter", "meters"}))
        return 1;
    if (IsOneOf(osUnit, {"km", "kilometre", "kilometres", "kilometer", "kilometers"}))
        return 1000;
    if (IsOneOf(osUnit, {"US_survey_foot", "US_survey_feet", "US survey foot"}))
        return 1200.0 / 3937.0;
    if (IsOneOf(osUnit, {"foot", "feet", "ft", "international_foot", "international_feet"}))
        return 0.3048;
    // "1000 m" and the like
    char *pszEnd = nullptr;
    const double dfFactor = CPLStrtod(osUnit.c_str(), &pszEnd);
    return dfFactor > 0 && pszEnd[0] == ' ' ? dfFactor * CFUnitInMetres(pszEnd + 1) : 0;
}

std::shared_ptr<GDALMDArray> CFFindArray(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osGroupFullName, const std::string &osName)
{
    if (!poRoot || osName.empty())
        return nullptr;
    auto asPath = SplitPath(osName);
    if (asPath.empty())
        return nullptr;
    auto apoGroups = CFGroupsOnPath(poRoot, osName[0] != '/' ? osGroupFullName : "/");
    for (; !apoGroups.empty(); apoGroups.pop_back())
    {
        auto poGroup = apoGroups.back();
        for (size_t i = 0; poGroup && i + 1 < asPath.size(); i++)
            poGroup = poGroup->OpenGroup(asPath[i]);
        if (auto poArray = poGroup ? poGroup->OpenMDArray(asPath.back()) : nullptr)
            return poArray;
    }
    return nullptr;
}

std::string CFGroupOf(const GDALMDArray &oArray)
{
    const std::string &osName = oArray.GetFullName();
    const size_t nSlash = osName.rfind('/');
    return nSlash == std::string::npos || nSlash == 0 ? "/" : osName.substr(0, nSlash);
}

std::vector<std::shared_ptr<GDALGroup>> CFGroupsOnPath(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osFullName)
{
    std::vector<std::shared_ptr<GDALGroup>> apoGroups{poRoot};
    for (const auto &osPart : SplitPath(osFullName))
    {
        auto poGroup = apoGroups.back()->OpenGroup(osPart);
        if (!poGroup)
            break;
        apoGroups.push_back(poGroup);
    }
    return apoGroups;
}

bool CFIsAnonymous(const std::string &osDimension)
{
    return osDimension.empty() || STARTS_WITH(osDimension.c_str(), "phony_dim_");
}

std::vector<std::string> CFNames(const std::string &osText)
{
    const CPLStringList aosTokens(CSLTokenizeString2(osText.c_str(), " \t\r\n", 0));
    return std::vector<std::string>(aosTokens.List(), aosTokens.List() + aosTokens.Count());
}

bool CFReadOrWarn(const GDALMDArray &oArray, const GDALExtendedDataType &oType, size_t nCount, void *pBuffer)
{
    const GUInt64 nStart = 0;
    CPLPushErrorHandler(CPLQuietErrorHandler);
    const bool bRead = oArray.Read(&nStart, &nCount, nullptr, nullptr, oType, pBuffer);
    CPLPopErrorHandler();
    if (!bRead)
    {
        const std::string osWhy = CPLGetLastErrorMsg();
        CPLErrorReset();
        CPLError(CE_Warning, CPLE_AppDefined, "the coordinates %s are left out: %s", oArray.GetFullName().c_str(), osWhy.c_str());
    }
    return bRead;
}

bool CFReadCoordinate(const GDALMDArray &oArray, std::vector<double> &adfValues)
{
    constexpr GUInt64 MAX_VALUES = 1 << 24; // 128 MB; longer ones are no axes of a raster
    const auto &apoDims = oArray.GetDimensions();
    const GUInt64 nValues = apoDims.empty() ? 1 : apoDims[0]->GetSize();
    if (apoDims.size() > 1 || nValues == 0 || nValues > MAX_VALUES || oArray.GetDataType().GetClass() != GEDTC_NUMERIC ||
        GDALDataTypeIsComplex(oArray.GetDataType().GetNumericDataType()))
        return false;
    adfValues.resize(static_cast<size_t>(nValues));
    if (!CFReadOrWarn(oArray, GDALExtendedDataType::Create(GDT_Float64), adfValues.size(), adfValues.data()))
        return false;
    bool bHasScale = false, bHasOffset = false;
    const double dfScale = oArray.GetScale(&bHasScale);
    const double dfOffset = oArray.GetOffset(&bHasOffset);
    if (bHasScale || bHasOffset)
        for (double &dfValue : adfValues)
            dfValue = dfValue * (bHasScale ? dfScale : 1) + (bHasOffset ? dfOffset : 0);
    return true;
}

CFArray::CFArray(const std::shared_ptr<GDALGroup> &poRoot, const GDALMDArray &oArray, const std::string &osGroupFullName)
    : m_poRoot(poRoot), m_osGroup(osGroupFullName), m_oAttributes(oArray)
{
    const auto apoAuxiliary = AuxiliaryCoordinates();
    for (const auto &poDim : oArray.GetDimensions())
    {
        Axis oAxis;
        oAxis.osName = poDim->GetName();
        FindVariable(oAxis, *poDim, apoAuxiliary);
        m_anSizes.push_back(poDim->GetSize());
        CFDimensionRole(oAxis.oAttributes.Getter(), oAxis.osName, oAxis.osType, oAxis.osDirection);
        m_aoAxes.push_back(oAxis);
    }
    TakeUnattachedCoordinates();
    FindAxes();
    FindMapping();
}

// The coordinate variable of a dimension; one of its name in the array's own group, where the dimension is that of a group above;
// one of the coordinates that the array names.
void CFArray::FindVariable(Axis &oAxis, const GDALDimension &oDim, const std::vector<std::shared_ptr<GDALMDArray>> &apoAuxiliary) const
{
    const auto Take = [&oAxis, &oDim](const std::shared_ptr<GDALMDArray> &poVariable)
    {
        if (!poVariable || poVariable->GetDimensionCount() != 1 || poVariable->GetDimensions()[0]->GetSize() != oDim.GetSize())
            return false;
        oAxis.poVariable = poVariable;
        oAxis.oAttributes = Attributes(*poVariable);
        return true;
    };
    if (Take(oDim.GetIndexingVariable()))
        return;
    const std::string osParent = m_osGroup == "/" ? "/" : m_osGroup + "/";
    if (!CFIsAnonymous(oAxis.osName) && oDim.GetFullName() != osParent + oAxis.osName)
    {
        const auto poVariable = CFFindArray(m_poRoot, m_osGroup, oAxis.osName);
        if (poVariable && !STARTS_WITH(Attributes(*poVariable).Text("NAME").c_str(), "This is a netCDF dimension") && Take(poVariable))
            return;
    }
    for (const auto &poVariable : apoAuxiliary)
        if (poVariable->GetDimensionCount() == 1 && poVariable->GetDimensions()[0]->GetFullName() == oDim.GetFullName() &&
            poVariable->GetDataType().GetClass() == GEDTC_NUMERIC && Take(poVariable))
            return;
}

// NISAR: rows and columns of a map have their coordinates beside the array, and nothing but the names may tell.
void CFArray::TakeUnattachedCoordinates()
{
    const size_t n = m_aoAxes.size();
    if (n < 2 || m_oAttributes.Find("grid_mapping") == nullptr)
        return;
    const char *const apszNames[] = {"yCoordinates", "xCoordinates"};
    std::shared_ptr<GDALMDArray> apoVariables[2];
    for (size_t i = 0; i < 2; i++)
    {
        const Axis &oAxis = m_aoAxes[n - 2 + i];
        if (oAxis.poVariable || !CFIsAnonymous(oAxis.osName))
            return;
        apoVariables[i] = CFFindArray(m_poRoot, "/", (m_osGroup == "/" ? "/" : m_osGroup + "/") + apszNames[i]);
        if (!apoVariables[i] || apoVariables[i]->GetDimensionCount() != 1 || apoVariables[i]->GetDimensions()[0]->GetSize() != m_anSizes[n - 2 + i])
            return;
    }
    for (size_t i = 0; i < 2; i++)
    {
        Axis &oAxis = m_aoAxes[n - 2 + i];
        oAxis.poVariable = apoVariables[i];
        oAxis.oAttributes = Attributes(*apoVariables[i]);
        oAxis.osType = i == 0 ? GDAL_DIM_TYPE_HORIZONTAL_Y : GDAL_DIM_TYPE_HORIZONTAL_X;
        oAxis.osDirection = i == 0 ? "NORTH" : "EAST";
    }
}

void CFArray::FindAxes()
{
    const int nDims = static_cast<int>(m_aoAxes.size());
    if (nDims == 0)
        return;
    if (nDims == 1)
    {
        m_iXDim = 0;
        return;
    }
    // The last one of each role: (time, lat, lon), and a transposed (lon, lat) too. A mere name such as "x" is no reason to move it.
    int iX = -1, iY = -1;
    for (int i = 0; i < nDims; i++)
    {
        const Axis &oAxis = m_aoAxes[static_cast<size_t>(i)];
        if (RoleOfAttributes(oAxis.oAttributes.Getter()) == Role::NONE && !IsOneOf(oAxis.osName, {"lon", "longitude", "lat", "latitude"}))
            continue;
        if (oAxis.osType == GDAL_DIM_TYPE_HORIZONTAL_X)
            iX = i;
        else if (oAxis.osType == GDAL_DIM_TYPE_HORIZONTAL_Y)
            iY = i;
    }
    if (iX < 0 && iY < 0 && nDims == 3 && IsOneOf(m_aoAxes[2].osName, {"band", "bands", "nbands", "wavelength", "wavelength_3d"}))
    {
        // (row, column, band), as imaging spectrometers write it
        m_iYDim = 0;
        m_iXDim = 1;
        return;
    }
    int iGeolocationX = -1, iGeolocationY = -1;
    if ((iX < 0 || iY < 0) && nDims > 2 && CFFindGeolocationAxes(m_poRoot, *this, m_osGroup, iGeolocationY, iGeolocationX)) // bands may come after them
    {
        m_iXDim = iGeolocationX;
        m_iYDim = iGeolocationY;
        return;
    }
    if (iX < 0 || iY < 0) // one alone says too little to move an axis: a section such as (lon, depth) is shown as it is stored
    {
        iX = nDims - 1;
        iY = nDims - 2;
    }
    m_iXDim = iX;
    m_iYDim = iY;
}

void CFArray::FindMapping()
{
    const std::string osText = m_oAttributes.Text("grid_mapping");
    const auto aosNames = CFNames(osText);
    std::string osMapping = osText;
    if (aosNames.size() > 1)
    {
        // "crsOSGB: x y crsWGS84: lat lon": the first whose coordinates are the axes of this array, else the first
        osMapping.clear();
        std::string osKey;
        for (const auto &osName : aosNames)
        {
            if (osName.back() == ':')
            {
                osKey = osName.substr(0, osName.size() - 1);
                continue;
            }
            const bool bIsAxis = std::any_of(m_aoAxes.begin(), m_aoAxes.end(), [&osName](const Axis &oAxis) { return oAxis.osName == osName; });
            if (bIsAxis && !osKey.empty())
            {
                osMapping = osKey;
                break;
            }
        }
        if (osMapping.empty())
            osMapping = aosNames[0].back() == ':' ? aosNames[0].substr(0, aosNames[0].size() - 1) : aosNames[0];
    }
    else if (aosNames.size() == 1)
    {
        osMapping = aosNames[0];
    }
    m_poMapping = CFFindArray(m_poRoot, m_osGroup, osMapping);
    if (!osMapping.empty() && !m_poMapping)
        CPLError(CE_Warning, CPLE_AppDefined, "grid_mapping names %s, which is not in the file", osMapping.c_str());
    if (osMapping.empty())
    {
        // xarray lists the variable among the coordinates where it does not know what it is.
        for (const auto &poArray : AuxiliaryCoordinates())
        {
            const Attributes oAttributes(*poArray);
            if (poArray->GetDimensionCount() == 0 && !(oAttributes.Text("grid_mapping_name") + oAttributes.Text("crs_wkt") + oAttributes.Text("spatial_ref")).empty())
                m_poMapping = poArray;
        }
    }
    if (m_poMapping)
        m_oMappingAttributes = Attributes(*m_poMapping);
}

const std::vector<double> *CFArray::Values(int iDim) const
{
    if (iDim < 0 || static_cast<size_t>(iDim) >= m_aoAxes.size() || !m_aoAxes[static_cast<size_t>(iDim)].poVariable)
        return nullptr;
    auto it = m_oValues.find(iDim);
    if (it == m_oValues.end())
    {
        std::vector<double> adfValues;
        if (!CFReadCoordinate(*m_aoAxes[static_cast<size_t>(iDim)].poVariable, adfValues))
            adfValues.clear();
        it = m_oValues.emplace(iDim, std::move(adfValues)).first;
    }
    return it->second.empty() ? nullptr : &it->second;
}

std::vector<std::shared_ptr<GDALMDArray>> CFArray::AuxiliaryCoordinates() const
{
    std::vector<std::shared_ptr<GDALMDArray>> apoArrays;
    for (const auto &osName : CFNames(m_oAttributes.Text("coordinates")))
        if (auto poArray = CFFindArray(m_poRoot, m_osGroup, osName))
            apoArrays.push_back(poArray);
    return apoArrays;
}

} // namespace h5range
