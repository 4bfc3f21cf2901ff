#include "gdal_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

bool gdal_api_find(const char *path, gdal_api *api, char *why, size_t cap)
{
    void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    bool found = true;

    if (library == NULL) {
        snprintf(why, cap, "%s is not loaded", path);
        return false;
    }
    memset(api, 0, sizeof *api);
/* A pointer to a function is copied as bytes: ISO C has no conversion for it. */
#define FIND(name)                                                                                                                                   \
    do {                                                                                                                                             \
        void *symbol = dlsym(library, #name);                                                                                                        \
        memcpy(&api->name, &symbol, sizeof symbol);                                                                                                  \
        if (symbol == NULL && found) {                                                                                                               \
            snprintf(why, cap, "%s has no %s: GDAL 3.6 or later is needed", path, #name);                                                            \
            found = false;                                                                                                                           \
        }                                                                                                                                            \
    } while (0)
    FIND(VSIAllocFilesystemPluginCallbacksStruct);
    FIND(VSIFreeFilesystemPluginCallbacksStruct);
    FIND(VSIInstallPluginHandler);
    FIND(VSIFOpenEx2L);
    FIND(VSIFCloseL);
    FIND(VSIFSeekL);
    FIND(VSIFTellL);
    FIND(VSIFReadL);
    FIND(VSIFReadMultiRangeL);
    FIND(VSIStatExL);
    FIND(CPLError);
    FIND(CPLErrorReset);
    FIND(CPLGetLastErrorMsg);
    FIND(CPLGetLastErrorType);
    FIND(CPLPushErrorHandler);
    FIND(CPLPopErrorHandler);
    FIND(CPLQuietErrorHandler);
    FIND(CPLGetConfigOption);
    FIND(CPLGetThreadLocalConfigOptions);
    FIND(CPLSetThreadLocalConfigOptions);
    FIND(CSLAddString);
    FIND(CSLDestroy);
    FIND(VSIFree);
    FIND(GDALVersionInfo);
    FIND(GDALGetDriverCount);
    FIND(GDALGetDriverByName);
    FIND(OSRNewSpatialReference);
    FIND(OSRDestroySpatialReference);
    FIND(OSRExportToWktEx);
#undef FIND
    void *optional = dlsym(library, "OSRImportFromCF1");
    memcpy(&api->OSRImportFromCF1, &optional, sizeof optional);
    if (!found)
        dlclose(library); /* else it stays, for as long as there is the file system in it */
    return found;
}
