/* http.h - the only file pair that knows libcurl: one request to the first endpoint that answers.
 */
#ifndef VR_CTL_HTTP_H
#define VR_CTL_HTTP_H

#include <stdbool.h>

#include "actors/base/bytes.h"
#include "tools/ctl/context.h"

struct vr_ctl_http;

struct vr_ctl_send {
    const char *method;
    const char *path;  /* with the query */
    const char *body;  /* JSON; NULL: none */
    bool yaml;         /* it is YAML */
    const char *token; /* "": none */
    const char *if_match;
    const char *idempotency_key;
};

struct vr_ctl_reply {
    long status;
    struct vr_buf body; /* ends with a 0 that is not counted */
    char request_id[72];
    char date[48];
    char endpoint[256]; /* that answered, or that was tried last */
    double seconds;
};

/** Borrows the settings. NULL: libcurl could not be started. */
struct vr_ctl_http *vr_ctl_http_new(const struct vr_ctl_settings *settings);
void vr_ctl_http_free(struct vr_ctl_http *http);

/** Send to the first endpoint; to the next one only when no connection came about, so that nothing
 * is ever done twice.
 *
 *  Owns:   the caller frees reply->body, also after an error.
 *  Errors: VR_CTL_UNAVAILABLE, VR_CTL_TIMEOUT with a sentence; VR_CTL_OK for every HTTP status. */
enum vr_ctl_exit vr_ctl_http_send(struct vr_ctl_http *http, const struct vr_ctl_send *send,
                                  struct vr_ctl_reply *reply, struct vr_why *why);

#endif
