#include "h5range_types.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "cpl_vsi.h"

namespace
{

using h5range::Type;
using Part = Type::Part;
using How = Type::How;

GDALDataType NumberType(h5r_number eNumber)
{
    switch (eNumber)
    {
        case H5R_INT8: // before GDAL 3.7 the next type that holds the values
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
            return GDT_Int8;
#else
            return GDT_Int16;
#endif
        case H5R_UINT8:
            return GDT_Byte;
        case H5R_INT16:
            return GDT_Int16;
        case H5R_UINT16:
            return GDT_UInt16;
        case H5R_INT32:
            return GDT_Int32;
        case H5R_UINT32:
            return GDT_UInt32;
        case H5R_INT64:
            return GDT_Int64;
        case H5R_UINT64:
            return GDT_UInt64;
        case H5R_FLOAT32:
            return GDT_Float32;
        case H5R_FLOAT64:
            return GDT_Float64;
        case H5R_NO_NUMBER:
            break;
    }
    return GDT_Unknown;
}

h5r_number Unsigned(h5r_number eNumber)
{
    switch (eNumber)
    {
        case H5R_INT8:
            return H5R_UINT8;
        case H5R_INT16:
            return H5R_UINT16;
        case H5R_INT32:
            return H5R_UINT32;
        case H5R_INT64:
            return H5R_UINT64;
        default:
            return eNumber;
    }
}

// h5py and PyTables store booleans as an enumeration of two bytes.
bool IsBool(const h5r_type *t)
{
    return t->cls == H5R_CLASS_ENUM && t->base->size == 1 && t->n_members == 2 && t->values[0] <= 1 && t->values[1] <= 1;
}

void MakePart(const h5r_type *t, bool bUnsigned, Part &oPart, GDALExtendedDataType &oType);

void MakeText(const h5r_type *t, How eHow, size_t nMaxLength, Part &oPart, GDALExtendedDataType &oType)
{
    oPart.psType = t;
    oPart.eHow = eHow;
    oPart.nDstSize = sizeof(char *);
    oType = GDALExtendedDataType::CreateString(nMaxLength);
}

bool MakeNumber(const h5r_type *t, bool bUnsigned, Part &oPart, GDALExtendedDataType &oType)
{
    bool bSame = false;
    h5r_number eNumber = h5r_type_number(t, &bSame);
    if (eNumber == H5R_NO_NUMBER)
        return false;
    if (bUnsigned || IsBool(t))
        eNumber = Unsigned(eNumber);
    const GDALDataType eType = NumberType(eNumber);
    oType = GDALExtendedDataType::Create(eType);
    oPart.psType = t;
    oPart.bUnsigned = bUnsigned;
    oPart.nDstSize = oType.GetSize();
    oPart.eHow = bSame && oPart.nDstSize == t->size ? How::COPY : How::NUMBER;
    return true;
}

// The complex number that two equal parts make.
GDALDataType ComplexOf(GDALDataType eType)
{
    switch (eType)
    {
        case GDT_Int16:
            return GDT_CInt16;
        case GDT_Int32:
            return GDT_CInt32;
        case GDT_Float32:
            return GDT_CFloat32;
        case GDT_Float64:
            return GDT_CFloat64;
        default:
            return GDT_Unknown;
    }
}

bool MakePair(const h5r_type *psPart, size_t nRe, size_t nIm, Part &oPart, GDALExtendedDataType &oType)
{
    Part oRe, oIm;
    auto oPartType = GDALExtendedDataType::Create(GDT_Byte);
    if (!MakeNumber(psPart, false, oRe, oPartType))
        return false;
    const GDALDataType eComplex = ComplexOf(oPartType.GetNumericDataType());
    if (eComplex == GDT_Unknown)
        return false;
    oIm = oRe;
    oRe.nSrcOffset = nRe;
    oIm.nSrcOffset = nIm;
    oIm.nDstOffset = oRe.nDstSize;
    oType = GDALExtendedDataType::Create(eComplex);
    oPart.nDstSize = oType.GetSize();
    const bool bPacked = nRe == 0 && nIm == oRe.nDstSize && oRe.eHow == How::COPY;
    oPart.eHow = bPacked ? How::COPY : How::MEMBERS;
    oPart.aoMembers = {oRe, oIm};
    return true;
}

bool IsComplexCompound(const h5r_type *t)
{
    if (t->n_members != 2)
        return false;
    const h5r_type *a = t->members[0].type, *b = t->members[1].type;
    const auto first = [t](int i) { return static_cast<char>(tolower(static_cast<unsigned char>(t->members[i].name[0]))); };
    return first(0) == 'r' && first(1) == 'i' && a->cls == b->cls && a->size == b->size && a->order == b->order &&
           (a->cls == H5R_CLASS_FLOAT || (a->cls == H5R_CLASS_INTEGER && a->is_signed && b->is_signed)) &&
           h5r_type_number(a, nullptr) == h5r_type_number(b, nullptr);
}

void MakeCompound(const h5r_type *t, Part &oPart, GDALExtendedDataType &oType)
{
    if (IsComplexCompound(t) && MakePair(t->members[0].type, t->members[0].offset, t->members[1].offset, oPart, oType))
    {
        if (t->size != oPart.nDstSize)
            oPart.eHow = How::MEMBERS;
        return;
    }
    std::vector<GDALExtendedDataType> aoTypes;
    bool bDirect = true;
    for (uint32_t i = 0; i < t->n_members; i++)
    {
        Part oMember;
        auto oMemberType = GDALExtendedDataType::Create(GDT_Byte);
        MakePart(t->members[i].type, false, oMember, oMemberType);
        oMember.nSrcOffset = t->members[i].offset;
        bDirect = bDirect && oMember.eHow == How::COPY;
        oPart.aoMembers.push_back(std::move(oMember));
        aoTypes.push_back(oMemberType);
    }
    // Without conversions the file's own layout serves; else a packed one, aligned for the pointers to strings.
    size_t nSize = bDirect ? t->size : 0;
    std::vector<std::unique_ptr<GDALEDTComponent>> apoComponents;
    for (uint32_t i = 0; i < t->n_members; i++)
    {
        Part &oMember = oPart.aoMembers[i];
        if (!bDirect)
        {
            const size_t nAlign = std::min<size_t>(8, std::max<size_t>(1, oMember.nDstSize));
            nSize = (nSize + nAlign - 1) / nAlign * nAlign;
        }
        oMember.nDstOffset = bDirect ? oMember.nSrcOffset : nSize;
        if (!bDirect)
            nSize += oMember.nDstSize;
        apoComponents.emplace_back(new GDALEDTComponent(t->members[i].name, oMember.nDstOffset, aoTypes[i]));
    }
    if (!bDirect)
        nSize = (nSize + 7) / 8 * 8;
    oType = GDALExtendedDataType::Create(std::string(), nSize, std::move(apoComponents));
    oPart.nDstSize = nSize;
    oPart.eHow = bDirect ? How::COPY : How::MEMBERS;
    if (oType.GetClass() != GEDTC_COMPOUND) // no members
    {
        oPart.aoMembers.clear();
        MakeText(t, How::TEXT, 0, oPart, oType);
    }
}

void MakePart(const h5r_type *t, bool bUnsigned, Part &oPart, GDALExtendedDataType &oType)
{
    oPart.psType = t;
    switch (t->cls)
    {
        case H5R_CLASS_INTEGER:
        case H5R_CLASS_BITFIELD:
        case H5R_CLASS_TIME:
        case H5R_CLASS_ENUM:
        case H5R_CLASS_FLOAT:
            if (MakeNumber(t, bUnsigned, oPart, oType))
                return;
            break;
        case H5R_CLASS_COMPLEX:
            if (MakePair(t->base, 0, t->base->size, oPart, oType))
                return;
            break;
        case H5R_CLASS_STRING:
            MakeText(t, How::STRING, t->size, oPart, oType);
            return;
        case H5R_CLASS_COMPOUND:
            MakeCompound(t, oPart, oType);
            return;
        case H5R_CLASS_VLEN:
            if (t->vlen_string)
            {
                MakeText(t, How::VLEN_STRING, 0, oPart, oType);
                return;
            }
            break;
        case H5R_CLASS_ARRAY: // inside a compound; others add dimensions
        case H5R_CLASS_OPAQUE:
        case H5R_CLASS_REFERENCE:
            break;
    }
    MakeText(t, How::TEXT, 0, oPart, oType);
}

bool HasReferences(const h5r_type *t)
{
    if (t->cls == H5R_CLASS_COMPOUND)
        return std::any_of(t->members, t->members + t->n_members, [](const h5r_member &m) { return HasReferences(m.type); });
    return t->cls == H5R_CLASS_REFERENCE || ((t->cls == H5R_CLASS_VLEN || t->cls == H5R_CLASS_ARRAY) && t->base != nullptr && HasReferences(t->base));
}

char *NewString(const void *pData, size_t n)
{
    char *psz = static_cast<char *>(VSI_MALLOC_VERBOSE(n + 1));
    if (psz == nullptr)
        throw std::bad_alloc();
    if (n > 0)
        memcpy(psz, pData, n);
    psz[n] = '\0';
    return psz;
}

char *FixedString(const h5r_type *t, const GByte *pabySrc)
{
    const void *pEnd = memchr(pabySrc, 0, t->size);
    size_t n = pEnd != nullptr ? static_cast<size_t>(static_cast<const GByte *>(pEnd) - pabySrc) : t->size;
    while (t->strpad == H5R_STR_SPACEPAD && n > 0 && pabySrc[n - 1] == ' ')
        n--;
    return NewString(pabySrc, n);
}

char *VlenString(const h5r_type *t, const h5r_values *hValues, const GByte *pabySrc)
{
    const void *pData = nullptr;
    size_t n = 0;
    if (hValues == nullptr || h5r_values_get(hValues, t, pabySrc, &pData, &n) != H5R_OK || pData == nullptr)
        n = 0;
    return NewString(pData, n);
}

char *ElementText(h5r_file *hFile, const h5r_values *hValues, const h5r_type *t, const GByte *pabySrc)
{
    const size_t n = h5r_element_text(hFile, hValues, t, pabySrc, nullptr, 0);
    char *psz = static_cast<char *>(VSI_MALLOC_VERBOSE(n + 1));
    if (psz == nullptr)
        throw std::bad_alloc();
    h5r_element_text(hFile, hValues, t, pabySrc, psz, n + 1);
    return psz;
}

void ConvertPart(const Part &oPart, h5r_file *hFile, const h5r_values *hValues, const GByte *pabySrc, GByte *pabyDst)
{
    char *pszText = nullptr;
    switch (oPart.eHow)
    {
        case How::COPY:
            memcpy(pabyDst, pabySrc, oPart.nDstSize);
            return;
        case How::NUMBER:
        {
            GByte abyNumber[8];
            const h5r_number eNumber = h5r_type_number(oPart.psType, nullptr);
            h5r_to_numbers(oPart.psType, pabySrc, 1, abyNumber);
            if (h5r_number_size(eNumber) == oPart.nDstSize)
            {
                memcpy(pabyDst, abyNumber, oPart.nDstSize);
                return;
            }
            const GInt16 nWide = static_cast<signed char>(abyNumber[0]); // INT8, which GDAL before 3.7 lacks
            memcpy(pabyDst, &nWide, sizeof nWide);
            return;
        }
        case How::STRING:
            pszText = FixedString(oPart.psType, pabySrc);
            memcpy(pabyDst, &pszText, sizeof pszText);
            return;
        case How::VLEN_STRING:
            pszText = VlenString(oPart.psType, hValues, pabySrc);
            memcpy(pabyDst, &pszText, sizeof pszText);
            return;
        case How::TEXT:
            pszText = ElementText(hFile, hValues, oPart.psType, pabySrc);
            memcpy(pabyDst, &pszText, sizeof pszText);
            return;
        case How::MEMBERS:
            for (const Part &oMember : oPart.aoMembers)
                ConvertPart(oMember, hFile, hValues, pabySrc + oMember.nSrcOffset, pabyDst + oMember.nDstOffset);
            return;
    }
}

} // namespace

