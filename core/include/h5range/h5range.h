/* h5range - reads HDF5 and netCDF-4 files in as few round trips as the format allows.
 *
 * The library parses without performing I/O: each call says which byte ranges it needs, gets them in one
 * parallel batch per round from a source, and goes on. "The specification" below is the HDF5 File Format
 * Specification, version 3.0 (and 4.0 where noted).
 *
 * Conventions
 *   - An *address* is what the file stores, relative to its base address; an *offset* counts from byte 0 of
 *     the source. H5R_UNDEFINED stands for an undefined address, an unknown offset, and "unlimited".
 *   - A function returns H5R_OK or a negative status; results mean something only on H5R_OK. With a source
 *     that has no read_ranges(), a call may also return H5R_NEED: see h5r_wanted().
 *   - Pointers to const structs are borrowed from the file and live until h5r_close(). The library allocates
 *     these structs; later versions may append fields.
 *   - Every function that takes an h5r_file may be called from several threads at once (pull mode).
 *   - err may be NULL.
 */
#ifndef H5RANGE_H5RANGE_H
#define H5RANGE_H5RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define H5R_API
#elif defined(__GNUC__)
#define H5R_API __attribute__((visibility("default")))
#else
#define H5R_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define H5R_VERSION_MAJOR 0
#define H5R_VERSION_MINOR 1
#define H5R_VERSION_PATCH 0

#define H5R_UNDEFINED UINT64_MAX
#define H5R_MAX_RANK 32
#define H5R_MAX_FILTERS 32

/* ---------------------------------------------------------------- status and errors */

typedef enum h5r_status {
    H5R_OK = 0,
    H5R_NEED = 1,             /* push mode: fetch what h5r_wanted() lists, feed it, call again */
    H5R_ERR_ARG = -1,         /* the call is wrong: rank, selection outside the extent, NULL */
    H5R_ERR_NOT_FOUND = -2,   /* no such path, file or URL */
    H5R_ERR_IO = -3,          /* the source failed: network, permission, server without ranges */
    H5R_ERR_FORMAT = -4,      /* the bytes violate the specification, or the file is truncated */
    H5R_ERR_UNSUPPORTED = -5, /* a valid feature that this build cannot read; the message names it */
    H5R_ERR_LIMIT = -6,       /* a limit of h5r_limits was reached; the message names it */
    H5R_ERR_NOMEM = -7,
    H5R_ERR_INTERNAL = -8     /* a mistake of the library */
} h5r_status;

/* Filled by the call that fails; one line of text, no newline. */
typedef struct h5r_error {
    h5r_status status;
    uint64_t offset;   /* byte of the source the message is about, or H5R_UNDEFINED */
    char path[256];    /* object the message is about, "" when none; cut with "..." when longer */
    char message[400]; /* what was expected, what was found */
} h5r_error;

/* "format", "not found", ...: one or two words for a status. */
H5R_API const char *h5r_status_name(h5r_status s);

/* Version of the library as text, e.g. "0.1.0". */
H5R_API const char *h5r_version(void);

/* ---------------------------------------------------------------- sources */

/* One read of a batch. The source stores len bytes at dst, or fewer where the file ends, and sets got. */
typedef struct h5r_read {
    uint64_t offset;
    size_t len;
    void *dst;
    size_t got;
} h5r_read;

/* A byte source. Fields may be appended; h5r_source_init() sets struct_size and zeroes the rest.
 *
 * read_ranges() performs the whole batch, in parallel where it can. The reads are sorted by offset and do not
 * overlap; none is empty. A read that begins at or beyond the end of the file is not an error: got = 0.
 * On failure it returns a negative status and describes it in err->message (never NULL here, and cleared), in err->offset
 * if it can; the status returned counts, whatever err->status is. It must be thread-safe unless one_at_a_time is set.
 * NULL selects push mode. */
typedef struct h5r_source h5r_source;
struct h5r_source {
    size_t struct_size;
    void *ctx;
    h5r_status (*read_ranges)(void *ctx, h5r_read *reads, size_t n, h5r_error *err);
    void (*close)(void *ctx);    /* may be NULL */
    char name[512];              /* path or URL for messages, no credentials */
    size_t gap;                  /* bytes worth reading to save one request; 0 for a local file. Metadata: only where a round would
                                  * otherwise have more requests than limits.inflight_requests */
    size_t block;                /* metadata reads are widened to multiples of it; 0: as small as asked for. A power of two. Of a
                                  * remote source it is the largest: a round that reads in many places takes smaller ones */
    size_t first_read;           /* bytes of the head to ask for at open; 0: 4096 */
    size_t max_request;          /* split longer requests into parallel ones of this size; 0: never */
    bool one_at_a_time;          /* read_ranges() is not thread-safe: the core serialises calls */
    uint64_t size;               /* bytes of the source when known for free, else H5R_UNDEFINED */

