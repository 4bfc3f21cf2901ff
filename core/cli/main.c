/* h5range: looks into HDF5 and netCDF-4 files, local or remote. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "map.h"
#ifdef H5RANGE_HAVE_CURL
#include <h5range/h5range_curl.h>
#endif

/* Options that not every command takes. */
enum { ATTRIBUTES = 1, RECURSIVE = 2, SLICE = 4, FORMAT = 8, CANONICAL = 16, DATA = 32, STORAGE = 64, MAP = 128, REFS = 256 };

/* A command that is about the bytes of the file: what an index cache kept would hide what they are now. */
enum { NO_CACHE = 512 };

typedef struct command {
    const char *name, *arguments, *what;
    int (*run)(h5r_file *f, const options *o);
    unsigned takes;
} command;

static const command commands[] = {
    {"tree", "[--attributes] URI[#/path]", "groups, datasets, types and shapes below an object", cmd_tree, ATTRIBUTES},
    {"info", "[--storage] URI[#/path]", "one object: attributes, dimensions, layout; how much is stored: reads the chunk index", cmd_info, STORAGE},
    {"chunks", "URI#/path  or  chunks --recursive URI[#/path]",
     "one line a chunk: [path] first element, byte offset, stored bytes, filter mask", cmd_chunks, RECURSIVE},
    {"cat", "[--slice S] [--format text|npy|raw] URI#/path", "values of a dataset", cmd_cat, SLICE | FORMAT},
    {"map", "-o OUT.svg [--trace FILE] URI", "a picture of the file's layout, with what a trace says was read painted on it", cmd_map, MAP | NO_CACHE},
    {"refs", "[--format kerchunk-json|zarr] -o OUT [--group PATH] [--url URL] [--inline BYTES] [--no-check] URI[#/group]",
     "the file as Zarr: references to its chunks, or (zarr) a folder with the chunks", cmd_refs, REFS | FORMAT},
    {"dump", "--canonical FILE", "everything, with digests of all data, as JSON", cmd_dump, CANONICAL | NO_CACHE},
    {"check", "[--data] URI", "validates structures and checksums, with --data also all chunks: one line a finding", cmd_check, DATA | NO_CACHE},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fprintf(out, "h5range %s - reads HDF5 and netCDF-4 files in few round trips\n\n", h5r_version());
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  h5range %s %s\n        %s\n", commands[i].name, commands[i].arguments, commands[i].what);
    fputs("\nURI: a local path, http://..., https://... or s3://bucket/key; \"#/group/dataset\" names an object in it.\n"
          "S:   NumPy's notation, a part for each dimension: 0:10,5,::-2\n\n"
          "Options of every command:\n"
          "  --json         the same as JSON\n"
          "  --stats        rounds, requests and bytes on stderr\n"
          "  --trace FILE   one line of JSON for each round, with its requests (of map: where they are read from)\n"
          "  --help, --version (with the filters built in)\n\n"
          "H5RANGE_INDEX_CACHE names a folder that keeps metadata and chunk indexes of remote files for the next run;\n"
          "check, dump and map read the file itself.\n\n"
          "Exit codes:\n"
          "  0  all was read\n"
          "  1  part could not be read; the rest was printed, and what is missing is marked; check: there are findings\n"
          "  2  usage\n"
          "  3  no such file or object\n"
          "  4  input or output failed: network, permission, a server without ranges\n"
          "  5  not an HDF5 file, or a damaged one\n"
          "  6  a feature or filter that this build cannot read\n"
          "  7  a limit was reached, or memory is out\n",
          out);
}

typedef enum filter_group { BUILT_IN, LEFT_OUT, UNKNOWN_HOW } filter_group;

