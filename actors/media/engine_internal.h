/* engine_internal.h - the engine's inside, shared by its own files and by nobody else:
 * engine.c (in and out, timers), states.c (of peers), peers.c (tables), ice.c, handshake.c,
 * uplink_open.c, uplink.c, downlink.c, restore.c (what a keep holds). */
#ifndef VR_MEDIA_ENGINE_INTERNAL_H
#define VR_MEDIA_ENGINE_INTERNAL_H

#include "actors/base/assert.h"
#include "actors/base/list.h"
#include "actors/base/owner.h"
#include "actors/media/engine.h"
#include "actors/media/forms.h"
#include "actors/media/keep_layout.h"
#include "actors/media/level_meter.h"
#include "actors/media/peer.h"
#include "actors/media/relay_pool.h"
#include "actors/media/shard.h"
#include "actors/media/stun.h"

#define VR_TICK VR_MS(50)
#define VR_TICK_EARLY VR_MS(10) /* so much sooner, when the worker is awake anyway */
#define VR_TICK_SLICES 20       /* each peer is looked at once in 20 ticks: once a second */
#define VR_HANDSHAKES_MAX 1024  /* at once; 55 KB each */
#define VR_HANDSHAKE_TIME VR_SECONDS(30)
#define VR_PROOF_TIME VR_SECONDS(15) /* from posted to the first valid check */
/* Checks are to be answered at once for so long after somebody came up or changed his path: he may
 * still choose among several. */
#define VR_SETTLING VR_MS(500)
#define VR_PACKET_MAX 2048
#define VR_UPLINK_PPS 200
#define VR_UPLINK_BURST 100
#define VR_SAMPLE 2000 /* one packet in so many is decrypted although nobody will hear it */
/* A receiver that reports so many per cent of loss gets two older frames a packet, and keeps
 * getting them for so long after the last such report. */
#define VR_LOSS_MANY 2
#define VR_LOSS_HOLD VR_SECONDS(15)
/* Of the packets of a sender without level extension, one in so many is decoded. */
#define VR_METER_EVERY 5
/* A network of ours that was away for a moment looks as if everybody had become deaf: no more
 * repairs than so many at once, and so many a second. */
#define VR_REPAIRS_BURST 10
#define VR_REPAIRS_PER_SECOND 2

struct vr_engine {
    struct vr_engine_conf conf;
    struct vr_engine_stats stats;
    struct vr_stun *stun;
    struct vr_relay_pool *pool;
    const struct vr_clock *clock; /* for the histogram alone; NULL in tests without a worker */

    struct vr_peer_cold *cold;
    struct vr_peer_hot *hot;
    struct vr_peer_live *live;
    struct vr_keep_part kept; /* where they lie; all NULL without a keep */
    uint32_t thread;          /* gettid of who calls */
    uint32_t *gates_free;     /* records of gates: a stack */
    uint32_t gates_free_count;
    uint32_t shards_free; /* records of shards below are in use */
    vr_time_us restored_at;
    bool orphans;       /* restored peers or shards that nobody has adopted yet */
    bool again;         /* what goes out now may have gone out before the restart */
    uint32_t high;      /* indices below were used at some time */
    uint32_t free_head; /* VR_PEER_NONE: none */
    uint64_t hash_key;
    uint32_t buckets; /* power of two */
    uint32_t *by_tuple;
    uint32_t *by_ufrag;
    uint32_t *by_id;

    uint32_t handshakes[VR_HANDSHAKES_MAX];
    uint32_t handshake_count;
    uint64_t ups; /* counts peers that came up */

    struct vr_list asked;   /* vr_peer_live.asked: whose answer is waited for */
    vr_time_us repairs_at;  /* of the bound on repairs */
    uint32_t repairs_milli; /* how many are possible now */
    uint32_t rounds;        /* of looks at all peers */
    struct vr_list shards;  /* vr_shard.link */
    struct vr_list waiting; /* vr_shard.waiting */
    vr_time_us wait_over;   /* the earliest of them, or before it; VR_NEVER */
    struct vr_opus_packer *packer;
    uint8_t packed[VR_PACKET_MAX];
    vr_time_us next_tick;
    vr_time_us unsettled_at; /* when last a peer came up or changed his path */
    vr_time_us now;          /* of the input or tick under way */
    uint32_t slice;
    uint32_t delay_sample;
    uint32_t checked;   /* the peer that vr_stun asked about */
    uint32_t answering; /* the peer whose handshake writes */
    vr_time_us waited;  /* what this input lay with the edge */
    bool made_up;       /* something was forwarded by this input */
    uint8_t scratch[VR_PACKET_MAX];
    uint8_t red[VR_RED_DEPTH_MAX][VR_PACKET_MAX];
    uint32_t busy_percent; /* of the worker */
    struct vr_sealer *sealer;
    struct vr_shapes shapes;
    struct vr_forms forms; /* of the burst under way */
    uint8_t burst[VR_BURST_MAX * VR_PACKET_MAX];
};

