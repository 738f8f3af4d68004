#include "actors/wire/rtcp.h"

#include <string.h>

#define TYPE_SR 200
#define TYPE_RR 201
#define TYPE_SDES 202
#define TYPE_BYE 203
#define SDES_CNAME 1

#define HEAD 4    /* version, count, type, length */
#define SENDER 24 /* sender's SSRC and its info, behind the head */
#define REPORT 24 /* one report block */

/* ---- reading ---- */

static enum vr_rtcp_kind kind_of(uint8_t type)
{
    switch (type) {
    case TYPE_SR:
        return VR_RTCP_SR;
    case TYPE_RR:
        return VR_RTCP_RR;
    case TYPE_SDES:
        return VR_RTCP_SDES;
    case TYPE_BYE:
        return VR_RTCP_BYE;
    default:
        return VR_RTCP_OTHER;
    }
}

/* Where the report blocks start in the body of an SR or RR. */
static size_t reports_at(const struct vr_rtcp_packet *packet)
{
    return packet->kind == VR_RTCP_SR ? SENDER : 4;
}

/* Does the count fit into the length? SDES chunks are counted by walking them. */
static bool holds_together(const struct vr_rtcp_packet *packet)
{
    size_t at = 0;
    unsigned chunks = 0;
    uint32_t ssrc;
    struct vr_bytes cname;

    switch (packet->kind) {
    case VR_RTCP_SR:
    case VR_RTCP_RR:
        return packet->body.size >= reports_at(packet) + (size_t)REPORT * packet->count;
    case VR_RTCP_BYE:
        return packet->body.size >= (size_t)4 * packet->count;
    case VR_RTCP_SDES:
        while (vr_rtcp_sdes_next(packet, &at, &ssrc, &cname)) {
            chunks++;
        }
        return chunks == packet->count;
    case VR_RTCP_OTHER:
        break;
    }
    return true;
}

bool vr_rtcp_next(struct vr_bytes *rest, struct vr_rtcp_packet *out)
{
    const uint8_t *p = rest->data;
    size_t size;
    size_t padding = 0;

    if (rest->size < HEAD || p[0] >> 6 != 2) {
        return false;
    }
    size = HEAD + (size_t)4 * vr_get16(p + 2);
    if (size > rest->size) {
        return false;
    }
    if ((p[0] & 0x20) != 0) {
        padding = p[size - 1];
        if (padding == 0 || padding % 4 != 0 || padding > size - HEAD) {
            return false;
        }
    }
    out->type = p[1];
    out->kind = kind_of(p[1]);
    out->count = p[0] & 0x1f;
    out->body = vr_bytes(p + HEAD, size - HEAD - padding);
    out->ssrc = 0;
    if (out->body.size >= 4 &&
        (out->count > 0 || (out->kind != VR_RTCP_SDES && out->kind != VR_RTCP_BYE))) {
        out->ssrc = vr_get32(out->body.data);
    }
    if (!holds_together(out)) {
        return false;
    }
    rest->data += size;
    rest->size -= size;
    return true;
}

bool vr_rtcp_valid(struct vr_bytes compound)
{
    struct vr_bytes rest = compound;
    struct vr_rtcp_packet packet;

    if (rest.size < HEAD + 4 || (rest.data[0] & 0x20) != 0 ||
        (rest.data[1] != TYPE_SR && rest.data[1] != TYPE_RR)) {
        return false;
    }
    while (rest.size > 0) {
        bool padded = (rest.data[0] & 0x20) != 0;

        if (!vr_rtcp_next(&rest, &packet) || (padded && rest.size > 0)) {
            return false;
        }
    }
    return true;
}

bool vr_rtcp_sender_get(const struct vr_rtcp_packet *packet, struct vr_rtcp_sender *out)
{
    const uint8_t *p = packet->body.data;

    if (packet->kind != VR_RTCP_SR || packet->body.size < SENDER) {
        return false;
    }
    out->ssrc = vr_get32(p);
    out->ntp = vr_get64(p + 4);
    out->ts = vr_get32(p + 12);
    out->packets = vr_get32(p + 16);
    out->bytes = vr_get32(p + 20);
    return true;
}

/* 24 bits, two's complement. */
static int32_t get_lost(const uint8_t *p)
{
    int32_t value = p[0] << 16 | p[1] << 8 | p[2];

    return value >= 0x800000 ? value - 0x1000000 : value;
}

bool vr_rtcp_report_get(const struct vr_rtcp_packet *packet, unsigned i, struct vr_rtcp_report *out)
{
    size_t at = reports_at(packet) + (size_t)REPORT * i;
    const uint8_t *p = packet->body.data;

    if ((packet->kind != VR_RTCP_SR && packet->kind != VR_RTCP_RR) || i >= packet->count ||
        packet->body.size < at + REPORT) {
        return false;
    }
    p += at;
    out->ssrc = vr_get32(p);
    out->fraction_lost = p[4];
    out->lost = get_lost(p + 5);
    out->highest = vr_get32(p + 8);
    out->jitter = vr_get32(p + 12);
    out->last_sr = vr_get32(p + 16);
    out->delay_last_sr = vr_get32(p + 20);
    return true;
}

