/* context.h - which node is spoken to, and as whom: flags, environment, the context file, and what
 * `make run` leaves in ./data, in this order. */
#ifndef VR_CTL_CONTEXT_H
#define VR_CTL_CONTEXT_H

#include "actors/base/err.h"
#include "actors/wire/jwt.h"
#include "tools/ctl/args.h"

#define VR_CTL_ENDPOINTS_MAX 8
#define VR_CTL_PATH_MAX 1024

struct vr_ctl_settings {
    char endpoints[VR_CTL_ENDPOINTS_MAX][256]; /* no slash at the end */
    size_t endpoint_count;
    char key_file[VR_CTL_PATH_MAX]; /* "": none */
    char ca_file[VR_CTL_PATH_MAX];  /* "": those of the system */
    char token[VR_JWT_MAX + 1];     /* given; "": made from the key file, if any */
    double timeout_s;
};

/** Errors: VR_E_BAD_REQUEST, with a sentence, for flags and files that are wrong. */
VR_MUST_CHECK enum vr_err vr_ctl_settings_load(const struct vr_ctl_line *line,
                                               struct vr_ctl_settings *out, struct vr_why *why);

/** $XDG_CONFIG_HOME/voicerooms/contexts.json, or the same below ~/.config. */
void vr_ctl_context_path(char out[VR_CTL_PATH_MAX]);

/** Read a key file as the node writes it: {"kid": ..., "secret": ...}. */
VR_MUST_CHECK enum vr_err vr_ctl_key_read(const char *path, struct vr_key *key, struct vr_why *why);

/** One line of text from a file, or from standard input when `path` is "-", without space around.
 */
VR_MUST_CHECK enum vr_err vr_ctl_secret_read(const char *path, char *out, size_t size,
                                             struct vr_why *why);

/** Is the host of this URL the machine itself? */
bool vr_ctl_is_local(const char *endpoint);

#endif