/* The filters that this build can undo, those that were left out of it, those that no build can; broken into lines. */
static void put_filters(const char *head, filter_group group)
{
    int column = printf("%s", head);
    const char *comma = "";

    for (size_t i = 0; h5r_filter_at(i) != NULL; i++) {
        const h5r_filter_info *f = h5r_filter_at(i);
        if (group != (f->available ? BUILT_IN : f->library != NULL ? LEFT_OUT : UNKNOWN_HOW))
            continue;
        int width = (int)strlen(f->name) + 10;
        printf("%s%s %s (%u)", comma, column + width > 100 ? "\n   " : "", f->name, f->id);
        column = column + width > 100 ? 3 + width : column + width;
        comma = ",";
    }
    printf("\n");
}

static void version(void)
{
    printf("h5range %s\nsources: file%s\n", h5r_version(),
#ifdef H5RANGE_HAVE_CURL
           ", http, https, s3"
#else
           " (built without libcurl: no http, https, s3)"
#endif
    );
    put_filters("filters:", BUILT_IN);
    put_filters("not built in:", LEFT_OUT);
    put_filters("known, not supported:", UNKNOWN_HOW);
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
    fputs(": ", stderr);
    put_escaped(stderr, e->message);
    if (e->offset != H5R_UNDEFINED)
        fprintf(stderr, " (at byte %" PRIu64 ")", e->offset);
    fputc('\n', stderr);
    return exit_code(e->status);
}

int report_partial(const options *o, uint64_t n)
{
    fflush(stdout);
    fputs("h5range: ", stderr);
    put_name(o);
    fprintf(stderr, ": %" PRIu64 " part%s could not be read; the output says why in %s\n", n, n == 1 ? "" : "s",
            n == 1 ? "its place" : "their places");
    return EXIT_PARTIAL;
}

h5r_status find_object(h5r_file *f, const options *o, const h5r_object **out, h5r_error *err)
{
    return h5r_lookup(f, NULL, o->path != NULL ? o->path : "/", out, err);
}

h5r_status prefetch_path(h5r_file *f, const options *o, unsigned depth, unsigned what, h5r_error *err)
{
    h5r_status st = h5r_prefetch_path(f, o->path != NULL ? o->path : "/", depth, what, err);
    return st == H5R_ERR_IO ? st : H5R_OK;
}

void learn_paths(h5r_file *f, const char *path)
{
    const h5r_link *const *links;
    const h5r_object *group;
    size_t n, len = strlen(path);
    char *prefix = malloc(len + 1);

    for (size_t i = 0; prefix != NULL && i <= len; i++) {
        if (path[i] != '/')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (h5r_lookup(f, NULL, prefix, &group, NULL) != H5R_OK || h5r_links(f, group, false, &links, &n, NULL, NULL) != H5R_OK)
            break; /* the object is shown all the same, with addresses for names */
    }
    free(prefix);
}

void learn_path_near(h5r_file *f, const char *path, uint64_t addr)
{
    const h5r_object *group;
    size_t len = strlen(path);
    char *prefix = malloc(len + 1);

    if (prefix != NULL)
        memcpy(prefix, path, len + 1);
    while (prefix != NULL && len > 0 && h5r_known_path(f, addr) == NULL) {
        while (len > 0 && prefix[len - 1] != '/')
            len--;
        while (len > 0 && prefix[len - 1] == '/')
            len--;
        prefix[len] = '\0';
        if (h5r_lookup(f, NULL, len > 0 ? prefix : "/", &group, NULL) != H5R_OK)
            break;
        (void)h5r_learn_path(f, group, addr, NULL);
    }
    free(prefix);
}

/* "FILE#/path" is split at the first "#/" that a file's name ends at, else at the first: folders may be called "a#", and groups
 * "#refs#" (in MATLAB's files). In a URL a "#" of the name is written %23. */
