/* auth_test.c - goal: who may come in, with what, and that revocations and keys outlive a restart.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "actors/base/random.h"
#include "nodes/auth.h"
#include "nodes/auth_ref.h"
#include "nodes/idempotency.h"
#include "store/memory.h"

static struct vr_records *records;

static int start(void **state)
{
    (void)state;
    if (vr_memory_new(&records) != VR_OK) {
        return -1;
    }
    vr_memory_set_immediate(records, true);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    vr_memory_free(records);
    return 0;
}

static struct vr_auth *auth_open(enum vr_guests guests, bool may_create)
{
    const struct vr_auth_conf conf = {.records = records,
                                      .clock = vr_clock_system(),
                                      .random = vr_random_system(),
                                      .guests = guests,
                                      .guests_may_create = may_create};
    struct vr_auth *auth = NULL;
    struct vr_why why = {0};

    assert_int_equal(vr_auth_new(&conf, &auth, &why), VR_OK);
    return auth;
}

static void token_make(struct vr_auth *auth, const char *kid, const char *jti, struct vr_buf *out)
{
    struct vr_key key;
    struct vr_grants grants = {.user = "ana", .name = "Ana", .room_join = true, .admin = true};

    assert_true(vr_auth_key(auth, kid, &key));
    snprintf(grants.kid, sizeof(grants.kid), "%s", kid);
    snprintf(grants.jti, sizeof(grants.jti), "%s", jti);
    grants.issued_at = vr_clock_system()->wall(NULL) / 1000000;
    grants.expires_at = grants.issued_at + 600;
    assert_int_equal(vr_jwt_write(&grants, &key, out), VR_OK);
}

static enum vr_err judge(struct vr_auth *auth, const struct vr_buf *token, struct vr_grants *out)
{
    struct vr_why why = {0};

    return vr_auth_token(auth, vr_buf_bytes(token), out, &why);
}

static void the_admin_key_is_made_once(void **state)
{
    struct vr_auth *auth = auth_open(VR_GUESTS_OFF, false);
    struct vr_key first, second;
    struct vr_buf token = {0};
    struct vr_grants grants;

    (void)state;
    assert_true(vr_auth_key(auth, "admin", &first));
    assert_true(first.secret_size >= VR_KEY_SECRET_MIN);
    token_make(auth, "admin", "", &token);
    vr_auth_free(auth);
    auth = auth_open(VR_GUESTS_OFF, false);
    assert_true(vr_auth_key(auth, "admin", &second));
    assert_memory_equal(first.secret, second.secret, first.secret_size);
    assert_int_equal(judge(auth, &token, &grants), VR_OK);
    assert_string_equal(grants.user, "ana");
    assert_false(grants.guest);
    assert_false(vr_auth_key(auth, "nobody", &second));
    vr_buf_deinit(&token);
    vr_auth_free(auth);
}

static void keys_can_be_rotated(void **state)
{
    struct vr_auth *auth = auth_open(VR_GUESTS_OFF, false);
    struct vr_key key = {.kid = "new", .secret_size = 40};
    struct vr_buf token = {0};
    struct vr_grants grants;

    (void)state;
    memset(key.secret, 's', key.secret_size);
    assert_int_equal(vr_auth_key_put(auth, &key), VR_OK);
    token_make(auth, "new", "", &token);
    assert_int_equal(judge(auth, &token, &grants), VR_OK);
    memset(key.secret, 't', key.secret_size);
    assert_int_equal(vr_auth_key_put(auth, &key), VR_OK); /* another secret under the same name */
    assert_int_equal(judge(auth, &token, &grants), VR_E_UNAUTHORIZED);
    key.secret_size = 16;
    assert_int_equal(vr_auth_key_put(auth, &key), VR_E_UNPROCESSABLE);
    vr_buf_deinit(&token);
    vr_auth_free(auth);
}

static void on_done(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    (void)revision;
    *(enum vr_err *)ctx = err;
}