    /* Opens another file for the parts of this one that lie elsewhere (virtual and external data, external links, multi-file
     * sets). beside: name is relative to this source's folder; else it is absolute, or relative to the current folder. The core has
     * applied h5r_options.others. NOT_FOUND when there is no such file; failures are described as those of read_ranges() are. NULL: there are no other files. Called, as read_ranges() is, by
     * several threads at once unless one_at_a_time is set. */
    h5r_status (*open_other)(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err);
    bool remote;                 /* reached over a network: what the file names is not trusted beyond its own folder */
    /* What tells this version of the source from others, as text: an ETag, or size and time of modification. No I/O: false while that is
     * not known (of a remote source, before its first answer) or when nothing tells. NULL: false. */
    bool (*identity)(void *ctx, char *out, size_t cap);
    bool direct;                 /* a request costs next to nothing: data are read by the threads that decode them, at the same time and
                                  * in small requests, rather than in batches (not when one_at_a_time is set, nor for a trace) */
};

H5R_API void h5r_source_init(h5r_source *s);

/* Sets gap, block, first_read and max_request of a remote source from what a request costs: seconds until its first byte comes, and
 * bytes a second of one connection. 0: 50 ms, 100 MB/s. Nothing is measured while reading, so that the same calls always ask for the same
 * ranges. */
H5R_API void h5r_source_tune(h5r_source *s, double latency, double bandwidth);

/* A file of the operating system, read with pread(). NOT_FOUND, IO; refuses directories. */
H5R_API h5r_status h5r_source_open_file(const char *path, h5r_source *out, h5r_error *err);

/* Bytes in memory. They stay the caller's and must outlive the source. */
H5R_API h5r_status h5r_source_open_memory(const void *bytes, size_t n, h5r_source *out, h5r_error *err);

/* ---------------------------------------------------------------- options */

/* Bounds on what a file may claim. Zero never means "unlimited": set UINT64_MAX or UINT32_MAX. */
typedef struct h5r_limits {
    uint64_t metadata_bytes; /* cached metadata plus decoded objects of one file; a sixteenth of it may be nodes of chunk indexes that
                              * no call is using */
    uint64_t heap_bytes;     /* cached variable-length data of one file */
    uint64_t chunk_bytes;    /* decoded size of one chunk that has filters */
    uint64_t inflight_bytes; /* bytes asked for in one batch; push mode wants all data of a call at once */
    uint64_t vlen_bytes;     /* variable-length values loaded by one call */
    uint64_t objects;        /* objects visited by one prefetch */
    uint64_t links;          /* links in one group */
    uint64_t attributes;     /* attributes of one object */
    uint64_t header_bytes;   /* one object header with its continuations */
    uint32_t header_chunks;  /* continuations of one object header */
    uint32_t depth;          /* nesting of groups in one prefetch, of datatypes, of variable-length values */
    uint32_t soft_links;     /* soft links followed by one lookup */
    uint32_t rounds;         /* rounds of one call */
    uint32_t other_files;    /* other files opened for the parts of one */
    uint32_t nesting;        /* virtual datasets of virtual datasets, external links to external links */
    uint32_t inflight_requests; /* metadata requests of one batch before gaps between them are read, too; how many a source has on the
                                 * wire at once is its own affair */
} h5r_limits;

/* Which other files may be opened for the parts of a file that lie elsewhere. */
typedef enum h5r_others {
    H5R_OTHERS_AUTO = 0,   /* of a remote file BESIDE, of a local one ANY */
    H5R_OTHERS_NO = 1,
    H5R_OTHERS_BESIDE = 2, /* in the file's own folder and below; of absolute names the last part is looked for there */
    H5R_OTHERS_ANY = 3     /* also absolute names, the current folder, and the folders in HDF5_EXT_PREFIX, HDF5_VDS_PREFIX and
                            * HDF5_EXTFILE_PREFIX, as libhdf5 does */
} h5r_others;

typedef struct h5r_round {
    uint64_t number;      /* from 1, over the life of the file; other files that are opened for its parts count their own */
    const char *call;     /* public function that waited */
    const h5r_read *reads; /* requests of the round; when it succeeded, dst holds the got bytes that came, until the callback returns */
    size_t n;
    double seconds;       /* spent in read_ranges() */
} h5r_round;

struct h5r_codec; /* see "filters" below */

typedef struct h5r_options {
    size_t struct_size;
    h5r_limits limits;
    const void *head;    /* first bytes of the file that the caller already has; copied */
    size_t head_len;
    bool skip_checksums; /* go on when a metadata checksum or a Fletcher-32 does not match */
    bool exact_reads;    /* ask for just the bytes needed: no hints, blocks, gaps, splits (for tests and measurements) */
    void (*trace)(void *ctx, const h5r_round *round); /* called after each round (not of raw external files), also one that failed, file unlocked, by the thread whose
                          * call has waited for it: by several at once when several threads read. While it is set, other files are read
                          * one after the other, so that it shows rounds in their order */
    void *trace_ctx;
    const struct h5r_codec *codecs; /* filters of the caller, asked before the built-in ones; borrowed until h5r_close() */
    size_t n_codecs;
    h5r_others others;   /* other files that may be opened */
    unsigned threads;    /* that decode the chunks of one file, the calling one included; 0: as many as there are processors (at most
                          * 16). They start with the first read that has work for them, and so do up to 15 that wait for the answers of
                          * other remote files, when data lie in several; 1: none are started */
    uint64_t chunk_cache_bytes; /* decoded chunks kept when a read needs just a part of them; 0: none */
    void (*viewed)(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n); /* called for each piece of metadata that is looked at, again
                          * whenever it is, file locked: it must not call back */
    void *viewed_ctx;
    const char *index_cache;    /* folder where metadata that were read and chunk indexes are kept for the next open of the same version of
                                 * the file, also by other processes; copied. NULL or "": none. Never an error: what cannot be read or
                                 * written there is not kept */
    uint64_t index_cache_bytes; /* that its files take together, at most */
} h5r_options;

