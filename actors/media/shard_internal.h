/* shard_internal.h - a shard's inside, shared by shard.c, shard_relay.c, shard_speakers.c and the
 * engine's uplink. */
#ifndef VR_MEDIA_SHARD_INTERNAL_H
#define VR_MEDIA_SHARD_INTERNAL_H

#include "actors/media/engine_internal.h"
#include "actors/media/relay_tree.h"
#include "actors/media/repair.h"
#include "actors/media/shard.h"

#define VR_PARTICIPANT_BUCKETS 64
#define VR_RED_KEEP 400 /* bytes of a frame kept for redundancy; longer ones go without */
#define VR_SOURCE_LOCAL UINT32_MAX
#define VR_SOURCE_STALE VR_SECONDS(2)

/** A frame that was sent, for the packets behind it. */
struct vr_kept_frame {
    uint64_t index; /* of the slot */
    uint32_t ts;
    vr_participant_id participant;
    uint16_t size; /* 0: nothing kept */
    uint8_t opus[VR_RED_KEEP];
};

/** A participant as this shard knows him: by a gate, by a transport, or by both. */
struct vr_participant {
    struct vr_participant *next; /* hash chain */
    struct vr_list peers;        /* vr_peer_live.by_participant */
    struct vr_list talking;      /* vr_shard.talkers, while he may send */
    struct vr_gate gate;
    struct vr_talker talker;
    struct vr_talker narrow; /* the same for vr_shard.narrow */
    uint32_t active;         /* the transport that counts, VR_PEER_NONE */
    uint32_t source_shard;   /* where his packets came from last: VR_SOURCE_LOCAL or a shard */
    uint32_t source_generation;
    vr_time_us gone_at;
    vr_time_us counted_at; /* spoken time is counted up to here */
    uint32_t spoke_us;
    struct vr_repair repair; /* of his active transport */
    uint32_t kept_gate;      /* the gate's record in the keep + 1; 0: none */
};

/** One other shard of the room that we send speech to or that sends to us. A listener of local
 * speech, and of what is handed on. */
struct vr_link {
    struct vr_listener listener;
    struct vr_shard *owner;
    uint32_t shard;
    struct vr_relay_way way;
    vr_time_us summary_at; /* 0: none yet */
    bool deaf;             /* its summary said that nobody hears there */
    uint32_t holder_count; /* of those that speak there */
    struct vr_speaker holders[VR_SLOTS_MAX];
    struct {
        vr_participant_id participant; /* 0: unused */
        bool paused; /* something of his was left out since: the next one is marked */
        vr_time_us sent_at;
        int16_t level;
    } sent[VR_SLOTS_MAX];
};

enum vr_hear_mode { VR_HEAR_SHUT, VR_HEAR_WIDE, VR_HEAR_NARROW };

/** A listener as the walk over all of them reads it, in order: four to a cache line. */
struct vr_hear {
    vr_participant_id participant;
    uint32_t peer; /* VR_PEER_NONE: by the listener's ops */
    uint8_t mode;  /* enum vr_hear_mode */
    uint8_t slot_count;
    uint8_t packed;   /* bit k: gets slot k packed */
    uint8_t may_pack; /* takes packed slots, and does not speak */
};

struct vr_hold;  /* shard_out.c */
struct vr_packs; /* shard_pack.c */

struct vr_shard {
    struct vr_list link; /* vr_engine.shards */
    struct vr_engine *engine;
    struct vr_shard_conf conf;
    struct vr_keep_shard *keep; /* NULL: without a keep */
    bool orphan;                /* restored, and no actor has come for it yet */
    struct vr_slots slots;
    struct vr_slots narrow; /* one slot, the loudest: for players with one receiving section */
    uint32_t narrow_listeners;
    struct vr_participant *participants[VR_PARTICIPANT_BUCKETS];
    uint32_t participant_count;
    struct vr_list talkers; /* vr_participant.talking */

    struct vr_listener **listeners; /* of slots: the peers */
    struct vr_hear *hears;          /* the same order */
    uint32_t listener_count;
    uint32_t open_listeners; /* of those, who hear something now */
    uint32_t listener_max;
    uint32_t red_listeners[VR_RED_DEPTH_MAX]; /* of those, who want so many older frames */

