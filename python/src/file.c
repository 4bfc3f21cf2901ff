/* The File type: a file of the core, opened over one of its sources. */
#include "h5range_py.h"

#include <stdlib.h>
#include <string.h>
#ifdef H5RANGE_HAVE_CURL
#include <h5range/h5range_curl.h>
#endif

PyTypeObject *File_type;

/* ---------------------------------------------------------------- lifetime */

static void release(FileObject *file)
{
    h5r_file *f = file->f;

    file->f = NULL;
    Py_BEGIN_ALLOW_THREADS
    h5r_close(f);
    Py_END_ALLOW_THREADS
    if (file->memory.obj != NULL)
        PyBuffer_Release(&file->memory);
}

bool file_enter(FileObject *file)
{
    if (file->f == NULL || file->closed) {
        PyErr_SetString(PyExc_ValueError, "the file is closed");
        return false;
    }
    file->users++;
    return true;
}

void file_leave(FileObject *file)
{
    if (--file->users == 0 && file->closed && file->f != NULL)
        release(file);
}

static PyObject *file_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    FileObject *file = (FileObject *)self;

    file->closed = true;
    if (file->users == 0 && file->f != NULL)
        release(file);
    Py_RETURN_NONE;
}

static void file_dealloc(PyObject *self)
{
    FileObject *file = (FileObject *)self;
    PyTypeObject *type = Py_TYPE(self);

    release(file);
    Py_XDECREF(file->cause);
    Py_XDECREF(file->raised);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---------------------------------------------------------------- opening */

static FileObject *file_new(void)
{
    return (FileObject *)PyType_GenericAlloc(File_type, 0); /* zeroed */
}

/* Opens over a source, which is taken over. */
static PyObject *open_source(FileObject *file, const h5r_source *source, PyObject *settings)
{
    h5r_options options;
    h5r_error err = {0};
    h5r_status st;
    Py_buffer head = {0};

    h5r_options_init(&options);
    bool ok = option_settings(settings, &options);
    PyObject *given = PyDict_GetItemString(settings, "head");
    if (ok && given != NULL && given != Py_None)
        ok = PyObject_GetBuffer(given, &head, PyBUF_SIMPLE) == 0;
    if (!ok) {
        if (source->close != NULL)
            source->close(source->ctx);
        Py_DECREF((PyObject *)file);
        return NULL;
    }
    options.head = head.buf;
    options.head_len = (size_t)head.len;
    file->push = source->read_ranges == NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_open(source, &options, &file->f, &err);
    Py_END_ALLOW_THREADS
    if (head.obj != NULL)
        PyBuffer_Release(&head);
    if (st == H5R_OK)
        return (PyObject *)file;
    file->f = NULL;
    PyObject *answer = failed(file, st, &err);
    Py_DECREF((PyObject *)file);
    return answer;
}

static PyObject *open_path(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *path, *settings;
    h5r_source source;
    h5r_error err;

    if (!PyArg_ParseTuple(args, "O&O!:open_path", PyUnicode_FSConverter, &path, &PyDict_Type, &settings))
        return NULL;
    FileObject *file = file_new();
    h5r_status st = file != NULL ? h5r_source_open_file(PyBytes_AsString(path), &source, &err) : H5R_OK;
    Py_DECREF(path);
    if (file == NULL)
        return NULL;
    if (st != H5R_OK) {
        Py_DECREF((PyObject *)file);
        return failed(NULL, st, &err);
    }
    return open_source(file, &source, settings);
}

static PyObject *open_memory(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes, *settings;
    h5r_source source;
    h5r_error err;

    if (!PyArg_ParseTuple(args, "OO!:open_memory", &bytes, &PyDict_Type, &settings))
        return NULL;
    FileObject *file = file_new();
    if (file == NULL)
        return NULL;
    if (PyObject_GetBuffer(bytes, &file->memory, PyBUF_SIMPLE) < 0) {
        Py_DECREF((PyObject *)file);
        return NULL;
    }
    h5r_status st = h5r_source_open_memory(file->memory.buf, (size_t)file->memory.len, &source, &err);
    if (st != H5R_OK) {
        Py_DECREF((PyObject *)file);
        return failed(NULL, st, &err);
    }
    return open_source(file, &source, settings);
}

static PyObject *open_python(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *read, *other, *settings;
    h5r_source source;

    if (!PyArg_ParseTuple(args, "OOO!:open_python", &read, &other, &PyDict_Type, &settings))
        return NULL;
    FileObject *file = file_new();
    if (file == NULL)
        return NULL;
    if (!python_source(file, read, other, settings, &source)) {
        Py_DECREF((PyObject *)file);
        return NULL;
    }
    return open_source(file, &source, settings);
}

#ifdef H5RANGE_HAVE_CURL
static bool curl_number(PyObject *settings, const char *key, unsigned *out)
{
    PyObject *value = PyDict_GetItemString(settings, key);

    if (value == NULL || value == Py_None)
        return true;
    unsigned long n = PyLong_AsUnsignedLong(value);
    if (PyErr_Occurred())
        return false;
    *out = n > 0xffffffff ? 0xffffffff : (unsigned)n;
    return true;
}

/* The lines are borrowed from *keep, a list of bytes. */
static bool curl_headers(PyObject *settings, const char ***out, PyObject **keep)
{
    PyObject *headers = PyDict_GetItemString(settings, "headers");

    *out = NULL;
    *keep = NULL;
    if (headers == NULL || headers == Py_None)
        return true;
    Py_ssize_t n = PySequence_Size(headers);
    if (n < 0 || (*keep = PyList_New(n)) == NULL)
        return false;
    *out = PyMem_Calloc((size_t)n + 1, sizeof **out);
    if (*out == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *line = PySequence_GetItem(headers, i);
        PyObject *bytes = line != NULL ? PyUnicode_AsUTF8String(line) : NULL;
        Py_XDECREF(line);
        if (bytes == NULL || PyList_SetItem(*keep, i, bytes) < 0)
            return false;
        (*out)[i] = PyBytes_AsString(bytes);
    }
    return true;
}

/* Signals reach a call in the core only so: their handlers run in the main thread when it asks. */
static bool interrupted(void *ctx)
{
    FileObject *file = ctx;
    PyGILState_STATE gil = PyGILState_Ensure();

    bool raised = PyErr_CheckSignals() != 0;
    if (raised) {
        PyObject *before = file->raised;
        file->raised = fetch_exception();
        file->raised_in = PyThread_get_thread_ident();
        Py_XDECREF(before);
    }
    PyGILState_Release(gil);
    return raised;
}

/* False: an exception is set. The file outlives the source. */
static bool url_source(FileObject *file, const char *url, PyObject *settings, h5r_source *source)
{
    const char **headers = NULL;
    PyObject *keep = NULL;
    h5r_curl_options curl;
    h5r_error err;
    h5r_status st = H5R_OK;

    h5r_curl_options_init(&curl);
    bool ok = curl_number(settings, "max_parallel", &curl.max_parallel) && curl_number(settings, "retries", &curl.retries) &&
              curl_number(settings, "backoff_ms", &curl.backoff_ms) && curl_number(settings, "connect_timeout_s", &curl.connect_timeout_s) &&
              curl_number(settings, "stall_timeout_s", &curl.stall_timeout_s) && curl_headers(settings, &headers, &keep);
    if (ok) {
        curl.headers = headers;
        curl.interrupted = interrupted;
        curl.interrupted_ctx = file;
        st = h5r_source_open_url(url, &curl, source, &err);
    }
    PyMem_Free(headers);
    Py_XDECREF(keep);
    if (st != H5R_OK)
        failed(file, st, &err);
    return ok && st == H5R_OK;
}

/* The first bytes of what a URL names, in one request. */
static PyObject *url_head(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *url;
    Py_ssize_t length;
    PyObject *settings;
    h5r_source source;
    h5r_error err = {0};
    h5r_status st;

    if (!PyArg_ParseTuple(args, "snO!:url_head", &url, &length, &PyDict_Type, &settings))
        return NULL;
    FileObject *file = file_new(); /* which stays closed: signals are noted there */
    if (file == NULL)
        return NULL;
    h5r_read head = {.len = length > 0 ? (size_t)length : 1};
    head.dst = PyMem_Malloc(head.len);
    if (head.dst == NULL || !url_source(file, url, settings, &source)) {
        if (head.dst == NULL)
            PyErr_NoMemory();
        PyMem_Free(head.dst);
        Py_DECREF((PyObject *)file);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = source.read_ranges(source.ctx, &head, 1, &err);
    source.close(source.ctx);
    Py_END_ALLOW_THREADS
    PyObject *bytes = st == H5R_OK ? PyBytes_FromStringAndSize(head.dst, (Py_ssize_t)head.got) : failed(file, st, &err);
    PyMem_Free(head.dst);
    Py_DECREF((PyObject *)file);
    return bytes;
}

static PyObject *open_url(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *url;
    PyObject *settings;
    h5r_source source;

    if (!PyArg_ParseTuple(args, "sO!:open_url", &url, &PyDict_Type, &settings))
        return NULL;
    FileObject *file = file_new();
    if (file == NULL || !url_source(file, url, settings, &source)) {
        Py_XDECREF((PyObject *)file);
        return NULL;
    }
    if (!source_settings(settings, &source)) {
        source.close(source.ctx);
        Py_DECREF((PyObject *)file);
        return NULL;
    }
    return open_source(file, &source, settings);
}

static PyObject *redact_url(PyObject *Py_UNUSED(module), PyObject *arg)
{
    char out[4096];
    PyObject *bytes = PyUnicode_AsUTF8String(arg);

    if (bytes == NULL)
        return NULL;
    h5r_redact_url(PyBytes_AsString(bytes), out, sizeof out);
    Py_DECREF(bytes);
    return text(out);
}
#endif

/* ---------------------------------------------------------------- methods */

static PyObject *file_continue(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    FileObject *file = (FileObject *)self;
    h5r_error err;
    h5r_status st;

    if (!file_enter(file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_open_continue(file->f, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? Py_NewRef(Py_None) : failed(file, st, &err);
    file_leave(file);
    return answer;
}

static PyObject *file_wanted(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    FileObject *file = (FileObject *)self;

    if (!file_enter(file))
        return NULL;
    size_t n = h5r_wanted(file->f, NULL, 0);
    h5r_read *reads = PyMem_Calloc(n > 0 ? n : 1, sizeof *reads);
    PyObject *list = reads != NULL ? PyList_New((Py_ssize_t)n) : PyErr_NoMemory();
    if (list != NULL)
        h5r_wanted(file->f, reads, n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *item = Py_BuildValue("(KK)", (unsigned long long)reads[i].offset, (unsigned long long)reads[i].len);
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    PyMem_Free(reads);
    file_leave(file);
    return list;
}

static PyObject *file_feed(PyObject *self, PyObject *args)
{
    FileObject *file = (FileObject *)self;
    unsigned long long offset;
    Py_buffer bytes;
    int end;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "Ky*p:feed", &offset, &bytes, &end))
        return NULL;
    if (!file_enter(file)) {
        PyBuffer_Release(&bytes);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    st = h5r_feed(file->f, offset, bytes.buf, (size_t)bytes.len, end != 0, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&bytes);
    PyObject *answer = st == H5R_OK ? Py_NewRef(Py_None) : failed(file, st, &err);
    file_leave(file);
    return answer;
}

static PyObject *file_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    FileObject *file = (FileObject *)self;
    h5r_stats s;

    if (!file_enter(file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    h5r_get_stats(file->f, &s);
    Py_END_ALLOW_THREADS
    file_leave(file);
    return Py_BuildValue("(KKKKKK)", (unsigned long long)s.rounds, (unsigned long long)s.requests, (unsigned long long)s.bytes,
                         (unsigned long long)s.cached_bytes, (unsigned long long)s.decoded_bytes, (unsigned long long)s.chunks);
}

static PyObject *file_info(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    FileObject *file = (FileObject *)self;

    if (!file_enter(file))
        return NULL;
    const h5r_file_info *i = h5r_get_info(file->f);
    PyObject *d = PyDict_New();
    bool ok = d != NULL && put(d, "superblock", PyLong_FromUnsignedLong(i->superblock)) &&
              put(d, "offset_size", PyLong_FromUnsignedLong(i->offset_size)) && put(d, "length_size", PyLong_FromUnsignedLong(i->length_size)) &&
              put(d, "base", address(i->base)) && put(d, "end", address(i->end)) && put(d, "root", address(i->root)) &&
              put(d, "page_size", address(i->page_size)) && put(d, "open_for_write", PyBool_FromLong(i->open_for_write)) &&
              put(d, "driver", text(i->driver)) && put(d, "name", text(i->name));
    file_leave(file);
    if (!ok)
        Py_CLEAR(d);
    return d;
}

static PyObject *found(FileObject *file, h5r_status st, const h5r_object *o, const h5r_error *err)
{
    return st == H5R_OK ? node_new(file, o) : failed(file, st, err);
}

static PyObject *file_lookup(PyObject *self, PyObject *args)
{
    FileObject *file = (FileObject *)self;
    PyObject *base, *path;
    const h5r_object *o;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "OU:lookup", &base, &path))
        return NULL;
    if (base != Py_None && !PyObject_TypeCheck(base, Node_type))
        return PyErr_Format(PyExc_TypeError, "a node or None expected");
    PyObject *bytes = PyUnicode_AsEncodedString(path, "utf-8", "surrogateescape");
    if (bytes == NULL)
        return NULL;
    const char *name = PyBytes_AsString(bytes);
    if (strlen(name) != (size_t)PyBytes_Size(bytes)) {
        Py_DECREF(bytes);
        return PyErr_Format(PyExc_ValueError, "a path has no NUL character: %R", path);
    }
    if (!file_enter(file)) {
        Py_DECREF(bytes);
        return NULL;
    }
    const h5r_object *from = base != Py_None ? ((NodeObject *)base)->o : NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_lookup(file->f, from, name, &o, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = found(file, st, o, &err);
    file_leave(file);
    Py_DECREF(bytes);
    return answer;
}

/* read_bytes([(offset, length), ...]) -> list of bytes; sorted, not overlapping */
static PyObject *file_read_bytes(PyObject *self, PyObject *arg)
{
    FileObject *file = (FileObject *)self;
    Py_ssize_t n = PySequence_Size(arg);
    h5r_error err;
    h5r_status st;

    if (n < 0)
        return NULL;
    h5r_read *reads = PyMem_Calloc(n > 0 ? (size_t)n : 1, sizeof *reads);
    PyObject *list = reads != NULL ? PyList_New(n) : PyErr_NoMemory();
    for (Py_ssize_t i = 0; list != NULL && i < n; i++) {
        PyObject *item = PySequence_GetItem(arg, i), *bytes = NULL;
        unsigned long long offset;
        Py_ssize_t len;
        if (item != NULL && PyArg_ParseTuple(item, "Kn", &offset, &len) && (bytes = PyBytes_FromStringAndSize(NULL, len)) != NULL)
            reads[i] = (h5r_read){.offset = offset, .len = (size_t)len, .dst = PyBytes_AsString(bytes)};
        Py_XDECREF(item);
        if (bytes == NULL || PyList_SetItem(list, i, bytes) < 0)
            Py_CLEAR(list);
    }
    if (list != NULL && file_enter(file)) {
        Py_BEGIN_ALLOW_THREADS
        st = h5r_read_bytes(file->f, reads, (size_t)n, &err);
        Py_END_ALLOW_THREADS
        if (st != H5R_OK) {
            Py_DECREF(list);
            list = failed(file, st, &err);
        }
        file_leave(file);
    } else {
        Py_CLEAR(list);
    }
    PyMem_Free(reads);
    return list;
}

static const struct PyMethodDef file_methods[] = {
    {"close", file_close, METH_NOARGS, NULL},
    {"proceed", file_continue, METH_NOARGS, NULL},
    {"wanted", file_wanted, METH_NOARGS, NULL},
    {"feed", file_feed, METH_VARARGS, NULL},
    {"stats", file_stats, METH_NOARGS, NULL},
    {"info", file_info, METH_NOARGS, NULL},
    {"read_bytes", file_read_bytes, METH_O, NULL},
    {"lookup", file_lookup, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *file_closed(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((FileObject *)self)->closed);
}

static PyObject *file_push(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((FileObject *)self)->push);
}

static struct PyGetSetDef file_getset[] = {
    {"closed", file_closed, NULL, NULL, NULL},
    {"push", file_push, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef openers[] = {
    {"open_path", open_path, METH_VARARGS, NULL},
    {"open_memory", open_memory, METH_VARARGS, NULL},
    {"open_python", open_python, METH_VARARGS, NULL},
#ifdef H5RANGE_HAVE_CURL
    {"open_url", open_url, METH_VARARGS, NULL},
    {"redact_url", redact_url, METH_O, NULL},
    {"url_head", url_head, METH_VARARGS, NULL},
#endif
    {NULL, NULL, 0, NULL},
};

bool file_ready(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)file_dealloc},
        {Py_tp_methods, (void *)(uintptr_t)file_methods},
        {Py_tp_getset, file_getset},
        {0, NULL},
    };
    static PyType_Spec spec = {"h5range._h5range.File", sizeof(FileObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

    return add_type(module, &spec, &File_type) && PyModule_AddFunctions(module, openers) == 0;
}
