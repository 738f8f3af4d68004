/* Goal: a user who is erased at one node is erased at all, also at one that was away, and no older
 * copy of his row brings his name back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x5555})

static struct ck *kit;
static struct ck_answer answer;
static struct vr_id ref;

static enum vr_err name_at(uint32_t node)
{
    struct vr_buf user = {0};
    enum vr_err err;

    vr_personal_reread(kit->nodes[node].personal); /* as nodes do when rows have come */
    err = vr_personal_user(kit->nodes[node].personal, ref, &user);
    vr_buf_deinit(&user);
    return err;
}

/* Three nodes that all have ben's row. */
static int set_up(void **state)
{
    (void)state;
    kit = ck_new(66, 3);
    if (!ck_until(kit, ck_all_joined, VR_SECONDS(10))) {
        return -1;
    }
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    for (uint32_t i = 1; i <= 3; i++) { /* each of them follows the room */
        char user[8];

        snprintf(user, sizeof(user), "p%u", i);
        assert_int_equal(ck_tell(kit, i, ROOM, ck_join(kit, i, ROOM, user), &answer), VR_OK);
    }
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_join(kit, 2, ROOM, "ben"), &answer), VR_OK);
    ck_run(kit, VR_SECONDS(5));
    ref = vr_personal_ref(kit->nodes[1].personal, "ben");
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(name_at(i), VR_OK);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static void erase_at(uint32_t node)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

    assert_int_equal(vr_personal_erase(kit->nodes[node].personal, ref, commit), VR_OK);
    (void)vr_records_submit(kit->nodes[node].records, commit, NULL, NULL);
}

static void erased_at_one_is_erased_at_all(void **state)
{
    (void)state;
    erase_at(1);
    ck_run(kit, VR_SECONDS(2));
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(name_at(i), VR_E_NOT_FOUND);
    }
}

static void who_was_away_brings_nothing_back(void **state)
{
    (void)state;
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(10));
    erase_at(1);
    ck_run(kit, VR_SECONDS(2));
    ck_start(kit, 3); /* with the row as it was */
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_join(kit, 3, ROOM, "dan"), &answer), VR_OK);
    ck_run(kit, VR_SECONDS(10));
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(name_at(i), VR_E_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(erased_at_one_is_erased_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_was_away_brings_nothing_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
