// Registration, names, and which files are ours to open.
#include "h5range_file.h"
#include "h5range_options.h"

#include <cstring>

namespace
{

using h5range::ParsedName;

enum class Claim
{
    NONE,
    REMOTE,
    ALL
};

Claim GetClaim()
{
    const char *pszClaim = CPLGetConfigOption("H5RANGE_CLAIM", "REMOTE");
    if (EQUAL(pszClaim, "ALL"))
        return Claim::ALL;
    if (EQUAL(pszClaim, "NONE"))
        return Claim::NONE;
    if (!EQUAL(pszClaim, "REMOTE"))
        CPLError(CE_Warning, CPLE_IllegalArg, "H5RANGE_CLAIM=%s is not one of NONE, REMOTE, ALL: REMOTE is used", pszClaim);
    return Claim::REMOTE;
}

bool IsSingleAllowedDriver(const GDALOpenInfo *poOpenInfo)
{
    return CSLCount(poOpenInfo->papszAllowedDrivers) == 1 && EQUAL(poOpenInfo->papszAllowedDrivers[0], "H5RANGE");
}

bool IsPlainURL(const char *pszName)
{
    for (const char *pszScheme : {"http://", "https://", "s3://", "gs://", "az://"})
        if (STARTS_WITH_CI(pszName, pszScheme))
            return true;
    return false;
}

bool PolicyCovers(const std::string &osURI)
{
    const Claim eClaim = GetClaim();
    return eClaim == Claim::ALL || (eClaim == Claim::REMOTE && h5range::IsNetworkPath(osURI));
}

// Products that have a driver of their own, as far as their first bytes and their name tell.
bool BelongsToOthers(const GDALOpenInfo *poOpenInfo)
{
    const char *pszExt = CPLGetExtension(poOpenInfo->pszFilename);
    if ((EQUAL(pszExt, "kea") && GDALGetDriverByName("KEA") != nullptr) || (EQUAL(pszExt, "bag") && GDALGetDriverByName("BAG") != nullptr))
        return true;
    const std::string osHead(reinterpret_cast<const char *>(poOpenInfo->pabyHeader), static_cast<size_t>(poOpenInfo->nHeaderBytes));
    if (osHead.find("Group_F") == std::string::npos)
        return false;
    static const struct
    {
        const char *pszGroup, *pszDriver;
    } asProducts[] = {{"BathymetryCoverage", "S102"}, {"WaterLevel", "S104"}, {"SurfaceCurrent", "S111"}};
    for (const auto &sProduct : asProducts)
        if (osHead.find(sProduct.pszGroup) != std::string::npos && GDALGetDriverByName(sProduct.pszDriver) != nullptr)
            return true;
    return false;
}

int Identify(GDALOpenInfo *poOpenInfo)
{
    const char *pszName = poOpenInfo->pszFilename;
    if (STARTS_WITH_CI(pszName, "H5RANGE:"))
        return TRUE;
    const bool bForced = IsSingleAllowedDriver(poOpenInfo);
    if (STARTS_WITH_CI(pszName, "HDF5:") || STARTS_WITH_CI(pszName, "NETCDF:"))
        return bForced || (poOpenInfo->papszAllowedDrivers == nullptr && PolicyCovers(h5range::ParseName(pszName).osURI));
    if (IsPlainURL(pszName))
        return bForced || GetClaim() != Claim::NONE ? GDAL_IDENTIFY_UNKNOWN : FALSE;
    if (poOpenInfo->fpL == nullptr || poOpenInfo->nHeaderBytes < 8)
        return FALSE;
    if (!bForced && (!PolicyCovers(pszName) || BelongsToOthers(poOpenInfo)))
        return FALSE;
    if (h5r_identify(poOpenInfo->pabyHeader, static_cast<size_t>(poOpenInfo->nHeaderBytes)))
        return TRUE;
    return bForced ? GDAL_IDENTIFY_UNKNOWN : FALSE; // a user block longer than the header, or an error message worth giving
}

/** The file as a multidimensional dataset. */
class MultidimDataset final : public GDALDataset
{
  public:
    explicit MultidimDataset(const std::shared_ptr<GDALGroup> &poRoot) : m_poRoot(poRoot)
    {
    }
    std::shared_ptr<GDALGroup> GetRootGroup() const override
    {
        return m_poRoot;
    }

