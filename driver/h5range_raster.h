// The classic raster view of a file: a container of subdatasets, or one array as bands.
#ifndef H5RANGE_RASTER_H
#define H5RANGE_RASTER_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gdal_pam.h"

#include "h5range_cf.h"
#include "h5range_file.h"
#include "h5range_options.h"

namespace h5range
{

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 13, 0)
using MetadataList = CSLConstList;
using OptionList = CSLConstList;
#else
using MetadataList = char **;
using OptionList = char **;
#endif

/** An array that a container lists. */
struct Subdataset
{
    std::string osFullName, osStandardName;
    std::shared_ptr<GDALMDArray> poArray;
};

/** What the file says of an array's storage that GDAL's multidimensional classes do not. */
struct Storage
{
    bool bInt8 = false;   // signed 8-bit integers, for which GDAL before 3.7 has no type
    size_t nUnsigned = 0; // bytes of signed integers that are unsigned by convention
    bool bChunked = false, bFiltered = false;
    bool bValidRange = false; // values outside dfMin to dfMax are missing
    double dfMin = 0, dfMax = 0;
    std::vector<GByte> abyFill{}; // netCDF's default fill value where its library set it: it marks missing values then
};
Storage StorageOf(const File &oFile, const GDALMDArray &oArray);

/** netCDF's default fill value of a type, which its library writes into every variable unless told otherwise. Bytes have none
 * that would be taken for missing. */
std::vector<GByte> NetCDFFill(GDALDataType eType);

class OrthoArray;

class RasterDataset final : public GDALPamDataset
{
  public:
    RasterDataset(const std::shared_ptr<File> &poFile, const ParsedName &oName, const RasterOptions &oOptions,
                  const std::shared_ptr<GDALGroup> &poRoot);
    ~RasterDataset() override;

    /** Makes the bands of an array; false with an error when it is no raster, or has no lookup table where one is asked for. */
    bool SetArray(const std::shared_ptr<GDALMDArray> &poArray);
    void SetSubdatasets(const std::vector<Subdataset> &aoSubdatasets);
    /** Attributes of the root group and of the groups named, as metadata. */
    void SetGroupMetadata(const std::vector<std::pair<std::string, std::shared_ptr<GDALGroup>>> &aoGroups);
    /** Those of an object as GDAL's HDF5 driver names them. */
    void SetHDF5Metadata(const std::string &osObject, const Attributes &oAttributes);
    /** Side files: of remote ones in GDAL_PAM_PROXY_DIR alone. bContainer: nothing is ever written for it. */
    void SetSideFiles(bool bContainer);

    /** Prefix and name of another array of the same file, as a user writes it. */
    std::string NameOf(const std::string &osArray) const;

    const OGRSpatialReference *GetSpatialRef() const override;
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
    CPLErr GetGeoTransform(GDALGeoTransform &oGT) const override;
#else
    CPLErr GetGeoTransform(double *padfGeoTransform) override;
#endif
    int GetGCPCount() override;
    const OGRSpatialReference *GetGCPSpatialRef() const override;
    const GDAL_GCP *GetGCPs() override;
    char **GetFileList() override;
    CPLErr TrySaveXML() override;
    CPLErr IBuildOverviews(const char *pszResampling, int nOverviews, const int *panOverviews, int nListBands, const int *panListBands,
                           GDALProgressFunc pfnProgress, void *pProgressData, CSLConstList papszOptions) override;
    char **GetMetadataDomainList() override;
    MetadataList GetMetadata(const char *pszDomain = "") override;
    const char *GetMetadataItem(const char *pszName, const char *pszDomain = "") override;
    CPLErr AdviseRead(int nXOff, int nYOff, int nXSize, int nYSize, int nBufXSize, int nBufYSize, GDALDataType eType, int nBandCount,
                      int *panBandMap, OptionList papszOptions) override;

