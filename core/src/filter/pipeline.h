/* Filter pipelines: from stored bytes to chunk bytes. Pure: no file, no I/O, no state between calls. */
#ifndef H5R_FILTER_PIPELINE_H
#define H5R_FILTER_PIPELINE_H

#include <h5range/h5range.h>

/* A buffer that stages fill. It may begin as memory of the caller (borrowed); what does not fit there goes to the heap. */
typedef struct h5r_buf {
    uint8_t *bytes;
    size_t len, cap;
    bool borrowed;
} h5r_buf;

/* Makes room for n bytes (content is not kept when it grows). False when memory is out. */
bool h5r_buf_reserve(h5r_buf *b, size_t n);
void h5r_buf_free(h5r_buf *b);

/* Scratch of one thread, reused from chunk to chunk. */
typedef struct h5r_pipeline_scratch {
    h5r_buf a, b; /* output of inner stages, in turn */
    h5r_buf work; /* of a single codec */
    void *inflater; /* state of deflate, made when it is first needed */
} h5r_pipeline_scratch;

/* Undoes the filters of one chunk in reverse order, those skipped by the mask excepted; dst gets exactly dst_len bytes. o holds
 * the caller's codecs and skip_checksums. A shorter result is FORMAT; a longer one is cut, as some writers append. UNSUPPORTED
 * names the filter. */
h5r_status h5r_pipeline_decode(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped,
                               const uint8_t *src, size_t n, uint8_t *dst, size_t dst_len, h5r_pipeline_scratch *s,
                               h5r_error *err);

/* Whether the filter that is undone last is a shuffle of elements of `size` bytes that the library itself undoes: then the chunk can
 * be had as byte planes. */
bool h5r_pipeline_ends_shuffled(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped, size_t size);

/* Undoes all filters but that shuffle. *planes is the chunk in byte planes, in the scratch or in src; NULL when it is not
 * dst_len bytes long: then h5r_pipeline_decode() is to be asked. */
h5r_status h5r_pipeline_decode_planes(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped,
                                      const uint8_t *src, size_t n, size_t dst_len, const uint8_t **planes, h5r_pipeline_scratch *s,
                                      h5r_error *err);

/* What a stage may at most put out, and a stored chunk take: filters may have added a checksum or a header, but no sane pipeline
 * makes a chunk much larger than it is. */
size_t h5r_stage_limit(uint64_t chunk);

void h5r_pipeline_scratch_free(h5r_pipeline_scratch *s);

#endif
