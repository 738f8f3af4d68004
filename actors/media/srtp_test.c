/* Goal: SRTP through our OpenSSL plug-in gives the bytes of the RFCs and refuses what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "actors/base/bytes.h"
#include "actors/media/srtp.h"
#include "actors/media/srtp_seal.h"

static void hex(const char *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned value = 0;

        for (int k = 0; k < 2; k++) {
            char c = text[2 * i + (size_t)k];

            value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)value;
    }
}

static int global_init(void **state)
{
    (void)state;
    return vr_srtp_global_init() == VR_OK && vr_srtp_global_init() == VR_OK ? 0 : -1;
}

static struct vr_srtp *make(uint8_t profile, const uint8_t *ours, const uint8_t *theirs)
{
    struct vr_srtp_keys keys = {.profile = profile};
    struct vr_srtp *srtp = NULL;

    memcpy(keys.ours, ours, sizeof keys.ours);
    memcpy(keys.theirs, theirs, sizeof keys.theirs);
    assert_int_equal(vr_srtp_new(&keys, &srtp), VR_OK);
    return srtp;
}

/* The master key and salt of RFC 3711, B.3: the session keys that the RFC prints there (C61E...,
 * 30CB..., CEBE...) encrypt and sign this packet; expected bytes computed from those printed
 * session keys with another implementation (python3-cryptography), so derivation, AES-CM and HMAC
 * are all held. */
static void packet_of_rfc3711_b3(void **state)
{
    uint8_t key[30];
    uint8_t packet[64];
    uint8_t expected[64];
    size_t size = 28;
    struct vr_srtp *srtp;

    (void)state;
    hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", key, 30);
    hex("800f1234decafbadcafebabe"
        "abababababababababababababababab",
        packet, 28);
    hex("800f1234decafbadcafebabe"
        "4e55dc4ce79978d88ca4d215949d2402"
        "b78d6acc99ea179b8dbb",
        expected, 38);
    srtp = make(VR_SRTP_SHA1_80, key, key);
    assert_true(vr_srtp_protect(srtp, packet, &size));
    assert_int_equal(size, 38);
    assert_memory_equal(packet, expected, 38);
    assert_int_equal(vr_srtp_unprotect(srtp, packet, &size), VR_SRTP_OK);
    assert_int_equal(size, 28);
    vr_srtp_free(srtp);
}

/* The packets of RFC 7714, 16.1 and 17.1, under the master key and salt of RFC 3711, B.3: RFC 7714
 * gives session keys only, which no master key leads to (its own results are libsrtp's self test at
 * start, srtp_vectors.h). Expected bytes by another implementation (python3-cryptography) that
 * gives the RFC's results with the RFC's session keys. In order: the wrap is part of it. */
