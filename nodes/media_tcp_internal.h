/* media_tcp_internal.h - ICE-TCP's inside, shared by media_tcp.c (listeners, who may connect, how
 * long) and media_tcp_io.c (reading and writing). */
#ifndef VR_NODES_MEDIA_TCP_INTERNAL_H
#define VR_NODES_MEDIA_TCP_INTERNAL_H

#include <sys/socket.h>
#include <uv.h>

#include "actors/base/list.h"
#include "actors/runtime/env.h"
#include "nodes/media_tcp.h"
#include "nodes/media_tcp_frame.h"
#include "nodes/media_tcp_queue.h"

#define TCP_FRESH_MAX 512u            /* without a valid check; the oldest makes way for the next */
#define TCP_FRESH_PER_ADDRESS 128u    /* a company behind one NAT joins at once */
#define TCP_PROOF_TIME VR_SECONDS(5)  /* from accept to the first valid check */
#define TCP_STILL_TIME VR_SECONDS(30) /* without an answered check (RFC 7675, 5.1), or unread */
#define TCP_LOOK_MS 1000u
/* Of addresses: counts only, so that a collision is strict and no more. */
#define TCP_BUCKETS 4096u
#define TCP_READ_BYTES 16384u

struct connection {
    struct vr_media_tcp *tcp;
    uv_poll_t poll;
    struct vr_list link;  /* vr_media_tcp.fresh, in order of age, or .proved */
    struct vr_list dirty; /* vr_media_tcp.dirty: has something to write */
    struct vr_path path;  /* as the engine knows it */
    int fd;
    uint32_t bucket; /* of its address; TCP_BUCKETS: this machine, not counted */
    bool proved;
    bool answered; /* by the engine, while a frame of it is handled */
    bool blocked;  /* the kernel takes no more: told when it does */
    bool closing;
    vr_time_us opened_at;
    vr_time_us answered_at;
    vr_time_us moved_at;          /* the kernel took something, or nothing waited */
    char ufrag[VR_UFRAG_MAX + 1]; /* of the last answered check */
    struct vr_frame_reader in;
    struct vr_tcp_queue out; /* last: most of it is never touched */
};

struct listener {
    struct vr_media_tcp *tcp;
    uv_poll_t poll;
    int fd;
    bool open;
    bool paused; /* no descriptors left: tried again at the next look */
};

struct vr_media_tcp {
    struct vr_media_tcp_conf conf;
    struct vr_media_tcp_stats stats;
    uv_loop_t *loop;
    uv_timer_t timer; /* looks once a second while there is somebody */
    bool open;
    struct listener listeners[VR_CANDIDATES_MAX];
    uint32_t listener_count;
    struct connection **slots; /* connections_max of them */
    uint32_t free_from;        /* where the search for a free one goes on */
    uint32_t generation;       /* so that no path means two connections in turn */
    uint32_t fresh_count;
    uint32_t fresh_max; /* TCP_FRESH_MAX */
    struct vr_list fresh;
    struct vr_list proved;
    struct vr_list dirty;
    struct connection *current; /* whose frame is handled */
    uint64_t hash_key;
    uint16_t per_address[TCP_BUCKETS];
    uint16_t fresh_per_address[TCP_BUCKETS];
    uint8_t read[TCP_READ_BYTES];
};

enum tcp_end {
    TCP_END_PLAIN,
    TCP_END_RESET /* what waits is thrown away, here and in the kernel */
};

/* media_tcp.c */
/** Out of all tables at once; its memory goes with its handle. */
void tcp_connection_end(struct connection *connection, enum tcp_end end);
/** Its first valid check. */
void tcp_connection_proved(struct connection *connection);
/** The connection behind a path; NULL: it is gone. */
struct connection *tcp_connection_find(const struct vr_media_tcp *tcp, const struct vr_hop *hop);
/** What a look once a second finds. */
void tcp_look(struct vr_media_tcp *tcp, vr_time_us now);
void tcp_count(uint64_t *stat, int64_t more);

/* media_tcp_io.c */
void tcp_on_ready(uv_poll_t *poll, int status, int events);

static inline vr_time_us tcp_now(const struct vr_media_tcp *tcp)
{
    return tcp->conf.clock->now(tcp->conf.clock->ctx);
}

#endif
