/* Goal: names and passwords are those that a TURN server computes from the same secret. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include "actors/wire/turn.h"

static void is_what_others_compute(void **state)
{
    /* Computed with Python's hmac and base64. */
    static const struct {
        const char *secret;
        int64_t expires_s;
        const char *who;
        const char *username;
        const char *credential;
    } cases[] = {
        {"north", 1700000000, "ana", "1700000000:ana", "/V6vMibmvRAPIMy3tyPu2GxFkDI="},
        {"s3cret", 1800000000, "01ARZ3NDEKTSV4RRFFQ69G5FAV",
         "1800000000:01ARZ3NDEKTSV4RRFFQ69G5FAV", "hh0689vO3rsLscKmPuZ62iRm9ow="},
        {"north", 1700000000, "4", "1700000000:4", "bmGGmzV/V7Ojfs3gTiXB+Z9dquk="},
    };
    char username[128];
    char credential[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(vr_turn_credential(vr_bytes_of(cases[i].secret), cases[i].expires_s,
                                            cases[i].who, username, credential),
                         VR_OK);
        assert_string_equal(username, cases[i].username);
        assert_string_equal(credential, cases[i].credential);
    }
}

static void a_long_name_is_cut(void **state)
{
    char who[300];
    char username[128];
    char credential[128];

    (void)state;
    memset(who, 'x', sizeof(who) - 1);
    who[sizeof(who) - 1] = 0;
    assert_int_equal(vr_turn_credential(vr_bytes_of("north"), INT64_MAX, who, username, credential),
                     VR_OK);
    assert_int_equal(strlen(username), 19 + 1 + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_others_compute),
        cmocka_unit_test(a_long_name_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
