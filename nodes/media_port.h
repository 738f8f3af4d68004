/* media_port.h - a media worker's way to the network: one UDP socket per advertised address, read
 * and written in batches, and the engine's timer. Sockets are opened apart from their use, so that
 * they can be handed in. */
#ifndef VR_NODES_MEDIA_PORT_H
#define VR_NODES_MEDIA_PORT_H

#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/random.h"
#include "actors/media/engine.h"
#include "actors/runtime/env.h"
#include "nodes/media_tcp.h"

struct uv_loop_s;
struct vr_inherit;
struct vr_worker;
struct vr_media_port;

struct vr_media_port_conf {
    struct vr_worker *worker;
    const struct vr_clock *clock;
    const struct vr_random *random;
    struct vr_dtls_identity *identity;
    const int *sockets; /* copied; closed by the port */
    uint32_t socket_count;
    const int *listeners; /* for ICE-TCP; copied; closed by the port */
    uint32_t listener_count;
    uint32_t tcp_max, tcp_per_address; /* connections (media_tcp.h) */
    bool gso;             /* several packets to one listener as one segmented datagram */
    enum vr_pack pack;    /* for an audience */
    uint32_t peers_max;   /* the engine's; 0: its own */
    struct vr_keep *keep; /* of the parent; NULL: peers end with the process */
    uint32_t keep_worker; /* this port's part of it */
    /** For shards on other nodes (vr_engine_conf.link_out): link_port.h; NULL: there are none. */
    void (*link_out)(void *ctx, uint32_t shard, const struct vr_relay *relay);
    void *link_ctx;
};

struct vr_media_port_stats {
    uint64_t batches_in, batches_out;
    uint64_t send_dropped;    /* the socket's buffer was full, or the network refused */
    uint64_t segmented;       /* datagrams handed over in segmented form, each segment counted */
    uint64_t stale_dropped;   /* speech that waited too long while no process was there */
    uint64_t gso_refused;     /* 1: the kernel or the card takes none; they go one by one since */
    uint64_t patient_sockets; /* second sockets, for what is not urgent (media_patient.h) */
    struct vr_media_tcp_stats tcp;
};

/** A bound UDP socket, not blocking, with large buffers, IPv6 alone where it is IPv6. `port` 0:
 * any. Errors: VR_E_EXISTS port taken; VR_E_NOT_FOUND the address is not of this machine. */
VR_MUST_CHECK enum vr_err vr_media_socket_open(const char *address, uint16_t port, int *out,
                                               struct vr_why *why);
/** The same, with what a parent holds (NULL: nothing) taken first: nodes/inherit.h. */
VR_MUST_CHECK enum vr_err vr_media_socket_take(const struct vr_inherit *inherit,
                                               const char *address, uint16_t port, int *out,
                                               struct vr_why *why);

VR_MUST_CHECK enum vr_err vr_media_port_new(const struct vr_media_port_conf *conf,
                                            struct vr_media_port **out);
/** On the loop's thread. The worker's context becomes the engine. */
VR_MUST_CHECK enum vr_err vr_media_port_open(struct vr_media_port *port, struct uv_loop_s *loop,
                                             struct vr_why *why);
/** After each turn: timers, and what the turn has queued is sent. */
void vr_media_port_before_wait(struct vr_media_port *port, vr_time_us now);
/** Begin to close the handles. */
void vr_media_port_close(struct vr_media_port *port);
/** After the loop has ended and the actors are gone. */
void vr_media_port_free(struct vr_media_port *port);

/** Borrowed: for what is read before the loop begins. */
const struct vr_engine *vr_media_port_engine(const struct vr_media_port *port);

/** Any thread; racy, whole words. */
void vr_media_port_stats(const struct vr_media_port *port, struct vr_engine_stats *media,
                         struct vr_media_port_stats *out);

#endif
