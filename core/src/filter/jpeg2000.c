/* JPEG 2000 (32031) and its high-throughput variant (32033) by OpenJPEG: one codestream a chunk; components by pixel. */
#include "filter/codecs.h"

#include <openjpeg.h>
#include <string.h>

#include "util/checked.h"

typedef struct input {
    const uint8_t *p;
    size_t n, at;
} input;

static OPJ_SIZE_T read_bytes(void *buffer, OPJ_SIZE_T n, void *ctx)
{
    input *in = ctx;
    if (in->at >= in->n)
        return (OPJ_SIZE_T)-1;
    if (n > in->n - in->at)
        n = in->n - in->at;
    memcpy(buffer, in->p + in->at, n);
    in->at += n;
    return n;
}

static OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void *ctx)
{
    input *in = ctx;
    if (n < 0 || (uint64_t)n > in->n - in->at)
        return -1;
    in->at += (size_t)n;
    return n;
}

static OPJ_BOOL seek_bytes(OPJ_OFF_T n, void *ctx)
{
    input *in = ctx;
    if (n < 0 || (uint64_t)n > in->n)
        return OPJ_FALSE;
    in->at = (size_t)n;
    return OPJ_TRUE;
}

static void note(const char *message, void *ctx)
{
    char *text = ctx;
    size_t n = strcspn(message, "\r\n");
    if (text[0] != '\0') /* the first one is the cause */
        return;
    if (n > 199)
        n = 199;
    memcpy(text, message, n);
    text[n] = '\0';
}

/* Bytes of a sample; 0 for what no integer type of a file holds. */
static size_t sample_size(const opj_image_t *image)
{
    unsigned prec = image->comps[0].prec;
    return prec == 0 || prec > 32 ? 0 : prec <= 8 ? 1 : prec <= 16 ? 2 : 4;
}

/* The image's size and its tiles, which the codestream begins with (SOC, SIZ): OpenJPEG takes some 6 KiB for each tile before it
 * lets anyone look at the size. */
static h5r_status check_tiles(const h5r_stage *s)
{
    const uint8_t *p = s->src;

    if (s->n < 40 || h5r_be32(p) != 0xff4fff51)
        return H5R_STAGE_BAD(s, "no codestream");
    uint64_t x1 = h5r_be32(p + 8), y1 = h5r_be32(p + 12), x0 = h5r_be32(p + 16), y0 = h5r_be32(p + 20);
    uint64_t tile_w = h5r_be32(p + 24), tile_h = h5r_be32(p + 28), tile_x = h5r_be32(p + 32), tile_y = h5r_be32(p + 36);
    if (x0 >= x1 || y0 >= y1 || tile_x > x0 || tile_y > y0 || tile_w == 0 || tile_h == 0)
        return H5R_STAGE_BAD(s, "an image or tiles of no size");
    uint64_t tiles = h5r_ceil_div(x1 - tile_x, tile_w) * h5r_ceil_div(y1 - tile_y, tile_h);
    if ((x1 - x0) * (y1 - y0) > s->limit || tiles > 64 + s->limit / 256)
        return H5R_STAGE_BAD(s, "an image of %llu x %llu in %llu tiles for a chunk of %zu bytes", (unsigned long long)(x1 - x0),
                             (unsigned long long)(y1 - y0), (unsigned long long)tiles, s->chunk);
    return H5R_OK;
}

/* All components alike, of a size that can be: checked before anything is decoded. */
static h5r_status check_image(const h5r_stage *s, const opj_image_t *image, uint64_t *total)
{
    if (image->numcomps == 0 || image->numcomps > 16384 || sample_size(image) == 0)
        return H5R_STAGE_BAD(s, "%u components", (unsigned)image->numcomps);
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *a = &image->comps[c], *b = &image->comps[0];
        if (a->w != b->w || a->h != b->h || a->dx != b->dx || a->dy != b->dy || a->prec != b->prec || a->sgnd != b->sgnd)
            return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "components of different sizes or types");
    }
    uint64_t pixels = (uint64_t)image->comps[0].w * image->comps[0].h;
    if (pixels > s->limit)
        return H5R_STAGE_BAD(s, "an image of %u x %u, far above a chunk of %zu bytes", (unsigned)image->comps[0].w,
                             (unsigned)image->comps[0].h, s->chunk);
    *total = pixels * image->numcomps * sample_size(image);
    return H5R_OK;
}

static h5r_status put_samples(const h5r_stage *s, const opj_image_t *image, uint8_t *out)
{
    size_t size = sample_size(image), pixels = (size_t)image->comps[0].w * image->comps[0].h;

    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const OPJ_INT32 *data = image->comps[c].data;
        if (data == NULL)
            return H5R_STAGE_BAD(s, "component %u was not decoded", (unsigned)c);
        for (size_t i = 0; i < pixels; i++) {
            uint8_t *p = out + (i * image->numcomps + c) * size;
            for (size_t b = 0; b < size; b++)
                p[b] = (uint8_t)((uint32_t)data[i] >> (8 * b));
        }
    }
    return H5R_OK;
}

static h5r_status decode(const h5r_stage *s, opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image, const char *text)
{
    opj_dparameters_t parameters;
    uint64_t total = 0, again = 0;
    uint8_t *out;

    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE))
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    if (!opj_read_header(stream, codec, image))
        return H5R_STAGE_BAD(s, "%s", text[0] != '\0' ? text : "no codestream");
    h5r_status st = check_image(s, *image, &total);
    if (st == H5R_OK)
        st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    if (!opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream) || text[0] != '\0')
        return H5R_STAGE_BAD(s, "%s", text[0] != '\0' ? text : "damaged codestream");
    st = check_image(s, *image, &again);
    if (st == H5R_OK && again != total)
        return H5R_STAGE_BAD(s, "%llu bytes instead of %llu", (unsigned long long)again, (unsigned long long)total);
    return st == H5R_OK ? put_samples(s, *image, out) : st;
}

h5r_status h5r_decode_jpeg2000(const h5r_stage *s)
{
    h5r_status st = check_tiles(s);
    if (st != H5R_OK)
        return st;
    input in = {.p = s->src, .n = s->n};
    char text[200] = "";
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(4096, OPJ_TRUE);
    opj_image_t *image = NULL;

    if (codec == NULL || stream == NULL) {
        st = h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    } else {
        opj_set_error_handler(codec, note, text);
        opj_stream_set_user_data(stream, &in, NULL);
        opj_stream_set_user_data_length(stream, s->n);
        opj_stream_set_read_function(stream, read_bytes);
        opj_stream_set_skip_function(stream, skip_bytes);
        opj_stream_set_seek_function(stream, seek_bytes);
        st = decode(s, codec, stream, &image, text);
    }
    opj_image_destroy(image);
    if (stream != NULL)
        opj_stream_destroy(stream);
    if (codec != NULL)
        opj_destroy_codec(codec);
    return st;
}
