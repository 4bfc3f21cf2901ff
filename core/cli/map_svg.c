/* Draws a map of a file: rows of cells in file order, above what lies there, below in which round it was read. Each cell is a few bytes to
 * some thousands: where several things share one, the smaller ones show, as there is always enough data. */
#include "map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 92, TOP = 66, WIDTH = 1000, COLUMNS = 500, ROW = 18, BAND = 11, PAINT = 4, LEGEND = 320, NAMED = 10, LONGEST = 40 };

const char *const map_kinds[MAP_KINDS] = {
    "nothing known", "data", "superblock", "object headers", "names and links", "attribute indexes", "heaps", "chunk indexes",
    "variable-length values", "header continuations and names",
};

static const char *const colours[MAP_KINDS] = {"#f1f1ee", "#9db4c8", "#000000", "#c0392b", "#e67e22", "#8e44ad",
                                               "#d4a017", "#1e8449", "#d81b60", "#7b4b2a"};

/* Datasets with the most bytes stand out; the others share the colour of data. */
static const char *const shades[NAMED] = {"#5b8db8", "#8ab6a9", "#b3a2c7", "#c9b98f", "#7fa3a3", "#a8bf8f", "#c59fa5", "#8f9bc4", "#b0b0b0", "#a3c4d9"};

/* XML text: markup escaped, what XML cannot hold (control characters, broken UTF-8) as a question mark. */
static void put_xml(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        unsigned more = *p >= 0xf0 && *p < 0xf5 ? 3 : *p >= 0xe0 && *p < 0xf0 ? 2 : *p >= 0xc2 && *p < 0xe0 ? 1 : 0;
        bool whole = *p < 0x80 || more > 0;
        for (unsigned i = 1; i <= more; i++)
            whole = whole && (p[i] & 0xc0) == 0x80;
        if (whole && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f) ||
                      (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe)))
            whole = false;
        if (!whole || *p < 0x20 || *p == 0x7f)
            fputc('?', out);
        else if (*p == '<')
            fputs("&lt;", out);
        else if (*p == '>')
            fputs("&gt;", out);
        else if (*p == '&')
            fputs("&amp;", out);
        else if (*p == '"')
            fputs("&quot;", out);
        else {
            fwrite(p, 1, more + 1, out);
            p += more;
        }
    }
}

static void put_bytes(FILE *out, uint64_t n)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)n;
    unsigned i = 0;

    for (; v >= 1024 && i + 1 < sizeof units / sizeof *units; i++)
        v /= 1024;
    fprintf(out, i == 0 ? "%.0f %s" : v < 10 ? "%.2f %s" : "%.1f %s", v, units[i]);
}

/* From yellow over magenta to dark blue: early rounds are bright. */
static void put_round_colour(FILE *out, uint64_t round, uint64_t rounds)
{
    static const int stops[3][3] = {{0xff, 0xc1, 0x07}, {0xd8, 0x1b, 0x60}, {0x1a, 0x23, 0x7e}};
    double t = rounds > 1 ? 2 * (double)(round - 1) / (double)(rounds - 1) : 0;
    const int *from = stops[t < 1 ? 0 : 1], *to = from + 3;

    t = t < 1 ? t : t - 1;
    fputc('#', out);
    for (int i = 0; i < 3; i++)
        fprintf(out, "%02x", (unsigned)(from[i] + t * (to[i] - from[i])));
}

/* What a cell shows. */
typedef struct cell {
    uint32_t kind;    /* enum map_kind */
    uint32_t dataset; /* of data: place among the largest, from 1; 0: another one */
    uint32_t round;   /* it was first read in; 0: never */
} cell;

typedef struct grid {
    cell *cells;
    uint64_t n;
    double per_cell; /* bytes */
} grid;

static void cells_of(const grid *g, uint64_t off, uint64_t len, uint64_t *first, uint64_t *end)
{
    *first = (uint64_t)((double)off / g->per_cell);
    *end = (uint64_t)((double)(off + len - 1) / g->per_cell) + 1;
    if (*end > g->n)
        *end = g->n;
}

static int by_stored(const void *a, const void *b)
{
    const map_dataset *const *p = a, *const *q = b;
    if ((*p)->bytes != (*q)->bytes)
        return (*p)->bytes > (*q)->bytes ? -1 : 1;
    return strcmp((*p)->path, (*q)->path);
}

