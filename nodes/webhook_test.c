/* Goal: signatures as Standard Webhooks has them, waits that grow, URLs and addresses that may be
 * used. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "nodes/webhook.h"

static void signatures_are_those_of_the_standard(void **state)
{
    uint8_t secret[VR_WEBHOOK_SECRET];
    char text[VR_WEBHOOK_SECRET_TEXT];
    char signature[VR_WEBHOOK_SIGNATURE_TEXT];

    (void)state;
    for (unsigned i = 0; i < sizeof(secret); i++) {
        secret[i] = (uint8_t)i;
    }
    vr_webhook_secret_text(secret, text);
    assert_string_equal(text, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_true(vr_webhook_sign(secret, "msg_1", 1700000000, vr_bytes_of("{\"a\":1}"), signature));
    /* Computed with Python's hmac and base64. */
    assert_string_equal(signature, "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4=");
    assert_true(vr_webhook_sign(secret, "msg_1", 1700000001, vr_bytes_of("{\"a\":1}"), signature));
    assert_string_not_equal(signature, "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4=");
}

static void base64_is_that_of_rfc_4648(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct vr_buf out = {0};

        vr_base64_write(vr_bytes_of(pairs[i][0]), &out);
        vr_buf_append(&out, "", 1);
        assert_string_equal((const char *)out.data, pairs[i][1]);
        vr_buf_deinit(&out);
    }
}

static void waits_grow_and_differ(void **state)
{
    struct vr_random_seeded random;
    vr_time_us before = 0;
    bool differ = false;

    (void)state;
    vr_random_seeded_init(&random, 7);
    for (uint32_t attempt = 1; attempt < 9; attempt++) {
        vr_time_us wait = vr_webhook_wait(attempt, &random.random);

        assert_true(wait > before);
        differ = differ || wait != vr_webhook_wait(attempt, &random.random);
        before = wait;
    }
    assert_true(differ);
    for (int i = 0; i < 100; i++) {
        vr_time_us first = vr_webhook_wait(1, &random.random);
        vr_time_us last = vr_webhook_wait(1000, &random.random);

        assert_in_range(first, VR_MS(800), VR_MS(1200));
        assert_in_range(last, VR_SECONDS(17280), VR_SECONDS(25920));
    }
}

static void urls_are_judged(void **state)
{
    static const char *const good[] = {"https://example.org/x?y=1", "http://10.0.0.1:80/",
                                       "https://[2001:db8::1]:8443/", "HTTPS://EXAMPLE.ORG"};
    static const char *const bad[] = {"",
                                      "example.org",
                                      "ftp://x/",
                                      "file:///etc/passwd",
                                      "https://",
                                      "https:///x",
                                      "https://u:p@x/",
                                      "https://x/#f",
                                      "https://x/ y",
                                      "https://x/\n",
                                      "https://[::1/",
                                      "gopher://x/",
                                      "https://ex\u00e4mple/"};
    struct vr_net_address address;
    char longest[VR_WEBHOOK_URL_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(vr_webhook_url_valid(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(vr_webhook_url_valid(bad[i], NULL));
    }
    memset(longest, 'x', sizeof(longest) - 1);
    memcpy(longest, "https://", 8);
    longest[sizeof(longest) - 1] = 0;
    assert_false(vr_webhook_url_valid(longest, NULL));
    assert_true(vr_webhook_url_address("https://[::1]:9/x", &address));
    assert_true(vr_webhook_url_address("http://127.0.0.1/x", &address));
    assert_false(vr_webhook_url_address("https://example.org/", &address));
}

static void inward_addresses_only_when_listed(void **state)
{
    struct vr_net_range listed;
    struct vr_net_address inside;
    struct vr_net_address outside;

    (void)state;
    assert_true(vr_net_range_parse("10.1.0.0/16", &listed));
    assert_true(vr_net_address_parse("10.1.2.3", &inside));
    assert_true(vr_net_address_parse("8.8.8.8", &outside));
    assert_false(vr_webhook_may_reach(&inside, false, NULL, 0));
    assert_true(vr_webhook_may_reach(&inside, false, &listed, 1));
    assert_true(vr_webhook_may_reach(&inside, true, &listed, 1));
    assert_true(vr_webhook_may_reach(&outside, false, &listed, 1));
    assert_false(vr_webhook_may_reach(&outside, true, &listed, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_standard),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(waits_grow_and_differ),
        cmocka_unit_test(urls_are_judged),
        cmocka_unit_test(inward_addresses_only_when_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