  protected:
    CPLErr IRasterIO(GDALRWFlag eRWFlag, int nXOff, int nYOff, int nXSize, int nYSize, void *pData, int nBufXSize, int nBufYSize,
                     GDALDataType eBufType, int nBandCount, int *panBandMap, GSpacing nPixelSpace, GSpacing nLineSpace, GSpacing nBandSpace,
                     GDALRasterIOExtraArg *psExtraArg) override;

  private:
    friend class RasterBand;

    struct Window
    {
        int nXOff, nYOff, nXSize, nYSize;
    };
    /** A caller's memory; spacings in bytes. */
    struct Buffer
    {
        void *pData;
        GDALDataType eType;
        GSpacing nPixelSpace, nLineSpace, nBandSpace;
    };
    enum class Outcome
    {
        DONE,
        FAILED,
        BY_BLOCKS // the base class answers, from the block cache where it can
    };

    /** Blocks, the last ones included. */
    struct Blocks
    {
        int nX0, nY0, nX1, nY1;

        bool operator==(const Blocks &o) const
        {
            return nX0 == o.nX0 && nY0 == o.nY0 && nX1 == o.nX1 && nY1 == o.nY1;
        }
    };
    /** A block that goes to a caller's memory rather than to the block cache. */
    struct Target
    {
        int iBand, nX, nY;
        void *pImage;
    };
    static constexpr Target NOWHERE{-1, -1, -1, nullptr};
    /** What was read last, to notice who reads in order. */
    struct Course
    {
        int iBand = -1, nBX = -1, nBY = -1;
        GIntBig nStep = 0; // blocks from the one before to that
        Window sWindow{-1, -1, -1, -1};
        int nBeside = 0; // windows in a row that lay beside the one before
    };

    /** Reads a window of bands (from 0) straight from the array. */
    bool Read(const std::vector<int> &anBands, const Window &sWindow, const Buffer &sBuffer) const;
    /** Reads windows of the array as one plan, values outside its valid range as nodata. */
    bool ReadSlabs(const std::vector<Hyperslab> &aoSlabs, GDALDataType eType) const;
    /** What such a window is in the array: a hyperslab for each run of bands that one can say. */
    void AddSlabs(std::vector<Hyperslab> &aoSlabs, const std::vector<int> &anBands, const Window &sWindow, const Buffer &sBuffer) const;
    Hyperslab NextSlab(const std::vector<int> &anBands, size_t &iBand, const Window &sWindow, const Buffer &sBuffer) const;
    /** The part of blocks that lies in the raster, and blocks that a window touches. */
    Window WindowOf(const Blocks &sBlocks) const;
    Blocks BlocksOf(const Window &sWindow) const;
    /** Reads blocks of several bands at once, those that are cached excepted; that of the target goes there, the others into the block cache. */
    bool LoadBlocks(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget);
    bool LoadQuietly(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget);
    void LoadForResampling(const std::vector<int> &anBands, const Window &sWindow, int nBufXSize, int nBufYSize);
    bool LoadInPlace(const std::vector<int> &anBands, const std::vector<Blocks> &asBlocks, const Target &sTarget);
    bool LoadThroughBuffer(const std::vector<int> &anBands, const Blocks &sBlocks, const Target &sTarget);
    bool AreCached(const std::vector<int> &anBands, const Blocks &sBlocks);
    bool CopyCachedBlock(int iBand, int nBX, int nBY, void *pImage);
    Outcome ReadWindow(const std::vector<int> &anBands, const Window &sWindow, int nBufXSize, int nBufYSize, const Buffer &sBuffer);
    CPLErr ReadBlock(int iBand, int nBX, int nBY, void *pImage);
    /** Notes a window that will be read; the first read of a part of it loads all of it. */
    void Advise(const std::vector<int> &anBands, const Window &sWindow);
    /** Does so when that is what the blocks of some bands are part of; false when they are not, or when that failed. */
    bool LoadAdvised(const std::vector<int> &anBands, const Blocks &sBlocks, const Target &sTarget);
    std::vector<int> BandsOfChunk(int iBand) const;
    /** Whether values come from the system's cache as they are: local, without filters. */
    bool IsPlain() const;

