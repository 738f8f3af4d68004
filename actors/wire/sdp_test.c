/* Goal: what clients offer is understood and answered as browsers accept it, and what must not be
 * answered is refused with a sentence. sdp_corpus/ has offers as Chromium 156 and aiortc 1.4 made
 * them, and others in the shape that Firefox 153, webrtcbin 1.22 and encoders were seen to send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "actors/wire/sdp.h"

static const uint8_t our_print[32] = {0xab, 0x01};

static struct vr_sdp_local our_side(bool red)
{
    struct vr_sdp_local local = {.ufrag = "ourU",
                                 .pwd = "ourPassword0123456789ab",
                                 .fingerprint = our_print,
                                 .session_id = 77,
                                 .red = red,
                                 .candidate_count = 2};

    local.candidates[0].address = "192.0.2.1";
    local.candidates[0].port = 7000;
    local.candidates[1].address = "2001:db8::1";
    local.candidates[1].port = 7000;
    return local;
}

static struct vr_buf load(const char *name)
{
    char path[512];
    char bytes[VR_SDP_MAX];
    struct vr_buf buf = {0};
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", VR_SDP_CORPUS, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    vr_buf_append(&buf, bytes, fread(bytes, 1, sizeof(bytes), file));
    fclose(file);
    return buf;
}

static char *answer_to(const struct vr_sdp_offer *offer, bool red)
{
    struct vr_sdp_local local = our_side(red);
    struct vr_buf buf = {0};

    assert_int_equal(vr_sdp_write_answer(offer, &local, &buf), VR_OK);
    vr_buf_append(&buf, "", 1);
    return (char *)buf.data;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what)) {
        n++;
    }
    return n;
}

static void understands_real_offers(void **state)
{
    /* clang-format off */
    static const struct {
        const char *file;
        uint32_t sections, slots;
        int sender;
        uint8_t opus, red, level, mid_id;
        const char *mid0, *ufrag;
    } rows[] = {
        { "chromium_participant.sdp",  5, 4,  0, 111, 63,         1, 4, "0",      "Lult" },
        { "chromium_whip.sdp",         1, 0,  0, 111, 63,         1, 4, "0",      NULL },
        { "chromium_restart.sdp",      2, 1,  0, 111, 63,         1, 4, "0",      "dxmJ" },
        { "chromium_whep.sdp",         2, 1, -1, 111, 63,         1, 4, "0",      NULL },
        { "firefox_participant.sdp",   5, 4,  0, 109, VR_PT_NONE, 1, 3, "0",      "0a1b2c3d" },
        { "aiortc_participant.sdp",    5, 4,  0,  96, VR_PT_NONE, 2, 1, "0",      "SmSx" },
        { "aiortc_sendrecv.sdp",       1, 1,  0,  96, VR_PT_NONE, 2, 1, "0",      NULL },
        { "aiortc_video.sdp",          3, 1,  0,  96, VR_PT_NONE, 2, 1, "0",      NULL },
        { "webrtcbin_participant.sdp", 3, 2,  0,  96, VR_PT_NONE, 1, 0, "audio0", "Xk8nUJvUrYDsTIlmCz7eK0oOQ2iNBKn1" },
        { "whip_encoder.sdp",          1, 0,  0,  97, VR_PT_NONE, 0, 0, "a",      "abcd" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_buf text = load(rows[i].file);
        struct vr_sdp_offer offer;
        struct vr_why why = {0};
        struct vr_peer_conf conf = {0};
        char *answer;

        if (vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why) != VR_OK) {
            fail_msg("%s: %s", rows[i].file, why.text);
        }
        assert_int_equal(offer.section_count, rows[i].sections);
        assert_int_equal(offer.slot_count, rows[i].slots);
        assert_int_equal(offer.sender, rows[i].sender);
        if (rows[i].ufrag != NULL) {
            assert_string_equal(offer.ufrag, rows[i].ufrag);
        }
        vr_sdp_to_peer(&offer, &conf);
        assert_int_equal(conf.opus_pt, rows[i].opus);
        assert_int_equal(conf.red_pt, rows[i].red);
        assert_int_equal(conf.level_id, rows[i].level);
        assert_int_equal(conf.mid_id, rows[i].mid_id);
        assert_int_equal(conf.slot_count, rows[i].slots);
        assert_int_equal(conf.may_send, rows[i].sender >= 0);
        assert_true(conf.fingerprint_set);
        assert_string_equal(conf.peer_ufrag, offer.ufrag);
        assert_string_equal(offer.sections[0].mid, rows[i].mid0);

        answer = answer_to(&offer, true);
        assert_int_equal(count(answer, "\r\nm="), rows[i].sections);
        assert_int_equal(count(answer, "a=ssrc:"), rows[i].slots);
        assert_int_equal(count(answer, "a=candidate:"), 2);
        assert_int_equal(count(answer, "a=end-of-candidates"), 1);
        free(answer);
        vr_buf_deinit(&text);
    }
}