static void packets_of_another_implementation(void **state)
{
    static const struct {
        uint8_t profile;
        bool rtcp;
        const char *plain;
        const char *expected;
    } rows[] = {
        {VR_SRTP_GCM, false,
         "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976"
         "69736120696e207061727465732074726573",
         "8040f17b8041f8d35501a0b201b8be2fa69386b0391f3316d85e29559875821b"
         "0a2f9b5c6ca63a2cc563d1a3e234095d7b348b206eefe51eb4497c567d75d7dc"
         "3abe"}, /* a packet */
        {VR_SRTP_GCM, false,
         "8040ffff8041f8d35501a0b247616c6c696120657374206f6d6e697320646976"
         "69736120696e207061727465732074726573",
         "8040ffff8041f8d35501a0b29a1e8c438d73e57290b8f3147c606c124dfb39dd"
         "b8439b6abfae0fbb3d0647a2e18a9be472908c2b5cdf36ca35475728a75fabd9"
         "34a1"}, /* the last before a wrap */
        {VR_SRTP_GCM, false,
         "804000008041fcd35501a0b247616c6c696120657374206f6d6e697320646976"
         "69736120696e207061727465732074726573",
         "804000008041fcd35501a0b2f1cf6a1b64e4ca5d95abea0a57528fe2fb620e5f"
         "5a61486c62f68450ff985d87be8b292057571932722a9a099aee79dd5190ca4a"
         "266d"}, /* rollover counter 1 */
        {VR_SRTP_GCM, true,
         "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
         "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
         "81c8000d4d6172733ae6e9fb8870a71cb13b5caacfd0f4167d5b9484a31a2bf6"
         "5c855d70ddd43987a3aa0005a84ff68c7ef8ae732f3986eea9516fa1d5a7c9ec"
         "328172b580000001"}, /* SRTCP index 1 */
        {VR_SRTP_SHA1_80, true,
         "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
         "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
         "81c8000d4d617273f2bb7b81f9b988034c297110352c53781268f3d76040350f"
         "49086b0a2297239aeebaf47f1a17638ae7a25bc880000001432cfe93cba0c478"
         "3d44"}, /* SRTCP index 1 */
    };
    struct vr_srtp *srtp[VR_SRTP_SHA1_80 + 1] = {0};
    uint8_t key[30];

    (void)state;
    hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6", key, 30);
    srtp[VR_SRTP_GCM] = make(VR_SRTP_GCM, key, key);
    srtp[VR_SRTP_SHA1_80] = make(VR_SRTP_SHA1_80, key, key);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vr_srtp *one = srtp[rows[i].profile];
        uint8_t plain[128];
        uint8_t packet[128];
        uint8_t expected[128];
        size_t size = strlen(rows[i].plain) / 2;
        size_t expected_size = strlen(rows[i].expected) / 2;

        hex(rows[i].plain, plain, size);
        hex(rows[i].expected, expected, expected_size);
        hex(rows[i].plain, packet, size);
        assert_true(rows[i].rtcp ? vr_srtp_protect_rtcp(one, packet, &size)
                                 : vr_srtp_protect(one, packet, &size));
        assert_int_equal(size, expected_size);
        assert_memory_equal(packet, expected, size);
        assert_int_equal(rows[i].rtcp ? vr_srtp_unprotect_rtcp(one, packet, &size)
                                      : vr_srtp_unprotect(one, packet, &size),
                         VR_SRTP_OK);
        assert_memory_equal(packet, plain, size);
    }
    vr_srtp_free(srtp[VR_SRTP_GCM]);
    vr_srtp_free(srtp[VR_SRTP_SHA1_80]);
}

static void round_trip(uint8_t profile)
{
    uint8_t a[30];
    uint8_t b[30];
    struct vr_srtp *left;
    struct vr_srtp *right;

    memset(a, 0x11, sizeof a);
    memset(b, 0x22, sizeof b);
    left = make(profile, a, b);
    right = make(profile, b, a);
    /* Past a wrap of the sequence number, with every tenth packet lost: the rollover counter
     * follows. */
    for (uint32_t i = 0; i < 70000; i++) {
        uint8_t packet[172 + VR_SRTP_TAIL] = {0x80, 111};
        uint8_t copy[sizeof packet];
        size_t size = 172;

        packet[2] = (uint8_t)((i + 100) >> 8);
        packet[3] = (uint8_t)(i + 100);
        packet[11] = 7;
        memset(packet + 12, (int)i, 160);
        memcpy(copy, packet, sizeof copy);
        assert_true(vr_srtp_protect(left, packet, &size));
        assert_memory_not_equal(packet + 12, copy + 12, 160);
        if (i % 10 == 3) {
            continue;
        }
        if (i % 1000 == 0) { /* one flipped bit is refused, and the original still passes */
            uint8_t bad[sizeof packet];
            size_t bad_size = size;

            memcpy(bad, packet, sizeof bad);
            bad[4 + i / 1000 % (size - 4)] ^= 1;
            assert_int_not_equal(vr_srtp_unprotect(right, bad, &bad_size), VR_SRTP_OK);
        }
        assert_int_equal(vr_srtp_unprotect(right, packet, &size), VR_SRTP_OK);
        assert_int_equal(size, 172);
        assert_memory_equal(packet, copy, 172);
    }
    vr_srtp_free(left);
    vr_srtp_free(right);
}

