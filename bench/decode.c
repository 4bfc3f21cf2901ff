/* h5range_bench - how fast local data are read, beside what the machine can do at best.
 *
 *   h5range_bench read FILE DATASET [THREADS [REPEAT]]   a whole dataset, and the limit: its chunks inflated by libdeflate from mapped
 *                                                        memory and unshuffled, by as many threads, nothing else
 *   h5range_bench index FILE DATASET [REPEAT]            the whole chunk index; one chunk of it; one chunk without the index
 *   h5range_bench kernels                                unshuffle, byte order and inflate alone, in memory
 *
 * Prints JSON. Rates are MB/s of decoded data, medians of REPEAT runs (5) that alternate with those of the limit; of_limit is the quotient
 * of the times, of_limit_cpu that of the processor times, which other programs disturb less. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <h5range/h5range.h>

#include "filter/transpose.h"
#include "format/swap.h"

enum { MAX_THREADS = 64, MAX_RUNS = 101 };

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

/* Of all threads: what a busy machine does not change much. */
static double cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return p < q ? -1 : p > q;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static void give_up(const char *what, const h5r_error *err)
{
    fprintf(stderr, "h5range_bench: %s: %s\n", what, err != NULL ? err->message : "failed");
    exit(1);
}

/* ---------------------------------------------------------------- the file */

typedef struct subject {
    h5r_file *f;
    const h5r_object *o;
    const h5r_dataset *d;
} subject;

static subject open_subject(const char *file, const char *path, unsigned threads)
{
    subject s;
    h5r_source source;
    h5r_options o;
    h5r_error err;

    h5r_options_init(&o);
    o.threads = threads;
    if (h5r_source_open_file(file, &source, &err) != H5R_OK || h5r_open(&source, &o, &s.f, &err) != H5R_OK ||
        h5r_lookup(s.f, NULL, path, &s.o, &err) != H5R_OK || h5r_dataset_describe(s.f, s.o, &s.d, &err) != H5R_OK)
        give_up(file, &err);
    return s;
}

/* ---------------------------------------------------------------- the limit */

typedef struct limit {
    const uint8_t *map;
    const h5r_chunk *chunks;
    size_t n, chunk_bytes, shuffled; /* size of the shuffled elements, 0: deflate alone */
    uint8_t *out;
    atomic_size_t next;
} limit;

static void *inflate_chunks(void *arg)
{
    limit *l = arg;
    struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
    uint8_t *tmp = malloc(l->chunk_bytes);
    size_t i, got;

    while ((i = atomic_fetch_add(&l->next, 1)) < l->n) {
        uint8_t *dst = l->out + i * l->chunk_bytes;
        const h5r_chunk *c = &l->chunks[i];
        if (libdeflate_zlib_decompress(z, l->map + c->offset, (size_t)c->size, tmp, l->chunk_bytes, &got) != LIBDEFLATE_SUCCESS)
            give_up("limit: not a deflated chunk", NULL);
        if (l->shuffled > 1)
            h5r_unshuffle(tmp, dst, l->chunk_bytes / l->shuffled, l->shuffled);
        else
            memcpy(dst, tmp, l->chunk_bytes);
    }
    free(tmp);
    libdeflate_free_decompressor(z);
    return NULL;
}

static double time_limit(limit *l, unsigned threads)
{
    pthread_t t[MAX_THREADS];
    double start = now();

    atomic_store(&l->next, 0);
    for (unsigned i = 1; i < threads; i++)
        pthread_create(&t[i], NULL, inflate_chunks, l);
    inflate_chunks(l);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(t[i], NULL);
    return now() - start;
}

/* Whether the limit is defined for a dataset: deflate, after a shuffle or not. */
static int is_deflated(const h5r_dataset *d)
{
    return d->layout == H5R_LAYOUT_CHUNKED && ((d->n_filters == 1 && d->filters[0].id == 1) ||
                                               (d->n_filters == 2 && d->filters[0].id == 2 && d->filters[1].id == 1));
}

