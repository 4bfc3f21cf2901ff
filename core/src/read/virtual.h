/* Virtual datasets: their elements lie in other datasets, of this file or of others. */
#ifndef H5R_READ_VIRTUAL_H
#define H5R_READ_VIRTUAL_H

#include "object/virtual.h"
#include "read/plan.h"

/* The mappings of a virtual dataset, memoised. No lock is held; reads. */
h5r_status h5r_mappings_of(h5r_file *f, const h5r_object *o, const h5r_mapping_list **out, h5r_error *err);

/* Fills a window of a virtual dataset. No lock is held; opens and reads other files. nesting: virtual datasets on the way. */
h5r_status h5r_read_virtual(h5r_file *f, const h5r_window *w, unsigned nesting, h5r_error *err);

/* The description of a virtual dataset with the extent that its sources give it now, as libhdf5's default view (the last available
 * element) has it. Memoised. No lock is held. */
h5r_status h5r_resolve_virtual(h5r_file *f, const h5r_object *o, unsigned nesting, const h5r_dataset **out, h5r_error *err);

/* h5r_dataset_describe() and h5r_read_many() on the way through virtual datasets; sharers: such reads that may run at the same time and
 * share limits.inflight_bytes. */
h5r_status h5r_describe_nested(h5r_file *f, const h5r_object *o, unsigned nesting, const h5r_dataset **out, h5r_error *err);
h5r_status h5r_read_nested(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, unsigned nesting, unsigned sharers,
                           h5r_error *err);

#endif