static void a_revoked_token_stays_out(void **state)
{
    struct vr_auth *auth = auth_open(VR_GUESTS_OFF, false);
    struct vr_buf bad = {0}, good = {0};
    struct vr_grants grants;
    enum vr_err told = VR_E_INTERNAL;

    (void)state;
    token_make(auth, "admin", "stolen", &bad);
    token_make(auth, "admin", "mine", &good);
    assert_int_equal(judge(auth, &bad, &grants), VR_OK);
    vr_auth_revoke(auth, "stolen", 0, on_done, &told);
    assert_int_equal(told, VR_OK);
    assert_int_equal(judge(auth, &bad, &grants), VR_E_UNAUTHORIZED);
    assert_int_equal(judge(auth, &good, &grants), VR_OK);
    vr_auth_free(auth);
    auth = auth_open(VR_GUESTS_OFF, false);
    assert_int_equal(judge(auth, &bad, &grants), VR_E_UNAUTHORIZED);
    vr_buf_deinit(&bad);
    vr_buf_deinit(&good);
    vr_auth_free(auth);
}

static void guests_come_in_where_they_may(void **state)
{
    static const struct {
        enum vr_guests guests;
        bool loopback;
        bool code;
        enum vr_err may_enter;
        bool may_look;
    } cases[] = {
        {VR_GUESTS_OFF, true, true, VR_E_FORBIDDEN, false},
        {VR_GUESTS_LOCALHOST, true, false, VR_OK, true},
        {VR_GUESTS_LOCALHOST, false, true, VR_E_FORBIDDEN, false},
        {VR_GUESTS_LINK, true, false, VR_OK, true},
        {VR_GUESTS_LINK, false, false, VR_E_FORBIDDEN, true},
        {VR_GUESTS_LINK, false, true, VR_OK, true},
        {VR_GUESTS_ALL, false, false, VR_OK, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vr_auth *auth = auth_open(cases[i].guests, false);
        char code[64] = "";

        snprintf(code, sizeof(code), "%s", cases[i].code ? vr_auth_join_code(auth) : "");
        assert_int_equal(vr_auth_guest_allowed(auth, cases[i].loopback, code, NULL),
                         cases[i].may_enter);
        assert_int_equal(vr_auth_viewer_allowed(auth, cases[i].loopback), cases[i].may_look);
        if (cases[i].guests == VR_GUESTS_LINK && !cases[i].loopback) {
            if (code[0] == '2') {
                code[0] = '3';
            } else {
                code[0] = '2';
            }
            assert_int_equal(vr_auth_guest_allowed(auth, false, code, NULL), VR_E_FORBIDDEN);
        }
        vr_auth_free(auth);
    }
}

static void a_guests_token_is_good_as_long_as_guests_are(void **state)
{
    struct vr_auth *auth = auth_open(VR_GUESTS_LINK, true);
    struct vr_buf token = {0};
    struct vr_grants minted, read;
    struct vr_actor_identity who;
    const struct vr_id room = {1, 2};

    (void)state;
    assert_int_equal(vr_auth_guest_mint(auth, "Ben", &minted, &token), VR_OK);
    assert_int_equal(judge(auth, &token, &read), VR_OK);
    assert_true(read.guest);
    assert_true(read.room_create);
    assert_string_equal(read.user, minted.user);
    assert_int_equal(vr_auth_identity(&read, room, "192.0.2.1", &who), VR_OK);
    assert_true(who.guest);
    assert_false(who.admin);
    assert_int_equal(who.granted, VR_ROLE_LISTENER);
    vr_auth_free(auth);
    auth = auth_open(VR_GUESTS_OFF, true);
    assert_int_equal(judge(auth, &token, &read), VR_E_UNAUTHORIZED);
    vr_buf_deinit(&token);
    vr_auth_free(auth);
}

static void a_token_reaches_its_own_room_only(void **state)
{
    const struct vr_id room = {1, 2}, other = {1, 3};
    struct vr_grants grants = {.user = "ana", .can_moderate = true};
    struct vr_actor_identity who;
    char text[VR_ID_TEXT];

    (void)state;
    snprintf(grants.room, sizeof(grants.room), "%s", vr_id_format(room, text));
    assert_int_equal(vr_auth_identity(&grants, room, "", &who), VR_OK);
    assert_int_equal(who.granted, VR_ROLE_MODERATOR);
    assert_int_equal(vr_auth_identity(&grants, other, "", &who), VR_E_FORBIDDEN);
    assert_string_equal(who.user, "");
    grants.room_admin = true;
    assert_int_equal(vr_auth_identity(&grants, other, "", &who), VR_E_FORBIDDEN);
    grants.admin = true;
    assert_int_equal(vr_auth_identity(&grants, other, "", &who), VR_OK);
}

static vr_time_us wall_at;

static vr_time_us fake_wall(void *ctx)
{
    (void)ctx;
    return wall_at;
}

static struct vr_auth *auth_open_at(vr_time_us wall)
{
    static struct vr_clock clock = {.now = fake_wall, .wall = fake_wall};
    const struct vr_auth_conf conf = {
        .records = records, .clock = &clock, .random = vr_random_system()};
    struct vr_auth *auth = NULL;

    wall_at = wall;
    assert_int_equal(vr_auth_new(&conf, &auth, NULL), VR_OK);
    return auth;
}

static bool count_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)key;
    (void)value;
    ++*(uint32_t *)ctx;
    return true;
}

