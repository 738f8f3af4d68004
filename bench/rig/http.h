/* http.h - REST for the bench: many requests in flight on kept connections, never blocking but
 * where asked to. libcurl's multi interface; one thread. */
#ifndef VR_BENCH_HTTP_H
#define VR_BENCH_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"

struct vr_http;

/** `connections`: kept to each server at most. */
struct vr_http *vr_http_new(uint32_t connections);
void vr_http_free(struct vr_http *http);

/** `status` 0: no answer at all. `body` is borrowed, and ends with a 0. */
typedef void (*vr_http_answer)(void *ctx, long status, struct vr_bytes body);

/** A GET without a token. As below. */
bool vr_http_get(struct vr_http *http, const char *url, vr_http_answer answer, void *ctx);
/** `body` NULL: a DELETE, else a POST. Copies all it is given. False when memory is out; then no
 * answer comes. */
bool vr_http_send(struct vr_http *http, const char *url, const char *token, const char *body,
                  vr_http_answer answer, void *ctx);
/** Go on; answers come from in here. */
void vr_http_turn(struct vr_http *http);
/** Until nothing is in flight any more, or so many seconds. */
void vr_http_finish(struct vr_http *http, double seconds);
uint32_t vr_http_busy(const struct vr_http *http);

#endif
