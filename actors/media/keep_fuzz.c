/* Fuzz what a dead process may have left: bytes of a sound memory are changed, half of the times
 * with the sums made right again, as if a bug had written them; then an engine goes on over it, is
 * sent what waited, lives for a while and ends.
 *
 * Input: a row of [kind, record, place high, place low, value, mode]. */
#include "actors/media/engine_internal.h"
#include "actors/media/keep_rig.h"

#define ROW 6
#define ROWS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keep_rig *keep;
static uint8_t *sound;
static void *reached[4]; /* the rig lies where the leak checker does not look */

/* Three people of each kind, one of them speaking; what is said after the death waits. */
static void begin(void)
{
    struct rig_person *ana;
    struct rig_person *ben;

    keep = keep_rig_new(1, true, VR_PACK_3);
    ana = rig_join(keep->rig, (struct rig_wish){.red = true});
    ben = rig_join(keep->rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    rig_join(keep->rig, (struct rig_wish){.red_receive = true, .slot_count = 1});
    for (uint32_t i = 0; i < 5; i++) {
        rig_join(keep->rig, (struct rig_wish){.pack60 = i % 2 == 0, .muted = true});
    }
    for (uint32_t i = 0; i < 30; i++) {
        rig_say(ana, 20);
        rig_say(ben, 20);
        rig_advance(keep->rig, VR_MS(20));
    }
    keep->die_at = 3; /* while somebody is being heard */
    for (uint32_t i = 0; i < 8; i++) {
        rig_say(ana, 20);
        rig_say(ben, 20);
        vr_client_report(ana->client, VR_SLOT_SSRC, 0, 0);
        vr_client_check(ben->client, true, true);
        rig_pump(keep->rig);
    }
    keep_bury(keep);
    keep->rig->out = NULL;
    reached[0] = keep->rig;
    reached[1] = keep->image;
    reached[2] = keep->waiting;
    reached[3] = keep->wire;
    sound = malloc(keep->size);
    memcpy(sound, keep->memory, keep->size);
}

static void change(struct vr_keep_part *part, const uint8_t *row)
{
    struct {
        void *base;
        size_t size;
    } kinds[] = {
        {part->head, sizeof *part->head},
        {part->cold, sizeof *part->cold},
        {part->hot, sizeof *part->hot},
        {part->gates, sizeof *part->gates},
        {part->shards, sizeof *part->shards},
        {part->frames, sizeof *part->frames},
        {keep->memory, 512},
    };
    uint32_t kind = row[0] % (sizeof kinds / sizeof kinds[0]);
    uint32_t record = kind == 0 || kind == 6 ? 0 : row[1] % (kind == 5 ? VR_KEEP_FRAMES : 64);
    uint8_t *at = (uint8_t *)kinds[kind].base + record * kinds[kind].size;
    struct vr_keep_gate *gate = &part->gates[record];
    struct vr_gate was = {.may_send = true, .may_hear = true};

    at[vr_get16(row + 2) % kinds[kind].size] = row[4];
    if ((row[5] & 1) == 0) {
        return;
    }
    if (kind == 1) {
        part->cold[record].sum = vr_peer_sum(&part->cold[record]);
        part->cold[record].tuple_sum = vr_tuple_sum(&part->cold[record].tuple);
    } else if (kind == 3) {
        was.epoch = gate->epoch;
        was.generation = gate->generation;
        vr_keep_gate_put(gate, gate->shard, gate->participant, &was);
    } else if (kind == 4) {
        struct vr_keep_set *set = &part->shards[record].set;

        part->shards[record].sum = vr_keep_shard_sum(&part->shards[record]);
        set->sum = vr_keep_sum(set, offsetof(struct vr_keep_set, sum));
    }
}

static void live(struct rig *rig)
{
    struct rig_node *node = &rig->nodes[0];

    keep->die_at = 0;
    keep->dead = false;
    vr_engine_go_on(node->engine, rig->now);
    for (uint32_t i = 0; i < keep->waiting_count; i++) {
        rig_deliver(rig, &keep->waiting[i]);
        rig->queue_count = 0; /* its listeners are not looked at */
    }
    for (uint32_t i = 0; i < 30; i++) {
        rig->now += VR_MS(400);
        vr_engine_tick(node->engine, rig->now);
        rig->queue_count = 0;
    }
    vr_engine_free(node->engine);
    node->engine = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_keep_part part;
    struct rig *rig;
    vr_time_us now;

    if (keep == NULL) {
        begin();
    }
    rig = keep->rig;
    now = rig->now;
    memcpy(keep->memory, sound, keep->size);
    keep_open(keep);
    if (!vr_keep_part(rig->keep, 0, 64, &part)) {
        abort();
    }
    for (size_t i = 0; i < ROWS_MAX && (i + 1) * ROW <= size; i++) {
        change(&part, data + i * ROW);
    }
    vr_keep_close(rig->keep);
    keep_open(keep);
    rig_start_node(&rig->nodes[0]);
    live(rig);
    vr_keep_close(rig->keep);
    rig->now = now;
    return 0;
}
