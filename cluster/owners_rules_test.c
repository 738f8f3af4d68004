/* Goal: who takes a room, in which order, and where a new one goes, as the tables here say; and the
 * exact transactions: what each compares is what keeps two owners apart. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include <stdio.h>
#include <stdlib.h>

#include "cluster/owners_txn.h"

static const struct owners_place places[] = {
    {.number = 1, .region = "north", .name = "a", .stress_permille = 100},
    {.number = 2, .region = "north", .name = "b", .stress_permille = 100},
    {.number = 3, .region = "south", .name = "c", .stress_permille = 10},
};

static void test_epochs(void **state)
{
    (void)state;
    assert_true(owners_fold(1, 5) == (UINT64_C(1) << 48) + 5);
    assert_true(owners_fold(2, 1) > owners_fold(1, INT64_C(0xffffffffffff)));
    assert_int_equal(owners_revision(owners_fold(3, 77)), 77);
}

static void test_ranks(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        struct vr_id room = {i * 77, i};
        uint32_t sum = 0;

        assert_int_equal(owners_rank(room, 1, 1, 2, places, 3), 0);
        assert_int_equal(owners_rank(room, 2, 1, 2, places, 3), 0);
        assert_int_equal(owners_rank(room, 3, 1, 2, places, 3), 1);
        for (uint32_t node = 1; node <= 3;
             node++) { /* nobody in sync: each has a rank of its own */
            sum += owners_rank(room, node, 9, 0, places, 3);
        }
        assert_int_equal(sum, 1 + 2 + 3);
        assert_int_equal(owners_rank(room, 2, 9, 0, &places[1], 1), 1); /* the only one left */
    }
}

static void test_candidates(void **state)
{
    struct owners_place some[3];
    uint32_t seen[4] = {0};

    (void)state;
    memcpy(some, places, sizeof(some));
    for (uint64_t i = 0; i < 200; i++) {
        seen[owners_candidate((struct vr_id){i, 0}, 1, 0, places, 3)]++;
    }
    assert_true(seen[2] > 60 && seen[3] > 60); /* rooms spread */
    assert_int_equal(owners_candidate((struct vr_id){1, 1}, 1, 2, places, 3), 3);
    assert_int_equal(owners_candidate((struct vr_id){1, 1}, 1, 0, places, 1), 0);
    some[2].draining = true;
    assert_int_equal(owners_candidate((struct vr_id){1, 1}, 1, 2, some, 3), 0);
}

