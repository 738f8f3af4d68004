/* Goal: the vectors of RFC 4231, FIPS 180-4 and RFC 1321. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/mac.h"

static void vectors_of_rfc_4231(void **state)
{
    static const uint8_t case1[32] = {0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53,
                                      0x5c, 0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b,
                                      0x88, 0x1d, 0xc2, 0x00, 0xc9, 0x83, 0x3d, 0xa7,
                                      0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7};
    static const uint8_t case2[32] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                      0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
                                      0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
                                      0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    uint8_t key[20];
    uint8_t out[VR_MAC_SIZE];

    (void)state;
    memset(key, 0x0b, sizeof(key));
    assert_true(vr_mac(vr_bytes(key, sizeof(key)), vr_bytes_of("Hi There"), out));
    assert_memory_equal(out, case1, sizeof(out));
    assert_true(vr_mac(vr_bytes_of("Jefe"), vr_bytes_of("what do ya want for nothing?"), out));
    assert_memory_equal(out, case2, sizeof(out));
    assert_true(vr_mac_equal(out, case2, sizeof(out)));
    assert_false(vr_mac_equal(out, case1, sizeof(out)));
    /* An empty key is a key of its own, not the last one. */
    assert_true(vr_mac(vr_bytes(NULL, 0), vr_bytes_of("what do ya want for nothing?"), out));
    assert_false(vr_mac_equal(out, case2, sizeof(out)));
}

static void digest_of_abc(void **state)
{
    static const uint8_t abc[8] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    uint8_t out[VR_MAC_SIZE];

    (void)state;
    assert_true(vr_digest(vr_bytes_of("abc"), out));
    assert_memory_equal(out, abc, sizeof(abc));
}

static void md5_of_abc(void **state)
{
    static const uint8_t abc[VR_MD5_SIZE] = {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
                                             0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72};
    uint8_t out[VR_MD5_SIZE];

    (void)state;
    assert_true(vr_md5(vr_bytes_of("abc"), out));
    assert_memory_equal(out, abc, sizeof(abc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4231),
        cmocka_unit_test(digest_of_abc),
        cmocka_unit_test(md5_of_abc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