H5R_API void h5r_options_init(h5r_options *o);

/* ---------------------------------------------------------------- files */

typedef struct h5r_file h5r_file;

/* True when head (the first len bytes of a file) has the HDF5 signature at 0, 512, 1024, 2048, ...
 * (specification II). A user block longer than len is not seen. */
H5R_API bool h5r_identify(const void *head, size_t len);

/* Opens a file: one round when the head holds the superblock (versions 0 to 3, specification II.A).
 * Takes the source over, also on failure (not when src or out is NULL). o may be NULL. FORMAT: no signature at 0, 512, 1024, ...;
 * the message says what the bytes look like. Push mode: OK (or NOMEM, ARG) without a look at any byte, the options' head included;
 * *out is not open yet, h5r_open_continue() opens it. */
H5R_API h5r_status h5r_open(const h5r_source *src, const h5r_options *o, h5r_file **out, h5r_error *err);

/* Push mode: opens what h5r_open() has made, with the errors that h5r_open() has in pull mode; on NEED fetch, feed and call again, as
 * with every call. Until it was OK, calls that could need bytes are ARG. On failure h5r_close() is still to be called. OK at once
 * for an open file. */
H5R_API h5r_status h5r_open_continue(h5r_file *f, h5r_error *err);

/* Frees the file and all that was borrowed from it. No other call may be running. NULL is fine. */
H5R_API void h5r_close(h5r_file *f);

/* Writes what is new for options.index_cache now rather than in h5r_close(). */
H5R_API void h5r_index_cache_write(h5r_file *f);

typedef struct h5r_stats {
    uint64_t rounds;     /* serial batches */
    uint64_t requests;   /* ranges asked of the source */
    uint64_t bytes;      /* bytes received */
    uint64_t cached_bytes;  /* held now: metadata and heap extents */
    uint64_t decoded_bytes; /* held now: decoded objects */
    uint64_t chunks;     /* chunks decoded */
} h5r_stats;

/* Of the file and of those opened for parts of it. */
H5R_API void h5r_get_stats(const h5r_file *f, h5r_stats *out);

typedef struct h5r_file_info {
    unsigned superblock;      /* version, 0 to 3 */
    unsigned offset_size;     /* "Size of Offsets", bytes */
    unsigned length_size;     /* "Size of Lengths", bytes */
    uint64_t base;            /* offset of the superblock: size of the user block */
    uint64_t end;             /* end-of-file address, as an offset */
    uint64_t root;            /* address of the root group's object header */
    uint64_t page_size;       /* of paged file space, 0: not paged */
    bool open_for_write;      /* consistency flags say that a writer did not close the file */
    const char *driver;       /* "family", "multi", "split", "subfiling", or "" (specification II.B) */
    const char *name;         /* of the source */
} h5r_file_info;

H5R_API const h5r_file_info *h5r_get_info(const h5r_file *f);

/* Push mode. After NEED: the ranges to fetch, sorted, coalesced, not overlapping; dst is NULL.
 * Returns their number and writes at most cap of them. */
H5R_API size_t h5r_wanted(h5r_file *f, h5r_read *out, size_t cap);

/* Push mode: bytes [offset, offset + n) of the source; copied. Ranges that were not asked for are welcome.
 * Fewer bytes than wanted mean that the file ends there: set end. */
H5R_API h5r_status h5r_feed(h5r_file *f, uint64_t offset, const void *bytes, size_t n, bool end, h5r_error *err);

/* ---------------------------------------------------------------- datatypes (specification IV.A.2.d) */

typedef enum h5r_class {
    H5R_CLASS_INTEGER = 0,
    H5R_CLASS_FLOAT = 1,
    H5R_CLASS_TIME = 2,
    H5R_CLASS_STRING = 3,
    H5R_CLASS_BITFIELD = 4,
    H5R_CLASS_OPAQUE = 5,
    H5R_CLASS_COMPOUND = 6,
    H5R_CLASS_REFERENCE = 7,
    H5R_CLASS_ENUM = 8,
    H5R_CLASS_VLEN = 9, /* sequence or string: see vlen_string */
    H5R_CLASS_ARRAY = 10,
    H5R_CLASS_COMPLEX = 11
} h5r_class;