static void both_profiles_past_a_wrap(void **state)
{
    (void)state;
    round_trip(VR_SRTP_GCM);
    round_trip(VR_SRTP_SHA1_80);
}

static void replay_and_rtcp(void **state)
{
    uint8_t key[30];

    (void)state;
    memset(key, 0x33, sizeof key);
    for (int profile = VR_SRTP_GCM; profile <= VR_SRTP_SHA1_80; profile++) {
        struct vr_srtp *srtp = make(profile, key, key);
        uint8_t packet[100 + VR_SRTP_TAIL] = {0x80, 111, 0, 5};
        uint8_t replay[sizeof packet];
        uint8_t report[8 + VR_SRTP_TAIL] = {0x80, 201, 0, 1, 1, 2, 3, 4};
        size_t size = 100;
        size_t replay_size;

        assert_true(vr_srtp_protect(srtp, packet, &size));
        memcpy(replay, packet, sizeof replay);
        replay_size = size;
        assert_int_equal(vr_srtp_unprotect(srtp, packet, &size), VR_SRTP_OK);
        assert_int_equal(vr_srtp_unprotect(srtp, replay, &replay_size), VR_SRTP_REPLAY);

        size = 8;
        assert_true(vr_srtp_protect_rtcp(srtp, report, &size));
        memcpy(replay, report, sizeof report);
        replay_size = size;
        assert_int_equal(vr_srtp_unprotect_rtcp(srtp, report, &size), VR_SRTP_OK);
        assert_int_equal(size, 8);
        assert_int_equal(report[1], 201);
        assert_int_equal(vr_srtp_unprotect_rtcp(srtp, replay, &replay_size), VR_SRTP_REPLAY);
        size = 3;
        assert_int_not_equal(vr_srtp_unprotect(srtp, packet, &size), VR_SRTP_OK);
        vr_srtp_free(srtp);
    }
}

/* What we seal for a receiver, libsrtp opens: RTP over a rollover, with and without a payload, and
 * RTCP; and its bytes are the ones that libsrtp itself would have sent. */
static void sealed_packets_are_libsrtps(void **state)
{
    uint8_t master[30];
    struct vr_srtp *sender, *receiver;
    struct vr_sealer *sealer = NULL;
    struct vr_seal_key rtp, rtcp;

    (void)state;
    for (size_t i = 0; i < sizeof master; i++) {
        master[i] = (uint8_t)(37 * i + 5);
    }
    sender = make(VR_SRTP_GCM, master, master);
    receiver = make(VR_SRTP_GCM, master, master);
    assert_int_equal(vr_sealer_new(&sealer), VR_OK);
    assert_true(vr_seal_derive(sealer, master, &rtp, &rtcp));
    for (uint64_t index = 0xfff0; index < 0x10010; index++) {
        uint8_t head[20] = {0x90, 111};
        uint8_t payload[100];
        uint8_t sealed[160];
        uint8_t theirs[160];
        size_t size = index % 5 == 0 ? 0 : 20 + (size_t)index % 80;
        size_t whole = sizeof head + size;

        vr_put16(head + 2, (uint16_t)index);
        vr_put32(head + 8, 0x56520000u);
        vr_put32(head + 12, 0xbede0001u);
        memset(payload, (int)index, sizeof payload);
        memcpy(sealed, head, sizeof head);
        memcpy(theirs, head, sizeof head);
        memcpy(theirs + sizeof head, payload, size);
        assert_true(vr_seal_rtp(sealer, &rtp, index, sealed, sizeof head, vr_bytes(payload, size)));
        assert_true(vr_srtp_protect(sender, theirs, &whole));
        assert_int_equal(whole, sizeof head + size + VR_SEAL_TAG);
        assert_memory_equal(sealed, theirs, whole);
        assert_int_equal(vr_srtp_unprotect(receiver, sealed, &whole), VR_SRTP_OK);
        assert_int_equal(whole, sizeof head + size);
    }
    for (uint32_t index = 1; index < 4; index++) {
        uint8_t sealed[80] = {0x80, 201, 0, 1};
        size_t size = 8 + 12 * (index - 1);

        assert_true(vr_seal_rtcp(sealer, &rtcp, index, sealed, &size));
        assert_int_equal(vr_srtp_unprotect_rtcp(receiver, sealed, &size), VR_SRTP_OK);
        assert_int_equal(size, 8 + 12 * (index - 1));
    }
    vr_sealer_free(sealer);
    vr_srtp_free(sender);
    vr_srtp_free(receiver);
}

