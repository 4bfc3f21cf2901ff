/* JPEG by libjpeg: one image a chunk, of 8-bit samples, grey or RGB by pixel. */
#include "filter/codecs.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

typedef struct decoder {
    struct jpeg_decompress_struct jpeg; /* first: libjpeg's callbacks get its address */
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
} decoder;

static void fail(j_common_ptr c)
{
    decoder *d = (decoder *)(void *)c;
    c->err->format_message(c, d->message);
    longjmp(d->failed, 1);
}

/* Warnings are about damaged data, which libjpeg would fill up with grey. Traces have level 0 and above. */
static void warn(j_common_ptr c, int level)
{
    if (level < 0)
        fail(c);
}

static h5r_status run(const h5r_stage *s, decoder *d)
{
    uint8_t *out;

    jpeg_read_header(&d->jpeg, TRUE);
    jpeg_calc_output_dimensions(&d->jpeg);
    uint64_t row = (uint64_t)d->jpeg.output_width * (unsigned)d->jpeg.output_components;
    h5r_status st = h5r_stage_room(s, row * d->jpeg.output_height, &out); /* 16-bit sizes: no overflow */
    if (st != H5R_OK)
        return st;
    jpeg_start_decompress(&d->jpeg);
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        JSAMPROW line = out + row * d->jpeg.output_scanline;
        jpeg_read_scanlines(&d->jpeg, &line, 1);
    }
    jpeg_finish_decompress(&d->jpeg);
    return H5R_OK;
}

h5r_status h5r_decode_jpeg(const h5r_stage *s)
{
    decoder d;
    h5r_status st;

    if (s->n == 0 || s->n > ULONG_MAX)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail;
    d.errors.emit_message = warn;
    d.message[0] = '\0';
    if (setjmp(d.failed) == 0) {
        jpeg_create_decompress(&d.jpeg);
        jpeg_mem_src(&d.jpeg, s->src, (unsigned long)s->n);
        st = run(s, &d);
    } else {
        st = H5R_STAGE_BAD(s, "%s", d.message);
    }
    jpeg_destroy_decompress(&d.jpeg);
    return st;
}
