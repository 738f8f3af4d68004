/* peer.h - what an engine keeps of one transport, in three arrays by index.
 *
 * cold: written at join and at the end of the handshake; hot: written by packets, two cache lines
 * by each one.
 * Both are plain, fixed in size and free of pointers: a keep holds them over a restart of the
 * process (keep.h). live: what is made again from the two: contexts, links, counters. */
#ifndef VR_MEDIA_PEER_H
#define VR_MEDIA_PEER_H

#include "actors/base/list.h"
#include "actors/media/capture.h"
#include "actors/media/dtls_handshake.h"
#include "actors/media/engine.h"
#include "actors/media/hearing.h"
#include "actors/media/listener.h"
#include "actors/media/shapes.h"
#include "actors/media/srtp.h"
#include "actors/media/srtp_seal.h"
#include "actors/media/stun.h"
#include "actors/wire/rtp.h"

#define VR_PEER_NONE UINT32_MAX
#define VR_PEER_SSRCS 4 /* distinct uplink SSRCs: each one costs a stream in libsrtp */

/** The other end of a transport. */
struct vr_tuple {
    uint8_t address[16]; /* IPv4 in the first 4 */
    uint16_t port;       /* network order */
    uint16_t family;     /* 0: none */
    uint32_t scope;
    uint32_t socket;
};

struct vr_peer_cold {
    struct vr_peer_conf conf;
    struct vr_srtp_keys keys; /* profile 0: no keys yet */
    uint16_t last_flight_size;
    uint8_t last_flight[VR_DTLS_LAST_FLIGHT_MAX];
    struct vr_seal_key seal; /* with GCM: of `keys`, derived */
    struct vr_seal_key seal_rtcp;
    uint32_t shard; /* its record in the keep */
    uint32_t used;
    uint64_t
        sum; /* of all before it, `session` and `generation` apart; right once there are keys */
    struct vr_tuple tuple;
    uint64_t tuple_sum; /* 0 while it is written */
};
_Static_assert(sizeof(struct vr_peer_cold) <= 896, "the cold record of a peer has its place");

/** A slot as it is sent to one peer: `shift` added to the slot's own index is the index on the
 * wire. It is set when the slot begins for the peer, and anew when he changes between packed and
 * single frames: what he gets has no hole, and no index is used twice. `wire` only grows, and is
 * stored before the packet is queued: a death between two of these stores repeats no index. */
struct vr_slot_out {
    uint64_t wire; /* the highest index on the wire */
    uint64_t shift : 48;
    uint64_t run : 16; /* packets that a late one may reach back: none before `shift` was set */
    uint32_t packets;  /* for sender reports; 0: the slot has not begun */
    uint32_t bytes;
};
_Static_assert(sizeof(struct vr_slot_out) == 24, "eight of them in three cache lines");

/** An SSRC that the client has sent by: what of it was here. */
struct vr_peer_in {
    uint32_t ssrc;
    uint32_t rtcp_next; /* highest SRTCP index + 1; 0: none */
    uint64_t rtp_next;  /* highest index + 1, when the peer went over to another SSRC; 0: none */
};
_Static_assert(sizeof(struct vr_peer_in) == 16, "four in a cache line");

/** Hot: the first line and one of the slots' lines is all that a packet to this peer touches. The
 * last but one is what a packet from this peer touches. */
struct vr_peer_hot {
    struct vr_hop hop; /* of the tuple; family 0: none */
    struct vr_seal_key seal;
    uint16_t shape;    /* of the header that he takes (shapes.h); VR_SHAPE_NONE: see cold */
    uint8_t sealed;    /* `seal` is set; else libsrtp protects */
    uint8_t red_depth; /* the listener's */

    struct vr_slot_out slots[VR_SLOTS_MAX];

    uint64_t
        in_index; /* highest authenticated, rollover << 16 | sequence; stored before any effect */
    vr_time_us checked_at; /* last valid check */
    vr_time_us tokens_at;  /* of the rate cap */
    uint32_t in_ssrc;
    uint32_t rtcp_out; /* SRTCP packets sent */
    uint32_t tokens_milli;
    uint8_t state; /* enum vr_peer_state */
    uint8_t in_started;
    uint8_t in_count;    /* of `ins` */
    uint8_t deaths;      /* of processes, over its packets */
    uint64_t up_number;  /* grows: which peer came up later */
    uint8_t flight_over; /* he has our last flight */
    uint8_t spare[15];

    struct vr_peer_in ins[VR_PEER_SSRCS]; /* libsrtp makes a stream for each */
};
_Static_assert(sizeof(struct vr_peer_hot) == 384, "six cache lines");

struct vr_level_meter;
struct vr_shard;
struct vr_participant;

struct vr_peer_live {
    struct vr_listener listener; /* of its shard */
    struct vr_path path;         /* of the tuple, as `send` wants it */
    struct vr_srtp *srtp;
    struct vr_dtls *dtls; /* only while the handshake runs */
    struct vr_engine *engine;
    struct vr_shard *shard;
    struct vr_participant *who;
    struct vr_list by_participant; /* of vr_participant.peers */
    struct vr_level_meter *meter;  /* only for senders without the level extension */
    uint32_t index;
    uint32_t next_tuple; /* hash chains */
    uint32_t next_ufrag;
    uint32_t next_id;
    uint32_t next_free;
    uint32_t handshake; /* place in the list of handshakes, + 1 */
    vr_time_us opened_at;
    vr_time_us flight_at; /* our last flight was repeated */
    vr_time_us dtls_due;  /* repeat of the running handshake's flight */
    vr_time_us dtls_wait;
    vr_time_us rtcp_due;
    vr_time_us sr_at;
    vr_time_us lossy_at; /* of the last report of much loss; 0: never */
    /* Of a restored peer (restore.c): */
    bool lazy; /* contexts are made when the first packet asks for them */
    bool restored;
    bool orphan;         /* nobody has adopted it yet */
    uint8_t unproved;    /* 1 + rejected in a row, until the first that authenticates; 0: proved */
    uint8_t floor_count; /* of `floors`: what was here before the restart is refused undecrypted */
    uint8_t reports_known; /* bit k: `lost_before` of slot k goes on from what the client tells */
    struct vr_peer_in floors[VR_PEER_SSRCS];

    uint32_t skipped; /* packets left encrypted, for the sample that keeps the rollover counter in
                         step */
    uint32_t meter_count;
    uint8_t meter_level;
    struct vr_rtp_source source;
    struct vr_capture capture;
    uint32_t sr_middle;                 /* of the client's last SR: for delay since it */
    uint32_t lost_before[VR_SLOTS_MAX]; /* cumulative loss last told, for the counter */
    struct vr_list asked;               /* vr_engine.asked, while a question waits */
    uint32_t sent_before;               /* packets of all slots at the last look */
    uint8_t question[VR_STUN_ID];
    struct vr_hearing hearing;
};

#endif