static int compare_offsets(const void *a, const void *b)
{
    const h5r_chunk *p = a, *q = b;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static limit open_limit(const char *file, const subject *s)
{
    limit l = {0};
    const h5r_chunk *all;
    struct stat st;
    h5r_error err;

    if (h5r_chunks_all(s->f, s->o, &all, &l.n, &err) != H5R_OK)
        give_up(file, &err);
    int fd = open(file, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || (l.map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        give_up(file, NULL);
    h5r_chunk *sorted = malloc((l.n + 1) * sizeof *sorted);
    memcpy(sorted, all, l.n * sizeof *sorted);
    qsort(sorted, l.n, sizeof *sorted, compare_offsets);
    l.chunks = sorted;
    l.chunk_bytes = (size_t)s->d->chunk_bytes;
    l.shuffled = s->d->n_filters == 2 ? s->d->type->size : 0;
    l.out = malloc(l.n * l.chunk_bytes + 1);
    memset(l.out, 1, l.n * l.chunk_bytes);
    return l;
}

/* ---------------------------------------------------------------- tasks */

static int bench_read(const char *file, const char *path, unsigned threads, int repeat)
{
    subject s = open_subject(file, path, threads);
    size_t bytes = (size_t)(s.d->space->count * s.d->type->size);
    int deflated = is_deflated(s.d);
    limit l = {0};
    double best[MAX_RUNS], ours[MAX_RUNS], part[MAX_RUNS], cpu_part[MAX_RUNS];
    uint8_t *dst = malloc(bytes + 1);

    if (deflated)
        l = open_limit(file, &s);
    memset(dst, 1, bytes);
    for (int i = -1; i < repeat; i++) { /* the first one warms up */
        h5r_error err;
        h5r_selection sel = {.dst = dst};
        subject t = open_subject(file, path, threads);
        double cpu_start = cpu();
        double at_best = deflated ? time_limit(&l, threads) : 0, cpu_best = cpu() - cpu_start, start = now();
        cpu_start = cpu();
        if (h5r_read_dataset(t.f, t.o, &sel, &err) != H5R_OK)
            give_up(path, &err);
        double took = now() - start, cpu_took = cpu() - cpu_start;
        h5r_close(t.f);
        if (i < 0)
            continue;
        best[i] = deflated ? (double)bytes / 1e6 / at_best : 0;
        ours[i] = (double)bytes / 1e6 / took;
        part[i] = at_best / took;
        cpu_part[i] = cpu_best / cpu_took;
    }
    double most = 0;
    for (int i = 0; i < repeat; i++)
        most = ours[i] > most ? ours[i] : most;
    printf("{\"task\": \"read\", \"path\": \"%s\", \"threads\": %u, \"mb\": %.1f, \"mb_s\": %.0f, \"best_mb_s\": %.0f", path, threads,
           (double)bytes / 1e6, median(ours, repeat), most);
    if (deflated)
        printf(", \"limit_mb_s\": %.0f, \"of_limit\": %.2f, \"of_limit_cpu\": %.2f", median(best, repeat), median(part, repeat),
               median(cpu_part, repeat));
    printf("}\n");
    h5r_close(s.f);
    return 0;
}

static double time_one_chunk(const subject *s, const uint64_t *at)
{
    uint64_t one[H5R_MAX_RANK];
    h5r_chunk c;
    h5r_error err;
    double start = now();

    for (unsigned i = 0; i < H5R_MAX_RANK; i++)
        one[i] = 1;
    if (h5r_chunks(s->f, s->o, at, one, &c, &err) != H5R_OK)
        give_up("h5r_chunks", &err);
    return now() - start;
}

static int bench_index(const char *file, const char *path, int repeat)
{
    enum { CALLS = 2000 };
    double whole[MAX_RUNS], listed[MAX_RUNS], lazy[MAX_RUNS];
    h5r_stats stats;
    size_t n = 0;

    for (int i = 0; i < repeat; i++) {
        const h5r_chunk *all;
        uint64_t at[H5R_MAX_RANK];
        h5r_error err;
        subject a = open_subject(file, path, 1), b = open_subject(file, path, 1);
        double start = now();
        if (h5r_chunks_all(a.f, a.o, &all, &n, &err) != H5R_OK)
            give_up(path, &err);
        whole[i] = now() - start;
        listed[i] = lazy[i] = 0;
        for (size_t k = 0; k < CALLS; k++) {
            h5r_chunk_coords(a.d, all[(k * 7919) % n].number, at);
            listed[i] += time_one_chunk(&a, at) / CALLS;
            lazy[i] += time_one_chunk(&b, at) / CALLS;
        }
        h5r_get_stats(a.f, &stats);
        h5r_close(a.f);
        h5r_close(b.f);
    }
    printf("{\"task\": \"index\", \"path\": \"%s\", \"chunks\": %zu, \"seconds\": %.4f, \"chunk_us\": %.2f, \"lazy_chunk_us\": %.2f, \"held_bytes\": %llu}\n",
           path, n, median(whole, repeat), 1e6 * median(listed, repeat), 1e6 * median(lazy, repeat),
           (unsigned long long)(stats.cached_bytes + stats.decoded_bytes));
    return 0;
}

static int bench_kernels(void)
{
    enum { BYTES = 1 << 20, RUNS = 51 };
    uint8_t *a = malloc(BYTES), *b = malloc(BYTES);
    double t[RUNS];

    for (size_t i = 0; i < BYTES; i++)
        a[i] = (uint8_t)(i * 2654435761U >> 11);
    for (size_t size = 2; size <= 16; size *= 2)
        for (int swap = 0; swap < (size <= 8 ? 2 : 1); swap++) {
            for (int i = 0; i < RUNS; i++) {
                double start = now();
                if (swap)
                    h5r_reverse_copy(a, b, BYTES / size, size);
                else
                    h5r_unshuffle(a, b, BYTES / size, size);
                t[i] = BYTES / 1e6 / (now() - start);
            }
            printf("{\"task\": \"%s\", \"size\": %zu, \"mb_s\": %.0f}\n", swap ? "byte order" : "unshuffle", size, median(t, RUNS));
        }
    free(a);
    free(b);
    return 0;
}

int main(int argc, char **argv)
{
    const char *task = argc > 1 ? argv[1] : "";
    int last = argc > 5 ? atoi(argv[5]) : 5;

    if (strcmp(task, "kernels") == 0)
        return bench_kernels();
    if (strcmp(task, "read") == 0 && argc >= 4 && argc <= 6) {
        int threads = argc > 4 ? atoi(argv[4]) : 1;
        if (threads >= 1 && threads <= MAX_THREADS && last >= 1 && last <= MAX_RUNS)
            return bench_read(argv[2], argv[3], (unsigned)threads, last);
    }
    if (strcmp(task, "index") == 0 && (argc == 4 || argc == 5)) {
        int repeat = argc == 5 ? atoi(argv[4]) : 5;
        if (repeat >= 1 && repeat <= MAX_RUNS)
            return bench_index(argv[2], argv[3], repeat);
    }
    fprintf(stderr, "usage: h5range_bench read FILE DATASET [THREADS [REPEAT]] | index FILE DATASET [REPEAT] | kernels\n");
    return 2;
}
