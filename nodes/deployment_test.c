/* Goal: bans, words and webhooks are in force once written, are there again after a start, come in
 * from other nodes by revision, and a failed write leaves chain and memory as they were. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "actors/wire/resume.h"
#include "nodes/deployment.h"
#include "store/memory.h"

struct world {
    struct vr_records *records;
    struct vr_personal *personal;
    struct vr_deployment *deployment;
    struct vr_clock clock;
    vr_time_us now;
    enum vr_err told;
};

static vr_time_us clock_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void open_deployment(struct world *world)
{
    const struct vr_deployment_conf conf = {.records = world->records,
                                            .personal = world->personal,
                                            .clock = &world->clock,
                                            .random = vr_random_system()};

    assert_int_equal(vr_deployment_new(&conf, &world->deployment, NULL), VR_OK);
}

static int set_up(void **state)
{
    static const uint8_t pepper[32] = {3};
    struct world *world = calloc(1, sizeof(*world));

    world->clock = (struct vr_clock){clock_now, clock_now, world};
    world->now = VR_SECONDS(1000);
    assert_int_equal(vr_memory_new(&world->records), VR_OK);
    vr_memory_set_immediate(world->records, true);
    assert_int_equal(vr_personal_new(world->records, pepper, &world->personal), VR_OK);
    open_deployment(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    vr_deployment_free(world->deployment);
    vr_personal_free(world->personal);
    vr_memory_free(world->records);
    free(world);
    return 0;
}

static void on_told(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    (void)revision;
    ((struct world *)ctx)->told = err;
}

static void change(struct world *world, struct vr_deployment_row row, struct vr_commit *commit)
{
    struct vr_deployment_change change = {
        .row = row,
        .commit = commit,
        .audit = {.act = "deployment:ban", .by_user = "root", .by_name = "Root"}};

    world->told = VR_E_INTERNAL;
    vr_deployment_change(world->deployment, &change, on_told, world);
}

static struct vr_id ban(struct world *world, const char *user, const char *range, vr_time_us until)
{
    struct vr_deployment_ban wanted = {.id = vr_deployment_id_make(world->deployment),
                                       .user = user,
                                       .range = range,
                                       .reason = "noise",
                                       .by = "Root",
                                       .until = until};
    struct vr_commit *commit = vr_deployment_commit();
    struct vr_buf body = {0};

    assert_int_equal(vr_deployment_ban_body(world->deployment, &wanted, "root", commit, &body),
                     VR_OK);
    change(world,
           (struct vr_deployment_row){
               .kind = VR_DEPLOYMENT_BAN, .id = wanted.id, .body = vr_buf_bytes(&body)},
           commit);
    vr_buf_deinit(&body);
    return wanted.id;
}

static bool banned(struct world *world, const char *user, const char *address)
{
    return vr_deployment_banned(world->deployment, vr_resume_user_hint(user), address, NULL);
}

static bool sound(struct world *world)
{
    struct vr_audit_verdict verdict;

    assert_int_equal(vr_audit_verify(world->records, VR_DEPLOYMENT_ROOM, 0, NULL, &verdict), VR_OK);
    return verdict.sound;
}

static void bans_hold_and_come_back_after_a_start(void **state)
{
    struct world *world = *state;
    uint64_t changes = vr_deployment_changes(world->deployment);
    struct vr_id lifted;

    ban(world, "mallory", "", 0);
    assert_int_equal(world->told, VR_OK);
    ban(world, "", "192.0.2.0/24", 0);
    lifted = ban(world, "eve", "", 0);
    ban(world, "kim", "", VR_SECONDS(1060));
    assert_true(vr_deployment_changes(world->deployment) > changes);
    change(world, (struct vr_deployment_row){.kind = VR_DEPLOYMENT_BAN, .id = lifted, .gone = true},
           vr_deployment_commit());
    for (int life = 0; life < 2; life++) {
        assert_true(banned(world, "mallory", ""));
        assert_true(banned(world, "ana", "192.0.2.77"));
        assert_true(banned(world, "ana", "::ffff:192.0.2.77"));
        assert_false(banned(world, "ana", "192.0.3.77"));
        assert_false(banned(world, "eve", "10.0.0.1"));
        assert_true(banned(world, "kim", ""));
        vr_deployment_free(world->deployment);
        open_deployment(world);
    }
    world->now = VR_SECONDS(1061);
    assert_false(banned(world, "kim", ""));
    assert_true(sound(world));
    assert_int_equal(vr_deployment_audits(world->deployment), 5);
}

static void nothing_personal_lies_in_the_store_in_clear(void **state)
{
    struct world *world = *state;
    uint8_t prefix = VR_DEPLOYMENT_BAN;
    struct vr_buf all = {0};
    struct vr_id id = ban(world, "mallory", "198.51.100.0/24", 0);
    uint8_t key[17];

    key[0] = prefix;
    vr_id_put(key + 1, id);
    assert_int_equal(vr_records_get(world->records, VR_TABLE_DEPLOYMENT, vr_bytes(key, 17), &all),
                     VR_OK);
    assert_null(memmem(all.data, all.size, "mallory", 7));
    assert_null(memmem(all.data, all.size, "198.51", 6));
    assert_null(memmem(all.data, all.size, "noise", 5));
    vr_buf_deinit(&all);
}

static void a_failed_write_changes_nothing(void **state)
{
    struct world *world = *state;

    ban(world, "one", "", 0);
    vr_memory_set_immediate(world->records, false);
    ban(world, "two", "", 0);
    ban(world, "three", "", 0); /* stands on the one before */
    assert_true(vr_memory_step(world->records, VR_E_FULL));
    assert_int_equal(world->told, VR_E_FULL);
    ban(world, "four", "", 0);
    assert_int_equal(world->told, VR_E_BUSY);
    while (vr_memory_step(world->records, VR_OK)) {
    }
    assert_int_equal(world->told, VR_E_STALE);
    vr_memory_set_immediate(world->records, true);
    ban(world, "five", "", 0);
    assert_int_equal(world->told, VR_OK);
    assert_true(banned(world, "one", ""));
    assert_false(banned(world, "two", ""));
    assert_false(banned(world, "three", ""));
    assert_true(banned(world, "five", ""));
    assert_true(sound(world));
}

