/* h5range: looks into HDF5 and netCDF-4 files, local or remote. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#ifdef H5RANGE_HAVE_CURL
#include <h5range/h5range_curl.h>
#endif

typedef struct command {
    const char *name, *arguments, *what;
    int (*run)(h5r_file *f, const options *o);
} command;

static const command commands[] = {
    {"tree", "[--attributes] URI[#/path]", "groups, datasets, types and shapes below an object", cmd_tree},
    {"info", "URI[#/path]", "one object: attributes, dimensions, storage", cmd_info},
    {"chunks", "[--recursive] URI#/path", "where the chunks of a dataset are, one line a chunk", cmd_chunks},
    {"cat", "[--slice S] [--format text|npy|raw] URI#/path", "values of a dataset", cmd_cat},
    {"dump", "--canonical FILE", "everything, with digests of all data, as JSON", cmd_dump},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fprintf(out, "h5range %s - reads HDF5 and netCDF-4 files in few round trips\n\n", h5r_version());
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  h5range %s %s\n        %s\n", commands[i].name, commands[i].arguments, commands[i].what);
    fputs("\nURI: a local path, http://..., https://... or s3://bucket/key; \"#/group/dataset\" names an object in it.\n"
          "--slice takes NumPy's notation, a part for each dimension: 0:10,5,::-2\n\n"
          "Options of every command:\n"
          "  --json         the same as JSON\n"
          "  --stats        rounds, requests and bytes on stderr\n"
          "  --trace FILE   one line of JSON for each round, with its requests\n"
          "  --version, --help\n\n"
          "Exit codes: 0 all was read; 1 part of it could not be (the rest was printed); 2 usage; 3 not found;\n"
          "4 input/output; 5 not HDF5, or damaged; 6 unsupported; 7 a limit was reached, or memory is out.\n",
          out);
}

static void version(void)
{
    static const unsigned ids[] = {1, 2, 3, 4, 5, 6, 307, 32000, 32001, 32004, 32008, 32013, 32015, 32026};

    printf("h5range %s\nsources: file%s\nfilters:", h5r_version(),
#ifdef H5RANGE_HAVE_CURL
           " http https s3"
#else
           " (built without libcurl: no http, https, s3)"
#endif
    );
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (h5r_filter_available(ids[i]))
            printf(" %s", h5r_filter_name(ids[i]));
    printf("\nnot built in:");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (!h5r_filter_available(ids[i]))
            printf(" %s", h5r_filter_name(ids[i]));
    putchar('\n');
}

void put_escaped(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '\\')
            fputs("\\\\", out);
        else if (*p == '\n')
            fputs("\\n", out);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
}

static int exit_code(h5r_status st)
{
    switch (st) {
    case H5R_ERR_ARG:
        return EXIT_USAGE;
    case H5R_ERR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case H5R_ERR_IO:
        return EXIT_IO;
    case H5R_ERR_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case H5R_ERR_LIMIT:
    case H5R_ERR_NOMEM:
        return EXIT_LIMIT;
    default:
        return EXIT_FORMAT;
    }
}

/* The name of the file for messages; URLs lose what is secret in them. */
static void put_name(const options *o)
{
    const char *name = o->file != NULL ? o->file : o->uri;
#ifdef H5RANGE_HAVE_CURL
    char shown[2048];
    if (h5r_is_url(name)) {
        h5r_redact_url(name, shown, sizeof shown);
        name = shown;
    }
#endif
    put_escaped(stderr, name);
}

int report(const options *o, const h5r_error *e)
{
    const char *path = e->path[0] != '\0' ? e->path : o->path;

    fflush(stdout);
    fputs("h5range: ", stderr);
    put_name(o);
    if (path != NULL) {
        fputc('#', stderr);
        put_escaped(stderr, path);
    }
    fprintf(stderr, ": %s", e->message);
    if (e->offset != H5R_UNDEFINED)
        fprintf(stderr, " (at byte %" PRIu64 ")", e->offset);
    fputc('\n', stderr);
    return exit_code(e->status);
}

h5r_status find_object(h5r_file *f, const options *o, const h5r_object **out, h5r_error *err)
{
    return h5r_lookup(f, NULL, o->path != NULL ? o->path : "/", out, err);
}

/* "FILE#/path" is split at the last "#/", unless there is a file of the whole name. */
static bool split_uri(options *o)
{
    struct stat st;
    size_t n = strlen(o->uri);

    o->file = malloc(n + 1);
    if (o->file == NULL)
        return false;
    memcpy(o->file, o->uri, n + 1);
    if (stat(o->uri, &st) == 0)
        return true;
    for (size_t i = n; i-- > 0;) {
        if (o->uri[i] == '#' && o->uri[i + 1] == '/') {
            o->file[i] = '\0';
            o->path = o->uri + i + 1;
            break;
        }
    }
    return true;
}

