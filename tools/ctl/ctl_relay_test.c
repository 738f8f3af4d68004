/* Goal: a TURN server is asked in bytes that it understands, and what it answers is understood or
 * refused: addresses of STUN and TURN URLs, a signed question, refusals, relays of both kinds. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tools/ctl/relay.h"

static const uint8_t transaction[VR_RELAY_TRANSACTION] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void urls(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {
        {"turn:relay.example", "relay.example 3478 0 1"},
        {"turn:relay.example:443?transport=tcp", "relay.example 443 1 1"},
        {"turn:192.0.2.1:3478?transport=udp", "192.0.2.1 3478 0 1"},
        {"turns:relay.example:443?transport=tcp", "relay.example 443 2 1"},
        {"turns:[2001:db8::1]", "2001:db8::1 5349 2 1"},
        {"stun:[2001:db8::1]:3479", "2001:db8::1 3479 0 0"},
        {"stuns:relay.example", "relay.example 5349 2 0"},
        {"turns:relay.example?transport=udp", "refused"},
        {"turn:relay.example:?transport=tcp", "refused"},
        {"turn:relay.example:123456", "refused"},
        {"turn:relay.example?transport=sctp", "refused"},
        {"turn:[2001:db8::1]x", "refused"},
        {"turn:", "refused"},
        {"https://relay.example", "refused"},
        {"", "refused"},
    };
    struct vr_relay_url url;
    char shown[320];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(shown, sizeof(shown), "refused");
        if (vr_relay_url_read(cases[i].text, &url) == VR_OK) {
            snprintf(shown, sizeof(shown), "%s %s %d %d", url.host, url.port, (int)url.way,
                     url.relays);
        }
        assert_string_equal(shown, cases[i].shown);
    }
}

static void first_question(void **state)
{
    static const uint8_t wanted[] = {0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 1, 2,  3, 4, 5,
                                     6, 7, 8, 9, 10,   11,   0,    0x19, 0, 4, 17, 0, 0, 0};
    struct vr_relay_talk talk = {.username = "1:ana", .credential = "secret"};
    struct vr_buf out = {0};

    (void)state;
    assert_int_equal(vr_relay_ask(&talk, VR_RELAY_ALLOCATE, transaction, &out), VR_OK);
    assert_int_equal(out.size, sizeof(wanted));
    assert_memory_equal(out.data, wanted, sizeof(wanted));
    vr_buf_deinit(&out);
}

static struct vr_bytes refusal_make(uint8_t *out, const char *realm)
{
    static const uint8_t head[] = {0x01, 0x13, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0,  1,
                                   2,    3,    4, 5, 6,    7,    8,    9,    10, 11};
    static const uint8_t code[] = {0, 9, 0, 9, 0, 0, 4, 1, 'n', 'o', 0x07, ' ', '!', 0, 0, 0};
    static const uint8_t nonce[] = {0, 0x15, 0, 3, 'a', 'b', 'c', 0};
    size_t size = strlen(realm);
    size_t at = sizeof(head) + sizeof(code);

    memcpy(out, head, sizeof(head));
    memcpy(out + sizeof(head), code, sizeof(code));
    vr_put16(out + at, 0x14);
    vr_put16(out + at + 2, (uint16_t)size);
    memset(out + at + 4, 0, (size + 3) / 4 * 4);
    for (size_t i = 0; i < size; i++) {
        out[at + 4 + i] = (uint8_t)realm[i];
    }
    at += 4 + (size + 3) / 4 * 4;
    memcpy(out + at, nonce, sizeof(nonce));
    at += sizeof(nonce);
    vr_put16(out + 2, (uint16_t)(at - VR_RELAY_HEADER));
    return vr_bytes(out, at);
}

/** HMAC-SHA-1 of the same bytes, by Python, with MD5("1:ana:rooms:secret") as its key. */
static void signed_question(void **state)
{
    static const uint8_t mac[20] = {0xe8, 0x4d, 0xdc, 0xba, 0x1d, 0xc0, 0x48, 0x00, 0xe4, 0x95,
                                    0x40, 0xcd, 0xdc, 0x25, 0xbc, 0xf2, 0x5b, 0xf7, 0x84, 0x58};
    struct vr_relay_talk talk = {.username = "1:ana", .credential = "secret"};
    struct vr_relay_answer answer;
    struct vr_buf out = {0};
    uint8_t in[128];

    (void)state;
    memcpy(talk.transaction, transaction, sizeof(transaction));
    assert_int_equal(vr_relay_read(&talk, refusal_make(in, "rooms"), &answer), VR_OK);
    assert_false(answer.granted);
    assert_int_equal(answer.code, 401);
    assert_string_equal(answer.reason, "no? !");
    assert_string_equal(talk.realm, "rooms");
    assert_string_equal(talk.nonce, "abc");

    assert_int_equal(vr_relay_ask(&talk, VR_RELAY_REFRESH, transaction, &out), VR_OK);
    assert_int_equal(vr_relay_message_size(vr_buf_bytes(&out)), out.size);
    assert_memory_equal(out.data + out.size - sizeof(mac), mac, sizeof(mac));
    vr_buf_deinit(&out);
}

