#include "h5range_file.h"

#include "cpl_vsi_error.h"

#include <algorithm>
#include <cstring>
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
constexpr int MAX_THREADS = 64;

Registry &GetRegistry()
{
    static Registry *poRegistry = new Registry(); // never destroyed: virtual file systems may be gone by then
    return *poRegistry;
}

// Name, size and time of a file. A network file that is open has told them: no request.
std::string KeyOf(const std::string &osName)
{
    const NoListing oNoListing;
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

std::string LastReason()
{
    std::string osWhy = VSIGetLastErrorNo() != 0 ? VSIGetLastErrorMsg() : CPLGetLastErrorMsg();
    const std::string osPrefix = "HTTP response code: ";
    if (osWhy.rfind(osPrefix, 0) == 0)
    {
        const int nCode = atoi(osWhy.c_str() + osPrefix.size());
        osWhy = "the server answers HTTP " + std::to_string(nCode) + (nCode == 404                   ? " (no such file)"
                                                                      : nCode == 401 || nCode == 403 ? " (no permission)"
                                                                                                     : "");
    }
    return osWhy;
}

// What GDAL's network file systems read at once, and keep.
int GetNetworkBlock()
{
    constexpr int DEFAULT = 16384, LEAST = 1024, MOST = 10 * 1024 * 1024; // GDAL takes its default for what is out of range
    const int nBlock = atoi(CPLGetConfigOption("CPL_VSIL_CURL_CHUNK_SIZE", "0"));
    return nBlock < LEAST || nBlock > MOST ? DEFAULT : nBlock;
}

bool HasOurExtension(const std::string &osName)
{
    const CPLString osExt = CPLGetExtension(osName.substr(0, osName.find('?')).c_str());
    for (const char *pszExt : {"h5", "hdf5", "he5", "nc", "nc4"})
        if (EQUAL(osExt.c_str(), pszExt))
            return true;
    return false;
}

// Which other files may be opened for parts of one that lie elsewhere.
h5r_others GetOthers(const GDALOpenInfo *poOpenInfo)
{
    const char *pszConfig = CPLGetConfigOption("H5RANGE_OTHER_FILES", "AUTO");
    const char *pszValue = poOpenInfo != nullptr ? CSLFetchNameValueDef(poOpenInfo->papszOpenOptions, "OTHER_FILES", pszConfig) : pszConfig;
    if (EQUAL(pszValue, "NO"))
        return H5R_OTHERS_NO;
    if (EQUAL(pszValue, "BESIDE"))
        return H5R_OTHERS_BESIDE;
    if (EQUAL(pszValue, "ANY"))
        return H5R_OTHERS_ANY;
    if (!EQUAL(pszValue, "AUTO"))
        CPLError(CE_Warning, CPLE_IllegalArg, "OTHER_FILES=%s is not one of AUTO, NO, BESIDE, ANY: AUTO is used", pszValue);
    return H5R_OTHERS_AUTO;
}

// Threads that decode chunks; 0: as many as there are processors.
unsigned GetThreads(const GDALOpenInfo *poOpenInfo)
{
    const char *pszConfig = CPLGetConfigOption("GDAL_NUM_THREADS", "ALL_CPUS");
    const char *pszValue = poOpenInfo != nullptr ? CSLFetchNameValueDef(poOpenInfo->papszOpenOptions, "NUM_THREADS", pszConfig) : pszConfig;
    if (EQUAL(pszValue, "ALL_CPUS"))
        return 0;
    const int nThreads = CPLGetValueType(pszValue) == CPL_VALUE_INTEGER ? atoi(pszValue) : 0;
    if (nThreads >= 1)
        return static_cast<unsigned>(std::min(nThreads, MAX_THREADS));
    CPLError(CE_Warning, CPLE_IllegalArg, "NUM_THREADS=%s is neither ALL_CPUS nor a number from 1 on: ALL_CPUS is used", pszValue);
    return 0;
}

// Object stores say in words of their own that they do not know who asks; GDAL has numbers for some, and asks nobody without keys.
bool IsRefused(const std::string &osWhy)
{
    const int nError = VSIGetLastErrorNo();
    return nError == VSIE_AWSAccessDenied || nError == VSIE_AWSInvalidCredentials || nError == VSIE_AWSSignatureDoesNotMatch ||
           osWhy.find("permission") != std::string::npos;
}

bool IsFolder(const std::string &osName)
{
    VSIStatBufL sStat;
    return !IsNetworkPath(osName) && VSIStatExL(osName.c_str(), &sStat, VSI_STAT_EXISTS_FLAG | VSI_STAT_NATURE_FLAG) == 0 && VSI_ISDIR(sStat.st_mode);
}

void ReportOpenFailure(const std::string &osName, const std::string &osWhy, const char *pszAdvice)
{
    if (IsFolder(osName))
    {
        CPLError(CE_Failure, CPLE_OpenFailed, "%s is a folder, not a file", osName.c_str());
        return;
    }
    const bool bNetwork = IsNetworkPath(osName), bLogin = IsRefused(osWhy);
    CPLError(CE_Failure, CPLE_OpenFailed, "%s: cannot be opened%s%s. %s%s", osName.c_str(), osWhy.empty() ? "" : ": ", osWhy.c_str(),
             !bNetwork ? "Check the name and the permissions"
             : bLogin  ? "Give GDAL the credentials it needs: GDAL_HTTP_HEADERS or GDAL_HTTP_HEADER_FILE, GDAL_HTTP_NETRC, AWS_*, GS_*, AZURE_*"
                       : "Check the address",
             pszAdvice);
}

} // namespace

