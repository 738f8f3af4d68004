/* Goal: only authenticated checks are answered, with the address they came from, in no more bytes
 * than they had. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/media/srtp.h"
#include "actors/media/stun.h"
#include "bench/client/client.h"

/* RFC 5769, 2.1; the password is VOkJxbRl1RmTxUk/WvJxBt. It says ICE-CONTROLLED: to an ICE-lite
 * server a role conflict. */
static const uint8_t rfc5769[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};

struct fixture {
    struct vr_stun *stun;
    struct vr_client *client;
    uint32_t asked;
    size_t size;
    uint8_t request[600];
};

static bool lookup(void *ctx, struct vr_bytes ufrag, struct vr_bytes *password)
{
    struct fixture *f = ctx;

    f->asked++;
    if (vr_bytes_equal(ufrag, vr_bytes_of("evtj"))) {
        *password = vr_bytes_of("VOkJxbRl1RmTxUk/WvJxBt");
        return true;
    }
    return false;
}

static void keep(void *ctx, struct vr_bytes datagram)
{
    struct fixture *f = ctx;

    f->size = datagram.size;
    memcpy(f->request, datagram.data, datagram.size);
}

static int start(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vr_client_conf conf = {.ufrag = "h6vY",
                                  .pwd = "x",
                                  .server_ufrag = "evtj",
                                  .server_pwd = "VOkJxbRl1RmTxUk/WvJxBt",
                                  .send = keep,
                                  .ctx = f};

    *state = f;
    return vr_stun_new(&f->stun) == VR_OK && vr_client_new(&conf, &f->client) == VR_OK ? 0 : -1;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    vr_stun_free(f->stun);
    vr_client_free(f->client);
    free(f);
    return 0;
}

static struct sockaddr_storage address(const char *text, uint16_t port)
{
    struct sockaddr_storage out = {0};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out;

    if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
        out.ss_family = AF_INET;
        in4->sin_port = htons(port);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        out.ss_family = AF_INET6;
        in6->sin6_port = htons(port);
    }
    return out;
}

