// Byte ranges through GDAL's virtual file systems, in parallel batches.
#include "h5range_file.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <mutex>
#include <new>
#include <vector>

#include "cpl_vsi_virtual.h"

namespace
{

// VSIFReadMultiRangeL() puts all ranges on the wire at once, with no cap of its own.
constexpr size_t MAX_PARALLEL = 64;

struct VSISource
{
    VSISource(VSILFILE *fp, const std::string &osNameIn) : osName(osNameIn)
    {
        if (fp != nullptr)
            apIdle.push_back(fp);
        nOpen = apIdle.size();
    }
    const std::string osName;
    const CPLStringList aosOptions{CPLGetThreadLocalConfigOptions()}; // of the thread that opened it
    std::mutex oMutex{};
    std::vector<VSILFILE *> apIdle{}; // has room for all that are open
    size_t nOpen;
};

// The core reads other files of a dataset by threads of its own. What was set for the caller's thread alone (credentials, say) counts in them,
// too, and what GDAL has to say there goes into the error that the call returns, not to a handler that nobody set.
class OnBehalfOf
{
  public:
    explicit OnBehalfOf(const VSISource &src)
    {
        const CPLStringList aosOwn(CPLGetThreadLocalConfigOptions());
        m_bSet = aosOwn.empty() && !src.aosOptions.empty();
        if (m_bSet)
            CPLSetThreadLocalConfigOptions(src.aosOptions.List());
    }
    ~OnBehalfOf()
    {
        if (m_bSet)
            CPLSetThreadLocalConfigOptions(nullptr);
    }
    OnBehalfOf(const OnBehalfOf &) = delete;
    OnBehalfOf &operator=(const OnBehalfOf &) = delete;

  private:
    const CPLErrorHandlerPusher m_oQuiet{CPLQuietErrorHandler};
    bool m_bSet = false;
};

// A handle for one batch: GDAL's may not be used by two threads at once. Another one of a network file costs no request.
class Handle
{
  public:
    explicit Handle(VSISource &src) : m_oSource(src)
    {
        {
            std::lock_guard<std::mutex> oLock(src.oMutex);
            if (!src.apIdle.empty())
            {
                m_fp = src.apIdle.back();
                src.apIdle.pop_back();
                return;
            }
        }
        std::string osWhy;
        m_fp = h5range::OpenHandle(src.osName, osWhy);
        if (m_fp == nullptr)
        {
            CPLError(CE_Failure, CPLE_OpenFailed, "%s", osWhy.c_str());
            return;
        }
        std::lock_guard<std::mutex> oLock(src.oMutex);
        src.apIdle.reserve(++src.nOpen);
    }
    ~Handle()
    {
        if (m_fp == nullptr)
            return;
        std::lock_guard<std::mutex> oLock(m_oSource.oMutex);
        m_oSource.apIdle.push_back(m_fp);
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    VSILFILE *Get() const
    {
        return m_fp;
    }

  private:
    VSISource &m_oSource;
    VSILFILE *m_fp = nullptr;
};

// One range. PRead() neither moves the handle nor rounds up to the 16 KiB blocks of the network file systems' cache. It fails
// without a word, and on a server that answers the whole file instead of a range, where Read() takes the beginning.
bool ReadOne(VSILFILE *fp, h5r_read &r)
{
    CPLErrorHandlerPusher oQuiet(CPLQuietErrorHandler);
    auto poHandle = reinterpret_cast<VSIVirtualHandle *>(fp);
    if (poHandle->HasPRead())
    {
        r.got = poHandle->PRead(r.dst, r.len, r.offset);
        if (r.got == r.len)
            return true;
    }
    if (VSIFSeekL(fp, r.offset, SEEK_SET) != 0)
        return false;
    CPLErrorReset();
    r.got = VSIFReadL(r.dst, 1, r.len, fp);
    return r.got <= r.len && CPLGetLastErrorType() < CE_Failure;
}

// Neighbours in a batch are meant to come side by side; GDAL makes one request of them unless it is told not to.
class SideBySide
{
  public:
    SideBySide() : m_bSet(CPLGetConfigOption(OPTION, nullptr) == nullptr)
    {
        if (m_bSet)
            CPLSetThreadLocalConfigOption(OPTION, "NO");
    }
    ~SideBySide()
    {
        if (m_bSet)
            CPLSetThreadLocalConfigOption(OPTION, nullptr);
    }
    SideBySide(const SideBySide &) = delete;
    SideBySide &operator=(const SideBySide &) = delete;

