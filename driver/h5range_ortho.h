// Swaths on the map by a lookup table (EMIT): of each pixel of a grid the file says which pixel of the swath is there.
#ifndef H5RANGE_ORTHO_H
#define H5RANGE_ORTHO_H

#include <memory>
#include <string>
#include <vector>

#include "gdal_priv.h"

namespace h5range
{

/** An array of a swath as it is on the grid of its file's table, nodata where the table has no pixel. It has the name, the type and the
 * attributes of the array. Rows and columns are those of the table, the other dimensions stay. */
class OrthoArray final : public GDALMDArray
{
  public:
    /** nullptr with an error where the file has no table for the array. iYDim, iXDim: of the array's rows and columns. */
    static std::shared_ptr<OrthoArray> Create(const GDALGroup &oRoot, const std::shared_ptr<GDALMDArray> &poSwath, int iYDim, int iXDim);

    int YDim() const
    {
        return static_cast<int>(m_iY);
    }
    int XDim() const
    {
        return static_cast<int>(m_iX);
    }
    /** Of the grid, six numbers. */
    const std::vector<double> &GeoTransform() const
    {
        return m_adfGeoTransform;
    }

    bool IsWritable() const override
    {
        return false;
    }
    const std::string &GetFilename() const override
    {
        return m_poSwath->GetFilename();
    }
    const std::vector<std::shared_ptr<GDALDimension>> &GetDimensions() const override
    {
        return m_apoDims;
    }
    const GDALExtendedDataType &GetDataType() const override
    {
        return m_poSwath->GetDataType();
    }
    std::vector<GUInt64> GetBlockSize() const override;
    const std::string &GetUnit() const override
    {
        return m_poSwath->GetUnit();
    }
    /** The swath's, else netCDF's default of the type; bytes without nodata are 0 beside the swath. */
    const void *GetRawNoDataValue() const override
    {
        return m_abyNoData.empty() ? nullptr : m_abyNoData.data();
    }
    double GetOffset(bool *pbHasOffset, GDALDataType *peStorageType) const override
    {
        return m_poSwath->GetOffset(pbHasOffset, peStorageType);
    }
    double GetScale(bool *pbHasScale, GDALDataType *peStorageType) const override
    {
        return m_poSwath->GetScale(pbHasScale, peStorageType);
    }
    std::shared_ptr<OGRSpatialReference> GetSpatialRef() const override
    {
        return m_poSRS;
    }
    std::shared_ptr<GDALAttribute> GetAttribute(const std::string &osName) const override
    {
        return m_poSwath->GetAttribute(osName);
    }
    std::vector<std::shared_ptr<GDALAttribute>> GetAttributes(CSLConstList papszOptions) const override
    {
        return m_poSwath->GetAttributes(papszOptions);
    }

  protected:
    bool IRead(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, const GPtrDiff_t *panStride,
               const GDALExtendedDataType &oBufferType, void *pBuffer) const override;

  private:
    /** A window of the grid, by its place in the table that has been read, and of the other dimensions; strides in bytes. */
    struct Piece
    {
        std::vector<GUInt64> anStart;
        std::vector<size_t> anCount;
        std::vector<GInt64> anStep;
        std::vector<GPtrDiff_t> anStride;
        size_t nRow, nCol; // of the first pixel in the table
        GByte *pabyTo;
    };
    /** Rows and columns of the swath from 0, those of pixels without one negative. */
    struct Table
    {
        std::vector<GInt32> anRows{}, anCols{};
        size_t nWidth = 0;
    };

    OrthoArray(const std::string &osGroup, const std::shared_ptr<GDALMDArray> &poSwath, size_t iY, size_t iX)
        : GDALAbstractMDArray(osGroup, poSwath->GetName()), GDALMDArray(osGroup, poSwath->GetName()), m_poSwath(poSwath), m_iY(iY), m_iX(iX),
          m_apoDims(poSwath->GetDimensions())
    {
    }
    bool ReadTable(const GUInt64 *panStart, const size_t *panCount, const GInt64 *panStep, Table &oTable) const;
    bool ReadPiece(const Table &oTable, const Piece &oPiece, const GDALExtendedDataType &oType) const;
    bool Halve(const Table &oTable, const Piece &oPiece, size_t iDim, const GDALExtendedDataType &oType) const;

    std::shared_ptr<GDALMDArray> m_poSwath;
    size_t m_iY, m_iX;
    std::vector<std::shared_ptr<GDALDimension>> m_apoDims;
    std::shared_ptr<GDALMDArray> m_poRows{}, m_poCols{};
    std::vector<double> m_adfGeoTransform{};
    std::shared_ptr<OGRSpatialReference> m_poSRS{};
    std::vector<GByte> m_abyNoData{};
};

} // namespace h5range

#endif