    struct { /* the newest frames out of each slot, in a ring, for redundancy */
        uint32_t newest;
        struct vr_kept_frame frames[VR_RED_DEPTH_MAX];
    } kept[VR_SLOTS_MAX];

    struct vr_list waiting; /* vr_engine.waiting, while something is held back or being packed */
    struct vr_hold *hold;   /* NULL: packets leave at once */
    struct vr_packs *packs; /* NULL: no packing */

    struct vr_shard_set *set;
    struct vr_link *links; /* one per other shard that is near */
    uint32_t link_count;
    struct vr_relay_tree tree; /* of `set` */
    vr_time_us levels_at;      /* 0: at once */
    vr_time_us loud_at;        /* somebody spoke, or there was news */
    uint64_t levels_changes;
    bool levels_deaf; /* what was told */

    vr_time_us speakers_at;
    uint64_t speakers_hash; /* of the last report's set */
};

struct vr_participant *vr_shard_find(const struct vr_shard *shard, vr_participant_id id);
/** NULL: memory is out. */
struct vr_participant *vr_shard_find_or_add(struct vr_shard *shard, vr_participant_id id);
void vr_shard_forget(struct vr_shard *shard, struct vr_participant *who);
void vr_shard_open_listener(struct vr_shard *shard, struct vr_listener *listener, bool open);
/** Is `peer` the transport through which its participant speaks and hears now? */
static inline bool vr_shard_is_active(const struct vr_peer_live *live)
{
    return live->who != NULL && live->who->active == live->index;
}
/** A peer's state or a gate has changed: choose the active transport, open and shut listeners. */
void vr_shard_refresh(struct vr_shard *shard, struct vr_participant *who);
/** He said goodbye: his slot is free at once. His transport stays. */
void vr_shard_left(struct vr_shard *shard, struct vr_participant *who);
/** What a listener with redundancy should get from now on; 1 to VR_RED_DEPTH_MAX. */
void vr_shard_red_depth(struct vr_shard *shard, struct vr_listener *listener, uint8_t depth);
void vr_shard_peer_moved(struct vr_shard *shard, uint32_t peer, enum vr_peer_state state);
/** Before the peer's memory goes. */
void vr_shard_peer_forget(struct vr_shard *shard, uint32_t peer);

/** His next packet begins new numbers: another transport, another SSRC, a link's pause. */
void vr_participant_break(struct vr_participant *who);

/** Could a packet of this level be heard, here or elsewhere? */
bool vr_shard_reachable(const struct vr_shard *shard, const struct vr_participant *who,
                        uint8_t level, vr_time_us now);
/** Authenticated local speech, the gate asked. */
void vr_shard_speech(struct vr_shard *shard, vr_time_us now, const struct vr_speech *speech);
/** False: speech from this source does not count now (an older session of his). */
bool vr_shard_source(struct vr_participant *who, uint32_t shard, uint32_t generation,
                     vr_time_us now);
/** Choice, numbers, and out to the listeners; for local and relayed speech. False: it was here
 * before. */
bool vr_shard_hear(struct vr_shard *shard, vr_time_us now, const struct vr_speech *speech);

/* shard_out.c: to the listeners, at once or after a short hold. */
VR_MUST_CHECK enum vr_err vr_shard_out_open(struct vr_shard *shard);
void vr_shard_out_close(struct vr_shard *shard);
void vr_shard_out(struct vr_shard *shard, const struct vr_slot_packet *packet);
/** The listener's part in the walk follows from what is known of him. */
void vr_shard_hear_sync(struct vr_shard *shard, struct vr_listener *listener);
/** What waits is due: returns when to be called again, VR_NEVER when nothing waits. */
vr_time_us vr_shard_wait_over(struct vr_shard *shard, vr_time_us now);
/** Nothing of his that waits may leave any more; the numbers close up. */
void vr_shard_drop_waiting(struct vr_shard *shard, vr_participant_id participant);
/** What is held leaves now: before the listeners that it is for change. */
void vr_shard_let_go(struct vr_shard *shard);
/** Called when something begins to wait. */
void vr_shard_waits(struct vr_shard *shard, vr_time_us until);

