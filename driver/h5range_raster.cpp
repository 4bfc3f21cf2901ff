// One array as bands.
#include "h5range_raster.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "h5range_ortho.h"

namespace h5range
{

namespace
{

// Strips of arrays that are not chunked.
constexpr GIntBig STRIP_BYTES = 256 * 1024;

template <class T> std::vector<GByte> BytesOf(T value)
{
    const auto *paby = reinterpret_cast<const GByte *>(&value);
    return std::vector<GByte>(paby, paby + sizeof(T));
}

} // namespace

std::vector<GByte> NetCDFFill(GDALDataType eType)
{
    switch (eType)
    {
        case GDT_Int16:
            return BytesOf<GInt16>(-32767);
        case GDT_UInt16:
            return BytesOf<GUInt16>(65535);
        case GDT_Int32:
            return BytesOf<GInt32>(-2147483647);
        case GDT_UInt32:
            return BytesOf<GUInt32>(4294967295U);
        case GDT_Int64:
            return BytesOf<GInt64>(-9223372036854775806);
        case GDT_UInt64:
            return BytesOf<GUInt64>(18446744073709551614U);
        case GDT_Float32:
            return BytesOf<float>(9.9692099683868690e+36f);
        case GDT_Float64:
            return BytesOf<double>(9.9692099683868690e+36);
        default:
            return {};
    }
}

Storage StorageOf(const File &oFile, const GDALMDArray &oArray)
{
    Storage sStorage;
    const h5r_object *psObject = nullptr;
    const h5r_dataset *psDataset = nullptr;
    h5r_error err;
    if (h5r_lookup(oFile.Handle(), nullptr, oArray.GetFullName().c_str(), &psObject, &err) != H5R_OK ||
        h5r_dataset_describe(oFile.Handle(), psObject, &psDataset, &err) != H5R_OK)
        return sStorage;
    const h5r_type *psType = psDataset->type->cls == H5R_CLASS_ENUM ? psDataset->type->base : psDataset->type;
    sStorage.bChunked = psDataset->layout == H5R_LAYOUT_CHUNKED;
    sStorage.bFiltered = psDataset->n_filters > 0;
    sStorage.bInt8 = psType->cls == H5R_CLASS_INTEGER && psType->size == 1 && psType->is_signed &&
                     oArray.GetDataType().GetNumericDataType() == GDT_Int16;
    const GDALDataType eType = oArray.GetDataType().GetNumericDataType();
    if (psDataset->type->cls == H5R_CLASS_INTEGER && psType->is_signed && (eType == GDT_Byte || eType == GDT_UInt16 || eType == GDT_UInt32 || eType == GDT_UInt64))
        sStorage.nUnsigned = psType->size;

    // The default fill value means "missing" where netCDF's library put it there, not in any HDF5 file.
    const auto abyDefault = NetCDFFill(oArray.GetDataType().GetNumericDataType());
    if (psDataset->fill == H5R_FILL_USER && psDataset->fill_value != nullptr && !abyDefault.empty() && psType->size == abyDefault.size() &&
        (psType->cls == H5R_CLASS_INTEGER || psType->cls == H5R_CLASS_FLOAT))
    {
        std::vector<GByte> abyFill(static_cast<const GByte *>(psDataset->fill_value), static_cast<const GByte *>(psDataset->fill_value) + psType->size);
        h5r_swap(psType, abyFill.data(), 1);
        if (abyFill == abyDefault)
            sStorage.abyFill = abyFill;
    }
    return sStorage;
}

bool IsNetCDF(const ParsedName &oName, const GDALGroup &oRoot)
{
    if (oName.bForeign)
        return !oName.bHDF5Dialect;
    const char *pszExt = CPLGetExtension(oName.osURI.c_str());
    for (const char *psz : {"h5", "hdf5", "he5", "hdf"})
        if (EQUAL(pszExt, psz))
            return false;
    for (const char *psz : {"nc", "nc4", "cdf", "nc2", "nc3", "grd"})
        if (EQUAL(pszExt, psz))
            return true;
    return Attributes(oRoot).Find("_NCProperties") != nullptr;
}

RasterDataset::RasterDataset(const std::shared_ptr<File> &poFile, const ParsedName &oName, const RasterOptions &oOptions,
                             const std::shared_ptr<GDALGroup> &poRoot)
    : m_poFile(poFile), m_oName(oName), m_oOptions(oOptions), m_poRoot(poRoot)
{
    if (oName.bHDF5Dialect && m_oOptions.eRows == RasterOptions::Rows::AUTO) // GDAL's HDF5 driver turns no rows
        m_oOptions.eRows = RasterOptions::Rows::TOP_DOWN;
    nRasterXSize = nRasterYSize = 512; // of a container, as GDAL's other drivers have it
    eAccess = GA_ReadOnly;
}

bool RasterDataset::SetArray(const std::shared_ptr<GDALMDArray> &poArray)
{
    const std::string &osArray = poArray->GetFullName();
    const auto Fail = [&](const char *pszWhy)
    {
        CPLError(CE_Failure, CPLE_NotSupported, "%s#%s: %s", m_poFile->Name().c_str(), osArray.c_str(), pszWhy);
        return false;
    };
    const auto CheckDimensions = [&Fail](const GDALMDArray &oArray)
    {
        for (const auto &poDim : oArray.GetDimensions())
        {
            if (poDim->GetSize() == 0)
                return Fail("the array is empty: a dimension has size 0");
            if (poDim->GetSize() > static_cast<GUInt64>(INT_MAX))
                return Fail("a dimension is longer than GDAL's raster model allows; the multidimensional API reads it");
        }
        return true;
    };
    if (!IsRasterType(poArray->GetDataType()))
        return Fail("values that are no numbers cannot be shown as a raster; the multidimensional API reads them");
    if (poArray->GetDimensionCount() == 0)
        return Fail("a scalar cannot be shown as a raster; the multidimensional API reads it");
    if (!CheckDimensions(*poArray))
        return false;

    m_poArray = poArray;
    m_osKey = MetadataKey(osArray);
    m_sStorage = StorageOf(*m_poFile, *poArray);
    m_poCF.reset(new CFArray(m_poRoot, *poArray, CFGroupOf(*poArray)));
    m_iXDim = m_poCF->XDim();
    m_iYDim = m_poCF->YDim();
    SetProductAxes();
    if (m_oOptions.bLookupTable)
    {
        if ((m_poOrtho = OrthoArray::Create(*m_poRoot, poArray, m_iYDim, m_iXDim)) == nullptr || !CheckDimensions(*m_poOrtho))
            return false;
        m_poArray = m_poOrtho;
        m_poCF.reset(new CFArray(m_poRoot, *m_poArray, CFGroupOf(*poArray)));
    }
    const auto &apoDims = m_poArray->GetDimensions();
    nRasterXSize = static_cast<int>(apoDims[static_cast<size_t>(m_iXDim)]->GetSize());
    nRasterYSize = m_iYDim < 0 ? 1 : static_cast<int>(apoDims[static_cast<size_t>(m_iYDim)]->GetSize());

    const GIntBig nMaxBands = CPLAtoGIntBig(CPLGetConfigOption("GDAL_MAX_BAND_COUNT", "32768"));
    double dfBands = 1;
    for (int i = 0; i < static_cast<int>(apoDims.size()); i++)
    {
        if (i == m_iXDim || i == m_iYDim)
            continue;
        m_anExtraDims.push_back(i);
        m_anExtraSizes.push_back(apoDims[static_cast<size_t>(i)]->GetSize());
        dfBands *= static_cast<double>(m_anExtraSizes.back());
    }
    if (dfBands > static_cast<double>(nMaxBands))
    {
        CPLError(CE_Warning, CPLE_AppDefined, "%s#%s: %.0f bands, of which the first " CPL_FRMT_GIB " are shown (GDAL_MAX_BAND_COUNT)",
                 m_poFile->Name().c_str(), osArray.c_str(), dfBands, nMaxBands);
        dfBands = static_cast<double>(nMaxBands);
    }

    m_eType = poArray->GetDataType().GetNumericDataType();
    if (m_sStorage.bInt8 && GDAL_VERSION_NUM < GDAL_COMPUTE_VERSION(3, 7, 0))
    {
        m_bSignedByte = true;
        m_eType = GDT_Byte;
    }
    const auto anChunk = m_poArray->GetBlockSize();
    const auto ChunkOf = [&anChunk](int iDim) { return iDim >= 0 && static_cast<size_t>(iDim) < anChunk.size() ? anChunk[static_cast<size_t>(iDim)] : 0; };
    m_nBlockXSize = nRasterXSize;
    m_nBlockYSize = 1;
    if (ChunkOf(m_iXDim) != 0)
    {
        m_sStorage.bChunked = true;
        m_nBlockXSize = static_cast<int>(std::min<GUInt64>(ChunkOf(m_iXDim), static_cast<GUInt64>(nRasterXSize)));
        m_nBlockYSize = m_iYDim < 0 ? 1 : static_cast<int>(std::min<GUInt64>(std::max<GUInt64>(ChunkOf(m_iYDim), 1), static_cast<GUInt64>(nRasterYSize)));
        if (!m_anExtraDims.empty())
            m_nChunkBands = static_cast<int>(std::min<GUInt64>(std::max<GUInt64>(ChunkOf(m_anExtraDims.back()), 1), m_anExtraSizes.back()));
        // A chunk of several GB in the raster plane would never fit the block cache.
        const GIntBig nRow = static_cast<GIntBig>(m_nBlockXSize) * GDALGetDataTypeSizeBytes(m_eType);
        m_nBlockYSize = static_cast<int>(std::min<GIntBig>(m_nBlockYSize, std::max<GIntBig>(1, INT_MAX / 2 / nRow)));
    }
    else
    {
        const GIntBig nRow = static_cast<GIntBig>(nRasterXSize) * GDALGetDataTypeSizeBytes(m_eType);
        m_nBlockYSize = static_cast<int>(std::min<GIntBig>(nRasterYSize, std::max<GIntBig>(1, STRIP_BYTES / std::max<GIntBig>(nRow, 1))));
    }

    m_poSRS = m_poCF->SpatialRef(!m_oOptions.bPreserveAxisUnit);
    m_bBottomUp = IsNetCDF(m_oName, *m_poRoot);
    m_bHasGeoTransform = m_poCF->GeoTransform(m_poSRS.get(), m_oOptions, m_adfGeoTransform, m_bBottomUp);
    SetProductGeoreferencing();
    AssumeLongLat();
    SetValidRange();
    SetArrayMetadata();
    SetGeolocation();
    SetImageStructure();
    for (int i = 0; i < static_cast<int>(dfBands); i++)
    {
        auto poBand = new RasterBand(this, i + 1);
        SetBand(i + 1, poBand);
        poBand->GDALMajorObject::SetDescription(BandDescription(i).c_str()); // not GDALPamRasterBand's, which would write a side file
        if (m_bSignedByte)
            poBand->GDALMajorObject::SetMetadataItem("PIXELTYPE", "SIGNEDBYTE", "IMAGE_STRUCTURE");
    }
    return true;
}

// A geotransform in what may be degrees, by an axis that does not say so.
void RasterDataset::AssumeLongLat()
{
    if (!m_oOptions.bAssumeLongLat || m_poSRS || !m_bHasGeoTransform)
        return;
    const double *g = m_adfGeoTransform;
    for (const double dfCol : {0.0, static_cast<double>(nRasterXSize)})
    {
        for (const double dfRow : {0.0, static_cast<double>(nRasterYSize)})
        {
            const double dfX = g[0] + dfCol * g[1] + dfRow * g[2], dfY = g[3] + dfCol * g[4] + dfRow * g[5];
            if (!(dfX >= -180 && dfX <= 360 && dfY >= -90 && dfY <= 90))
                return;
        }
    }
    m_poSRS = std::make_shared<OGRSpatialReference>();
    m_poSRS->SetFromUserInput("OGC:CRS84");
    m_poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
}

std::string RasterDataset::NameOf(const std::string &osArray) const
{
    std::string osURI = m_oName.osURI;
    std::string osPath = osArray;
    if (!m_oName.bForeign)
        return "H5RANGE:\"" + osURI + "\":" + osPath;
    if (m_oName.bHDF5Dialect)
    {
        std::replace(osPath.begin(), osPath.end(), ' ', '_');
        return "HDF5:\"" + osURI + "\":/" + osPath;
    }
    if (osPath.rfind('/') == 0)
        osPath = osPath.substr(1);
    if (osPath.find_first_of(" :") != std::string::npos)
        osPath = "\"" + osPath + "\"";
    return "NETCDF:\"" + osURI + "\":" + osPath;
}

void RasterDataset::SetSideFiles(bool bContainer)
{
    const std::string &osFile = m_poFile->Name();
    m_bProxy = !bContainer && IsNetworkPath(osFile) && CPLGetConfigOption("GDAL_PAM_PROXY_DIR", nullptr) != nullptr;
    if (bContainer || (IsNetworkPath(osFile) && !m_bProxy))
    {
        // Beside a remote file nothing can be written, and asking for what may be there would cost more than opening it.
        nPamFlags |= GPF_NOSAVE;
        return;
    }
    const bool bSubdataset = !m_oName.osArray.empty() || m_poOrtho;
    if (bSubdataset || m_oName.bPrefixed || m_oName.bForeign || m_bProxy)
        SetPhysicalFilename(osFile.c_str());
    if (bSubdataset)
        SetSubdatasetName(((m_poOrtho ? "GLT " : "") + m_poArray->GetFullName()).c_str()); // other pixels, other statistics
    if (!m_bProxy || PamGetProxy(osFile.c_str()) != nullptr) // else GDAL would look beside the remote file
        LoadSideFile();
    oOvManager.Initialize(this, bSubdataset || m_bProxy ? ":::VIRTUAL:::" : osFile.c_str());
}

void RasterDataset::LoadSideFile()
{
    // A side file without descriptions, as other drivers write it, would take ours away.
    std::vector<std::string> aosDescriptions;
    for (int i = 1; i <= nBands; i++)
        aosDescriptions.emplace_back(GetRasterBand(i)->GetDescription());
    TryLoadXML();
    for (int i = 1; i <= nBands; i++)
        if (GetRasterBand(i)->GetDescription()[0] == '\0')
            GetRasterBand(i)->GDALMajorObject::SetDescription(aosDescriptions[static_cast<size_t>(i) - 1].c_str());
}

RasterDataset::~RasterDataset()
{
    if (m_bProxy && (nPamFlags & GPF_DIRTY) != 0)
        (void)FlushCache(true); // the base class would call its own TrySaveXML()
}

// GDAL takes the proxy's folder only after it has failed beside the file, which is a request or, in an object store, a new object.
CPLErr RasterDataset::TrySaveXML()
{
    if (m_bProxy && PamGetProxy(m_poFile->Name().c_str()) == nullptr && PamAllocateProxy(m_poFile->Name().c_str()) == nullptr)
        return CE_None;
    return GDALPamDataset::TrySaveXML();
}

CPLErr RasterDataset::IBuildOverviews(const char *pszResampling, int nOverviews, const int *panOverviews, int nListBands, const int *panListBands,
                                      GDALProgressFunc pfnProgress, void *pProgressData, CSLConstList papszOptions)
{
    if (!m_bProxy)
        return GDALPamDataset::IBuildOverviews(pszResampling, nOverviews, panOverviews, nListBands, panListBands, pfnProgress, pProgressData, papszOptions);
    const char *pszFile = GetMetadataItem("OVERVIEW_FILE", "OVERVIEWS");
    if (pszFile == nullptr && nOverviews > 0)
        pszFile = GetMetadataItem("FILENAME", "ProxyOverviewRequest"); // which notes it as OVERVIEW_FILE
    if (pszFile == nullptr)
        return nOverviews == 0 ? CE_None : CE_Failure;
    const std::string osFile = pszFile;
    const std::string osBase = CPLResetExtension(osFile.c_str(), ""); // ends in "."; GDAL appends ".ovr"
    const CPLErr eErr = oOvManager.BuildOverviews(osBase.substr(0, osBase.size() - 1).c_str(), pszResampling, nOverviews, panOverviews, nListBands,
                                                  panListBands, pfnProgress, pProgressData, papszOptions);
    if (eErr == CE_None && nOverviews == 0)
    {
        SetMetadataItem("OVERVIEW_FILE", nullptr, "OVERVIEWS");
        (void)VSIUnlink(osFile.c_str()); // GDAL leaves one that it has not opened
    }
    return eErr;
}

const OGRSpatialReference *RasterDataset::GetSpatialRef() const
{
    return m_poSRS ? m_poSRS.get() : GDALPamDataset::GetSpatialRef();
}

#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
CPLErr RasterDataset::GetGeoTransform(GDALGeoTransform &oGT) const
{
    if (!m_bHasGeoTransform)
        return GDALPamDataset::GetGeoTransform(oGT);
    oGT = GDALGeoTransform(m_adfGeoTransform);
    return CE_None;
}
#else
CPLErr RasterDataset::GetGeoTransform(double *padfGeoTransform)
{
    if (!m_bHasGeoTransform)
        return GDALPamDataset::GetGeoTransform(padfGeoTransform);
    std::copy(m_adfGeoTransform, m_adfGeoTransform + 6, padfGeoTransform);
    return CE_None;
}
#endif

char **RasterDataset::GetFileList()
{
    CPLStringList aosFiles;
    if (!IsNetworkPath(m_poFile->Name()))
        aosFiles.Assign(GDALPamDataset::GetFileList());
    if (aosFiles.FindString(m_poFile->Name().c_str()) < 0)
    {
        CPLStringList aosWithFile;
        aosWithFile.AddString(m_poFile->Name().c_str());
        for (int i = 0; i < aosFiles.Count(); i++)
            aosWithFile.AddString(aosFiles[i]);
        return aosWithFile.StealList();
    }
    return aosFiles.StealList();
}

RasterBand::RasterBand(RasterDataset *poRasterDS, int nBandIn) : m_poRasterDS(poRasterDS)
{
    poDS = poRasterDS;
    nBand = nBandIn;
    nRasterXSize = poRasterDS->nRasterXSize;
    nRasterYSize = poRasterDS->nRasterYSize;
    eDataType = poRasterDS->m_eType;
    nBlockXSize = poRasterDS->m_nBlockXSize;
    nBlockYSize = poRasterDS->m_nBlockYSize;
}

double RasterBand::GetNoDataValue(int *pbSuccess)
{
    const auto &sStorage = m_poRasterDS->m_sStorage;
    bool bHasNoData = false;
    double dfNoData = 0;
    if (eDataType == GDT_Int64)
        dfNoData = static_cast<double>(m_poRasterDS->m_poArray->GetNoDataValueAsInt64(&bHasNoData));
    else if (eDataType == GDT_UInt64)
        dfNoData = static_cast<double>(m_poRasterDS->m_poArray->GetNoDataValueAsUInt64(&bHasNoData));
    else
        dfNoData = m_poRasterDS->m_poArray->GetNoDataValueAsDouble(&bHasNoData);
    if (!bHasNoData && !sStorage.abyFill.empty())
    {
        bHasNoData = true;
        GDALCopyWords(sStorage.abyFill.data(), eDataType, 0, &dfNoData, GDT_Float64, 0, 1);
    }
    if (!bHasNoData)
        return GDALPamRasterBand::GetNoDataValue(pbSuccess);
    if (pbSuccess != nullptr)
        *pbSuccess = TRUE;
    return dfNoData;
}

int64_t RasterBand::GetNoDataValueAsInt64(int *pbSuccess)
{
    bool bHasNoData = false;
    int64_t nNoData = eDataType == GDT_Int64 ? m_poRasterDS->m_poArray->GetNoDataValueAsInt64(&bHasNoData) : 0;
    const auto &abyFill = m_poRasterDS->m_sStorage.abyFill;
    if (!bHasNoData && eDataType == GDT_Int64 && abyFill.size() == sizeof(nNoData))
    {
        bHasNoData = true;
        memcpy(&nNoData, abyFill.data(), sizeof(nNoData));
    }
    if (!bHasNoData)
        return GDALPamRasterBand::GetNoDataValueAsInt64(pbSuccess);
    if (pbSuccess != nullptr)
        *pbSuccess = TRUE;
    return nNoData;
}

uint64_t RasterBand::GetNoDataValueAsUInt64(int *pbSuccess)
{
    bool bHasNoData = false;
    uint64_t nNoData = eDataType == GDT_UInt64 ? m_poRasterDS->m_poArray->GetNoDataValueAsUInt64(&bHasNoData) : 0;
    const auto &abyFill = m_poRasterDS->m_sStorage.abyFill;
    if (!bHasNoData && eDataType == GDT_UInt64 && abyFill.size() == sizeof(nNoData))
    {
        bHasNoData = true;
        memcpy(&nNoData, abyFill.data(), sizeof(nNoData));
    }
    if (!bHasNoData)
        return GDALPamRasterBand::GetNoDataValueAsUInt64(pbSuccess);
    if (pbSuccess != nullptr)
        *pbSuccess = TRUE;
    return nNoData;
}

double RasterBand::GetScale(int *pbSuccess)
{
    bool bHasScale = false;
    const double dfScale = m_poRasterDS->m_poArray->GetScale(&bHasScale);
    if (!bHasScale)
        return GDALPamRasterBand::GetScale(pbSuccess);
    if (pbSuccess != nullptr)
        *pbSuccess = TRUE;
    return dfScale;
}

double RasterBand::GetOffset(int *pbSuccess)
{
    bool bHasOffset = false;
    const double dfOffset = m_poRasterDS->m_poArray->GetOffset(&bHasOffset);
    if (!bHasOffset)
        return GDALPamRasterBand::GetOffset(pbSuccess);
    if (pbSuccess != nullptr)
        *pbSuccess = TRUE;
    return dfOffset;
}

const char *RasterBand::GetUnitType()
{
    const std::string &osUnit = m_poRasterDS->m_poArray->GetUnit();
    if (!osUnit.empty())
        return osUnit.c_str();
    const char *pszUnit = m_poRasterDS->m_aosArrayMetadata.FetchNameValue("units"); // in any case: "Units", "UNITS"
    return pszUnit != nullptr ? pszUnit : GDALPamRasterBand::GetUnitType();
}

} // namespace h5range