static void bundle_only_of_firefox_is_active(void **state)
{
    struct vr_buf text = load("firefox_participant.sdp");
    struct vr_sdp_offer offer;

    (void)state;
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, NULL), VR_OK);
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(offer.sections[i].accepted);
        assert_int_equal(offer.sections[i].bundle_only, i > 0);
    }
    assert_int_equal(offer.fingerprint[0], 11); /* the session's */
    vr_buf_deinit(&text);
}

static void video_is_refused_alone(void **state)
{
    struct vr_buf text = load("aiortc_video.sdp");
    struct vr_sdp_offer offer;
    char *answer;

    (void)state;
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, NULL), VR_OK);
    assert_false(offer.sections[2].accepted);
    answer = answer_to(&offer, false);
    assert_non_null(strstr(answer, "a=group:BUNDLE 0 1\r\n"));
    assert_non_null(strstr(answer, "m=video 0 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102\r\n"
                                   "c=IN IP4 0.0.0.0\r\na=mid:2\r\na=ice-ufrag:ourU\r\n"));
    free(answer);
    vr_buf_deinit(&text);
}

/* The whole text for the smallest participant, so that a change of any line is seen. */
static void answers_word_by_word(void **state)
{
    static const char offer_text[] =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE s r\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:s\r\na=sendonly\r\na=rtcp-mux\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n"
        "a=fingerprint:sha-256 "
        "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:"
        "18:19:1A:1B:1C:1D:1E:1F\r\n"
        "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:r\r\na=recvonly\r\na=rtcp-mux\r\n"
        "a=rtpmap:111 opus/48000/2\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
#define TRANSPORT                                                                                  \
    "a=ice-ufrag:ourU\r\na=ice-pwd:ourPassword0123456789ab\r\n"                                    \
    "a=fingerprint:sha-256 "                                                                       \
    "AB:01:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"               \
    "00:00:00:00:00:00\r\na=setup:passive\r\na=rtcp-mux\r\n"
#define OPUS "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n"
    static const char want[] =
        "v=0\r\no=- 77 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE s r\r\n"
        "m=audio 7000 UDP/TLS/RTP/SAVPF 63 111\r\nc=IN IP4 192.0.2.1\r\na=mid:s\r\n" TRANSPORT
        "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" OPUS
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=recvonly\r\n"
        "a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host\r\n"
        "a=candidate:2 1 udp 2130706175 2001:db8::1 7000 typ host\r\na=end-of-candidates\r\n"
        "m=audio 7000 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.1\r\na=mid:r\r\n" TRANSPORT OPUS
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendonly\r\n"
        "a=msid:slot0 slot0\r\na=ssrc:1448214528 cname:voicerooms\r\n";
    struct vr_sdp_offer offer;
    struct vr_peer_conf conf = {0};
    char *answer;

    (void)state;
    assert_int_equal(vr_sdp_parse_offer(vr_bytes_of(offer_text), &offer, NULL), VR_OK);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(offer.fingerprint[i], i);
    }
    answer = answer_to(&offer, true);
    assert_string_equal(answer, want);
    free(answer);
    answer = answer_to(&offer, false);
    assert_null(strstr(answer, "red"));
    free(answer);
    /* Ids that only one of the sections has are the peer's all the same. */
    vr_sdp_to_peer(&offer, &conf);
    assert_int_equal(conf.level_id, 1);
    assert_int_equal(conf.mid_id, 4);
    assert_int_equal(conf.red_pt, 63);
    assert_string_equal(conf.slot_mid[0], "r");
}

