/* The module h5range._h5range: what it gives is described in h5range/_h5range.pyi. */
#include "h5range_py.h"

#ifdef H5RANGE_HAVE_CURL
#include <h5range/h5range_curl.h>
#endif

#include "gdal.h"

PyObject *Need;

static PyObject *identify(PyObject *Py_UNUSED(module), PyObject *arg)
{
    Py_buffer view;

    if (PyObject_GetBuffer(arg, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    bool is = h5r_identify(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return PyBool_FromLong(is);
}

static PyObject *is_url(PyObject *Py_UNUSED(module), PyObject *arg)
{
#ifdef H5RANGE_HAVE_CURL
    PyObject *bytes = PyUnicode_AsEncodedString(arg, "utf-8", "surrogateescape");
    if (bytes == NULL)
        return NULL;
    bool is = h5r_is_url(PyBytes_AsString(bytes));
    Py_DECREF(bytes);
    return PyBool_FromLong(is);
#else
    (void)arg;
    Py_RETURN_FALSE;
#endif
}

/* (id, name, library or None, available) of every registered filter */
static PyObject *filters(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    const h5r_filter_info *info;
    PyObject *list = PyList_New(0);

    for (size_t i = 0; list != NULL && (info = h5r_filter_at(i)) != NULL; i++) {
        PyObject *item = Py_BuildValue("(INNN)", info->id, text(info->name), text(info->library), PyBool_FromLong(info->available));
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* gdal_install(path of a libgdal) -> its version; ValueError with the reason when that cannot be. */
static PyObject *install(PyObject *Py_UNUSED(module), PyObject *arg)
{
    PyObject *path = NULL;
    char version[64], why[600];

    if (!PyUnicode_FSConverter(arg, &path))
        return NULL;
    bool done = gdal_install(PyBytes_AsString(path), version, sizeof version, why, sizeof why);
    Py_DECREF(path);
    if (done)
        return text(version);
    PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

static PyMethodDef functions[] = {
    {"identify", identify, METH_O, NULL},
    {"is_url", is_url, METH_O, NULL},
    {"filters", filters, METH_NOARGS, NULL},
    {"gdal_install", install, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

PyMODINIT_FUNC PyInit__h5range(void);

PyMODINIT_FUNC PyInit__h5range(void)
{
    static struct PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "h5range._h5range", .m_size = -1, .m_methods = functions};
    PyObject *module = PyModule_Create(&definition);

    if (module == NULL)
        return NULL;
    Need = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    if (Need == NULL || PyModule_AddObjectRef(module, "NEED", Need) < 0 || !file_ready(module) || !node_ready(module) || !type_ready(module) ||
        !values_ready(module) || PyModule_AddStringConstant(module, "version", h5r_version()) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
