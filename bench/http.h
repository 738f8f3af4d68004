/* http.h - just enough of an HTTP/1.1 client for a load rig: one request per connection, plain TCP.
 */
#ifndef VR_BENCH_HTTP_H
#define VR_BENCH_HTTP_H

#include <stdint.h>

#include "actors/base/bytes.h"

struct vr_http_target {
    char host[64]; /* IPv4 address */
    uint16_t port;
};

/** Status of the answer, 0 when there was none; the body goes to `out`, behind what is there. */
int vr_http(const struct vr_http_target *target, const char *method, const char *path,
            const char *token, const char *type, const char *body, struct vr_buf *out);

/** HS256 token with the grants given as JSON text ("\"roomJoin\":true"). `out` has room for 1024
 * bytes. */
const char *vr_http_mint(const char *kid, const char *secret, const char *user, const char *grants,
                         char out[1024]);

#endif
