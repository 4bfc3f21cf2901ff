// Open options of rasters, with the configuration options of GDAL's netCDF driver where it has one for the same.
#ifndef H5RANGE_OPTIONS_H
#define H5RANGE_OPTIONS_H

#include <string>

#include "cpl_string.h"

namespace h5range
{

struct RasterOptions
{
    enum class List
    {
        AUTO,   // arrays of two dimensions or more; those of one where there are no others
        TWO_D,  // arrays of two dimensions or more
        ALL     // arrays of one dimension or more
    };
    enum class Rows
    {
        AUTO, // as the coordinates have it
        BOTTOM_UP,
        TOP_DOWN
    };

    std::string osGroup{};    // full name of the group to look into, "/" for the whole file
    std::string osVariable{}; // array to open, relative to osGroup
    List eList = List::AUTO;
    Rows eRows = Rows::AUTO;
    bool bHonourValidRange = true;
    bool bAssumeLongLat = false;
    bool bPreserveAxisUnit = false;
    bool bAnyAxes = false; // axes that are not known to be horizontal make a geotransform too
    bool bVariablesAsBands = false;
    bool bLookupTable = false; // arrays of a swath are shown on the grid of its file's lookup table
};

RasterOptions ParseRasterOptions(CSLConstList papszOptions);

/** XML of the driver's open options. */
extern const char OPEN_OPTIONS[];
/** XML of the options of GetMDArrayNames() and GetGroupNames(). */
extern const char ARRAY_LIST_OPTIONS[];

} // namespace h5range

#endif
