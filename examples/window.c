/* window URI /dataset ROW COLUMN - prints a window of 4 x 6 elements of the last two dimensions of a dataset of numbers, at index 0
 * of the others.
 *
 * Values come in the file's own type and in the machine's byte order; what to convert them to is the caller's choice. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

/* One element as a double; false for a type that this example does not print. */
static bool get_number(const h5r_type *t, const void *p, double *v)
{
#define AS(kind, c_type)               \
    if (t->size == sizeof(c_type)) {   \
        c_type x;                      \
        memcpy(&x, p, sizeof x);       \
        *v = (double)x;                \
        return true;                   \
    }
    if (t->cls == H5R_CLASS_FLOAT) {
        AS(float, float)
        AS(float, double)
    } else if (t->cls == H5R_CLASS_INTEGER && t->is_signed) {
        AS(int, int8_t)
        AS(int, int16_t)
        AS(int, int32_t)
        AS(int, int64_t)
    } else if (t->cls == H5R_CLASS_INTEGER) {
        AS(int, uint8_t)
        AS(int, uint16_t)
        AS(int, uint32_t)
        AS(int, uint64_t)
    }
#undef AS
    return false;
}

static h5r_status put_window(h5r_file *f, const char *path, uint64_t row, uint64_t column, h5r_error *err)
{
    const h5r_object *o;
    const h5r_dataset *d;
    uint64_t start[H5R_MAX_RANK] = {0}, count[H5R_MAX_RANK];

    h5r_status st = h5r_lookup(f, NULL, path, &o, err);
    if (st == H5R_OK)
        st = h5r_dataset_describe(f, o, &d, err);
    if (st != H5R_OK)
        return st;
    unsigned rank = d->space->rank;
    if (rank < 2) {
        snprintf(err->message, sizeof err->message, "%s has fewer than two dimensions", path);
        return H5R_ERR_ARG;
    }
    for (unsigned i = 0; i < rank; i++)
        count[i] = 1;
    start[rank - 2] = row;
    start[rank - 1] = column;
    count[rank - 2] = 4;
    count[rank - 1] = 6;

    char *values = calloc(4 * 6, d->type->size);
    if (values == NULL) {
        snprintf(err->message, sizeof err->message, "out of memory");
        return H5R_ERR_NOMEM;
    }
    h5r_selection window = {.start = start, .count = count, .dst = values};
    st = h5r_read_dataset(f, o, &window, err);
    for (size_t i = 0; st == H5R_OK && i < 4 * 6; i++) {
        double v;
        if (get_number(d->type, values + i * d->type->size, &v))
            printf("%10g%s", v, i % 6 == 5 ? "\n" : " ");
        else
            printf("%10s%s", "?", i % 6 == 5 ? "\n" : " ");
    }
    free(values);
    return st;
}

int main(int argc, char **argv)
{
    h5r_source source;
    h5r_file *f;
    h5r_error err;

    if (argc != 5) {
        fprintf(stderr, "usage: window URI /dataset ROW COLUMN\n");
        return 2;
    }
    if (open_source(argv[1], &source, &err) != H5R_OK || h5r_open(&source, NULL, &f, &err) != H5R_OK) {
        fprintf(stderr, "window: %s: %s\n", argv[1], err.message);
        return 1;
    }
    h5r_status st = put_window(f, argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), &err);
    if (st != H5R_OK)
        fprintf(stderr, "window: %s: %s\n", argv[1], err.message);
    h5r_close(f);
    return st == H5R_OK ? 0 : 1;
}