static void rows_of_other_nodes_hold_by_their_revision(void **state)
{
    struct world *world = *state;
    struct vr_id id = ban(world, "mallory", "", 0);
    struct vr_buf value = {0};
    uint8_t key[17] = {VR_DEPLOYMENT_BAN};
    uint8_t gone[9] = {0};

    vr_id_put(key + 1, id);
    assert_int_equal(vr_records_get(world->records, VR_TABLE_DEPLOYMENT, vr_bytes(key, 17), &value),
                     VR_OK);
    vr_put64(gone, vr_get64(value.data));
    gone[8] = 1;
    vr_deployment_take(world->deployment, vr_bytes(key, 17), vr_bytes(gone, 9), NULL, NULL);
    assert_true(banned(world, "mallory", "")); /* not newer */
    vr_put64(gone, vr_get64(value.data) + 1);
    vr_deployment_take(world->deployment, vr_bytes(key, 17), vr_bytes(gone, 9), NULL, NULL);
    assert_false(banned(world, "mallory", ""));
    vr_put64(value.data, vr_get64(value.data) + 2);
    vr_deployment_take(world->deployment, vr_bytes(key, 17), vr_buf_bytes(&value), NULL, NULL);
    assert_true(banned(world, "mallory", ""));
    vr_deployment_take(world->deployment, vr_bytes(key, 17), vr_bytes("junk", 4), on_told, world);
    assert_int_equal(world->told, VR_E_BAD_WIRE);
    vr_buf_deinit(&value);
}

static void webhooks_are_kept_with_their_secret(void **state)
{
    struct world *world = *state;
    struct vr_webhook webhook = {.id = {1, 2}, .url = "https://example.org/", .type_count = 1};
    struct vr_webhook back;
    struct vr_commit *commit = vr_deployment_commit();
    struct vr_buf body = {0};

    memset(webhook.secret, 7, sizeof(webhook.secret));
    memcpy(webhook.types[0], "room.created", sizeof("room.created"));
    assert_false(atomic_load(vr_deployment_wants_events(world->deployment)));
    assert_int_equal(vr_deployment_webhook_body(world->deployment, &webhook, commit, &body), VR_OK);
    assert_null(memmem(body.data, body.size, webhook.secret, sizeof(webhook.secret)));
    change(world,
           (struct vr_deployment_row){
               .kind = VR_DEPLOYMENT_WEBHOOK, .id = webhook.id, .body = vr_buf_bytes(&body)},
           commit);
    vr_deployment_free(world->deployment);
    open_deployment(world);
    assert_true(vr_deployment_webhook(world->deployment, webhook.id, &back));
    assert_memory_equal(back.secret, webhook.secret, sizeof(back.secret));
    assert_string_equal(back.url, webhook.url);
    assert_true(vr_webhook_wants(&back, "room.created"));
    assert_false(vr_webhook_wants(&back, "room.ended"));
    assert_true(atomic_load(vr_deployment_wants_events(world->deployment)));
    vr_buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bans_hold_and_come_back_after_a_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_personal_lies_in_the_store_in_clear, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_other_nodes_hold_by_their_revision, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(webhooks_are_kept_with_their_secret, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
