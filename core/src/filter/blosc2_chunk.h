/* One chunk of Blosc 2 (README_CHUNK_FORMAT of c-blosc2): a header, then blocks that can be decoded one by one. */
#ifndef H5R_FILTER_BLOSC2_CHUNK_H
#define H5R_FILTER_BLOSC2_CHUNK_H

#include "filter/codecs.h"

enum { H5R_BLOSC2_FILTERS = 6 };

/* What the whole chunk is made of, without any block. */
typedef enum h5r_blosc2_kind { H5R_BLOSC2_BLOCKS, H5R_BLOSC2_COPY, H5R_BLOSC2_FILL } h5r_blosc2_kind;

typedef struct h5r_blosc2_chunk {
    const h5r_stage *s;
    const uint8_t *p;
    size_t len;             /* of the chunk, header included */
    size_t head;            /* bytes of the header */
    size_t n_bytes, block;  /* decoded: of all, of one block */
    size_t type_size;       /* 1 to 255; larger types are 1 here */
    h5r_blosc2_kind kind;
    unsigned codec;
    bool split;             /* a block is type_size streams */
    uint8_t filters[H5R_BLOSC2_FILTERS], meta[H5R_BLOSC2_FILTERS];
    uint8_t value[256];     /* FILL: what is repeated */
    size_t value_size;
    void *zstd;             /* context of the codec, made when it is first needed */
} h5r_blosc2_chunk;

/* Parses and checks the header. The chunk borrows p and s; h5r_blosc2_chunk_close() frees the rest. */
h5r_status h5r_blosc2_chunk_open(const h5r_stage *s, const uint8_t *p, size_t n, h5r_blosc2_chunk *out);
void h5r_blosc2_chunk_close(h5r_blosc2_chunk *c);

size_t h5r_blosc2_chunk_blocks(const h5r_blosc2_chunk *c);

/* Decodes block k to out, which has c->block bytes or, for the last one, what is left. tmp has room for three blocks; first
 * is block 0 as decoded before (NULL while that one is). */
h5r_status h5r_blosc2_chunk_block(h5r_blosc2_chunk *c, size_t k, uint8_t *out, uint8_t *tmp, const uint8_t *first);

/* BloscLZ: returns false unless src gives exactly len bytes. */
bool h5r_blosclz_decode(const uint8_t *src, size_t n, uint8_t *out, size_t len);

#endif