/* restore.c */
/** Everything that the keep holds lives again: shards, gates, peers, slots. Before anything else
 * happens to the engine. */
VR_MUST_CHECK enum vr_err vr_restore(struct vr_engine *engine);
bool vr_restore_contexts(struct vr_engine *engine, uint32_t peer);
/** Each second: who was adopted by nobody ends. */
void vr_restore_tick(struct vr_engine *engine);
/* restore_judge.c */
uint64_t vr_peer_sum(const struct vr_peer_cold *cold);
bool vr_peer_cold_is_sound(const struct vr_peer_cold *cold);
bool vr_peer_hot_is_sound(const struct vr_peer_hot *hot, vr_time_us now);
/* peers.c */
bool vr_peers_init(struct vr_engine *engine);
void vr_peers_deinit(struct vr_engine *engine);
/** A fresh record in all tables but the tuple's; VR_PEER_NONE when full. */
uint32_t vr_peers_add(struct vr_engine *engine, const struct vr_peer_conf *conf, vr_time_us now);
/** The record `peer` was filled by a former process: into all tables, by its tuple too. */
void vr_peers_take(struct vr_engine *engine, uint32_t peer, vr_time_us now);
/** Nothing is there any more, and the place may be used. */
void vr_peers_clear(struct vr_engine *engine, uint32_t peer);
uint64_t vr_tuple_sum(const struct vr_tuple *tuple);
void vr_peers_remove(struct vr_engine *engine, uint32_t peer);
uint32_t vr_peers_by_path(const struct vr_engine *engine, const struct vr_path *path);
uint32_t vr_peers_by_ufrag(const struct vr_engine *engine, struct vr_bytes ufrag);
uint32_t vr_peers_by_id(const struct vr_engine *engine, struct vr_id id);
/** Bind the peer to a 5-tuple; who had it before loses it. */
void vr_peers_bind(struct vr_engine *engine, uint32_t peer, const struct vr_path *path);
void vr_peers_unbind(struct vr_engine *engine, uint32_t peer);
bool vr_path_equal(const struct vr_path *a, const struct vr_path *b);

/* engine.c */
void vr_engine_send(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram);
/** The one place where a peer's state changes: tables of moves, tells the shard. FAILED and CLOSED
 * free the peer. */
void vr_peer_move(struct vr_engine *engine, uint32_t peer, enum vr_peer_state state);
/** Keys are there (handshake or taken over): contexts made, state UP. */
void vr_peer_up(struct vr_engine *engine, uint32_t peer);
/** Are there keys, and contexts of them? Those of a restored peer are made here, when they are
 * asked for. */
static inline bool vr_peer_keyed(struct vr_engine *engine, uint32_t peer)
{
    return engine->live[peer].srtp != NULL ||
           (engine->live[peer].lazy && vr_restore_contexts(engine, peer));
}
/** Make sure that the tick runs. */
void vr_engine_wake(struct vr_engine *engine, vr_time_us now);

/* ice.c */
void vr_ice_input(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram);

/* handshake.c */
void vr_handshake_input(struct vr_engine *engine, uint32_t peer, struct vr_bytes datagram);
void vr_handshake_tick(struct vr_engine *engine);
void vr_handshake_drop(struct vr_engine *engine, uint32_t peer);

/* probe.c */
/** Once a second for each peer that is up. */
void vr_probe_look(struct vr_engine *engine, uint32_t peer);
/** Each tick: questions that wait. */
void vr_probe_tick(struct vr_engine *engine);
/** Is this datagram the answer to a question? */
bool vr_probe_input(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram);

/* uplink.c */
void vr_uplink_rtp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t size);
void vr_uplink_rtcp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t size);

/* uplink_open.c */
bool vr_uplink_within_rate(struct vr_engine *engine, struct vr_peer_hot *hot);
/** Decrypt in place. False: nothing of it may be looked at, and the peer may be gone. */
bool vr_uplink_open_rtp(struct vr_engine *engine, uint32_t peer, const struct vr_rtp *head,
                        uint8_t *data, size_t *size);
bool vr_uplink_open_rtcp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t *size);
/** The 48-bit index of a packet that was opened, stored. */
uint64_t vr_uplink_advance(struct vr_peer_hot *hot, const struct vr_rtp *rtp, bool *restarted);

/* downlink.c */
extern const struct vr_listener_ops vr_peer_listener_ops;
/** The packets of engine.forms that `mask` names, to one peer; equal ones leave as one burst. */
void vr_downlink_send(struct vr_engine *engine, uint32_t peer, uint32_t mask);
/** A packet of `slot` to this peer comes soon: 20 ms have made its memory cold. */
void vr_downlink_prefetch(const struct vr_engine *engine, uint32_t peer, uint32_t slot);
void vr_reports_send(struct vr_engine *engine, uint32_t peer);

#endif
