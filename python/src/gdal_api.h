/* The few functions of GDAL that /vsih5zarr/ needs, found in a libgdal that the process has loaded: nothing is linked, so that one binary serves
 * GDAL 3.6 and all later ones, under whatever name a wheel has them. */
#ifndef H5RANGE_GDAL_API_H
#define H5RANGE_GDAL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { GDAL_FAILURE = 3, GDAL_APP_DEFINED = 1, GDAL_OPEN_FAILED = 4, GDAL_STAT_EXISTS = 1, GDAL_STAT_SIZE = 4 };

/* Callbacks as GDAL 3.6 has them. Later versions append members; the struct is allocated by the library itself, so those are there and NULL. */
typedef struct gdal_callbacks {
    void *user;
    int (*stat)(void *user, const char *name, struct stat *out, int flags);
    int (*unlink)(void *user, const char *name);
    int (*rename)(void *user, const char *from, const char *to);
    int (*mkdir)(void *user, const char *name, long mode);
    int (*rmdir)(void *user, const char *name);
    char **(*read_dir)(void *user, const char *name, int max);
    void *(*open)(void *user, const char *name, const char *access);
    uint64_t (*tell)(void *file);
    int (*seek)(void *file, uint64_t offset, int whence);
    size_t (*read)(void *file, void *to, size_t size, size_t count);
    int (*read_multi_range)(void *file, int n, void **to, const uint64_t *offsets, const size_t *sizes);
    int (*range_status)(void *file, uint64_t offset, uint64_t length);
    int (*eof)(void *file);
    size_t (*write)(void *file, const void *from, size_t size, size_t count);
    int (*flush)(void *file);
    int (*truncate)(void *file, uint64_t size);
    int (*close)(void *file);
    size_t buffer_size, cache_size;
    char **(*sibling_files)(void *user, const char *name);
} gdal_callbacks;

typedef struct gdal_api {
    /* in all versions */
    gdal_callbacks *(*VSIAllocFilesystemPluginCallbacksStruct)(void);
    void (*VSIFreeFilesystemPluginCallbacksStruct)(gdal_callbacks *);
    int (*VSIInstallPluginHandler)(const char *prefix, const gdal_callbacks *);
    void *(*VSIFOpenEx2L)(const char *name, const char *access, int set_error, const char *const *options);
    int (*VSIFCloseL)(void *fp);
    int (*VSIFSeekL)(void *fp, uint64_t offset, int whence);
    uint64_t (*VSIFTellL)(void *fp);
    size_t (*VSIFReadL)(void *to, size_t size, size_t count, void *fp);
    int (*VSIFReadMultiRangeL)(int n, void **to, const uint64_t *offsets, const size_t *sizes, void *fp);
    int (*VSIStatExL)(const char *name, struct stat *out, int flags);
    void (*CPLError)(int cls, int number, const char *format, ...);
    void (*CPLErrorReset)(void);
    const char *(*CPLGetLastErrorMsg)(void);
    int (*CPLGetLastErrorType)(void);
    void (*CPLPushErrorHandler)(void (*handler)(int, int, const char *));
    void (*CPLPopErrorHandler)(void);
    void (*CPLQuietErrorHandler)(int, int, const char *);
    const char *(*CPLGetConfigOption)(const char *key, const char *otherwise);
    char **(*CPLGetThreadLocalConfigOptions)(void); /* a copy */
    void (*CPLSetThreadLocalConfigOptions)(const char *const *options);
    char **(*CSLAddString)(char **list, const char *text);
    void (*CSLDestroy)(char **list);
    void (*VSIFree)(void *);
    const char *(*GDALVersionInfo)(const char *what);
    int (*GDALGetDriverCount)(void);
    void *(*GDALGetDriverByName)(const char *name);
    void *(*OSRNewSpatialReference)(const char *wkt);
    void (*OSRDestroySpatialReference)(void *srs);
    int (*OSRExportToWktEx)(void *srs, char **wkt, const char *const *options);
    int (*OSRImportFromCF1)(void *srs, const char *const *key_values, const char *units); /* from 3.9 on, else NULL */
} gdal_api;

/* Fills *api from the library of that path, which is loaded. Otherwise names what is missing. */
bool gdal_api_find(const char *path, gdal_api *api, char *why, size_t cap);

#endif