typedef enum h5r_order { H5R_ORDER_LE = 0, H5R_ORDER_BE = 1, H5R_ORDER_VAX = 2, H5R_ORDER_NONE = 3 } h5r_order;
typedef enum h5r_pad { H5R_PAD_ZERO = 0, H5R_PAD_ONE = 1, H5R_PAD_BACKGROUND = 2 } h5r_pad;
typedef enum h5r_norm { H5R_NORM_NONE = 0, H5R_NORM_MSBSET = 1, H5R_NORM_IMPLIED = 2 } h5r_norm;
typedef enum h5r_strpad { H5R_STR_NULLTERM = 0, H5R_STR_NULLPAD = 1, H5R_STR_SPACEPAD = 2 } h5r_strpad;
typedef enum h5r_cset { H5R_CSET_ASCII = 0, H5R_CSET_UTF8 = 1 } h5r_cset;
typedef enum h5r_ref { H5R_REF_OBJECT1 = 0, H5R_REF_REGION1 = 1, H5R_REF_STD = 2 } h5r_ref;

typedef struct h5r_type h5r_type;

typedef struct h5r_member { /* of a compound */
    const char *name;
    uint32_t offset; /* bytes from the start of the element, in the file and in what h5r_read() gives */
    const h5r_type *type;
} h5r_member;

struct h5r_type {
    h5r_class cls;
    unsigned version;     /* of the datatype message */
    uint32_t size;        /* bytes of one element in the file */
    bool in_heap;         /* has a variable-length or region-reference part: see h5r_values_load() */
    uint64_t committed;   /* address of the named datatype, or H5R_UNDEFINED */

    h5r_order order;      /* integer, bitfield, time, float */
    uint32_t bit_offset;  /* integer, bitfield, float */
    uint32_t precision;   /* integer, bitfield, float, time: bits */
    h5r_pad low_pad, high_pad, inner_pad;
    bool is_signed;       /* integer */

    uint32_t sign_pos, exp_pos, exp_size, mant_pos, mant_size, exp_bias; /* float, as stored */
    h5r_norm norm;

    bool vlen_string;     /* class VLEN: a string rather than a sequence */
    h5r_strpad strpad;    /* string, vlen string */
    h5r_cset cset;
    h5r_ref ref;          /* reference */
    const char *tag;      /* opaque */

    uint32_t n_members;   /* compound, enum */
    const h5r_member *members;      /* compound, in stored order */
    const char *const *names;       /* enum, in stored order */
    const uint8_t *values;          /* enum: n_members values of base->size bytes, native byte order */
    uint32_t n_dims;      /* array */
    const uint32_t *dims;
    const h5r_type *base; /* enum, vlen sequence, array, complex */
};

/* Turns n elements between the file's byte order and the machine's, in place (its own inverse). VAX floats and
 * opaque parts stay as they are; heap references in elements are left alone. */
H5R_API void h5r_swap(const h5r_type *t, void *elems, size_t n);

/* Numbers of C that a type's values fit in. */
typedef enum h5r_number {
    H5R_NO_NUMBER = 0, /* not a number, or one wider than 64 bits */
    H5R_INT8, H5R_UINT8, H5R_INT16, H5R_UINT16, H5R_INT32, H5R_UINT32, H5R_INT64, H5R_UINT64,
    H5R_FLOAT32, H5R_FLOAT64
} h5r_number;

/* The smallest number that holds every value of an integer, bitfield, time, enum or float type of any size, precision and bit
 * layout. Floats with more bits than FLOAT64 are rounded to it. *same (may be NULL): elements in native byte order already
 * are that number. */
H5R_API h5r_number h5r_type_number(const h5r_type *t, bool *same);

/* Bytes of a number: 1, 2, 4, 8. */
H5R_API size_t h5r_number_size(h5r_number n);

/* Turns n elements as h5r_read_many() gives them (native byte order, t->size bytes each) into numbers of h5r_type_number(t),
 * packed. The buffers do not overlap. Nothing happens for H5R_NO_NUMBER. */
H5R_API void h5r_to_numbers(const h5r_type *t, const void *src, size_t n, void *dst);

/* Bytes of the text in an element of a fixed-length string type, without what fills it up (specification IV.A.2.d, class 3):
 * null-terminated up to the first zero, all of it where there is none; null-padded without the zeros at its end; space-padded without
 * the blanks at its end, then without zeros. */
H5R_API size_t h5r_text_length(const h5r_type *t, const void *elem);

/* ---------------------------------------------------------------- objects */

typedef enum h5r_kind { H5R_UNKNOWN = 0, H5R_GROUP = 1, H5R_DATASET = 2, H5R_DATATYPE = 3 } h5r_kind;
typedef enum h5r_tracking { H5R_NOT_TRACKED = 0, H5R_TRACKED = 1, H5R_INDEXED = 2 } h5r_tracking;

typedef enum h5r_space_class { H5R_SPACE_SCALAR = 0, H5R_SPACE_SIMPLE = 1, H5R_SPACE_NULL = 2 } h5r_space_class;

typedef struct h5r_space { /* specification IV.A.2.b */
    h5r_space_class cls;
    unsigned rank;
    uint64_t shape[H5R_MAX_RANK];
    uint64_t max_shape[H5R_MAX_RANK]; /* H5R_UNDEFINED: unlimited */
    uint64_t count;                   /* elements: 0 for null, 1 for scalar */
} h5r_space;

