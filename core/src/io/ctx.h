/* The file, and the context of one call on it.
 *
 * A call runs a step until it no longer answers H5R_NEED. A step takes bytes by h5r_view(), which never waits: what is
 * absent is noted as wanted and comes, coalesced with all other wants of the pass, in one batch; then the step runs again
 * from its beginning and finds it. So before it can return H5R_NEED a step does nothing that a second run would
 * repeat. */
#ifndef H5R_IO_CTX_H
#define H5R_IO_CTX_H

#include <h5range/h5range.h>

#include "format/cursor.h"
#include "io/cache.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/map.h"
#include "util/thread.h"

/* What follows depends on e: return on NEED or error. */
#define H5R_TRY(e)                                                                                             \
    do {                                                                                                       \
        h5r_status s_ = (e);                                                                                   \
        if (s_ != H5R_OK)                                                                                      \
            return s_;                                                                                         \
    } while (0)

/* Siblings are independent: note NEED, else the first error, in acc and go on. */
#define H5R_ALSO(acc, e)                                                                                       \
    do {                                                                                                       \
        h5r_status s_ = (e);                                                                                   \
        if (s_ == H5R_NEED || ((acc) == H5R_OK && s_ < 0))                                                     \
            (acc) = s_;                                                                                        \
    } while (0)

/* Extensions of the superblock that reading needs; addresses are H5R_UNDEFINED when absent. */
typedef struct h5r_file_params {
    uint64_t root_btree, root_heap; /* cached in a version 0 or 1 superblock's root entry */
    uint64_t extension;             /* object header of the superblock extension */
    uint64_t sohm_table;            /* shared message table */
    unsigned sohm_indexes;
    uint64_t driver_info;           /* block of versions 0 and 1 */
    uint64_t image_addr, image_len; /* metadata cache image */
} h5r_file_params;

/* What a range is wanted for decides which cache keeps it: the first of these that it has. SURE: metadata that the call cannot go on without. */
enum h5r_want_kind { H5R_WANT_META = 1, H5R_WANT_HEAP = 2, H5R_WANT_DATA = 4, H5R_WANT_SURE = 8, H5R_WANT_LIKELY = 16 };

typedef struct h5r_want {
    uint64_t off, end;
    unsigned kinds;
} h5r_want;

typedef struct h5r_wants {
    h5r_want *list;
    size_t n, cap;
    uint64_t bytes;  /* wanted so far in this pass; duplicates may count twice */
} h5r_wants;

struct h5r_file {
    struct h5r_file *root;       /* the file that the caller opened; itself, or one that this is a part of */
    struct h5r_other *others;    /* root: files opened for parts of it */
    uint32_t number;             /* among them, from 1 (the root) on */
    uint32_t n_numbered;         /* root: the last number given */
    struct h5r_engine *engine;   /* root: what reads share */
    h5r_mutex others_lock;       /* root: guards others; not held while one is opened */
    h5r_cond other_opened;       /* root: some thread has opened one, or failed to */
    h5r_source source;
    h5r_options options;
    h5r_limits limits;
    h5r_file_info info;
    h5r_file_params params;
    h5r_widths widths;
    bool located;        /* the superblock has been found and decoded */
    bool joined;         /* driver information has been read */
    bool is_set;         /* the source has all files of a set */
    bool opened;         /* all that opening loads is there: calls may run */

    struct h5r_index_cache *index_cache; /* NULL: nothing is kept for the next process */

