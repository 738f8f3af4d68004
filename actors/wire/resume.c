#include "actors/wire/resume.h"

#include <stdio.h>

#include "actors/wire/base64url.h"
#include "actors/wire/mac.h"

/*  0         1      2         18           34        50
 * | version | role | room 16 | session 16 | user 16 | token 16 |
 *  66              70             74          82       98
 * | participant 4 | generation 4 | expires 8 | tag 16 | */
#define VERSION 2
#define BODY 82
#define TAG 16
#define TOKEN (BODY + TAG)
#define TEXT 131 /* base64url of TOKEN bytes */

_Static_assert(TEXT == (TOKEN * 4 + 2) / 3, "length of the text");
_Static_assert(TEXT < VR_RESUME_TEXT, "the token fits");

/* The label keeps the key's other uses apart from this one. */
static bool tag_of(const uint8_t body[BODY], const uint8_t key[32], uint8_t tag[TAG])
{
    static const char label[] = "voicerooms resume token";
    uint8_t input[sizeof(label) + BODY];
    uint8_t full[VR_MAC_SIZE];

    memcpy(input, label, sizeof(label));
    memcpy(input + sizeof(label), body, BODY);
    if (!vr_mac(vr_bytes(key, 32), vr_bytes(input, sizeof(input)), full)) {
        return false;
    }
    memcpy(tag, full, TAG);
    return true;
}

enum vr_err vr_resume_write(const struct vr_resume *resume, const uint8_t key[32],
                            char out[VR_RESUME_TEXT])
{
    uint8_t token[TOKEN];
    struct vr_buf text = {0};
    enum vr_err err = VR_E_NO_MEMORY;

    out[0] = 0;
    token[0] = VERSION;
    token[1] = (uint8_t)resume->role;
    vr_id_put(token + 2, resume->room);
    vr_id_put(token + 18, resume->session);
    vr_id_put(token + 34, resume->user_ref_hint);
    vr_id_put(token + 50, resume->token_ref);
    vr_put32(token + 66, resume->participant);
    vr_put32(token + 70, resume->generation);
    vr_put64(token + 74, (uint64_t)resume->expires_at_s);
    if (!tag_of(token, key, token + BODY)) {
        return VR_E_INTERNAL;
    }
    vr_base64url_write(vr_bytes(token, sizeof(token)), &text);
    if (!text.failed) {
        snprintf(out, VR_RESUME_TEXT, "%.*s", (int)text.size, (const char *)text.data);
        err = VR_OK;
    }
    vr_buf_deinit(&text);
    return err;
}

enum vr_err vr_resume_read(const char *text, const uint8_t key[32], int64_t now_s,
                           struct vr_resume *out)
{
    uint8_t token[TOKEN];
    uint8_t tag[TAG];
    size_t size = 0;

    *out = (struct vr_resume){0};
    if (strlen(text) != TEXT ||
        !vr_base64url_read(vr_bytes_of(text), token, sizeof(token), &size) || size != TOKEN ||
        !tag_of(token, key, tag) || !vr_mac_equal(tag, token + BODY, TAG)) {
        return VR_E_UNAUTHORIZED;
    }
    /* The tag holds, so these are ours; another version or an old token is refused all the same. */
    if (token[0] != VERSION || token[1] >= VR_ROLES || (int64_t)vr_get64(token + 74) <= now_s) {
        return VR_E_UNAUTHORIZED;
    }
    out->role = (enum vr_role)token[1];
    out->room = vr_id_get(token + 2);
    out->session = vr_id_get(token + 18);
    out->user_ref_hint = vr_id_get(token + 34);
    out->token_ref = vr_id_get(token + 50);
    out->participant = vr_get32(token + 66);
    out->generation = vr_get32(token + 70);
    out->expires_at_s = (int64_t)vr_get64(token + 74);
    return VR_OK;
}