typedef struct h5r_object {
    h5r_kind kind;
    uint64_t addr;             /* of the object header */
    unsigned header_version;   /* 1 or 2 */
    uint32_t refcount;         /* hard links */
    h5r_tracking attr_order;   /* creation order of attributes */
    h5r_tracking link_order;   /* creation order of links (groups) */
    const h5r_type *type;      /* named datatypes only */
    h5r_file *file;            /* that it lies in: another one than was asked behind an external link. Functions that take an object
                                * read there; addresses, references and values of its elements belong to that file */
} h5r_object;

/* What may lie at the far end of an object header: its comment, NULL when there is none, and when it was last modified, seconds since 1970
 * UTC, 0 when not stored. Either pointer may be NULL. */
H5R_API h5r_status h5r_object_notes(h5r_file *f, const h5r_object *o, const char **comment, uint64_t *modified, h5r_error *err);

/* Object of a path. Parts are separated by "/", "." is skipped, ".." is an ordinary name. A path starts at
 * base, or at the root group when base is NULL or the path begins with "/". Soft and external links are followed; a
 * user-defined link is UNSUPPORTED. NOT_FOUND names the part that is missing. */
H5R_API h5r_status h5r_lookup(h5r_file *f, const h5r_object *base, const char *path, const h5r_object **out,
                              h5r_error *err);

/* Object whose header is at addr, e.g. of a hard link or an object reference. */
H5R_API h5r_status h5r_object_at(h5r_file *f, uint64_t addr, const h5r_object **out, h5r_error *err);

typedef enum h5r_link_kind { H5R_LINK_HARD = 0, H5R_LINK_SOFT = 1, H5R_LINK_EXTERNAL = 64, H5R_LINK_USER = 65 } h5r_link_kind;

typedef struct h5r_link { /* specification IV.A.2.g */
    const char *name;    /* NUL-terminated, without slashes in sane files */
    h5r_link_kind kind;
    unsigned user_class; /* 65 to 255 for H5R_LINK_USER */
    h5r_cset cset;
    bool has_order;
    int64_t order;       /* creation order */
    uint64_t addr;       /* hard: object header address */
    const char *target;  /* soft: path; external: path in the other file */
    const char *file;    /* external */
} h5r_link;

/* Links of a group by name (byte order), or by creation order where the group tracks it and by_order is set.
 * When part of the group cannot be read, the links that can are given and *bad (may be NULL) describes the rest. */
H5R_API h5r_status h5r_links(h5r_file *f, const h5r_object *group, bool by_order, const h5r_link *const **out,
                             size_t *n, const h5r_error **bad, h5r_error *err);

typedef struct h5r_attr { /* specification IV.A.2.m */
    const char *name;
    h5r_cset cset;
    bool has_order;
    uint32_t order;          /* creation order */
    const h5r_type *type;    /* NULL when error is set */
    const h5r_space *space;  /* NULL when error is set */
    const void *raw;         /* space->count * type->size bytes as stored in the file; NULL when that is 0 */
    size_t raw_len;
    const h5r_error *error;  /* why this attribute cannot be read, or NULL */
} h5r_attr;

/* Attributes of an object, by name (byte order) or by creation order where tracked and by_order is set; *bad as
 * in h5r_links(). */
H5R_API h5r_status h5r_attrs(h5r_file *f, const h5r_object *o, bool by_order, const h5r_attr *const **out, size_t *n,
                             const h5r_error **bad, h5r_error *err);

/* Copies an attribute's elements in native byte order; dst_len is at least raw_len. Reads nothing. */
H5R_API h5r_status h5r_attr_read(const h5r_attr *a, void *dst, size_t dst_len, h5r_error *err);

/* ---------------------------------------------------------------- datasets */

typedef enum h5r_layout_class {
    H5R_LAYOUT_COMPACT = 0,
    H5R_LAYOUT_CONTIGUOUS = 1,
    H5R_LAYOUT_CHUNKED = 2,
    H5R_LAYOUT_VIRTUAL = 3,
    H5R_LAYOUT_EXTERNAL = 4 /* contiguous in external raw files */
} h5r_layout_class;

typedef enum h5r_index_kind { /* chunk indexes, specification IV.A.2.i and VII */
    H5R_INDEX_BTREE1 = 0,
    H5R_INDEX_SINGLE = 1,
    H5R_INDEX_IMPLICIT = 2,
    H5R_INDEX_FIXED_ARRAY = 3,
    H5R_INDEX_EXTENSIBLE_ARRAY = 4,
    H5R_INDEX_BTREE2 = 5
} h5r_index_kind;

typedef struct h5r_filter {
    unsigned id;
    unsigned flags;           /* bit 0: optional */
    const char *name;         /* "" when not stored */
    unsigned n_values;
    const uint32_t *values;   /* client data */
} h5r_filter;

typedef enum h5r_fill_status { H5R_FILL_UNDEFINED = 0, H5R_FILL_DEFAULT = 1, H5R_FILL_USER = 2 } h5r_fill_status;
typedef enum h5r_fill_time { H5R_FILL_ALLOC = 0, H5R_FILL_NEVER = 1, H5R_FILL_IFSET = 2 } h5r_fill_time;

