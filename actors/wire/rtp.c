#include "actors/wire/rtp.h"

#include <string.h>

enum vr_packet_class vr_demux(struct vr_bytes datagram)
{
    uint8_t first;

    if (datagram.size < 2) {
        return VR_PACKET_OTHER;
    }
    first = datagram.data[0];
    if (first <= 3) {
        return VR_PACKET_STUN;
    }
    if (first >= 20 && first <= 63) {
        return VR_PACKET_DTLS;
    }
    if (first >= 128 && first <= 191) {
        return datagram.data[1] >= 192 && datagram.data[1] <= 223 ? VR_PACKET_RTCP : VR_PACKET_RTP;
    }
    return VR_PACKET_OTHER;
}

bool vr_rtp_parse_head(struct vr_bytes packet, struct vr_rtp *out)
{
    const uint8_t *p = packet.data;
    size_t head = VR_RTP_FIXED;

    *out = (struct vr_rtp){0};
    if (packet.size < VR_RTP_FIXED || p[0] >> 6 != 2) {
        return false;
    }
    out->has_padding = (p[0] & 0x20) != 0;
    out->csrc_count = p[0] & 0x0f;
    out->marker = (p[1] & 0x80) != 0;
    out->pt = p[1] & 0x7f;
    out->seq = vr_get16(p + 2);
    out->ts = vr_get32(p + 4);
    out->ssrc = vr_get32(p + 8);
    out->csrc = p + head;
    head += (size_t)4 * out->csrc_count;
    if ((p[0] & 0x10) != 0) {
        size_t size;

        if (packet.size < head + 4) {
            return false;
        }
        out->ext_profile = vr_get16(p + head);
        size = (size_t)4 * vr_get16(p + head + 2);
        out->ext = vr_bytes(p + head + 4, size);
        head += 4 + size;
    }
    if (packet.size < head || head > UINT16_MAX) {
        return false;
    }
    out->head_size = (uint16_t)head;
    out->payload = vr_bytes(p + head, packet.size - head);
    return true;
}

bool vr_rtp_parse(struct vr_bytes packet, struct vr_rtp *out)
{
    uint8_t padding;

    if (!vr_rtp_parse_head(packet, out)) {
        return false;
    }
    if (!out->has_padding) {
        return true;
    }
    if (out->payload.size == 0) {
        return false;
    }
    /* The last byte counts the padding, itself included, so 0 is as wrong as more than is there. */
    padding = out->payload.data[out->payload.size - 1];
    if (padding == 0 || padding > out->payload.size) {
        return false;
    }
    out->padding = padding;
    out->payload.size -= padding;
    return true;
}

/* One-byte form: four bits of id, four of length - 1. */
static bool next_one_byte(struct vr_bytes ext, size_t *at, uint8_t *id, struct vr_bytes *value)
{
    while (*at < ext.size) {
        uint8_t head = ext.data[*at];
        size_t size = (size_t)(head & 0x0f) + 1;

        if (head == 0) {
            (*at)++;
            continue;
        }
        if (head >> 4 == 0 || head >> 4 == 15 || size > ext.size - *at - 1) {
            break;
        }
        *id = head >> 4;
        *value = vr_bytes(ext.data + *at + 1, size);
        *at += 1 + size;
        return true;
    }
    *at = ext.size;
    return false;
}

/* Two-byte form: an id, a length (0 is allowed), the value. */
static bool next_two_byte(struct vr_bytes ext, size_t *at, uint8_t *id, struct vr_bytes *value)
{
    while (*at < ext.size) {
        size_t size;

        if (ext.data[*at] == 0) {
            (*at)++;
            continue;
        }
        if (ext.size - *at < 2) {
            break;
        }
        size = ext.data[*at + 1];
        if (size > ext.size - *at - 2) {
            break;
        }
        *id = ext.data[*at];
        *value = vr_bytes(ext.data + *at + 2, size);
        *at += 2 + size;
        return true;
    }
    *at = ext.size;
    return false;
}

