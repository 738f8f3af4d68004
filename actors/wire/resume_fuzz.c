/* Goal: no text passes for a resume token but one that was signed, and any place comes back as it
 * was. */
#include "actors/base/assert.h"
#include "actors/wire/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[32] = {9};

static void as_text(const uint8_t *data, size_t size)
{
    char text[512];
    char again[VR_RESUME_TEXT];
    struct vr_resume out;

    if (size >= sizeof(text)) {
        return;
    }
    memcpy(text, data, size);
    text[size] = 0;
    if (vr_resume_read(text, key, 0, &out) == VR_OK) {
        /* There is one spelling of a place: ours. */
        vr_assert(vr_resume_write(&out, key, again) == VR_OK && strcmp(text, again) == 0);
    } else {
        vr_assert(vr_id_is_zero(out.room) && out.participant == 0);
    }
}

static void as_place(const uint8_t *data)
{
    struct vr_resume in = {.room = vr_id_get(data),
                           .session = vr_id_get(data + 16),
                           .user_ref_hint = vr_id_get(data + 32),
                           .participant = vr_get32(data + 48),
                           .generation = vr_get32(data + 52),
                           .expires_at_s = (int64_t)vr_get64(data + 56),
                           .role = (enum vr_role)(data[64] % VR_ROLES)};
    struct vr_resume out;
    char text[VR_RESUME_TEXT];
    uint8_t *byte = NULL;

    vr_assert(vr_resume_write(&in, key, text) == VR_OK);
    if (vr_resume_read(text, key, 0, &out) == VR_OK) {
        vr_assert(in.expires_at_s > 0 && vr_id_equal(in.room, out.room) &&
                  vr_id_equal(in.session, out.session));
        vr_assert(in.generation == out.generation && in.participant == out.participant &&
                  in.role == out.role);
    } else {
        vr_assert(in.expires_at_s <= 0);
    }
    byte = (uint8_t *)text + data[65] % strlen(text);
    *byte ^= (uint8_t)(1 + data[66] % 127);
    vr_assert(vr_resume_read(text, key, INT64_MIN, &out) == VR_E_UNAUTHORIZED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_text(data, size);
    if (size >= 67) {
        as_place(data);
    }
    return 0;
}