typedef struct h5r_external {
    const char *file;
    uint64_t offset; /* byte in that file */
    uint64_t size;   /* H5R_UNDEFINED: the rest */
} h5r_external;

typedef struct h5r_dataset { /* what h5r_dataset_describe() tells */
    const h5r_type *type;
    const h5r_space *space;
    h5r_layout_class layout;
    unsigned layout_version;
    uint64_t storage_offset;       /* compact, contiguous: byte in the source; H5R_UNDEFINED: nothing allocated */
    uint64_t storage_size;         /* compact, contiguous: bytes */
    h5r_index_kind index;          /* chunked */
    uint64_t index_addr;           /* chunked: address, H5R_UNDEFINED: no chunk was ever written */
    uint64_t chunk[H5R_MAX_RANK];  /* chunked: elements a dimension */
    uint64_t grid[H5R_MAX_RANK];   /* chunked: chunks a dimension, of the current shape */
    uint64_t chunk_bytes;          /* chunked: decoded size of one chunk */
    bool raw_edges;                /* chunked: chunks across the edge are stored unfiltered */
    unsigned n_filters;
    const h5r_filter *filters;     /* in pipeline order: the first was applied first when writing */
    h5r_fill_status fill;
    h5r_fill_time fill_time;
    const void *fill_value;        /* type->size bytes as stored, when fill is USER, else NULL */
    unsigned n_external;
    const h5r_external *external;
    uint64_t virtual_addr;         /* virtual: global heap collection of the mappings, and the object's index */
    uint32_t virtual_index;
} h5r_dataset;

/* Shape, chunk shape, type, fill value, filters of a dataset. Borrowed until h5r_close(). The shape of a virtual dataset with
 * unlimited mappings is what its sources give now (HDF5's "last available" view): other files are opened for it. */
H5R_API h5r_status h5r_dataset_describe(h5r_file *f, const h5r_object *o, const h5r_dataset **out, h5r_error *err);

typedef struct h5r_chunk {
    uint64_t offset;       /* byte in the source; H5R_UNDEFINED: the chunk was never written */
    uint64_t size;         /* stored bytes */
    uint64_t number;       /* row-major in the grid of the current shape */
    uint32_t skipped;      /* bit i: filter i was not applied */
} h5r_chunk;

/* Chunks of a box of chunk coordinates, C order; out holds product(count). Reads only the index nodes needed.
 * ARG when the dataset is not chunked or the box leaves the grid. */
H5R_API h5r_status h5r_chunks(h5r_file *f, const h5r_object *ds, const uint64_t *first, const uint64_t *count,
                              h5r_chunk *out, h5r_error *err);

/* All chunks of a dataset that have an address and lie within its shape, by number. Borrowed until h5r_close().
 * Work and memory are proportional to the chunks stored, not to the grid. */
H5R_API h5r_status h5r_chunks_all(h5r_file *f, const h5r_object *ds, const h5r_chunk **out, size_t *n,
                                  h5r_error *err);

/* Chunk coordinates of a chunk number: rank values. */
H5R_API void h5r_chunk_coords(const h5r_dataset *d, uint64_t number, uint64_t *coords);

/* What to read. start, count and step have the dataset's rank and count elements; for a step s, element i of a
 * dimension is start + i * s (s may be negative; a step of 0 is ARG). NULL step: all 1. NULL start and count: the
 * whole. dst_stride is in bytes a dimension and may be negative; NULL: C order, packed. A scalar has rank 0. */
typedef struct h5r_selection {
    const uint64_t *start;
    const uint64_t *count;
    const int64_t *step;
    const int64_t *dst_stride;
    void *dst;
    bool file_order; /* leave the bytes of each element as they are in the file; else native byte order */
    bool fill_never; /* what was never written is the fill value even where fill_time is NEVER; else zeros there */
} h5r_selection;

/* Reads n selections of n datasets as one plan: all chunk indexes together, then all chunks in as few rounds as
 * limits.inflight_bytes allows. Elements arrive in the file's type. Elements that were never written are the fill
 * value, zeros without one. Variable-length parts arrive as stored: see h5r_values_load(). UNSUPPORTED names the
 * layout or filter. */
H5R_API h5r_status h5r_read_many(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n,
                                 h5r_error *err);

/* h5r_read_many() of one. */
H5R_API h5r_status h5r_read_dataset(h5r_file *f, const h5r_object *ds, const h5r_selection *sel, h5r_error *err);

/* Bytes of the source as they are stored, e.g. of the chunks that h5r_chunks() found, in one round: offset, len and dst of each read are the
 * caller's. Sorted by offset, not overlapping, none empty; else ARG. FORMAT when the file ends before one of them does. */
H5R_API h5r_status h5r_read_bytes(h5r_file *f, h5r_read *reads, size_t n, h5r_error *err);

/* Undoes the filters of one stored chunk of n bytes; dst takes the dataset's chunk_bytes, in file byte order. Reads
 * nothing. */
H5R_API h5r_status h5r_decode_chunk(h5r_file *f, const h5r_object *ds, const void *src, size_t n, uint32_t skipped,
                                    void *dst, size_t dst_len, h5r_error *err);