static void fill_grid(const map *m, const grid *g, const uint32_t *place)
{
    uint64_t first, end;

    for (size_t i = 0; i < m->n; i++) { /* data first, so that metadata shows above it */
        const map_extent *e = &m->extents[i];
        cells_of(g, e->off, e->len, &first, &end);
        for (uint64_t k = first; e->kind == MAP_DATA && k < end; k++)
            g->cells[k] = (cell){MAP_DATA, place[e->dataset], 0};
    }
    for (size_t i = 0; i < m->n; i++) {
        const map_extent *e = &m->extents[i];
        cells_of(g, e->off, e->len, &first, &end);
        for (uint64_t k = first; e->kind != MAP_DATA && k < end; k++)
            if (g->cells[k].kind <= MAP_DATA || e->kind < g->cells[k].kind)
                g->cells[k] = (cell){e->kind, 0, 0};
    }
    for (size_t i = 0; i < m->n_reads; i++) {
        const map_read *r = &m->reads[i];
        if (r->len == 0 || r->off >= m->size)
            continue;
        cells_of(g, r->off, r->len, &first, &end);
        for (uint64_t k = first; k < end; k++)
            if (g->cells[k].round == 0)
                g->cells[k].round = (uint32_t)r->round;
    }
}

static bool same_thing(const cell *a, const cell *b)
{
    return a->kind == b->kind && a->dataset == b->dataset;
}

static const char *cell_colour(const cell *c)
{
    return c->kind == MAP_DATA && c->dataset > 0 ? shades[c->dataset - 1] : colours[c->kind];
}

/* Runs of equal cells as rectangles, a row at a time. */
static void put_rows(FILE *out, const map *m, const grid *g, const map_dataset *const *largest)
{
    const double w = (double)WIDTH / COLUMNS;

    for (uint64_t row = 0; row * COLUMNS < g->n; row++) {
        uint64_t begin = row * COLUMNS, stop = begin + COLUMNS < g->n ? begin + COLUMNS : g->n;
        int y = TOP + (int)row * ROW;
        fprintf(out, "<text class=\"o\" x=\"%d\" y=\"%d\">", LEFT - 6, y + BAND - 2);
        put_bytes(out, (uint64_t)((double)begin * g->per_cell));
        fputs("</text>\n", out);
        for (uint64_t i = begin, k; i < stop; i = k) {
            const cell *c = &g->cells[i];
            for (k = i + 1; k < stop && same_thing(c, &g->cells[k]);)
                k++;
            fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"><title>", LEFT + (double)(i - begin) * w, y,
                    (double)(k - i) * w, BAND, cell_colour(c));
            put_xml(out, c->kind == MAP_DATA && c->dataset > 0 ? largest[c->dataset - 1]->path : map_kinds[c->kind]);
            fprintf(out, " at byte %" PRIu64 "</title></rect>\n", (uint64_t)((double)i * g->per_cell));
        }
        for (uint64_t i = begin, k; i < stop; i = k) {
            uint32_t round = g->cells[i].round;
            for (k = i + 1; k < stop && g->cells[k].round == round;)
                k++;
            if (round == 0)
                continue;
            fprintf(out, "<rect class=\"read\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"", LEFT + (double)(i - begin) * w, y + BAND,
                    (double)(k - i) * w, PAINT);
            put_round_colour(out, round, m->rounds);
            fprintf(out, "\"><title>read in round %" PRIu32 "</title></rect>\n", round);
        }
    }
}

/* One line of the legend. */
static void put_entry(FILE *out, int *y, const char *colour, const char *text, uint64_t n, uint64_t bytes)
{
    const int x = LEFT + WIDTH + 24;

    fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">", x, *y, colour, x + 18, *y + 10);
    size_t len = strlen(text), cut = len > LONGEST ? len - LONGEST : 0; /* the end of a path says more than its beginning */
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut++;
    fputs(cut > 0 ? "... " : "", out);
    put_xml(out, text + cut);
    fputs("</text><text class=\"n\" x=\"", out);
    fprintf(out, "%d\" y=\"%d\">%" PRIu64 ", ", x + 18, *y + 22, n);
    put_bytes(out, bytes);
    fputs("</text>\n", out);
    *y += 30;
}

