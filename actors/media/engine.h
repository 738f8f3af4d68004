/* engine.h - everything a media worker does with packets: peers, shards, ICE-lite, DTLS, SRTP,
 * slots.
 *
 * No socket and no loop inside: datagrams go in with their 5-tuple and time, datagrams come out
 * through `send`. The edge (nodes/media_port.h) owns sockets, batches and the loop. One engine per
 * media worker; only that worker's thread touches it; shard actors (media/shard_actor.h) find it by
 * vr_worker_context. On the way of a packet: no allocation, no lock, no log line, no system call.
 */
#ifndef VR_MEDIA_ENGINE_H
#define VR_MEDIA_ENGINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/random.h"
#include "actors/messages/peer.h"

struct vr_worker;
struct vr_relay;
struct vr_actor_class;
struct vr_engine;
struct vr_dtls_identity; /* media/dtls.h: certificate and key, one per process */
struct vr_keep;          /* media/keep.h: memory that outlives the process */

/** In vr_path.socket: the edge carries it over a TCP connection (RFC 6544), which ends with the
 * process: a peer on such a path is found again by the next valid check only. */
#define VR_PATH_TCP 0x80000000u

/** Local and remote end of a datagram. `socket` is the edge's index of the socket it came by or
 * must leave by (one socket per advertised address). */
struct vr_path {
    struct sockaddr_storage remote;
    uint32_t socket;
};

/** The same, short: what a packet to many carries along. */
struct vr_hop {
    union {
        struct sockaddr any;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } remote; /* family AF_UNSPEC: nowhere */
    uint32_t socket;
};
_Static_assert(sizeof(struct vr_hop) == 32, "half a cache line");

/** Packing for an audience (docs/architecture.md, "Levers"): frames of 20 ms in one packet. */
enum vr_pack { VR_PACK_OFF = 0, VR_PACK_3 = 3, VR_PACK_6 = 6, VR_PACK_AUTO = 1 };

struct vr_engine_conf {
    struct vr_worker *worker; /* may be NULL in tests of the packet path alone */
    const struct vr_random *random;
    struct vr_dtls_identity *identity; /* borrowed */
    uint32_t peers_max;                /* 0: 20000 */
    vr_time_us consent_timeout;        /* no valid check for so long: closed (RFC 7675); 0: 30 s */
    vr_time_us silent_after;           /* told as VR_PEER_SILENT; 0: 15 s */
    /** Queue a datagram for the batch; copies. Called from input and tick only. */
    void (*send)(void *ctx, const struct vr_path *path, struct vr_bytes datagram);
    /** Queue datagrams to one place, which lie one behind the other, each `segment` bytes, only the
     * last may be shorter; copies. NULL: `send` is called for each. */
    void (*send_burst)(void *ctx, const struct vr_hop *hop, struct vr_bytes datagrams,
                       size_t segment);
    void *ctx;
    /** A packet for a shard on another node: to be sent by the end of this turn; borrowed. Called
     * from this worker's thread with the context below. NULL: there are no other nodes. */
    void (*link_out)(void *ctx, uint32_t shard, const struct vr_relay *relay);
    void *link_ctx;
    bool gso;          /* packets of several speakers are collected for up to 5 ms, evened out */
    enum vr_pack pack; /* for listeners that take it and do not speak */
    /** Where peers, gates and slots live; borrowed. NULL: they end with the process. What is found
     * there goes on at once, before any actor has spoken (docs/architecture.md, "Over a
     * restart"). */
    struct vr_keep *keep;
    uint32_t keep_worker; /* this engine's part of it */
    vr_time_us now;       /* when that is */
    vr_time_us
        adopt_within; /* a restored peer that nobody asks for in this time is closed: 0: 10 s */
};

/** Process-wide, once, before any engine: libsrtp with the OpenSSL plug-in, OpenSSL. Idempotent,
 * not thread-safe. */
VR_MUST_CHECK enum vr_err vr_engine_global_init(void);