/* ---------------------------------------------------------------- selections in files (specification III.J) */

typedef enum h5r_region_kind { H5R_REGION_NONE = 0, H5R_REGION_POINTS = 1, H5R_REGION_HYPERSLAB = 2, H5R_REGION_ALL = 3 } h5r_region_kind;

/* A selection of a dataspace as region references and virtual datasets store it. */
typedef struct h5r_region {
    h5r_region_kind kind;
    unsigned rank;             /* 0 for NONE and ALL: that of the dataset */
    bool regular;              /* hyperslab: the four arrays below, count[i] blocks of block[i] elements every stride[i]; else a list of blocks */
    int unlimited_dim;         /* regular: the dimension whose count or block is H5R_UNDEFINED (as many as there are), or -1 */
    uint64_t start[H5R_MAX_RANK], stride[H5R_MAX_RANK], count[H5R_MAX_RANK], block[H5R_MAX_RANK];
    uint64_t n;                /* points, or blocks in the list */
    unsigned width;            /* how the list is stored: use h5r_region_item() */
    const uint8_t *list;
} h5r_region;

/* A selection from its bytes, from which the result borrows: what h5r_values_blob() gives for a region reference, without the
 * address before it. FORMAT, UNSUPPORTED. */
H5R_API h5r_status h5r_region_decode(const void *src, size_t n, h5r_region *out);

/* First and last element (inclusive) of block i of a list, or point i twice: rank values each. */
H5R_API void h5r_region_item(const h5r_region *r, uint64_t i, uint64_t *first, uint64_t *last);

/* Elements selected; blocks of a list count each. H5R_UNDEFINED for ALL and unlimited selections. */
H5R_API uint64_t h5r_region_count(const h5r_region *r);

/* A part of a virtual dataset: element k of target, in row-major order, is element k of source. */
typedef struct h5r_mapping {
    const char *file;    /* "." for the file itself; "%b" stands for the number of a block along the unlimited dimension */
    const char *dataset; /* path from the root of that file; may have "%b", too */
    h5r_region source;   /* of that dataset */
    h5r_region target;   /* of the virtual dataset */
} h5r_mapping;

/* Mappings of a virtual dataset in stored order. Borrowed until h5r_close(). ARG when it is not virtual. */
H5R_API h5r_status h5r_mappings(h5r_file *f, const h5r_object *ds, const h5r_mapping **out, size_t *n, h5r_error *err);

/* ---------------------------------------------------------------- variable-length values (specification III.E) */

typedef struct h5r_values h5r_values;

/* Fetches every variable-length and region part that n elements (as stored: h5r_attr.raw, or h5r_read_many() in either
 * byte order) refer to, in any nesting, in one or two rounds a level. The caller frees the result. */
H5R_API h5r_status h5r_values_load(h5r_file *f, const h5r_type *t, const void *elems, size_t n, h5r_values **out,
                                   h5r_error *err);
H5R_API void h5r_values_free(h5r_values *v);

/* The sequence or string that one element of a vlen type refers to: *count elements of t->base (bytes for a string,
 * without terminating NUL) as stored in the file. A null or empty one: count 0, *data NULL. Borrowed from v.
 * NOT_FOUND when the element was not among those loaded. */
H5R_API h5r_status h5r_values_get(const h5r_values *v, const h5r_type *t, const void *elem, const void **data,
                                  size_t *count);

/* The heap object behind a region or standard reference element, as stored; n 0 for a null reference. */
H5R_API h5r_status h5r_values_blob(const h5r_values *v, const h5r_type *t, const void *elem, const void **data,
                                   size_t *n);

/* Address of the object that a reference element points to; H5R_UNDEFINED for a null one. v may be NULL for object
 * references; region references need it. */
H5R_API h5r_status h5r_ref_address(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem,
                                   uint64_t *addr);

/* What a region reference selects of the object, and the name of the attribute (n bytes, borrowed from v) that an attribute reference
 * points to. NOT_FOUND for references of other kinds; FORMAT. */
H5R_API h5r_status h5r_ref_region(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem, h5r_region *out);
H5R_API h5r_status h5r_ref_attribute(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem, const char **name, size_t *n);
/* About how many links a group has, without reading a large one: exact but for symbol tables of more than some 2,000 links, where it is the
 * room that their names take, in units of 16 bytes. */
H5R_API h5r_status h5r_links_estimate(h5r_file *f, const h5r_object *group, uint64_t *n, h5r_error *err);

/* Path by which an address was first reached in what has been read so far, or NULL. Borrowed. */
H5R_API const char *h5r_known_path(h5r_file *f, uint64_t addr);

/* One element in native byte order as text: 1.5, "text", [1, 2], {name: value}, (re, im), 0x00ff; references as paths with what they
 * select behind them, "@address" while h5r_known_path() has none. values may be NULL for types without heap parts. Writes at most cap
 * bytes with the NUL and returns the bytes of the whole text without it. */
H5R_API size_t h5r_element_text(h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem, char *to, size_t cap);

/* Looks among the links of a group for one to an address, from then on known by its path if the group's is. Reads no more of the group than
 * it takes. NOT_FOUND. */
