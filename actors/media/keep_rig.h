/* keep_rig.h - for tests: an engine that dies at any datagram it sends, and another that goes on
 * over the same memory; a sniffer that knows each SRTP index that was ever on the wire.
 *
 * A death is an image of the memory, taken at that moment. What the engine does after it is seen by
 * nobody; what is sent to it waits, as in the socket of a parent. */
#ifndef VR_MEDIA_KEEP_RIG_H
#define VR_MEDIA_KEEP_RIG_H

#include <sys/mman.h>

#include "actors/media/engine_rig.h"
#include "actors/media/keep.h"

#define KEEP_WIRE (1u << 19)
#define KEEP_WAITING 4096

struct wire_seen {
    uint64_t key; /* 0: free */
    uint64_t hash;
};

struct keep_rig {
    struct rig *rig;
    uint8_t *memory;
    uint8_t *image;
    size_t size;
    struct vr_id boot;
    bool empty;
    enum vr_keep_found found;
    bool dead;
    uint32_t die_at; /* the so many-th datagram out from now on does not leave; 0: none */
    uint32_t deaths;
    bool nobody_adopts;
    struct rig_datagram *waiting;
    uint32_t waiting_count;
    bool (*lose)(struct rig *rig, const struct rig_datagram *datagram); /* beside */

    struct wire_seen *wire;
    uint64_t highest[RIG_PEOPLE][VR_SLOTS_MAX + 1]; /* unwrapped; 0: none */
    uint32_t twice;                                 /* an index came again, with other bytes */
    uint32_t repeated;                              /* with the same bytes */
    uint64_t rtp_out, rtcp_out;
};

/* ---- the sniffer ---- */

static inline uint64_t keep_hash(struct vr_bytes data)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < data.size; i++) {
        h = (h ^ data.data[i]) * 1099511628211u;
    }
    return h;
}

static inline void keep_note(struct keep_rig *keep, uint64_t key, struct vr_bytes data)
{
    uint64_t hash = keep_hash(data);
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 45);

    while (keep->wire[at].key != 0 && keep->wire[at].key != key) {
        at = (at + 1) % KEEP_WIRE;
    }
    if (keep->wire[at].key == key) {
        keep->twice += keep->wire[at].hash != hash;
        keep->repeated += keep->wire[at].hash == hash;
    }
    keep->wire[at] = (struct wire_seen){key, hash};
}

static inline void keep_sniff(struct keep_rig *keep, uint32_t person, struct vr_bytes data)
{
    const char *profile = vr_client_profile(keep->rig->people[person]->client);
    bool gcm = profile == NULL || strstr(profile, "GCM") != NULL;

    if (data.data[0] < 128 || data.data[0] > 191 || data.size < 24) {
        return;
    }
    if (data.data[1] >= 192 && data.data[1] <= 223) {
        uint32_t index = vr_get32(data.data + data.size - (gcm ? 4 : 14)) & 0x7fffffff;

        keep->rtcp_out++;
        keep_note(keep, (uint64_t)(person + 1) << 56 | 0xffull << 48 | index, data);
    } else {
        uint32_t slot = vr_get32(data.data + 8) - VR_SLOT_SSRC;
        uint64_t *highest = &keep->highest[person][slot];
        uint64_t index = *highest == 0 ? 65536ull + vr_get16(data.data + 2)
                                       : vr_rtp_index(*highest, vr_get16(data.data + 2));

        *highest = index > *highest ? index : *highest;
        keep->rtp_out++;
        keep_note(keep, (uint64_t)(person + 1) << 56 | (uint64_t)slot << 48 | index, data);
    }
}

/* ---- death ---- */

static inline void keep_die(struct keep_rig *keep)
{
    memcpy(keep->image, keep->memory, keep->size);
    keep->dead = true;
    keep->die_at = 0;
    keep->deaths++;
}

static inline bool keep_out(struct rig_node *node, const struct vr_path *path, struct vr_bytes data)
{
    struct keep_rig *keep = node->rig->test;

    if (keep->die_at > 0 && --keep->die_at == 0) {
        keep_die(keep);
    }
    if (keep->dead) {
        return false;
    }
    for (uint32_t i = 0; i < node->rig->people_count; i++) {
        if (memcmp(&node->rig->people[i]->path.remote, &path->remote, sizeof path->remote) == 0) {
            keep_sniff(keep, i, data);
        }
    }
    return true;
}