  private:
    std::shared_ptr<GDALGroup> m_poRoot;
};

GDALDataset *Open(GDALOpenInfo *poOpenInfo)
{
    try
    {
        if (Identify(poOpenInfo) == FALSE)
            return nullptr;
        if (poOpenInfo->eAccess == GA_Update)
        {
            CPLError(CE_Failure, CPLE_NotSupported, "The H5RANGE driver does not write: open %s for reading", poOpenInfo->pszFilename);
            return nullptr;
        }
        const ParsedName oName = h5range::ParseName(poOpenInfo->pszFilename);
        if (oName.osURI.empty())
        {
            CPLError(CE_Failure, CPLE_OpenFailed, "%s: not a name of the form H5RANGE:\"<uri>\":/group/array or H5RANGE:<uri>#/group/array",
                     poOpenInfo->pszFilename);
            return nullptr;
        }
        const bool bQuiet = !oName.bPrefixed && !IsSingleAllowedDriver(poOpenInfo);
        const bool bUnquoted = !oName.osArray.empty() && strchr(poOpenInfo->pszFilename, '"') == nullptr;
        auto poFile = h5range::File::Open(oName.osURI, poOpenInfo, bQuiet, bUnquoted ? "; a file whose name has a colon is written H5RANGE:\"<file>\"" : "");
        if (!poFile)
            return nullptr;
        if (poOpenInfo->nOpenFlags & GDAL_OF_MULTIDIM_RASTER)
        {
            auto poRoot = h5range::OpenRootGroup(poFile);
            if (!poRoot)
                return nullptr;
            auto poDS = new MultidimDataset(poRoot);
            poDS->SetDescription(poOpenInfo->pszFilename);
            return poDS;
        }
        return h5range::OpenRaster(poOpenInfo, poFile, oName);
    }
    catch (const std::exception &e)
    {
        CPLError(CE_Failure, CPLE_OutOfMemory, "%s: %s", poOpenInfo->pszFilename, e.what());
        return nullptr;
    }
}

void Unload(GDALDriver *)
{
    h5range::File::ReleaseKept();
}

std::string Unquote(const std::string &os)
{
    return os.size() >= 2 && os.front() == '"' && os.back() == '"' ? os.substr(1, os.size() - 2) : os;
}

// An array's full name: "var", "//group/var" and "/group/var" mean the same.
std::string NormalizeArray(const std::string &os)
{
    const std::string osName = Unquote(os);
    const size_t n = osName.find_first_not_of('/');
    return n == std::string::npos ? std::string() : "/" + osName.substr(n);
}

// Where ":" separates an unquoted uri from an array: the last one that is followed by "/group/var" or a plain name, but not the one
// of "scheme://", of a port, or of a drive letter.
size_t FindSeparator(const std::string &os)
{
    const size_t n = os.rfind(':');
    if (n == std::string::npos || n <= 1 || os.compare(n, 3, "://") == 0)
        return std::string::npos;
    const std::string osAfter = os.substr(n + 1);
    const bool bPort = osAfter.find_first_not_of("0123456789") != 0 && os.find("://") != std::string::npos &&
                       os.find('/', os.find("://") + 3) > n;
    return bPort ? std::string::npos : n;
}

// A local file whose name has a colon: wrfout_d01_2005-08-28_00:00:00. A remote one is not asked for.
bool IsLocalFile(const std::string &osName)
{
    VSIStatBufL sStat;
    return !h5range::IsNetworkPath(h5range::MapURI(osName)) && VSIStatExL(osName.c_str(), &sStat, VSI_STAT_EXISTS_FLAG) == 0;
}

// The file, as it is written, and the array in what follows a prefix.
std::pair<std::string, std::string> SplitName(const std::string &osRest, bool bHDF5)
{
    if (!osRest.empty() && osRest[0] == '"')
    {
        const size_t nEnd = osRest.find('"', 1);
        if (nEnd == std::string::npos)
            return {};
        const bool bArray = nEnd + 1 < osRest.size() && (osRest[nEnd + 1] == ':' || osRest[nEnd + 1] == '#');
        return {osRest.substr(0, nEnd + 1), bArray ? osRest.substr(nEnd + 2) : std::string()};
    }
    // HDF5:name://group/array, where the name may have a "://" of its own.
    const size_t nHash = osRest.rfind("#/"), nSlashes = bHDF5 ? osRest.rfind("://") : std::string::npos;
    const bool bScheme = nSlashes != std::string::npos && IsPlainURL(osRest.c_str()) && osRest.find("://") == nSlashes;
    const size_t nSeparator = nSlashes != std::string::npos && !bScheme ? nSlashes : nHash == std::string::npos ? FindSeparator(osRest) : nHash;
    if (nSeparator == std::string::npos || IsLocalFile(osRest))
        return {osRest, std::string()};
    return {osRest.substr(0, nSeparator), osRest.substr(nSeparator + 1)};
}

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 8, 0)
/** Tells programs that move or copy files where in a name the file is. */
struct SubdatasetInfo final : public GDALSubdatasetInfo
{
    explicit SubdatasetInfo(const std::string &osName) : GDALSubdatasetInfo(osName)
    {
    }

