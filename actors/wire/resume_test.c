/* Goal: a resume token comes back as it was written, and no changed, cut, foreign or old one does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/resume.h"

static const uint8_t key[32] = {1, 2, 3};
static const struct vr_resume place = {.room = {1, 2},
                                       .session = {3, 4},
                                       .user_ref_hint = {5, UINT64_MAX},
                                       .token_ref = {6, 7},
                                       .participant = 0xfffffffe,
                                       .generation = 7,
                                       .role = VR_ROLE_MODERATOR,
                                       .expires_at_s = 1700000000};

static void comes_back(void **state)
{
    char text[VR_RESUME_TEXT];
    struct vr_resume out;

    (void)state;
    assert_int_equal(vr_resume_write(&place, key, text), VR_OK);
    assert_true(strlen(text) < VR_RESUME_TEXT);
    assert_int_equal(vr_resume_read(text, key, 1699999999, &out), VR_OK);
    assert_true(vr_id_equal(out.room, place.room));
    assert_true(vr_id_equal(out.session, place.session));
    assert_true(vr_id_equal(out.user_ref_hint, place.user_ref_hint));
    assert_true(vr_id_equal(out.token_ref, place.token_ref));
    assert_int_equal(out.participant, place.participant);
    assert_int_equal(out.generation, 7);
    assert_int_equal(out.role, VR_ROLE_MODERATOR);
    assert_int_equal(out.expires_at_s, place.expires_at_s);
}

static void refuses_forgeries(void **state)
{
    char text[VR_RESUME_TEXT];
    char work[VR_RESUME_TEXT + 2];
    struct vr_resume out;
    size_t size;
    static const uint8_t other[32] = {1, 2, 4};

    (void)state;
    assert_int_equal(vr_resume_write(&place, key, text), VR_OK);
    size = strlen(text);
    assert_int_equal(vr_resume_read(text, other, 0, &out), VR_E_UNAUTHORIZED);
    assert_int_equal(vr_resume_read(text, key, 1700000000, &out), VR_E_UNAUTHORIZED); /* over */
    assert_int_equal(vr_resume_read("", key, 0, &out), VR_E_UNAUTHORIZED);
    for (size_t i = 0; i < size; i++) {
        for (int change = 1; change < 256; change++) {
            memcpy(work, text, size + 1);
            work[i] = (char)(work[i] ^ change);
            assert_int_equal(vr_resume_read(work, key, 0, &out), VR_E_UNAUTHORIZED);
            assert_true(vr_id_is_zero(out.room));
        }
        memcpy(work, text, size + 1);
        work[i] = 0;
        assert_int_equal(vr_resume_read(work, key, 0, &out), VR_E_UNAUTHORIZED);
    }
    memcpy(work, text, size);
    memcpy(work + size, "A", 2);
    assert_int_equal(vr_resume_read(work, key, 0, &out), VR_E_UNAUTHORIZED);
    memcpy(work + size, "=", 2);
    assert_int_equal(vr_resume_read(work, key, 0, &out), VR_E_UNAUTHORIZED);
}

static void unknown_role_is_refused(void **state)
{
    struct vr_resume odd = place;
    char text[VR_RESUME_TEXT];
    struct vr_resume out;

    (void)state;
    odd.role = VR_ROLES; /* as a newer version might write */
    assert_int_equal(vr_resume_write(&odd, key, text), VR_OK);
    assert_int_equal(vr_resume_read(text, key, 0, &out), VR_E_UNAUTHORIZED);
}

static void hint_names_the_user(void **state)
{
    (void)state;
    /* SHA-256 of "abc" (FIPS 180-4), first sixteen bytes. */
    assert_int_equal(vr_resume_user_hint("abc").hi, 0xba7816bf8f01cfeaULL);
    assert_int_equal(vr_resume_user_hint("abc").lo, 0x414140de5dae2223ULL);
    assert_false(vr_id_equal(vr_resume_user_hint("ana"), vr_resume_user_hint("Ana")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses_forgeries),
        cmocka_unit_test(unknown_role_is_refused),
        cmocka_unit_test(hint_names_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
