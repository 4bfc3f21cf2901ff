/* Reading what is listed, and bringing it into the caller's buffers.
 *
 * Data of a source whose reads cost nothing are read piece by piece by the threads that decode them. Else they are read in
 * batches: one batch is in flight while the threads decode the one before it. */
#ifndef H5R_READ_DELIVER_H
#define H5R_READ_DELIVER_H

#include "read/pieces.h"

/* Reads, decodes and scatters all pieces; the list is empty afterwards. Of several failures the one of the piece that comes first in
 * the file is reported. */
h5r_status h5r_read_pieces(h5r_ctx *x, h5r_pieces *l);

/* Whether the pieces are read by the threads that decode them. */
bool h5r_reads_directly(const h5r_file *f, const h5r_pieces *l);

/* The selected part of a decoded chunk, or of contiguous storage, into its place. plane: 0, or the length of its byte planes. */
void h5r_scatter_part(const h5r_window *w, const h5r_part *part, const uint8_t *bytes, size_t plane);

#endif
