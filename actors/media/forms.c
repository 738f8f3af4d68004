#include "actors/media/forms.h"

#include <string.h>

#include "actors/wire/rtp.h"

#define PADDING_BIT 0x20
#define PADDING_MAX 255

void vr_forms_begin(struct vr_forms *forms, const struct vr_slot_packet *const *packets,
                    uint32_t count, bool pad)
{
    for (uint32_t i = 0; i < count; i++) {
        forms->packets[i] = packets[i];
    }
    forms->count = count;
    forms->pad = pad;
    forms->kinds_used = 0;
    forms->latest = 0;
}

/* The form that a listener of this depth takes; NULL: plain Opus. */
static const struct vr_slot_red *red_of(const struct vr_slot_packet *packet, uint8_t depth)
{
    const struct vr_slot_red *red = depth == 0 ? NULL : &packet->red[depth - 1];

    return red != NULL && red->payload.size > 0 ? red : NULL;
}

static void put_payload(struct vr_form *form, const struct vr_slot_packet *packet,
                        const struct vr_slot_red *red, uint8_t opus_pt)
{
    struct vr_bytes payload = red != NULL ? red->payload : packet->opus;
    uint8_t *out = form->bytes + form->head;

    if (form->head + payload.size > VR_FORM_MAX) {
        form->head = 0;
        return;
    }
    memcpy(out, payload.data, payload.size);
    for (uint32_t i = 0; red != NULL && i < red->blocks; i++) {
        out[i * 4] |= opus_pt; /* heads of 4 bytes, the primary's is the last */
    }
    form->payload = (uint16_t)packet->opus.size;
    form->size = (uint16_t)(form->head + payload.size);
}

static void write_form(struct vr_form *form, const struct vr_slot_packet *packet,
                       const struct vr_shape *shape, uint8_t depth)
{
    const struct vr_slot_red *red = red_of(packet, depth);
    const char *mid = shape->mid[packet->slot];
    uint32_t csrc = packet->participant;
    struct vr_rtp_ext ext[] = {
        {.id = shape->level_id, .size = 1, .data = &packet->level_byte},
        {.id = mid[0] == 0 ? 0 : shape->mid_id,
         .size = (uint8_t)strlen(mid),
         .data = (const uint8_t *)mid},
    };
    struct vr_rtp_head head = {
        .marker = packet->marker,
        .pt = red != NULL ? shape->red_pt : shape->opus_pt,
        .ts = packet->ts,
        .ssrc = VR_SLOT_SSRC + packet->slot,
        .csrc_count = 1,
        .csrc = &csrc,
        .ext_count = 2,
        .ext = ext,
    };

    form->padding = 0;
    form->head = (uint16_t)vr_rtp_head_write(&head, form->bytes, 256);
    if (form->head > 0) {
        put_payload(form, packet, red, shape->opus_pt);
    }
}

static uint32_t up_to_class(uint32_t size)
{
    return (size + VR_FORM_CLASS - 1) / VR_FORM_CLASS * VR_FORM_CLASS;
}

static void pad_to(struct vr_form *form, uint32_t size)
{
    uint32_t padding = size - form->size;

    if (padding == 0) {
        return;
    }
    memset(form->bytes + form->size, 0, padding - 1);
    form->bytes[size - 1] = (uint8_t)padding;
    form->bytes[0] |= PADDING_BIT;
    form->size = (uint16_t)size;
    form->padding = (uint8_t)padding;
}

/* All of a tier to one size, where one byte can count the padding; else each to its own class. */
static void even_out(struct vr_form_kind *kind, const struct vr_slot_packet *const *packets,
                     uint32_t count, enum vr_tier tier)
{
    uint32_t widest = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (packets[i]->tier == tier && kind->forms[i].head > 0) {
            widest = kind->forms[i].size > widest ? kind->forms[i].size : widest;
        }
    }
    widest = up_to_class(widest);
    for (uint32_t i = 0; i < count && widest <= VR_FORM_MAX; i++) {
        struct vr_form *form = &kind->forms[i];

        if (packets[i]->tier == tier && form->head > 0) {
            pad_to(form, widest - form->size <= PADDING_MAX ? widest : up_to_class(form->size));
        }
    }
}

const struct vr_form *vr_forms_get(struct vr_forms *forms, uint16_t number,
                                   const struct vr_shape *shape, uint8_t red_depth)
{
    struct vr_form_kind *kind = &forms->kinds[forms->latest];
    uint32_t at = 0;

    if (forms->kinds_used > 0 && number != VR_SHAPE_NONE && kind->shape == number &&
        kind->red_depth == red_depth) {
        return kind->forms;
    }
    while (at < forms->kinds_used && (number == VR_SHAPE_NONE || forms->kinds[at].shape != number ||
                                      forms->kinds[at].red_depth != red_depth)) {
        at++;
    }
    if (at < forms->kinds_used) {
        forms->latest = at;
        return forms->kinds[at].forms;
    }
    at = at == VR_FORM_KINDS ? VR_FORM_KINDS - 1 : at; /* the last place serves all others */
    forms->kinds_used = at + 1;
    forms->latest = at;
    kind = &forms->kinds[at];
    kind->shape = number;
    kind->red_depth = red_depth;
    for (uint32_t i = 0; i < forms->count; i++) {
        write_form(&kind->forms[i], forms->packets[i], shape, red_depth);
    }
    if (forms->pad) {
        even_out(kind, forms->packets, forms->count, VR_TIER_WIDE);
        even_out(kind, forms->packets, forms->count, VR_TIER_NARROW);
        even_out(kind, forms->packets, forms->count, VR_TIER_PACKED);
    }
    return kind->forms;
}
