/* "check": one line for each finding as it is made, "PATH: WHAT (at byte N)", then a line that counts. Notes, which are no damage,
 * begin with "note: ". */
#include <inttypes.h>

#include "cli.h"

typedef struct printer {
    const options *o;
    json j;
} printer;

static void put_finding(void *ctx, h5r_severity severity, const h5r_error *e)
{
    printer *p = ctx;
    json *j = &p->j;

    if (p->o->json) {
        json_begin_record(j);
        json_put_text(j, "severity", severity == H5R_FINDING ? "finding" : "note");
        json_put_text(j, "path", e->path);
        json_key(j, "byte");
        if (e->offset == H5R_UNDEFINED)
            json_null(j);
        else
            json_uint(j, e->offset);
        json_put_text(j, "what", e->message);
        json_end_record(j);
        return;
    }
    fputs(severity == H5R_FINDING ? "" : "note: ", stdout);
    put_escaped(stdout, e->path[0] != '\0' ? e->path : "the file");
    fputs(": ", stdout);
    put_escaped(stdout, e->message);
    if (e->offset != H5R_UNDEFINED)
        printf(" (at byte %" PRIu64 ")", e->offset);
    putchar('\n');
}

static void begin(printer *p)
{
    if (!p->o->json)
        return;
    json_begin_object(&p->j);
    json_key(&p->j, "findings");
    json_begin_array(&p->j);
}

static void put_count(uint64_t n, const char *what, const char *after)
{
    printf("%" PRIu64 " %s%s%s", n, what, n == 1 ? "" : "s", after);
}

static void end(printer *p, const h5r_check_result *r, bool complete)
{
    json *j = &p->j;

    if (!p->o->json) {
        put_count(r->objects, "object", ", ");
        put_count(r->attributes, "attribute", ", ");
        put_count(r->chunks, "chunk", p->o->data ? "" : ": ");
        if (p->o->data)
            printf(" (%" PRIu64 " decoded): ", r->decoded);
        put_count(r->findings, "finding", ", ");
        put_count(r->notes, "note", complete ? "\n" : "; not finished\n");
        return;
    }
    json_end_array(j);
    json_put_uint(j, "objects", r->objects);
    json_put_uint(j, "attributes", r->attributes);
    json_put_uint(j, "chunks", r->chunks);
    if (p->o->data)
        json_put_uint(j, "decoded", r->decoded);
    json_put_bool(j, "complete", complete);
    json_end_object(j);
    putchar('\n');
}

int check_unopened(const options *o, const h5r_error *e)
{
    printer p = {.o = o, .j = {.out = stdout, .first = true}};
    h5r_check_result r = {.findings = 1};

    begin(&p);
    put_finding(&p, H5R_FINDING, e);
    end(&p, &r, false);
    return EXIT_PARTIAL;
}

int cmd_check(h5r_file *f, const options *o)
{
    printer p = {.o = o, .j = {.out = stdout, .first = true}};
    h5r_check_options what = {.struct_size = sizeof what, .data = o->data, .found = put_finding, .ctx = &p};
    h5r_check_result r;
    h5r_error err;

    if (o->path != NULL) {
        err = (h5r_error){.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED, .message = "a check is one of the whole file: no #/path"};
        return report(o, &err);
    }
    begin(&p);
    h5r_status st = h5r_check(f, &what, &r, &err);
    end(&p, &r, st == H5R_OK);
    if (st != H5R_OK)
        return report(o, &err);
    return r.findings > 0 ? EXIT_PARTIAL : 0;
}