/* Behind UDP's candidates, each below all of them, with foundations of their own (RFC 6544, 4.2 and
 * 4.5; RFC 8445, 5.1.1.3). */
static void tcp_is_offered_for_who_has_no_udp(void **state)
{
    static const char want[] =
        "a=candidate:2 1 udp 2130706175 2001:db8::1 7000 typ host\r\n"
        "a=candidate:3 1 tcp 1520435199 192.0.2.1 7443 typ host tcptype passive\r\n"
        "a=candidate:4 1 tcp 1520434943 2001:db8::1 7443 typ host tcptype passive\r\n"
        "a=end-of-candidates\r\n";
    struct vr_buf text = load("chromium_participant.sdp");
    struct vr_sdp_local local = our_side(true);
    struct vr_sdp_offer offer;
    struct vr_buf answer = {0};

    (void)state;
    local.tcp_port = 7443;
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, NULL), VR_OK);
    assert_int_equal(vr_sdp_write_answer(&offer, &local, &answer), VR_OK);
    vr_buf_append(&answer, "", 1);
    assert_non_null(strstr((const char *)answer.data, want));
    assert_int_equal(count((const char *)answer.data, " tcp "), 2);
    vr_buf_deinit(&answer);
    vr_buf_deinit(&text);
}

/* A sound offer of one section, with a hole at each place where rows below put something else. */
#define HEAD "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
#define PRINT                                                                                      \
    "a=fingerprint:sha-256 "                                                                       \
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:"               \
    "1A:1B:1C:1D:1E:1F\n"
#define ICE "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
#define M "m=audio 9 UDP/TLS/RTP/SAVPF 111\n"
#define CODEC "a=rtcp-mux\na=rtpmap:111 opus/48000/2\n"
#define SECOND M "a=mid:b\na=recvonly\n" CODEC

