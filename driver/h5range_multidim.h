// Groups, arrays, attributes and dimensions of one HDF5 file as GDAL's multidimensional classes.
#ifndef H5RANGE_MULTIDIM_H
#define H5RANGE_MULTIDIM_H

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gdal_pam.h"

#include "h5range_hdfeos.h"
#include "h5range_types.h"

namespace h5range
{

class Group;
class Array;

/** Full name of what a group with a full name has under a name. */
std::string JoinPath(const std::string &osParent, const std::string &osName);

/** A group on the way from the root to an object. */
struct Place
{
    const h5r_object *psGroup;
    std::string osPath; // "/", "/a", "/a/b"
};
using Chain = std::vector<Place>; // root first

/** An object of the file by a link of a group. */
struct Child
{
    std::string osName;     // in GDAL
    std::string osLink;     // in the file
    const h5r_object *psObject;
};

class Dimension final : public GDALDimension
{
  public:
    Dimension(const std::shared_ptr<class Session> &poSession, const std::string &osParentName, const std::string &osName,
              const std::string &osType, const std::string &osDirection, GUInt64 nSize, const std::string &osVariable);

    std::shared_ptr<GDALMDArray> GetIndexingVariable() const override;
    /** Coordinates that no array has: those of pixel centres along an edge. */
    void SetRegular(double dfFirst, double dfStep);

  private:
    bool m_bRegular = false;
    double m_dfFirst = 0, m_dfStep = 0;
    std::shared_ptr<class Session> m_poSession;
    std::string m_osVariable; // full name of its coordinate variable, or empty
};

/** What the objects of one open of a file share: the file, prefetching, dimensions. */
class Session : public std::enable_shared_from_this<Session>
{
  public:
    explicit Session(const std::shared_ptr<File> &poFile);
    ~Session();
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    const std::shared_ptr<File> &GetFile() const
    {
        return m_poFile;
    }
    h5r_file *Handle() const
    {
        return m_poFile->Handle();
    }
    const std::shared_ptr<GDALPamMultiDim> &GetPam() const
    {
        return m_poPam;
    }

    /** Links of a group as objects: hard links, and soft links to datasets; in creation order where the file has it. What
     * cannot be read is left out with a warning. */
    std::vector<Child> GetChildren(const h5r_object *psGroup, const std::string &osPath);

    /** Attribute of an object; nullptr when it has none of that name, or an unreadable one. */
    const h5r_attr *FindAttribute(const h5r_object *psObject, const char *pszName) const;
    /** Value of a text attribute of one element; empty when there is none. */
    std::string GetText(const h5r_object *psObject, const char *pszName) const;

    /** Loads an object with its attributes and the dimension scales it refers to in as few rounds as that takes. */
    void PrefetchObject(const h5r_object *psObject, const std::string &osPath);
    /** Called when a group is listed: loads what is directly in it; from the second group on everything below the root, as the
     * caller is walking through the file. */
    void PrefetchListed(const h5r_object *psGroup);

    /** The root group with its path. */
    Place Root() const;

    std::shared_ptr<GDALMDArray> OpenArray(const std::string &osFullName);

    /** Dimensions of a dataset: those of its scales, its labels, or anonymous ones. */
    std::vector<std::shared_ptr<GDALDimension>> GetDimensions(const Chain &aoChain, const h5r_object *psObject,
                                                              const h5r_dataset *psDataset, const std::string &osName);
    /** The dimension that a scale stands for. nSize: extent of the array that uses it. */
    std::shared_ptr<GDALDimension> GetScaleDimension(const h5r_object *psScale, const std::string &osPath, GUInt64 nSize);
    /** Length that a scale gives its dimension. */
    GUInt64 GetScaleSize(const h5r_object *psScale) const;
    /** That of an unlimited dimension without a variable, whose scale netCDF does not lengthen: as long as the longest array on it. */
    GUInt64 GetUnlimitedSize(const h5r_object *psScale) const;

    /** What the file's text on HDF-EOS5 says of an array; nullptr where it says nothing. */
    const EOSField *GetEOSField(const std::string &osFullName);
    /** YDim and XDim of a grid of HDF-EOS5, whose coordinates the text tells, by the full name of its folder; none of other groups. */
    std::vector<std::shared_ptr<GDALDimension>> GetEOSGridDimensions(const std::string &osGroup);

