/* Goal: people hear each other and not themselves; nothing reaches them or us from anybody who has
 * not proved himself; a gate, a lost flight, a changed path and a vanished client do what they
 * must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"

static void three_people(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){0});

    assert_true(vr_client_up(ana->client) && vr_client_up(ben->client) &&
                vr_client_up(cleo->client));
    assert_string_equal(vr_client_profile(ana->client), "SRTP_AEAD_AES_128_GCM");
    assert_string_equal(vr_client_profile(ben->client), "SRTP_AES128_CM_SHA1_80");
    assert_int_equal(ana->states, 1 << VR_PEER_CHECKED | 1 << VR_PEER_UP);
    rig_talk(ana, 20, 50);
    rig_talk(ben, 30, 50);
    assert_int_equal(rig_heard_from(ben, ana), 50);
    assert_int_equal(rig_heard_from(cleo, ana), 50);
    assert_int_equal(rig_heard_from(ana, ana), 0);
    assert_int_equal(rig_heard_from(ana, ben), 50);
    assert_int_equal(rig_heard_from(cleo, ben), 50);
    assert_int_equal(rig_heard_from(ben, ben), 0);
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(cleo->heard[i].slot, 0);
        assert_int_equal(cleo->heard[i].mid, '1');
        assert_int_equal(cleo->heard[i].pt, 111);
        assert_int_equal(cleo->heard[i].level, 20);
        assert_int_equal(cleo->heard[i].word, 100u << 16 | (uint16_t)(65001 + i));
        assert_int_equal(cleo->heard[i].marker, i == 0);
        assert_int_equal(cleo->heard[50 + i].slot, 1);
        assert_int_equal(cleo->heard[50 + i].mid, '2');
    }
    assert_int_equal(rig_stats(ana->node).peers_up, 3);
}

static void gate_shuts_at_once(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *shut = rig_join(rig, (struct rig_wish){.no_gate = true});

    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    assert_int_equal(shut->heard_count, 0); /* no gate: hears nothing */
    rig_talk(shut, 10, 5);
    assert_int_equal(rig_heard_from(ben, shut), 0); /* and is not heard */
    rig_gate(ana->node, ana->conf.participant, 3, false, true, false);
    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    rig_gate(ana->node, ana->conf.participant, 2, true, true, false); /* late news */
    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    rig_talk(ben, 20, 5);
    assert_int_equal(rig_heard_from(ana, ben), 5); /* muted, still hears */
    rig_gate(ana->node, ana->conf.participant, 4, true, true, false);
    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
    rig_gate(ana->node, ana->conf.participant, 5, false, false, true); /* kicked */
    assert_int_equal(ana->state, VR_PEER_CLOSED);
    rig_talk(ana, 20, 5);
    rig_talk(ben, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
    assert_int_equal(rig_heard_from(ana, ben), 5);
    assert_true(vr_shard_peer_open(ana->node->shard, &ana->conf, rig->now) == VR_E_GONE);
}

/* Before ICE is proved bytes out never exceed bytes in, and nothing but STUN is looked at. */
static void nothing_before_proof(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_person(rig, (struct rig_wish){.hello_padding = 900});
    struct rig_node *node = ana->node;
    uint8_t junk[300];

    vr_client_connect(ana->client);
    rig_pump(rig);
    assert_int_equal(node->bytes_out, 0);
    assert_true(rig_stats(node).unknown_source >= 1);
    assert_int_equal(ana->states, 0);
    for (uint32_t i = 0; i < 5000; i++) { /* every first byte */
        size_t size = vr_random_below(&rig->random.random, sizeof junk);

        rig->random.random.fill(rig->random.random.ctx, junk, sizeof junk);
        junk[0] = (uint8_t)i;
        vr_engine_input(node->engine, rig->now, &ana->path, junk, size, sizeof junk);
    }
    assert_int_equal(node->bytes_out, 0);
    vr_client_restart(ana->client, ana->conf.ufrag, "another password, wrong");
    vr_client_check(ana->client, true, true);
    vr_client_restart(ana->client, "nobody", ana->conf.pwd);
    vr_client_check(ana->client, true, true);
    rig_pump(rig);
    assert_int_equal(node->bytes_out, 0);
    vr_client_restart(ana->client, ana->conf.ufrag, ana->conf.pwd);
    node->bytes_in = 0;
    vr_client_check(ana->client, false, false); /* claims to be controlled: 487, proves nothing */
    rig_pump(rig);
    assert_true(node->bytes_out > 0 && node->bytes_out <= node->bytes_in);
    assert_int_equal(ana->states, 0);
    vr_client_check(ana->client, false, true);
    rig_pump(rig);
    assert_true(node->bytes_out <= node->bytes_in);
    assert_int_equal(ana->states, 1 << VR_PEER_CHECKED);
}

/* A second 5-tuple with the victim's own packets, forged tags and replays: nothing is forwarded,
 * nothing moves. */
