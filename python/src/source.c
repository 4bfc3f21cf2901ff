/* Sources whose bytes Python fetches, and the settings of sources and options. */
#include "h5range_py.h"

#include <stddef.h>
#include <string.h>

/* ---------------------------------------------------------------- settings */

typedef enum setting_kind { U64, U32, SIZE, FLAG } setting_kind;

typedef struct setting {
    const char *name;
    setting_kind kind;
    size_t at;
} setting;

static const setting source_table[] = {
    {"gap", SIZE, offsetof(h5r_source, gap)},
    {"block", SIZE, offsetof(h5r_source, block)},
    {"first_read", SIZE, offsetof(h5r_source, first_read)},
    {"max_request", SIZE, offsetof(h5r_source, max_request)},
    {"one_at_a_time", FLAG, offsetof(h5r_source, one_at_a_time)},
    {"size", U64, offsetof(h5r_source, size)},
    {"remote", FLAG, offsetof(h5r_source, remote)},
    {NULL, U64, 0},
};

#define LIMIT(name, kind) {#name, kind, offsetof(h5r_options, limits) + offsetof(h5r_limits, name)}
static const setting option_table[] = {
    LIMIT(metadata_bytes, U64), LIMIT(heap_bytes, U64), LIMIT(chunk_bytes, U64), LIMIT(inflight_bytes, U64), LIMIT(vlen_bytes, U64),
    LIMIT(objects, U64), LIMIT(links, U64), LIMIT(attributes, U64), LIMIT(header_bytes, U64), LIMIT(header_chunks, U32),
    LIMIT(depth, U32), LIMIT(soft_links, U32), LIMIT(rounds, U32), LIMIT(other_files, U32), LIMIT(nesting, U32), LIMIT(inflight_requests, U32),
    {"skip_checksums", FLAG, offsetof(h5r_options, skip_checksums)},
    {"exact_reads", FLAG, offsetof(h5r_options, exact_reads)},
    {"threads", U32, offsetof(h5r_options, threads)},
    {"chunk_cache_bytes", U64, offsetof(h5r_options, chunk_cache_bytes)},
    {NULL, U64, 0},
};

static bool apply(PyObject *settings, const setting *table, void *to)
{
    for (const setting *s = table; s->name != NULL; s++) {
        PyObject *value = PyDict_GetItemString(settings, s->name);
        uint8_t *field = (uint8_t *)to + s->at;
        if (value == NULL || value == Py_None)
            continue;
        if (s->kind == FLAG) {
            int truth = PyObject_IsTrue(value);
            if (truth < 0)
                return false;
            *(bool *)field = truth == 1;
            continue;
        }
        uint64_t n = PyLong_AsUnsignedLongLong(value);
        if (PyErr_Occurred() || (s->kind == U32 && n > UINT32_MAX)) {
            PyErr_Format(PyExc_ValueError, "%s is a number from 0 to %s, not %R", s->name, s->kind == U32 ? "2**32 - 1" : "2**64 - 1", value);
            return false;
        }
        if (s->kind == U32)
            *(uint32_t *)(void *)field = (uint32_t)n;
        else if (s->kind == SIZE)
            *(size_t *)(void *)field = (size_t)n;
        else
            *(uint64_t *)(void *)field = n;
    }
    return true;
}

/* "tune": (seconds until a first byte, bytes a second) comes before what is set field by field. */
bool source_settings(PyObject *settings, h5r_source *out)
{
    PyObject *tune = PyDict_GetItemString(settings, "tune");
    double latency, bandwidth;

    if (tune != NULL && tune != Py_None) {
        if (!PyArg_ParseTuple(tune, "dd", &latency, &bandwidth))
            return false;
        h5r_source_tune(out, latency, bandwidth);
    }
    return apply(settings, source_table, out);
}

bool option_settings(PyObject *settings, h5r_options *out)
{
    PyObject *others = PyDict_GetItemString(settings, "others");

    if (others != NULL && others != Py_None) {
        long n = PyLong_AsLong(others);
        if (PyErr_Occurred())
            return false;
        out->others = (h5r_others)n;
    }
    return apply(settings, option_table, out);
}

/* ---------------------------------------------------------------- reads by Python */

typedef struct python_ctx {
    FileObject *file; /* outlives the source */
    PyObject *read, *other;
} python_ctx;