static void vector_of_rfc5769(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage from = address("192.0.2.1", 32853);
    struct vr_stun_check check;
    uint8_t copy[sizeof rfc5769];

    assert_int_equal(
        vr_stun_input(f->stun, vr_bytes(rfc5769, sizeof rfc5769), &from, lookup, f, &check),
        VR_STUN_CONFLICT);
    assert_true(check.reply_size > 0 && check.reply_size <= sizeof rfc5769);
    assert_int_equal(vr_get16(check.reply), 0x0111);
    for (size_t bit = 0; bit < sizeof rfc5769 * 8; bit++) { /* any flipped bit: no answer */
        memcpy(copy, rfc5769, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(
            vr_stun_input(f->stun, vr_bytes(copy, sizeof copy), &from, lookup, f, &check),
            VR_STUN_IGNORED);
    }
    for (size_t size = 0; size < sizeof rfc5769; size++) {
        assert_int_equal(vr_stun_input(f->stun, vr_bytes(rfc5769, size), &from, lookup, f, &check),
                         VR_STUN_IGNORED);
    }
}

/* RFC 8489, 14.2: port and address XORed with the magic cookie, for IPv6 with the transaction id
 * behind it. */
static void the_answer_names_the_source(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage v4 = address("192.0.2.1", 32853);
    struct sockaddr_storage v6 = address("2001:db8:1234:5678:11:2233:4455:6677", 32853);
    static const uint8_t expected4[] = {0x00, 0x20, 0x00, 0x08, 0x00, 0x01,
                                        0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43};
    uint8_t expected6[24] = {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47};
    struct vr_stun_check check;

    vr_client_check(f->client, true, true);
    assert_int_equal(vr_stun_input(f->stun, vr_bytes(f->request, f->size), &v4, lookup, f, &check),
                     VR_STUN_CHECK);
    assert_true(check.use_candidate);
    assert_true(check.reply_size <= f->size);
    assert_non_null(memmem(check.reply, check.reply_size, expected4, sizeof expected4));
    vr_client_check(f->client, false, true);
    assert_int_equal(vr_stun_input(f->stun, vr_bytes(f->request, f->size), &v6, lookup, f, &check),
                     VR_STUN_CHECK);
    assert_false(check.use_candidate);
    memcpy(expected6 + 8, &((struct sockaddr_in6 *)&v6)->sin6_addr, 16);
    for (int i = 0; i < 16; i++) {
        expected6[8 + i] ^= f->request[4 + i];
    }
    assert_non_null(memmem(check.reply, check.reply_size, expected6, sizeof expected6));
    assert_true(check.reply_size <= f->size * 13 / 10);
}

static void strangers_get_nothing(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage from = address("192.0.2.1", 1);
    struct vr_stun_check check;
    static const uint8_t bare[] = {0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42, 1,  2,
                                   3,    4,    5,    6,    7,    8,    9,    10,   11, 12,
                                   0x80, 0x28, 0,    4,    1,    2,    3,    4};

    assert_int_equal(vr_stun_input(f->stun, vr_bytes(bare, sizeof bare), &from, lookup, f, &check),
                     VR_STUN_IGNORED);
    assert_int_equal(f->asked, 0);
    vr_client_restart(f->client, "evtk", "VOkJxbRl1RmTxUk/WvJxBt");
    vr_client_check(f->client, true, true);
    assert_int_equal(
        vr_stun_input(f->stun, vr_bytes(f->request, f->size), &from, lookup, f, &check),
        VR_STUN_IGNORED);
    assert_int_equal(f->asked, 1);
    vr_client_restart(f->client, "evtj", "wrong");
    vr_client_check(f->client, true, true);
    assert_int_equal(
        vr_stun_input(f->stun, vr_bytes(f->request, f->size), &from, lookup, f, &check),
        VR_STUN_IGNORED);
}

/* Our own question: whoever knows the password takes it for valid, and only for a controlled
 * agent's. */
static void a_question_and_its_answers(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage from = address("192.0.2.1", 1);
    struct vr_stun_question question = {.username = "evtj:ours",
                                        .password = "VOkJxbRl1RmTxUk/WvJxBt",
                                        .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
    uint8_t datagram[VR_STUN_REPLY_MAX];
    struct vr_stun_check check;
    const uint8_t *id;
    size_t size;

    for (uint32_t i = 0; i < 1000; i++) { /* more than the library remembers */
        question.id[0] = (uint8_t)i;
        question.id[1] = (uint8_t)(i >> 8);
        size = vr_stun_ask(f->stun, &question, datagram);
        assert_in_range(size, 60, VR_STUN_REPLY_MAX);
    }
    assert_null(vr_stun_answers(vr_bytes(datagram, size))); /* it is no answer */
    assert_int_equal(vr_stun_input(f->stun, vr_bytes(datagram, size), &from, lookup, f, &check),
                     VR_STUN_CONFLICT);
    id = vr_stun_answers(vr_bytes(check.reply, check.reply_size));
    assert_non_null(id); /* a refusal is an answer too: it has arrived */
    assert_memory_equal(id, question.id, VR_STUN_ID);
    check.reply[4] ^= 1;
    assert_null(vr_stun_answers(vr_bytes(check.reply, check.reply_size)));
    assert_null(vr_stun_answers(vr_bytes(check.reply, 19)));
    question.password = "wrong";
    size = vr_stun_ask(f->stun, &question, datagram);
    assert_int_equal(vr_stun_input(f->stun, vr_bytes(datagram, size), &from, lookup, f, &check),
                     VR_STUN_IGNORED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vector_of_rfc5769),
        TEST(the_answer_names_the_source),
        TEST(strangers_get_nothing),
        TEST(a_question_and_its_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
