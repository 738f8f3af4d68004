/* envelope_internal.h - what the parts of the envelope share: small parts in protobuf form.
 * Private to envelope*.c. */
#ifndef VR_MESSAGES_ENVELOPE_INTERNAL_H
#define VR_MESSAGES_ENVELOPE_INTERNAL_H

#include <stdio.h>
#include <string.h>

#include "actors/messages/envelope.h"
#include "envelope.pb-c.h"

/* ---- encoding: protobuf structs that point into the message, so they must not outlive it ---- */

struct wire_address {
    Vr__Wire__Address address;
    Vr__Wire__Id id;
};

/** One command in protobuf form with all that it points to. */
struct wire_command {
    Vr__Wire__Command command;
    Vr__Wire__Id id, message;
    Vr__Wire__Identity by;
    struct wire_address session, shard;
    Vr__Wire__Blob text;
    Vr__Wire__Settings settings;
    char *tags[VR_TAGS_MAX];
    Vr__Wire__Spoke spoke[VR_SPOKE_MAX];
    Vr__Wire__Spoke *spoke_at[VR_SPOKE_MAX];
    uint8_t trace[sizeof(struct vr_trace)];
};

static inline Vr__Wire__Id *wire_put_id(Vr__Wire__Id *out, struct vr_id id)
{
    vr__wire__id__init(out);
    out->hi = id.hi;
    out->lo = id.lo;
    return vr_id_is_zero(id) ? NULL : out;
}

static inline Vr__Wire__Address *wire_put_address(struct wire_address *out,
                                                  const struct vr_address *address)
{
    vr__wire__address__init(&out->address);
    out->address.kind = address->kind;
    out->address.sub = address->sub;
    out->address.id = wire_put_id(&out->id, address->id);
    return address->kind == VR_ACTOR_NONE ? NULL : &out->address;
}

static inline Vr__Wire__Blob *wire_put_blob(Vr__Wire__Blob *out, struct vr_blob *blob)
{
    vr__wire__blob__init(out);
    if (blob == NULL) {
        return NULL;
    }
    out->data.data = blob->data;
    out->data.len = blob->size;
    return out;
}

void vr_wire_put_command(struct wire_command *out, const struct vr_command *command);

/* ---- decoding: every string and count is held against its bound ---- */

static inline struct vr_id wire_get_id(const Vr__Wire__Id *in)
{
    return in == NULL ? (struct vr_id){0} : (struct vr_id){in->hi, in->lo};
}

static inline bool wire_get_address(const Vr__Wire__Address *in, struct vr_address *out)
{
    if (in == NULL) {
        return true;
    }
    if (in->kind >= VR_ACTOR_KINDS) {
        return false;
    }
    *out = (struct vr_address){wire_get_id(in->id), in->sub, (enum vr_actor_kind)in->kind};
    return true;
}

/** False when it does not fit: cut text would be another text. */
static inline bool wire_get_text(const char *in, char *out, size_t size)
{
    size_t length = strlen(in);

    if (length >= size) {
        return false;
    }
    memcpy(out, in, length + 1);
    return true;
}

#define WIRE_TEXT(in, field) wire_get_text(in, field, sizeof(field))

/** NULL stays NULL. False: out of memory. */
static inline bool wire_get_blob(const Vr__Wire__Blob *in, struct vr_blob **out)
{
    if (in == NULL) {
        return true;
    }
    *out = vr_blob_new(vr_bytes(in->data.data, in->data.len));
    return *out != NULL;
}

/** On an error `*out` is NULL. VR_E_BAD_WIRE, VR_E_UNKNOWN_MSG, VR_E_NO_MEMORY. */
enum vr_err vr_wire_get_command(const Vr__Wire__Command *in, struct vr_command **out);

#endif
