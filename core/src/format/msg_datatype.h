/* Datatype message, versions 1 to 5. Specification IV.A.2.d. */
#ifndef H5R_FORMAT_MSG_DATATYPE_H
#define H5R_FORMAT_MSG_DATATYPE_H

#include "format/cursor.h"
#include "util/arena.h"

/* Decodes one type; members, names and bases are allocated in the arena. *what is a short text on failure. NOMEM when the
 * arena is out of memory; LIMIT beyond max_depth. */
h5r_status h5r_decode_datatype(h5r_cursor *c, h5r_widths w, unsigned max_depth, h5r_arena *arena,
                               const h5r_type **out, const char **what);

#endif