static size_t build(uint8_t packet[128], uint64_t index)
{
    memset(packet, 7, 128);
    packet[0] = 0x80;
    packet[1] = 111;
    vr_put16(packet + 2, (uint16_t)index);
    vr_put32(packet + 8, 0x1234);
    return 60;
}

/* New contexts, in the middle of a stream: at beginnings, at wraps, with counters above 1; and they
 * stay right over the next wrap. */
static void contexts_go_on(void **state)
{
    static const uint64_t indices[] = {0,       1,       0x7fff, 0x8000, 0x8001,
                                       0xfffe,  0xffff,  65536,  65537,  0x17fff,
                                       0x18000, 0x1ffff, 131072, 131073, 0x5abcd};
    static const uint8_t report[8] = {0x80, 201, 0, 1, 0, 0, 0x12, 0x34};
    uint8_t key[30];
    uint8_t other[30];
    uint8_t packet[128];

    (void)state;
    memset(key, 3, sizeof key);
    memset(other, 4, sizeof other);
    for (size_t i = 0; i < 2 * (sizeof indices / sizeof indices[0]); i++) {
        struct vr_srtp_at at = {0x1234, indices[i / 2]};
        struct vr_srtp_keys keys = {.profile = i % 2 == 0 ? VR_SRTP_GCM : VR_SRTP_SHA1_80};
        struct vr_srtp *sender = make(keys.profile, key, other);
        struct vr_srtp *receiver = make(keys.profile, other, key);
        size_t size;

        memcpy(keys.theirs, key, sizeof key);
        assert_true(vr_srtp_prime_out(sender, &at, 1));
        assert_true(vr_srtp_prime_in(receiver, &keys, &at, 1));
        for (uint64_t index = at.index + 1; index < at.index + 70000; index += 1 + index % 40) {
            size = build(packet, index);
            assert_true(vr_srtp_protect(sender, packet, &size));
            assert_int_equal(vr_srtp_unprotect(receiver, packet, &size), VR_SRTP_OK);
        }
        size = 8;
        memcpy(packet, report, sizeof report);
        assert_true(vr_srtp_prime_rtcp_out(sender, 0x1234, 1000));
        assert_true(vr_srtp_protect_rtcp(sender, packet, &size));
        assert_int_equal(vr_get32(packet + size - (keys.profile == VR_SRTP_GCM ? 4 : 14)),
                         0x80000000u | 1001);
        vr_srtp_free(sender);
        vr_srtp_free(receiver);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_of_rfc3711_b3),
        cmocka_unit_test(packets_of_another_implementation),
        cmocka_unit_test(both_profiles_past_a_wrap),
        cmocka_unit_test(replay_and_rtcp),
        cmocka_unit_test(sealed_packets_are_libsrtps),
        cmocka_unit_test(contexts_go_on),
    };

    return cmocka_run_group_tests(tests, global_init, NULL);
}