    h5r_mutex lock;      /* guards all below; never held during I/O or filtering */
    h5r_mutex io_lock;   /* held during read_ranges() of a one_at_a_time source */
    h5r_cond arrived;    /* a batch of some thread has been published */
    uint64_t batches;    /* published so far */
    h5r_cache meta;      /* metadata; kept until h5r_close(), but for nodes of chunk indexes: see io/nodes.h */
    h5r_cache image;     /* metadata cache image: what it holds overrides the file */
    h5r_cache heap;      /* global heap collections: copied out of, dropped when large and no call uses it */
    h5r_cache data;      /* push mode: chunk data fed for the read that asked for them */
    unsigned heap_users; /* calls that may hold views of heap */
    h5r_arena arena;     /* decoded objects */
    h5r_map memo;        /* (kind, address) -> decoded object */
    h5r_map heap_memo;   /* of collections in heap */
    h5r_arena heap_arena;
    struct h5r_flight *flights; /* ranges other threads are reading now */
    struct h5r_turn *turns; /* calls that are running */
    uint64_t n_turns;    /* calls so far */
    uint64_t listed;     /* nodes that calls from this turn on borrowed are no longer needed; 0: none are */
    h5r_wants later;     /* metadata to be read along with whatever is read next; sorted */
    uint64_t last_read;  /* dataset that was read last, and the group that it was found in; see read/ahead.c */
    uint64_t last_group;
    uint64_t reads_of_group; /* of other datasets before it, one after the other */
    uint64_t source_end; /* end of the source once a read came back short, else H5R_UNDEFINED */
    h5r_stats stats;
    h5r_want *wanted;    /* push mode: requests of the last NEED, sorted */
    size_t n_wanted;
    bool round_pending;  /* push mode: nothing of wanted has been fed yet */
};

/* How far the rounds of a call go, which decides how much may be read beyond what was asked for. */
typedef enum h5r_reach {
    H5R_REACH_OBJECT = 0, /* a path, an object, an index */
    H5R_REACH_GROUP,      /* an object and what its links lead to, each somewhere else */
    H5R_REACH_BELOW       /* everything: neighbours will be asked for, too */
} h5r_reach;

typedef enum h5r_guess { H5R_NO_GUESS = 0, H5R_LIKELY, H5R_UNLIKELY } h5r_guess;

typedef struct h5r_ctx {
    h5r_file *file;
    const char *call;   /* public function, for the trace */
    bool opening;       /* the call that opens the file */
    h5r_reach reach;
    bool prefetching;   /* what is read of heaps belongs to attributes */
    h5r_guess guess;    /* what is wanted may turn out not to be needed: in smaller blocks */
    bool wants_attrs;   /* attributes of whatever is loaded will be asked for */
    bool unkept;        /* what is looked at is kept for the next process in another form, if at all */
    unsigned sharers;   /* calls that share limits.inflight_bytes with this one, itself included */
    bool keeping;       /* the data that are fetched are kept for the next process, too */
    uint64_t turn;      /* number of the call, from 1 on */
    bool borrowing;     /* what is looked at is needed until the pass ends, and may be dropped when the call has ended */
    bool listed;        /* a whole index was decoded: its nodes are no longer needed */
    unsigned nested;    /* object headers being loaded on behalf of each other */
    h5r_error error;    /* first cause of failure in this pass */
    h5r_arena scratch;  /* of this pass; freed when the next one begins */
    h5r_wants wants;
} h5r_ctx;

typedef h5r_status (*h5r_step)(h5r_ctx *x, void *arg);

/* Prepares a context; no lock is held. h5r_ctx_end() copies the error out when st is negative and frees the context. */
void h5r_ctx_begin(h5r_ctx *x, h5r_file *f, const char *call);
h5r_status h5r_ctx_end(h5r_ctx *x, h5r_status st, h5r_error *err);

/* Runs step in rounds, file locked, until it answers other than NEED (push mode: NEED is returned). On return the file
 * is unlocked; x->scratch holds what the last pass put there. */
h5r_status h5r_drive(h5r_ctx *x, h5r_step step, void *arg);

/* begin, drive, end. */
h5r_status h5r_run(h5r_file *f, const char *call, h5r_step step, void *arg, h5r_error *err);

/* The bytes [addr, addr + len), borrowed until the file is closed (x->borrowing: until the pass ends). When they are absent: wants them, and up to hint bytes
 * from addr on, and returns NEED. FORMAT when they lie beyond the end of the file; LIMIT. Len 0 is fine. */
h5r_status h5r_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out);

/* The same; when the bytes are absent and on is true, what follows them is wanted, too: about a block. */
h5r_status h5r_view_on(h5r_ctx *x, uint64_t addr, uint64_t len, bool on, const uint8_t **out);