/* The exception that was set, NULL when there was none. */
PyObject *fetch_exception(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* The exception that is set becomes *err and the cause of the call's own. */
static h5r_status take_exception(python_ctx *ctx, uint64_t offset, h5r_error *err)
{
    PyObject *value = fetch_exception();
    PyObject *message = value != NULL ? PyObject_Str(value) : NULL;
    const char *utf8 = NULL;
    PyObject *bytes = message != NULL ? PyUnicode_AsEncodedString(message, "utf-8", "replace") : NULL;
    if (bytes != NULL)
        utf8 = PyBytes_AsString(bytes);
    *err = (h5r_error){.status = H5R_ERR_IO, .offset = offset};
    if (value != NULL && PyObject_IsInstance(value, PyExc_FileNotFoundError) == 1)
        err->status = H5R_ERR_NOT_FOUND;
    PyOS_snprintf(err->message, sizeof err->message, "%s", utf8 != NULL && utf8[0] != '\0' ? utf8 : "the store raised an exception");
    for (char *p = err->message; *p != '\0'; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(message);
    PyObject *before = ctx->file->cause;
    ctx->file->cause = value;
    Py_XDECREF(before);
    return err->status;
}

static PyObject *reads_list(const h5r_read *reads, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);

    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *item = Py_BuildValue("(KK)", (unsigned long long)reads[i].offset, (unsigned long long)reads[i].len);
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static bool take_bytes(PyObject *answers, size_t i, h5r_read *r)
{
    PyObject *item = PySequence_GetItem(answers, (Py_ssize_t)i);
    Py_buffer view;

    if (item == NULL)
        return false;
    bool ok = PyObject_GetBuffer(item, &view, PyBUF_SIMPLE) == 0;
    if (ok) {
        r->got = (size_t)view.len < r->len ? (size_t)view.len : r->len;
        memcpy(r->dst, view.buf, r->got);
        PyBuffer_Release(&view);
    }
    Py_DECREF(item);
    return ok;
}

static h5r_status python_read(void *arg, h5r_read *reads, size_t n, h5r_error *err)
{
    python_ctx *ctx = arg;
    h5r_status st = H5R_OK;
    PyGILState_STATE gil = PyGILState_Ensure();

    PyObject *list = reads_list(reads, n);
    PyObject *answers = list != NULL ? PyObject_CallFunctionObjArgs(ctx->read, list, NULL) : NULL;
    bool ok = answers != NULL;
    if (ok && PySequence_Size(answers) != (Py_ssize_t)n) {
        PyErr_Format(PyExc_ValueError, "the store answered %zd ranges, %zu were asked for", PySequence_Size(answers), n);
        ok = false;
    }
    for (size_t i = 0; i < n && ok; i++)
        ok = take_bytes(answers, i, &reads[i]);
    if (!ok)
        st = take_exception(ctx, reads[0].offset, err);
    Py_XDECREF(answers);
    Py_XDECREF(list);
    PyGILState_Release(gil);
    return st;
}

static void python_close(void *arg)
{
    python_ctx *ctx = arg;
    PyGILState_STATE gil = PyGILState_Ensure();

    Py_XDECREF(ctx->read);
    Py_XDECREF(ctx->other);
    PyMem_Free(ctx);
    PyGILState_Release(gil);
}

static h5r_status python_other(void *arg, const char *name, bool beside, h5r_source *out, h5r_error *err)
{
    python_ctx *ctx = arg;
    h5r_status st = H5R_OK;
    PyGILState_STATE gil = PyGILState_Ensure();

    PyObject *answer = PyObject_CallFunction(ctx->other, "NO", text(name), beside ? Py_True : Py_False);
    if (answer == Py_None) {
        *err = (h5r_error){.status = H5R_ERR_NOT_FOUND, .offset = H5R_UNDEFINED};
        PyOS_snprintf(err->message, sizeof err->message, "no file \"%s\"", name);
        st = H5R_ERR_NOT_FOUND;
    } else if (answer == NULL || !PyDict_Check(answer) ||
               !python_source(ctx->file, PyDict_GetItemString(answer, "read"), PyDict_GetItemString(answer, "other"), answer, out)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a dict that describes another file expected");
        st = take_exception(ctx, H5R_UNDEFINED, err);
    }
    Py_XDECREF(answer);
    PyGILState_Release(gil);
    return st;
}

bool python_source(FileObject *file, PyObject *read, PyObject *other, PyObject *settings, h5r_source *out)
{
    PyObject *name = PyDict_GetItemString(settings, "name");

    h5r_source_init(out);
    if (!source_settings(settings, out))
        return false;
    if (name != NULL) {
        PyObject *bytes = PyUnicode_AsEncodedString(name, "utf-8", "surrogateescape");
        if (bytes == NULL)
            return false;
        PyOS_snprintf(out->name, sizeof out->name, "%s", PyBytes_AsString(bytes));
        Py_DECREF(bytes);
    }
    if (read == NULL || read == Py_None)
        return true; /* push mode */
    python_ctx *ctx = PyMem_Calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        PyErr_NoMemory();
        return false;
    }
    ctx->file = file;
    ctx->read = Py_NewRef(read);
    out->ctx = ctx;
    out->read_ranges = python_read;
    out->close = python_close;
    if (other != NULL && other != Py_None) {
        ctx->other = Py_NewRef(other);
        out->open_other = python_other;
    }
    return true;
}
