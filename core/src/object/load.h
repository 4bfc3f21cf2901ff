/* Loaders: an address in, a memoised object out. Each may answer H5R_NEED; each is idempotent. */
#ifndef H5R_OBJECT_LOAD_H
#define H5R_OBJECT_LOAD_H

#include "format/heaps.h"
#include "format/messages.h"
#include "format/object_header.h"
#include "io/ctx.h"
#include "object/memo.h"

/* A public object with what the library keeps of it. */
typedef struct h5r_header {
    h5r_object pub;              /* first: a const h5r_object * is a pointer to this */
    const h5r_message *messages; /* of all chunks, without NIL and continuations */
    unsigned n_messages;
    const h5r_dense_info *link_info; /* or NULL */
    const h5r_dense_info *attr_info;
    const h5r_symbol_table *symbols;
    const char *comment;
    uint64_t modified;
    bool first_only; /* messages are those of the first chunk: enough for an old group's links */
} h5r_header;

static inline const h5r_header *h5r_header_of(const h5r_object *o)
{
    return (const h5r_header *)(const void *)o;
}

/* Reads an object header with its continuations, and decides what kind of object it is. Of a group whose first chunk has its symbol
 * table, only that: the continuations hold attributes, and may be a long chain through the file. */
h5r_status h5r_load_header(h5r_ctx *x, uint64_t addr, const h5r_header **out);

/* Called for the object behind each entry of a symbol table as soon as the entry has been read: names may come later. */
typedef h5r_status (*h5r_entry_visit)(void *arg, uint64_t addr);

/* Notes what an entry of a symbol table (or the superblock) says about the symbol table of the group behind it. libhdf5 leaves it there
 * when the group gets links of the new style, so it is good for guesses only: what is read ahead while the header is on its way. */
h5r_status h5r_note_symbols(h5r_ctx *x, uint64_t addr, const h5r_symbol_table *t);

/* While the header of a group is on its way: goes on from what was noted of it, down a path as far as what is in memory leads, and wants
 * what the path will need. Of an empty path: the names in the group. */
void h5r_guess_path(h5r_ctx *x, uint64_t group, const char *path);

/* The same for a walk: visits the entries of the symbol table that was noted, as far as it is in memory, and wants the rest. */
void h5r_guess_entries(h5r_ctx *x, uint64_t group, h5r_entry_visit visit, void *arg);

/* Where another header begins right behind the first block of this one, as far as both are in memory; else H5R_UNDEFINED. Version 2: only there
 * are headers signed. */
uint64_t h5r_header_behind(h5r_ctx *x, uint64_t addr);

/* The dataspace in the first block of a header, where that is in memory: nothing is wanted, nothing fails. */
bool h5r_peek_space(h5r_ctx *x, uint64_t addr, h5r_space *out);

/* The same object with the messages of all chunks. */
h5r_status h5r_load_whole_header(h5r_ctx *x, const h5r_header *h, const h5r_header **out);

/* First message of a type, or NULL. */
const h5r_message *h5r_find_message(const h5r_header *h, unsigned type);

/* The body of a message: its own, or the one it refers to when it is shared. *committed: address of the object that holds
 * it, H5R_UNDEFINED when it is no committed one. at: the message's object header, for errors. */
h5r_status h5r_load_body(h5r_ctx *x, uint64_t at, unsigned type, bool shared, const uint8_t *body, size_t len,
                         const uint8_t **out, size_t *out_len, uint64_t *committed);

/* A datatype from a message body, shared or not. at: address for messages of errors. */
h5r_status h5r_load_type(h5r_ctx *x, uint64_t at, bool shared, const uint8_t *body, size_t len, const h5r_type **out);

/* An object of a local heap: NUL-terminated text inside the data segment. */
h5r_status h5r_load_local_heap(h5r_ctx *x, uint64_t addr, const h5r_local_heap **out);
h5r_status h5r_local_heap_text(h5r_ctx *x, const h5r_local_heap *h, uint64_t offset, const char **out);

