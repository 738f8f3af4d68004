/* media_port_internal.h - a port's inside, shared by media_port.c (sockets, receiving, time) and
 * media_port_send.c. */
#ifndef VR_NODES_MEDIA_PORT_INTERNAL_H
#define VR_NODES_MEDIA_PORT_INTERNAL_H

#include <sys/socket.h>
#include <uv.h>

#include "nodes/media_port.h"

#define BATCH_IN 64
#define BATCH_OUT 256
#define DATAGRAM_MAX 2048
#define BURST_MAX 16384
#define OUT_BYTES (BATCH_OUT * 256 + BURST_MAX)
#define LOAD_EVERY VR_SECONDS(1)
#define ROUNDS_MAX 8 /* batches read in one callback, so that timers get their turn */
#define BUFFER_BYTES (4 * 1024 * 1024)

struct socket_in {
    uv_poll_t poll;
    struct vr_media_port *port;
    uint32_t index;
    int fd;
    bool open;
};

struct vr_media_port {
    struct vr_media_port_conf conf;
    struct vr_engine *engine;
    struct vr_media_port_stats stats;
    uv_loop_t *loop;
    uv_timer_t timer;
    vr_time_us armed; /* the deadline that the timer runs for */
    bool open;
    uint32_t socket_count;
    struct socket_in sockets[VR_CANDIDATES_MAX];

    struct mmsghdr in[BATCH_IN];
    struct iovec in_vec[BATCH_IN];
    struct sockaddr_storage in_name[BATCH_IN];
    uint8_t in_data[BATCH_IN][DATAGRAM_MAX];

    uint32_t out_count;
    uint32_t out_bytes;
    struct mmsghdr out[BATCH_OUT];
    struct iovec out_vec[BATCH_OUT];
    struct vr_hop out_hop[BATCH_OUT];
    uint16_t out_segment[BATCH_OUT]; /* 0: one datagram */
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } out_control[BATCH_OUT];
    uint8_t out_data[OUT_BYTES]; /* one behind the other: little memory, much of it warm */

    vr_time_us load_at; /* when it was looked at last */
    uint64_t load_cpu;  /* microseconds that this thread had used then */
};

/* The loop's thread counts, any other reads (vr_media_port_stats). */
static inline void stat_add(uint64_t *stat, uint64_t more)
{
    __atomic_store_n(stat, __atomic_load_n(stat, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
}

/* media_port_send.c */
void media_out_init(struct vr_media_port *port);
/** What has gathered goes to the kernel. */
void media_out_flush(struct vr_media_port *port);
/** The engine's ways out (engine.h). */
void media_out_send(void *ctx, const struct vr_path *path, struct vr_bytes datagram);
void media_out_send_burst(void *ctx, const struct vr_hop *hop, struct vr_bytes data,
                          size_t segment);

#endif
