/* Reading ahead of a caller who reads the datasets of a group one after the other. */
#ifndef H5R_READ_AHEAD_H
#define H5R_READ_AHEAD_H

#include "object/load.h"

/* Notes that ds is about to be read. Along with data of the first dataset of a group the names in the group are read; with those of the second
 * one, what it takes to open the others and the first nodes of their chunk indexes. Dimension scales do not count. No lock is held; does no I/O. */
void h5r_note_read(h5r_file *f, const h5r_object *ds);

#endif
