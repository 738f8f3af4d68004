/* keeper.c - an operator who loses etcd and brings it back from a snapshot, while all goes wrong
 * that the seed has drawn: only with --etcd-restores, and by draws of his own.
 *
 *     at rest -> snapshot kept -> etcd down -> restored -> adopted -> at rest
 *
 * He does what docs/operations.md says: where a node says "refused" he looks, then adopts, once.
 * Everything that holds without him must hold with him: whatever was acknowledged after the
 * snapshot is in the stores of two nodes. */
#include "cluster/simulate/simulate.h"

#include <stdlib.h>

#define ADOPT_WAIT VR_SECONDS(5) /* for the answer */
#define NOTICED VR_SECONDS(45)   /* a restore of what nobody has changed since is none */
#define NOTICED_BY_ONE VR_SECONDS(3)
#define BACK_MAX VR_SECONDS(60)   /* adopted: all that run and reach etcd are back by then */
#define LAST_BEGIN VR_SECONDS(60) /* nothing is begun so shortly before the end */

enum stage { STAGE_REST, STAGE_KEPT, STAGE_DOWN, STAGE_RESTORED, STAGE_ADOPTED };

struct keeper {
    struct world *world;
    struct vr_random_seeded random;
    enum stage stage;
    vr_time_us next_at, since; /* when he goes on; of this stage */
    bool other_id;
    bool asking, done;
    enum vr_err err;
    vr_time_us asked_at;
};

static uint64_t pick(struct keeper *keeper, uint64_t below)
{
    return vr_random_below(&keeper->random.random, below);
}

static void go_to(struct keeper *keeper, enum stage stage, vr_time_us min, vr_time_us max)
{
    vr_time_us now = now_of(keeper->world);

    keeper->stage = stage;
    keeper->since = now;
    keeper->next_at = now + min + (vr_time_us)pick(keeper, (uint64_t)(max - min) + 1);
}

static bool refuses(const struct world *world, uint32_t node)
{
    return is_up(world, node) &&
           vr_cluster_state(world->kit->nodes[node].cluster, NULL) == VR_CLUSTER_REFUSED;
}

/* 0: none. */
static uint32_t a_refusing_node(struct keeper *keeper)
{
    const struct world *world = keeper->world;
    uint32_t first = (uint32_t)pick(keeper, world->kit->count);

    for (uint32_t i = 0; i < world->kit->count; i++) {
        uint32_t node = 1 + (first + i) % world->kit->count;

        if (refuses(world, node)) {
            return node;
        }
    }
    return 0;
}

static void keep(struct keeper *keeper)
{
    tell(keeper->world, "the keeper keeps a snapshot of etcd, revision %lld",
         (long long)vr_kv_model_revision(keeper->world->kit->etcd));
    vr_assert(vr_kv_model_save(keeper->world->kit->etcd));
    go_to(keeper, STAGE_KEPT, VR_SECONDS(1), VR_SECONDS(90));
}

static void lose(struct keeper *keeper)
{
    tell(keeper->world, "*** etcd is lost");
    vr_kv_model_set_quorum(keeper->world->kit->etcd, false);
    go_to(keeper, STAGE_DOWN, VR_MS(50), VR_SECONDS(15));
}

static void restore(struct keeper *keeper)
{
    struct vr_kv_model *etcd = keeper->world->kit->etcd;

    keeper->other_id = pick(keeper, 2) == 0;
    vr_kv_model_restore(etcd, keeper->other_id);
    vr_kv_model_set_quorum(etcd, true);
    /* Who was cut off from etcd when it was alive has its lease again, until somebody marks it. */
    keeper->world->praised_till = now_of(keeper->world) + NOTICED_BY_ONE;
    tell(keeper->world, "*** etcd is restored, revision %lld%s",
         (long long)vr_kv_model_revision(etcd), keeper->other_id ? ", another id" : "");
    go_to(keeper, STAGE_RESTORED, VR_MS(500), VR_SECONDS(30));
}

static void on_adopted(void *ctx, enum vr_err err)
{
    struct keeper *keeper = ctx;

    keeper->done = true;
    keeper->err = err;
}

static void note_unaware(struct keeper *keeper)
{
    for (uint32_t i = 1; i <= keeper->world->kit->count; i++) {
        if (is_joined(keeper->world, i)) {
            keeper->world->tally->unaware++;
            tell(keeper->world, "*** node %u has not noticed", i);
        }
    }
}

static void ask(struct keeper *keeper)
{
    struct world *world = keeper->world;
    uint32_t node = a_refusing_node(keeper);

    if (node == 0) {
        if (now_of(world) > keeper->since + NOTICED) {
            go_to(keeper, STAGE_REST, VR_SECONDS(10), VR_SECONDS(60));
        }
        return;
    }
    note_unaware(keeper);
    tell(world, "the keeper adopts, at node %u", node);
    keeper->asking = true;
    keeper->done = false;
    keeper->asked_at = now_of(world);
    vr_cluster_adopt(world->kit->nodes[node].cluster, on_adopted, keeper);
}

static void adopt(struct keeper *keeper)
{
    struct world *world = keeper->world;

    if (!keeper->asking) {
        ask(keeper);
        return;
    }
    if (!keeper->done && now_of(world) < keeper->asked_at + ADOPT_WAIT) {
        return;
    }
    keeper->asking = false;
    if (keeper->done && keeper->err == VR_OK) {
        world->tally->adopted++;
        go_to(keeper, STAGE_ADOPTED, VR_SECONDS(3), VR_SECONDS(3));
    } else { /* he looks again whether anybody refuses */
        tell(world, "it was not adopted: %s",
             keeper->done ? vr_err_code(keeper->err) : "no answer");
        keeper->next_at = now_of(world) + VR_SECONDS(1);
    }
}

static void look_whether_all_are_back(struct keeper *keeper)
{
    struct world *world = keeper->world;
    uint32_t node = a_refusing_node(keeper);

    if (node == 0) {
        go_to(keeper, STAGE_REST, VR_SECONDS(10), VR_SECONDS(60));
    } else if (now_of(world) > keeper->since + BACK_MAX) {
        broken(world, "etcd was adopted, and node %u still refuses it", node);
    }
}

/* ---- life ---- */

void keeper_init(struct world *world)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));

    vr_assert(keeper != NULL);
    world->keeper = keeper;
    keeper->world = world;
    vr_random_seeded_init(&keeper->random, world->seed ^ UINT64_C(0xe7cd0ba7));
    go_to(keeper, STAGE_REST, VR_SECONDS(5), VR_SECONDS(60));
    if (pick(keeper, 3) == 0) { /* from before there was any room */
        keep(keeper);
        keeper->next_at += VR_SECONDS(20);
    }
}

void keeper_turn(struct world *world)
{
    struct keeper *keeper = world->keeper;

    if (keeper == NULL || now_of(world) < keeper->next_at) {
        return;
    }
    switch (keeper->stage) {
    case STAGE_REST:
        if (now_of(world) < world->until - LAST_BEGIN) {
            keep(keeper);
        }
        break;
    case STAGE_KEPT:
        lose(keeper);
        break;
    case STAGE_DOWN:
        restore(keeper);
        break;
    case STAGE_RESTORED:
        adopt(keeper);
        break;
    case STAGE_ADOPTED:
        look_whether_all_are_back(keeper);
        break;
    }
}

bool keeper_is_busy(const struct world *world)
{
    return world->keeper != NULL && world->keeper->stage != STAGE_REST;
}

void keeper_end(struct world *world)
{
    free(world->keeper);
    world->keeper = NULL;
}