static void grants(void **state)
{
    static const uint8_t four[] = {0x01, 0x03, 0, 12, 0x21, 0x12, 0xa4, 0x42, 0,    1,   2,
                                   3,    4,    5, 6,  7,    8,    9,    10,   11,   0,   0x16,
                                   0,    8,    0, 1,  0xe1, 0xba, 225,  18,   0xa6, 0x45};
    static const uint8_t six[] = {0x01, 0x03, 0, 24, 0x21, 0x12, 0xa4, 0x42, 0,    1,    2,
                                  3,    4,    5, 6,  7,    8,    9,    10,   11,   0,    0x16,
                                  0,    20,   0, 2,  0xe1, 0xba, 0x01, 0x13, 0xa9, 0xfa, 0,
                                  1,    2,    3, 4,  5,    6,    7,    8,    9,    10,   10};
    struct vr_relay_talk talk = {.username = "", .credential = ""};
    struct vr_relay_answer answer;

    (void)state;
    memcpy(talk.transaction, transaction, sizeof(transaction));
    assert_int_equal(vr_relay_read(&talk, vr_bytes(four, sizeof(four)), &answer), VR_OK);
    assert_true(answer.granted);
    assert_string_equal(answer.address, "192.0.2.7");
    assert_int_equal(vr_relay_read(&talk, vr_bytes(six, sizeof(six)), &answer), VR_OK);
    assert_string_equal(answer.address, "2001:db8::1");
}

/** Nothing that is cut, too long, or another question's. */
static void nonsense(void **state)
{
    struct vr_relay_talk talk = {.username = "", .credential = ""};
    struct vr_relay_answer answer;
    char realm[300];
    uint8_t in[512];
    struct vr_bytes good = refusal_make(in, "rooms");

    (void)state;
    assert_int_equal(vr_relay_read(&talk, good, &answer), VR_E_BAD_WIRE);
    memcpy(talk.transaction, transaction, sizeof(transaction));
    for (size_t size = 0; size < good.size; size++) {
        assert_int_equal(vr_relay_read(&talk, vr_bytes(in, size), &answer), VR_E_BAD_WIRE);
    }
    in[21] = 0xff; /* an attribute longer than the message */
    in[22] = 0xff;
    assert_int_equal(vr_relay_read(&talk, good, &answer), VR_E_BAD_WIRE);
    memset(realm, 'r', sizeof(realm) - 1);
    realm[sizeof(realm) - 1] = '\0';
    assert_int_equal(vr_relay_read(&talk, refusal_make(in, realm), &answer), VR_E_BAD_WIRE);
    assert_int_equal(vr_relay_message_size(vr_bytes("HTTP/1.1 400 Bad Request", 24)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(first_question),
        cmocka_unit_test(signed_question),
        cmocka_unit_test(grants),
        cmocka_unit_test(nonsense),
    };

    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
