/* The Values type: variable-length parts that elements refer to, as the core loads them; also what references point to. */
#include "h5range_py.h"

PyTypeObject *Values_type;

typedef struct ValuesObject {
    PyObject_HEAD
    FileObject *file;
    h5r_file *f; /* that the elements belong to */
    h5r_values *v;
} ValuesObject;

static void values_dealloc(PyObject *self)
{
    ValuesObject *values = (ValuesObject *)self;
    PyTypeObject *type = Py_TYPE(self);

    h5r_values_free(values->v);
    if (values->file != NULL) {
        file_leave(values->file);
        Py_DECREF((PyObject *)values->file);
    }
    PyObject_Free(self);
    Py_DECREF(type);
}

/* load_values(node, type, elements): the node is of the file that the elements were read from */
static PyObject *load_values(PyObject *Py_UNUSED(module), PyObject *args)
{
    NodeObject *node;
    TypeObject *type;
    Py_buffer elems;
    h5r_values *v = NULL;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "O!O!y*:load_values", Node_type, &node, Type_type, &type, &elems))
        return NULL;
    FileObject *file = node->file;
    if (!file_enter(file)) {
        PyBuffer_Release(&elems);
        return NULL;
    }
    size_t n = type->t->size > 0 ? (size_t)elems.len / type->t->size : 0;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_values_load(node->o->file, type->t, elems.buf, n, &v, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&elems);
    if (st != H5R_OK) {
        PyObject *answer = failed(file, st, &err);
        file_leave(file);
        return answer;
    }
    ValuesObject *values = (ValuesObject *)PyType_GenericAlloc(Values_type, 0);
    if (values == NULL) {
        h5r_values_free(v);
        file_leave(file);
        return NULL;
    }
    values->file = (FileObject *)Py_NewRef((PyObject *)file); /* and stays a user of it */
    values->f = node->o->file;
    values->v = v;
    return (PyObject *)values;
}

/* One item for each element of a buffer. */
typedef PyObject *(*item_of)(const ValuesObject *values, const h5r_type *t, const uint8_t *elem);

static PyObject *each(PyObject *self, PyObject *args, item_of item)
{
    ValuesObject *values = (ValuesObject *)self;
    TypeObject *type;
    Py_buffer elems;

    if (!PyArg_ParseTuple(args, "O!y*", Type_type, &type, &elems))
        return NULL;
    size_t size = type->t->size, n = size > 0 ? (size_t)elems.len / size : 0;
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *o = item(values, type->t, (const uint8_t *)elems.buf + i * size);
        if (o == NULL || PyList_SetItem(list, (Py_ssize_t)i, o) < 0)
            Py_CLEAR(list);
    }
    PyBuffer_Release(&elems);
    return list;
}

static PyObject *status_error(h5r_status st, const char *what)
{
    h5r_error err = {.status = st, .offset = H5R_UNDEFINED};

    PyOS_snprintf(err.message, sizeof err.message, "%s", what);
    return failed(NULL, st, &err);
}

/* Bytes of a sequence (elements of the base type as stored) or string; None for a null one. */
static PyObject *sequence_of(const ValuesObject *values, const h5r_type *t, const uint8_t *elem)
{
    const void *data;
    size_t count;

    h5r_status st = h5r_values_get(values->v, t, elem, &data, &count);
    if (st != H5R_OK)
        return status_error(st, "a variable-length value that was not loaded");
    if (data == NULL)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)(count * (t->vlen_string ? 1 : t->base->size)));
}

static PyObject *values_get(PyObject *self, PyObject *args)
{
    return each(self, args, sequence_of);
}

static PyObject *region_tuple(const h5r_region *r)
{
    PyObject *blocks;
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];

    if (r->kind == H5R_REGION_HYPERSLAB && r->regular)
        return Py_BuildValue("(iNNNN)", (int)r->kind, extent(r->start, r->rank), extent(r->stride, r->rank), extent(r->count, r->rank),
                             extent(r->block, r->rank));
    bool listed = r->kind == H5R_REGION_POINTS || r->kind == H5R_REGION_HYPERSLAB;
    if ((blocks = PyList_New(0)) == NULL)
        return NULL;
    for (uint64_t i = 0; listed && i < r->n; i++) {
        h5r_region_item(r, i, first, last);
        PyObject *item = Py_BuildValue("(NN)", extent(first, r->rank), extent(last, r->rank));
        int bad = item == NULL ? -1 : PyList_Append(blocks, item);
        Py_XDECREF(item);
        if (bad < 0) {
            Py_DECREF(blocks);
            return NULL;
        }
    }
    return Py_BuildValue("(iN)", (int)r->kind, blocks);
}

/* (address or None, region or None, attribute's name or None) */
static PyObject *reference_of(const ValuesObject *values, const h5r_type *t, const uint8_t *elem)
{
    uint64_t addr = H5R_UNDEFINED;
    h5r_region region;
    const char *name;
    size_t n;

    h5r_status st = h5r_ref_address(values->f, values->v, t, elem, &addr);
    if (st != H5R_OK)
        return status_error(st, "a reference that cannot be decoded");
    PyObject *selected = NULL, *attribute = NULL;
    if (addr != H5R_UNDEFINED && h5r_ref_region(values->f, values->v, t, elem, &region) == H5R_OK)
        selected = region_tuple(&region);
    else
        selected = Py_NewRef(Py_None);
    if (addr != H5R_UNDEFINED && h5r_ref_attribute(values->f, values->v, t, elem, &name, &n) == H5R_OK)
        attribute = text_of(name, n);
    else
        attribute = Py_NewRef(Py_None);
    return Py_BuildValue("(NNN)", address(addr), selected, attribute);
}

static PyObject *values_references(PyObject *self, PyObject *args)
{
    return each(self, args, reference_of);
}

static PyMethodDef methods[] = {
    {"get", values_get, METH_VARARGS, NULL},
    {"references", values_references, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef functions[] = {
    {"load_values", load_values, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool values_ready(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)values_dealloc},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"h5range._h5range.Values", sizeof(ValuesObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

    return add_type(module, &spec, &Values_type) && PyModule_AddFunctions(module, functions) == 0;
}