static inline bool keep_wait(struct rig *rig, const struct rig_datagram *d)
{
    struct keep_rig *keep = rig->test;

    if (keep->dead && d->to < 0) {
        if (keep->waiting_count == KEEP_WAITING) {
            abort();
        }
        keep->waiting[keep->waiting_count++] = *d;
        return true;
    }
    return keep->lose != NULL && keep->lose(rig, d);
}

static inline void keep_open(struct keep_rig *keep)
{
    struct vr_keep_conf conf = {.memory = keep->memory,
                                .size = keep->size,
                                .workers = 1,
                                .peers_max = 64,
                                .boot = keep->boot,
                                .empty = keep->empty};

    if (vr_keep_open(&conf, &keep->rig->keep, &keep->found) != VR_OK) {
        abort();
    }
}

/* The process is gone; what it would have told or written since is not. Nothing lives yet. */
static inline void keep_bury(struct keep_rig *keep)
{
    enum vr_peer_state state[RIG_PEOPLE];
    uint32_t states[RIG_PEOPLE];

    if (!keep->dead) {
        keep_die(keep);
    }
    for (uint32_t i = 0; i < keep->rig->people_count; i++) {
        state[i] = keep->rig->people[i]->state;
        states[i] = keep->rig->people[i]->states;
    }
    vr_engine_free(keep->rig->nodes[0].engine);
    keep->rig->nodes[0].engine = NULL;
    vr_keep_close(keep->rig->keep);
    for (uint32_t i = 0; i < keep->rig->people_count; i++) {
        keep->rig->people[i]->state = state[i];
        keep->rig->people[i]->states = states[i];
    }
    memcpy(keep->memory, keep->image, keep->size);
}

/* The next one, up to where its actors have come; what waited comes in. */
static inline void keep_rise(struct keep_rig *keep)
{
    keep_open(keep);
    rig_start_node(&keep->rig->nodes[0]);
    keep->dead = false;
    vr_engine_go_on(keep->rig->nodes[0].engine, keep->rig->now);
    rig_pump(keep->rig);
    for (uint32_t i = 0; i < keep->waiting_count && !keep->dead; i++) {
        rig_deliver(keep->rig, &keep->waiting[i]);
        rig_pump(keep->rig);
    }
    keep->waiting_count = 0;
    for (uint32_t i = 0; i < keep->rig->people_count && !keep->nobody_adopts; i++) {
        struct rig_person *person = keep->rig->people[i];

        if (person->state == VR_PEER_UP &&
            vr_shard_peer_open(person->node->shard, &person->conf, keep->rig->now) != VR_OK) {
            abort();
        }
    }
}

static inline void keep_kill(struct keep_rig *keep)
{
    keep_bury(keep);
    keep_rise(keep);
}

static inline struct vr_keep_restored keep_restored(const struct keep_rig *keep)
{
    struct vr_keep_restored restored;

    vr_keep_restored(keep->rig->keep, 0, &restored);
    return restored;
}

/* ---- life ---- */

/* What a child writes is seen by the test. */
static inline void *keep_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        abort();
    }
    return memory;
}

static inline struct keep_rig *keep_rig_new(uint64_t seed, bool gso, enum vr_pack pack)
{
    struct keep_rig *keep = keep_shared(sizeof *keep);

    keep->rig = rig_new_bare(seed, gso, pack);
    keep->rig->test = keep;
    keep->rig->out = keep_out;
    keep->rig->lose = keep_wait;
    keep->size = vr_keep_size(1, 64);
    keep->memory = keep_shared(keep->size);
    keep->image = malloc(keep->size);
    keep->waiting = calloc(KEEP_WAITING, sizeof *keep->waiting);
    keep->wire = calloc(KEEP_WIRE, sizeof *keep->wire);
    keep->boot = (struct vr_id){5, 5};
    keep_open(keep);
    rig_add_node(keep->rig, 1);
    return keep;
}

static inline void keep_rig_free(struct keep_rig *keep)
{
    struct vr_keep *opened = keep->rig->keep;

    rig_free(keep->rig);
    vr_keep_close(opened);
    munmap(keep->memory, keep->size);
    free(keep->image);
    free(keep->waiting);
    free(keep->wire);
    munmap(keep, sizeof *keep);
}

#endif
