/* Filter pipelines: from stored bytes to chunk bytes. Pure: no file, no I/O, no state between calls. */
#ifndef H5R_FILTER_PIPELINE_H
#define H5R_FILTER_PIPELINE_H

#include <h5range/h5range.h>

/* A buffer that stages fill: grown by the codec, never beyond limit. */
typedef struct h5r_buf {
    uint8_t *bytes;
    size_t len, cap;
} h5r_buf;

/* Makes room for n bytes (content is not kept when it grows). False when memory is out. */
bool h5r_buf_reserve(h5r_buf *b, size_t n);
void h5r_buf_free(h5r_buf *b);

/* Undoes one filter: src to dst. limit is the most bytes the output may have; expected the size of a whole chunk (a hint for
 * the first allocation; exact for the last stage). Errors go to err with the filter's name and what was found. */
typedef struct h5r_codec {
    unsigned id;
    const char *name;
    h5r_status (*decode)(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                         bool skip_checksums, h5r_error *err);
} h5r_codec;

/* NULL when this build cannot undo the filter. */
const h5r_codec *h5r_codec_find(unsigned id);

/* Scratch of one thread, reused from chunk to chunk. */
typedef struct h5r_pipeline_scratch {
    h5r_buf a, b;
} h5r_pipeline_scratch;

/* Undoes the filters of one chunk in reverse order, those skipped by the mask excepted; dst gets exactly dst_len bytes.
 * A shorter result is FORMAT; a longer one is cut only where the specification allows trailing bytes. UNSUPPORTED names the filter. */
h5r_status h5r_pipeline_decode(const h5r_filter *filters, unsigned n_filters, uint32_t skipped, const uint8_t *src, size_t n,
                               uint8_t *dst, size_t dst_len, bool skip_checksums, h5r_pipeline_scratch *s, h5r_error *err);

/* What a stage may at most put out, and a stored chunk take: filters may have added a checksum or a header, but no sane pipeline
 * makes a chunk much larger than it is. */
size_t h5r_stage_limit(uint64_t chunk);

void h5r_pipeline_scratch_free(h5r_pipeline_scratch *s);

#endif