static void test_placement(void **state)
{
    static const struct {
        uint32_t self;
        uint32_t stress[3];
        bool draining[3];
        uint32_t expected;
        const char *reason;
    } cases[] = {
        {1, {100, 100, 10}, {0}, 1, "created here"},
        {1, {200, 100, 10}, {0}, 1, "created here"}, /* not by a little */
        {1, {400, 100, 10}, {0}, 2, "created on b: a has more load"},
        {1, {100, 300, 10}, {1}, 2, "created on b: a drains"},
        {1, {100, 100, 10}, {1, 1}, 3, "created on c: no other node of the region"},
        {3, {0, 0, 900}, {0}, 3, "created here"}, /* alone in its region */
        {1, {0}, {1, 1, 1}, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct owners_place some[3];
        char reason[96];

        memcpy(some, places, sizeof(some));
        for (int j = 0; j < 3; j++) {
            some[j].stress_permille = cases[i].stress[j];
            some[j].draining = cases[i].draining[j];
        }
        assert_int_equal(
            owners_place((struct vr_id){1, 2}, cases[i].self, some, 3, reason, sizeof(reason)),
            cases[i].expected);
        assert_string_equal(reason, cases[i].reason);
    }
}

static void test_decisions(void **state)
{
    static const struct {
        struct owners_found found;
        struct owners_wish wish;
        enum owners_step step;
        uint32_t to;
    } cases[] = {
        {{.has_owner = true, .known = true}, {.self = 1}, OWNERS_TELL, 0},
        {{.has_owner = true, .owner_is_us = true}, {.self = 1}, OWNERS_BEGIN, 0},
        {{.known = false}, {.self = 1}, OWNERS_NONE, 0},
        {{.known = false}, {.self = 1, .from_other = true}, OWNERS_NONE, 0},
        {{.known = false}, {.self = 1, .creating = true}, OWNERS_PLACE, 0},
        {{.known = false}, {.self = 1, .creating = true, .from_other = true}, OWNERS_TAKE, 0},
        {{.known = true, .in_sync = {1, 2}, .in_sync_lives = {true, true}},
         {.self = 1},
         OWNERS_TAKE,
         0},
        {{.known = true, .in_sync = {3, 2}, .in_sync_lives = {true, true}},
         {.self = 1},
         OWNERS_PASS_ON,
         3},
        {{.known = true, .in_sync = {3, 2}, .in_sync_lives = {false, true}},
         {.self = 1},
         OWNERS_PASS_ON,
         2},
        {{.known = true, .in_sync = {3, 2}}, {.self = 1}, OWNERS_TAKE, 0},
        {{.known = true, .in_sync = {3, 2}, .in_sync_lives = {true, true}},
         {.self = 1, .wanted = true},
         OWNERS_TAKE,
         0},
        {{.known = true, .in_sync = {3, 2}, .in_sync_lives = {true, true}},
         {.self = 1, .from_other = true},
         OWNERS_TAKE,
         0},
        {{.known = true, .in_sync = {1, 2}, .in_sync_lives = {true, true}},
         {.self = 1, .draining = true},
         OWNERS_PASS_ON,
         2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t to;

        assert_int_equal(owners_decide(&cases[i].found, &cases[i].wish, &to), cases[i].step);
        assert_int_equal(to, cases[i].to);
    }
}

/* ---- transactions ---- */

static struct vr_cluster cluster;
static struct cluster_member member;
static struct cluster_room room;

static void set_room(void)
{
    cluster = (struct vr_cluster){.prefix = "/v/", .name = "a", .conf.number = 1};
    member = (struct cluster_member){.lease = 77, .incarnation = 5};
    cluster.member = &member;
    atomic_store(&cluster.generation, 3);
    room = (struct cluster_room){.cluster = &cluster, .id = {0x1111, 0x2222}};
    room.epoch = owners_fold(3, 40);
    room.sync = (struct room_sync){.known = true, .owner = 2, .partner = 1, .mod = 30};
    room.head = (struct room_head){.mod = 35, .epoch = 9, .revision = 8};
}

static void assert_compare(const struct room_txn *txn, uint32_t i, enum vr_kv_compare_kind kind,
                           const char *key, int64_t revision)
{
    const struct vr_kv_compare *compare = &txn->compares[i];

    assert_true(i < txn->txn.compare_count);
    assert_int_equal(compare->kind, kind);
    assert_int_equal(compare->key.size, strlen(key));
    assert_memory_equal(compare->key.data, key, strlen(key));
    assert_int_equal(compare->revision, revision);
}

static void assert_op(const struct room_txn *txn, uint32_t i, enum vr_kv_op_kind kind,
                      const char *key, int64_t lease)
{
    const struct vr_kv_op *op = &txn->then[i];

    assert_true(i < txn->txn.then_count);
    assert_int_equal(op->kind, kind);
    assert_int_equal(op->key.size, strlen(key));
    assert_memory_equal(op->key.data, key, strlen(key));
    assert_int_equal(op->lease, lease);
}

#define ID "0000000000248g0000000008h2"
#define OWNER_KEY "/v/owners/" ID
#define SYNC_KEY "/v/sync/" ID
#define HEAD_KEY "/v/rooms/" ID "/head"

static void test_take(void **state)
{
    struct room_txn txn;

    (void)state;
    set_room();
    txn_take(&txn, &room, "why");
    assert_int_equal(txn.txn.compare_count, 5);
    assert_compare(&txn, 0, VR_KV_ABSENT, OWNER_KEY, 0);
    assert_compare(&txn, 1, VR_KV_MOD_IS, SYNC_KEY, 30);
    assert_compare(&txn, 2, VR_KV_MOD_IS, HEAD_KEY, 35);
    assert_compare(&txn, 3, VR_KV_VALUE_IS, "/v/generation", 0);
    assert_memory_equal(txn.compares[3].value.data, "3", 1);
    assert_compare(&txn, 4, VR_KV_EXISTS, "/v/nodes/a", 0);
    assert_int_equal(txn.txn.then_count, 2);
    assert_op(&txn, 0, VR_KV_PUT, OWNER_KEY, 77);
    assert_op(&txn, 1, VR_KV_PUT, HEAD_KEY, 0);
    assert_int_equal(txn.txn.otherwise_count, 3);

    room.sync = (struct room_sync){0};
    room.head = (struct room_head){0};
    txn_take(&txn, &room, "why");
    assert_compare(&txn, 1, VR_KV_ABSENT, SYNC_KEY, 0);
    assert_compare(&txn, 2, VR_KV_ABSENT, HEAD_KEY, 0);
}

static void test_durable(void **state)
{
    struct room_txn txn;

    (void)state;
    set_room();
    txn_durable(&txn, &room, 9);
    assert_int_equal(txn.txn.compare_count, 2);
    assert_compare(&txn, 0, VR_KV_MOD_IS, OWNER_KEY, 40);
    assert_compare(&txn, 1, VR_KV_MOD_IS, HEAD_KEY, 35);
    assert_int_equal(txn.txn.then_count, 1);
    assert_op(&txn, 0, VR_KV_PUT, HEAD_KEY, 0);
}

static void test_sync_release_and_hand_over(void **state)
{
    struct node_entry to = {.number = 2, .name = "b", .lease = 88, .incarnation = 6};
    struct room_txn txn;

    (void)state;
    set_room();
    txn_sync(&txn, &room, 2);
    assert_int_equal(txn.txn.compare_count, 1);
    assert_compare(&txn, 0, VR_KV_MOD_IS, OWNER_KEY, 40);
    assert_op(&txn, 0, VR_KV_PUT, SYNC_KEY, 0);

    txn_release(&txn, &room, true);
    assert_compare(&txn, 0, VR_KV_MOD_IS, OWNER_KEY, 40);
    assert_op(&txn, 0, VR_KV_DELETE, OWNER_KEY, 0);
    assert_op(&txn, 1, VR_KV_PUT, SYNC_KEY, 0);
    txn_release(&txn, &room, false);
    assert_compare(&txn, 0, VR_KV_MOD_IS, OWNER_KEY, 40);
    assert_int_equal(txn.txn.then_count, 3);
    assert_op(&txn, 1, VR_KV_DELETE, SYNC_KEY, 0);
    assert_op(&txn, 2, VR_KV_DELETE_PREFIX, "/v/rooms/" ID "/", 0);

    txn_hand_over(&txn, &room, &to, "drained");
    assert_int_equal(txn.txn.compare_count, 3);
    assert_compare(&txn, 0, VR_KV_MOD_IS, OWNER_KEY, 40);
    assert_compare(&txn, 1, VR_KV_VALUE_IS, "/v/generation", 0);
    assert_compare(&txn, 2, VR_KV_EXISTS, "/v/nodes/b", 0);
    assert_op(&txn, 0, VR_KV_PUT, OWNER_KEY, 88); /* under the other's lease */
    assert_op(&txn, 1, VR_KV_PUT, HEAD_KEY, 0);   /* no late copy of an earlier write lands */
}

/* ---- keys and the view ---- */

static void test_row_keys(void **state)
{
    static const struct vr_id id = {0x1111, 0x2222};
    uint8_t row[VR_KEY_MAX] = {0};
    uint8_t back[VR_KEY_MAX];
    struct cluster_key key;
    enum vr_table table;
    struct vr_bytes text;
    size_t size;

    (void)state;
    vr_id_put(row, id);
    row[16] = 0;
    row[17] = 0xff;
    text = key_row(&key, "/v/", id, VR_TABLE_BANS, vr_bytes(row, 18));
    assert_string_equal(key.text, "/v/rooms/" ID "/bans/00ff");
    assert_true(key_row_parse(vr_bytes(text.data + 36, text.size - 36), id, &table, back, &size));
    assert_int_equal(table, VR_TABLE_BANS);
    assert_int_equal(size, 18);
    assert_memory_equal(back, row, 18);
    assert_int_equal(key_row(&key, "/v/", (struct vr_id){1, 1}, table, vr_bytes(row, 18)).size, 0);
    assert_false(key_row_parse(vr_bytes_of("head"), id, &table, back, &size));
    assert_false(key_row_parse(vr_bytes_of("bans/0g"), id, &table, back, &size));
    assert_false(key_row_parse(vr_bytes_of("bans/0"), id, &table, back, &size));
    text = key_deploy(&key, "/v/", VR_TABLE_KEYS, vr_bytes_of("k"));
    assert_string_equal(key.text, "/v/deploy/keys/6b");
    assert_true(key_deploy_parse(vr_bytes(text.data + 10, text.size - 10), &table, back, &size));
    assert_int_equal(size, 1);
}

static void test_view(void **state)
{
    struct cluster_view view;
    struct cluster_view_room now;

    (void)state;
    memset(&view, 0, sizeof(view));
    assert_int_equal(cluster_view_init(&view), VR_OK);
    for (uint64_t i = 1; i <= 5000; i++) { /* it grows; those that were given up don't come along */
        now = (struct cluster_view_room){.owner = 1, .epoch = i, .held = i};
        assert_int_equal(cluster_view_set(&view, (struct vr_id){i, 9}, &now), VR_OK);
        if (i % 2 == 0) {
            now = (struct cluster_view_room){0};
            assert_int_equal(cluster_view_set(&view, (struct vr_id){i, 9}, &now), VR_OK);
        }
    }
    for (uint64_t i = 1; i <= 5000; i++) {
        (void)cluster_view_get(&view, (struct vr_id){i, 9}, &now);
        assert_true(now.held == (i % 2 == 0 ? 0 : i));
    }
    assert_int_equal(cluster_view_owned(&view, 1), 2500);
    assert_false(cluster_view_get(&view, (struct vr_id){1, 1}, &now));
    cluster_view_deinit(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),     cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_candidates), cmocka_unit_test(test_placement),
        cmocka_unit_test(test_decisions),  cmocka_unit_test(test_take),
        cmocka_unit_test(test_durable),    cmocka_unit_test(test_sync_release_and_hand_over),
        cmocka_unit_test(test_row_keys),   cmocka_unit_test(test_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
