/* sdp_lines.c - lines, words and the attributes that concern us (RFC 8866 5, 9). */
#include "actors/wire/sdp_lines.h"

#include <ctype.h>
#include <strings.h>

#include "actors/wire/level.h"

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"

bool sdp_line(struct vr_bytes *rest, struct vr_bytes *line)
{
    const uint8_t *end;

    if (rest->size == 0) {
        return false;
    }
    end = memchr(rest->data, '\n', rest->size);
    *line = vr_bytes(rest->data, end == NULL ? rest->size : (size_t)(end - rest->data));
    rest->data += line->size + (end != NULL);
    rest->size -= line->size + (end != NULL);
    if (line->size > 0 && line->data[line->size - 1] == '\r') {
        line->size--;
    }
    return true;
}

bool sdp_word(struct vr_bytes *rest, char separator, struct vr_bytes *word)
{
    const uint8_t *end;

    while (rest->size > 0 && rest->data[0] == ' ') {
        rest->data++;
        rest->size--;
    }
    if (rest->size == 0) {
        return false;
    }
    end = memchr(rest->data, separator, rest->size);
    *word = vr_bytes(rest->data, end == NULL ? rest->size : (size_t)(end - rest->data));
    rest->data += word->size + (end != NULL);
    rest->size -= word->size + (end != NULL);
    return true;
}

bool sdp_number(struct vr_bytes word, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;

    if (word.size == 0 || word.size > 10) {
        return false;
    }
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') {
            return false;
        }
        value = value * 10 + (word.data[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= max;
}

bool sdp_is(struct vr_bytes word, const char *text)
{
    return vr_bytes_equal(word, vr_bytes_of(text));
}

bool sdp_is_nocase(struct vr_bytes word, const char *text)
{
    return word.size == strlen(text) && strncasecmp((const char *)word.data, text, word.size) == 0;
}

bool sdp_copy(struct vr_bytes word, const char *extra, char *out, size_t size)
{
    if (word.size == 0 || word.size >= size) {
        return false;
    }
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];

        if (c == 0 || c > 126 || (!isalnum(c) && strchr(extra, c) == NULL)) {
            return false;
        }
    }
    memcpy(out, word.data, word.size);
    out[word.size] = 0;
    return true;
}

static bool on_ufrag(struct sdp_facts *facts, struct vr_bytes value)
{
    /* RFC 8839 5.4: 4 characters at least; ours are 32 at most (RFC 8445 allows 256). */
    return value.size >= 4 && sdp_copy(value, "+/", facts->ufrag, sizeof(facts->ufrag));
}

static bool on_pwd(struct sdp_facts *facts, struct vr_bytes value)
{
    return value.size >= 22 && sdp_copy(value, "+/", facts->pwd, sizeof(facts->pwd));
}