    bool IsScale(const h5r_object *psObject) const;
    /** netCDF's number of the dimension that a scale stands for; -1 when it has none. */
    GInt64 GetDimensionId(const h5r_object *psScale) const;
    /** A scale that netCDF-4 writes for a dimension without a variable. */
    bool IsPureDimension(const h5r_object *psObject) const;

  private:
    std::shared_ptr<GDALDimension> GetEOSDimension(const EOSField &oField, const std::string &osGroup, const std::string &osName, GUInt64 nSize);
    std::string FindPath(const Chain &aoChain, const h5r_object *psObject);
    std::vector<const h5r_object *> GetScales(const h5r_object *psObject, unsigned nRank);
    std::vector<const h5r_object *> GetScalesByIds(const Chain &aoChain, const h5r_object *psObject, unsigned nRank);
    unsigned PhonyNumber(const Chain &aoChain, const h5r_object *psObject, const h5r_dataset *psDataset, unsigned iDim);

    std::shared_ptr<File> m_poFile;
    std::shared_ptr<GDALPamMultiDim> m_poPam;
    std::once_flag m_oEOSRead{};
    std::shared_ptr<const HDFEOS> m_poEOS{};
    std::mutex m_oMutex{};
    unsigned m_nListed = 0;       // groups listed so far
    bool m_bWholeFile = false;    // everything has been prefetched
    const h5r_object *m_psListed = nullptr; // the last of them
    std::map<std::pair<const h5r_object *, GUInt64>, std::weak_ptr<GDALDimension>> m_oDimensions{};
    using PhonyNumbers = std::map<std::pair<const h5r_object *, unsigned>, unsigned>; // (dataset, dimension) -> number
    std::map<const h5r_object *, PhonyNumbers> m_oPhony{};                            // by group
};

class Attribute final : public GDALAttribute
{
  public:
    /** nullptr, with a warning, when the attribute cannot be read. hFile: the object's. */
    static std::shared_ptr<GDALAttribute> Create(const std::shared_ptr<File> &poFile, h5r_file *hFile, const std::string &osParentName,
                                                 const h5r_attr *psAttr);

    const std::vector<std::shared_ptr<GDALDimension>> &GetDimensions() const override
    {
        return m_aoDims;
    }
    const GDALExtendedDataType &GetDataType() const override
    {
        return m_poType->GDALType();
    }
    /** Whether the file has it as integers of that many bytes. */
    bool IsInteger(size_t nBytes) const
    {
        return m_psAttr->type->cls == H5R_CLASS_INTEGER && m_psAttr->type->size == nBytes;
    }
    bool IsSignedInteger(size_t nBytes) const
    {
        return IsInteger(nBytes) && m_psAttr->type->is_signed;
    }

  protected:
    bool IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
               const GDALExtendedDataType &oBufferType, void *pBuffer) const override;

  private:
    Attribute(const std::shared_ptr<File> &poFile, h5r_file *hFile, const std::string &osParentName, const h5r_attr *psAttr,
              const std::shared_ptr<const Type> &poType);

    std::shared_ptr<File> m_poFile;
    h5r_file *m_hFile; // that it lies in: m_poFile's, or one that is a part of it
    const h5r_attr *m_psAttr;
    std::shared_ptr<const Type> m_poType;
    std::vector<std::shared_ptr<GDALDimension>> m_aoDims{};
};

/** Attributes of an object as GDAL shows them; apszHidden (NULL-terminated) are left out unless papszOptions has SHOW_ALL. */
std::vector<std::shared_ptr<GDALAttribute>> ListAttributes(const Session &oSession, const h5r_object *psObject, const std::string &osFullName,
                                                           const char *const *papszHidden, CSLConstList papszOptions);

/** GROUP_BY=SAME_DIMENSION. */
bool GroupsByDimension(CSLConstList papszOptions);

class Group final : public GDALGroup
{
  public:
    static std::shared_ptr<Group> Create(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName);

