/* The Node type: an object of a file, with its links, attributes, description, chunks and data. */
#include "h5range_py.h"

PyTypeObject *Node_type;

/* The core's file that the node lies in: another one behind an external link. */
static h5r_file *core(NodeObject *node)
{
    return node->o->file;
}

PyObject *node_new(FileObject *file, const h5r_object *o)
{
    NodeObject *node = (NodeObject *)PyType_GenericAlloc(Node_type, 0);

    if (node == NULL)
        return NULL;
    node->file = (FileObject *)Py_NewRef((PyObject *)file);
    node->o = o;
    return (PyObject *)node;
}

static void node_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF((PyObject *)((NodeObject *)self)->file);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---------------------------------------------------------------- what it is */

static PyObject *node_info(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    NodeObject *node = (NodeObject *)self;

    if (!file_enter(node->file))
        return NULL;
    const h5r_object *o = node->o;
    PyObject *d = PyDict_New();
    bool ok = d != NULL && put(d, "kind", PyLong_FromLong((long)o->kind)) && put(d, "addr", address(o->addr)) &&
              put(d, "header_version", PyLong_FromUnsignedLong(o->header_version)) && put(d, "refcount", PyLong_FromUnsignedLong(o->refcount)) &&
              put(d, "attr_order", PyLong_FromLong((long)o->attr_order)) && put(d, "link_order", PyLong_FromLong((long)o->link_order)) &&
              put(d, "type", o->type != NULL ? type_new(node->file, o->type) : Py_NewRef(Py_None)) &&
              put(d, "file", text(h5r_get_info(o->file)->name)) && put(d, "same_file", PyBool_FromLong(o->file == node->file->f));
    file_leave(node->file);
    if (!ok)
        Py_CLEAR(d);
    return d;
}

