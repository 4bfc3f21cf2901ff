#include "h5range_hdfeos.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpl_conv.h"
#include "cpl_string.h"

namespace h5range
{

namespace
{

constexpr size_t MAX_DEPTH = 32;

/** A GROUP or OBJECT of the text, which is in ODL. */
struct Node
{
    std::string osName{};
    std::map<std::string, std::string> oValues{};
    std::vector<Node> aoChildren{};

    const Node *Child(const char *pszName) const
    {
        for (const Node &oChild : aoChildren)
            if (oChild.osName == pszName)
                return &oChild;
        return nullptr;
    }
    std::string Text(const char *pszKey) const
    {
        const auto it = oValues.find(pszKey);
        return it != oValues.end() ? it->second : std::string();
    }
    /** (a,b,c) or a, without quotes. */
    std::vector<std::string> List(const char *pszKey) const
    {
        std::string osText = Text(pszKey);
        if (osText.size() >= 2 && osText.front() == '(' && osText.back() == ')')
            osText = osText.substr(1, osText.size() - 2);
        const CPLStringList aosTokens(CSLTokenizeString2(osText.c_str(), ",", CSLT_HONOURSTRINGS | CSLT_STRIPLEADSPACES | CSLT_STRIPENDSPACES));
        return std::vector<std::string>(aosTokens.List(), aosTokens.List() + aosTokens.Count());
    }
    std::vector<double> Numbers(const char *pszKey) const
    {
        std::vector<double> adfValues;
        for (const auto &osValue : List(pszKey))
            adfValues.push_back(CPLAtof(osValue.c_str()));
        return adfValues;
    }
    std::string Unquoted(const char *pszKey) const
    {
        const auto aosValues = List(pszKey);
        return aosValues.empty() ? std::string() : aosValues[0];
    }
    int Integer(const char *pszKey, int nDefault) const
    {
        const std::string osText = Text(pszKey);
        return osText.empty() ? nDefault : atoi(osText.c_str());
    }
};

std::string Trim(const std::string &os)
{
    const size_t nFirst = os.find_first_not_of(" \t\r"), nLast = os.find_last_not_of(" \t\r");
    return nFirst == std::string::npos ? std::string() : os.substr(nFirst, nLast - nFirst + 1);
}

Node ParseODL(const std::string &osText)
{
    Node oRoot;
    std::vector<Node *> apoOpen{&oRoot}; // the last child of each is the next: no pointer into a vector that grows
    const CPLStringList aosLines(CSLTokenizeString2(osText.c_str(), "\n", 0));
    for (int i = 0; i < aosLines.Count(); i++)
    {
        std::string osLine = Trim(aosLines[i]);
        const size_t nEqual = osLine.find('=');
        if (nEqual == std::string::npos)
            continue;
        const std::string osKey = Trim(osLine.substr(0, nEqual));
        std::string osValue = Trim(osLine.substr(nEqual + 1));
        // lists may go on in the next lines
        while (!osValue.empty() && osValue.front() == '(' && osValue.back() != ')' && i + 1 < aosLines.Count())
            osValue += Trim(aosLines[++i]);
        if (osKey == "GROUP" || osKey == "OBJECT")
        {
            if (apoOpen.size() > MAX_DEPTH)
                return oRoot;
            apoOpen.back()->aoChildren.emplace_back();
            apoOpen.push_back(&apoOpen.back()->aoChildren.back());
            apoOpen.back()->osName = osValue;
        }
        else if (osKey == "END_GROUP" || osKey == "END_OBJECT")
        {
            if (apoOpen.size() > 1)
                apoOpen.pop_back();
        }
        else
        {
            apoOpen.back()->oValues[osKey] = osValue;
        }
    }
    return oRoot;
}

// Degrees, minutes and seconds in one number, DDDMMMSSS.SS; a few writers give degrees.
double Degrees(double dfPacked)
{
    return std::fabs(dfPacked) <= 360 ? dfPacked : CPLPackedDMSToDec(dfPacked);
}

int ProjectionCode(const std::string &osName)
{
    static const struct
    {
        const char *pszName;
        int nCode;
    } asCodes[] = {{"GEO", 0},     {"UTM", 1},     {"SPCS", 2},    {"ALBERS", 3},  {"LAMCC", 4},   {"MERCAT", 5}, {"PS", 6},     {"POLYC", 7},
                   {"EQUIDC", 8},  {"TM", 9},      {"STEREO", 10}, {"LAMAZ", 11},  {"AZMEQD", 12}, {"GNOMON", 13}, {"ORTHO", 14}, {"GVNSP", 15},
                   {"SNSOID", 16}, {"EQRECT", 17}, {"MILLER", 18}, {"VGRINT", 19}, {"HOM", 20},    {"ROBIN", 21}, {"SOM", 22},   {"MOLL", 25},
                   {"HAMMER", 27}, {"WAGIV", 28},  {"CEA", 97},    {"BCEA", 98}};
    constexpr char PREFIX[] = "HE5_GCTP_";
    if (osName.compare(0, strlen(PREFIX), PREFIX) != 0)
        return -1;
    for (const auto &s : asCodes)
        if (osName.substr(strlen(PREFIX)) == s.pszName)
            return s.nCode;
    return -1;
}

// Cylindrical equal area, which is none of GCTP's own: EASE grids have it.
OGRErr SetEqualArea(OGRSpatialReference &oSRS, const std::vector<double> &adf)
{
    const double dfA = adf[0] > 0 ? adf[0] : SRS_WGS84_SEMIMAJOR;
    const double dfB = adf[1] > 1 ? adf[1] : adf[1] > 0 ? dfA * std::sqrt(1 - adf[1]) : dfA; // an axis, or the eccentricity squared
    const OGRErr eErr = oSRS.SetCEA(Degrees(adf[5]), Degrees(adf[4]), adf[6], adf[7]);
    if (adf[0] > 0)
        oSRS.SetGeogCS("unknown", nullptr, "unknown", dfA, OSRCalcInvFlattening(dfA, dfB));
    else
        oSRS.SetWellKnownGeogCS("WGS84");
    return eErr;
}

void AddFields(const Node &oStructure, const char *pszSet, const char *pszFieldsFolder, const std::string &osPath, const EOSField &oOf,
               std::map<std::string, EOSField> &oFields)
{
    const Node *psSet = oStructure.Child(pszSet);
    for (size_t i = 0; psSet != nullptr && i < psSet->aoChildren.size(); i++)
    {
        const Node &oNode = psSet->aoChildren[i];
        const std::string osName = oNode.Unquoted(EQUAL(pszSet, "GeoField") ? "GeoFieldName" : "DataFieldName");
        if (osName.empty())
            continue;
        EOSField oField(oOf);
        oField.aosDims = oNode.List("DimList");
        oFields[osPath + "/" + pszFieldsFolder + "/" + osName] = oField;
    }
}

std::shared_ptr<const EOSGrid> MakeGrid(const Node &oNode)
{
    auto poGrid = std::make_shared<EOSGrid>();
    poGrid->osName = oNode.Unquoted("GridName");
    poGrid->osProjection = oNode.Text("Projection");
    poGrid->osOrigin = oNode.Text("GridOrigin");
    poGrid->nX = oNode.Integer("XDim", 0);
    poGrid->nY = oNode.Integer("YDim", 0);
    poGrid->nZone = oNode.Integer("ZoneCode", 0);
    poGrid->nSphere = oNode.Integer("SphereCode", -1);
    poGrid->adfParameters = oNode.Numbers("ProjParams");
    poGrid->adfParameters.resize(15, 0.0); // as many as GCTP has
    const auto adfUpperLeft = oNode.Numbers("UpperLeftPointMtrs"), adfLowerRight = oNode.Numbers("LowerRightMtrs");
    poGrid->bHasCorners = adfUpperLeft.size() == 2 && adfLowerRight.size() == 2;
    for (size_t i = 0; i < 2 && poGrid->bHasCorners; i++)
    {
        poGrid->adfUpperLeft[i] = poGrid->IsGeographic() ? Degrees(adfUpperLeft[i]) : adfUpperLeft[i];
        poGrid->adfLowerRight[i] = poGrid->IsGeographic() ? Degrees(adfLowerRight[i]) : adfLowerRight[i];
    }
    return poGrid;
}

std::shared_ptr<const EOSSwath> MakeSwath(const Node &oNode)
{
    auto poSwath = std::make_shared<EOSSwath>();
    poSwath->osName = oNode.Unquoted("SwathName");
    if (const Node *psMaps = oNode.Child("DimensionMap"))
        for (const Node &oMap : psMaps->aoChildren)
            poSwath->aoMaps.push_back({oMap.Unquoted("GeoDimension"), oMap.Unquoted("DataDimension"), oMap.Integer("Offset", 0), oMap.Integer("Increment", 1)});
    if (const Node *psFields = oNode.Child("GeoField"))
        for (const Node &oField : psFields->aoChildren)
            poSwath->aoGeoFields[oField.Unquoted("GeoFieldName")] = oField.List("DimList");
    return poSwath;
}

} // namespace

bool IsEOSPath(const std::string &osFullName)
{
    return STARTS_WITH(osFullName.c_str(), "/HDFEOS/");
}

std::shared_ptr<const HDFEOS> HDFEOS::Parse(const std::string &osText)
{
    auto poEOS = std::make_shared<HDFEOS>();
    const Node oRoot = ParseODL(osText);
    if (const Node *psGrids = oRoot.Child("GridStructure"))
    {
        for (const Node &oNode : psGrids->aoChildren)
        {
            EOSField oField;
            oField.poGrid = MakeGrid(oNode);
            AddFields(oNode, "DataField", "Data Fields", "/HDFEOS/GRIDS/" + oField.poGrid->osName, oField, poEOS->m_oFields);
        }
    }
    if (const Node *psSwaths = oRoot.Child("SwathStructure"))
    {
        for (const Node &oNode : psSwaths->aoChildren)
        {
            EOSField oField;
            oField.poSwath = MakeSwath(oNode);
            const std::string osPath = "/HDFEOS/SWATHS/" + oField.poSwath->osName;
            AddFields(oNode, "DataField", "Data Fields", osPath, oField, poEOS->m_oFields);
            AddFields(oNode, "GeoField", "Geolocation Fields", osPath, oField, poEOS->m_oFields);
        }
    }
    if (const Node *psAverages = oRoot.Child("ZaStructure"))
        for (const Node &oNode : psAverages->aoChildren)
            AddFields(oNode, "DataField", "Data Fields", "/HDFEOS/ZAS/" + oNode.Unquoted("ZaName"), EOSField(), poEOS->m_oFields);
    return poEOS;
}

const EOSField *HDFEOS::Find(const std::string &osFullName) const
{
    const auto it = m_oFields.find(osFullName);
    return it != m_oFields.end() ? &it->second : nullptr;
}

const EOSField *HDFEOS::FindOfGrid(const std::string &osGroupFullName) const
{
    const std::string osFolder = osGroupFullName + "/Data Fields/";
    const auto it = m_oFields.lower_bound(osFolder);
    return it != m_oFields.end() && it->first.compare(0, osFolder.size(), osFolder) == 0 && it->second.poGrid ? &it->second : nullptr;
}

std::shared_ptr<OGRSpatialReference> EOSGrid::SpatialRef() const
{
    const int nCode = ProjectionCode(osProjection);
    if (nCode < 0)
        return nullptr;
    auto poSRS = std::make_shared<OGRSpatialReference>();
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    OGRErr eErr = OGRERR_NONE;
    CPLPushErrorHandler(CPLQuietErrorHandler);
    if (nCode == 0 && (nSphere < 0 || nSphere == 12))
    {
        poSRS->SetWellKnownGeogCS("WGS84");
    }
    else if (nCode >= 97)
    {
        eErr = SetEqualArea(*poSRS, adfParameters);
    }
    else
    {
        auto adf = adfParameters;
        // Without a sphere code the parameters have the axes, or the ellipsoid is WGS 84.
        eErr = poSRS->importFromUSGS(nCode, nZone, adf.data(), nSphere < 0 && adf[0] == 0 ? 12 : nSphere, USGS_ANGLE_PACKEDDMS);
        if (eErr == OGRERR_NONE && nSphere == 12) // GCTP has ellipsoids only; this one is meant as the datum
            poSRS->SetWellKnownGeogCS("WGS84");
    }
    CPLPopErrorHandler();
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    return eErr == OGRERR_NONE ? poSRS : nullptr;
}

bool EOSGrid::GeoTransform(double *padfGeoTransform) const
{
    if (!bHasCorners || nX <= 0 || nY <= 0)
        return false;
    double dfLeft = adfUpperLeft[0], dfRight = adfLowerRight[0], dfFirst = adfUpperLeft[1], dfLast = adfLowerRight[1];
    if (osOrigin == "HE5_HDFE_GD_UR" || osOrigin == "HE5_HDFE_GD_LR")
        std::swap(dfLeft, dfRight);
    if (osOrigin == "HE5_HDFE_GD_LL" || osOrigin == "HE5_HDFE_GD_LR")
        std::swap(dfFirst, dfLast);
    const double adf[6] = {dfLeft, (dfRight - dfLeft) / nX, 0, dfFirst, 0, (dfLast - dfFirst) / nY};
    std::copy(adf, adf + 6, padfGeoTransform);
    return adf[1] != 0 && adf[5] != 0;
}

bool FindEOSGeolocation(const EOSField &oField, const std::string &osXDim, const std::string &osYDim, EOSGeolocation &oGeolocation)
{
    if (!oField.poSwath)
        return false;
    const auto &oGeoFields = oField.poSwath->aoGeoFields;
    const auto itLongitude = oGeoFields.find("Longitude"), itLatitude = oGeoFields.find("Latitude");
    if (itLongitude == oGeoFields.end() || itLatitude == oGeoFields.end() || itLongitude->second.size() != 2 || itLongitude->second != itLatitude->second)
        return false;
    const auto MapOf = [&oField](const std::string &osGeo, const std::string &osData, EOSDimensionMap &oMap)
    {
        oMap = {osGeo, osData, 0, 1};
        if (osGeo == osData)
            return true;
        for (const auto &oOther : oField.poSwath->aoMaps)
            if (oOther.osGeo == osGeo && oOther.osData == osData)
                oMap = oOther;
        return oMap.nOffset != 0 || oMap.nIncrement != 1 ||
               std::any_of(oField.poSwath->aoMaps.begin(), oField.poSwath->aoMaps.end(),
                           [&](const EOSDimensionMap &o) { return o.osGeo == osGeo && o.osData == osData; });
    };
    if (!MapOf(itLongitude->second[0], osYDim, oGeolocation.oY) || !MapOf(itLongitude->second[1], osXDim, oGeolocation.oX))
        return false;
    // A negative increment means several geolocations to one element: GDAL's domain has no word for it.
    if (oGeolocation.oX.nIncrement <= 0 || oGeolocation.oY.nIncrement <= 0)
        return false;
    const std::string osFolder = "/HDFEOS/SWATHS/" + oField.poSwath->osName + "/Geolocation Fields/";
    oGeolocation.osLongitude = osFolder + "Longitude";
    oGeolocation.osLatitude = osFolder + "Latitude";
    oGeolocation.bDirect = itLongitude->second[0] == osYDim && itLongitude->second[1] == osXDim;
    return true;
}

} // namespace h5range