namespace h5range
{

std::shared_ptr<const Type> Type::Create(const h5r_type *psFile, bool bUnsigned)
{
    std::shared_ptr<Type> poType(new Type()); // private constructor
    const h5r_type *t = psFile;

    poType->m_psFile = psFile;
    while (t->cls == H5R_CLASS_ARRAY)
    {
        for (uint32_t i = 0; i < t->n_dims; i++)
            poType->m_anInner.push_back(t->dims[i]);
        t = t->base;
    }
    poType->m_nInner = t->size > 0 ? psFile->size / t->size : 1; // the core has checked the product
    MakePart(t, bUnsigned, poType->m_oPart, poType->m_oGDAL);
    poType->m_bDirect = poType->m_oPart.eHow == How::COPY;
    return poType;
}

bool Type::HasReferences() const
{
    return ::HasReferences(m_psFile);
}

void Type::Convert(h5r_file *hFile, const h5r_values *hValues, const GByte *pabySrc, size_t n, GByte *pabyDst) const
{
    const size_t nElems = n * m_nInner, nDst = m_oGDAL.GetSize();
    const size_t nSrc = m_psFile->size / m_nInner;

    if (m_bDirect)
    {
        memcpy(pabyDst, pabySrc, nElems * nDst);
        return;
    }
    if (m_oPart.eHow == How::NUMBER && h5r_number_size(h5r_type_number(m_oPart.psType, nullptr)) == nDst)
    {
        h5r_to_numbers(m_oPart.psType, pabySrc, nElems, pabyDst);
        return;
    }
    memset(pabyDst, 0, nElems * nDst); // so that a failure half way can free what is there
    try
    {
        for (size_t i = 0; i < nElems; i++)
            ConvertPart(m_oPart, hFile, hValues, pabySrc + i * nSrc, pabyDst + i * nDst);
    }
    catch (const std::bad_alloc &)
    {
        for (size_t i = 0; i < nElems && m_oGDAL.NeedsFreeDynamicMemory(); i++)
            m_oGDAL.FreeDynamicMemory(pabyDst + i * nDst);
        throw;
    }
}

} // namespace h5range