/* An object of a fractal heap by its identifier (heap->id_len bytes). Lives until the file is closed. */
h5r_status h5r_load_fractal_heap(h5r_ctx *x, uint64_t addr, const h5r_fractal_heap **out);
h5r_status h5r_load_heap_object(h5r_ctx *x, const h5r_fractal_heap *h, const uint8_t *id, const uint8_t **out,
                                uint64_t *len);

/* Asks for what of a heap the objects that a tree names will be found in: the root block, and (all) every direct block below a root of one
 * level. NEED when something is on its way; errors are left to who reads the objects. */
h5r_status h5r_want_heap(h5r_ctx *x, const h5r_fractal_heap *h, bool all);

/* The heap of shared messages of a type. */
h5r_status h5r_load_sohm_heap(h5r_ctx *x, unsigned type, const h5r_fractal_heap **out);

/* An object of a global heap collection; borrowed until the pass ends. */
h5r_status h5r_load_global_object(h5r_ctx *x, uint64_t addr, uint32_t index, const uint8_t **out, uint64_t *len);

/* Links and attributes of an object, complete with their errors; memoised. */
typedef struct h5r_link_list {
    const h5r_link *const *by_name, *const *by_order; /* by_order is by_name where order is not tracked */
    size_t n;
    const h5r_error *bad;
} h5r_link_list;

h5r_status h5r_load_links(h5r_ctx *x, const h5r_header *h, const h5r_link_list **out);

h5r_status h5r_load_links_early(h5r_ctx *x, const h5r_header *h, h5r_entry_visit visit, void *arg, const h5r_link_list **out);

/* Visits where hard links of a group lead, as far as they are in memory: nothing is wanted, and only the visitor fails. */
h5r_status h5r_peek_links(h5r_ctx *x, const h5r_header *group, h5r_entry_visit visit, void *arg);

/* One link by name; NULL when there is none; borrowed until the pass ends. Reads only the index nodes on its way where the group is dense or a symbol
 * table. When the names of a symbol table are not there yet, those of the groups below it are wanted beside them, as far as they can be
 * found in what is in memory: a path goes on into one of them. */
h5r_status h5r_load_link(h5r_ctx *x, const h5r_header *h, const char *name, size_t name_len, const h5r_link **out);

/* Whether a group has at most 64 links or so, as far as can be told without reading. */
bool h5r_is_small_group(h5r_ctx *x, const h5r_header *group);

/* Asks for the headers of the objects in an old-style group that is not large: one of them is on its way, and in such files it takes several rounds
 * to an object; others of the group tend to be opened next. */
void h5r_want_siblings(h5r_ctx *x, const h5r_header *group);

/* About how many links there are; see h5r_links_estimate(). */
h5r_status h5r_estimate_links(h5r_ctx *x, const h5r_header *h, uint64_t *n);

/* One hard link by where it leads, as h5r_load_link(). */
h5r_status h5r_load_link_to(h5r_ctx *x, const h5r_header *h, uint64_t addr, const h5r_link **out);

typedef struct h5r_attr_list {
    const h5r_attr *const *by_name, *const *by_order;
    size_t n;
    const h5r_error *bad;
} h5r_attr_list;

h5r_status h5r_load_attrs(h5r_ctx *x, const h5r_header *h, const h5r_attr_list **out);

/* Description of a dataset. */
h5r_status h5r_load_dataset(h5r_ctx *x, const h5r_header *h, const h5r_dataset **out);

/* Where a path leaves the file: an external link, and what is left of the path behind it ("" when nothing is). Lives until the pass's
 * scratch is freed. */
typedef struct h5r_exit {
    const h5r_link *link;
    const char *rest;
} h5r_exit;

/* The object of a path; see h5r_lookup(). *out is NULL when an external link is on the way: *exit says which. */
h5r_status h5r_load_path(h5r_ctx *x, const h5r_header *base, const char *path, const h5r_header **out, h5r_exit *exit);

/* Remembers that path leads to addr, the first time. */
h5r_status h5r_note_path(h5r_ctx *x, uint64_t addr, const char *parent, const char *name);
const char *h5r_path_of(const h5r_ctx *x, uint64_t addr);

#endif
