/* certificate.h - the certificate of HTTPS that is in force: loaded from two files, watched, and
 * taken anew when they change.
 *
 * A new pair becomes a new context for connections that come from then on; those that are open go
 * on with the old one, which OpenSSL frees with the last of them. A pair that is broken, does not
 * fit together or has run out is refused, told in the log, and the one in force stays. */
#ifndef VR_NODES_CERTIFICATE_H
#define VR_NODES_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/err.h"

struct ssl_ctx_st;
struct uv_loop_s;
struct vr_certificate;

struct vr_certificate_conf {
    const char *certificate; /* PEM files; copied */
    const char *key;
    bool configured; /* false: made by this node for itself; never reason for HSTS */
    /** Another context is in force. On the loop's thread; `trusted`: not one that signed itself. */
    void (*changed)(void *ctx, struct ssl_ctx_st *tls, bool trusted);
    void *ctx;
};

struct vr_certificate_stats {
    int64_t not_after; /* Unix time; 0: unknown */
    uint64_t taken;    /* after the start */
    uint64_t refused;
};

/** Load the pair; the first to be in force. Errors: what is wrong with which file. */
VR_MUST_CHECK enum vr_err vr_certificate_new(const struct vr_certificate_conf *conf,
                                             struct vr_certificate **out, struct vr_why *why);
/** After the loop has ended, or was never told to watch. */
void vr_certificate_free(struct vr_certificate *certificate);

/** Borrowed until the next change. */
struct ssl_ctx_st *vr_certificate_tls(const struct vr_certificate *certificate);
bool vr_certificate_trusted(const struct vr_certificate *certificate);

/** From now on look for other files: at once where the kernel tells of changes, after a minute in
 * any case. On the loop's thread. */
void vr_certificate_watch(struct vr_certificate *certificate, struct uv_loop_s *loop);
void vr_certificate_unwatch(struct vr_certificate *certificate);

/** Read the files again, whether they changed or not; other names than before are watched from then
 * on. On the loop's thread. Errors: then the old certificate stays, and the old names. */
VR_MUST_CHECK enum vr_err vr_certificate_reload(struct vr_certificate *certificate,
                                                const char *file, const char *key,
                                                struct vr_why *why);

/** Any thread; NULL gives zeros. */
void vr_certificate_stats(const struct vr_certificate *certificate,
                          struct vr_certificate_stats *out);

#endif
