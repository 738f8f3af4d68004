/* Goal: three nodes of a cluster that speak over real links. A process that dies and goes on from
 * its memory is heard, and hears, in every instant after it; one whose lease ended meanwhile is
 * heard no sooner than the directory names it again, and itself forgets who is not named there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/link.h"
#include "cluster/sim_kit.h"

#define NODES 3u

struct side { /* a node's links: of its process, but for the memory */
    void *memory;
    struct vr_links *links;
    struct vr_link_end *end;
    uint8_t said[VR_LINK_DATAGRAM_MAX];
    size_t size;
    uint64_t counter; /* of what it said last */
    uint32_t heard;
};

static struct ck *kit;
static struct side sides[NODES + 1];
static bool silent; /* somebody was not heard at some instant */

static void on_send(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    struct side *side = ctx;

    (void)to;
    memcpy(side->said, datagram.data, datagram.size);
    side->size = datagram.size;
    assert_true(vr_get64(datagram.data + 8) > side->counter); /* over all its lives */
    side->counter = vr_get64(datagram.data + 8);
}

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    (void)node;
    (void)frame;
    ((struct side *)ctx)->heard++;
}

static uint32_t begin(uint32_t number, bool goes_on)
{
    struct side *side = &sides[number];
    const struct vr_random *random = vr_random_system();
    uint32_t kept;

    side->links = vr_links_new(number, vr_random_u64(random), 1, random);
    kept = vr_links_keep(side->links, side->memory, vr_links_keep_size(1), goes_on);
    side->end =
        vr_link_end_new(&(struct vr_link_end_conf){side->links, 0, on_send, on_frame, side});
    kit->nodes[number].links = side->links;
    kit->nodes[number].goes_on = goes_on;
    ck_start(kit, number);
    return kept;
}

static void end(uint32_t number)
{
    vr_link_end_free(sides[number].end);
    vr_links_free(sides[number].links);
    sides[number].end = NULL;
    sides[number].links = NULL;
}

static void die(uint32_t number)
{
    ck_crash(kit, number);
    end(number);
}

/* Is what the one says heard by the other, as both are now? */
static bool says(uint32_t from, uint32_t to)
{
    static const uint8_t payload[40] = {1};
    const struct vr_link_frame frame = {.room = {1, 2}, .payload = {payload, sizeof(payload)}};
    uint32_t heard = sides[to].heard;

    sides[from].size = 0;
    vr_link_end_put(sides[from].end, to, &frame);
    vr_link_end_flush(sides[from].end);
    if (sides[from].size > 0) {
        vr_link_end_take(sides[to].end, sides[from].said, sides[from].size);
    }
    return sides[to].heard == heard + 1;
}

static bool all_talk(struct ck *unused)
{
    (void)unused;
    for (uint32_t from = 1; from <= NODES; from++) {
        for (uint32_t to = 1; to <= NODES; to++) {
            if (from != to && !says(from, to)) {
                return false;
            }
        }
    }
    return true;
}

static bool never(struct ck *unused)
{
    silent = silent || !all_talk(unused);
    return false;
}

static bool knows(uint32_t number, uint32_t other)
{
    struct vr_link_key key;

    return vr_links_key_out(sides[number].links, other, false, &key) == VR_OK;
}

static int set_up(void **state)
{
    (void)state;
    silent = false;
    kit = ck_new_nodes(7, NODES);
    for (uint32_t i = 1; i <= NODES; i++) {
        sides[i] = (struct side){.memory = calloc(1, vr_links_keep_size(1))};
        assert_int_equal(begin(i, false), 0);
    }
    return ck_until(kit, all_talk, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    for (uint32_t i = 1; i <= NODES; i++) {
        end(i);
        free(sides[i].memory);
    }
    return 0;
}

/* --- tests --- */

static void test_heard_in_every_instant(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        die(1);
        ck_run(kit, VR_MS(100) * i);
        assert_int_equal(begin(1, true), 2);
        assert_true(all_talk(kit)); /* before any message */
        (void)ck_until(kit, never, VR_SECONDS(5));
        assert_false(silent);
        assert_true(ck_all_joined(kit));
    }
}

static void test_two_at_once(void **state)
{
    (void)state;
    die(1);
    die(2);
    assert_int_equal(begin(2, true), 2);
    assert_int_equal(begin(1, true), 2);
    assert_true(all_talk(kit));
    (void)ck_until(kit, never, VR_SECONDS(10));
    assert_false(silent);
}

/* After an hour keys are renewed, and a death in between changes nothing. */
static void test_renewed_afterwards(void **state)
{
    uint16_t generation;

    (void)state;
    die(1);
    assert_int_equal(begin(1, true), 2);
    assert_true(says(1, 2));
    generation = vr_get16(sides[1].said + 2);
    ck_run(kit, VR_SECONDS(3630));
    assert_true(all_talk(kit));
    assert_true(says(1, 2));
    assert_int_not_equal(vr_get16(sides[1].said + 2), generation);
}

