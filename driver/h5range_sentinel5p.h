// Metadata of Sentinel-5P: trees of groups that hold attributes only, which GDAL's netCDF driver shows as JSON.
#ifndef H5RANGE_SENTINEL5P_H
#define H5RANGE_SENTINEL5P_H

#include <string>
#include <vector>

#include "h5range_file.h"

namespace h5range
{

/** Names of the trees that a file has: ISO_METADATA, ESA_METADATA, ... bSupport: SUPPORT_DATA, too, which describes arrays. */
std::vector<std::string> Sentinel5PKeys(const GDALGroup &oRoot, bool bSupport);

/** JSON of a tree; empty where the file has none of that name. */
std::string Sentinel5PJson(const File &oFile, const GDALGroup &oRoot, const std::string &osKey);

/** Whether a group is in one of them. */
bool IsSentinel5PMetadata(const std::string &osGroupFullName);

} // namespace h5range

#endif
