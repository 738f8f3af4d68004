/* Goal: whatever order of crashes, pauses, cuts and failures of etcd a seed gives: never do two
 * nodes hold one room at once, no epoch goes back, and when the faults stop every node reaches
 * every room within 30 s. VR_SEEDS=n runs more. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/sim_kit.h"

#define ROOMS 3
#define STEPS 40

static struct ck *kit;
static uint64_t seed;
static uint64_t epochs[ROOMS];
static struct ck_answer answers[STEPS]; /* outlive the kit: what crashed is told at its end */

static uint64_t below(uint64_t bound)
{
    return vr_random_below(vr_sim_random(kit->sim), bound);
}

static struct vr_id room_at(uint64_t i)
{
    return (struct vr_id){0x5eed, i};
}

/* After every step of the run. */
static bool invariants(struct ck *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < ROOMS; i++) {
        uint32_t holders = 0;

        for (uint32_t n = 1; n <= kit->count; n++) {
            struct vr_cluster *cluster = kit->nodes[n].cluster;
            struct vr_cluster_owner owner;

            if (cluster != NULL && vr_cluster_owner(cluster, room_at(i), &owner) &&
                owner.node == n && vr_cluster_holds(cluster, room_at(i), owner.epoch)) {
                holders++;
                if (owner.epoch < epochs[i]) {
                    fail_msg("seed %d: room %d: an epoch went back", (int)seed, (int)i);
                }
                epochs[i] = owner.epoch;
            }
        }
        if (holders > 1) {
            fail_msg("seed %d: room %d has two owners", (int)seed, (int)i);
        }
    }
    return false;
}

static void fault(void)
{
    struct ck_node *a = &kit->nodes[1 + below(kit->count)];
    struct ck_node *b = &kit->nodes[1 + below(kit->count)];

    switch (below(10)) {
    case 0:
        if (a->cluster != NULL) {
            ck_crash(kit, a->number);
        }
        break;
    case 1:
        if (a->cluster != NULL) {
            vr_sim_pause(a->sim, true);
        }
        break;
    case 2:
        vr_sim_cut(a->sim, b->sim, true);
        break;
    case 3:
        vr_sim_cut_way(a->sim, b->sim, true);
        break;
    case 4:
        vr_kv_model_cut(kit->etcd, a->sim, below(2) == 0, below(2) == 0);
        break;
    case 5:
        vr_kv_model_change_leader(kit->etcd);
        break;
    case 6:
        vr_kv_model_set_timeouts(kit->etcd, 200);
        break;
    case 7:
        vr_kv_model_silence(kit->etcd, a->sim, true);
        break;
    case 8:
        vr_kv_model_compact(kit->etcd);
        break;
    default:
        vr_kv_model_set_quorum(kit->etcd, false);
        break;
    }
}

static void heal(void)
{
    vr_kv_model_set_quorum(kit->etcd, true);
    vr_kv_model_set_timeouts(kit->etcd, 0);
    for (uint32_t i = 1; i <= kit->count; i++) {
        for (uint32_t j = 1; j <= kit->count; j++) {
            vr_sim_cut(kit->nodes[i].sim, kit->nodes[j].sim, false);
        }
        vr_kv_model_cut(kit->etcd, kit->nodes[i].sim, false, false);
        vr_kv_model_silence(kit->etcd, kit->nodes[i].sim, false);
        if (kit->nodes[i].cluster == NULL) {
            ck_start(kit, i);
        } else if (vr_sim_paused(kit->nodes[i].sim)) {
            vr_sim_pause(kit->nodes[i].sim, false);
        }
    }
}

static void ask_somebody(uint32_t step)
{
    struct ck_node *node = &kit->nodes[1 + below(kit->count)];

    if (node->cluster != NULL) {
        uint64_t room = below(ROOMS);

        ck_ask(kit, node->number, room_at(room), ck_join(kit, node->number, room_at(room), "ben"),
               &answers[step]);
    }
}

static void one_life(void)
{
    struct ck_answer answer;

    kit = ck_new(seed, 3);
    memset(epochs, 0, sizeof(epochs));
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    for (uint64_t i = 0; i < ROOMS; i++) {
        assert_int_equal(
            ck_tell(kit, 1 + (uint32_t)i, room_at(i), ck_create(kit, "ana", "r"), &answer), VR_OK);
    }
    (void)ck_until(kit, invariants, VR_SECONDS(3));
    for (uint32_t step = 0; step < STEPS; step++) {
        if (below(3) == 0) {
            fault();
        } else if (below(4) == 0) {
            heal();
        }
        ask_somebody(step);
        (void)ck_until(kit, invariants, VR_MS(below(3000)));
    }
    heal();
    (void)ck_until(kit, invariants, VR_SECONDS(30));
    assert_true(ck_all_joined(kit));
    for (uint64_t i = 0; i < ROOMS; i++) {
        for (uint32_t at = 1; at <= 3; at++) {
            enum vr_err err =
                ck_tell(kit, at, room_at(i), ck_show(kit, "ana", VR_SHOW_STATE), &answer);

            if (err != VR_OK && err != VR_E_GONE) { /* a room may have ended by itself */
                fail_msg("seed %d: room %d at node %d: %s", (int)seed, (int)i, (int)at,
                         vr_err_code(err));
            }
        }
    }
    ck_free(kit);
}

static void test_seeds(void **state)
{
    const char *more = getenv("VR_SEEDS");
    const char *first = getenv("VR_SEED");
    uint64_t from = first == NULL ? 1 : strtoull(first, NULL, 10);
    uint64_t count = more == NULL ? 8 : strtoull(more, NULL, 10);

    (void)state;
    for (seed = from; seed < from + count; seed++) {
        one_life();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };

    vr_log_set_level(getenv("VR_LOUD") != NULL ? VR_LOG_DEBUG : VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
