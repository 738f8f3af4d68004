/* Goal: no bytes make the RTCP reader leave the compound; a valid one is walked to its very end. */
#include "actors/base/assert.h"
#include "actors/wire/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_inside(const struct vr_rtcp_packet *packet)
{
    struct vr_rtcp_report report;
    struct vr_rtcp_sender sender;
    struct vr_bytes cname;
    uint32_t ssrc;
    size_t at = 0;
    unsigned chunks = 0;

    if (packet->kind == VR_RTCP_SR || packet->kind == VR_RTCP_RR) {
        vr_assert(vr_rtcp_sender_get(packet, &sender) == (packet->kind == VR_RTCP_SR));
        for (unsigned i = 0; i < 40; i++) {
            bool there = vr_rtcp_report_get(packet, i, &report);

            vr_assert(there == (i < packet->count));
            vr_assert(!there || vr_rtcp_round_trip_us(packet->ssrc, &report) >= -1);
        }
    }
    if (packet->kind == VR_RTCP_BYE) {
        for (unsigned i = 0; i < 40; i++) {
            vr_assert(vr_rtcp_bye_get(packet, i, &ssrc) == (i < packet->count));
        }
    }
    while (vr_rtcp_sdes_next(packet, &at, &ssrc, &cname)) {
        vr_assert(cname.size <= 255);
        chunks++;
    }
    vr_assert(packet->kind != VR_RTCP_SDES || chunks == packet->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_bytes rest = vr_bytes(data, size);
    bool valid = vr_rtcp_valid(rest);
    struct vr_rtcp_packet packet;

    while (vr_rtcp_next(&rest, &packet)) {
        look_inside(&packet);
    }
    vr_assert(!valid || rest.size == 0);
    return 0;
}