static bool split_uri(options *o)
{
    struct stat st;
    size_t n = strlen(o->uri);
    const char *at = NULL;

    o->file = malloc(n + 1);
    if (o->file == NULL)
        return false;
    memcpy(o->file, o->uri, n + 1);
    if (stat(o->uri, &st) == 0)
        return true;
    for (const char *p = strstr(o->uri, "#/"); p != NULL; p = strstr(p + 1, "#/")) {
        o->file[p - o->uri] = '\0';
        bool is_file = stat(o->file, &st) == 0 && !S_ISDIR(st.st_mode);
        o->file[p - o->uri] = '#';
        if (at == NULL || is_file)
            at = p;
        if (is_file)
            break;
    }
    if (at != NULL) {
        o->file[at - o->uri] = '\0';
        o->path = at + 1;
    }
    return true;
}

#ifdef H5RANGE_HAVE_CURL
/* A number of the environment; 0 where there is none. */
static double number_of(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtod(text, NULL) : 0;
}

static h5r_status open_url(const char *url, h5r_source *src, h5r_error *err)
{
    h5r_curl_options curl;

    h5r_curl_options_init(&curl);
    curl.latency = number_of("H5RANGE_LATENCY") / 1000;
    curl.bandwidth = number_of("H5RANGE_BANDWIDTH") * 1e6;
    return h5r_source_open_url(url, &curl, src, err);
}
#endif

