// The arrays of a file, all on one grid, as the bands of one raster: VARIABLES_AS_BANDS.
#include "h5range_raster.h"

namespace h5range
{

namespace
{

/** The band of one array, with statistics and overviews of the raster that they make together. */
class VariableBand final : public GDALPamRasterBand
{
  public:
    VariableBand(GDALDataset *poDSIn, int nBandIn, GDALRasterBand *poBand) : m_poBand(poBand)
    {
        poDS = poDSIn;
        nBand = nBandIn;
        nRasterXSize = poBand->GetXSize();
        nRasterYSize = poBand->GetYSize();
        eDataType = poBand->GetRasterDataType();
        poBand->GetBlockSize(&nBlockXSize, &nBlockYSize);
        GDALMajorObject::SetDescription(poBand->GetDescription());
        for (const char *pszDomain : {"", "IMAGE_STRUCTURE"})
        {
            CPLStringList aosItems(CSLDuplicate(const_cast<char **>(poBand->GetMetadata(pszDomain))));
            if (aosItems.Count() > 0)
                GDALMajorObject::SetMetadata(aosItems.List(), pszDomain);
        }
    }
    double GetNoDataValue(int *pbSuccess) override
    {
        return m_poBand->GetNoDataValue(pbSuccess);
    }
    int64_t GetNoDataValueAsInt64(int *pbSuccess) override
    {
        return m_poBand->GetNoDataValueAsInt64(pbSuccess);
    }
    uint64_t GetNoDataValueAsUInt64(int *pbSuccess) override
    {
        return m_poBand->GetNoDataValueAsUInt64(pbSuccess);
    }
    double GetScale(int *pbSuccess) override
    {
        return m_poBand->GetScale(pbSuccess);
    }
    double GetOffset(int *pbSuccess) override
    {
        return m_poBand->GetOffset(pbSuccess);
    }
    const char *GetUnitType() override
    {
        return m_poBand->GetUnitType();
    }
    const char *GetMetadataItem(const char *pszName, const char *pszDomain) override
    {
        if (pszDomain != nullptr && EQUAL(pszDomain, "H5RANGE"))
            return m_poBand->GetMetadataItem(pszName, pszDomain);
        return GDALPamRasterBand::GetMetadataItem(pszName, pszDomain);
    }
    CPLErr AdviseRead(int nXOff, int nYOff, int nXSize, int nYSize, int nBufXSize, int nBufYSize, GDALDataType eType, OptionList papszOptions) override
    {
        return m_poBand->AdviseRead(nXOff, nYOff, nXSize, nYSize, nBufXSize, nBufYSize, eType, papszOptions);
    }

  protected:
    CPLErr IReadBlock(int nBlockXOff, int nBlockYOff, void *pImage) override
    {
        return m_poBand->ReadBlock(nBlockXOff, nBlockYOff, pImage);
    }
    CPLErr IRasterIO(GDALRWFlag eRWFlag, int nXOff, int nYOff, int nXSize, int nYSize, void *pData, int nBufXSize, int nBufYSize, GDALDataType eBufType,
                     GSpacing nPixelSpace, GSpacing nLineSpace, GDALRasterIOExtraArg *psExtraArg) override
    {
        if (nBufXSize == nXSize && nBufYSize == nYSize)
            return m_poBand->RasterIO(eRWFlag, nXOff, nYOff, nXSize, nYSize, pData, nBufXSize, nBufYSize, eBufType, nPixelSpace, nLineSpace, psExtraArg);
        return GDALPamRasterBand::IRasterIO(eRWFlag, nXOff, nYOff, nXSize, nYSize, pData, nBufXSize, nBufYSize, eBufType, nPixelSpace, nLineSpace, psExtraArg);
    }

