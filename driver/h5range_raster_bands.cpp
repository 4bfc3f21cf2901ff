// The arrays of a file, all on one grid, as the bands of one raster: VARIABLES_AS_BANDS.
#include "h5range_raster.h"

#include "gdal_proxy.h"

namespace h5range
{

namespace
{

class VariableBand final : public GDALProxyRasterBand
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
    }

  protected:
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
    GDALRasterBand *RefUnderlyingRasterBand(bool) const override
#else
    GDALRasterBand *RefUnderlyingRasterBand() const override
#endif
    {
        return m_poBand;
    }

  private:
    GDALRasterBand *m_poBand;
};

class VariablesDataset final : public GDALDataset
{
  public:
    explicit VariablesDataset(std::vector<std::unique_ptr<RasterDataset>> &&apoParts) : m_apoParts(std::move(apoParts))
    {
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
        return m_apoParts[0]->GetFileList();
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
    auto poDS = new VariablesDataset(std::move(apoParts));
    poDS->SetDescription(oName.osOriginal.c_str());
    return poDS;
}

} // namespace h5range