/* The bytes where they are in memory, else NULL: nothing is wanted, nothing fails. */
const uint8_t *h5r_peek(h5r_ctx *x, uint64_t addr, uint64_t len);

/* The same as h5r_view() for global heap collections: borrowed until the pass ends. A collection that happens to lie in what was read as
 * metadata is taken from there. */
h5r_status h5r_heap_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out);

/* Fails the pass: the first cause wins. addr is an address (the message gets its offset) or H5R_UNDEFINED. */
h5r_status h5r_fail(h5r_ctx *x, h5r_status st, uint64_t addr, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Fails because a structure is not there, is of an unknown version, or contradicts itself (st of its decoder). p: its first 5
 * bytes, signature and version. what: "a local heap"; signature may be NULL. */
h5r_status h5r_fail_structure(h5r_ctx *x, h5r_status st, uint64_t addr, const char *what, const char *signature, const uint8_t *p);

/* The same for an object header message, whose first byte is its version; at is the object header. */
h5r_status h5r_fail_message(h5r_ctx *x, h5r_status st, uint64_t at, const char *what, const uint8_t *body, size_t len);

/* Repeats a recorded failure. */
h5r_status h5r_fail_again(h5r_ctx *x, const h5r_error *e);

/* Takes the pass's error away, to record it: copies it to the file's arena, with the path of its object where that is known;
 * NULL when memory is out (then the pass fails). */
const h5r_error *h5r_take_error(h5r_ctx *x, const char *path);

/* NOMEM of the pass. */
h5r_status h5r_nomem(h5r_ctx *x);

/* Memory of the file's arena (or scratch), checked against the metadata limit. NULL: h5r_nomem() or LIMIT was set, and
 * x->error.status says which. */
void *h5r_alloc(h5r_ctx *x, uint64_t n, size_t size);
void *h5r_scratch(h5r_ctx *x, uint64_t n, size_t size);

/* Decoded objects by address; kinds are in object/load.h. put copies size bytes to the arena. */
const void *h5r_memo_get(const h5r_ctx *x, uint32_t kind, uint64_t addr);
h5r_status h5r_memo_put(h5r_ctx *x, uint32_t kind, uint64_t addr, const void *src, size_t size, const void **out);

/* Checks the lookup3 checksum over [p, p + n) against the four bytes that follow. what names the structure. */
h5r_status h5r_verify(h5r_ctx *x, uint64_t addr, const uint8_t *p, uint64_t n, const char *what);
h5r_status h5r_verify_sum(h5r_ctx *x, uint64_t addr, uint32_t found, uint32_t computed, const char *what);

/* Reads chunk data into the caller's buffers, file not locked: one batch. Reads that are in the cache cost nothing. Push
 * mode: NEED until all have been fed. A short read is FORMAT. Offsets, not addresses. */
h5r_status h5r_fetch(h5r_ctx *x, h5r_read *reads, size_t n);

/* What the pass wants is not read now but along with whatever is read next: a guess that costs no round. The file keeps at most
 * H5R_MOST_LATER places. */
enum { H5R_MOST_LATER = 64 };
void h5r_want_later(h5r_ctx *x);

/* Push mode: forgets the data that were fed for a read that is over. */
void h5r_drop_data(h5r_file *f);

/* End of the source as far as it is known, else H5R_UNDEFINED. File locked. */
uint64_t h5r_known_end(const h5r_file *f);

/* What to do about bytes that lie in another file of the set. */
const char *h5r_set_advice(const h5r_file *f);

/* Reads a sorted batch from a source, which turn guards where it takes one call at a time. A source that fails without a word, or claims
 * more bytes than it could store, is put right; *err is cleared first. No lock is held, nothing is counted. */
h5r_status h5r_read_source(const h5r_source *s, h5r_mutex *turn, h5r_read *reads, size_t n, h5r_error *err);

/* Adds a batch read elsewhere to the file's counts. No lock is held. */
void h5r_count_round(h5r_file *f, const h5r_read *reads, size_t n);

/* heap views are used between these; enter under no lock. */
void h5r_heap_enter(h5r_file *f);
void h5r_heap_leave(h5r_file *f);

#endif
