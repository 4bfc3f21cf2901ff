/* ZFP: a stream without its header; the header is in the client data: [0] versions of the writer, then the words from "zfp\5" on,
 * in the byte order of the machine that wrote. Then the numbers are in that order too. */
#include "filter/codecs.h"

#include <stdlib.h>
#include <string.h>
#include <zfp.h>

#include "util/checked.h"

#define MAGIC 0x0570667aU /* "zfp" and codec version 5 */

enum { HEADER_BYTES = 32 }; /* 160 bits at most; zfp reads whole words */

/* Numbers of the field and bytes of one, as the header claims them. */
static bool field_bytes(const zfp_field *field, uint64_t *n, size_t *elem)
{
    size_t dims[4] = {field->nx, field->ny, field->nz, field->nw};

    *elem = zfp_type_size(field->type);
    *n = *elem;
    for (unsigned i = 0; i < 4; i++)
        if (dims[i] > 0 && !h5r_mul(*n, dims[i], n))
            return false;
    return *elem > 0 && field->nx > 0;
}

/* Bits that zfp reads in front of a block's numbers, whatever the header allows for a block: it computes what is left of
 * maxbits without a look at whether anything is. */
static unsigned least_bits(const zfp_stream *z, zfp_type type)
{
    bool reversible = z->minexp < ZFP_MIN_EXP;

    switch (type) {
    case zfp_type_float:
        return 1 + 8 + (reversible ? 1 + 5 : 0); /* empty? exponent; as integers? precision */
    case zfp_type_double:
        return 1 + 11 + (reversible ? 1 + 6 : 0);
    default:
        return reversible ? 6 : 1;
    }
}

static void swap_all(uint8_t *p, size_t n, size_t size)
{
    for (size_t i = 0; i + size <= n; i += size)
        for (size_t a = i, z = i + size - 1; a < z; a++, z--) {
            uint8_t t = p[a];
            p[a] = p[z];
            p[z] = t;
        }
}

static h5r_status read_header(const h5r_stage *s, zfp_stream *z, zfp_field *field, bool *swapped)
{
    const h5r_filter *f = s->filter;
    uint32_t words[HEADER_BYTES / 4] = {0};
    unsigned n = f->n_values > 0 ? f->n_values - 1 : 0;

    if (n == 0)
        return H5R_STAGE_BAD(s, "the header is missing from the client data");
    *swapped = f->values[1] == __builtin_bswap32(MAGIC);
    for (unsigned i = 0; i < n && i < HEADER_BYTES / 4; i++)
        words[i] = *swapped ? __builtin_bswap32(f->values[i + 1]) : f->values[i + 1];
    uint64_t stream[HEADER_BYTES / 8];
    memcpy(stream, words, sizeof stream);
    bitstream *b = stream_open(stream, sizeof stream);
    if (b == NULL)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    zfp_stream_set_bit_stream(z, b);
    size_t bits = zfp_read_header(z, field, ZFP_HEADER_FULL);
    stream_close(b);
    zfp_stream_set_bit_stream(z, NULL);
    if (bits == 0)
        return H5R_STAGE_BAD(s, "the client data hold no zfp header that libzfp %s reads", ZFP_VERSION_STRING);
    return H5R_OK;
}

/* zfp does not look where its input ends: it gets a copy, filled up to the longest stream that this field can have. With ones,
 * because zeros would be read as empty blocks, of a bit each, and a stream that is cut would not be noticed. */
static h5r_status decode_stream(const h5r_stage *s, zfp_stream *z, zfp_field *field)
{
    size_t most = zfp_stream_maximum_size(z, field), limit;

    /* Ordinary fields stay near 1; a tiny one in four dimensions may take its size 60 times. */
    if (s->limit > (SIZE_MAX - (1U << 20)) / 64)
        limit = SIZE_MAX;
    else
        limit = 64 * s->limit + (1U << 20);
    if (most == 0 || most > limit)
        return H5R_STAGE_BAD(s, "a stream of up to %zu bytes for a chunk of %zu", most, s->chunk);
    if (most < s->n)
        most = s->n;
    size_t room = (most / 8 + 4) * 8;
    uint8_t *copy = malloc(room);
    if (copy == NULL)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    memcpy(copy, s->src, s->n);
    memset(copy + s->n, 0xff, room - s->n);
    bitstream *b = stream_open(copy, room);
    size_t used = 0;
    if (b != NULL) {
        zfp_stream_set_bit_stream(z, b);
        zfp_stream_rewind(z);
        used = zfp_decompress(z, field);
        stream_close(b);
        zfp_stream_set_bit_stream(z, NULL);
    }
    free(copy);
    if (used == 0)
        return H5R_STAGE_BAD(s, "damaged stream");
    if (used > (s->n + 7) / 8 * 8) /* zfp counts whole words; a writer may have stored less of the last one */
        return H5R_STAGE_BAD(s, "the stream has %zu bytes, %zu were read", s->n, used);
    return H5R_OK;
}

static h5r_status decode_field(const h5r_stage *s, zfp_stream *z, zfp_field *field)
{
    bool swapped = false;
    uint64_t total;
    size_t elem;
    uint8_t *out;

    h5r_status st = read_header(s, z, field, &swapped);
    if (st != H5R_OK)
        return st;
    if (!field_bytes(field, &total, &elem) || z->maxbits < least_bits(z, field->type))
        return H5R_STAGE_BAD(s, "the header describes no field");
    st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    memset(out, 0, (size_t)total);
    zfp_field_set_pointer(field, out);
    st = decode_stream(s, z, field);
    if (st == H5R_OK && swapped)
        swap_all(out, (size_t)total, elem);
    return st;
}

h5r_status h5r_decode_zfp(const h5r_stage *s)
{
    zfp_stream *z = zfp_stream_open(NULL);
    zfp_field *field = zfp_field_alloc();
    h5r_status st;

    if (z == NULL || field == NULL)
        st = h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    else
        st = decode_field(s, z, field);
    if (field != NULL)
        zfp_field_free(field);
    if (z != NULL)
        zfp_stream_close(z);
    return st;
}