bool vr_rtcp_bye_get(const struct vr_rtcp_packet *packet, unsigned i, uint32_t *ssrc)
{
    if (packet->kind != VR_RTCP_BYE || i >= packet->count ||
        packet->body.size < (size_t)4 * (i + 1)) {
        return false;
    }
    *ssrc = vr_get32(packet->body.data + (size_t)4 * i);
    return true;
}

bool vr_rtcp_sdes_next(const struct vr_rtcp_packet *packet, size_t *at, uint32_t *ssrc,
                       struct vr_bytes *cname)
{
    const uint8_t *p = packet->body.data;
    size_t end = packet->body.size;
    size_t i = *at;

    /* *at may only stand at a chunk: items end with a zero byte and fill up to four (6.5). */
    if (packet->kind != VR_RTCP_SDES || end < 4 || i > end - 4) {
        return false;
    }
    *ssrc = vr_get32(p + i);
    *cname = vr_bytes(NULL, 0);
    i += 4;
    while (i < end && p[i] != 0) {
        if (end - i < 2 || p[i + 1] > end - i - 2) {
            return false;
        }
        if (p[i] == SDES_CNAME && cname->data == NULL) {
            *cname = vr_bytes(p + i + 2, p[i + 1]);
        }
        i += 2 + (size_t)p[i + 1];
    }
    if (i >= end) {
        return false; /* no end of the item list */
    }
    *at = (i + 4) & ~(size_t)3;
    return true;
}

/* ---- writing ---- */

/* Room for a packet of `body` bytes behind its head, and the head; NULL when it does not fit. */
static uint8_t *begin(struct vr_rtcp_writer *writer, uint8_t type, unsigned count, size_t body)
{
    uint8_t *p = writer->data + writer->size;

    if (writer->failed || count > VR_RTCP_REPORTS_MAX || body > writer->capacity ||
        writer->capacity - writer->size < HEAD + body) {
        writer->failed = true;
        return NULL;
    }
    p[0] = (uint8_t)(0x80 | count);
    p[1] = type;
    vr_put16(p + 2, (uint16_t)(body / 4));
    writer->size += HEAD + body;
    return p + HEAD;
}

static void put_reports(uint8_t *p, const struct vr_rtcp_report *reports, unsigned count)
{
    for (unsigned i = 0; i < count; i++, p += REPORT) {
        const struct vr_rtcp_report *report = &reports[i];
        int32_t lost = report->lost;

        lost = lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost;
        vr_put32(p, report->ssrc);
        vr_put32(p + 4, (uint32_t)report->fraction_lost << 24 | ((uint32_t)lost & 0xffffff));
        vr_put32(p + 8, report->highest);
        vr_put32(p + 12, report->jitter);
        vr_put32(p + 16, report->last_sr);
        vr_put32(p + 20, report->delay_last_sr);
    }
}

void vr_rtcp_write_sr(struct vr_rtcp_writer *writer, const struct vr_rtcp_sender *sender,
                      const struct vr_rtcp_report *reports, unsigned count)
{
    uint8_t *p = begin(writer, TYPE_SR, count, SENDER + (size_t)REPORT * count);

    if (p == NULL) {
        return;
    }
    vr_put32(p, sender->ssrc);
    vr_put64(p + 4, sender->ntp);
    vr_put32(p + 12, sender->ts);
    vr_put32(p + 16, sender->packets);
    vr_put32(p + 20, sender->bytes);
    put_reports(p + SENDER, reports, count);
}

void vr_rtcp_write_rr(struct vr_rtcp_writer *writer, uint32_t ssrc,
                      const struct vr_rtcp_report *reports, unsigned count)
{
    uint8_t *p = begin(writer, TYPE_RR, count, 4 + (size_t)REPORT * count);

    if (p == NULL) {
        return;
    }
    vr_put32(p, ssrc);
    put_reports(p + 4, reports, count);
}

void vr_rtcp_write_cname(struct vr_rtcp_writer *writer, const uint32_t *ssrcs, unsigned count,
                         const char *cname)
{
    size_t length = strlen(cname);
    /* SSRC, item head, text, at least one zero, up to a multiple of four. */
    size_t chunk = (4 + 2 + length + 1 + 3) & ~(size_t)3;
    uint8_t *p;

    if (length > VR_RTCP_CNAME_MAX) {
        writer->failed = true;
        return;
    }
    p = begin(writer, TYPE_SDES, count, chunk * count);
    for (unsigned i = 0; p != NULL && i < count; i++, p += chunk) {
        memset(p, 0, chunk);
        vr_put32(p, ssrcs[i]);
        p[4] = SDES_CNAME;
        p[5] = (uint8_t)length;
        memcpy(p + 6, cname, length + 1);
    }
}

void vr_rtcp_write_bye(struct vr_rtcp_writer *writer, const uint32_t *ssrcs, unsigned count)
{
    uint8_t *p = begin(writer, TYPE_BYE, count, (size_t)4 * count);

    for (unsigned i = 0; p != NULL && i < count; i++, p += 4) {
        vr_put32(p, ssrcs[i]);
    }
}
