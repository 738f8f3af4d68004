/* Goal: no bytes make the RTP reader leave the packet, and a header that was read can be written
 * again with the same meaning. */
#include "actors/base/assert.h"
#include "actors/wire/level.h"
#include "actors/wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(const struct vr_rtp *rtp)
{
    uint32_t csrc[VR_RTP_CSRC_MAX];
    struct vr_rtp_ext ext[64];
    struct vr_rtp_head head = {.marker = rtp->marker,
                               .pt = rtp->pt,
                               .seq = rtp->seq,
                               .ts = rtp->ts,
                               .ssrc = rtp->ssrc,
                               .csrc_count = rtp->csrc_count,
                               .csrc = csrc,
                               .ext = ext};
    uint8_t out[VR_RTP_FIXED + 4 * VR_RTP_CSRC_MAX + 64 * 260];
    struct vr_rtp back;
    struct vr_bytes value;
    size_t at = 0;
    uint8_t id;
    size_t written;

    for (unsigned i = 0; i < rtp->csrc_count; i++) {
        csrc[i] = vr_rtp_csrc(rtp, i);
    }
    while (head.ext_count < 64 && vr_rtp_ext_next(rtp, &at, &id, &value)) {
        vr_assert(value.size <= 255 && value.data >= rtp->ext.data);
        vr_assert(value.data + value.size <= rtp->ext.data + rtp->ext.size);
        ext[head.ext_count++] = (struct vr_rtp_ext){id, (uint8_t)value.size, value.data};
    }
    written = vr_rtp_head_write(&head, out, sizeof(out));
    vr_assert(written > 0 && vr_rtp_parse(vr_bytes(out, written), &back));
    vr_assert(back.seq == rtp->seq && back.ts == rtp->ts && back.ssrc == rtp->ssrc &&
              back.pt == rtp->pt);
    at = 0;
    for (unsigned i = 0; i < head.ext_count; i++) {
        vr_assert(vr_rtp_ext_next(&back, &at, &id, &value));
        vr_assert(id == ext[i].id && vr_bytes_equal(value, vr_bytes(ext[i].data, ext[i].size)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_rtp_source source;
    struct vr_level level;
    struct vr_rtp rtp;

    (void)vr_demux(vr_bytes(data, size));
    if (vr_rtp_parse_head(vr_bytes(data, size), &rtp)) {
        vr_assert(rtp.head_size + rtp.payload.size == size);
        (void)vr_level_of(&rtp, 1, &level);
        rewrite(&rtp);
    }
    if (vr_rtp_parse(vr_bytes(data, size), &rtp)) {
        vr_assert(rtp.head_size + rtp.payload.size + rtp.padding == size);
    }
    vr_rtp_source_init(&source, size % 2 == 0 ? VR_RTP_MIN_SEQUENTIAL : 0);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint64_t index;

        if (vr_rtp_source_update(&source, vr_get16(data + i), &index)) {
            vr_assert((uint16_t)index == vr_get16(data + i) && index <= VR_RTP_INDEX_MASK);
        }
        vr_rtp_source_arrived(&source, vr_get32(data + i), data[i]);
        (void)vr_rtp_source_fraction(&source);
        (void)vr_rtp_source_lost(&source);
    }
    return 0;
}