static h5r_status open_source(const options *o, h5r_source *src, h5r_error *err)
{
#ifdef H5RANGE_HAVE_CURL
    if (h5r_is_url(o->file))
        return h5r_source_open_url(o->file, NULL, src, err);
#endif
    const char *scheme = strstr(o->file, "://");
    struct stat st;
    if (scheme != NULL && stat(o->file, &st) != 0) {
        *err = (h5r_error){.status = H5R_ERR_UNSUPPORTED, .offset = H5R_UNDEFINED};
        snprintf(err->message, sizeof err->message, "names of the form %.*s://... are not supported%s", (int)(scheme - o->file) > 20 ? 20 : (int)(scheme - o->file), o->file,
#ifdef H5RANGE_HAVE_CURL
                 "; a local path, http://, https:// and s3:// are");
#else
                 ": this build has no libcurl");
#endif
        return H5R_ERR_UNSUPPORTED;
    }
    return h5r_source_open_file(o->file, src, err);
}

static void trace(void *ctx, const h5r_round *r)
{
    json j = {.out = ctx, .flat = true, .first = true};

    json_begin_object(&j);
    json_put_uint(&j, "round", r->number);
    json_put_text(&j, "call", r->call);
    json_key(&j, "seconds");
    json_double(&j, r->seconds);
    json_key(&j, "requests");
    json_begin_array(&j);
    for (size_t i = 0; i < r->n; i++) {
        json_begin_array(&j);
        json_uint(&j, r->reads[i].offset);
        json_uint(&j, r->reads[i].len);
        json_uint(&j, r->reads[i].got);
        json_end_array(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    fputc('\n', j.out);
}

static int usage(const char *format, const char *what)
{
    fputs("h5range: ", stderr);
    fprintf(stderr, format, what);
    fputs("; see h5range --help\n", stderr);
    return EXIT_USAGE;
}

static int run(const command *c, options *o)
{
    h5r_source src;
    h5r_options opts;
    h5r_error err;
    h5r_file *f;

    h5r_options_init(&opts);
    if (o->trace != NULL) {
        o->trace_out = fopen(o->trace, "w");
        if (o->trace_out == NULL) {
            fprintf(stderr, "h5range: cannot write %s: %s\n", o->trace, strerror(errno));
            return EXIT_IO;
        }
        opts.trace = trace;
        opts.trace_ctx = o->trace_out;
    }
    h5r_status st = open_source(o, &src, &err);
    if (st == H5R_OK)
        st = h5r_open(&src, &opts, &f, &err);
    int code;
    if (st != H5R_OK) {
        if (o->canonical)
            dump_error(&err);
        code = report(o, &err);
    } else {
        if (h5r_get_info(f)->open_for_write) {
            fputs("h5range: warning: ", stderr);
            put_name(o);
            fputs(" was left open for writing; what was being written may be missing\n", stderr);
        }
        code = c->run(f, o);
        if (o->stats) {
            h5r_stats s;
            h5r_get_stats(f, &s);
            fflush(stdout);
            fprintf(stderr, "rounds %" PRIu64 ", requests %" PRIu64 ", bytes %" PRIu64 "\n", s.rounds, s.requests, s.bytes);
        }
        h5r_close(f);
    }
    if (o->trace_out != NULL && fclose(o->trace_out) != 0)
        code = EXIT_IO;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "h5range: cannot write the output: %s\n", strerror(errno));
        code = EXIT_IO;
    }
    return code;
}

/* Options may stand before and after the URI. */
static int parse(int argc, char **argv, options *o)
{
    for (int i = 2; i < argc; i++) {
        const char *a = argv[i], **value = NULL;
        if (strcmp(a, "--json") == 0)
            o->json = true;
        else if (strcmp(a, "--stats") == 0)
            o->stats = true;
        else if (strcmp(a, "--attributes") == 0)
            o->attributes = true;
        else if (strcmp(a, "--recursive") == 0)
            o->recursive = true;
        else if (strcmp(a, "--canonical") == 0)
            o->canonical = true;
        else if (strcmp(a, "--slice") == 0)
            value = &o->slice;
        else if (strcmp(a, "--format") == 0)
            value = &o->format;
        else if (strcmp(a, "--trace") == 0)
            value = &o->trace;
        else if (a[0] == '-' && a[1] != '\0')
            return usage("unknown option %s", a);
        else if (o->uri != NULL)
            return usage("one URI, please: what is %s?", a);
        else
            o->uri = a;
        if (value != NULL && ++i == argc)
            return usage("%s needs a value", a);
        if (value != NULL)
            *value = argv[i];
    }
    return o->uri == NULL ? usage("%s", "no URI given") : 0;
}

int main(int argc, char **argv)
{
    options o = {0};

    signal(SIGPIPE, SIG_DFL);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        version();
        return 0;
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int code = parse(argc, argv, &o);
        if (code == 0)
            code = split_uri(&o) ? run(&commands[i], &o) : EXIT_LIMIT;
        free(o.file);
        return code;
    }
    return usage("no command \"%s\"", argv[1]);
}
