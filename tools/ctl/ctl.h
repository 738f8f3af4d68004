/* ctl.h - one run of voiceroomctl: what commands are handed, and what they share: a call to the
 * node with its refusals explained, output, questions. One thread; everything ends with the
 * process. */
#ifndef VR_CTL_CTL_H
#define VR_CTL_CTL_H

#include <jansson.h>

#include "tools/ctl/http.h"
#include "tools/ctl/output.h"

struct vr_ctl {
    const struct vr_ctl_line *line;
    struct vr_ctl_settings settings;
    struct vr_ctl_http *http;
    enum vr_ctl_format format;
    bool colour;        /* of standard output */
    bool colour_errors; /* of standard error */
    bool warned;        /* of a token in clear */
    char token[VR_JWT_MAX + 1];
};

/** A request to the node. `path` has a % for each of `args`, which are percent-encoded. */
struct vr_ctl_request {
    const char *method;
    const char *path;
    const char *args[3];
    const char *query;    /* ready to use; NULL: none */
    const char *question; /* for what destroys: "End this room?" */
    const char *target;   /* for what destroys: the path that shows what it is about; NULL: none */
    const char *target_path; /* member that names it: "title" */
    json_t *body;            /* borrowed; NULL: none */
    const char *yaml;        /* a body of this kind instead; NULL: none */
    const char *if_match;
    bool quiet;      /* a refusal is not explained: the code says all */
    bool idempotent; /* an Idempotency-Key is sent */
    bool reads; /* of a command that changes: this one does not, it is sent without a question */
};

/** Ask what must be asked, send, explain a refusal on standard error.
 *
 *  Owns:   *answer (may be NULL: not wanted) is the caller's; NULL when there was no JSON.
 *  Errors: the code to end with; VR_CTL_NOT_SENT when --curl or --dry-run said all. */
enum vr_ctl_exit vr_ctl_call(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                             json_t **answer);

/** GET, for what only reads. */
enum vr_ctl_exit vr_ctl_get(struct vr_ctl *ctl, const char *path, const char *arg, json_t **answer);

/** GET `path` with the command's first argument, and print its member `list` (NULL: the whole). */
enum vr_ctl_exit vr_ctl_show(struct vr_ctl *ctl, const char *path, const char *list,
                             const struct vr_ctl_shape *shape);

/** Print a value in the chosen form on standard output. */
enum vr_ctl_exit vr_ctl_print(struct vr_ctl *ctl, const json_t *value,
                              const struct vr_ctl_shape *shape);

/** A sentence on standard error. */
void vr_ctl_say(const struct vr_ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** "error: ..." on standard error; returns `code`. */
enum vr_ctl_exit vr_ctl_fail(const struct vr_ctl *ctl, enum vr_ctl_exit code, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/** The token to send: the one given, or a fresh one from the key file; "" without either. */
enum vr_ctl_exit vr_ctl_token(struct vr_ctl *ctl, const char **token);

/** Put a refusal (RFC 9457) into words on standard error; returns what to end with. */
enum vr_ctl_exit vr_ctl_explain(const struct vr_ctl *ctl, const struct vr_ctl_reply *reply);

/** What to end with after an answer of this status. */
enum vr_ctl_exit vr_ctl_exit_of(long status);

/** The argument at `index`; NULL when it was left out. */
static inline const char *vr_ctl_arg(const struct vr_ctl *ctl, size_t index)
{
    return index < ctl->line->arg_count ? ctl->line->args[index] : NULL;
}

/** Append `text` percent-encoded (RFC 3986 2.3). */
void vr_ctl_encode(struct vr_buf *out, const char *text);

#endif