static void put_legend(FILE *out, const map *m, const map_dataset *const *largest, size_t n_largest)
{
    uint64_t n[MAP_KINDS] = {0}, bytes[MAP_KINDS] = {0}, other_n = 0, other_bytes = 0;
    int y = TOP;

    for (size_t i = 0; i < m->n; i++) {
        n[m->extents[i].kind]++;
        bytes[m->extents[i].kind] += m->extents[i].len;
    }
    for (unsigned k = MAP_DATA + 1; k < MAP_KINDS; k++)
        if (n[k] > 0)
            put_entry(out, &y, colours[k], map_kinds[k], n[k], bytes[k]);
    other_n = n[MAP_DATA];
    other_bytes = bytes[MAP_DATA];
    for (size_t i = 0; i < n_largest; i++) {
        put_entry(out, &y, shades[i], largest[i]->path, largest[i]->chunks, largest[i]->bytes);
        other_n -= largest[i]->chunks;
        other_bytes -= largest[i]->bytes;
    }
    if (other_n > 0)
        put_entry(out, &y, colours[MAP_DATA], "data of other datasets", other_n, other_bytes);
    fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\" stroke=\"#ccc\"/><text x=\"%d\" y=\"%d\">%s</text>\n", LEFT + WIDTH + 24, y,
            colours[MAP_NONE], LEFT + WIDTH + 42, y + 10, map_kinds[MAP_NONE]);
    y += 24;
    if (m->rounds == 0)
        return;
    uint64_t shown = m->rounds < 12 ? m->rounds : 12;
    fprintf(out, "<text x=\"%d\" y=\"%d\">read in round 1 to %" PRIu64 " (line below)</text>\n", LEFT + WIDTH + 24, y + 10, m->rounds);
    for (uint64_t i = 0; i < shown; i++) {
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"20\" height=\"8\" fill=\"", LEFT + WIDTH + 24 + (int)i * 20, y + 16);
        put_round_colour(out, shown > 1 ? 1 + i * (m->rounds - 1) / (shown - 1) : 1, m->rounds);
        fputs("\"/>\n", out);
    }
}

/* Heading: the file, and what was read of it. */
static void put_heading(FILE *out, const map *m)
{
    fprintf(out, "<text class=\"t\" x=\"%d\" y=\"24\">", LEFT);
    put_xml(out, m->name);
    fprintf(out, "</text>\n<text x=\"%d\" y=\"44\">", LEFT);
    put_bytes(out, m->size);
    fprintf(out, " in file order, from left to right and from top to bottom; a row is ");
    put_bytes(out, (m->size + m->rows - 1) / m->rows);
    if (m->rounds > 0) {
        fprintf(out, ". Read: %" PRIu64 " rounds, %zu requests, ", m->rounds, m->n_reads);
        put_bytes(out, m->received);
    }
    fputs("</text>\n", out);
}

bool map_draw(FILE *out, map *m)
{
    grid g = {.n = 0};
    const map_dataset **largest = malloc((m->n_datasets + 1) * sizeof *largest);
    uint32_t *place = calloc(m->n_datasets + 1, sizeof *place);
    size_t n_largest = 0;

    m->rows = m->size < 64 * 1024 ? 8 : m->size < 16 * 1024 * 1024 ? 24 : 48;
    g.n = (uint64_t)m->rows * COLUMNS;
    g.per_cell = m->size > 0 ? (double)m->size / (double)g.n : 1;
    g.cells = calloc(g.n, sizeof *g.cells);
    bool ok = largest != NULL && place != NULL && g.cells != NULL;
    for (size_t i = 0; ok && i < m->n_datasets; i++)
        if (m->datasets[i].bytes > 0)
            largest[n_largest++] = &m->datasets[i];
    if (ok && n_largest > 0)
        qsort(largest, n_largest, sizeof *largest, by_stored);
    if (n_largest > NAMED)
        n_largest = NAMED;
    for (size_t i = 0; ok && i < n_largest; i++)
        place[largest[i] - m->datasets] = (uint32_t)i + 1;
    if (ok) {
        int height = TOP + (int)m->rows * ROW + 24, least = TOP + (MAP_KINDS + NAMED + 3) * 30;
        fill_grid(m, &g, place);
        fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                     "font-family=\"sans-serif\" font-size=\"12\">\n<style>.t{font-size:16px;font-weight:bold}.o{text-anchor:end;fill:#555;font-size:10px}"
                     ".n{fill:#555;font-size:10px}</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                LEFT + WIDTH + LEGEND, height > least ? height : least);
        put_heading(out, m);
        put_rows(out, m, &g, largest);
        put_legend(out, m, largest, n_largest);
        fputs("</svg>\n", out);
    }
    free(g.cells);
    free(place);
    free(largest);
    return ok;
}
