/* media_port_internal.h - a port's inside, shared by media_port.c (sockets, receiving, time) and
 * media_port_send.c. */
#ifndef VR_NODES_MEDIA_PORT_INTERNAL_H
#define VR_NODES_MEDIA_PORT_INTERNAL_H

#include <sys/socket.h>
#include <uv.h>

#include "actors/media/keep.h"
#include "nodes/media_port.h"
#include "nodes/patience.h"
#include "nodes/stamps.h"

#define BATCH_IN 64
#define BATCH_OUT 256
#define DATAGRAM_MAX 2048
#define BURST_MAX 16384
#define OUT_BYTES (BATCH_OUT * 256 + BURST_MAX)
#define LOAD_EVERY VR_SECONDS(1)
#define ROUNDS_MAX 8 /* batches read in one callback, so that timers get their turn */
#define READ_MAX (ROUNDS_MAX * BATCH_IN)
#define BUFFER_BYTES (4 * 1024 * 1024)

/** What a death may not take: datagrams that were read and not handled, or queued and not sent. It
 * lies in the parent's memory where there is one. The kernel itself writes msg_len as it reads, and
 * it goes back to 0 when the datagram was handled: whatever is not 0 at the next start is still to
 * be done. A datagram handled or sent twice is one that the other side, or ours, has seen already.
 */
struct port_kept {
    struct mmsghdr in[BATCH_IN];
    struct sockaddr_storage in_name[BATCH_IN];
    uint8_t in_data[BATCH_IN][DATAGRAM_MAX];
    vr_time_us in_at; /* CLOCK_MONOTONIC */
    uint32_t in_socket;

    uint32_t out_count; /* the last thing written when one is queued */
    uint32_t out_bytes;
    struct vr_hop out_hop[BATCH_OUT];
    uint32_t out_size[BATCH_OUT];
    uint16_t out_segment[BATCH_OUT]; /* 0: one datagram */
    uint8_t out_data[OUT_BYTES];     /* one behind the other: little memory, much of it warm */
};
_Static_assert(sizeof(struct port_kept) <= VR_KEEP_PORT_BYTES, "a port's part of the keep");

struct socket_in {
    uv_poll_t poll;
    struct vr_media_port *port;
    uint32_t index;
    int fd;
    bool open;
    bool patient; /* the second one of this index: nothing urgent comes here */
    bool polled;  /* of a patient one; the others always are */
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
    struct socket_in patients[VR_CANDIDATES_MAX]; /* beside each; fd -1: there is none */
    struct vr_patience patience;                  /* of all of these */
    bool patient_readable;                        /* of one that is polled */
    struct vr_media_tcp *tcp;                     /* NULL: UDP only */

    struct port_kept *kept; /* own, or the parent's */
    struct port_kept *own;
    struct iovec in_vec[BATCH_IN];
    uint8_t work[DATAGRAM_MAX]; /* the engine decrypts in place, and dies with the work half done */
    vr_time_us fresh_until;     /* until then what waited long in the kernel is dropped */
    union stamp_room in_stamps[BATCH_IN];

    struct mmsghdr out[BATCH_OUT];
    struct iovec out_vec[BATCH_OUT];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } out_control[BATCH_OUT];

    vr_time_us load_at; /* when it was looked at last */
    uint64_t load_cpu;  /* microseconds that this thread had used then */
};

/* The loop's thread counts, any other reads (vr_media_port_stats). */
static inline void stat_add(uint64_t *stat, uint64_t more)
{
    __atomic_store_n(stat, __atomic_load_n(stat, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
}

/* media_port_kept.c */
/** Memory for the batches: the keep's, or the port's own. False: memory is out. */
bool media_kept_open(struct vr_media_port *port);
void media_kept_close(struct vr_media_port *port);
/** Once, when the sockets work and before anything is read: what the process before this one had
 * read or queued. */
void media_go_on(struct vr_media_port *port, vr_time_us now);
/** One datagram of the batch to the engine. */
void media_in_handle(struct vr_media_port *port, uint32_t at, vr_time_us now);
/** Before anything is read: if this process did not run for a while (stopped, a machine that was
 * paused), what was said meanwhile is not played now, all of it after a mute that nobody here has
 * heard of. */
void media_stood_still(struct vr_media_port *port, vr_time_us now);
/** Ask the kernel when it got each datagram, or not any more. */
void media_in_stamps(struct vr_media_port *port, bool wanted);
/** Did this one of the batch wait so long in the kernel that hearing it now would only make all
 * that follows late? Of speech alone: everything else is still of use. */
bool media_in_stale(struct vr_media_port *port, uint32_t at);

/* media_port_patient.c */
void media_patients_init(struct vr_media_port *port);
/** Second sockets, for what is not urgent; polled. A port without them works. */
void media_patients_open(struct vr_media_port *port);
/** In each pass of the loop, before it waits: read them if it is time, poll them if they are. */
void media_patients_turn(struct vr_media_port *port, vr_time_us now);
/** How long this one of the batch that was just read from such a socket has waited for it. */
vr_time_us media_patients_waited(struct vr_media_port *port, uint32_t at, vr_time_us now);
void media_patients_close(struct vr_media_port *port);
/** After their handles were closed. */
void media_patients_free(struct vr_media_port *port);

/* media_port.c */
/** Large buffers, and stamps. */
void media_socket_ready(int fd);
/** What is there at one socket, to the engine; returns how many datagrams that were. */
uint32_t media_in_read(struct vr_media_port *port, struct socket_in *in, vr_time_us now);

/* media_port_send.c */
void media_out_init(struct vr_media_port *port);
/** The kernel's side of what is queued at this place. */
void media_out_prepare(struct vr_media_port *port, uint32_t at, uint32_t offset);
/** What has gathered goes to the kernel. */
void media_out_flush(struct vr_media_port *port);
/** The engine's ways out (engine.h). */
void media_out_send(void *ctx, const struct vr_path *path, struct vr_bytes datagram);
void media_out_send_burst(void *ctx, const struct vr_hop *hop, struct vr_bytes data,
                          size_t segment);

#endif