  private:
    static constexpr const char *OPTION = "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES";
    const bool m_bSet;
};

bool ReadGroup(VSILFILE *fp, h5r_read *reads, size_t n)
{
    const SideBySide oSideBySide;
    std::vector<void *> apData(n);
    std::vector<vsi_l_offset> anOffsets(n);
    std::vector<size_t> anSizes(n);
    for (size_t i = 0; i < n; i++)
    {
        apData[i] = reads[i].dst;
        anOffsets[i] = reads[i].offset;
        anSizes[i] = reads[i].len;
    }
    CPLErrorStateBackuper oBackup;
    CPLErrorHandlerPusher oQuiet(CPLQuietErrorHandler);
    if (VSIFReadMultiRangeL(static_cast<int>(n), apData.data(), anOffsets.data(), anSizes.data(), fp) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        reads[i].got = reads[i].len;
    return true;
}

h5r_status Fail(const h5r_read &r, h5r_error *err)
{
    std::string osWhy = CPLGetLastErrorMsg();
    if (osWhy.find("Range downloading not supported") != std::string::npos)
        osWhy = "the server does not support byte ranges; download the file, or serve it by a server that answers them (HTTP 206)";
    *err = h5r_error{};
    err->status = H5R_ERR_IO;
    err->offset = r.offset;
    snprintf(err->message, sizeof err->message, "reading %llu bytes failed%s%s", static_cast<unsigned long long>(r.len),
             osWhy.empty() ? "" : ": ", osWhy.c_str());
    return H5R_ERR_IO;
}

// The core has clipped all ranges to the size of the file, so a short read is a failure, tried once more.
h5r_status ReadRanges(void *ctx, h5r_read *reads, size_t n, h5r_error *err) noexcept
{
    try
    {
        const OnBehalfOf oCaller(*static_cast<VSISource *>(ctx));
        const Handle oHandle(*static_cast<VSISource *>(ctx));
        VSILFILE *fp = oHandle.Get();
        if (fp == nullptr)
            return Fail(reads[0], err);
        for (size_t i = 0; i < n; i += MAX_PARALLEL)
        {
            const size_t k = std::min(MAX_PARALLEL, n - i);
            if (k > 1 && ReadGroup(fp, reads + i, k))
                continue;
            for (size_t j = i; j < i + k; j++)
                if (!ReadOne(fp, reads[j]) || (reads[j].got == 0 && !ReadOne(fp, reads[j])))
                    return Fail(reads[j], err);
        }
        return H5R_OK;
    }
    catch (const std::bad_alloc &)
    {
        *err = h5r_error{};
        err->status = H5R_ERR_NOMEM;
        snprintf(err->message, sizeof err->message, "out of memory");
        return H5R_ERR_NOMEM;
    }
}

// Size and time, which opening a network file has told: no request. Not of a file so young that it may change again within its second.
bool Identity(void *ctx, char *pszOut, size_t nCap) noexcept
{
    constexpr int YOUNG = 2;
    const auto &src = *static_cast<const VSISource *>(ctx);
    const OnBehalfOf oCaller(src);
    const h5range::NoListing oNoListing;
    VSIStatBufL sStat;
    if (VSIStatExL(src.osName.c_str(), &sStat, VSI_STAT_SIZE_FLAG | VSI_STAT_EXISTS_FLAG) != 0 || sStat.st_mtime <= 0 ||
        sStat.st_mtime > time(nullptr) - YOUNG)
        return false;
    const int n = snprintf(pszOut, nCap, "size " CPL_FRMT_GUIB ", modified " CPL_FRMT_GIB, static_cast<GUIntBig>(sStat.st_size),
                           static_cast<GIntBig>(sStat.st_mtime));
    return n > 0 && static_cast<size_t>(n) < nCap;
}

bool HasScheme(const std::string &osName)
{
    return osName.find("://") != std::string::npos;
}

// A file beside another one of the same file system. Names of URLs are percent-encoded, keys of object stores are not.
std::string BesideName(const std::string &osName, const std::string &osOther)
{
    const bool bURL = HasScheme(osName);
    const std::string osBase = bURL ? osName.substr(0, osName.find_first_of("?#", osName.find("://"))) : osName;
    std::string osPart = osOther;
    if (bURL)
    {
        osPart.clear();
        for (const char ch : osOther)
            if (isalnum(static_cast<unsigned char>(ch)) || strchr("-._~/", ch) != nullptr)
                osPart += ch;
            else
                osPart += CPLSPrintf("%%%02X", static_cast<unsigned char>(ch));
    }
    const size_t nSlash = osBase.rfind('/');
    return nSlash == std::string::npos ? osPart : osBase.substr(0, nSlash + 1) + osPart;
}

h5r_status OpenOther(void *ctx, const char *pszName, bool bBeside, h5r_source *psOut, h5r_error *err) noexcept
{
    const auto &src = *static_cast<const VSISource *>(ctx);
    *err = h5r_error{};
    err->offset = H5R_UNDEFINED;
    try
    {
        const OnBehalfOf oCaller(src);
        const std::string osName = bBeside ? BesideName(src.osName, pszName) : h5range::MapURI(pszName);
        std::string osWhy;
        VSILFILE *fp = h5range::OpenHandle(osName, osWhy);
        if (fp != nullptr)
        {
            h5range::OpenSource(fp, osName, psOut);
            return H5R_OK;
        }
        const bool bMissing = !h5range::IsNetworkPath(osName) || osWhy.empty() || osWhy.find("404") != std::string::npos;
        err->status = bMissing ? H5R_ERR_NOT_FOUND : H5R_ERR_IO;
        snprintf(err->message, sizeof err->message, "%s: %s", osName.c_str(), osWhy.empty() ? "cannot be opened" : osWhy.c_str());
    }
    catch (const std::bad_alloc &)
    {
        err->status = H5R_ERR_NOMEM;
        snprintf(err->message, sizeof err->message, "out of memory");
    }
    return err->status;
}

void Close(void *ctx) noexcept
{
    auto poSource = static_cast<VSISource *>(ctx);
    for (VSILFILE *fp : poSource->apIdle)
        VSIFCloseL(fp);
    delete poSource;
}

// A file of the operating system, read by the core itself: several threads at once. GDAL finds what lies elsewhere.
struct LocalSource
{
    LocalSource(const h5r_source &sFileIn, const std::string &osName) : sFile(sFileIn), sNames(nullptr, osName)
    {
    }
    h5r_source sFile;
    VSISource sNames; // without a handle
};

h5r_status ReadLocal(void *ctx, h5r_read *reads, size_t n, h5r_error *err) noexcept
{
    const auto &sFile = static_cast<LocalSource *>(ctx)->sFile;
    return sFile.read_ranges(sFile.ctx, reads, n, err);
}

h5r_status OpenLocalOther(void *ctx, const char *pszName, bool bBeside, h5r_source *psOut, h5r_error *err) noexcept
{
    auto poSource = static_cast<LocalSource *>(ctx);
    return OpenOther(&poSource->sNames, pszName, bBeside, psOut, err);
}

bool LocalIdentity(void *ctx, char *pszOut, size_t nCap) noexcept
{
    const auto &sFile = static_cast<LocalSource *>(ctx)->sFile;
    return sFile.identity(sFile.ctx, pszOut, nCap);
}

void CloseLocal(void *ctx) noexcept
{
    auto poSource = static_cast<LocalSource *>(ctx);
    poSource->sFile.close(poSource->sFile.ctx);
    delete poSource;
}

} // namespace

namespace h5range
{

// Whether a path begins with a file system that leads over the network.
static bool BeginsWithNetwork(const char *pszPath)
{
    static const char *const apszPrefixes[] = {"/vsicurl/", "/vsicurl?", "/vsis3/", "/vsigs/", "/vsiaz/", "/vsiadls/",
                                               "/vsioss/", "/vsiswift/", "/vsihdfs/", "/vsiwebhdfs/"};
    for (const char *pszPrefix : apszPrefixes)
        if (STARTS_WITH_CI(pszPath, pszPrefix))
            return true;
    return false;
}

static std::string Unescaped(const std::string &osText)
{
    const std::unique_ptr<char, decltype(&VSIFree)> pszText(CPLUnescapeString(osText.c_str(), nullptr, CPLES_URL), VSIFree);
    return pszText.get();
}

// Also "/vsizip//vsicurl/https://host/x.zip/x.nc", "/vsizip/{/vsis3/b/x.zip}/x.nc", "/vsisubfile/512_1000,/vsicurl/https://host/x": a name
// begins a file system where it begins or follows what a chain is made of, not in a folder that is called so.
bool IsNetworkPath(const std::string &osPath)
{
    if (!STARTS_WITH_CI(osPath.c_str(), "/vsi"))
        return false;
    for (size_t n = osPath.find("/vsi"); n != std::string::npos; n = osPath.find("/vsi", n + 1))
        if ((n == 0 || strchr("/,={", osPath[n - 1]) != nullptr) && BeginsWithNetwork(osPath.c_str() + n))
            return true;
    if (!STARTS_WITH_CI(osPath.c_str(), "/vsicached?") || osPath.find('%') == std::string::npos)
        return false;
    const std::string osUnescaped = Unescaped(osPath);
    return osUnescaped != osPath && IsNetworkPath(osUnescaped);
}

static void OpenVSISource(VSILFILE *fp, const std::string &osName, h5r_source *psSource)
{
    const bool bNetwork = IsNetworkPath(osName), bDirect = BeginsWithNetwork(osName.c_str()); // or through another file system

    h5r_source_init(psSource);
    psSource->ctx = new VSISource(fp, osName);
    psSource->read_ranges = ReadRanges;
    psSource->close = Close;
    psSource->open_other = OpenOther;
    psSource->remote = bNetwork;
    psSource->one_at_a_time = !bDirect; // a second handle of a compressed file would decompress it a second time
    snprintf(psSource->name, sizeof psSource->name, "%s", osName.c_str());
    // Opening a network file has told its size already (HEAD, or the Content-Range of the first bytes): no request.
    if (VSIFSeekL(fp, 0, SEEK_END) == 0)
        psSource->size = VSIFTellL(fp);
    (void)VSIFSeekL(fp, 0, SEEK_SET);
    if (bNetwork)
    {
        if (bDirect) // others may have to read the whole file for its size
            psSource->identity = Identity;
        // What a request costs decides how much is read at once: milliseconds, megabytes a second. 0: the core's defaults.
        h5r_source_tune(psSource, CPLAtof(CPLGetConfigOption("H5RANGE_LATENCY", "0")) / 1000,
                        CPLAtof(CPLGetConfigOption("H5RANGE_BANDWIDTH", "0")) * 1e6);
    }
    else
    {
        psSource->block = 4096;
    }
}

void OpenSource(VSILFILE *fp, const std::string &osName, h5r_source *psSource)
{
    h5r_source sFile;
    if (STARTS_WITH(osName.c_str(), "/vsi") || h5r_source_open_file(osName.c_str(), &sFile, nullptr) != H5R_OK)
    {
        OpenVSISource(fp, osName, psSource);
        return;
    }
    VSIFCloseL(fp);
    *psSource = sFile;
    psSource->ctx = new LocalSource(sFile, osName);
    psSource->read_ranges = ReadLocal;
    psSource->close = CloseLocal;
    psSource->open_other = OpenLocalOther;
    psSource->identity = LocalIdentity;
}

} // namespace h5range