/* shard_pack.c: frames of a slot collected for those who take them packed. */
VR_MUST_CHECK enum vr_err vr_packs_open(struct vr_shard *shard);
void vr_packs_close(struct vr_shard *shard);
/** A frame of a slot is on its way to the others; `before`: when the slot's last one was. */
void vr_packs_frame(struct vr_shard *shard, const struct vr_slot_packet *packet, vr_time_us before);
vr_time_us vr_packs_tick(struct vr_shard *shard, vr_time_us now);
void vr_packs_drop(struct vr_shard *shard, vr_participant_id participant);
/** A listener begins, ends, or may not be packed any more. */
void vr_packs_join(struct vr_shard *shard, struct vr_hear *hear);
void vr_packs_leave(struct vr_shard *shard, struct vr_hear *hear);
/** What is beside speech may be seldom for him: he gets packed frames since the node is stressed
 * (level 6), or since its operator says so (a fixed `media_pack`); not in a large room on a calm
 * node. */
bool vr_packs_spare(const struct vr_shard *shard, const struct vr_listener *listener);
/** How much to pack by now (VR_PACK_AUTO follows audience and load). */
void vr_packs_decide(struct vr_shard *shard);

/* shard_keep.c */
/** Of a restored shard whose actor has not come yet: nothing goes out but to its own listeners. */
extern const struct vr_shard_ops vr_orphan_ops;
/* Into the keep. All do nothing without one. */
/** Of the keep, for a shard; NULL: none, or no place there. */
struct vr_keep_shard *vr_kept_shard_open(struct vr_engine *engine,
                                         const struct vr_shard_conf *conf);
void vr_shard_keep_close(struct vr_shard *shard);
/** Of its record; VR_KEEP_NONE. */
uint32_t vr_shard_keep_number(const struct vr_shard *shard);
void vr_shard_keep_set(struct vr_shard *shard);
/** Before it is obeyed. */
void vr_shard_keep_gate(struct vr_shard *shard, struct vr_participant *who,
                        const struct vr_gate *gate);
void vr_shard_keep_forget(struct vr_shard *shard, struct vr_participant *who);
/** The slot that he holds has moved on; before the packet leaves. */
void vr_shard_keep_slot(struct vr_shard *shard, const struct vr_participant *who, bool narrow);
/** A packet that will leave; its number for vr_slot_packet.frame. */
uint8_t vr_shard_keep_frame(struct vr_shard *shard, const struct vr_slot_packet *packet,
                            uint32_t generation);
/** It has left to all its listeners, or never will. */
void vr_shard_frame_left(struct vr_shard *shard, const struct vr_slot_packet *packet);
/** And back, with gates and peers there: restore.c. */
void vr_shard_slots_back(struct vr_shard *shard);
void vr_shard_again(struct vr_shard *shard, const struct vr_keep_frame *frame);
/** The restored shard that `conf` names; NULL: none waits. */
struct vr_shard *vr_shard_adopt(struct vr_engine *engine, const struct vr_shard_conf *conf);
VR_MUST_CHECK enum vr_err vr_shard_adopt_peer(struct vr_shard *shard, uint32_t peer,
                                              const struct vr_peer_conf *conf);
/** Without a look at what was restored; `record` may be NULL. */
VR_MUST_CHECK enum vr_err vr_shard_make(struct vr_engine *engine, const struct vr_shard_conf *conf,
                                        struct vr_keep_shard *record, struct vr_shard **out);
/** A gate as it was found in the keep, at the record's number. */
VR_MUST_CHECK enum vr_err vr_shard_gate_back(struct vr_shard *shard, vr_participant_id participant,
                                             const struct vr_gate *gate, uint32_t record);
/** The peer's record is filled and in the engine's tables: it becomes one of the shard's. */
VR_MUST_CHECK enum vr_err vr_shard_peer_place(struct vr_shard *shard, uint32_t peer);
/** Everything that was restored is looked at: who is active, who hears. */
void vr_shard_refresh_all(struct vr_shard *shard);

void vr_shard_tick(struct vr_shard *shard, vr_time_us now);
void vr_shard_links_tick(struct vr_shard *shard, vr_time_us now);
void vr_shard_links_free(struct vr_shard *shard);
/** Its last summary is not too old to go by. */
bool vr_link_fresh(const struct vr_link *link, vr_time_us now);
bool vr_link_wants(const struct vr_link *link, const struct vr_talker *talker, int level,
                   vr_time_us now);
void vr_shard_speakers_tick(struct vr_shard *shard, vr_time_us now);
void vr_shard_count_spoken(struct vr_participant *who, uint8_t level, vr_time_us now);

#endif
