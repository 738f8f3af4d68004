/* Goal: RFC 4648's vectors without padding, and one text only for each value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/base64url.h"

static void vectors_of_rfc_4648(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_buf text = {0};
        uint8_t back[16];
        size_t size;

        vr_base64url_write(vr_bytes_of(rows[i][0]), &text);
        assert_true(vr_bytes_equal(vr_buf_bytes(&text), vr_bytes_of(rows[i][1])));
        assert_true(vr_base64url_read(vr_bytes_of(rows[i][1]), back, strlen(rows[i][0]), &size));
        assert_true(vr_bytes_equal(vr_bytes(back, size), vr_bytes_of(rows[i][0])));
        if (size > 0) {
            assert_false(vr_base64url_read(vr_bytes_of(rows[i][1]), back, size - 1, &size));
        }
        vr_buf_deinit(&text);
    }
}

static void refuses_other_spellings(void **state)
{
    static const char *const rows[] = {
        "Z",   "Zg==", "Zg=",  "Zh",  "Zm9",       "Zm8=",      "Zm9vY", "+/",
        "Z g", " Zg",  "Zg\n", "Zg.", "Z\xc3\xa4", "Zm9v Zm9v", "=",     "===="};
    uint8_t out[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(vr_base64url_read(vr_bytes_of(rows[i]), out, sizeof(out), &size));
    }
    assert_false(vr_base64url_read(vr_bytes("Z\0", 2), out, sizeof(out), &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4648),
        cmocka_unit_test(refuses_other_spellings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
