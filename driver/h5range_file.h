// What the parts of the driver share: open files, names, errors.
#ifndef H5RANGE_FILE_H
#define H5RANGE_FILE_H

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gdal_priv.h"

#include <h5range/h5range.h>

#include "h5range_advice.h"

namespace h5range
{

/** One open HDF5 file of the process, shared by everything that reads it: a second open costs no request. */
class File
{
  public:
    /** Opens a file, or finds it among those that are open (or were until lately, for remote ones).
     * poOpenInfo may be null; its handle and header bytes are reused. bQuiet: a file that is not HDF5 is no error. pszAdvice ends the
     * error of a file that cannot be opened. */
    static std::shared_ptr<File> Open(const std::string &osName, GDALOpenInfo *poOpenInfo, bool bQuiet = false, const char *pszAdvice = "");

    /** Drops the remote files kept for a next open. */
    static void ReleaseKept();

    ~File();
    File(const File &) = delete;
    File &operator=(const File &) = delete;

    h5r_file *Handle() const
    {
        return m_hFile;
    }
    /** As GDAL's virtual file system knows it. */
    const std::string &Name() const
    {
        return m_osName;
    }
    /** Loads all links of the file, once, so that h5r_known_path() knows every object that a reference may point to. */
    void LearnPaths() const;
    /** Windows that were announced. */
    Advice &GetAdvice() const
    {
        return m_oAdvice;
    }
    /** Emits one error for a failure of the core. */
    void Report(const h5r_error &err, const std::string &osPath = std::string(), CPLErr eClass = CE_Failure) const;

  private:
    File(h5r_file *hFile, const std::string &osName) : m_hFile(hFile), m_osName(osName)
    {
    }
    h5r_file *const m_hFile;
    const std::string m_osName;
    mutable std::once_flag m_oLearned{};
    mutable Advice m_oAdvice{};
};

/** A name as a user types it, taken apart. */
struct ParsedName
{
    std::string osOriginal;
    std::string osURI;   // for VSI: https://x is /vsicurl/https://x, s3://b/k is /vsis3/b/k
    std::string osArray; // "/group/variable"; empty: the whole file
    bool bPrefixed = false;    // H5RANGE:
    bool bForeign = false;     // HDF5: or NETCDF:
    bool bHDF5Dialect = false; // HDF5: metadata as GDAL's HDF5 driver names them
};
ParsedName ParseName(const char *pszName);

/** Whether a path leads over the network. */
bool IsNetworkPath(const std::string &osPath);

/** A name as GDAL's virtual file systems have it: "https://host/x" is "/vsicurl/https://host/x", "s3://b/k" is "/vsis3/b/k". */
std::string MapURI(const std::string &osURI);

/** GDAL asks for no directory listing in this thread while it lives. */
class NoListing
{
  public:
    NoListing();
    ~NoListing();
    NoListing(const NoListing &) = delete;
    NoListing &operator=(const NoListing &) = delete;

  private:
    bool m_bHadOld = false;
    std::string m_osOld{};
};

/** Opens a file without asking for a directory listing; osWhy says why that failed. */
VSILFILE *OpenHandle(const std::string &osName, std::string &osWhy);

/** Source over a file that GDAL has opened; takes fp over. */
void OpenSource(VSILFILE *fp, const std::string &osName, h5r_source *psSource);

std::shared_ptr<GDALGroup> OpenRootGroup(const std::shared_ptr<File> &poFile);

GDALDataset *OpenRaster(GDALOpenInfo *poOpenInfo, const std::shared_ptr<File> &poFile, const ParsedName &oName);

/** A window of an array and the place of its first element. Strides in elements. */
struct Hyperslab
{
    std::vector<GUInt64> anStart;
    std::vector<size_t> anCount;
    std::vector<GInt64> anStep;
    std::vector<GPtrDiff_t> anStride;
    void *pDst;
};

/** Reads windows of one of our arrays: all as one plan where the values need no conversion. */
bool ReadWindows(const GDALMDArray &oArray, const std::vector<Hyperslab> &aoSlabs, const GDALExtendedDataType &oType);

/** The array of a full name such as "/group/variable" (a missing first slash is added); null without an error when there is none. */
std::shared_ptr<GDALMDArray> OpenArray(const std::shared_ptr<GDALGroup> &poRoot, const std::string &osPath);

} // namespace h5range

#endif
