#include "h5range_file.h"

#include "cpl_vsi_error.h"

#include <list>
#include <map>
#include <mutex>

namespace h5range
{

namespace
{

// Files by name, with what tells a changed one for free. Remote files are also kept for a while after their last user has gone:
// gdalinfo's container and subdataset, QGIS and rasterio open the same name again and again.
struct Registry
{
    std::mutex oMutex;
    std::map<std::string, std::weak_ptr<File>> oFiles;
    std::list<std::shared_ptr<File>> oKept;
};
constexpr size_t KEPT = 4;

Registry &GetRegistry()
{
    static Registry *poRegistry = new Registry(); // never destroyed: virtual file systems may be gone by then
    return *poRegistry;
}

std::string KeyOf(const std::string &osName)
{
    if (IsNetworkPath(osName))
        return osName;
    VSIStatBufL sStat;
    if (VSIStatExL(osName.c_str(), &sStat, VSI_STAT_SIZE_FLAG | VSI_STAT_EXISTS_FLAG) != 0)
        return osName;
    return osName + CPLSPrintf("|" CPL_FRMT_GUIB "|" CPL_FRMT_GIB, static_cast<GUIntBig>(sStat.st_size), static_cast<GIntBig>(sStat.st_mtime));
}

std::shared_ptr<File> Find(const std::string &osKey)
{
    auto &oRegistry = GetRegistry();
    std::lock_guard<std::mutex> oLock(oRegistry.oMutex);
    auto it = oRegistry.oFiles.find(osKey);
    return it == oRegistry.oFiles.end() ? nullptr : it->second.lock();
}

void Remember(const std::string &osKey, const std::shared_ptr<File> &poFile)
{
    std::list<std::shared_ptr<File>> oDropped; // closed outside the lock
    auto &oRegistry = GetRegistry();
    std::lock_guard<std::mutex> oLock(oRegistry.oMutex);
    for (auto it = oRegistry.oFiles.begin(); it != oRegistry.oFiles.end();)
        it = it->second.expired() ? oRegistry.oFiles.erase(it) : std::next(it);
    oRegistry.oFiles[osKey] = poFile;
    if (!IsNetworkPath(poFile->Name()))
        return;
    oRegistry.oKept.push_front(poFile);
    if (oRegistry.oKept.size() > KEPT)
    {
        oDropped.splice(oDropped.begin(), oRegistry.oKept, std::prev(oRegistry.oKept.end()));
    }
}

// A handle that asks for no directory listing.
VSILFILE *OpenHandle(const std::string &osName)
{
    const char *pszOld = CPLGetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", nullptr);
    const std::string osOld = pszOld != nullptr ? pszOld : "";
    CPLSetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR");
    VSILFILE *fp = VSIFOpenExL(osName.c_str(), "rb", true);
    CPLSetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", pszOld != nullptr ? osOld.c_str() : nullptr);
    return fp;
}

void ReportOpenFailure(const std::string &osName)
{
    const std::string osWhy = VSIGetLastErrorNo() != 0 ? VSIGetLastErrorMsg() : CPLGetLastErrorMsg();
    CPLError(CE_Failure, CPLE_OpenFailed, "%s: cannot be opened%s%s. %s", osName.c_str(), osWhy.empty() ? "" : ": ", osWhy.c_str(),
             IsNetworkPath(osName) ? "Check the address; a file that needs a login needs its credentials in GDAL's configuration "
                                     "(GDAL_HTTP_HEADERS, GDAL_HTTP_BEARER, AWS_*, GS_*, AZURE_*)"
                                   : "Check the name and the permissions");
}

} // namespace

std::shared_ptr<File> File::Open(const std::string &osName, GDALOpenInfo *poOpenInfo, bool bQuiet)
{
    const std::string osKey = KeyOf(osName);
    if (auto poFile = Find(osKey))
        return poFile;

    h5r_options sOptions;
    h5r_options_init(&sOptions);
    VSILFILE *fp = nullptr;
    if (poOpenInfo != nullptr && poOpenInfo->fpL != nullptr && osName == poOpenInfo->pszFilename)
    {
        sOptions.head = poOpenInfo->pabyHeader;
        sOptions.head_len = static_cast<size_t>(poOpenInfo->nHeaderBytes);
        std::swap(fp, poOpenInfo->fpL);
    }
    else
    {
        fp = OpenHandle(osName);
    }
    if (fp == nullptr)
    {
        if (!bQuiet)
            ReportOpenFailure(osName);
        return nullptr;
    }
    h5r_source sSource;
    h5r_error err;
    h5r_file *hFile = nullptr;
    OpenVSISource(fp, osName, &sSource);
    if (h5r_open(&sSource, &sOptions, &hFile, &err) != H5R_OK)
    {
        if (!bQuiet || err.status != H5R_ERR_FORMAT)
            CPLError(CE_Failure, CPLE_OpenFailed, "%s: %s", osName.c_str(), err.message);
        return nullptr;
    }
    if (h5r_get_info(hFile)->open_for_write)
        CPLError(CE_Warning, CPLE_AppDefined, "%s was left open for writing; what was being written may be missing", osName.c_str());
    std::shared_ptr<File> poFile(new File(hFile, osName)); // private constructor
    Remember(osKey, poFile);
    return poFile;
}

void File::ReleaseKept()
{
    std::list<std::shared_ptr<File>> oDropped;
    auto &oRegistry = GetRegistry();
    std::lock_guard<std::mutex> oLock(oRegistry.oMutex);
    oDropped.swap(oRegistry.oKept);
}

File::~File()
{
    h5r_close(m_hFile);
}

void File::Report(const h5r_error &err, const std::string &osPath, CPLErr eClass) const
{
    const std::string osWhere = !osPath.empty() ? osPath : err.path;
    const std::string osAt = err.offset != H5R_UNDEFINED ? CPLSPrintf(" (at byte " CPL_FRMT_GUIB ")", static_cast<GUIntBig>(err.offset)) : "";
    const CPLErrorNum eNum = err.status == H5R_ERR_IO            ? CPLE_FileIO
                             : err.status == H5R_ERR_UNSUPPORTED ? CPLE_NotSupported
                             : err.status == H5R_ERR_NOMEM       ? CPLE_OutOfMemory
                                                                 : CPLE_AppDefined;
    CPLError(eClass, eNum, "%s%s%s: %s%s", m_osName.c_str(), osWhere.empty() ? "" : "#", osWhere.c_str(), err.message, osAt.c_str());
}

} // namespace h5range