static uint32_t rows_in(enum vr_table table)
{
    uint32_t count = 0;
    const struct vr_bytes all = vr_bytes("", 0);

    assert_int_equal(vr_records_scan(records, table, all, all, count_row, &count), VR_OK);
    return count;
}

static void revocations_are_forgotten_when_nothing_can_use_the_token(void **state)
{
    const int64_t start_s = 1700000000;
    struct vr_auth *auth = auth_open_at(VR_SECONDS(start_s));
    struct vr_grants grants = {.kid = "admin", .jti = "kept"};
    enum vr_err told = VR_OK;
    char jti[32];

    (void)state;
    for (int i = 0; i < 700; i++) {
        snprintf(jti, sizeof(jti), "jti-%d", i);
        vr_auth_revoke(auth, jti, start_s + 3600, on_done, &told);
    }
    vr_auth_revoke(auth, "kept", 0, on_done, &told);
    wall_at = VR_SECONDS(start_s + 3600 + 12 * 3600); /* a resume token may still stand on it */
    assert_false(vr_auth_sweep(auth));
    assert_int_equal(rows_in(VR_TABLE_REVOKED), 701);
    wall_at = VR_SECONDS(start_s + 3600 + 13 * 3600 + 1);
    assert_true(vr_auth_sweep(auth)); /* in bites */
    assert_in_range(rows_in(VR_TABLE_REVOKED), 2, 700);
    assert_false(vr_auth_sweep(auth));
    assert_int_equal(rows_in(VR_TABLE_REVOKED), 1);
    assert_true(vr_auth_ref_withdrawn(auth, vr_auth_ref(&grants)));
    snprintf(grants.jti, sizeof(grants.jti), "jti-5");
    assert_false(vr_auth_ref_withdrawn(auth, vr_auth_ref(&grants)));
    vr_auth_free(auth);
    auth = auth_open_at(VR_SECONDS(start_s)); /* `until` is read back as well */
    assert_false(vr_auth_sweep(auth));
    assert_int_equal(rows_in(VR_TABLE_REVOKED), 1);
    vr_auth_free(auth);
}

static void answers_are_forgotten_after_a_day(void **state)
{
    static struct vr_clock clock = {.now = fake_wall, .wall = fake_wall};
    struct vr_idempotency *table = NULL;
    uint8_t slot[32] = {0}, asked[32] = {1};
    struct vr_buf answer = {0};
    enum vr_err told = VR_OK;

    (void)state;
    wall_at = VR_SECONDS(1700000000);
    assert_int_equal(vr_idempotency_new(records, &clock, &table), VR_OK);
    for (uint32_t i = 0; i < 2500; i++) {
        wall_at += i == 1500 ? VR_SECONDS(7200) : 0;
        vr_put32(slot, i * 2654435761u); /* in no order */
        assert_int_equal(vr_idempotency_begin(table, slot, asked, &answer), VR_OK);
        vr_idempotency_finish(table, slot, asked, vr_bytes_of("yes"), on_done, &told);
    }
    while (vr_idempotency_sweep(table)) {
    }
    assert_int_equal(rows_in(VR_TABLE_IDEMPOTENCY), 2500);
    wall_at += VR_SECONDS(23 * 3600);
    assert_true(vr_idempotency_sweep(table)); /* looks at some, not at all */
    assert_in_range(rows_in(VR_TABLE_IDEMPOTENCY), 1001, 2500);
    while (vr_idempotency_sweep(table)) {
    }
    assert_int_equal(rows_in(VR_TABLE_IDEMPOTENCY), 1000);
    assert_int_equal(vr_idempotency_begin(table, slot, asked, &answer), VR_E_EXISTS);
    vr_buf_deinit(&answer);
    vr_idempotency_free(table);
}

