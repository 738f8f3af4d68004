/* sdp_offer.c - an offer read and judged. */
#include <stdio.h>

#include "actors/wire/sdp_lines.h"

#define PROFILE "UDP/TLS/RTP/SAVPF"

/* An offer while it is read: what each section says, before it is judged. */
struct reading {
    struct vr_sdp_offer *offer;
    struct vr_why *why;
    struct sdp_facts session;
    struct sdp_facts facts[VR_SDP_SECTIONS_MAX];
    struct vr_bytes bundle; /* mids of the first BUNDLE group */
    uint32_t candidates;
    bool grouped;
    bool lite;
};

/* Copy whole words of the m-line's formats as long as they fit: a refusal repeats them. */
static void copy_formats(struct vr_bytes formats, struct vr_sdp_section *section,
                         struct sdp_facts *facts)
{
    struct vr_bytes word;
    size_t used = 0;
    uint32_t pt;

    while (sdp_word(&formats, ' ', &word)) {
        if (used + word.size + 2 <= sizeof(section->formats)) {
            used +=
                (size_t)snprintf(section->formats + used, sizeof(section->formats) - used, "%s%.*s",
                                 used > 0 ? " " : "", (int)word.size, (const char *)word.data);
        }
        if (sdp_number(word, 127, &pt) && facts->format_count < sizeof(facts->formats)) {
            facts->formats[facts->format_count++] = (uint8_t)pt;
        }
    }
}

/* "audio 9 UDP/TLS/RTP/SAVPF 111 63" (RFC 8866 5.14). */
static enum vr_err on_media(struct reading *reading, struct vr_bytes value)
{
    struct vr_sdp_offer *offer = reading->offer;
    struct vr_sdp_section *section;
    struct sdp_facts *facts;
    struct vr_bytes port;
    struct vr_bytes word;
    uint32_t number;

    if (offer->section_count == VR_SDP_SECTIONS_MAX) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "more than %d sections", VR_SDP_SECTIONS_MAX);
    }
    section = &offer->sections[offer->section_count];
    facts = &reading->facts[offer->section_count];
    *facts = reading->session;
    facts->fingerprint_own = false;
    if (!sdp_word(&value, ' ', &word) ||
        !sdp_copy(word, "-", section->media, sizeof(section->media)) ||
        !sdp_word(&value, ' ', &port) || !sdp_word(&port, '/', &word) ||
        !sdp_number(word, 65535, &number) || !sdp_word(&value, ' ', &word) ||
        !sdp_copy(word, "/-", section->proto, sizeof(section->proto))) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "section %u: the m= line is malformed",
                       offer->section_count);
    }
    facts->port = (uint16_t)number;
    copy_formats(value, section, facts);
    if (section->formats[0] == 0) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "section %u has no format",
                       offer->section_count);
    }
    offer->section_count++;
    return VR_OK;
}

static enum vr_err on_attribute(struct reading *reading, struct vr_bytes value)
{
    uint32_t count = reading->offer->section_count;
    struct sdp_facts *facts = count == 0 ? &reading->session : &reading->facts[count - 1];
    struct vr_bytes rest = value;
    struct vr_bytes name;

    if (!sdp_word(&rest, ':', &name)) {
        return VR_OK;
    }
    if (sdp_is(name, "candidate")) {
        reading->candidates++;
        return reading->candidates <= VR_SDP_CANDIDATES_MAX
                   ? VR_OK
                   : vr_fail(reading->why, VR_E_BAD_SDP, "more than %d candidates",
                             VR_SDP_CANDIDATES_MAX);
    }
    if (count == 0 && sdp_is(name, "ice-lite")) {
        reading->lite = true;
    }
    if (count == 0 && sdp_is(name, "group") && sdp_word(&rest, ' ', &name) &&
        sdp_is(name, "BUNDLE") && !reading->grouped) {
        reading->grouped = true;
        reading->offer->bundled = true;
        reading->bundle = rest;
    }
    return sdp_attribute(facts, value, reading->why) ? VR_OK : VR_E_BAD_SDP;
}

static enum vr_err read_lines(struct reading *reading, struct vr_bytes text)
{
    struct vr_bytes line;
    enum vr_err err = VR_OK;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == 127 || (c < 32 && c != '\r' && c != '\n' && c != '\t')) {
            return vr_fail(reading->why, VR_E_BAD_SDP, "a control character at byte %zu", i);
        }
    }
    if (!sdp_line(&text, &line) || !sdp_is(line, "v=0")) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "the first line is not v=0");
    }
    while (err == VR_OK && sdp_line(&text, &line)) {
        struct vr_bytes value;

        if (line.size == 0) {
            continue;
        }
        if (line.size < 2 || line.data[1] != '=') {
            return vr_fail(reading->why, VR_E_BAD_SDP, "a line is not of the form x=...");
        }
        value = vr_bytes(line.data + 2, line.size - 2);
        if (line.data[0] == 'm') {
            err = on_media(reading, value);
        } else if (line.data[0] == 'a') {
            err = on_attribute(reading, value);
        }
    }
    return err;
}