static void strangers(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_datagram packet;
    struct vr_path foreign;
    uint32_t before;
    uint8_t copy[2048];

    rig_talk(ana, 30, 10);
    before = ben->heard_count;
    rig->hold = true;
    rig_say(ana, 30);
    packet = rig->queue[0];
    rig->queue_count = 0;
    rig->hold = false;

    rig_path(&foreign, 50000);
    memcpy(copy, packet.data, packet.size);
    vr_engine_input(ana->node->engine, rig->now, &foreign, copy, packet.size, sizeof copy);
    rig_pump(rig);
    assert_int_equal(ben->heard_count, before);
    for (uint32_t i = 0; i < 90;
         i++) { /* from the right address with a broken tag: below the rate cap */
        memcpy(copy, packet.data, packet.size);
        copy[packet.size - 1 - i % 16] ^= 0x10;
        vr_engine_input(ana->node->engine, rig->now, &ana->path, copy, packet.size, sizeof copy);
    }
    rig_pump(rig);
    assert_int_equal(ben->heard_count, before);
    assert_int_equal(rig_stats(ana->node).srtp_rejected_auth, 90);
    rig_advance(rig, VR_SECONDS(1));
    rig_deliver(rig, &packet); /* the true one still passes, once */
    rig_deliver(rig, &packet);
    rig_pump(rig);
    assert_int_equal(ben->heard_count, before + 1);
    assert_int_equal(rig_stats(ana->node).srtp_rejected_replay, 1);
    vr_engine_input(ana->node->engine, rig->now, &foreign, copy, 0, sizeof copy);
}

static bool lose_last_flight(struct rig *rig, const struct rig_datagram *datagram)
{
    return datagram->to >= 0 && datagram->data[0] == 20 && rig->lost == 0;
}

static void lost_last_flight(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_person(rig, (struct rig_wish){0});

    rig->lose = lose_last_flight;
    rig_connect(ana);
    assert_int_equal(rig->lost, 1);
    assert_false(vr_client_up(ana->client));
    assert_int_equal(ana->state, VR_PEER_UP); /* the server has its keys */
    rig_advance(rig, VR_SECONDS(1));
    vr_client_resend(ana->client);
    rig_pump(rig);
    assert_true(vr_client_up(ana->client));
    rig_say(ana, 30);
    rig_talk(ana, 30, 2);
    assert_int_equal(rig_stats(ana->node).srtp_rejected_auth, 0);
}

static bool lose_first_answer(struct rig *rig, const struct rig_datagram *datagram)
{
    return datagram->to >= 0 && datagram->data[0] == 22 && rig->lost == 0;
}

static void lost_server_flight(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_person(rig, (struct rig_wish){0});

    rig->lose = lose_first_answer;
    rig_connect(ana);
    assert_false(vr_client_up(ana->client));
    rig_advance(rig, VR_SECONDS(1)); /* the server repeats by its own clock */
    assert_true(vr_client_up(ana->client));
}

/* ClientHello in pieces: turned round and doubled. */
static void hello_in_pieces(void **state)
{
    struct rig *rig = *state;

    for (int doubled = 0; doubled < 2; doubled++) {
        struct rig_person *ana =
            rig_person(rig, (struct rig_wish){.hello_padding = 900, .mtu = 300});
        struct rig_datagram pieces[16];
        uint32_t count;

        vr_client_check(ana->client, true, true);
        rig_pump(rig);
        rig->hold = true;
        vr_client_connect(ana->client);
        rig->hold = false;
        count = rig->queue_count;
        assert_in_range(count, 3, 16);
        memcpy(pieces, rig->queue, count * sizeof pieces[0]);
        rig->queue_count = 0;
        for (uint32_t i = count; i > 0; i--) {
            rig_deliver(rig, &pieces[i - 1]);
            if (doubled) {
                rig_deliver(rig, &pieces[i - 1]);
            }
        }
        rig_pump(rig);
        assert_true(vr_client_up(ana->client));
        assert_int_equal(ana->state, VR_PEER_UP);
    }
}

static void wrong_fingerprint(void **state)
{
    struct rig *rig = *state;
    struct rig_person *eve = rig_join(rig, (struct rig_wish){.wrong_fingerprint = true});

    assert_int_equal(eve->state, VR_PEER_FAILED);
    assert_int_equal(rig_stats(eve->node).peers, 0);
    assert_int_equal(rig_stats(eve->node).dtls_failed, 1);
}

static void path_switch(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    rig_talk(ana, 30, 5);
    rig_path(&ben->path, 55555); /* his NAT gave him another port */
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana),
                     5); /* the old path is gone, nothing moves by itself */
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ana, ben), 0);
    vr_client_check(ben->client, false, true); /* not nominated: answered, but no switch */
    rig_pump(rig);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    vr_client_check(ben->client, true, true);
    rig_pump(rig);
    rig_talk(ana, 30, 5);
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
    assert_int_equal(rig_heard_from(ana, ben), 5);
}

