/* Goal: what a server's SDP says about its transport is read, whoever wrote it, and ours holds what
 * servers ask for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "bench/rig/sdp.h"

#define PRINT                                                                                      \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:FF"

static void janus_offer_is_read(void **state)
{
    static const char sdp[] =
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:a1\r\na=rtpmap:96 opus/48000/2\r\n"
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
        "a=extmap:2/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 " PRINT
        "\r\na=candidate:1 1 tcp 2015363327 192.0.2.9 9 typ host tcptype active\r\n"
        "a=candidate:2 1 udp 2015363327 fe80::1 5000 typ host\r\n"
        "a=candidate:3 1 udp 2015363327 192.0.2.7 40000 typ host\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:a2\r\n";
    struct vr_remote remote;
    char mid[16];

    (void)state;
    assert_true(vr_bench_sdp_read(sdp, &remote));
    assert_string_equal(remote.ufrag, "abcd");
    assert_string_equal(remote.pwd, "0123456789012345678901");
    assert_int_equal(remote.opus_pt, 96);
    assert_int_equal(remote.level_id, 2);
    assert_int_equal(remote.fingerprint[1], 0x11);
    assert_int_equal(ntohs(remote.address.sin_port), 40000);
    assert_true(vr_bench_sdp_mid(sdp, 1, mid, sizeof(mid)));
    assert_string_equal(mid, "a2");
    assert_false(vr_bench_sdp_mid(sdp, 2, mid, sizeof(mid)));
}

static void without_a_candidate_it_is_refused(void **state)
{
    struct vr_remote remote;

    (void)state;
    assert_false(vr_bench_sdp_read("a=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 " PRINT
                                   "\r\na=rtpmap:111 opus/48000/2\r\n",
                                   &remote));
}

static void our_offer_reads_back(void **state)
{
    uint8_t fingerprint[32] = {1, 2, 3};
    struct vr_seat seat = {
        .number = 7, .ufrag = "four", .pwd = "twentytwocharacters....", .fingerprint = fingerprint};
    struct vr_bench_sdp sdp = {.receive = 2, .send = true, .setup = "active", .candidate = true};
    struct vr_buf text = {0};
    struct vr_remote back;

    (void)state;
    seat.address.sin_family = AF_INET;
    seat.address.sin_addr.s_addr = htonl(0xc0000207);
    seat.address.sin_port = htons(1234);
    vr_bench_sdp_write(&sdp, &seat, &text);
    assert_true(vr_bench_sdp_read((const char *)text.data, &back));
    assert_string_equal(back.ufrag, "four");
    assert_int_equal(back.address.sin_port, htons(1234));
    assert_memory_equal(back.fingerprint, fingerprint, 32);
    assert_non_null(strstr((const char *)text.data, "a=group:BUNDLE 0 1 2\r\n"));
    assert_non_null(strstr((const char *)text.data, "a=ssrc:100007 "));
    assert_non_null(strstr((const char *)text.data, "a=sendonly\r\n"));
    vr_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(janus_offer_is_read),
        cmocka_unit_test(without_a_candidate_it_is_refused),
        cmocka_unit_test(our_offer_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