static h5r_status open_source(const options *o, h5r_source *src, h5r_error *err)
{
#ifdef H5RANGE_HAVE_CURL
    if (h5r_is_url(o->file))
        return open_url(o->file, src, err);
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

typedef struct trace_file {
    FILE *out;
    int error; /* errno of the first write that failed */
} trace_file;

/* Each line is written at once: a stream that failed earlier does not tell why when it is closed. */
static void trace(void *ctx, const h5r_round *r)
{
    trace_file *t = ctx;
    json j = {.out = t->out, .flat = true, .first = true};
    char seconds[40];

    json_begin_object(&j);
    json_put_uint(&j, "round", r->number);
    json_put_text(&j, "call", r->call);
    json_key(&j, "seconds");
    snprintf(seconds, sizeof seconds, "%.6f", r->seconds);
    json_raw(&j, seconds);
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
    if (fflush(j.out) != 0 && t->error == 0)
        t->error = errno;
}

static int close_trace(trace_file *t, const char *name, int code)
{
    if (t->out == NULL)
        return code;
    if (fclose(t->out) != 0 && t->error == 0)
        t->error = errno;
    if (t->error == 0)
        return code;
    fprintf(stderr, "h5range: cannot write %s: %s\n", name, strerror(t->error));
    return EXIT_IO;
}

bool output_ok(const options *o)
{
    if (ferror(stdout) && *o->output_error == 0)
        *o->output_error = errno;
    return !ferror(stdout);
}

/* The end of standard output; error: why it failed before, 0 where that is not known. */
static int flush_output(int error, int code)
{
    if (fflush(stdout) != 0)
        error = error != 0 ? error : errno;
    else if (!ferror(stdout))
        return code;
    fprintf(stderr, "h5range: cannot write the output%s%s\n", error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    return EXIT_IO;
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
    trace_file traced = {0};
    int output_error = 0;

    o->output_error = &output_error;
    h5r_options_init(&opts);
    opts.index_cache = c->takes & NO_CACHE ? NULL : getenv("H5RANGE_INDEX_CACHE");
    map layout = {0};
    if (c->takes & MAP) {
        o->map = &layout;
        opts.viewed = map_view;
        opts.viewed_ctx = &layout;
    } else if (o->trace != NULL) {
        traced.out = fopen(o->trace, "w");
        if (traced.out == NULL) {
            fprintf(stderr, "h5range: cannot write %s: %s\n", o->trace, strerror(errno));
            return EXIT_IO;
        }
        opts.trace = trace;
        opts.trace_ctx = &traced;
    }
    h5r_status st = open_source(o, &src, &err);
    if (st == H5R_OK)
        st = h5r_open(&src, &opts, &f, &err);
    int code;
    if (st == H5R_ERR_FORMAT && c->run == cmd_check) {
        code = check_unopened(o, &err);
    } else if (st != H5R_OK) {
        if (o->canonical)
            dump_error(&err);
        code = report(o, &err);
    } else {
        if (h5r_get_info(f)->open_for_write && c->run != cmd_check) {
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
    map_free(&layout);
    code = close_trace(&traced, o->trace, code);
    return flush_output(output_error, code);
}

/* Value of "--name=value", or of "--name value", which takes the next argument. NULL: there is none. */
static const char *option_value(int argc, char **argv, int *i)
{
    const char *equals = strchr(argv[*i], '=');

    if (equals != NULL)
        return equals + 1;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

/* Where the value of an option goes; NULL: the command has no such option. */
static const char **place_of(const command *c, options *o, const char *a)
{
    const struct {
        const char *name;
        unsigned takes;
        const char **place;
    } known[] = {{"--trace", UINT_MAX, &o->trace}, {"--slice", SLICE, &o->slice}, {"--format", FORMAT, &o->format}, {"-o", MAP | REFS, &o->output},
                 {"--group", REFS, &o->group},     {"--url", REFS, &o->url},      {"--inline", REFS, &o->inlined}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].name);
        bool takes = known[i].takes == UINT_MAX || (c->takes & known[i].takes) != 0;
        if (takes && strncmp(a, known[i].name, n) == 0 && (a[n] == '=' || a[n] == '\0'))
            return known[i].place;
    }
    return NULL;
}

static bool is_flag(const char *a, const char *name, bool *flag)
{
    if (strcmp(a, name) != 0)
        return false;
    *flag = true;
    return true;
}

/* Options may stand before and after the URI. */
static int parse(int argc, char **argv, const command *c, options *o)
{
    for (int i = 2; i < argc; i++) {
        const char *a = argv[i], *value;
        if (is_flag(a, "--json", &o->json) || is_flag(a, "--stats", &o->stats))
            continue;
        if ((c->takes & ATTRIBUTES && is_flag(a, "--attributes", &o->attributes)) ||
            (c->takes & RECURSIVE && is_flag(a, "--recursive", &o->recursive)) ||
            (c->takes & STORAGE && is_flag(a, "--storage", &o->storage)) ||
            (c->takes & CANONICAL && is_flag(a, "--canonical", &o->canonical)) ||
            (c->takes & DATA && is_flag(a, "--data", &o->data)))
            continue;
        if (c->takes & REFS && is_flag(a, "--no-check", &o->no_check))
            continue;
        const char **place = place_of(c, o, a);
        if (place != NULL && (value = option_value(argc, argv, &i)) != NULL)
            *place = value;
        else if (place != NULL)
            return usage("%s needs a value", a);
        else if (a[0] == '-' && a[1] != '\0')
            return usage("unknown option %s", a);
        else if (o->uri != NULL)
            return usage("one URI at a time: there is also %s", a);
        else
            o->uri = a;
    }
    if (o->uri != NULL && c->takes & MAP && o->output == NULL)
        return usage("%s", "map needs -o OUT.svg (\"-\": standard output)");
    if (o->uri != NULL && c->takes & REFS && o->output == NULL)
        return usage("%s", "refs needs -o OUT");
    return o->uri == NULL ? usage("%s", "no URI given") : 0;
}

static bool asks(const char *a, const char *name, const char *brief)
{
    return strcmp(a, name) == 0 || strcmp(a, brief) == 0;
}

int main(int argc, char **argv)
{
    options o = {0};

    signal(SIGPIPE, SIG_DFL);
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    for (int i = 1; i < argc; i++) {
        if (asks(argv[i], "--help", "-h") || (i == 1 && strcmp(argv[i], "help") == 0)) {
            help(stdout);
            return flush_output(0, 0);
        }
        if (asks(argv[i], "--version", "-V")) {
            version();
            return flush_output(0, 0);
        }
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int code = parse(argc, argv, &commands[i], &o);
        if (code == 0)
            code = split_uri(&o) ? run(&commands[i], &o) : EXIT_LIMIT;
        free(o.file);
        return code;
    }
    return usage("no command \"%s\"", argv[1]);
}
