/* member.h - one client of the bench: a UDP socket, ICE, keys, and counts of what came.
 *
 * A listener whose media is up only counts: sequence numbers stand in the clear header. Those that
 * are `sampled` decrypt as well, and measure each frame's way. Single thread. */
#ifndef VR_BENCH_MEMBER_H
#define VR_BENCH_MEMBER_H

#include <srtp2/srtp.h>

#include "actors/base/clock.h"
#include "bench/rig/driver.h"
#include "bench/rig/keys.h"
#include "bench/rig/marks.h"
#include "bench/rig/speech.h"

#define VR_MEMBER_STREAMS 8

enum vr_member_state {
    VR_MEMBER_IDLE,  /* has a socket */
    VR_MEMBER_ASKED, /* the driver works */
    VR_MEMBER_KEYS,  /* checks and handshake */
    VR_MEMBER_UP,
    VR_MEMBER_LEFT,
    VR_MEMBER_FAILED
};

/** What arrived within the measuring window; zeroed at its start. */
struct vr_member_counts {
    uint32_t packets;
    uint32_t bytes;
    uint32_t lost;      /* holes in the numbers, late ones taken off again */
    uint32_t reordered; /* older than the newest */
    uint32_t rtcp;
    uint32_t frames; /* sampled: Opus frames */
    uint32_t loud;   /* sampled: frames that were speech for sure */
    uint32_t unknown;
};

struct vr_member_stream {
    uint32_t ssrc;
    uint16_t newest;
    uint8_t used;
};

/** Shared by all members of a process. */
struct vr_member_kit {
    struct vr_keys_maker *maker;
    struct vr_marks *marks;
    float *delays_ms;
    size_t delay_count, delay_max;
    bool measuring;
    double drop; /* share of our datagrams that get lost, media only */
};

struct vr_member {
    struct vr_member_kit *kit;
    int fd;
    uint16_t port;
    bool sampled;
    bool greeted; /* the first flight of DTLS is out */
    enum vr_part part;
    enum vr_member_state state;
    uint32_t room;
    char ufrag[9], pwd[25];
    struct vr_seat seat;
    struct vr_remote remote;
    struct vr_keys *keys; /* during the handshake */
    srtp_t in, out;
    vr_time_us asked_at, seated_at, up_at, first_at, check_at, report_at;
    int64_t stamp_ns; /* of the datagram being read */
    struct vr_member_counts counts;
    struct vr_member_stream streams[VR_MEMBER_STREAMS];
    uint32_t sent_packets, sent_bytes; /* of a speaker */
};

/** A socket on `address`, any port. False with errno. */
bool vr_member_open(struct vr_member *member, struct vr_member_kit *kit, struct in_addr address);
void vr_member_close(struct vr_member *member);
/** Nothing but who he is and his resume token stays: as a page that was loaded again. */
bool vr_member_renew(struct vr_member *member);
/** The server is known: first check and first flight. NULL: failed. */
void vr_member_seated(struct vr_member *member, const struct vr_remote *remote, vr_time_us now);
/** A datagram to the server; `ctx` is the member. */
void vr_member_send(void *ctx, struct vr_bytes datagram);
/** Read all that waits. */
void vr_member_drain(struct vr_member *member, vr_time_us now);
/** Checks, repeats; cheap when nothing is due. */
void vr_member_care(struct vr_member *member, vr_time_us now);

struct vr_member_speech {
    struct vr_bytes opus;
    uint16_t seq;
    uint32_t ts;
    uint8_t level;
    bool marker;
};
/** False: this one was lost on purpose. */
bool vr_member_speak(struct vr_member *member, const struct vr_member_speech *speech);
/** A receiver report about every stream seen, or a sender report of a speaker. */
void vr_member_report(struct vr_member *member, vr_time_us now);

#endif
