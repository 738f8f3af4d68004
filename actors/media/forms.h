/* forms.h - the packets that are to leave, as each kind of listener takes them: header and payload,
 * written once for a kind, and evened out with padding where several leave as one segmented
 * datagram.
 *
 *     | header: PT, sequence, timestamp, SSRC, CSRC, level, mid | Opus or RED | padding, its count
 * |
 *
 * Only the sequence number is still each listener's own. Padding lies inside the encryption (RFC
 * 3550, 5.1), so that sizes say little about what is spoken (RFC 6562). */
#ifndef VR_MEDIA_FORMS_H
#define VR_MEDIA_FORMS_H

#include "actors/media/listener.h"
#include "actors/media/shapes.h"

#define VR_BURST_MAX 8 /* packets that leave together */
#define VR_FORM_MAX 1900
#define VR_FORM_CLASS 16 /* bytes between two sizes of padded packets */
#define VR_FORM_KINDS 8  /* kept of one burst; a room's listeners are of two or three */

struct vr_form {
    uint16_t head; /* 0: it could not be written */
    uint16_t size; /* of all */
    uint16_t payload;
    uint8_t padding;
    uint8_t bytes[VR_FORM_MAX];
};

struct vr_form_kind {
    uint16_t shape;
    uint8_t red_depth;
    struct vr_form forms[VR_BURST_MAX];
};

struct vr_forms {
    const struct vr_slot_packet *packets[VR_BURST_MAX]; /* borrowed */
    uint32_t count;
    bool pad;
    uint32_t kinds_used;
    uint32_t latest; /* the kind asked for last */
    struct vr_form_kind kinds[VR_FORM_KINDS];
};

/** Forget what was; these leave now. They stay the caller's until the next begin. */
void vr_forms_begin(struct vr_forms *forms, const struct vr_slot_packet *const *packets,
                    uint32_t count, bool pad);
/** All packets of the burst for one kind of listener, written now if they were not; borrowed until
 * the next call. `shape` is what `number` stands for. */
const struct vr_form *vr_forms_get(struct vr_forms *forms, uint16_t number,
                                   const struct vr_shape *shape, uint8_t red_depth);

#endif