    std::vector<std::string> GetGroupNames(CSLConstList papszOptions) const override;
    std::shared_ptr<GDALGroup> OpenGroup(const std::string &osName, CSLConstList papszOptions) const override;
    std::vector<std::string> GetMDArrayNames(CSLConstList papszOptions) const override;
    std::shared_ptr<GDALMDArray> OpenMDArray(const std::string &osName, CSLConstList papszOptions) const override;
    std::vector<std::shared_ptr<GDALDimension>> GetDimensions(CSLConstList papszOptions) const override;
    std::shared_ptr<GDALAttribute> GetAttribute(const std::string &osName) const override;
    std::vector<std::shared_ptr<GDALAttribute>> GetAttributes(CSLConstList papszOptions) const override;

    /** Names of the arrays of one dimension that lie along a dimension. */
    std::vector<std::string> LinesAlong(const std::string &osDimension) const;

  private:
    Group(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osParentName, const std::string &osName);
    std::string LineAlong(const Child &oChild) const;
    std::vector<std::string> Lines() const;
    std::shared_ptr<GDALGroup> OpenGroupOfDimension(const std::string &osName) const;
    std::shared_ptr<GDALAttribute> JsonAttribute(const std::string &osKey) const;
    /** Those of a grid of HDF-EOS5 that no object of the group has the name of. */
    std::vector<std::shared_ptr<GDALDimension>> GridDimensions() const;
    void Hide(std::vector<const Child *> &apoArrays, CSLConstList papszOptions) const;
    const std::vector<Child> &Children() const;
    const h5r_object *Find(const std::string &osName) const;

    std::shared_ptr<Session> m_poSession;
    Chain m_aoChain;
    mutable std::mutex m_oMutex{};
    mutable bool m_bListed = false;
    mutable std::vector<Child> m_aoChildren{};
};

class Array final : public GDALPamMDArray
{
  public:
    /** Emits an error and returns nullptr when the dataset cannot be described. */
    static std::shared_ptr<Array> Create(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName,
                                         const h5r_object *psObject);

    bool IsWritable() const override
    {
        return false;
    }
    /** Empty for a remote file: of views of the array, and of rasters made of them, GDAL would look for side files. */
    const std::string &GetFilename() const override
    {
        static const std::string osNone{};
        return IsNetworkPath(NameOfFile()) ? osNone : NameOfFile();
    }
    const std::vector<std::shared_ptr<GDALDimension>> &GetDimensions() const override
    {
        return m_aoDims;
    }
    const GDALExtendedDataType &GetDataType() const override
    {
        return m_poType->GDALType();
    }
    std::vector<GUInt64> GetBlockSize() const override;
    CSLConstList GetStructuralInfo() const override
    {
        return m_aosStructuralInfo.List();
    }
    const std::string &GetUnit() const override
    {
        return m_osUnit;
    }
    const void *GetRawNoDataValue() const override
    {
        return m_abyNoData.empty() ? nullptr : m_abyNoData.data();
    }
    double GetOffset(bool *pbHasOffset, GDALDataType *peStorageType) const override;
    double GetScale(bool *pbHasScale, GDALDataType *peStorageType) const override;
    std::shared_ptr<OGRSpatialReference> GetSpatialRef() const override;
    std::vector<std::shared_ptr<GDALMDArray>> GetCoordinateVariables() const override;
    const EOSField *GetEOSField() const
    {
        return m_poSession->GetEOSField(GetFullName());
    }
    std::shared_ptr<GDALAttribute> GetAttribute(const std::string &osName) const override;
    std::vector<std::shared_ptr<GDALAttribute>> GetAttributes(CSLConstList papszOptions) const override;
    /** Whether elements arrive as they are in the file. */
    bool IsDirect(const GDALExtendedDataType &oBufferType) const
    {
        return !m_bPadded && m_poType->IsDirect() && m_nFileDims == m_aoDims.size() && oBufferType == m_poType->GDALType();
    }
    /** Reads windows as one plan; only where IsDirect(). */
    bool ReadDirectly(const std::vector<Hyperslab> &aoSlabs) const;
    CPLErr GetStatistics(bool bApproxOK, bool bForce, double *pdfMin, double *pdfMax, double *pdfMean, double *pdfStdDev,
                         GUInt64 *pnValidCount, GDALProgressFunc pfnProgress, void *pProgressData) override;
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 8, 0)
    std::shared_ptr<GDALGroup> GetRootGroup() const override;