  private:
    GDALRasterBand *m_poBand;
};

class VariablesDataset final : public GDALPamDataset
{
  public:
    VariablesDataset(std::vector<std::unique_ptr<RasterDataset>> &&apoParts, const ParsedName &oName) : m_apoParts(std::move(apoParts))
    {
        SetDescription(oName.osOriginal.c_str());
        nRasterXSize = m_apoParts[0]->GetRasterXSize();
        nRasterYSize = m_apoParts[0]->GetRasterYSize();
        eAccess = GA_ReadOnly;
        CPLStringList aosItems;
        for (size_t i = 0; i < m_apoParts.size(); i++)
        {
            SetBand(static_cast<int>(i) + 1, new VariableBand(this, static_cast<int>(i) + 1, m_apoParts[i]->GetRasterBand(1)));
            for (CSLConstList papszItem = m_apoParts[i]->GetMetadata(); papszItem != nullptr && *papszItem != nullptr; papszItem++)
            {
                char *pszKey = nullptr;
                const char *pszValue = CPLParseNameValue(*papszItem, &pszKey);
                if (pszKey != nullptr && pszValue != nullptr)
                    aosItems.SetNameValue(pszKey, pszValue);
                CPLFree(pszKey);
            }
        }
        GDALMajorObject::SetMetadata(aosItems.List());
        for (const char *pszDomain : {"GEOLOCATION", "GEOLOCATION2"})
        {
            CPLStringList aosDomain(CSLDuplicate(const_cast<char **>(m_apoParts[0]->GetMetadata(pszDomain))));
            if (aosDomain.Count() > 0)
                GDALMajorObject::SetMetadata(aosDomain.List(), pszDomain);
        }
        if (IsNetworkPath(oName.osURI))
        {
            nPamFlags |= GPF_NOSAVE;
            return;
        }
        SetPhysicalFilename(oName.osURI.c_str());
        TryLoadXML();
        oOvManager.Initialize(this, oName.osURI.c_str());
    }
    const OGRSpatialReference *GetSpatialRef() const override
    {
        return m_apoParts[0]->GetSpatialRef();
    }
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 12, 0)
    CPLErr GetGeoTransform(GDALGeoTransform &oGT) const override
    {
        return m_apoParts[0]->GetGeoTransform(oGT);
    }
#else
    CPLErr GetGeoTransform(double *padfGeoTransform) override
    {
        return m_apoParts[0]->GetGeoTransform(padfGeoTransform);
    }
#endif
    char **GetFileList() override
    {
        CPLStringList aosFiles(m_apoParts[0]->GetFileList());
        const CPLStringList aosMore((nPamFlags & GPF_NOSAVE) != 0 ? nullptr : GDALPamDataset::GetFileList());
        for (int i = 0; i < aosMore.Count(); i++)
            if (aosFiles.FindString(aosMore[i]) < 0)
                aosFiles.AddString(aosMore[i]);
        return aosFiles.StealList();
    }

  private:
    std::vector<std::unique_ptr<RasterDataset>> m_apoParts;
};

} // namespace

// nullptr, without an error, where the arrays are not of the same two dimensions.
GDALDataset *OpenVariablesAsBands(const std::shared_ptr<File> &poFile, const ParsedName &oName, const RasterOptions &oOptions,
                                  const std::shared_ptr<GDALGroup> &poRoot, const std::vector<std::shared_ptr<GDALMDArray>> &apoArrays)
{
    if (apoArrays.size() < 2)
        return nullptr;
    const auto &apoFirst = apoArrays[0]->GetDimensions();
    for (const auto &poArray : apoArrays)
    {
        const auto &apoDims = poArray->GetDimensions();
        if (apoDims.size() != 2)
            return nullptr;
        for (size_t i = 0; i < 2; i++)
            if (apoDims[i]->GetFullName() != apoFirst[i]->GetFullName() || apoDims[i]->GetSize() != apoFirst[i]->GetSize())
                return nullptr;
    }
    std::vector<std::unique_ptr<RasterDataset>> apoParts;
    for (const auto &poArray : apoArrays)
    {
        apoParts.emplace_back(new RasterDataset(poFile, oName, oOptions, poRoot));
        apoParts.back()->SetDescription(oName.osOriginal.c_str());
        if (!apoParts.back()->SetArray(poArray))
            return nullptr;
        if (apoParts.size() == 1)
            apoParts[0]->SetGroupMetadata({{"/", poRoot}});
        apoParts.back()->SetSideFiles(true);
    }
    return new VariablesDataset(std::move(apoParts), oName);
}

} // namespace h5range