    void LoadSideFile();
    void SetValidRange();
    /** Axes and georeferencing of products that have them in other forms than CF's. */
    void SetProductAxes();
    void SetProductGeoreferencing();
    bool SetEOSGeolocation();
    void SetEOSGrid();
    void SetLookupTableGrid();
    void SetStoredGeoTransform(const double *padfStored);
    bool FindGPMAxes(int &iX, int &iY) const;
    bool SetGPMGrid();
    bool SetRadar();
    bool SetCosmoSkyMed();
    bool IsCosmoSkyMed() const;
    /** Adds a point in WGS 84. */
    void AddGCP(double dfCol, double dfRow, double dfLongitude, double dfLatitude, double dfHeight) const;
    /** Makes those of names in HDF5's form, once. */
    void FindGCPs() const;
    /** Where in the file a block of a band lies: offset and size in bytes; false for one that was never written, or that is none of
     * the file's. */
    bool FindBlock(int iBand, int nBX, int nBY, GUInt64 &nOffset, GUInt64 &nSize) const;
    void AssumeLongLat();
    void SetArrayMetadata();
    void SetGeolocation();
    void SetImageStructure();
    std::vector<GUInt64> BandIndex(int iBand) const;
    std::string BandDescription(int iBand) const;
    CPLStringList BandMetadata(int iBand);
    void SetValuesOfBand(int iBand, CPLStringList &aosItems) const;
    std::string UnpackedName(const std::string &osFullName) const;
    void SetGeolocationItems(const std::string &osX, const std::string &osY, const int *panOffset, const int *panStep);
    MetadataList Stats();
    MetadataList Json(const std::string &osKey);

    const std::shared_ptr<File> m_poFile;
    const ParsedName m_oName;
    RasterOptions m_oOptions;
    const std::shared_ptr<GDALGroup> m_poRoot;
    std::shared_ptr<GDALMDArray> m_poArray{};
    std::shared_ptr<OrthoArray> m_poOrtho{}; // the same, where it is a swath by a lookup table
    std::unique_ptr<CFArray> m_poCF{};
    Storage m_sStorage{};
    std::string m_osKey{}; // of the array in metadata: no slash for one in the root group

    std::vector<int> m_anExtraDims{}; // the dimensions that became bands, slowest first
    std::vector<GUInt64> m_anExtraSizes{};
    int m_iXDim = -1, m_iYDim = -1;
    bool m_bBottomUp = false;
    int m_nBlockXSize = 0, m_nBlockYSize = 0, m_nChunkBands = 1;
    GDALDataType m_eType = GDT_Unknown;
    bool m_bSignedByte = false; // GDAL before 3.7: Byte with PIXELTYPE=SIGNEDBYTE

    bool m_bProxy = false; // side files of a remote file, in GDAL_PAM_PROXY_DIR

    Course m_sLast{};
    std::vector<int> m_anAdvisedBands{}; // empty: nothing was announced
    Blocks m_sAdvised{0, 0, -1, -1};
    std::unique_ptr<GByte[]> m_pabyRead{}; // of LoadThroughBuffer(), kept for the next call
    size_t m_nReadBytes = 0;

    std::shared_ptr<OGRSpatialReference> m_poSRS{};
    bool m_bHasGeoTransform = false;
    double m_adfGeoTransform[6] = {0, 1, 0, 0, 0, 1};
    std::vector<std::vector<std::string>> m_aaosExtraValues{}; // coordinates of the extra dimensions, as text; empty where there are none
    std::vector<std::shared_ptr<GDALMDArray>> m_apoExtraVariables{}; // that have them, until they are read
    mutable std::vector<GDAL_GCP> m_asGCPs{}; // with names and remarks of static storage
    mutable std::shared_ptr<OGRSpatialReference> m_poGCPSRS{};
    mutable bool m_bHasLookedForGCPs = false;
    CPLStringList m_aosArrayMetadata{}; // of every band alike
    CPLStringList m_aosStats{};
    std::map<std::string, CPLStringList> m_oJson{}; // trees of metadata groups, by name
};

