/* The Type type: a datatype of the file, described as a dict, and the conversions that it decides. */
#include "h5range_py.h"

PyTypeObject *Type_type;

PyObject *type_new(FileObject *file, const h5r_type *t)
{
    TypeObject *type = (TypeObject *)PyType_GenericAlloc(Type_type, 0);

    if (type == NULL)
        return NULL;
    type->file = (FileObject *)Py_NewRef((PyObject *)file);
    type->t = t;
    return (PyObject *)type;
}

static void type_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF((PyObject *)((TypeObject *)self)->file);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---------------------------------------------------------------- description */

static PyObject *members_list(FileObject *file, const h5r_type *t)
{
    PyObject *list = PyList_New((Py_ssize_t)t->n_members);

    for (uint32_t i = 0; list != NULL && i < t->n_members; i++) {
        const h5r_member *m = &t->members[i];
        PyObject *item = Py_BuildValue("(NIN)", text(m->name), (unsigned)m->offset, type_new(file, m->type));
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *names_list(const h5r_type *t)
{
    PyObject *list = PyList_New((Py_ssize_t)t->n_members);

    for (uint32_t i = 0; list != NULL && i < t->n_members; i++) {
        PyObject *name = text(t->names[i]);
        if (name == NULL || PyList_SetItem(list, (Py_ssize_t)i, name) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *dims_tuple(const h5r_type *t)
{
    PyObject *dims = PyTuple_New((Py_ssize_t)t->n_dims);

    for (uint32_t i = 0; dims != NULL && i < t->n_dims; i++)
        if (PyTuple_SetItem(dims, (Py_ssize_t)i, PyLong_FromUnsignedLong(t->dims[i])) < 0)
            Py_CLEAR(dims);
    return dims;
}

static bool describe_class(FileObject *file, const h5r_type *t, PyObject *d)
{
    switch (t->cls) {
    case H5R_CLASS_FLOAT:
        return put(d, "float", Py_BuildValue("(IIIIII)", t->sign_pos, t->exp_pos, t->exp_size, t->mant_pos, t->mant_size, t->exp_bias)) &&
               put(d, "norm", PyLong_FromLong((long)t->norm));
    case H5R_CLASS_STRING:
        return put(d, "strpad", PyLong_FromLong((long)t->strpad)) && put(d, "cset", PyLong_FromLong((long)t->cset));
    case H5R_CLASS_VLEN:
        return put(d, "vlen_string", PyBool_FromLong(t->vlen_string)) && put(d, "strpad", PyLong_FromLong((long)t->strpad)) &&
               put(d, "cset", PyLong_FromLong((long)t->cset));
    case H5R_CLASS_OPAQUE:
        return put(d, "tag", text(t->tag));
    case H5R_CLASS_COMPOUND:
        return put(d, "members", members_list(file, t));
    case H5R_CLASS_REFERENCE:
        return put(d, "ref", PyLong_FromLong((long)t->ref));
    case H5R_CLASS_ENUM:
        return put(d, "names", names_list(t)) &&
               put(d, "values", PyBytes_FromStringAndSize((const char *)t->values, (Py_ssize_t)(t->n_members * t->base->size)));
    case H5R_CLASS_ARRAY:
        return put(d, "dims", dims_tuple(t));
    default:
        return true;
    }
}

static PyObject *type_describe(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    TypeObject *type = (TypeObject *)self;
    const h5r_type *t = type->t;
    bool same = false;

    if (!file_enter(type->file))
        return NULL;
    h5r_number number = h5r_type_number(t, &same);
    PyObject *d = PyDict_New();
    bool ok = d != NULL && put(d, "cls", PyLong_FromLong((long)t->cls)) && put(d, "size", PyLong_FromUnsignedLong(t->size)) &&
              put(d, "in_heap", PyBool_FromLong(t->in_heap)) && put(d, "committed", address(t->committed)) &&
              put(d, "order", PyLong_FromLong((long)t->order)) && put(d, "signed", PyBool_FromLong(t->is_signed)) &&
              put(d, "bit_offset", PyLong_FromUnsignedLong(t->bit_offset)) && put(d, "precision", PyLong_FromUnsignedLong(t->precision)) &&
              put(d, "number", PyLong_FromLong((long)number)) && put(d, "same", PyBool_FromLong(same)) &&
              put(d, "base", t->base != NULL ? type_new(type->file, t->base) : Py_NewRef(Py_None)) && describe_class(type->file, t, d);
    file_leave(type->file);
    if (!ok)
        Py_CLEAR(d);
    return d;
}

/* ---------------------------------------------------------------- conversions */

static PyObject *type_swap(PyObject *self, PyObject *arg)
{
    TypeObject *type = (TypeObject *)self;
    Py_buffer view;

    if (PyObject_GetBuffer(arg, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    bool ok = file_enter(type->file);
    if (ok) {
        size_t n = type->t->size > 0 ? (size_t)view.len / type->t->size : 0;
        Py_BEGIN_ALLOW_THREADS
        h5r_swap(type->t, view.buf, n);
        Py_END_ALLOW_THREADS
        file_leave(type->file);
    }
    PyBuffer_Release(&view);
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *type_to_numbers(PyObject *self, PyObject *args)
{
    TypeObject *type = (TypeObject *)self;
    Py_buffer src, dst;

    if (!PyArg_ParseTuple(args, "y*w*:to_numbers", &src, &dst))
        return NULL;
    bool ok = file_enter(type->file);
    if (ok) {
        size_t size = h5r_number_size(h5r_type_number(type->t, NULL)), n = type->t->size > 0 ? (size_t)src.len / type->t->size : 0;
        if (size == 0 || (size_t)dst.len / size < n) {
            PyErr_SetString(PyExc_ValueError, "not a number, or a buffer that is too small");
            ok = false;
        } else {
            Py_BEGIN_ALLOW_THREADS
            h5r_to_numbers(type->t, src.buf, n, dst.buf);
            Py_END_ALLOW_THREADS
        }
        file_leave(type->file);
    }
    PyBuffer_Release(&src);
    PyBuffer_Release(&dst);
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *type_key(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromVoidPtr((void *)(uintptr_t)((TypeObject *)self)->t);
}

static PyMethodDef methods[] = {
    {"describe", type_describe, METH_NOARGS, NULL},
    {"swap", type_swap, METH_O, NULL},
    {"to_numbers", type_to_numbers, METH_VARARGS, NULL},
    {"key", type_key, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool type_ready(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)type_dealloc},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"h5range._h5range.Type", sizeof(TypeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

    return add_type(module, &spec, &Type_type);
}
