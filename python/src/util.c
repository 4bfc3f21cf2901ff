/* Python objects of C values and back. */
#include "h5range_py.h"

#include <string.h>

PyObject *text_of(const char *s, size_t n)
{
    return PyUnicode_DecodeUTF8(s, (Py_ssize_t)n, "surrogateescape");
}

PyObject *text(const char *s)
{
    if (s == NULL)
        Py_RETURN_NONE;
    return text_of(s, strlen(s));
}

PyObject *address(uint64_t a)
{
    if (a == H5R_UNDEFINED)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(a);
}

PyObject *extent(const uint64_t *dims, unsigned rank)
{
    PyObject *t = PyTuple_New((Py_ssize_t)rank);

    for (unsigned i = 0; t != NULL && i < rank; i++) {
        PyObject *n = address(dims[i]);
        if (n == NULL || PyTuple_SetItem(t, (Py_ssize_t)i, n) < 0) {
            Py_DECREF(t);
            return NULL;
        }
    }
    return t;
}

bool put(PyObject *dict, const char *key, PyObject *value)
{
    if (value == NULL)
        return false;
    int bad = PyDict_SetItemString(dict, key, value);
    Py_DECREF(value);
    return bad == 0;
}

/* Integers of a sequence, signed ones by their bits. */
static Py_ssize_t get_integers(PyObject *sequence, bool is_signed, uint64_t *out, Py_ssize_t cap)
{
    Py_ssize_t n = PySequence_Size(sequence);

    if (n > cap) {
        PyErr_Format(PyExc_ValueError, "at most %zd dimensions", cap);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        if (item == NULL)
            return -1;
        out[i] = is_signed ? (uint64_t)PyLong_AsLongLong(item) : PyLong_AsUnsignedLongLong(item);
        Py_DECREF(item);
        if (PyErr_Occurred())
            return -1;
    }
    return n;
}

Py_ssize_t get_unsigned(PyObject *sequence, uint64_t *out, Py_ssize_t cap)
{
    return get_integers(sequence, false, out, cap);
}

Py_ssize_t get_signed(PyObject *sequence, int64_t *out, Py_ssize_t cap)
{
    return get_integers(sequence, true, (uint64_t *)out, cap);
}

PyObject *error_tuple(const h5r_error *err)
{
    if (err == NULL)
        Py_RETURN_NONE;
    return Py_BuildValue("(iNNN)", (int)err->status, text(err->message), text(err->path), address(err->offset));
}

PyObject *failed(FileObject *file, h5r_status st, const h5r_error *err)
{
    if (st == H5R_NEED)
        return Py_NewRef(Need);
    if (file != NULL && file->raised != NULL && file->raised_in == PyThread_get_thread_ident()) {
        PyObject *raised = file->raised;
        file->raised = NULL;
        PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
        Py_DECREF(raised);
        return NULL;
    }
    PyObject *cause = file != NULL && st == H5R_ERR_IO ? file->cause : NULL;
    if (cause != NULL)
        file->cause = NULL;
    if (cause != NULL && !PyObject_IsInstance(cause, PyExc_Exception)) { /* KeyboardInterrupt and the like go through as they are */
        PyErr_SetObject((PyObject *)Py_TYPE(cause), cause);
        Py_DECREF(cause);
        return NULL;
    }
    PyObject *errors = PyImport_ImportModule("h5range.errors");
    PyObject *e = errors == NULL ? NULL
                                 : PyObject_CallMethod(errors, "make", "iNNN", (int)st, text(err->message), text(err->path), address(err->offset));
    Py_XDECREF(errors);
    PyObject *name = e != NULL && file != NULL && file->f != NULL ? text(h5r_get_info(file->f)->name) : NULL;
    if (name != NULL && PyObject_SetAttrString(e, "file", name) != 0)
        PyErr_Clear(); /* the error itself says more */
    Py_XDECREF(name);
    if (e != NULL) {
        if (cause != NULL)
            PyException_SetCause(e, Py_NewRef(cause));
        PyErr_SetObject((PyObject *)Py_TYPE(e), e);
        Py_DECREF(e);
    }
    Py_XDECREF(cause);
    return NULL;
}

bool add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    *out = (PyTypeObject *)PyType_FromSpec(spec);
    return *out != NULL && PyModule_AddType(module, *out) == 0;
}
