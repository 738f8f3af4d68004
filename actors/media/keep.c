#include "actors/media/keep.h"

#include <stdlib.h>
#include <string.h>

#include "actors/media/keep_layout.h"

#define ALIGN 4096u

struct vr_keep {
    struct vr_keep_conf conf;
    struct vr_keep_restored restored[VR_KEEP_WORKERS_MAX];
};

/* ---- where everything lies ---- */

struct layout {
    size_t cold, hot, gates, shards, frames, port, worker; /* offsets; the last: size of all */
};

static size_t rounded(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static struct layout layout_of(uint32_t peers_max)
{
    struct layout at;

    at.cold = rounded(sizeof(struct vr_keep_head));
    at.hot = at.cold + rounded((size_t)peers_max * sizeof(struct vr_peer_cold));
    at.gates = at.hot + rounded((size_t)peers_max * sizeof(struct vr_peer_hot));
    at.shards = at.gates +
                rounded((size_t)peers_max * VR_KEEP_GATES_PER_PEER * sizeof(struct vr_keep_gate));
    at.frames = at.shards + rounded((size_t)peers_max * sizeof(struct vr_keep_shard));
    at.port = at.frames + rounded(VR_KEEP_FRAMES * sizeof(struct vr_keep_frame));
    at.worker = at.port + VR_KEEP_PORT_BYTES;
    return at;
}

size_t vr_keep_size(uint32_t workers, uint32_t peers_max)
{
    return ALIGN + workers * layout_of(peers_max).worker;
}

static uint8_t *worker_at(void *memory, uint32_t peers_max, uint32_t worker)
{
    return (uint8_t *)memory + ALIGN + worker * layout_of(peers_max).worker;
}

bool vr_keep_part(struct vr_keep *keep, uint32_t worker, uint32_t peers_max,
                  struct vr_keep_part *out)
{
    struct layout at = layout_of(peers_max);
    uint8_t *base;

    memset(out, 0, sizeof *out);
    if (keep == NULL || worker >= keep->conf.workers || peers_max != keep->conf.peers_max) {
        return false;
    }
    base = worker_at(keep->conf.memory, peers_max, worker);
    *out = (struct vr_keep_part){
        .head = (struct vr_keep_head *)base,
        .cold = (struct vr_peer_cold *)(base + at.cold),
        .hot = (struct vr_peer_hot *)(base + at.hot),
        .gates = (struct vr_keep_gate *)(base + at.gates),
        .shards = (struct vr_keep_shard *)(base + at.shards),
        .frames = (struct vr_keep_frame *)(base + at.frames),
        .port = base + at.port,
        .peers_max = peers_max,
        .gates_max = peers_max * VR_KEEP_GATES_PER_PEER,
        .shards_max = peers_max,
        .restored = &keep->restored[worker],
    };
    return true;
}

void *vr_keep_port(struct vr_keep *keep, uint32_t worker)
{
    struct vr_keep_part part;

    return vr_keep_part(keep, worker, keep->conf.peers_max, &part) ? part.port : NULL;
}

/* ---- sums ---- */

uint64_t vr_keep_sum(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t h = 0x9e3779b97f4a7c15u ^ size;

    while (size > 0) {
        uint64_t word = 0;
        size_t n = size < sizeof word ? size : sizeof word;

        memcpy(&word, p, n);
        h = (h ^ word) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
        p += n;
        size -= n;
    }
    return h * 0x94d049bb133111ebu;
}

/* ---- the header ---- */

static struct vr_keep_header header_of(const struct vr_keep_conf *conf)
{
    struct vr_keep_header header;

    memset(&header, 0, sizeof header);
    header.magic = VR_KEEP_MAGIC;
    header.layout = VR_KEEP_LAYOUT;
    header.workers = conf->workers;
    header.peers_max = conf->peers_max;
    header.cold_size = sizeof(struct vr_peer_cold);
    header.hot_size = sizeof(struct vr_peer_hot);
    header.boot = conf->boot;
    header.sum = vr_keep_sum(&header, offsetof(struct vr_keep_header, sum));
    return header;
}

static enum vr_keep_found look(const struct vr_keep_conf *conf)
{
    struct vr_keep_header is;
    struct vr_keep_header wanted = header_of(conf);

    memcpy(&is, conf->memory, sizeof is);
    if (is.magic == 0) {
        return VR_KEEP_NEW;
    }
    if (is.magic != VR_KEEP_MAGIC ||
        is.sum != vr_keep_sum(&is, offsetof(struct vr_keep_header, sum))) {
        return VR_KEEP_DAMAGED;
    }
    if (is.layout != wanted.layout || is.workers != wanted.workers ||
        is.peers_max != wanted.peers_max || is.cold_size != wanted.cold_size ||
        is.hot_size != wanted.hot_size) {
        return VR_KEEP_OTHER;
    }
    return vr_id_equal(is.boot, wanted.boot) ? VR_KEEP_GOES_ON : VR_KEEP_OTHER_BOOT;
}

/* What was used is cleared and no more: touching a page of the mapping makes it. Records lie below
 * the marks; marks that nobody can believe clear it all. The head goes last: a death in between
 * leaves it, and the next process finds a memory that is new but not untouched. */
static void clear_worker(struct vr_keep *keep, uint32_t worker, bool all)
{
    static const struct vr_keep_head untouched;
    struct layout at = layout_of(keep->conf.peers_max);
    struct vr_keep_part part;

    (void)vr_keep_part(keep, worker, keep->conf.peers_max, &part);
    if (memcmp(part.head, &untouched, sizeof untouched) == 0) {
        return;
    }
    if (all || part.head->peers_high > part.peers_max || part.head->gates_high > part.gates_max ||
        part.head->shards_high > part.shards_max) {
        memset(part.head, 0, at.worker);
        return;
    }
    memset(part.cold, 0, part.head->peers_high * sizeof *part.cold);
    memset(part.hot, 0, part.head->peers_high * sizeof *part.hot);
    memset(part.gates, 0, part.head->gates_high * sizeof *part.gates);
    memset(part.shards, 0, part.head->shards_high * sizeof *part.shards);
    memset(part.frames, 0, VR_KEEP_FRAMES * sizeof *part.frames);
    memset(part.port, 0, VR_KEEP_PORT_BYTES);
    memset(part.head, 0, sizeof *part.head);
}

static void start_empty(struct vr_keep *keep, enum vr_keep_found found)
{
    struct vr_keep_header *header = keep->conf.memory;
    struct vr_keep_header wanted = header_of(&keep->conf);
    bool same = found == VR_KEEP_NEW || found == VR_KEEP_EMPTIED || found == VR_KEEP_OTHER_BOOT;

    memset(header, 0, sizeof *header); /* a death from here on finds a new memory... */
    vr_keep_order();
    for (uint32_t i = 0; i < keep->conf.workers; i++) {
        clear_worker(keep, i, !same);
    }
    wanted.magic = 0;
    *header = wanted;
    vr_keep_order();
    header->magic = VR_KEEP_MAGIC; /* ...until it is one that holds nothing */
}

enum vr_err vr_keep_open(const struct vr_keep_conf *conf, struct vr_keep **out,
                         enum vr_keep_found *found)
{
    struct vr_keep *keep;

    *out = NULL;
    if (conf->workers == 0 || conf->workers > VR_KEEP_WORKERS_MAX || conf->peers_max == 0 ||
        conf->size < vr_keep_size(conf->workers, conf->peers_max)) {
        return VR_E_UNPROCESSABLE;
    }
    keep = calloc(1, sizeof *keep);
    if (keep == NULL) {
        return VR_E_NO_MEMORY;
    }
    keep->conf = *conf;
    *found = look(conf);
    if (*found == VR_KEEP_GOES_ON && conf->empty) {
        *found = VR_KEEP_EMPTIED;
    }
    if (*found != VR_KEEP_GOES_ON) {
        start_empty(keep, *found);
    }
    *out = keep;
    return VR_OK;
}

void vr_keep_close(struct vr_keep *keep)
{
    free(keep);
}

bool vr_keep_knows(const void *memory, size_t size, uint32_t workers, uint32_t peers_max,
                   struct vr_id boot)
{
    struct vr_keep_conf conf = {
        .memory = (void *)memory, .workers = workers, .peers_max = peers_max, .boot = boot};

    return workers > 0 && workers <= VR_KEEP_WORKERS_MAX && peers_max > 0 &&
           size >= vr_keep_size(workers, peers_max) && look(&conf) == VR_KEEP_GOES_ON;
}

/* Called from the handler of a fault: nothing here may wait, allocate or trust. */
void vr_keep_blame(void *memory, size_t size, uint32_t thread)
{
    const struct vr_keep_header *header = memory;
    uint32_t workers = header->workers;
    uint32_t peers_max = header->peers_max;

    if (size < ALIGN || header->magic != VR_KEEP_MAGIC || workers > VR_KEEP_WORKERS_MAX ||
        peers_max == 0 || size < vr_keep_size(workers, peers_max)) {
        return;
    }
    for (uint32_t i = 0; i < workers; i++) {
        uint8_t *base = worker_at(memory, peers_max, i);
        struct vr_keep_head *head = (struct vr_keep_head *)base;
        struct vr_peer_hot *hot = (struct vr_peer_hot *)(base + layout_of(peers_max).hot);
        uint32_t peer = head->handling;

        if (peer != 0 && peer <= peers_max && (thread == 0 || head->thread == thread)) {
            hot[peer - 1].deaths++;
        }
    }
}

void vr_keep_restored(const struct vr_keep *keep, uint32_t worker, struct vr_keep_restored *out)
{
    *out = worker < keep->conf.workers ? keep->restored[worker] : (struct vr_keep_restored){0};
}

/* ---- records ---- */

#define GATE_SEND 1u
#define GATE_HEAR 2u
#define GATE_GONE 4u
#define GATE_KNOWN 8u
#define GATE_FLAGS 15u

static uint32_t gate_word(const struct vr_keep_gate *gate, uint32_t flags)
{
    struct vr_keep_gate copy = *gate;

    copy.word = flags;
    return (uint32_t)(vr_keep_sum(&copy, sizeof copy) >> 32) << 4 | flags;
}

void vr_keep_gate_put(struct vr_keep_gate *to, uint32_t shard, vr_participant_id participant,
                      const struct vr_gate *gate)
{
    uint32_t flags = (gate->may_send ? GATE_SEND : 0) | (gate->may_hear ? GATE_HEAR : 0) |
                     (gate->gone ? GATE_GONE : 0) | GATE_KNOWN;

    to->word = 0; /* shut while it is written */
    vr_keep_order();
    to->shard = shard;
    to->participant = participant;
    to->epoch = gate->epoch;
    to->version = gate->version;
    to->generation = gate->generation;
    vr_keep_order();
    to->word = gate_word(to, flags);
    vr_keep_order();
}

bool vr_keep_gate_get(const struct vr_keep_gate *from, struct vr_gate *out)
{
    uint32_t flags = from->word & GATE_FLAGS;

    if ((flags & GATE_KNOWN) == 0 || from->word != gate_word(from, flags)) {
        return false;
    }
    *out = (struct vr_gate){.epoch = from->epoch,
                            .version = from->version,
                            .generation = from->generation,
                            .known = true,
                            .kept = true,
                            .may_send = (flags & GATE_SEND) != 0,
                            .may_hear = (flags & GATE_HEAR) != 0,
                            .gone = (flags & GATE_GONE) != 0};
    return true;
}

void vr_keep_set_put(struct vr_keep_set *to, const struct vr_shard_set *set)
{
    struct vr_keep_set made;

    memset(&made, 0, sizeof made);
    made.epoch = set->epoch;
    made.version = set->version;
    made.count = set->count;
    memcpy(made.shards, set->shards, sizeof made.shards);
    made.sum = vr_keep_sum(&made, offsetof(struct vr_keep_set, sum));
    to->sum = 0;
    vr_keep_order();
    memcpy(to, &made, offsetof(struct vr_keep_set, sum));
    vr_keep_order();
    to->sum = made.sum;
}

struct vr_shard_set *vr_keep_set_get(const struct vr_keep_set *from)
{
    struct vr_shard_set *set;

    if (from->sum != vr_keep_sum(from, offsetof(struct vr_keep_set, sum)) ||
        from->count > VR_SHARDS_MAX) {
        return NULL;
    }
    set = vr_shard_set_new();
    if (set == NULL) {
        return NULL;
    }
    set->epoch = from->epoch;
    set->version = from->version;
    set->count = from->count;
    memcpy(set->shards, from->shards, sizeof set->shards);
    return set;
}

uint64_t vr_keep_shard_sum(const struct vr_keep_shard *shard)
{
    uint64_t words[6] = {shard->number, shard->room.hi, shard->room.lo,
                         shard->slots,  shard->fan_out, VR_KEEP_LAYOUT};

    return vr_keep_sum(words, sizeof words);
}
