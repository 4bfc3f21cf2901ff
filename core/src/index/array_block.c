#include "index/array_block.h"

#include "io/nodes.h"
#include "object/memo.h"

h5r_status h5r_view_block(h5r_ctx *x, uint64_t addr, uint64_t n, const char *signature, const char *what,
                          const uint8_t **out)
{
    H5R_TRY(h5r_view(x, addr, n + 4, 0, out));
    if (h5r_is_verified(x, H5R_MEMO_ARRAY_BLOCK, addr))
        return H5R_OK;
    if (signature != NULL && (memcmp(*out, signature, 4) != 0 || (*out)[4] != 0))
        return h5r_fail_structure(x, H5R_ERR_UNSUPPORTED, addr, what, signature, *out);
    H5R_TRY(h5r_verify(x, addr, *out, n, what));
    return h5r_note_verified(x, H5R_MEMO_ARRAY_BLOCK, addr);
}

h5r_status h5r_check_elements(h5r_ctx *x, const h5r_chunked *d, unsigned client, unsigned elem_size)
{
    unsigned expected = x->file->widths.offset + (d->filtered ? h5r_chunk_size_width(x, d) + 4U : 0U);

    if (client != (d->filtered ? 1U : 0U) || elem_size != expected)
        return h5r_fail(x, H5R_ERR_FORMAT, d->addr, "chunk index with elements of %u bytes, class %u; the dataset calls for %u, class %u",
                        elem_size, client, expected, d->filtered ? 1U : 0U);
    return H5R_OK;
}