  private:
    void parseFileName() override
    {
        if (!STARTS_WITH_CI(m_fileName.c_str(), "H5RANGE:"))
            return;
        const auto oSplit = SplitName(m_fileName.substr(strlen("H5RANGE:")), false);
        m_driverPrefixComponent = m_fileName.substr(0, strlen("H5RANGE"));
        m_pathComponent = oSplit.first;
        m_cleanedPathComponent = Unquote(oSplit.first);
        m_isQuoted = m_pathComponent != m_cleanedPathComponent;
        m_subdatasetComponent = Unquote(oSplit.second);
    }
};

GDALSubdatasetInfo *GetSubdatasetInfo(const char *pszName)
{
    std::unique_ptr<GDALSubdatasetInfo> poInfo(new SubdatasetInfo(pszName));
    return poInfo->GetSubdatasetComponent().empty() || poInfo->GetPathComponent().empty() ? nullptr : poInfo.release();
}
#endif

} // namespace

namespace h5range
{

std::string MapURI(const std::string &osURI)
{
    static const struct
    {
        const char *pszScheme, *pszPrefix;
        bool bWhole;
    } asSchemes[] = {{"https://", "/vsicurl/", true}, {"http://", "/vsicurl/", true}, {"s3://", "/vsis3/", false},
                     {"gs://", "/vsigs/", false},     {"az://", "/vsiaz/", false}};
    for (const auto &s : asSchemes)
        if (STARTS_WITH_CI(osURI.c_str(), s.pszScheme))
            return s.pszPrefix + (s.bWhole ? osURI : osURI.substr(strlen(s.pszScheme)));
    return osURI;
}

ParsedName ParseName(const char *pszName)
{
    ParsedName oName;
    oName.osOriginal = pszName;
    std::string osRest = pszName;

    if (STARTS_WITH_CI(pszName, "H5RANGE:"))
    {
        oName.bPrefixed = true;
        osRest = pszName + strlen("H5RANGE:");
    }
    else if (STARTS_WITH_CI(pszName, "HDF5:") || STARTS_WITH_CI(pszName, "NETCDF:"))
    {
        oName.bForeign = true;
        oName.bHDF5Dialect = STARTS_WITH_CI(pszName, "HDF5:");
        osRest = strchr(pszName, ':') + 1;
    }
    else
    {
        oName.osURI = MapURI(osRest);
        return oName;
    }

    const auto oSplit = SplitName(osRest, oName.bHDF5Dialect);
    oName.osURI = MapURI(Unquote(oSplit.first));
    oName.osArray = NormalizeArray(oSplit.second);
    return oName;
}

} // namespace h5range

extern "C" __attribute__((visibility("default"))) void GDALRegister_H5RANGE();
extern "C" __attribute__((visibility("default"))) void GDALRegisterMe();

void GDALRegister_H5RANGE()
{
    if (GDALGetDriverByName("H5RANGE") != nullptr)
        return;
    const int nRuntime = atoi(GDALVersionInfo("VERSION_NUM"));
    if (nRuntime / 10000 != GDAL_VERSION_NUM / 10000)
    {
        CPLError(CE_Failure, CPLE_AppDefined, "gdal_H5RANGE.so was built for GDAL %d.%d and does not work with GDAL %s: build it again for this version",
                 GDAL_VERSION_MAJOR, GDAL_VERSION_MINOR, GDALVersionInfo("RELEASE_NAME"));
        return;
    }
    auto poDriver = new GDALDriver();
    poDriver->SetDescription("H5RANGE");
    poDriver->SetMetadataItem(GDAL_DCAP_RASTER, "YES");
    poDriver->SetMetadataItem(GDAL_DCAP_MULTIDIM_RASTER, "YES");
    poDriver->SetMetadataItem(GDAL_DCAP_VIRTUALIO, "YES");
    poDriver->SetMetadataItem(GDAL_DMD_LONGNAME, "HDF5 and netCDF-4 over byte ranges (h5range)");
    poDriver->SetMetadataItem(GDAL_DMD_EXTENSIONS, "h5 hdf5 he5 hdf nc nc4 cdf");
    poDriver->SetMetadataItem(GDAL_DMD_SUBDATASETS, "YES");
    poDriver->SetMetadataItem(GDAL_DMD_OPENOPTIONLIST, h5range::OPEN_OPTIONS);
    poDriver->SetMetadataItem("DMD_MULTIDIM_ARRAY_GET_NAMES_OPTIONLIST", h5range::ARRAY_LIST_OPTIONS);
    poDriver->SetMetadataItem(GDAL_DMD_CONNECTION_PREFIX, "H5RANGE:");
    poDriver->pfnIdentify = Identify;
    poDriver->pfnOpen = Open;
    poDriver->pfnUnloadDriver = Unload;
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 8, 0)
    poDriver->pfnGetSubdatasetInfoFunc = GetSubdatasetInfo;
#endif
    GetGDALDriverManager()->RegisterDriver(poDriver);
}

void GDALRegisterMe()
{
    GDALRegister_H5RANGE();
}
