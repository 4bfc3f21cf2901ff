// Metadata of rasters, in the dialect of GDAL's netCDF driver, which QGIS, rioxarray and others read.
#include "h5range_raster.h"

#include <algorithm>
#include <cstring>

#include "h5range_multidim.h"
#include "h5range_sentinel5p.h"

namespace h5range
{

namespace
{

// Dimensions longer than that are no bands that anyone looks up by value.
constexpr size_t MAX_LISTED_VALUES = 1 << 16;

constexpr const char *JSON_DOMAIN = "json:"; // and the name of a tree of groups

constexpr int NETCDF_STRING = 12;

// netCDF's number of a type.
int NetCDFType(GDALDataType eType)
{
    switch (eType)
    {
        case GDT_Byte:
            return 7;
        case GDT_Int16:
            return 3;
        case GDT_UInt16:
            return 8;
        case GDT_Int32:
            return 4;
        case GDT_UInt32:
            return 9;
        case GDT_Int64:
            return 10;
        case GDT_UInt64:
            return 11;
        case GDT_Float32:
            return 5;
        case GDT_Float64:
            return 6;
        default:
            return 1; // Int8, which has no constant before GDAL 3.7
    }
}

// Values as stored, each in the form of its type.
std::vector<std::string> ValueTexts(const GDALMDArray &oArray)
{
    std::vector<std::string> aosValues;
    const auto &oType = oArray.GetDataType();
    const GUInt64 nValues = oArray.GetDimensions()[0]->GetSize();
    if (oType.GetClass() == GEDTC_COMPOUND || nValues > MAX_LISTED_VALUES)
        return aosValues;
    const auto nCount = static_cast<size_t>(nValues);
    if (oType.GetClass() == GEDTC_STRING)
    {
        std::vector<char *> apszTexts(nCount, nullptr);
        const bool bRead = CFReadOrWarn(oArray, oType, nCount, apszTexts.data());
        for (char *pszText : apszTexts)
        {
            if (bRead)
                aosValues.push_back(pszText != nullptr ? pszText : "");
            CPLFree(pszText);
        }
        return aosValues;
    }
    std::vector<GByte> abyValues(nCount * oType.GetSize());
    if (!CFReadOrWarn(oArray, oType, nCount, abyValues.data()))
        return aosValues;
    for (size_t i = 0; i < nCount; i++)
        aosValues.push_back(NumberText(abyValues.data() + i * oType.GetSize(), oType.GetNumericDataType()));
    return aosValues;
}

// What TypeText() says, in the words of GDAL's HDF5 driver.
const char *HDF5TypeText(const char *pszText)
{
    return EQUAL(pszText, "8-bit unsigned integer") ? "8-bit unsigned character" : EQUAL(pszText, "8-bit integer") ? "8-bit character" : pszText;
}

} // namespace

std::string Braced(const std::vector<std::string> &aosValues)
{
    if (aosValues.size() == 1)
        return aosValues[0];
    std::string osText = "{";
    for (size_t i = 0; i < aosValues.size(); i++)
        osText += (i > 0 ? "," : "") + aosValues[i];
    return osText + "}";
}

std::string NumberText(const void *pValue, GDALDataType eType, const char *pszDoubleFormat)
{
    switch (eType)
    {
        case GDT_Float32:
        {
            float fValue;
            memcpy(&fValue, pValue, sizeof(fValue));
            return CPLSPrintf("%.8g", static_cast<double>(fValue));
        }
        case GDT_Float64:
        {
            double dfValue;
            memcpy(&dfValue, pValue, sizeof(dfValue));
            return CPLSPrintf(pszDoubleFormat, dfValue);
        }
        case GDT_Int64:
        {
            GInt64 nValue;
            memcpy(&nValue, pValue, sizeof(nValue));
            return CPLSPrintf(CPL_FRMT_GIB, static_cast<GIntBig>(nValue));
        }
        case GDT_UInt64:
        {
            GUInt64 nValue;
            memcpy(&nValue, pValue, sizeof(nValue));
            return CPLSPrintf(CPL_FRMT_GUIB, static_cast<GUIntBig>(nValue));
        }
        default:
            break;
    }
    double adfValue[2] = {0, 0};
    if (GDALDataTypeIsComplex(eType))
    {
        GDALCopyWords(pValue, eType, 0, adfValue, GDT_CFloat64, 0, 1);
        return CPLSPrintf("%.16g%+.16gi", adfValue[0], adfValue[1]);
    }
    GDALCopyWords(pValue, eType, 0, adfValue, GDT_Float64, 0, 1);
    return CPLSPrintf("%.16g", adfValue[0]);
}

namespace
{

// Of an integer whose bytes are those of an unsigned one.
std::string UnsignedText(const void *pValue, GDALDataType eType, size_t nBytes)
{
    GInt64 nValue = 0;
    GDALCopyWords(pValue, eType, 0, &nValue, GDT_Int64, 0, 1);
    const auto nBits = static_cast<GUInt64>(nValue);
    return std::to_string(nBytes >= sizeof(nBits) ? nBits : nBits & ((GUInt64{1} << (8 * nBytes)) - 1));
}

std::vector<std::string> AttributeValues(const GDALAttribute &oAttribute, size_t nUnsigned, const char *pszDoubleFormat)
{
    const auto &oType = oAttribute.GetDataType();
    std::vector<std::string> aosValues;
    if (oAttribute.GetTotalElementsCount() == 0)
        return aosValues;
    if (oType.GetClass() == GEDTC_NUMERIC)
    {
        const GDALRawResult oRaw = oAttribute.ReadAsRaw();
        const GDALDataType eType = oType.GetNumericDataType();
        const auto *poStored = dynamic_cast<const Attribute *>(&oAttribute); // GDAL before 3.7 has no type for signed bytes
        const bool bUnsigned = nUnsigned != 0 && poStored != nullptr && poStored->IsSignedInteger(nUnsigned);
        for (size_t i = 0; oRaw.data() != nullptr && i < oRaw.size() / oType.GetSize(); i++)
        {
            const GByte *pabyValue = oRaw.data() + i * oType.GetSize();
            aosValues.push_back(bUnsigned ? UnsignedText(pabyValue, eType, nUnsigned) : NumberText(pabyValue, eType, pszDoubleFormat));
        }
    }
    else if (oType.GetClass() == GEDTC_STRING)
    {
        const CPLStringList aosStrings(oAttribute.ReadAsStringArray());
        for (int i = 0; i < aosStrings.Count(); i++)
            aosValues.push_back(aosStrings[i]);
    }
    return aosValues;
}

} // namespace

std::string MetadataText(const GDALAttribute &oAttribute, size_t nUnsigned)
{
    const auto aosValues = AttributeValues(oAttribute, nUnsigned, "%.16g");
    return aosValues.empty() ? std::string() : Braced(aosValues);
}

namespace
{

// As GDAL's HDF5 driver has it: values between blanks.
std::string HDF5MetadataText(const GDALAttribute &oAttribute)
{
    std::string osText;
    const auto *poStored = dynamic_cast<const Attribute *>(&oAttribute);
    if (poStored != nullptr && poStored->IsInteger(1) && CPLTestBool(CPLGetConfigOption("GDAL_HDF5_CHAR_AS_STRING", "NO")))
    {
        for (const int nCharacter : oAttribute.ReadAsIntArray())
            if (nCharacter != 0)
                osText += static_cast<char>(nCharacter);
        return osText;
    }
    for (const auto &osValue : AttributeValues(oAttribute, 0, "%.15g"))
        osText += (osText.empty() ? "" : " ") + osValue;
    return osText;
}

} // namespace

const char *TypeText(GDALDataType eType)
{
    switch (eType)
    {
        case GDT_Byte:
            return "8-bit unsigned integer";
        case GDT_Int16:
            return "16-bit integer";
        case GDT_UInt16:
            return "16-bit unsigned integer";
        case GDT_Int32:
            return "32-bit integer";
        case GDT_UInt32:
            return "32-bit unsigned integer";
        case GDT_Int64:
            return "64-bit integer";
        case GDT_UInt64:
            return "64-bit unsigned integer";
        case GDT_Float32:
            return "32-bit floating-point";
        case GDT_Float64:
            return "64-bit floating-point";
        case GDT_CInt16:
            return "complex, 16-bit integer";
        case GDT_CInt32:
            return "complex, 32-bit integer";
        case GDT_CFloat32:
            return "complex, 32-bit floating-point";
        case GDT_CFloat64:
            return "complex, 64-bit floating-point";
        default:
            break;
    }
    const char *pszName = GDALGetDataTypeName(eType);
    if (EQUAL(pszName, "Int8"))
        return "8-bit integer";
    return EQUAL(pszName, "Float16") ? "16-bit floating-point" : pszName;
}

bool IsBookkeeping(const Attributes &oAttributes, const std::string &osName)
{
    for (const char *psz : {"_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"})
        if (osName == psz)
            return true;
    return (osName == "CLASS" || osName == "NAME") && EQUAL(oAttributes.Text("CLASS").c_str(), "DIMENSION_SCALE");
}

std::string MetadataKey(const std::string &osFullName)
{
    return osFullName.rfind('/') == 0 ? osFullName.substr(1) : osFullName;
}

namespace
{

// Attributes that hold values of their array: others may be negative beside unsigned values.
bool HoldsValues(const std::string &osAttribute)
{
    for (const char *psz : {"_FillValue", "missing_value", "valid_range", "valid_min", "valid_max", "flag_values", "flag_masks"})
        if (osAttribute == psz)
            return true;
    return false;
}

// nUnsigned: as in MetadataText(), of attributes that hold values of the array.
CPLStringList ToMetadata(const Attributes &oAttributes, const std::string &osPrefix, size_t nUnsigned = 0)
{
    CPLStringList aosItems;
    for (const auto &poAttribute : oAttributes.All())
        if (poAttribute->GetDataType().GetClass() != GEDTC_COMPOUND && !IsBookkeeping(oAttributes, poAttribute->GetName()))
            aosItems.AddNameValue((osPrefix + poAttribute->GetName()).c_str(), MetadataText(*poAttribute, HoldsValues(poAttribute->GetName()) ? nUnsigned : 0).c_str()); // "units" beside "Units"
    return aosItems;
}

} // namespace

// "/my group/x", "a" -> "my_group_x_a"
void RasterDataset::SetHDF5Metadata(const std::string &osObject, const Attributes &oAttributes)
{
    for (const auto &poAttribute : oAttributes.All())
    {
        if (poAttribute->GetDataType().GetClass() == GEDTC_COMPOUND || IsBookkeeping(oAttributes, poAttribute->GetName()))
            continue;
        std::string osKey = osObject == "/" ? poAttribute->GetName() : osObject.substr(1) + "/" + poAttribute->GetName();
        for (char &ch : osKey)
            if (ch == '/' || ch == ' ')
                ch = '_';
        GDALMajorObject::SetMetadataItem(osKey.c_str(), HDF5MetadataText(*poAttribute).c_str());
    }
}

void RasterDataset::SetGroupMetadata(const std::vector<std::pair<std::string, std::shared_ptr<GDALGroup>>> &aoGroups)
{
    CPLStringList aosItems(CSLDuplicate(GDALMajorObject::GetMetadata()));
    for (const auto &oGroup : aoGroups)
    {
        const Attributes oAttributes(*oGroup.second);
        if (m_oName.bHDF5Dialect)
        {
            SetHDF5Metadata(oGroup.first, oAttributes);
            continue;
        }
        if (IsSentinel5PMetadata(oGroup.first)) // is in a domain of its own
            continue;
        const std::string osPrefix = oGroup.first == "/" ? "NC_GLOBAL#" : oGroup.first + "/NC_GLOBAL#";
        const CPLStringList aosOfGroup(ToMetadata(oAttributes, osPrefix));
        for (int i = 0; i < aosOfGroup.Count(); i++)
            aosItems.AddString(aosOfGroup[i]);
    }
    if (!m_oName.bHDF5Dialect)
        GDALMajorObject::SetMetadata(aosItems.List());
}

void RasterDataset::SetArrayMetadata()
{
    CPLStringList aosItems(ToMetadata(m_poCF->GetAttributes(), m_osKey + "#"));
    m_aosArrayMetadata = ToMetadata(m_poCF->GetAttributes(), std::string(), m_sStorage.nUnsigned);
    m_aosArrayMetadata.SetNameValue("NETCDF_VARNAME", m_poArray->GetName().c_str());
    const auto Append = [&aosItems](const CPLStringList &aosMore)
    {
        for (int i = 0; i < aosMore.Count(); i++)
            aosItems.AddString(aosMore[i]);
    };
    if (m_poCF->MappingVariable())
        Append(ToMetadata(Attributes(*m_poCF->MappingVariable()), MetadataKey(m_poCF->MappingVariable()->GetFullName()) + "#"));
    for (const auto &oAxis : m_poCF->Axes())
        if (oAxis.poVariable && oAxis.poVariable->GetFullName() != m_poArray->GetFullName())
            Append(ToMetadata(oAxis.oAttributes, MetadataKey(oAxis.poVariable->GetFullName()) + "#"));

    std::string osExtra;
    const bool bReport = CPLTestBool(CPLGetConfigOption("GDAL_NETCDF_REPORT_EXTRA_DIM_VALUES", "YES"));
    const auto apoAuxiliary = m_poCF->AuxiliaryCoordinates();
    for (const int iDim : m_anExtraDims)
    {
        const auto &oAxis = m_poCF->Axes()[static_cast<size_t>(iDim)];
        osExtra += (osExtra.empty() ? "" : ",") + oAxis.osName;
        auto poVariable = oAxis.poVariable;
        for (size_t i = 0; !poVariable && i < apoAuxiliary.size(); i++)
            if (apoAuxiliary[i]->GetDimensionCount() == 1 && apoAuxiliary[i]->GetDimensions()[0]->GetName() == oAxis.osName &&
                apoAuxiliary[i]->GetDimensions()[0]->GetSize() == m_anExtraSizes[m_aaosExtraValues.size()])
                poVariable = apoAuxiliary[i];
        m_apoExtraVariables.push_back(poVariable);
        m_aaosExtraValues.push_back(poVariable && bReport ? ValueTexts(*poVariable) : std::vector<std::string>());
        if (m_aaosExtraValues.back().empty())
            continue;
        const std::string osKey = "NETCDF_DIM_" + oAxis.osName;
        aosItems.SetNameValue((osKey + "_DEF").c_str(), CPLSPrintf("{%d,%d}", static_cast<int>(m_aaosExtraValues.back().size()),
                                                                  poVariable->GetDataType().GetClass() == GEDTC_STRING
                                                                      ? NETCDF_STRING
                                                                      : NetCDFType(poVariable->GetDataType().GetNumericDataType())));
        aosItems.SetNameValue((osKey + "_VALUES").c_str(), Braced(m_aaosExtraValues.back()).c_str());
    }
    if (!osExtra.empty())
        aosItems.SetNameValue("NETCDF_DIM_EXTRA", ("{" + osExtra + "}").c_str());
    if (!m_oName.bHDF5Dialect)
    {
        GDALMajorObject::SetMetadata(aosItems.List());
        return;
    }
    m_aosArrayMetadata.Clear();
    for (const auto &poAttribute : m_poCF->GetAttributes().All())
        if (poAttribute->GetDataType().GetClass() != GEDTC_COMPOUND && !IsBookkeeping(m_poCF->GetAttributes(), poAttribute->GetName()))
            m_aosArrayMetadata.SetNameValue(poAttribute->GetName().c_str(), HDF5MetadataText(*poAttribute).c_str());
}

void RasterDataset::SetImageStructure()
{
    CPLStringList aosItems(CSLDuplicate(m_poArray->GetStructuralInfo()));
    if (m_nChunkBands > 1)
        aosItems.SetNameValue("BAND_CHUNK_SIZE", CPLSPrintf("%d", m_nChunkBands));
    if (aosItems.Count() > 0)
        GDALMajorObject::SetMetadata(aosItems.List(), "IMAGE_STRUCTURE");
}

void RasterDataset::SetSubdatasets(const std::vector<Subdataset> &aoSubdatasets)
{
    CPLStringList aosItems;
    int nCount = 0;
    for (const auto &oSubdataset : aoSubdatasets)
    {
        std::string osShape;
        for (const auto &poDim : oSubdataset.poArray->GetDimensions())
            osShape += (osShape.empty() ? "" : "x") + std::to_string(poDim->GetSize());
        GDALDataType eType = oSubdataset.poArray->GetDataType().GetNumericDataType();
        std::string osName = oSubdataset.osStandardName.empty() ? MetadataKey(oSubdataset.osFullName) : oSubdataset.osStandardName;
        const char *pszType = eType == GDT_Int16 && StorageOf(*m_poFile, *oSubdataset.poArray).bInt8 ? "8-bit integer" : TypeText(eType);
        if (m_oName.bHDF5Dialect)
        {
            osName = "/" + oSubdataset.osFullName;
            std::replace(osName.begin(), osName.end(), ' ', '_');
            pszType = HDF5TypeText(pszType);
        }
        // QGIS splits a description at " - ".
        for (size_t n; (n = osName.find(" - ")) != std::string::npos;)
            osName.replace(n, 3, "-");
        nCount++;
        // Names are all different: to look for each among those before it would take longer than all else.
        aosItems.AddNameValue(CPLSPrintf("SUBDATASET_%d_NAME", nCount), NameOf(oSubdataset.osFullName).c_str());
        aosItems.AddNameValue(CPLSPrintf("SUBDATASET_%d_DESC", nCount), ("[" + osShape + "] " + osName + " (" + pszType + ")").c_str());
    }
    GDALMajorObject::SetMetadata(aosItems.List(), "SUBDATASETS");
}

std::vector<GUInt64> RasterDataset::BandIndex(int iBand) const
{
    std::vector<GUInt64> anIndex(m_anExtraSizes.size());
    auto nLeft = static_cast<GUInt64>(iBand);
    for (size_t i = anIndex.size(); i-- > 0;)
    {
        anIndex[i] = nLeft % m_anExtraSizes[i];
        nLeft /= m_anExtraSizes[i];
    }
    return anIndex;
}

// As GDAL's HDF5 driver has it from 3.7 on: an attribute with a value for each band is split among them, its name in the singular.
void RasterDataset::SetValuesOfBand(int iBand, CPLStringList &aosItems) const
{
    for (const auto &poAttribute : m_poCF->GetAttributes().All())
    {
        if (poAttribute->GetDimensionCount() != 1 || poAttribute->GetDimensions()[0]->GetSize() != static_cast<GUInt64>(nBands))
            continue;
        const auto aosValues = AttributeValues(*poAttribute, 0, "%.15g");
        if (aosValues.size() != static_cast<size_t>(nBands))
            continue;
        std::string osName = poAttribute->GetName();
        aosItems.SetNameValue(osName.c_str(), nullptr);
        for (const char *pszEnd : {"_coefficients", "_wavelengths", "_list"})
        {
            const size_t nEnd = strlen(pszEnd);
            if (osName.size() > nEnd && osName.compare(osName.size() - nEnd, nEnd, pszEnd) == 0)
                osName.resize(EQUAL(pszEnd, "_list") ? osName.size() - nEnd : osName.size() - 1);
        }
        aosItems.SetNameValue(osName.c_str(), aosValues[static_cast<size_t>(iBand)].c_str());
    }
}

// What QGIS shows: which of the bands this is, or, where there is one only, what is in it.
std::string RasterDataset::BandDescription(int iBand) const
{
    const std::string osLongName = m_poCF->GetAttributes().Text("long_name");
    std::string osText = osLongName.empty() ? m_poArray->GetName() : osLongName;
    const auto anIndex = BandIndex(iBand);
    for (size_t i = 0; i < anIndex.size(); i++)
    {
        if (m_anExtraSizes[i] == 1)
            continue;
        const auto &oAxis = m_poCF->Axes()[static_cast<size_t>(m_anExtraDims[i])];
        osText += ", " + oAxis.osName + "=";
        const auto n = static_cast<size_t>(anIndex[i]);
        if (n >= m_aaosExtraValues[i].size())
        {
            osText += std::to_string(n + 1);
            continue;
        }
        osText += m_aaosExtraValues[i][n];
        const std::string osUnit = oAxis.oAttributes.Text("units");
        if (!osUnit.empty())
            osText += " (" + osUnit + ")";
    }
    return osText;
}

CPLStringList RasterDataset::BandMetadata(int iBand)
{
    for (size_t i = 0; i < m_apoExtraVariables.size() && !m_oName.bHDF5Dialect; i++)
    {
        const auto poVariable = std::move(m_apoExtraVariables[i]); // read once, if at all
        if (poVariable && m_aaosExtraValues[i].empty())
            m_aaosExtraValues[i] = ValueTexts(*poVariable);
    }
    CPLStringList aosItems(m_aosArrayMetadata);
    if (m_oName.bHDF5Dialect && nBands > 1)
        SetValuesOfBand(iBand, aosItems);
    const auto anIndex = BandIndex(iBand);
    for (size_t i = 0; i < anIndex.size() && !m_oName.bHDF5Dialect; i++)
    {
        const auto n = static_cast<size_t>(anIndex[i]);
        const std::string osKey = "NETCDF_DIM_" + m_poCF->Axes()[static_cast<size_t>(m_anExtraDims[i])].osName;
        // counted from 1 where there are no coordinates
        aosItems.SetNameValue(osKey.c_str(), n < m_aaosExtraValues[i].size() ? m_aaosExtraValues[i][n].c_str() : std::to_string(n + 1).c_str());
    }
    return aosItems;
}

// What reading the file has cost so far, whoever in the process read it.
MetadataList RasterDataset::Stats()
{
    h5r_stats sStats;
    h5r_get_stats(m_poFile->Handle(), &sStats);
    m_aosStats.SetNameValue("ROUNDS", CPLSPrintf(CPL_FRMT_GUIB, static_cast<GUIntBig>(sStats.rounds)));
    m_aosStats.SetNameValue("REQUESTS", CPLSPrintf(CPL_FRMT_GUIB, static_cast<GUIntBig>(sStats.requests)));
    m_aosStats.SetNameValue("BYTES", CPLSPrintf(CPL_FRMT_GUIB, static_cast<GUIntBig>(sStats.bytes)));
    return m_aosStats.List();
}

char **RasterDataset::GetMetadataDomainList()
{
    CPLStringList aosDomains(BuildMetadataDomainList(GDALPamDataset::GetMetadataDomainList(), TRUE, "H5RANGE", nullptr));
    if (!m_oName.bHDF5Dialect)
        for (const auto &osKey : Sentinel5PKeys(*m_poRoot, true))
            aosDomains.AddString((JSON_DOMAIN + osKey).c_str());
    return aosDomains.StealList();
}

// Made when asked for, since of a remote file the groups may not have been read yet.
MetadataList RasterDataset::Json(const std::string &osKey)
{
    auto &aosJson = m_oJson[osKey];
    if (aosJson.Count() == 0)
    {
        const std::string osJson = Sentinel5PJson(*m_poFile, *m_poRoot, osKey);
        if (!osJson.empty())
            aosJson.AddString(osJson.c_str());
    }
    return aosJson.List();
}

MetadataList RasterDataset::GetMetadata(const char *pszDomain)
{
    if (pszDomain != nullptr && EQUAL(pszDomain, "H5RANGE"))
        return Stats();
    if (pszDomain != nullptr && STARTS_WITH(pszDomain, JSON_DOMAIN) && !m_oName.bHDF5Dialect)
        return Json(pszDomain + strlen(JSON_DOMAIN));
    return GDALPamDataset::GetMetadata(pszDomain);
}

const char *RasterDataset::GetMetadataItem(const char *pszName, const char *pszDomain)
{
    if (pszDomain != nullptr && EQUAL(pszDomain, "H5RANGE"))
    {
        Stats();
        return m_aosStats.FetchNameValue(pszName);
    }
    return GDALPamDataset::GetMetadataItem(pszName, pszDomain);
}

// Made when asked for: a raster can have tens of thousands of bands. What a side file says stays.
void RasterBand::EnsureMetadata()
{
    if (m_bHasMetadata)
        return;
    m_bHasMetadata = true;
    CPLStringList aosItems(m_poRasterDS->BandMetadata(nBand - 1));
    const CPLStringList aosKept(CSLDuplicate(GDALMajorObject::GetMetadata()));
    for (int i = 0; i < aosKept.Count(); i++)
    {
        char *pszKey = nullptr;
        const char *pszValue = CPLParseNameValue(aosKept[i], &pszKey);
        if (pszKey != nullptr && pszValue != nullptr)
            aosItems.SetNameValue(pszKey, pszValue);
        CPLFree(pszKey);
    }
    GDALMajorObject::SetMetadata(aosItems.List());
}

MetadataList RasterBand::GetMetadata(const char *pszDomain)
{
    EnsureMetadata();
    return GDALPamRasterBand::GetMetadata(pszDomain);
}

const char *RasterBand::GetMetadataItem(const char *pszName, const char *pszDomain)
{
    if (pszDomain != nullptr && EQUAL(pszDomain, "H5RANGE"))
    {
        int nBX = 0, nBY = 0;
        GUInt64 nOffset = 0, nSize = 0;
        const bool bOffset = STARTS_WITH_CI(pszName, "BLOCK_OFFSET_");
        if ((!bOffset && !STARTS_WITH_CI(pszName, "BLOCK_SIZE_")) || sscanf(strchr(pszName + 6, '_') + 1, "%d_%d", &nBX, &nBY) != 2 ||
            !m_poRasterDS->FindBlock(nBand - 1, nBX, nBY, nOffset, nSize))
            return nullptr;
        m_osBlock = std::to_string(bOffset ? nOffset : nSize);
        return m_osBlock.c_str();
    }
    EnsureMetadata();
    return GDALPamRasterBand::GetMetadataItem(pszName, pszDomain);
}

} // namespace h5range