static bool second_has_forgotten(struct ck *unused)
{
    (void)unused;
    return !knows(2, 1);
}

static void test_after_its_lease(void **state)
{
    (void)state;
    die(1);
    assert_true(ck_until(kit, second_has_forgotten, VR_SECONDS(15)));
    assert_int_equal(begin(1, true), 2);
    assert_false(says(1, 2)); /* its keys are good, and nobody takes them */
    assert_false(says(2, 1));
    assert_true(ck_until(kit, all_talk, VR_SECONDS(15)));
}

static bool first_has_forgotten(struct ck *unused)
{
    (void)unused;
    return !knows(1, 3);
}

static void test_who_went_meanwhile(void **state)
{
    (void)state;
    die(1);
    die(3);
    ck_run(kit, VR_SECONDS(12));
    assert_int_equal(begin(1, true), 2);
    assert_true(knows(1, 3));
    assert_true(ck_until(kit, first_has_forgotten, VR_SECONDS(10)));
    assert_true(knows(1, 2));
    assert_int_equal(begin(3, false), 0);
    sides[3].counter = 0; /* a new life, with new keys */
    assert_true(ck_until(kit, all_talk, VR_SECONDS(15)));
}

/* etcd is out of reach: who goes on is heard all the same, as if it had not died. */
static void test_without_etcd(void **state)
{
    (void)state;
    vr_kv_model_set_timeouts(kit->etcd, 1000);
    die(1);
    assert_int_equal(begin(1, true), 2);
    (void)ck_until(kit, never, VR_SECONDS(3));
    assert_false(silent);
    vr_kv_model_set_timeouts(kit->etcd, 0);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    assert_true(ck_until(kit, all_talk, VR_SECONDS(10)));
}

/* etcd was away for longer than all leases, and takes them back when it returns. */
static void test_all_records_end_at_once(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= NODES; i++) {
        vr_kv_model_revoke(kit->etcd, kit->nodes[i].sim, false);
    }
    (void)ck_until(kit, never, VR_SECONDS(15));
    assert_false(silent);
    assert_true(ck_all_joined(kit));
}

/* Nobody died: it was cut off for longer than its lease, the others forgot it, and it did not
 * forget them. Everybody is heard again soon. */
static void test_cut_off_for_a_while(void **state)
{
    (void)state;
    for (uint32_t i = 2; i <= NODES; i++) {
        vr_sim_cut(kit->nodes[1].sim, kit->nodes[i].sim, true);
    }
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, true, true);
    assert_true(ck_until(kit, second_has_forgotten, VR_SECONDS(15)));
    assert_false(says(1, 2));
    for (uint32_t i = 2; i <= NODES; i++) {
        vr_sim_cut(kit->nodes[1].sim, kit->nodes[i].sim, false);
    }
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, false, false);
    assert_true(ck_until(kit, all_talk, VR_SECONDS(5)));
}

/* Cut off for less than its lease: the directory never knew, but what was sent meanwhile is lost.
 */
static uint64_t contact_before;

static bool is_out_of_reach(struct ck *unused)
{
    (void)unused;
    return vr_cluster_contact(kit->nodes[2].cluster, 1) == 0;
}

static bool is_heard_again(struct ck *unused)
{
    uint64_t contact = vr_cluster_contact(kit->nodes[2].cluster, 1);

    (void)unused;
    return contact != 0 && contact != contact_before;
}

static void test_heard_again(void **state)
{
    uint64_t life = vr_cluster_life(kit->nodes[2].cluster, 1);

    (void)state;
    ck_run(kit, VR_SECONDS(3));
    contact_before = vr_cluster_contact(kit->nodes[2].cluster, 1);
    assert_int_not_equal(contact_before, 0);
    ck_run(kit, VR_SECONDS(20));
    assert_int_equal(vr_cluster_contact(kit->nodes[2].cluster, 1), contact_before);
    vr_sim_cut(kit->nodes[1].sim, kit->nodes[2].sim, true);
    assert_true(ck_until(kit, is_out_of_reach, VR_SECONDS(3)));
    vr_sim_cut(kit->nodes[1].sim, kit->nodes[2].sim, false);
    assert_true(ck_until(kit, is_heard_again, VR_SECONDS(2)));
    assert_int_equal(vr_cluster_life(kit->nodes[2].cluster, 1), life);
    assert_int_equal(vr_cluster_contact(kit->nodes[2].cluster, 99), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_heard_in_every_instant),
        TEST(test_two_at_once),
        TEST(test_renewed_afterwards),
        TEST(test_after_its_lease),
        TEST(test_who_went_meanwhile),
        TEST(test_without_etcd),
        TEST(test_all_records_end_at_once),
        TEST(test_cut_off_for_a_while),
        TEST(test_heard_again),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests_name("link_life", tests, NULL, NULL);
}