static PyObject *node_at(PyObject *self, PyObject *arg)
{
    NodeObject *node = (NodeObject *)self;
    const h5r_object *o;
    h5r_error err;
    h5r_status st;
    uint64_t addr = PyLong_AsUnsignedLongLong(arg);

    if (PyErr_Occurred() || !file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_object_at(core(node), addr, &o, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? node_new(node->file, o) : failed(node->file, st, &err);
    file_leave(node->file);
    return answer;
}

static PyObject *node_known_path(PyObject *self, PyObject *arg)
{
    NodeObject *node = (NodeObject *)self;
    uint64_t addr = PyLong_AsUnsignedLongLong(arg);

    if (PyErr_Occurred() || !file_enter(node->file))
        return NULL;
    PyObject *answer = text(h5r_known_path(core(node), addr));
    file_leave(node->file);
    return answer;
}

static PyObject *node_notes(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    NodeObject *node = (NodeObject *)self;
    const char *comment;
    uint64_t modified;
    h5r_error err;
    h5r_status st;

    if (!file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_object_notes(core(node), node->o, &comment, &modified, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? Py_BuildValue("(NK)", text(comment), (unsigned long long)modified) : failed(node->file, st, &err);
    file_leave(node->file);
    return answer;
}

static PyObject *node_prefetch(PyObject *self, PyObject *args)
{
    NodeObject *node = (NodeObject *)self;
    unsigned depth, what;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "II:prefetch", &depth, &what) || !file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_prefetch(core(node), node->o, depth, what, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? Py_NewRef(Py_None) : failed(node->file, st, &err);
    file_leave(node->file);
    return answer;
}

/* ---------------------------------------------------------------- links and attributes */

/* Puts item i into a new list; without memory there is neither. */
static void put_item(PyObject **list, size_t i, PyObject *item)
{
    if (item == NULL || PyList_SetItem(*list, (Py_ssize_t)i, item) < 0)
        Py_CLEAR(*list);
}

/* (list, error of what is not in it), or the failure of the call; the file is left. */
static PyObject *listed(FileObject *file, h5r_status st, PyObject *list, const h5r_error *bad, const h5r_error *err)
{
    PyObject *answer = list != NULL ? Py_BuildValue("(NN)", list, error_tuple(bad)) : st != H5R_OK ? failed(file, st, err) : NULL;
    file_leave(file);
    return answer;
}

static PyObject *link_tuple(const h5r_link *l)
{
    return Py_BuildValue("(NiNNNN)", text(l->name), l->kind == H5R_LINK_USER ? (int)l->user_class : (int)l->kind,
                         l->kind == H5R_LINK_HARD ? address(l->addr) : Py_NewRef(Py_None), text(l->target), text(l->file),
                         l->has_order ? PyLong_FromLongLong(l->order) : Py_NewRef(Py_None));
}

static PyObject *node_links(PyObject *self, PyObject *arg)
{
    NodeObject *node = (NodeObject *)self;
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    size_t n = 0;
    h5r_error err;
    h5r_status st;
    int by_order = PyObject_IsTrue(arg);

    if (by_order < 0 || !file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_links(core(node), node->o, by_order != 0, &links, &n, &bad, &err);
    Py_END_ALLOW_THREADS
    PyObject *list = st == H5R_OK ? PyList_New((Py_ssize_t)n) : NULL;
    for (size_t i = 0; list != NULL && i < n; i++)
        put_item(&list, i, link_tuple(links[i]));
    return listed(node->file, st, list, bad, &err);
}

static PyObject *shape_of(const h5r_space *s)
{
    if (s == NULL || s->cls == H5R_SPACE_NULL)
        Py_RETURN_NONE;
    return extent(s->shape, s->rank);
}

/* (name, type, shape, elements as stored, error) */
static PyObject *attribute_tuple(FileObject *file, const h5r_attr *a)
{
    PyObject *type = a->type != NULL ? type_new(file, a->type) : Py_NewRef(Py_None);
    PyObject *raw = a->raw != NULL ? PyBytes_FromStringAndSize(a->raw, (Py_ssize_t)a->raw_len) : PyBytes_FromStringAndSize("", 0);

    return Py_BuildValue("(NNNNN)", text(a->name), type, shape_of(a->space), raw, error_tuple(a->error));
}

static PyObject *node_attributes(PyObject *self, PyObject *arg)
{
    NodeObject *node = (NodeObject *)self;
    const h5r_attr *const *attrs;
    const h5r_error *bad = NULL;
    size_t n = 0;
    h5r_error err;
    h5r_status st;
    int by_order = PyObject_IsTrue(arg);

    if (by_order < 0 || !file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_attrs(core(node), node->o, by_order != 0, &attrs, &n, &bad, &err);
    Py_END_ALLOW_THREADS
    PyObject *list = st == H5R_OK ? PyList_New((Py_ssize_t)n) : NULL;
    for (size_t i = 0; list != NULL && i < n; i++)
        put_item(&list, i, attribute_tuple(node->file, attrs[i]));
    return listed(node->file, st, list, bad, &err);
}

/* ---------------------------------------------------------------- datasets */

static PyObject *filter_tuple(const h5r_filter *f)
{
    PyObject *values = PyTuple_New((Py_ssize_t)f->n_values);

    for (unsigned i = 0; values != NULL && i < f->n_values; i++)
        if (PyTuple_SetItem(values, (Py_ssize_t)i, PyLong_FromUnsignedLong(f->values[i])) < 0)
            Py_CLEAR(values);
    return values != NULL ? Py_BuildValue("(IINN)", f->id, f->flags, text(f->name), values) : NULL;
}

static PyObject *filters_list(const h5r_dataset *d)
{
    PyObject *list = PyList_New((Py_ssize_t)d->n_filters);

    for (unsigned i = 0; list != NULL && i < d->n_filters; i++) {
        PyObject *item = filter_tuple(&d->filters[i]);
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *external_list(const h5r_dataset *d)
{
    PyObject *list = PyList_New((Py_ssize_t)d->n_external);

    for (unsigned i = 0; list != NULL && i < d->n_external; i++) {
        const h5r_external *e = &d->external[i];
        PyObject *item = Py_BuildValue("(NKN)", text(e->file), (unsigned long long)e->offset, address(e->size));
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *dataset_dict(FileObject *file, const h5r_dataset *d)
{
    unsigned rank = d->space->rank;
    bool chunked = d->layout == H5R_LAYOUT_CHUNKED;
    PyObject *dict = PyDict_New();
    PyObject *fill = d->fill_value != NULL ? PyBytes_FromStringAndSize(d->fill_value, (Py_ssize_t)d->type->size) : Py_NewRef(Py_None);

    bool ok = dict != NULL && put(dict, "fill_value", fill) && put(dict, "type", type_new(file, d->type)) && put(dict, "shape", shape_of(d->space)) &&
              put(dict, "max_shape", extent(d->space->max_shape, rank)) && put(dict, "count", address(d->space->count)) &&
              put(dict, "layout", PyLong_FromLong((long)d->layout)) && put(dict, "storage_offset", address(d->storage_offset)) &&
              put(dict, "storage_size", address(d->storage_size)) &&
              put(dict, "index", chunked ? PyLong_FromLong((long)d->index) : Py_NewRef(Py_None)) &&
              put(dict, "chunk", chunked ? extent(d->chunk, rank) : Py_NewRef(Py_None)) &&
              put(dict, "grid", chunked ? extent(d->grid, rank) : Py_NewRef(Py_None)) && put(dict, "chunk_bytes", address(d->chunk_bytes)) &&
              put(dict, "raw_edges", PyBool_FromLong(d->raw_edges)) && put(dict, "filters", filters_list(d)) &&
              put(dict, "fill", PyLong_FromLong((long)d->fill)) && put(dict, "fill_time", PyLong_FromLong((long)d->fill_time)) &&
              put(dict, "external", external_list(d));
    if (!ok)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *node_describe(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    NodeObject *node = (NodeObject *)self;
    const h5r_dataset *d;
    h5r_error err;
    h5r_status st;

    if (!file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_dataset_describe(core(node), node->o, &d, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? dataset_dict(node->file, d) : failed(node->file, st, &err);
    file_leave(node->file);
    return answer;
}

/* All chunks as four byte strings of equal length: numbers, offsets, sizes (uint64), filter masks (uint32). */
static PyObject *chunk_columns(const h5r_chunk *chunks, size_t n)
{
    PyObject *columns[4] = {NULL};
    bool ok = true;

    for (int k = 0; k < 4; k++) {
        columns[k] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * (k < 3 ? sizeof(uint64_t) : sizeof(uint32_t))));
        ok = ok && columns[k] != NULL;
    }
    if (!ok) {
        for (int k = 0; k < 4; k++)
            Py_XDECREF(columns[k]);
        return NULL;
    }
    uint64_t *number = (uint64_t *)(void *)PyBytes_AsString(columns[0]), *offset = (uint64_t *)(void *)PyBytes_AsString(columns[1]);
    uint64_t *size = (uint64_t *)(void *)PyBytes_AsString(columns[2]);
    uint32_t *mask = (uint32_t *)(void *)PyBytes_AsString(columns[3]);
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < n; i++) {
        number[i] = chunks[i].number;
        offset[i] = chunks[i].offset;
        size[i] = chunks[i].size;
        mask[i] = chunks[i].skipped;
    }
    Py_END_ALLOW_THREADS
    return Py_BuildValue("(NNNN)", columns[0], columns[1], columns[2], columns[3]);
}

static PyObject *node_chunks_all(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    NodeObject *node = (NodeObject *)self;
    const h5r_chunk *chunks;
    size_t n;
    h5r_error err;
    h5r_status st;

    if (!file_enter(node->file))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_chunks_all(core(node), node->o, &chunks, &n, &err);
    Py_END_ALLOW_THREADS
    PyObject *answer = st == H5R_OK ? chunk_columns(chunks, n) : failed(node->file, st, &err);
    file_leave(node->file);
    return answer;
}

static PyObject *node_chunks(PyObject *self, PyObject *args)
{
    NodeObject *node = (NodeObject *)self;
    PyObject *first_arg, *count_arg;
    uint64_t first[H5R_MAX_RANK], count[H5R_MAX_RANK], total = 1;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "OO:chunks", &first_arg, &count_arg))
        return NULL;
    Py_ssize_t rank = get_unsigned(first_arg, first, H5R_MAX_RANK);
    if (rank < 0 || get_unsigned(count_arg, count, H5R_MAX_RANK) != rank)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "first and count differ in length");
    for (Py_ssize_t i = 0; i < rank; i++) {
        if (count[i] != 0 && total > (uint64_t)PY_SSIZE_T_MAX / 64 / count[i])
            return PyErr_NoMemory();
        total *= count[i];
    }
    h5r_chunk *out = PyMem_Calloc(total > 0 ? (size_t)total : 1, sizeof *out);
    if (out == NULL)
        return PyErr_NoMemory();
    if (!file_enter(node->file)) {
        PyMem_Free(out);
        return NULL;
    }
    const h5r_dataset *d;
    Py_BEGIN_ALLOW_THREADS
    st = h5r_dataset_describe(core(node), node->o, &d, &err);
    Py_END_ALLOW_THREADS
    if (st == H5R_OK && d->space->rank != (unsigned)rank) {
        PyErr_Format(PyExc_ValueError, "%u dimensions, %zd coordinates", d->space->rank, rank);
        PyMem_Free(out);
        file_leave(node->file);
        return NULL;
    }
    if (st == H5R_OK) {
        Py_BEGIN_ALLOW_THREADS
        st = h5r_chunks(core(node), node->o, first, count, out, &err);
        Py_END_ALLOW_THREADS
    }
    PyObject *answer = st == H5R_OK ? chunk_columns(out, (size_t)total) : failed(node->file, st, &err);
    file_leave(node->file);
    PyMem_Free(out);
    return answer;
}

/* One selection of read_many(): (node, buffer, start, count, step), start None for the whole. */
typedef struct selection {
    NodeObject *node;
    Py_buffer view;
    Py_ssize_t rank; /* -1: the whole */
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
    int64_t step[H5R_MAX_RANK];
} selection;

static bool get_selection(PyObject *item, selection *s)
{
    PyObject *node, *buffer, *start, *count, *step;

    if (!PyArg_ParseTuple(item, "O!OOOO:read_many", Node_type, &node, &buffer, &start, &count, &step) ||
        PyObject_GetBuffer(buffer, &s->view, PyBUF_WRITABLE) < 0)
        return false;
    s->node = (NodeObject *)node;
    s->rank = -1;
    if (start == Py_None)
        return true;
    s->rank = get_unsigned(start, s->start, H5R_MAX_RANK);
    if (s->rank >= 0 && get_unsigned(count, s->count, H5R_MAX_RANK) == s->rank && get_signed(step, s->step, H5R_MAX_RANK) == s->rank)
        return true;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "start, count and step differ in length");
    return false;
}

static bool fits(const h5r_dataset *d, const selection *s)
{
    uint64_t need = d->type->size;

    if (s->rank >= 0 && (unsigned)s->rank != d->space->rank) {
        PyErr_Format(PyExc_ValueError, "%u dimensions, %zd in the selection", d->space->rank, s->rank);
        return false;
    }
    for (unsigned i = 0; i < d->space->rank; i++) {
        uint64_t n = s->rank >= 0 ? s->count[i] : d->space->shape[i];
        if (n != 0 && need > UINT64_MAX / n) {
            need = UINT64_MAX;
            break;
        }
        need *= n;
    }
    if (need > (uint64_t)s->view.len) {
        PyErr_Format(PyExc_ValueError, "the selection takes %llu bytes, the buffer has %zd", (unsigned long long)need, s->view.len);
        return false;
    }
    return true;
}

static PyObject *read_selections(FileObject *file, selection *s, size_t n, bool file_order)
{
    const h5r_object **objects = PyMem_Calloc(n, sizeof *objects);
    h5r_selection *sel = PyMem_Calloc(n, sizeof *sel);
    h5r_error err;
    h5r_status st = H5R_OK;

    if (objects == NULL || sel == NULL) {
        PyErr_NoMemory();
        goto out;
    }
    for (size_t i = 0; i < n && st == H5R_OK; i++) {
        const h5r_dataset *d;
        objects[i] = s[i].node->o;
        sel[i] = (h5r_selection){.dst = s[i].view.buf, .file_order = file_order};
        if (s[i].rank >= 0) {
            sel[i].start = s[i].start;
            sel[i].count = s[i].count;
            sel[i].step = s[i].step;
        }
        Py_BEGIN_ALLOW_THREADS
        st = h5r_dataset_describe(objects[i]->file, objects[i], &d, &err);
        Py_END_ALLOW_THREADS
        if (st == H5R_OK && !fits(d, &s[i]))
            goto out;
    }
    if (st == H5R_OK) {
        Py_BEGIN_ALLOW_THREADS
        st = h5r_read_many(file->f, objects, sel, n, &err);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(objects);
    PyMem_Free(sel);
    return st == H5R_OK ? Py_NewRef(Py_None) : failed(file, st, &err);
out:
    PyMem_Free(objects);
    PyMem_Free(sel);
    return NULL;
}

/* read_many(list of selections of one file, file_order) */
static PyObject *read_many(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *list, *answer = NULL;
    int file_order;

    if (!PyArg_ParseTuple(args, "O!p:read_many", &PyList_Type, &list, &file_order))
        return NULL;
    size_t n = (size_t)PyList_Size(list), got = 0;
    if (n == 0)
        Py_RETURN_NONE;
    selection *s = PyMem_Calloc(n, sizeof *s);
    if (s == NULL)
        return PyErr_NoMemory();
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        ok = get_selection(PyList_GetItem(list, (Py_ssize_t)i), &s[i]);
        got = s[i].view.obj != NULL ? i + 1 : got;
        if (ok && s[i].node->file != s[0].node->file) {
            PyErr_SetString(PyExc_ValueError, "the datasets lie in different files");
            ok = false;
        }
    }
    FileObject *file = ok ? s[0].node->file : NULL;
    if (file != NULL && file_enter(file)) {
        Py_INCREF((PyObject *)file); /* the list may be changed by others meanwhile */
        answer = read_selections(file, s, n, file_order != 0);
        file_leave(file);
        Py_DECREF((PyObject *)file);
    }
    for (size_t i = 0; i < got; i++)
        PyBuffer_Release(&s[i].view);
    PyMem_Free(s);
    return answer;
}

/* decode_chunk(stored bytes, filter mask, buffer of chunk_bytes) */
static PyObject *node_decode_chunk(PyObject *self, PyObject *args)
{
    NodeObject *node = (NodeObject *)self;
    Py_buffer src, dst;
    unsigned skipped;
    h5r_error err;
    h5r_status st;

    if (!PyArg_ParseTuple(args, "y*Iw*:decode_chunk", &src, &skipped, &dst))
        return NULL;
    PyObject *answer = NULL;
    if (file_enter(node->file)) {
        Py_BEGIN_ALLOW_THREADS
        st = h5r_decode_chunk(core(node), node->o, src.buf, (size_t)src.len, skipped, dst.buf, (size_t)dst.len, &err);
        Py_END_ALLOW_THREADS
        answer = st == H5R_OK ? Py_NewRef(Py_None) : failed(node->file, st, &err);
        file_leave(node->file);
    }
    PyBuffer_Release(&src);
    PyBuffer_Release(&dst);
    return answer;
}

static PyObject *node_same(PyObject *self, PyObject *other)
{
    if (!PyObject_TypeCheck(other, Node_type))
        Py_RETURN_FALSE;
    return PyBool_FromLong(((NodeObject *)self)->o == ((NodeObject *)other)->o);
}

static PyMethodDef methods[] = {
    {"info", node_info, METH_NOARGS, NULL},
    {"at", node_at, METH_O, NULL},
    {"known_path", node_known_path, METH_O, NULL},
    {"notes", node_notes, METH_NOARGS, NULL},
    {"prefetch", node_prefetch, METH_VARARGS, NULL},
    {"links", node_links, METH_O, NULL},
    {"attributes", node_attributes, METH_O, NULL},
    {"describe", node_describe, METH_NOARGS, NULL},
    {"chunks_all", node_chunks_all, METH_NOARGS, NULL},
    {"chunks", node_chunks, METH_VARARGS, NULL},
    {"decode_chunk", node_decode_chunk, METH_VARARGS, NULL},
    {"same", node_same, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef functions[] = {
    {"read_many", read_many, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool node_ready(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)node_dealloc},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"h5range._h5range.Node", sizeof(NodeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

    return add_type(module, &spec, &Node_type) && PyModule_AddFunctions(module, functions) == 0;
}
