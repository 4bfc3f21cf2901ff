// HDF5 datatypes as GDAL's extended data types, and elements from the one to the other.
#ifndef H5RANGE_TYPES_H
#define H5RANGE_TYPES_H

#include <memory>
#include <string>
#include <vector>

#include "h5range_file.h"

namespace h5range
{

/** How one HDF5 datatype appears in GDAL.
 *
 * Integers and floats become the smallest GDAL type that holds their values, enumerations their base type, fixed and
 * variable-length strings GDAL strings, compounds of two equal floats named r* and i* and HDF5 2.0's complex numbers GDAL's
 * complex types, other compounds GDAL compounds. An array type adds its dimensions to those of the array. What GDAL has nothing for
 * (sequences, references, opaque bytes, arrays inside compounds, numbers wider than 64 bits) is a string: [1, 2], the path of the
 * object, 0x00ff. */
class Type
{
  public:
    /** bUnsigned: integers are unsigned whatever the file says (the netCDF convention _Unsigned). psFile lives as long as the file. */
    static std::shared_ptr<const Type> Create(const h5r_type *psFile, bool bUnsigned);

    const h5r_type *FileType() const
    {
        return m_psFile;
    }
    const GDALExtendedDataType &GDALType() const
    {
        return m_oGDAL;
    }
    /** Dimensions of an array type, outermost first; empty for others. */
    const std::vector<GUInt64> &InnerShape() const
    {
        return m_anInner;
    }
    /** Their product: GDAL elements in one HDF5 element. */
    size_t InnerCount() const
    {
        return m_nInner;
    }
    /** Some parts are references: their text needs the paths of the objects of the file. */
    bool HasReferences() const;
    /** Elements in native byte order are GDAL's elements already. */
    bool IsDirect() const
    {
        return m_bDirect;
    }

    /** Converts n HDF5 elements in native byte order to n * InnerCount() GDAL elements, packed. Strings are allocated for the
     * caller to free (GDALExtendedDataType::FreeDynamicMemory); on failure none is left. hValues: of h5r_values_load() where
     * FileType()->in_heap. Throws std::bad_alloc. */
    void Convert(h5r_file *hFile, const h5r_values *hValues, const GByte *pabySrc, size_t n, GByte *pabyDst) const;

    enum class How
    {
        COPY,
        NUMBER,
        STRING,
        VLEN_STRING,
        TEXT,
        MEMBERS
    };
    /** A part of an element. */
    struct Part
    {
        How eHow = How::COPY;
        const h5r_type *psType = nullptr;
        size_t nSrcOffset = 0, nDstOffset = 0;
        size_t nDstSize = 0;
        bool bUnsigned = false;
        std::vector<Part> aoMembers{};
    };

  private:
    Type() : m_oGDAL(GDALExtendedDataType::CreateString())
    {
    }
    const h5r_type *m_psFile = nullptr;
    GDALExtendedDataType m_oGDAL;
    Part m_oPart{};
    std::vector<GUInt64> m_anInner{};
    size_t m_nInner = 1;
    bool m_bDirect = false;
};

} // namespace h5range

#endif