VR_MUST_CHECK enum vr_err vr_engine_new(const struct vr_engine_conf *conf, struct vr_engine **out);
/** Closes all peers. To leave them to the next process over the same keep, the process is killed.
 */
void vr_engine_free(struct vr_engine *engine);
/** Over a keep, once, when `send` works and before the first input: what was under way to listeners
 * at the death goes out now. Nothing to do is fine. */
void vr_engine_go_on(struct vr_engine *engine, vr_time_us now);

/** One received datagram; may be overwritten (decrypted in place). `capacity` is the room behind
 * it. */
void vr_engine_input(struct vr_engine *engine, vr_time_us now, const struct vr_path *path,
                     uint8_t *data, size_t size, size_t capacity);
/** Has a peer here this ufrag of ours? */
bool vr_engine_knows(const struct vr_engine *engine, struct vr_bytes ufrag);
/** What is input from here on has lain with the edge for so long: round trips are told without it.
 * Until told otherwise; at first 0. */
void vr_engine_waited(struct vr_engine *engine, vr_time_us waited);
/** Timers: DTLS retransmission, consent, RTCP, levels. Call at vr_engine_deadline or later. */
void vr_engine_tick(struct vr_engine *engine, vr_time_us now);
/** The worker is awake: what would wake it within the next 10 ms happens now. Speech that is held
 * back waits its time all the same. */
void vr_engine_tick_early(struct vr_engine *engine, vr_time_us now);
/** Does nobody connect here or change his path at the moment? While somebody does, STUN is to be
 * read at once; else it may wait some 20 ms. */
bool vr_engine_settled(const struct vr_engine *engine, vr_time_us now);
/** The share of its time that the worker was busy lately, in per cent: decides about packing. */
void vr_engine_set_load(struct vr_engine *engine, uint32_t busy_percent);
vr_time_us vr_engine_deadline(const struct vr_engine *engine);

struct vr_engine_stats {
    uint64_t received, sent, bytes_in, bytes_out;
    uint64_t stun_in, stun_bad, dtls_in, dtls_failed;
    uint64_t unknown_source; /* not STUN, from no known 5-tuple */
    uint64_t srtp_rejected_auth, srtp_rejected_replay, srtp_malformed;
    uint64_t gated;      /* dropped because the gate is shut */
    uint64_t not_chosen; /* no slot: not decrypted or not forwarded */
    uint64_t forwarded;
    uint64_t relayed_in, relayed_out, pool_empty;
    uint64_t speaker_changes;
    uint64_t rtcp_in, rtcp_out;
    uint64_t lost_reported; /* by receivers, RFC 3550 6.4.1 */
    uint64_t uplink_lost;
    double jitter_seconds_sum; /* of receiver reports */
    uint64_t jitter_reports;
    uint64_t consent_lost, rate_capped;
    uint32_t peers, peers_up, shards;
    uint64_t forward_delay_us_bucket[12]; /* receive to send queued:
                                             <=50us,100,200,500,1ms,2,5,10,20,50,100,more */
    uint64_t bursts;                      /* several packets to one listener at once */
    uint64_t burst_packets;               /* in those */
    uint64_t padding_bytes;               /* added to even packets out */
    uint64_t packs;                       /* packets to listeners that hold several frames */
    uint64_t shut_dropped; /* frames of somebody muted that waited in a hold or a pack */
    uint64_t questions, questions_answered;      /* whether a transport hears (hearing.h) */
    uint64_t found_away, found_deaf, found_dumb; /* verdicts */
    uint64_t repairs_restart, repairs_rebuild;   /* asked of clients */
    uint64_t repairs_cured, repairs_given_up;    /* what came of them */
};
/** Racy but whole-word reads are fine for metrics: any thread. */
void vr_engine_stats(const struct vr_engine *engine, struct vr_engine_stats *out);

/** The class for VR_ACTOR_SHARD; its actors live on media workers whose context is a struct
 * vr_engine. */
const struct vr_actor_class *vr_shard_class(void);

#endif
