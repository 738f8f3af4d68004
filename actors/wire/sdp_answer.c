/* sdp_answer.c - the answer to an offer that was read. What browsers need of it, and what not, was
 * measured: a=rtcp-fb, a=rtcp and b= are left out; SSRC and MID both say which line a packet is of.
 */
#include "actors/wire/level.h"
#include "actors/wire/sdp.h"

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"

static bool is_slot(const struct vr_sdp_offer *offer, uint32_t section, uint32_t *slot)
{
    for (uint32_t k = 0; k < offer->slot_count; k++) {
        if (offer->slots[k] == section) {
            *slot = k;
            return true;
        }
    }
    return false;
}

static void write_connection(const struct vr_sdp_local *local, struct vr_buf *out)
{
    const char *address = local->candidate_count > 0 ? local->candidates[0].address : "0.0.0.0";

    vr_buf_printf(out, "c=IN %s %s\r\n", strchr(address, ':') == NULL ? "IP4" : "IP6", address);
}

/* Host candidates, first the best (RFC 8839 5.1; priorities by RFC 8445 5.1.2.1). */
static void write_candidates(const struct vr_sdp_local *local, struct vr_buf *out)
{
    for (uint32_t i = 0; i < local->candidate_count; i++) {
        uint32_t priority = 126u << 24 | (65535 - i) << 8 | 255;

        vr_buf_printf(out, "a=candidate:%u 1 udp %u %s %u typ host\r\n", i + 1, priority,
                      local->candidates[i].address, local->candidates[i].port);
    }
    /* TCP below all of UDP: for who has nothing else. We wait to be connected to (RFC 6544, 4.2:
     * local preference 2^13 * 4 for passive). The fourth level of browsers' own order. */
    for (uint32_t i = 0; local->tcp_port != 0 && i < local->candidate_count; i++) {
        uint32_t priority = 90u << 24 | ((4u << 13) + 8191 - i) << 8 | 255;

        vr_buf_printf(out, "a=candidate:%u 1 tcp %u %s %u typ host tcptype passive\r\n",
                      local->candidate_count + i + 1, priority, local->candidates[i].address,
                      local->tcp_port);
    }
    vr_buf_text(out, "a=end-of-candidates\r\n");
}

static void write_transport(const struct vr_sdp_local *local, struct vr_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char fingerprint[32 * 3];

    /* Without printf: it stands in each section, and was a twelfth of a join's work beside DTLS. */
    for (int i = 0; i < 32; i++) {
        fingerprint[3 * i] = digits[local->fingerprint[i] >> 4];
        fingerprint[3 * i + 1] = digits[local->fingerprint[i] & 15];
        fingerprint[3 * i + 2] = ':';
    }
    fingerprint[sizeof(fingerprint) - 1] = 0;
    vr_buf_printf(out,
                  "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
                  "a=setup:passive\r\na=rtcp-mux\r\n",
                  local->ufrag, local->pwd, fingerprint);
}

static void write_codecs(const struct vr_sdp_section *section, bool red, struct vr_buf *out)
{
    if (red) {
        vr_buf_printf(out, "a=rtpmap:%u red/48000/2\r\na=fmtp:%u %u/%u\r\n", section->red_pt,
                      section->red_pt, section->opus_pt, section->opus_pt);
    }
    vr_buf_printf(out,
                  "a=rtpmap:%u opus/48000/2\r\n"
                  "a=fmtp:%u minptime=10;useinbandfec=1;usedtx=1\r\n",
                  section->opus_pt, section->opus_pt);
    if (section->level_id != 0) {
        vr_buf_printf(out, "a=extmap:%u " VR_LEVEL_URI "\r\n", section->level_id);
    }
    if (section->mid_id != 0) {
        vr_buf_printf(out, "a=extmap:%u " MID_URI "\r\n", section->mid_id);
    }
}

/* Port 0 (RFC 8829 5.3.1). The transport's lines are not needed there, but aiortc refuses an answer
 * that has a section without them. */
static void write_refusal(const struct vr_sdp_section *section, const struct vr_sdp_local *local,
                          struct vr_buf *out)
{
    vr_buf_printf(out, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", section->media, section->proto,
                  section->formats);
    if (section->mid[0] != 0) {
        vr_buf_printf(out, "a=mid:%s\r\n", section->mid);
    }
    write_transport(local, out);
    vr_buf_text(out, "a=inactive\r\n");
}

static void write_section(const struct vr_sdp_offer *offer, const struct vr_sdp_local *local,
                          uint32_t i, bool first, struct vr_buf *out)
{
    const struct vr_sdp_section *section = &offer->sections[i];
    bool red = local->red && section->red_pt != VR_PT_NONE;
    bool receives = offer->sender == (int)i;
    uint32_t slot = 0;
    bool sends = is_slot(offer, i, &slot);

    vr_buf_printf(out, "m=audio %u %s ", local->candidate_count > 0 ? local->candidates[0].port : 9,
                  section->proto);
    if (red) {
        /* First, because browsers send the first one. */
        vr_buf_printf(out, "%u ", section->red_pt);
    }
    vr_buf_printf(out, "%u\r\n", section->opus_pt);
    write_connection(local, out);
    if (section->mid[0] != 0) {
        vr_buf_printf(out, "a=mid:%s\r\n", section->mid);
    }
    write_transport(local, out);
    write_codecs(section, red, out);
    vr_buf_printf(out, "a=%s\r\n",
                  sends && receives ? "sendrecv"
                  : sends           ? "sendonly"
                  : receives        ? "recvonly"
                                    : "inactive");
    if (sends) {
        vr_buf_printf(out, "a=msid:slot%u slot%u\r\na=ssrc:%u cname:" VR_SDP_CNAME "\r\n", slot,
                      slot, VR_SLOT_SSRC + slot);
    }
    if (first) {
        write_candidates(local, out);
    }
}

static void write_group(const struct vr_sdp_offer *offer, struct vr_buf *out)
{
    vr_buf_text(out, "a=group:BUNDLE");
    for (uint32_t i = 0; i < offer->section_count; i++) {
        if (offer->sections[i].accepted) {
            vr_buf_printf(out, " %s", offer->sections[i].mid);
        }
    }
    vr_buf_text(out, "\r\n");
}

enum vr_err vr_sdp_write_answer(const struct vr_sdp_offer *offer, const struct vr_sdp_local *local,
                                struct vr_buf *out)
{
    size_t start = out->size;
    bool first = true;

    vr_buf_printf(out, "v=0\r\no=- %llu %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n",
                  (unsigned long long)(local->session_id & INT64_MAX),
                  local->version == 0 ? 1 : local->version);
    if (offer->bundled) {
        write_group(offer, out);
    }
    for (uint32_t i = 0; i < offer->section_count; i++) {
        if (offer->sections[i].accepted) {
            write_section(offer, local, i, first, out);
            first = false;
        } else {
            write_refusal(&offer->sections[i], local, out);
        }
    }
    if (out->failed) {
        return VR_E_NO_MEMORY;
    }
    return out->size - start <= VR_SDP_ANSWER_MAX ? VR_OK : VR_E_TOO_LARGE;
}
