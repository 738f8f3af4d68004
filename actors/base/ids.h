/* ids.h - 128-bit ids of rooms, sessions, users and commands, and their text form.
 *
 * Text: 26 characters, Crockford's base32 in lower case, most significant first. */
#ifndef VR_BASE_IDS_H
#define VR_BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VR_ID_TEXT 27 /* 26 characters and the 0 */

struct vr_id {
    uint64_t hi;
    uint64_t lo;
};

/** A person's place in one room, unique in the room, never 0; it is the CSRC (RFC 3550, 5.1). */
typedef uint32_t vr_participant_id;

static inline bool vr_id_is_zero(struct vr_id id)
{
    return id.hi == 0 && id.lo == 0;
}

static inline bool vr_id_equal(struct vr_id a, struct vr_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/** Fixed big-endian form, for keys: sorts as the id does. */
void vr_id_put(uint8_t out[16], struct vr_id id);
struct vr_id vr_id_get(const uint8_t in[16]);

/** Writes 26 characters and a 0; returns `out`. */
const char *vr_id_format(struct vr_id id, char out[VR_ID_TEXT]);

/** False, and nothing written, when `text` is not exactly the text form of an id. */
bool vr_id_parse(const char *text, struct vr_id *out);

/** An id that stands for a text somebody else chose, the same for the same bytes, never zero. Not
 * secret and not collision-proof against who chooses the text: for names that only their own
 * chooser meets again. */
struct vr_id vr_id_of_text(const void *text, size_t size);

#endif
