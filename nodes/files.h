/* files.h - the web application, read into memory at start: no disk on a loop, no path to climb.
 *
 * Names are paths as a browser asks for them. "x.br" and "x.gz" beside "x" are its compressed
 * forms. */
#ifndef VR_NODES_FILES_H
#define VR_NODES_FILES_H

#include <stdbool.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_FILES_BYTES_MAX (64u * 1024 * 1024)
#define VR_FILES_COUNT_MAX 4096

struct vr_files;

struct vr_file {
    char *path; /* "/assets/app-1f3c.js" */
    const char *type;
    char etag[24]; /* with quotes */
    bool hashed;   /* its name changes with its content: may be kept for ever */
    struct vr_blob *plain, *gzip, *brotli; /* the last two may be NULL */
};

/** VR_E_NOT_FOUND: no such folder, or no index.html in it. */
VR_MUST_CHECK enum vr_err vr_files_load(const char *folder, struct vr_files **out,
                                        struct vr_why *why);
void vr_files_free(struct vr_files *files);

/** NULL: no such file. "/" is index.html; a path without a dot in its last part is too: the
 *  application has its own routes. */
const struct vr_file *vr_files_find(const struct vr_files *files, struct vr_bytes path);

#endif
