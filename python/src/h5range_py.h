/* What the files of the extension share. The extension translates between Python objects and the core's structs: arguments, buffers,
 * reference counts, the GIL. Whatever is a choice is made in Python.
 *
 * Objects of a file borrow from it, so each holds a reference to its FileObject. A file that was closed by hand is freed when the last
 * call in it has returned. */
#ifndef H5RANGE_PY_H
#define H5RANGE_PY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <h5range/h5range.h>

typedef struct FileObject {
    PyObject_HEAD
    h5r_file *f;        /* NULL before it was opened and after it was closed */
    unsigned users;     /* calls that are running, and values that are alive */
    bool closed;        /* close() was called: freed with the last user */
    bool push;
    PyObject *cause;    /* exception that a callback raised; taken by the call that fails because of it */
    PyObject *raised;   /* by the handler of a signal that ended a wait, in the thread raised_in: taken by the call there as it is */
    unsigned long raised_in;
    Py_buffer memory;   /* of a file in memory; memory.obj is NULL for others */
} FileObject;

typedef struct TypeObject {
    PyObject_HEAD
    FileObject *file;
    const h5r_type *t;
} TypeObject;

typedef struct NodeObject {
    PyObject_HEAD
    FileObject *file;
    const h5r_object *o;
} NodeObject;

extern PyTypeObject *File_type, *Node_type, *Type_type, *Values_type;
extern PyObject *Need; /* what a call in push mode answers when it lacks bytes */

/* Creates the types and adds them to the module; false with an exception. */
bool file_ready(PyObject *module);
bool node_ready(PyObject *module);
bool type_ready(PyObject *module);
bool values_ready(PyObject *module);
bool add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out);

/* A call in the file begins and ends; false with ValueError when the file is closed. With the GIL. */
bool file_enter(FileObject *file);
void file_leave(FileObject *file);

/* Need for H5R_NEED; for errors NULL with the exception that h5range.errors makes of them. */
PyObject *failed(FileObject *file, h5r_status st, const h5r_error *err);
PyObject *fetch_exception(void); /* the one that was set, now the caller's */
PyObject *error_tuple(const h5r_error *err); /* (status, message, path, offset) or None */

PyObject *node_new(FileObject *file, const h5r_object *o);
PyObject *type_new(FileObject *file, const h5r_type *t);

/* Text out of a file: UTF-8, other bytes as surrogates (PEP 383). None for NULL. */
PyObject *text(const char *s);
PyObject *text_of(const char *s, size_t n);
PyObject *address(uint64_t a); /* None for H5R_UNDEFINED */
PyObject *extent(const uint64_t *dims, unsigned rank); /* tuple; None for H5R_UNDEFINED */

/* Adds a new reference to a dict and releases it; false when value is NULL or on failure. */
bool put(PyObject *dict, const char *key, PyObject *value);

/* At most cap integers of a sequence; their number or -1 with an exception. */
Py_ssize_t get_unsigned(PyObject *sequence, uint64_t *out, Py_ssize_t cap);
Py_ssize_t get_signed(PyObject *sequence, int64_t *out, Py_ssize_t cap);

/* Sources whose reads are Python's: read(list of (offset, length)) -> list of buffers; other(name, beside) -> None or a dict as below. */
bool python_source(FileObject *file, PyObject *read, PyObject *other, PyObject *settings, h5r_source *out);

/* Fields of a source or of options by their names, from a dict; what is not there stays as it is. */
bool source_settings(PyObject *settings, h5r_source *out);
bool option_settings(PyObject *settings, h5r_options *out);

#endif
