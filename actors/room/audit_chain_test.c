/* Goal: whatever is done to a stored audit log, other than adding to it, shows; and erasing a user
 * or taking old entries away by retention does not. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "actors/room/audit_chain.h"
#include "store/memory.h"
#include "store/personal.h"

#define ROOM ((struct vr_id){7, 9})
#define DAY VR_SECONDS(86400)

struct world {
    struct vr_records *records;
    struct vr_personal *personal;
    struct vr_vault vault;
    uint8_t head[VR_AUDIT_HASH];
};

static enum vr_err ensure(void *ctx, const char *user, struct vr_commit *commit, struct vr_id *ref)
{
    return vr_personal_ensure(ctx, user, commit, ref);
}

static enum vr_err seal(void *ctx, struct vr_id ref, struct vr_bytes plain, struct vr_buf *out)
{
    return vr_personal_seal(ctx, ref, plain, out);
}

static int set_up(void **state)
{
    static const uint8_t pepper[32] = {1};
    struct world *world = calloc(1, sizeof(*world));

    assert_int_equal(vr_memory_new(&world->records), VR_OK);
    vr_memory_set_immediate(world->records, true);
    assert_int_equal(vr_personal_new(world->records, pepper, &world->personal), VR_OK);
    world->vault = (struct vr_vault){ensure, seal, NULL, NULL, world->personal};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    vr_personal_free(world->personal);
    vr_memory_free(world->records);
    free(world);
    return 0;
}

static void add(struct world *world, uint64_t number)
{
    struct vr_commit *commit = vr_commit_new(ROOM, 1, UINT64_MAX);
    struct vr_audit entry = {.number = number,
                             .at_wall = (vr_time_us)number * DAY,
                             .act = "room:kick",
                             .by_user = "mod",
                             .by_name = "Mod",
                             .target_user = "ana",
                             .target_name = "Ana",
                             .reason = "noise",
                             .request_id = "r1"};

    assert_int_equal(vr_audit_put(commit, &world->vault, ROOM, &entry, world->head), VR_OK);
    assert_int_equal(vr_audit_head_put(commit, ROOM, number, world->head), VR_OK);
    assert_int_equal(vr_records_commit(world->records, commit, NULL), VR_OK);
}

static void add_many(struct world *world, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        add(world, i);
    }
}

static struct vr_audit_verdict verdict_of(struct world *world)
{
    struct vr_audit_verdict verdict;

    assert_int_equal(vr_audit_verify(world->records, ROOM, 0, NULL, &verdict), VR_OK);
    return verdict;
}

static struct vr_bytes key_of(uint8_t key[24], uint64_t number)
{
    vr_id_put(key, ROOM);
    vr_put64(key + 16, number);
    return vr_bytes(key, 24);
}

/** A stored row as it is; a change of it, or its end when `bytes` is NULL. */
static void tamper(struct world *world, uint64_t number, const struct vr_buf *bytes)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    uint8_t key[24];

    if (bytes == NULL) {
        vr_commit_remove(commit, VR_TABLE_AUDIT, key_of(key, number));
    } else {
        vr_commit_put(commit, VR_TABLE_AUDIT, key_of(key, number), vr_buf_bytes(bytes));
    }
    assert_int_equal(vr_records_commit(world->records, commit, NULL), VR_OK);
}

static struct vr_buf row(struct world *world, uint64_t number)
{
    struct vr_buf out = {0};
    uint8_t key[24];

    assert_int_equal(vr_records_get(world->records, VR_TABLE_AUDIT, key_of(key, number), &out),
                     VR_OK);
    return out;
}

static void a_log_that_was_only_added_to_is_sound(void **state)
{
    struct world *world = *state;
    struct vr_audit_verdict verdict;

    add_many(world, 20);
    verdict = verdict_of(world);
    assert_true(verdict.sound);
    assert_int_equal(verdict.entries, 20);
    assert_int_equal(verdict.first, 1);
    assert_int_equal(verdict.last, 20);
    assert_memory_equal(verdict.head, world->head, VR_AUDIT_HASH);
}

static void every_changed_byte_shows(void **state)
{
    struct world *world = *state;
    struct vr_buf good;

    add_many(world, 5);
    good = row(world, 3);
    for (size_t i = 0; i < good.size; i++) {
        good.data[i] ^= 1;
        tamper(world, 3, &good);
        assert_false(verdict_of(world).sound);
        good.data[i] ^= 1;
    }
    tamper(world, 3, &good);
    assert_true(verdict_of(world).sound);
    vr_buf_deinit(&good);
}

static void gaps_swaps_and_cut_ends_show(void **state)
{
    static const uint64_t places[] = {1, 3, 5};
    struct world *world = *state;
    struct vr_buf three;
    struct vr_buf four;

    add_many(world, 5);
    for (size_t i = 0; i < 3; i++) {
        struct vr_buf kept = row(world, places[i]);
        struct vr_audit_verdict verdict;

        tamper(world, places[i], NULL);
        verdict = verdict_of(world);
        assert_false(verdict.sound);
        assert_true(verdict.broken_at >= places[i]);
        tamper(world, places[i], &kept);
        vr_buf_deinit(&kept);
    }
    three = row(world, 3);
    four = row(world, 4);
    tamper(world, 3, &four);
    tamper(world, 4, &three);
    assert_int_equal(verdict_of(world).broken_at, 3);
    vr_buf_deinit(&three);
    vr_buf_deinit(&four);
}

static void a_log_written_anew_shows_by_what_was_noted(void **state)
{
    struct world *world = *state;
    struct vr_audit_verdict noted;
    struct vr_audit_verdict verdict;

    add_many(world, 3);
    noted = verdict_of(world);
    memset(world->head, 0, sizeof(world->head));
    for (uint64_t i = 1; i <= 4; i++) { /* the same words, but sealed anew: other bytes */
        add(world, i);
    }
    assert_true(verdict_of(world).sound);
    assert_int_equal(vr_audit_verify(world->records, ROOM, 3, noted.head, &verdict), VR_OK);
    assert_false(verdict.sound);
    assert_int_equal(verdict.broken_at, 3);
}

static void an_erased_user_leaves_it_whole(void **state)
{
    struct world *world = *state;
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

    add_many(world, 3);
    assert_int_equal(
        vr_personal_erase(world->personal, vr_personal_ref(world->personal, "ana"), commit), VR_OK);
    assert_int_equal(vr_records_commit(world->records, commit, NULL), VR_OK);
    assert_true(verdict_of(world).sound);
}

static void retention_takes_from_the_front_only(void **state)
{
    struct world *world = *state;
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    struct vr_audit_verdict verdict;

    add_many(world, 10);
    assert_int_equal(vr_audit_retire(world->records, ROOM, 5 * DAY, 100, commit), 4);
    assert_int_equal(vr_records_commit(world->records, commit, NULL), VR_OK);
    verdict = verdict_of(world);
    assert_true(verdict.sound);
    assert_int_equal(verdict.first, 5);
    tamper(world, 5, NULL); /* but not more than retention took */
    assert_false(verdict_of(world).sound);

    commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    assert_int_equal(vr_audit_retire(world->records, ROOM, 100 * DAY, 2, commit), 2);
    vr_commit_free(commit);
    commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    assert_int_equal(vr_audit_retire(world->records, ROOM, 100 * DAY, 100, commit),
                     4); /* the newest stays */
    vr_commit_free(commit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_that_was_only_added_to_is_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_byte_shows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gaps_swaps_and_cut_ends_show, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_written_anew_shows_by_what_was_noted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_erased_user_leaves_it_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retention_takes_from_the_front_only, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
