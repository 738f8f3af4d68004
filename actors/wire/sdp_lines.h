/* sdp_lines.h - private to sdp_*.c: text cut into lines and words, and what one section says before
 * it is judged. */
#ifndef VR_WIRE_SDP_LINES_H
#define VR_WIRE_SDP_LINES_H

#include "actors/wire/sdp.h"

/** What the lines of one section (or of the session part, which sections inherit) say. */
struct sdp_facts {
    char ufrag[VR_UFRAG_MAX + 1];
    char pwd[VR_PWD_MAX + 1];
    char mid[VR_MID_MAX + 1];
    uint8_t fingerprint[32];
    bool fingerprint_set;
    bool fingerprint_own; /* given in this section, not inherited */
    bool mux;
    bool bundle_only;
    bool passive; /* setup:passive or holdconn: nobody would start DTLS */
    enum vr_sdp_direction direction;
    uint8_t level_id;
    uint8_t mid_id;
    uint8_t codec[128];  /* enum sdp_codec by payload type */
    uint8_t red_of[128]; /* the one payload type that fmtp of a RED type names; VR_PT_NONE */
    uint8_t formats[64]; /* payload types of the m-line in their order */
    uint8_t format_count;
    uint16_t port;
};

enum sdp_codec { SDP_OTHER, SDP_OPUS, SDP_RED };

/** The next line without its end. False at the end of the text. */
bool sdp_line(struct vr_bytes *rest, struct vr_bytes *line);
/** The next word, cut at `separator`. False when nothing is left. */
bool sdp_word(struct vr_bytes *rest, char separator, struct vr_bytes *word);
bool sdp_number(struct vr_bytes word, uint32_t max, uint32_t *out);
bool sdp_is(struct vr_bytes word, const char *text);
/** The same without regard to case, as names of codecs and hashes are compared. */
bool sdp_is_nocase(struct vr_bytes word, const char *text);
/** Copy into a C string of `size`; false when it is empty, too long, or has a character that is
 *  neither alphanumeric nor in `extra`. */
bool sdp_copy(struct vr_bytes word, const char *extra, char *out, size_t size);

/** One attribute ("name" or "name:value", without "a=") into `facts`. False when it is one of ours
 * and malformed. */
bool sdp_attribute(struct sdp_facts *facts, struct vr_bytes attribute, struct vr_why *why);

#endif