/* The same over IPv6, and from IPv4 to IPv6 in a call. */
static void ipv6(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_person(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ana->path.remote;

    memset(&ana->path.remote, 0, sizeof ana->path.remote);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(1234);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr), 1);
    ana->path.socket = 1;
    rig_connect(ana);
    assert_true(vr_client_up(ana->client));
    rig_talk(ana, 30, 5);
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    assert_int_equal(rig_heard_from(ana, ben), 5);
    ben->path = ana->path;
    ((struct sockaddr_in6 *)&ben->path.remote)->sin6_port = htons(4321);
    vr_client_check(ben->client, true, true);
    rig_pump(rig);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
}

static void consent(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *never = rig_person(rig, (struct rig_wish){0});
    uint64_t out;

    for (int i = 0; i < 16; i++) {
        rig_advance(rig, VR_SECONDS(1));
        vr_client_check(ana->client, true, true);
        rig_pump(rig);
    }
    assert_int_equal(ben->state, VR_PEER_SILENT);
    assert_int_equal(never->state, VR_PEER_CLOSED);
    assert_int_equal(ana->state, VR_PEER_UP);
    vr_client_check(ben->client, true, true);
    rig_pump(rig);
    assert_int_equal(ben->state, VR_PEER_UP);
    for (int i = 0; i < 32; i++) {
        rig_advance(rig, VR_SECONDS(1));
        vr_client_check(ana->client, true, true);
        rig_pump(rig);
    }
    assert_int_equal(ben->state, VR_PEER_CLOSED);
    assert_int_equal(rig_stats(ana->node).consent_lost, 1);
    out = ana->node->bytes_out;
    rig_say(ana, 20);
    assert_int_equal(ana->node->bytes_out, out);
    assert_int_equal(rig_stats(ana->node).peers, 1);
}

/* Consent (RFC 7675, 5.1): at most 30 s after the last valid check nothing is sent any more, at
 * whatever moment of the engine's round it came. */
static void consent_in_time(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});

    for (int offset = 0; offset < 5; offset++) {
        struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
        uint32_t heard;

        rig_advance(rig, VR_MS(210 * offset));
        vr_client_check(ben->client, true, true);
        rig_pump(rig);
        for (int i = 0; i < 1500; i++) {
            if (i % 100 == 0) {
                vr_client_check(ana->client, true, true);
            }
            rig_talk(ana, 30, 1);
            assert_true(i > 1400 || ben->state == VR_PEER_UP || ben->state == VR_PEER_SILENT);
        }
        heard = ben->heard_count;
        rig_talk(ana, 30, 5);
        assert_int_equal(ben->heard_count, heard);
        assert_int_equal(ben->state, VR_PEER_CLOSED);
    }
}

/* A second transport of one person: silent until it is up, then the only one. */
static void move_to_a_second_peer(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *again = rig_person(
        rig,
        (struct rig_wish){.participant = ana->conf.participant, .generation = 2, .no_gate = true});

    rig_talk(ana, 30, 5);
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ana, ben), 5);
    rig_connect(again);
    assert_int_equal(again->state, VR_PEER_UP);
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ana, ben), 5);
    assert_int_equal(rig_heard_from(again, ben), 5);
    rig_talk(ana, 30, 5); /* the old one is silent both ways */
    assert_int_equal(ben->heard_count, 5);
    rig_talk(again, 30, 5);
    assert_int_equal(ben->heard_count, 10);
    assert_int_equal(ben->heard[5].seq, (uint16_t)(ben->heard[4].seq + 1));
}

/* ICE restart (RFC 8842, 4): a new transport goes on with the DTLS association of the old one. */
static void ice_restart(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct vr_peer_conf conf = ben->conf;
    struct vr_id old = ben->conf.peer;

    rig_talk(ana, 30, 5);
    conf.peer = (struct vr_id){9, 9};
    conf.restarts = old;
    strncpy(conf.ufrag, "newfrag", sizeof conf.ufrag);
    assert_int_equal(vr_shard_peer_open(ben->node->shard, &conf, rig->now), VR_OK);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana),
                     10); /* the old one serves until the new one is nominated */
    rig_path(&ben->path, 56789);
    ben->conf = conf;
    vr_client_restart(ben->client, "newfrag", ben->conf.pwd);
    vr_client_check(ben->client, true, true);
    rig_pump(rig);
    assert_int_equal(ben->state, VR_PEER_UP);
    rig_talk(ana, 30, 5);
    rig_talk(ben, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 15);
    assert_int_equal(rig_heard_from(ana, ben), 5);
    assert_int_equal(rig_stats(ana->node).peers, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(three_people),
        RIG_TEST(gate_shuts_at_once),
        RIG_TEST(nothing_before_proof),
        RIG_TEST(strangers),
        RIG_TEST(lost_last_flight),
        RIG_TEST(lost_server_flight),
        RIG_TEST(hello_in_pieces),
        RIG_TEST(wrong_fingerprint),
        RIG_TEST(path_switch),
        RIG_TEST(ipv6),
        RIG_TEST(consent),
        RIG_TEST(consent_in_time),
        RIG_TEST(move_to_a_second_peer),
        RIG_TEST(ice_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