static bool in_bundle(const struct reading *reading, const char *mid)
{
    struct vr_bytes rest = reading->bundle;
    struct vr_bytes word;

    while (sdp_word(&rest, ' ', &word)) {
        if (sdp_is(word, mid)) {
            return true;
        }
    }
    return false;
}

/* Payload types of Opus and of RED around it, in the m-line's order. Types 64-95 would look like
 * RTCP (RFC 5761 4). */
static void choose_codecs(const struct sdp_facts *facts, struct vr_sdp_section *section)
{
    section->opus_pt = VR_PT_NONE;
    section->red_pt = VR_PT_NONE;
    for (uint8_t i = 0; i < facts->format_count; i++) {
        uint8_t pt = facts->formats[i];

        if (facts->codec[pt] == SDP_OPUS && section->opus_pt == VR_PT_NONE &&
            (pt < 64 || pt > 95)) {
            section->opus_pt = pt;
        }
    }
    for (uint8_t i = 0; i < facts->format_count; i++) {
        uint8_t pt = facts->formats[i];

        if (facts->codec[pt] == SDP_RED && section->red_pt == VR_PT_NONE && (pt < 64 || pt > 95) &&
            section->opus_pt != VR_PT_NONE && facts->red_of[pt] == section->opus_pt) {
            section->red_pt = pt;
        }
    }
}

/* Profile, codecs and bundle of one section: sets `accepted`. */
static enum vr_err judge_section(struct reading *reading, uint32_t i)
{
    struct vr_sdp_section *section = &reading->offer->sections[i];
    const struct sdp_facts *facts = &reading->facts[i];
    bool open = facts->port != 0 || facts->bundle_only;

    memcpy(section->mid, facts->mid, sizeof(section->mid));
    section->direction = facts->direction;
    section->bundle_only = facts->bundle_only;
    section->level_id = facts->level_id;
    section->mid_id = facts->mid_id;
    choose_codecs(facts, section);
    if (strstr(section->proto, "RTP/") != NULL && strcmp(section->proto, PROFILE) != 0) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "section %u: %s is not " PROFILE, i,
                       section->proto);
    }
    for (uint32_t k = 0; k < i; k++) {
        if (strcmp(section->mid, reading->offer->sections[k].mid) == 0) {
            return vr_fail(reading->why, VR_E_BAD_SDP, "sections %u and %u need different a=mid", k,
                           i);
        }
    }
    section->accepted = open && strcmp(section->media, "audio") == 0 &&
                        strcmp(section->proto, PROFILE) == 0 && section->opus_pt != VR_PT_NONE &&
                        (!reading->grouped || in_bundle(reading, section->mid));
    return VR_OK;
}

/* The one transport is described by the first accepted section. Those bundled with it need not
 * repeat its attributes, and in a later offer (an ICE restart) must not (RFC 9143 7.1.3, 7.3). */
static enum vr_err judge_transport(struct reading *reading)
{
    struct vr_sdp_offer *offer = reading->offer;
    const struct sdp_facts *first = NULL;
    uint32_t accepted = 0;

    for (uint32_t i = 0; i < offer->section_count; i++) {
        if (offer->sections[i].accepted) {
            first = first == NULL ? &reading->facts[i] : first;
            accepted++;
        }
    }
    if (first == NULL) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "no audio section with opus/48000/2");
    }
    if (accepted > 1 && !reading->grouped) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "the sections are not bundled (a=group:BUNDLE)");
    }
    if (reading->lite) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "a=ice-lite on both sides: nobody would check");
    }
    if (first->ufrag[0] == 0 || first->pwd[0] == 0) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "a=ice-ufrag or a=ice-pwd is missing");
    }
    if (!first->mux) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "a=rtcp-mux is missing");
    }
    if (first->passive) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "a=setup must be actpass or active");
    }
    if (!first->fingerprint_set) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "a=fingerprint with sha-256 is missing");
    }
    memcpy(offer->ufrag, first->ufrag, sizeof(offer->ufrag));
    memcpy(offer->pwd, first->pwd, sizeof(offer->pwd));
    memcpy(offer->fingerprint, first->fingerprint, sizeof(offer->fingerprint));
    return VR_OK;
}

static bool differ(uint8_t a, uint8_t b, uint8_t none)
{
    return a != none && b != none && a != b;
}

/* In one bundle a payload type and an extension id mean one thing (RFC 9143 9.1, RFC 8285 6), and
 * packets of all sections share one peer configuration here. */