H5R_API h5r_status h5r_learn_path(h5r_file *f, const h5r_object *group, uint64_t addr, h5r_error *err);

/* ---------------------------------------------------------------- prefetch */

enum {
    H5R_PREFETCH_ATTRS = 1,  /* attributes, with the heap objects their values refer to */
    H5R_PREFETCH_INDEX = 2,  /* whole chunk indexes */
    H5R_PREFETCH_SCALES = 4, /* objects that DIMENSION_LIST attributes refer to */
    H5R_PREFETCH_GROUPS = 8  /* h5r_prefetch_path(): attributes of the groups on the way */
};

/* Loads the objects below o (depth levels of links; 0: o alone) with links and dataset descriptions, in as few rounds
 * as the file's nesting allows. What cannot be read is reported when it is asked for, not here. Later calls for what
 * was loaded cost no round. LIMIT is not an error here: the prefetch stops at limits.objects. */
H5R_API h5r_status h5r_prefetch(h5r_file *f, const h5r_object *o, unsigned depth, unsigned what, h5r_error *err);

/* h5r_prefetch() of the object at the end of a path from the root, with what leads there in the same rounds: fewer than h5r_lookup() and
 * h5r_prefetch() take. Stops at links that are not hard, and where the path ends early: h5r_lookup() tells why. */
H5R_API h5r_status h5r_prefetch_path(h5r_file *f, const char *path, unsigned depth, unsigned what, h5r_error *err);

/* ---------------------------------------------------------------- checking */

typedef enum h5r_severity {
    H5R_NOTE = 0,   /* legal, or not checked: a soft link that leads nowhere, a filter that this build lacks, a limit */
    H5R_FINDING = 1 /* the file is damaged, incomplete, or contradicts itself */
} h5r_severity;

typedef struct h5r_check_options {
    size_t struct_size;
    bool data; /* also read and decode every chunk, and follow the variable-length values of datasets */
    /* Called for each finding as it is made: where (path of the object, "" for the file as a whole; byte) and what. */
    void (*found)(void *ctx, h5r_severity severity, const h5r_error *what);
    void *ctx;
} h5r_check_options;

typedef struct h5r_check_result {
    uint64_t objects, attributes, chunks; /* looked at */
    uint64_t decoded; /* chunks */
    uint64_t findings, notes;
} h5r_check_result;

/* Validates what can be reached from the root by hard links: the file's size, every object header, link, attribute with its heap
 * values, dataset description and chunk index with their checksums; that stored data lie in the file and do not overlap; that link
 * counts are those of the hard links; that files of virtual and external data are there. Goes on after a finding; fails only when
 * it cannot go on (IO, NOMEM). Pull mode only. */
H5R_API h5r_status h5r_check(h5r_file *f, const h5r_check_options *o, h5r_check_result *out, h5r_error *err);

/* ---------------------------------------------------------------- filters */

/* Whether this build can undo a filter, and its name ("deflate", "Zstandard"), NULL when the identifier is unknown. */
H5R_API bool h5r_filter_available(unsigned id);
H5R_API const char *h5r_filter_name(unsigned id);

typedef struct h5r_filter_info {
    unsigned id;
    const char *name;
    const char *library; /* that undoes it ("libzstd"); "" when the core itself does; NULL: no build of this version can */
    bool available;      /* in this build */
} h5r_filter_info;

/* Registered filters by id, from i = 0 on; NULL behind the last one. Static. */
H5R_API const h5r_filter_info *h5r_filter_at(size_t i);

/* What a codec of the caller gets. Later versions may append fields: struct_size says how many there are. */
typedef struct h5r_decode_args {
    size_t struct_size;
    const h5r_filter *filter; /* identifier and client data, as the file says them: not verified */
    const void *src;          /* what the filter put out when the chunk was written; may be anything in a damaged file */
    size_t src_len;
    void *dst;                /* room for what went into it */
    size_t dst_cap;           /* chunk_bytes when last, else about twice that: other filters may have changed the size before */
    size_t chunk_bytes;       /* decoded size of a whole chunk (of a heap block, for filtered groups) */
    bool last;                /* nothing remains to be undone: dst gets the chunk, in the file's byte order */
} h5r_decode_args;

/* A filter that the caller can undo, for h5r_options.codecs; it also takes the place of a built-in one.
 *
 * decode() undoes the filter from src to dst, which do not overlap, and sets *dst_len, at most dst_cap; fewer than
 * chunk_bytes from the last one make the chunk damaged. On failure it returns a negative status (FORMAT: src is damaged;
 * UNSUPPORTED; NOMEM) and may describe it in err->message (never NULL here); chunk, path and offset are added to it. It is
 * called from every thread that reads, for several chunks at once, and must not call back with the file that it serves:
 * a heap block is decoded with the file locked. */
typedef struct h5r_codec {
    unsigned id;
    const char *name; /* for messages; may be NULL */
    h5r_status (*decode)(void *ctx, const h5r_decode_args *args, size_t *dst_len, h5r_error *err);
    void *ctx;
} h5r_codec;

#ifdef __cplusplus
}
#endif
#endif