#endif
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
    bool GetRawBlockInfo(const uint64_t *panBlockCoordinates, GDALMDArrayRawBlockInfo &oInfo) const override;
#endif

  protected:
    bool IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
               const GDALExtendedDataType &oBufferType, void *pBuffer) const override;
    bool IAdviseRead(const GUInt64 *panStart, const size_t *panCount, CSLConstList papszOptions) const override;
    /** Of remote files they are not kept: nothing can be written beside them. */
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 8, 0)
    bool SetStatistics(bool bApproxStats, double dfMin, double dfMax, double dfMean, double dfStdDev, GUInt64 nValidCount,
                       CSLConstList papszOptions) override
    {
        return !GetFilename().empty() && GDALPamMDArray::SetStatistics(bApproxStats, dfMin, dfMax, dfMean, dfStdDev, nValidCount, papszOptions);
    }
#else
    bool SetStatistics(bool bApproxStats, double dfMin, double dfMax, double dfMean, double dfStdDev, GUInt64 nValidCount) override
    {
        return !GetFilename().empty() && GDALPamMDArray::SetStatistics(bApproxStats, dfMin, dfMax, dfMean, dfStdDev, nValidCount);
    }
#endif
    /** Whether GDAL may look for a file of cached values beside the file. */
    bool IsCacheable() const override
    {
        return !GetFilename().empty();
    }

  private:
    Array(const std::shared_ptr<Session> &poSession, const Chain &aoChain, const std::string &osName, const h5r_object *psObject,
          const h5r_dataset *psDataset, const std::shared_ptr<const Type> &poType);
    const std::string &NameOfFile() const
    {
        return m_poSession->GetFile()->Name();
    }
    void SetNoData();
    void SetStructuralInfo();
    bool GetDouble(const char *pszName, double &dfValue, GDALDataType &eType) const;
    /** Texts that are stored as characters along a last dimension. */
    bool ReadTexts(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                   const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const;
    /** A window that reaches beyond what is stored of an array, up to the length of its unlimited dimensions. */
    bool ReadPadded(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                    const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const;
    bool ReadStored(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                    const GDALExtendedDataType &oBufferType, void *pBuffer) const;
    bool ReadPiece(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
                   const GDALExtendedDataType &oBufferType, GByte *pabyBuffer) const;
    bool ReadFile(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const int64_t *panStrideBytes, void *pBuffer) const;
    bool ReadSelections(const h5r_selection *pasSelections, size_t n) const;

    std::shared_ptr<Session> m_poSession;
    Chain m_aoChain;
    const h5r_object *m_psObject;
    const h5r_dataset *m_psDataset;
    std::shared_ptr<const Type> m_poType;
    std::vector<std::shared_ptr<GDALDimension>> m_aoDims{};
    size_t m_nFileDims; // of m_aoDims; the others are those of an array type
    size_t m_nText = 0;    // length of texts stored as characters, whose dimension is not among m_aoDims
    bool m_bPadded = false; // shorter in the file than its unlimited dimensions are
    std::string m_osUnit{};
    std::vector<GByte> m_abyNoData{};
    CPLStringList m_aosStructuralInfo{};
    bool m_bHasScale = false, m_bHasOffset = false;
    double m_dfScale = 1, m_dfOffset = 0;
    GDALDataType m_eScaleType = GDT_Unknown, m_eOffsetType = GDT_Unknown;
    mutable std::atomic<unsigned> m_nBlocksAsked{0}; // by GetRawBlockInfo()
    mutable std::mutex m_oMutex{};
    mutable bool m_bHasSRS = false; // m_poSRS has been looked for
    mutable std::shared_ptr<OGRSpatialReference> m_poSRS{};
};

/** Copies elements of an n-dimensional window. Strides in elements. */
void CopyWindow(const GByte *pabySrc, const GDALExtendedDataType &oSrcType, const GPtrDiff_t *panSrcStride, GByte *pabyDst,
                const GDALExtendedDataType &oDstType, const GPtrDiff_t *panDstStride, const size_t *panCount, size_t nDims);

} // namespace h5range

#endif
