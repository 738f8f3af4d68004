/* media_tcp.h - a media worker's way to clients whose network lets no UDP through: ICE-TCP, the
 * passive side (RFC 6544), datagrams framed by length (RFC 4571).
 *
 * To the engine a connection is one more 5-tuple: its paths have VR_PATH_TCP in `socket`. Whoever
 * connects must begin with a check that the engine answers, so with a password of ours; then the
 * connection stays as long as its checks are answered and their peer is there. What the network
 * does not take within 100 ms is dropped, the oldest speech first: nobody waits for a slow reader,
 * and none costs more than VR_TCP_QUEUE_BYTES. */
#ifndef VR_NODES_MEDIA_TCP_H
#define VR_NODES_MEDIA_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/random.h"
#include "actors/media/engine.h"

struct uv_loop_s;
struct vr_inherit;
struct vr_media_tcp;

struct vr_media_tcp_conf {
    const struct vr_clock *clock;
    const struct vr_random *random;
    const int *listeners; /* copied; closed by it */
    uint32_t listener_count;
    uint32_t connections_max; /* at most 65536 */
    uint32_t per_address_max; /* this machine is exempt; of an IPv6 network of 64 bits */
    /** A datagram came; it may be overwritten. What the engine sends back meanwhile tells whether
     * it was a valid check. */
    void (*input)(void *ctx, vr_time_us now, const struct vr_path *path, uint8_t *data,
                  size_t size);
    /** That was all for now: what has been queued may leave. */
    void (*after)(void *ctx, vr_time_us now);
    /** Does a peer with this ufrag of ours live here? */
    bool (*knows)(void *ctx, struct vr_bytes ufrag);
    void *ctx;
};

struct vr_media_tcp_stats {
    uint64_t open;     /* connections now */
    uint64_t accepted; /* connections taken */
    uint64_t refused;  /* over a limit */
    uint64_t unproved; /* closed without a valid check */
    uint64_t dropped;  /* datagrams that a slow connection did not take, or a closed one */
};

/** A bound TCP socket, which listens once the loop runs. Errors: as vr_media_socket_open. */
VR_MUST_CHECK enum vr_err vr_media_tcp_socket_open(const char *address, uint16_t port, int *out,
                                                   struct vr_why *why);

/** The same, with what a parent holds (NULL: nothing) taken first: who connects while the node's
 * process starts anew then waits for it, and is not refused. */
VR_MUST_CHECK enum vr_err vr_media_tcp_socket_take(const struct vr_inherit *inherit,
                                                   const char *address, uint16_t port, int *out,
                                                   struct vr_why *why);

/** On an error the sockets stay the caller's. */
VR_MUST_CHECK enum vr_err vr_media_tcp_new(const struct vr_media_tcp_conf *conf,
                                           struct vr_media_tcp **out);
/** On the loop's thread, as all that follows. */
VR_MUST_CHECK enum vr_err vr_media_tcp_open(struct vr_media_tcp *tcp, struct uv_loop_s *loop,
                                            struct vr_why *why);
/** Queue datagrams that lie one behind the other, each `segment` bytes, only the last may be
 * shorter; copies. `hop` has VR_PATH_TCP. */
void vr_media_tcp_send(struct vr_media_tcp *tcp, const struct vr_hop *hop, struct vr_bytes data,
                       size_t segment);
/** What has gathered goes to the kernel: one write for each connection. */
void vr_media_tcp_flush(struct vr_media_tcp *tcp);
/** Begin to close listeners and connections. */
void vr_media_tcp_close(struct vr_media_tcp *tcp);
/** After the loop has ended. NULL is fine. */
void vr_media_tcp_free(struct vr_media_tcp *tcp);

/** Any thread; racy, whole words. */
void vr_media_tcp_stats(const struct vr_media_tcp *tcp, struct vr_media_tcp_stats *out);
/** For /metrics. */
void vr_media_tcp_metrics_write(const struct vr_media_tcp_stats *stats, struct vr_buf *out);

#endif