NoListing::NoListing()
{
    const char *pszOld = CPLGetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", nullptr);
    m_bHadOld = pszOld != nullptr;
    m_osOld = m_bHadOld ? pszOld : "";
    CPLSetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR");
}

NoListing::~NoListing()
{
    CPLSetThreadLocalConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", m_bHadOld ? m_osOld.c_str() : nullptr);
}

VSILFILE *OpenHandle(const std::string &osName, std::string &osWhy)
{
    VSIErrorReset();
    VSILFILE *fp = nullptr;
    {
        const NoListing oNoListing;
        fp = VSIFOpenExL(osName.c_str(), "rb", true);
    }
    if (fp != nullptr)
        return fp;
    osWhy = LastReason();
    if (osWhy.rfind(osName + ": ", 0) == 0)
        osWhy.erase(0, osName.size() + 2);
    VSICurlPartialClearCache(osName.c_str()); // else the next try fails unasked, and without a reason
    return nullptr;
}

std::shared_ptr<File> File::Open(const std::string &osName, GDALOpenInfo *poOpenInfo, bool bQuiet, const char *pszAdvice)
{
    h5r_options sOptions;
    h5r_options_init(&sOptions);
    VSILFILE *fp = nullptr;
    std::string osWhy;
    if (poOpenInfo != nullptr && poOpenInfo->fpL != nullptr && osName == poOpenInfo->pszFilename)
    {
        // The network file systems have fetched a block to identify the file: what it holds beyond GDAL's 1,024 bytes costs no request.
        const int nBlock = GetNetworkBlock();
        if (IsNetworkPath(osName) && poOpenInfo->nHeaderBytes < nBlock)
            poOpenInfo->TryToIngest(nBlock);
        sOptions.head = poOpenInfo->pabyHeader;
        sOptions.head_len = static_cast<size_t>(poOpenInfo->nHeaderBytes);
        std::swap(fp, poOpenInfo->fpL);
    }
    else
    {
        fp = OpenHandle(osName, osWhy);
    }
    if (fp == nullptr)
    {
        if (!bQuiet || HasOurExtension(osName))
            ReportOpenFailure(osName, osWhy, pszAdvice);
        return nullptr;
    }
    sOptions.others = GetOthers(poOpenInfo);
    sOptions.threads = GetThreads(poOpenInfo);
    const std::string osIndexCache = CPLGetConfigOption("H5RANGE_INDEX_CACHE", "");
    sOptions.index_cache = osIndexCache.c_str();
    const std::string osKey = KeyOf(osName) + "|" + std::to_string(sOptions.others) + "|" + std::to_string(sOptions.threads);
    if (auto poFile = Find(osKey))
    {
        VSIFCloseL(fp);
        return poFile;
    }
    h5r_source sSource;
    h5r_error err;
    h5r_file *hFile = nullptr;
    OpenSource(fp, osName, &sSource);
    if (h5r_open(&sSource, &sOptions, &hFile, &err) != H5R_OK)
    {
        // Another format is for other drivers, whatever its extension, and so is a name without one of ours that cannot be read in
        // ranges; no driver wants a login page instead of the file.
        const bool bOurs = HasOurExtension(osName);
        const bool bOthers = err.status == H5R_ERR_FORMAT ? !(bOurs && strstr(err.message, "HTML page") != nullptr)
                                                          : err.status == H5R_ERR_IO && !bOurs;
        if (IsFolder(osName)) // the operating system opens one as an empty file
            ReportOpenFailure(osName, std::string(), pszAdvice);
        else if (!bQuiet || !bOthers)
            CPLError(CE_Failure, CPLE_OpenFailed, "%s: %s", osName.c_str(), err.message);
        return nullptr;
    }
    const h5r_file_info *psInfo = h5r_get_info(hFile);
    if (psInfo->open_for_write)
        CPLError(CE_Warning, CPLE_AppDefined, "%s was left open for writing: what was being written may be missing", osName.c_str());
    else if (sSource.size < psInfo->end && psInfo->end != H5R_UNDEFINED && psInfo->driver[0] == '\0')
        CPLError(CE_Warning, CPLE_AppDefined, "%s is truncated: " CPL_FRMT_GUIB " of " CPL_FRMT_GUIB " bytes are there, the rest cannot be read. "
                 "Copy or download it again", osName.c_str(), static_cast<GUIntBig>(sSource.size), static_cast<GUIntBig>(psInfo->end));
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

void File::LearnPaths() const
{
    std::call_once(m_oLearned,
                   [this]()
                   {
                       const h5r_object *psRoot = nullptr;
                       if (h5r_lookup(m_hFile, nullptr, "/", &psRoot, nullptr) == H5R_OK)
                           (void)h5r_prefetch(m_hFile, psRoot, 64, 0, nullptr);
                   });
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