static void a_key_is_good_from_its_commit_to_the_wish_of_its_end(void **state)
{
    struct vr_auth *auth = auth_open(VR_GUESTS_OFF, false);
    struct vr_grants grants = {.kid = "shop"};
    struct vr_key key = {.kid = "shop"}, other = {.kid = "shop"};
    struct vr_key_about about[VR_KEYS_MAX];
    int64_t made = 0;
    uint64_t changes = 0;
    enum vr_err told = VR_E_INTERNAL;

    (void)state;
    vr_memory_set_immediate(records, false);
    assert_int_equal(vr_auth_key_add(auth, &key, &made, on_done, &told), VR_OK);
    assert_false(vr_auth_key(auth, "shop", &other));
    assert_int_equal(vr_auth_key_remove(auth, "shop", "", on_done, &told), VR_E_NOT_FOUND);
    assert_true(vr_memory_step(records, VR_E_FULL)); /* the disk is full: nothing has happened */
    assert_int_equal(told, VR_E_FULL);
    assert_int_equal(vr_auth_keys(auth, about), 1);

    assert_int_equal(vr_auth_key_add(auth, &key, &made, on_done, &told), VR_OK);
    assert_int_equal(vr_auth_key_add(auth, &other, &made, on_done, &told), VR_E_EXISTS);
    assert_true(vr_memory_step(records, VR_OK));
    assert_int_equal(vr_auth_keys(auth, about), 2);
    assert_string_equal(about[1].kid, "shop");
    assert_int_equal(about[1].created_at, made);
    assert_false(vr_auth_ref_withdrawn(auth, vr_auth_ref(&grants)));

    changes = vr_auth_changes(auth);
    assert_int_equal(vr_auth_key_remove(auth, "shop", "shop", on_done, &told), VR_E_CONFLICT);
    assert_int_equal(vr_auth_key_remove(auth, "shop", "admin", on_done, &told), VR_OK);
    assert_true(vr_auth_changes(auth) != changes);
    assert_false(vr_auth_key(auth, "shop", &other)); /* before the commit */
    assert_true(vr_auth_ref_withdrawn(auth, vr_auth_ref(&grants)));
    assert_int_equal(vr_auth_key_remove(auth, "admin", "", on_done, &told), VR_E_CONFLICT);
    assert_true(vr_memory_step(records, VR_E_FULL)); /* it may be tried again */
    assert_int_equal(vr_auth_key_remove(auth, "shop", "admin", on_done, &told), VR_OK);
    assert_true(vr_memory_step(records, VR_OK));
    assert_int_equal(vr_auth_key_remove(auth, "shop", "admin", on_done, &told), VR_E_NOT_FOUND);
    vr_auth_free(auth);
    vr_memory_set_immediate(records, true);
    auth = auth_open(VR_GUESTS_OFF, false);
    assert_int_equal(vr_auth_keys(auth, about), 1);
    assert_true(about[0].created_at > 0);
    vr_auth_free(auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_admin_key_is_made_once, start, stop),
        cmocka_unit_test_setup_teardown(keys_can_be_rotated, start, stop),
        cmocka_unit_test_setup_teardown(a_revoked_token_stays_out, start, stop),
        cmocka_unit_test_setup_teardown(guests_come_in_where_they_may, start, stop),
        cmocka_unit_test_setup_teardown(a_guests_token_is_good_as_long_as_guests_are, start, stop),
        cmocka_unit_test(a_token_reaches_its_own_room_only),
        cmocka_unit_test_setup_teardown(revocations_are_forgotten_when_nothing_can_use_the_token,
                                        start, stop),
        cmocka_unit_test_setup_teardown(answers_are_forgotten_after_a_day, start, stop),
        cmocka_unit_test_setup_teardown(a_key_is_good_from_its_commit_to_the_wish_of_its_end, start,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