static enum vr_err judge_sameness(struct reading *reading)
{
    const struct vr_sdp_section *first = NULL;
    uint8_t red = VR_PT_NONE;
    uint8_t level = 0;
    uint8_t mid = 0;

    for (uint32_t i = 0; i < reading->offer->section_count; i++) {
        const struct vr_sdp_section *section = &reading->offer->sections[i];

        if (!section->accepted) {
            continue;
        }
        first = first == NULL ? section : first;
        if (section->opus_pt != first->opus_pt || differ(section->red_pt, red, VR_PT_NONE) ||
            differ(section->level_id, level, 0) || differ(section->mid_id, mid, 0)) {
            return vr_fail(reading->why, VR_E_BAD_SDP,
                           "section %u: payload types and extension ids differ from those before",
                           i);
        }
        red = section->red_pt == VR_PT_NONE ? red : section->red_pt;
        level = section->level_id == 0 ? level : section->level_id;
        mid = section->mid_id == 0 ? mid : section->mid_id;
    }
    return VR_OK;
}

/* Which section sends to us, which ones are slots. */
static enum vr_err assign_roles(struct reading *reading)
{
    struct vr_sdp_offer *offer = reading->offer;

    offer->sender = -1;
    for (uint32_t i = 0; i < offer->section_count; i++) {
        const struct vr_sdp_section *section = &offer->sections[i];

        if (!section->accepted) {
            continue;
        }
        if (section->direction == VR_SDP_SENDONLY || section->direction == VR_SDP_SENDRECV) {
            if (offer->sender >= 0) {
                return vr_fail(reading->why, VR_E_BAD_SDP, "sections %d and %u both send; one may",
                               offer->sender, i);
            }
            offer->sender = (int)i;
        } else if (section->direction == VR_SDP_RECVONLY && offer->slot_count < VR_SLOTS_MAX) {
            offer->slots[offer->slot_count++] = (uint8_t)i;
        }
    }
    /* A client that offers one line both ways, and none to receive by, hears the loudest on that
     * line. */
    if (offer->slot_count == 0 && offer->sender >= 0 &&
        offer->sections[offer->sender].direction == VR_SDP_SENDRECV) {
        offer->slots[offer->slot_count++] = (uint8_t)offer->sender;
    }
    if (offer->sender < 0 && offer->slot_count == 0) {
        return vr_fail(reading->why, VR_E_BAD_SDP, "no audio section sends or receives");
    }
    return VR_OK;
}

enum vr_err vr_sdp_parse_offer(struct vr_bytes text, struct vr_sdp_offer *out, struct vr_why *why)
{
    struct reading reading = {.offer = out, .why = why};
    enum vr_err err;

    *out = (struct vr_sdp_offer){.sender = -1};
    if (text.size > VR_SDP_MAX) {
        return vr_fail(why, VR_E_TOO_LARGE, "the SDP is over %d bytes", VR_SDP_MAX);
    }
    memset(reading.session.red_of, VR_PT_NONE, sizeof(reading.session.red_of));
    err = read_lines(&reading, text);
    for (uint32_t i = 0; err == VR_OK && i < out->section_count; i++) {
        err = judge_section(&reading, i);
    }
    if (err == VR_OK) {
        err = judge_transport(&reading);
    }
    if (err == VR_OK) {
        err = judge_sameness(&reading);
    }
    return err == VR_OK ? assign_roles(&reading) : err;
}

void vr_sdp_to_peer(const struct vr_sdp_offer *offer, struct vr_peer_conf *conf)
{
    memcpy(conf->peer_ufrag, offer->ufrag, sizeof(conf->peer_ufrag));
    memcpy(conf->peer_pwd, offer->pwd, sizeof(conf->peer_pwd));
    memcpy(conf->fingerprint, offer->fingerprint, sizeof(conf->fingerprint));
    conf->fingerprint_set = true;
    conf->opus_pt = VR_PT_NONE;
    conf->red_pt = VR_PT_NONE;
    conf->level_id = 0;
    conf->mid_id = 0;
    for (uint32_t i = 0; i < offer->section_count; i++) {
        const struct vr_sdp_section *section = &offer->sections[i];

        if (section->accepted) {
            conf->opus_pt = section->opus_pt;
            conf->red_pt = section->red_pt == VR_PT_NONE ? conf->red_pt : section->red_pt;
            conf->level_id = section->level_id == 0 ? conf->level_id : section->level_id;
            conf->mid_id = section->mid_id == 0 ? conf->mid_id : section->mid_id;
        }
    }
    conf->may_send = offer->sender >= 0;
    conf->slot_count = (uint8_t)offer->slot_count;
    for (uint32_t k = 0; k < offer->slot_count; k++) {
        memcpy(conf->slot_mid[k], offer->sections[offer->slots[k]].mid, sizeof(conf->slot_mid[k]));
    }
}
