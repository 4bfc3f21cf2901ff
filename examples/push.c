/* push FILE - push mode: the library asks, this program fetches.
 *
 * A source without read_ranges() never reads. A call that lacks bytes returns H5R_NEED; h5r_wanted() lists the ranges, the program
 * gets them as it likes - an event loop, a browser, here plain fread() - hands them over with h5r_feed(), and calls again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <h5range/h5range.h>

/* Fetches all that the file waits for. */
static h5r_status feed_wanted(h5r_file *f, FILE *in, h5r_error *err)
{
    size_t n = h5r_wanted(f, NULL, 0);
    h5r_read *reads = calloc(n, sizeof *reads);
    h5r_status st = H5R_OK;

    if (reads == NULL) {
        snprintf(err->message, sizeof err->message, "out of memory");
        return H5R_ERR_NOMEM;
    }
    h5r_wanted(f, reads, n);
    printf("round:");
    for (size_t i = 0; i < n && st == H5R_OK; i++) {
        char *bytes = malloc(reads[i].len);
        size_t got = 0;
        if (bytes != NULL && fseek(in, (long)reads[i].offset, SEEK_SET) == 0)
            got = fread(bytes, 1, reads[i].len, in);
        printf(" %" PRIu64 "+%zu", reads[i].offset, got);
        st = h5r_feed(f, reads[i].offset, bytes, got, got < reads[i].len, err); /* fewer bytes: the file ends there */
        free(bytes);
    }
    printf("\n");
    free(reads);
    return st;
}

/* Calls again until what was needed has come. */
#define FETCHING(st, call)                                           \
    while (((st) = (call)) == H5R_NEED)                              \
        if (((st) = feed_wanted(f, in, &err)) != H5R_OK)             \
            break

int main(int argc, char **argv)
{
    h5r_source source;
    h5r_file *f;
    h5r_error err;
    const h5r_object *root;
    const h5r_link *const *links;
    size_t n;
    h5r_status st;

    if (argc != 2) {
        fprintf(stderr, "usage: push FILE\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "rb");
    if (in == NULL) {
        perror(argv[1]);
        return 1;
    }
    h5r_source_init(&source);
    source.first_read = 4096; /* bytes of the head to ask for */
    snprintf(source.name, sizeof source.name, "%s", argv[1]);

    st = h5r_open(&source, NULL, &f, &err);
    if (st < 0) {
        fprintf(stderr, "push: %s: %s\n", argv[1], err.message);
        fclose(in);
        return 1;
    }
    FETCHING(st, h5r_open_continue(f, &err));
    if (st == H5R_OK)
        FETCHING(st, h5r_lookup(f, NULL, "/", &root, &err));
    if (st == H5R_OK)
        FETCHING(st, h5r_prefetch(f, root, 50, 0, &err));
    if (st == H5R_OK)
        FETCHING(st, h5r_links(f, root, false, &links, &n, NULL, &err));
    if (st == H5R_OK)
        for (size_t i = 0; i < n; i++)
            printf("%s\n", links[i]->name);
    else
        fprintf(stderr, "push: %s: %s\n", argv[1], err.message);
    h5r_close(f);
    fclose(in);
    return st == H5R_OK ? 0 : 1;
}
