/* config_test.c - goal: each layer overrides the one below, and a mistake names its line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "nodes/config.h"

static char path[] = "/tmp/voiceroom-config-XXXXXX";

static void file_is(const char *text)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static enum vr_err load(const char *text, char *const *environment, struct vr_config *out,
                        struct vr_why *why)
{
    file_is(text);
    return vr_config_load(path, environment, NULL, 0, out, why);
}

static void refused(const char *text, const char *line, const char *word)
{
    struct vr_config config;
    struct vr_why why = {0};

    assert_int_not_equal(load(text, NULL, &config, &why), VR_OK);
    if (line != NULL && strstr(why.text, line) == NULL) {
        fail_msg("\"%s\" does not name %s", why.text, line);
    }
    if (strstr(why.text, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, word);
    }
    vr_config_free(&config);
}

static void defaults_hold_without_a_file(void **state)
{
    struct vr_config config;

    (void)state;
    assert_int_equal(vr_config_load(NULL, NULL, NULL, 0, &config, NULL), VR_OK);
    assert_int_equal(config.http_port, 8080);
    assert_int_equal(config.guest_mode, VR_GUESTS_OFF);
    assert_int_equal(config.cors_origins.count, 0);
    assert_true(config.node[0] != 0);
    vr_config_free(&config);
}

static void flags_beat_environment_beats_file(void **state)
{
    char *environment[] = {(char *)"VOICEROOM_HTTP_PORT=2000", (char *)"VOICEROOM_SLOTS=6",
                           (char *)"VOICEROOM_CORS_ORIGINS=https://a.example, https://b.example",
                           NULL};
    const struct vr_config_flag flags[] = {{"http_port", "3000"}};
    struct vr_config config;

    (void)state;
    file_is("http_port: 1000\nslots: 5\ngrace_s: 20\nguests: link\n");
    assert_int_equal(vr_config_load(path, environment, flags, 1, &config, NULL), VR_OK);
    assert_int_equal(config.http_port, 3000);
    assert_int_equal(config.slots, 6);
    assert_int_equal(config.grace_s, 20);
    assert_int_equal(config.guest_mode, VR_GUESTS_LINK);
    assert_int_equal(config.cors_origins.count, 2);
    assert_string_equal(config.cors_origins.item[1], "https://b.example");
    vr_config_free(&config);
}

static void mistakes_name_their_line(void **state)
{
    (void)state;
    refused("slots: 4\nhttp_prot: 80\n", ":2:", "http_prot");
    refused("slots: 4\n\n# a comment\nhttp_port: many\n", ":4:", "not a number");
    refused("http_port: 70000\n", ":1:", "between 0 and 65535");
    refused("guests_may_create: perhaps\n", ":1:", "true or false");
    refused("slots: [1, 2]\n", ":1:", "");
    refused("slots: 4\n  bad: {\n", NULL, "");
    refused("guests: everybody\n", NULL, "guests");
    refused("media_pack: 4\n", NULL, "media_pack");
    refused("cors_origins: [\"*\"]\n", NULL, "origin");
    refused("tls_key: key.pem\n", NULL, "together");
}

static void addresses_for_speech_are_judged(void **state)
{
    static const char *const wrong[] = {"host.example", "0.0.0.0",      "10.0.0.5=",
                                        "=10.0.0.5",    "10.0.0.5=a.b", "10.0.0.5=fd::1",
                                        "1.2.3.4=::",   "1.2.3.4:80",   "1.2.3.4=1.2.3.4=1.2.3.4"};
    struct vr_media_address address;
    struct vr_config config;
    char text[128];

    (void)state;
    assert_int_equal(load("media_addresses: [10.0.0.5=203.0.113.7, \"fd00::1=2001:db8::1\"]\n",
                          NULL, &config, NULL),
                     VR_OK);
    assert_int_equal(vr_config_media_address(config.media_addresses.item[0], &address, NULL),
                     VR_OK);
    assert_string_equal(address.local, "10.0.0.5");
    assert_string_equal(address.told, "203.0.113.7");
    assert_int_equal(vr_config_media_address("192.0.2.9", &address, NULL), VR_OK);
    assert_string_equal(address.local, "192.0.2.9");
    assert_string_equal(address.told, "192.0.2.9");
    vr_config_free(&config);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(text, sizeof(text), "media_addresses: [\"%s\"]\n", wrong[i]);
        refused(text, NULL, "media_addresses");
    }
}

static void what_is_printed_can_be_read(void **state)
{
    struct vr_config config, again;
    struct vr_buf first = {0}, second = {0};

    (void)state;
    assert_int_equal(
        load("node: \"a \\\"b\\\"\"\ncors_origins:\n  - https://a.example\nguests: all\n", NULL,
             &config, NULL),
        VR_OK);
    vr_config_print(&config, &first);
    vr_buf_append(&first, "", 1);
    assert_int_equal(load((const char *)first.data, NULL, &again, NULL), VR_OK);
    vr_config_print(&again, &second);
    vr_buf_append(&second, "", 1);
    assert_string_equal((const char *)first.data, (const char *)second.data);
    vr_buf_deinit(&first);
    vr_buf_deinit(&second);
    vr_config_free(&config);
    vr_config_free(&again);
}

static void what_is_traced_is_judged(void **state)
{
    char *environment[] = {(char *)"VOICEROOM_TRACING_RATIO=0.25", NULL};
    struct vr_config config;
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(load("http_port: 1000\n", NULL, &config, &why), VR_OK);
    assert_string_equal(config.tracing_endpoint, "");
    assert_int_equal(config.tracing_share, 0);
    vr_config_free(&config);
    assert_int_equal(load("tracing:\n  endpoint: http://127.0.0.1:4318/v1/traces\n  ratio: 1\n",
                          NULL, &config, &why),
                     VR_OK);
    assert_string_equal(config.tracing_endpoint, "http://127.0.0.1:4318/v1/traces");
    assert_int_equal(config.tracing_share, UINT32_MAX);
    vr_config_free(&config);
    assert_int_equal(load("tracing: {ratio: 1}\n", environment, &config, &why), VR_OK);
    assert_in_range(config.tracing_share, UINT32_MAX / 4 - 1, UINT32_MAX / 4 + 1);
    vr_config_free(&config);
    refused("tracing:\n  endpoint: ftp://127.0.0.1\n", NULL, "endpoint");
    refused("tracing:\n  ratio: 1.5\n", NULL, "ratio");
    refused("tracing:\n  ratio: nan\n", NULL, "ratio");
    refused("tracing:\n  ratio: half\n", NULL, "ratio");
    refused("http_port: 1000\ntracing:\n  sample: 1\n", ":3", "sample");
}

static void secrets_are_masked(void **state)
{
    struct vr_config config;
    struct vr_buf text = {0};

    (void)state;
    assert_int_equal(load("ice_urls: [\"turn:ana:hunter2@turn.example\"]\n", NULL, &config, NULL),
                     VR_OK);
    vr_config_print(&config, &text);
    vr_buf_append(&text, "", 1);
    assert_null(strstr((const char *)text.data, "hunter2"));
    assert_non_null(strstr((const char *)text.data, "turn.example"));
    vr_buf_deinit(&text);
    vr_config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_file),
        cmocka_unit_test(flags_beat_environment_beats_file),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(addresses_for_speech_are_judged),
        cmocka_unit_test(what_is_printed_can_be_read),
        cmocka_unit_test(what_is_traced_is_judged),
        cmocka_unit_test(secrets_are_masked),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
