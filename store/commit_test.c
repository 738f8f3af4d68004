/* Goal: a commit travels to another node as bytes and is the same commit there; bytes that would
 * write what they must not are refused; a seal and a copy leave the head that they should. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "store/commit.h"
#include "store/memory.h"

#define ROOM ((struct vr_id){7, 9})
#define ANY UINT64_MAX

static struct vr_bytes key_in(uint8_t key[20], struct vr_id room, uint32_t number)
{
    vr_id_put(key, room);
    vr_put32(key + 16, number);
    return vr_bytes(key, 20);
}

static void travels_whole(void **state)
{
    struct vr_commit *commit = vr_commit_new(ROOM, 5, 8);
    struct vr_commit *there = NULL;
    struct vr_bytes rest;
    struct vr_op op;
    uint8_t key[20];
    uint32_t durable = 0;
    uint32_t count = 0;
    bool bad;

    (void)state;
    vr_commit_put(commit, VR_TABLE_PARTICIPANTS, key_in(key, ROOM, 1), vr_bytes_of("ana"));
    vr_commit_put_durable(commit, VR_TABLE_BANS, key_in(key, ROOM, 2), vr_bytes_of("ban"));
    vr_commit_remove_durable(commit, VR_TABLE_BANS, key_in(key, ROOM, 3));
    vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(key, 16), vr_bytes_of("key"));
    assert_int_equal(vr_commit_from_ops(ROOM, 5, 8, 4, vr_commit_ops(commit), &there), VR_OK);
    assert_int_equal(there->op_count, 4);
    assert_true(vr_bytes_equal(vr_commit_ops(there), vr_commit_ops(commit)));
    assert_true(there->expected_epoch == 4);
    rest = vr_commit_ops(there);
    while (vr_op_next(&rest, &op, &bad)) {
        durable += op.durable;
        assert_int_equal(op.durable, count == 1 || count == 2);
        count++;
    }
    assert_false(bad);
    assert_int_equal(durable, 2);
    vr_commit_free(there);
    vr_commit_free(commit);
}

static void refused(struct vr_commit *commit, struct vr_id room)
{
    struct vr_commit *there = NULL;

    assert_int_equal(vr_commit_check(commit), VR_OK);
    assert_int_equal(vr_commit_from_ops(room, 5, 8, 4, vr_commit_ops(commit), &there),
                     VR_E_BAD_WIRE);
    assert_null(there);
    vr_commit_free(commit);
}

static void refuses_what_is_not_the_rooms(void **state)
{
    static const enum vr_table others[] = {VR_TABLE_META, VR_TABLE_KEYS, VR_TABLE_REVOKED,
                                           VR_TABLE_IDEMPOTENCY, VR_TABLE_DEPLOYMENT};
    struct vr_commit *commit;
    struct vr_commit *there = NULL;
    uint8_t key[20];

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        commit = vr_commit_new(ROOM, 5, 8);
        vr_commit_put(commit, others[i], key_in(key, ROOM, 1), vr_bytes_of("x"));
        refused(commit, ROOM);
    }
    commit = vr_commit_new(ROOM, 5, 8);
    vr_commit_put(commit, VR_TABLE_BANS, key_in(key, (struct vr_id){7, 10}, 1), vr_bytes_of("x"));
    refused(commit, ROOM);
    commit = vr_commit_new(ROOM, 5, 8); /* a whole table */
    vr_commit_remove_prefix(commit, VR_TABLE_PARTICIPANTS, (struct vr_bytes){NULL, 0});
    refused(commit, ROOM);
    commit = vr_commit_new(ROOM, 5, 8);
    vr_commit_remove(commit, VR_TABLE_HEADS, key_in(key, ROOM, 1));
    refused(commit, ROOM);
    commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY); /* of no room, writes a room */
    vr_commit_put(commit, VR_TABLE_BANS, key_in(key, ROOM, 1), vr_bytes_of("x"));
    refused(commit, (struct vr_id){0, 0});
    assert_int_equal(vr_commit_from_ops(ROOM, 1, 1, 1, vr_bytes("\x01\x03\x00", 3), &there),
                     VR_E_BAD_WIRE);
    assert_null(there);
}

static void all_nodes_rows_travel_without_a_room(void **state)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);
    struct vr_commit *there = NULL;

    (void)state;
    vr_commit_put_durable(commit, VR_TABLE_REVOKED, vr_bytes_of("jti"), vr_bytes_of("until"));
    assert_int_equal(vr_commit_from_ops(commit->room, 0, ANY, ANY, vr_commit_ops(commit), &there),
                     VR_OK);
    vr_commit_free(there);
    vr_commit_free(commit);
}

static void seal_raises_the_epoch_alone(void **state)
{
    struct vr_records *records = NULL;
    struct vr_commit *commit;
    uint64_t epoch = 0;
    uint64_t revision = 0;

    (void)state;
    assert_int_equal(vr_memory_new(&records), VR_OK);
    vr_memory_set_immediate(records, true);
    commit = vr_commit_new(ROOM, 5, ANY); /* a copy: the head is the other node's */
    commit->revision = 41;
    assert_int_equal(vr_records_commit(records, commit, &revision), VR_OK);
    assert_true(revision == 41);
    commit = vr_commit_new(ROOM, 9, ANY);
    commit->seal = true;
    assert_int_equal(vr_records_commit(records, commit, &revision), VR_OK);
    assert_int_equal(vr_records_head(records, ROOM, &epoch, &revision), VR_OK);
    assert_true(epoch == 9 && revision == 41);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 5, 41), &revision),
                     VR_E_FENCED);
    commit = vr_commit_new(ROOM, 8, ANY); /* an older copy neither */
    commit->revision = 50;
    assert_int_equal(vr_records_commit(records, commit, &revision), VR_E_FENCED);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 9, 41), &revision), VR_OK);
    assert_true(revision == 42);
    vr_memory_free(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(travels_whole),
        cmocka_unit_test(refuses_what_is_not_the_rooms),
        cmocka_unit_test(all_nodes_rows_travel_without_a_room),
        cmocka_unit_test(seal_raises_the_epoch_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