bool vr_rtp_ext_next(const struct vr_rtp *rtp, size_t *at, uint8_t *id, struct vr_bytes *value)
{
    if (rtp->ext_profile == VR_RTP_EXT_ONE_BYTE) {
        return next_one_byte(rtp->ext, at, id, value);
    }
    if ((rtp->ext_profile & 0xfff0) == 0x1000) {
        return next_two_byte(rtp->ext, at, id, value);
    }
    return false;
}

bool vr_rtp_ext_find(const struct vr_rtp *rtp, uint8_t id, struct vr_bytes *value)
{
    size_t at = 0;
    uint8_t found;
    struct vr_bytes bytes;

    while (vr_rtp_ext_next(rtp, &at, &found, &bytes)) {
        if (found == id) {
            *value = bytes;
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

/* What the elements need: bytes with padding to four, and which form. */
struct ext_plan {
    size_t size; /* 0: no extension at all */
    bool two_byte;
};

static struct ext_plan plan_ext(const struct vr_rtp_head *head)
{
    struct ext_plan plan = {0, false};
    size_t values = 0;
    size_t used = 0;

    for (unsigned i = 0; i < head->ext_count; i++) {
        const struct vr_rtp_ext *ext = &head->ext[i];

        if (ext->id == 0) {
            continue;
        }
        used++;
        values += ext->size;
        if (ext->id > 14 || ext->size == 0 || ext->size > 16) {
            plan.two_byte = true;
        }
    }
    plan.size = values + used * (plan.two_byte ? 2 : 1);
    plan.size = (plan.size + 3) & ~(size_t)3;
    return plan;
}

static size_t head_size(const struct vr_rtp_head *head, struct ext_plan plan)
{
    if (head->csrc_count > VR_RTP_CSRC_MAX) {
        return 0;
    }
    return VR_RTP_FIXED + (size_t)4 * head->csrc_count + (plan.size == 0 ? 0 : 4 + plan.size);
}

size_t vr_rtp_head_size(const struct vr_rtp_head *head)
{
    return head_size(head, plan_ext(head));
}

static void put_ext(const struct vr_rtp_head *head, struct ext_plan plan, uint8_t *p)
{
    uint8_t *end = p + 4 + plan.size;

    vr_put16(p, plan.two_byte ? 0x1000 : VR_RTP_EXT_ONE_BYTE);
    vr_put16(p + 2, (uint16_t)(plan.size / 4));
    p += 4;
    for (unsigned i = 0; i < head->ext_count; i++) {
        const struct vr_rtp_ext *ext = &head->ext[i];

        if (ext->id == 0) {
            continue;
        }
        if (plan.two_byte) {
            *p++ = ext->id;
            *p++ = ext->size;
        } else {
            *p++ = (uint8_t)(ext->id << 4 | (ext->size - 1));
        }
        if (ext->size > 0) {
            memcpy(p, ext->data, ext->size);
            p += ext->size;
        }
    }
    memset(p, 0, (size_t)(end - p));
}

static void put_head(const struct vr_rtp_head *head, struct ext_plan plan, uint8_t *p)
{
    p[0] = (uint8_t)(0x80 | (plan.size == 0 ? 0 : 0x10) | head->csrc_count);
    p[1] = (uint8_t)((head->marker ? 0x80 : 0) | (head->pt & 0x7f));
    vr_put16(p + 2, head->seq);
    vr_put32(p + 4, head->ts);
    vr_put32(p + 8, head->ssrc);
    p += VR_RTP_FIXED;
    for (unsigned i = 0; i < head->csrc_count; i++, p += 4) {
        vr_put32(p, head->csrc[i]);
    }
    if (plan.size > 0) {
        put_ext(head, plan, p);
    }
}

size_t vr_rtp_head_write(const struct vr_rtp_head *head, uint8_t *out, size_t capacity)
{
    struct ext_plan plan = plan_ext(head);
    size_t size = head_size(head, plan);

    if (size == 0 || size > capacity) {
        return 0;
    }
    put_head(head, plan, out);
    return size;
}

uint8_t *vr_rtp_head_prepend(const struct vr_rtp_head *head, uint8_t *payload, size_t headroom)
{
    struct ext_plan plan = plan_ext(head);
    size_t size = head_size(head, plan);

    if (size == 0 || size > headroom) {
        return NULL;
    }
    put_head(head, plan, payload - size);
    return payload - size;
}