static bool on_mid(struct sdp_facts *facts, struct vr_bytes value)
{
    return sdp_copy(value, "!#$%&'*+-.^_`{|}~", facts->mid, sizeof(facts->mid));
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "sha-256 AB:CD:..." (RFC 8122 5); other hashes are passed over, a second sha-256 too. */
static bool on_fingerprint(struct sdp_facts *facts, struct vr_bytes value)
{
    struct vr_bytes hash;
    uint8_t digest[32];

    if (!sdp_word(&value, ' ', &hash)) {
        return false;
    }
    if (!sdp_is_nocase(hash, "sha-256") || facts->fingerprint_own) {
        return true;
    }
    if (value.size != 32 * 3 - 1) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        const uint8_t *p = value.data + i * 3;
        int high = hex_digit(p[0]);
        int low = hex_digit(p[1]);

        if (high < 0 || low < 0 || (i < 31 && p[2] != ':')) {
            return false;
        }
        digest[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(facts->fingerprint, digest, sizeof(digest));
    facts->fingerprint_set = true;
    facts->fingerprint_own = true;
    return true;
}

static bool on_setup(struct sdp_facts *facts, struct vr_bytes value)
{
    facts->passive = sdp_is(value, "passive") || sdp_is(value, "holdconn");
    return facts->passive || sdp_is(value, "actpass") || sdp_is(value, "active");
}

static bool on_mux(struct sdp_facts *facts, struct vr_bytes value)
{
    (void)value;
    facts->mux = true;
    return true;
}

static bool on_bundle_only(struct sdp_facts *facts, struct vr_bytes value)
{
    (void)value;
    facts->bundle_only = true;
    return true;
}

/* "111 opus/48000/2" (RFC 7587 7; RFC 2198 5). */
static bool on_rtpmap(struct sdp_facts *facts, struct vr_bytes value)
{
    struct vr_bytes word;
    uint32_t pt;

    if (!sdp_word(&value, ' ', &word) || !sdp_number(word, 127, &pt)) {
        return false;
    }
    if (sdp_is_nocase(value, "opus/48000/2")) {
        facts->codec[pt] = SDP_OPUS;
    } else if (sdp_is_nocase(value, "red/48000/2")) {
        facts->codec[pt] = SDP_RED;
    } else {
        facts->codec[pt] = SDP_OTHER;
    }
    return true;
}

/* Of interest for RED alone: "63 111/111", all blocks of one payload type. */
static bool on_fmtp(struct sdp_facts *facts, struct vr_bytes value)
{
    struct vr_bytes word;
    uint32_t pt;
    uint32_t of;
    uint8_t all = VR_PT_NONE;

    if (!sdp_word(&value, ' ', &word) || !sdp_number(word, 127, &pt)) {
        return false;
    }
    while (sdp_word(&value, '/', &word)) {
        if (!sdp_number(word, 127, &of) || (all != VR_PT_NONE && all != of)) {
            return true; /* some other codec's parameters, or a RED that we do not take */
        }
        all = (uint8_t)of;
    }
    facts->red_of[pt] = all;
    return true;
}

/* "1/sendonly urn:... attributes" (RFC 8285 8). Ids above 14 would need the two-byte form for every
 * packet: such an extension is as good as not offered. */
static bool on_extmap(struct sdp_facts *facts, struct vr_bytes value)
{
    struct vr_bytes entry;
    struct vr_bytes word;
    uint32_t id;

    if (!sdp_word(&value, ' ', &entry) || !sdp_word(&entry, '/', &word) ||
        !sdp_number(word, 4351, &id) || !sdp_word(&value, ' ', &word)) {
        return false;
    }
    if (id < 1 || id > 14) {
        return true;
    }
    if (sdp_is(word, VR_LEVEL_URI)) {
        facts->level_id = (uint8_t)id;
    } else if (sdp_is(word, MID_URI)) {
        facts->mid_id = (uint8_t)id;
    }
    return true;
}

static bool on_direction(struct sdp_facts *facts, struct vr_bytes name)
{
    /* clang-format off */
    static const struct { const char *name; enum vr_sdp_direction direction; } names[] = {
        { "sendrecv", VR_SDP_SENDRECV }, { "sendonly", VR_SDP_SENDONLY },
        { "recvonly", VR_SDP_RECVONLY }, { "inactive", VR_SDP_INACTIVE },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sdp_is(name, names[i].name)) {
            facts->direction = names[i].direction;
        }
    }
    return true;
}

bool sdp_attribute(struct sdp_facts *facts, struct vr_bytes attribute, struct vr_why *why)
{
    /* clang-format off */
    static const struct {
        const char *name;
        bool (*take)(struct sdp_facts *facts, struct vr_bytes value);
    } table[] = {
        { "ice-ufrag",   on_ufrag       }, { "ice-pwd",       on_pwd   },
        { "mid",         on_mid         }, { "fingerprint",   on_fingerprint },
        { "setup",       on_setup       }, { "rtcp-mux",      on_mux   },
        { "bundle-only", on_bundle_only }, { "rtcp-mux-only", on_mux   },
        { "rtpmap",      on_rtpmap      }, { "fmtp",          on_fmtp  },
        { "extmap",      on_extmap      },
    };
    /* clang-format on */
    struct vr_bytes value = attribute;
    struct vr_bytes name;

    if (!sdp_word(&value, ':', &name)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (sdp_is(name, table[i].name)) {
            if (!table[i].take(facts, value)) {
                vr_fail(why, VR_E_BAD_SDP, "a=%s: the value cannot be used", table[i].name);
                return false;
            }
            return true;
        }
    }
    return on_direction(facts, name);
}