/* clang-format off */
static const struct { const char *offer; const char *why; } judged[] = {
    { HEAD ICE PRINT M CODEC,                                             NULL },
    { "",                                                                 "v=0" },
    { "v=1\n",                                                            "v=0" },
    { "hello",                                                            "v=0" },
    { HEAD,                                                               "no audio" },
    { HEAD "nonsense\n" ICE PRINT M CODEC,                                "x=" },
    { HEAD "a=x:\x01\n" ICE PRINT M CODEC,                                "control" },
    { HEAD ICE PRINT "m=audio 9 RTP/AVP 111\n" CODEC,                     "RTP/AVP" },
    { HEAD ICE PRINT "m=audio 9 RTP/SAVPF 111\n" CODEC,                   "RTP/SAVPF" },
    { HEAD ICE PRINT "m=audio 9 UDP/TLS/RTP/SAVP 111\n" CODEC,            "SAVP" },
    { HEAD ICE PRINT "m=audio 9 TCP/TLS/RTP/SAVPF 111\n" CODEC,           "TCP" },
    { HEAD ICE PRINT M CODEC "m=video 9 RTP/AVP 96\na=mid:v\n",           "RTP/AVP" },
    { HEAD ICE PRINT "m=audio x UDP/TLS/RTP/SAVPF 111\n" CODEC,           "malformed" },
    { HEAD ICE PRINT "m=audio 65536 UDP/TLS/RTP/SAVPF 111\n" CODEC,       "malformed" },
    { HEAD ICE PRINT "m=audio\n" CODEC,                                   "malformed" },
    { HEAD ICE PRINT "m=audio 9 UDP/TLS/RTP/SAVPF\n" CODEC,               "no format" },
    { HEAD ICE PRINT "m=audio 0 UDP/TLS/RTP/SAVPF 111\n" CODEC,           "no audio" },
    { HEAD ICE PRINT "m=video 9 UDP/TLS/RTP/SAVPF 111\n" CODEC,           "no audio" },
    { HEAD ICE PRINT "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\n",       "no audio" },
    { HEAD ICE PRINT M "a=rtcp-mux\na=rtpmap:111 opus/48000\n",           "no audio" },
    { HEAD ICE PRINT "m=audio 9 UDP/TLS/RTP/SAVPF 72\na=rtcp-mux\na=rtpmap:72 opus/48000/2\n", "no audio" },
    { HEAD ICE PRINT M "a=rtpmap:111 opus/48000/2\n",                     "rtcp-mux" },
    { HEAD PRINT M CODEC,                                                 "ice-ufrag" },
    { HEAD PRINT "a=ice-ufrag:abcd\n" M CODEC,                            "ice-pwd" },
    { HEAD PRINT "a=ice-ufrag:abc\n" M CODEC,                             "ice-ufrag" },
    { HEAD PRINT "a=ice-ufrag:ab d\n" M CODEC,                            "ice-ufrag" },
    { HEAD PRINT "a=ice-ufrag:abcdefghijklmnopqrstuvwxyz0123456\n" M CODEC, "ice-ufrag" },
    { HEAD PRINT "a=ice-pwd:short\n" M CODEC,                             "ice-pwd" },
    { HEAD ICE M CODEC,                                                   "fingerprint" },
    { HEAD ICE "a=fingerprint:sha-1 00:01\n" M CODEC,                     "fingerprint" },
    { HEAD ICE "a=fingerprint:sha-256 00:01\n" M CODEC,                   "fingerprint" },
    { HEAD ICE "a=fingerprint:\n" M CODEC,                                "fingerprint" },
    { HEAD ICE PRINT "a=setup:passive\n" M CODEC,                         "setup" },
    { HEAD ICE PRINT "a=setup:holdconn\n" M CODEC,                        "setup" },
    { HEAD ICE PRINT "a=setup:whatever\n" M CODEC,                        "setup" },
    { HEAD ICE PRINT "a=ice-lite\n" M CODEC,                              "ice-lite" },
    { HEAD ICE PRINT M "a=mid:a\na=sendonly\n" CODEC SECOND,              "bundled" },
    { HEAD "a=group:BUNDLE a b\n" ICE PRINT M "a=mid:a\na=sendonly\n" CODEC SECOND, NULL },
    { HEAD "a=group:BUNDLE a b\n" PRINT M "a=mid:a\na=sendonly\n" ICE CODEC /* a later offer */
      M "a=mid:b\na=recvonly\na=rtpmap:111 opus/48000/2\n",              NULL },
    { HEAD "a=group:BUNDLE a b\n" PRINT ICE M "a=mid:a\na=sendonly\na=rtpmap:111 opus/48000/2\n" SECOND, "rtcp-mux" },
    { HEAD "a=group:BUNDLE x\n" ICE PRINT M "a=mid:a\n" CODEC,            "no audio" },
    { HEAD "a=group:LS a b\n" ICE PRINT M "a=mid:a\na=sendonly\n" CODEC SECOND, "bundled" },
    { HEAD "a=group:BUNDLE b\n" ICE PRINT SECOND SECOND,                  "different a=mid" },
    { HEAD ICE PRINT M CODEC M CODEC,                                     "different a=mid" },
    { HEAD "a=group:BUNDLE a b\n" ICE PRINT M "a=mid:a\na=sendonly\n" CODEC
      M "a=mid:b\na=sendrecv\n" CODEC,                                    "both send" },
    { HEAD "a=group:BUNDLE a b\n" ICE PRINT M "a=mid:a\n" CODEC
      "m=audio 9 UDP/TLS/RTP/SAVPF 96\na=mid:b\na=recvonly\na=rtcp-mux\na=rtpmap:96 opus/48000/2\n", "differ" },
    { HEAD "a=group:BUNDLE a b\n" ICE PRINT M "a=mid:a\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n"
      CODEC SECOND "a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n", "differ" },
    { HEAD ICE PRINT M "a=mid:0123456789abcdefg\n" CODEC,                 "a=mid" },
    { HEAD ICE PRINT M "a=mid:a b\n" CODEC,                               "a=mid" },
    { HEAD ICE PRINT M "a=mid:\n" CODEC,                                  "a=mid" },
    { HEAD ICE PRINT M "a=inactive\n" CODEC,                              "sends or receives" },
    { HEAD ICE PRINT M "a=rtpmap:128 opus/48000/2\n" CODEC,               "rtpmap" },
    { HEAD ICE PRINT M "a=rtpmap:-1 opus/48000/2\n" CODEC,                "rtpmap" },
    { HEAD ICE PRINT M "a=fmtp:x\n" CODEC,                                "fmtp" },
    { HEAD ICE PRINT M "a=extmap:1\n" CODEC,                              "extmap" },
    { HEAD ICE PRINT M "a=extmap:99999 urn:x\n" CODEC,                    "extmap" },
};
/* clang-format on */

