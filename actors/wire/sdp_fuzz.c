/* Goal: no text makes the offer's reader fail worse than with an error, and what it takes can be
 * answered within bounds, one section for each offered. */
#include "actors/base/assert.h"
#include "actors/wire/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct vr_sdp_offer *offer, bool red)
{
    static const uint8_t print[32];
    struct vr_sdp_local local = {.ufrag = "abcd",
                                 .pwd = "0123456789012345678901",
                                 .fingerprint = print,
                                 .candidate_count = 16,
                                 .tcp_port = 65535,
                                 .session_id = UINT64_MAX,
                                 .red = red};
    struct vr_buf out = {0};
    uint32_t sections = 0;

    for (int i = 0; i < 16; i++) {
        local.candidates[i].address =
            i % 2 == 0 ? "192.0.2.255" : "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
        local.candidates[i].port = 65535;
    }
    vr_assert(vr_sdp_write_answer(offer, &local, &out) == VR_OK);
    for (size_t i = 0; i + 3 < out.size; i++) {
        sections += memcmp(out.data + i, "\nm=", 3) == 0;
    }
    vr_assert(sections == offer->section_count);
    vr_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_sdp_offer offer;
    struct vr_peer_conf conf = {0};
    struct vr_why why = {0};
    enum vr_err err = vr_sdp_parse_offer(vr_bytes(data, size), &offer, &why);

    if (err != VR_OK) {
        vr_assert((err == VR_E_BAD_SDP || err == VR_E_TOO_LARGE) && why.code == err &&
                  why.text[0] != 0);
        return 0;
    }
    vr_assert(offer.section_count >= 1 && offer.section_count <= VR_SDP_SECTIONS_MAX);
    vr_assert(offer.slot_count <= VR_SLOTS_MAX && (offer.sender >= 0 || offer.slot_count > 0));
    vr_sdp_to_peer(&offer, &conf);
    vr_assert(conf.opus_pt < 128 && conf.level_id <= 14 && conf.mid_id <= 14 &&
              conf.fingerprint_set);
    answer(&offer, true);
    answer(&offer, false);
    return 0;
}