class RasterBand final : public GDALPamRasterBand
{
  public:
    RasterBand(RasterDataset *poRasterDS, int nBandIn);

    double GetNoDataValue(int *pbSuccess = nullptr) override;
    int64_t GetNoDataValueAsInt64(int *pbSuccess = nullptr) override;
    uint64_t GetNoDataValueAsUInt64(int *pbSuccess = nullptr) override;
    double GetScale(int *pbSuccess = nullptr) override;
    double GetOffset(int *pbSuccess = nullptr) override;
    const char *GetUnitType() override;
    MetadataList GetMetadata(const char *pszDomain = "") override;
    const char *GetMetadataItem(const char *pszName, const char *pszDomain = "") override;
    CPLErr AdviseRead(int nXOff, int nYOff, int nXSize, int nYSize, int nBufXSize, int nBufYSize, GDALDataType eType,
                      OptionList papszOptions) override;

  protected:
    CPLErr IReadBlock(int nBlockXOff, int nBlockYOff, void *pImage) override;
    CPLErr IRasterIO(GDALRWFlag eRWFlag, int nXOff, int nYOff, int nXSize, int nYSize, void *pData, int nBufXSize, int nBufYSize,
                     GDALDataType eBufType, GSpacing nPixelSpace, GSpacing nLineSpace, GDALRasterIOExtraArg *psExtraArg) override;

  private:
    friend class RasterDataset;
    void EnsureMetadata();

    RasterDataset *m_poRasterDS;
    bool m_bHasMetadata = false;
    std::string m_osBlock{}; // last answer about one
};

GDALDataset *OpenVariablesAsBands(const std::shared_ptr<File> &poFile, const ParsedName &oName, const RasterOptions &oOptions,
                                  const std::shared_ptr<GDALGroup> &poRoot, const std::vector<std::shared_ptr<GDALMDArray>> &apoArrays);

/** Files whose rows GDAL's netCDF driver takes to start in the south when nothing tells the order; its HDF5 driver, to which other
 * extensions go, shows them as they are stored. */
bool IsNetCDF(const ParsedName &oName, const GDALGroup &oRoot);

/** Radar data of ODIM_H5: what an array is stands in groups "what", "where" and "how" beside it and above. */
bool IsODIM(const GDALGroup &oRoot);

inline bool IsRasterType(const GDALExtendedDataType &oType)
{
    return oType.GetClass() == GEDTC_NUMERIC && oType.GetNumericDataType() != GDT_Unknown;
}

/** "{a,b}", as the netCDF driver writes lists. */
std::string Braced(const std::vector<std::string> &aosValues);

/** An attribute's value in the form that GDAL's netCDF driver gives it. nUnsigned: signed integers of that many bytes are unsigned,
 * as those of an array with _Unsigned are. */
std::string MetadataText(const GDALAttribute &oAttribute, size_t nUnsigned = 0);
/** Numbers in that form, by the type they have in the file. */
std::string NumberText(const void *pValue, GDALDataType eType, const char *pszDoubleFormat = "%.16g");
/** "16-bit integer" and the like. */
const char *TypeText(GDALDataType eType);
/** Attributes that describe HDF5's or netCDF-4's own bookkeeping. */
bool IsBookkeeping(const Attributes &oAttributes, const std::string &osName);
/** Name in metadata keys: "var" in the root group, "/group/var" elsewhere. */
std::string MetadataKey(const std::string &osFullName);

} // namespace h5range

#endif