static void refuses_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
        struct vr_sdp_offer offer;
        struct vr_why why = {0};
        enum vr_err err = vr_sdp_parse_offer(vr_bytes_of(judged[i].offer), &offer, &why);

        if (judged[i].why == NULL) {
            assert_int_equal(err, VR_OK);
        } else if (err != VR_E_BAD_SDP || why.code != err ||
                   strstr(why.text, judged[i].why) == NULL) {
            fail_msg("row %zu: %d '%s', wanted '%s'", i, err, why.text, judged[i].why);
        }
    }
}

static void holds_its_limits(void **state)
{
    struct vr_buf text = {0};
    struct vr_sdp_offer offer;
    struct vr_why why;

    (void)state;
    vr_buf_text(&text, HEAD "a=group:BUNDLE 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n" ICE PRINT);
    for (int i = 0; i < 16; i++) {
        vr_buf_printf(&text, M "a=mid:%d\na=%s\n" CODEC, i, i == 0 ? "sendonly" : "recvonly");
    }
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why), VR_OK);
    assert_int_equal(offer.slot_count, VR_SLOTS_MAX);
    {
        char *answer = answer_to(&offer, false);

        assert_int_equal(count(answer, "a=inactive"), 15 - VR_SLOTS_MAX);
        assert_int_equal(count(answer, "a=sendonly"), VR_SLOTS_MAX);
        free(answer);
    }
    for (int i = 0; i < 64; i++) {
        vr_buf_text(&text, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n");
    }
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why), VR_OK);
    vr_buf_text(&text, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n");
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why), VR_E_BAD_SDP);
    assert_non_null(strstr(why.text, "candidates"));
    vr_buf_deinit(&text);

    vr_buf_text(&text, HEAD ICE PRINT);
    for (int i = 0; i < 17; i++) {
        vr_buf_printf(&text, M "a=mid:%d\n", i);
    }
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why), VR_E_BAD_SDP);
    assert_non_null(strstr(why.text, "sections"));
    while (text.size <= VR_SDP_MAX) {
        vr_buf_text(&text, "a=filler\n");
    }
    assert_int_equal(vr_sdp_parse_offer(vr_buf_bytes(&text), &offer, &why), VR_E_TOO_LARGE);
    vr_buf_deinit(&text);
}

/* Whatever is left of an offer that was cut, the parser stays within it (ASan watches). */
static void survives_every_cut(void **state)
{
    struct vr_buf text = load("chromium_participant.sdp");

    (void)state;
    for (size_t size = 0; size < text.size; size += 3) {
        uint8_t *copy = malloc(size + 1);
        struct vr_sdp_offer offer;

        assert_non_null(copy);
        memcpy(copy, text.data, size);
        (void)!vr_sdp_parse_offer(vr_bytes(copy, size), &offer, NULL);
        free(copy);
    }
    vr_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_real_offers),
        cmocka_unit_test(bundle_only_of_firefox_is_active),
        cmocka_unit_test(video_is_refused_alone),
        cmocka_unit_test(answers_word_by_word),
        cmocka_unit_test(tcp_is_offered_for_who_has_no_udp),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(survives_every_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
