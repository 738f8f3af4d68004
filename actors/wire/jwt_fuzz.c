/* Goal: no bytes pass for a token. Input is a token as it comes, or behind a '!' a header, a line
 * feed and a payload, which are signed here with a good key, so that the claims are reached. */
#include <stdio.h>

#include "actors/base/assert.h"
#include "actors/wire/base64url.h"
#include "actors/wire/jwt.h"
#include "actors/wire/mac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static const uint8_t secret[32] = "0123456789abcdef0123456789abcde";

static bool find_key(void *ctx, const char *kid, struct vr_key *out)
{
    (void)ctx;
    memcpy(out->secret, secret, sizeof(secret));
    out->secret_size = sizeof(secret);
    return strcmp(kid, "key1") == 0;
}

static enum vr_err read(struct vr_bytes token, struct vr_grants *grants)
{
    const struct vr_jwt_verify verify = {.key = find_key, .now_s = NOW};
    struct vr_why why = {0};
    enum vr_err err = vr_jwt_read(token, &verify, grants, &why);

    vr_assert(err == VR_OK ||
              (err == VR_E_UNAUTHORIZED && why.text[0] != 0 && grants->user[0] == 0));
    return err;
}

/* What was taken keeps its promises, and can be minted and read again. */
static void check(const struct vr_grants *grants)
{
    struct vr_key key = {.kid = "key1"};
    struct vr_grants back;
    struct vr_buf token = {0};

    vr_assert(grants->user[0] != 0 && grants->name[0] != 0 && strcmp(grants->kid, "key1") == 0);
    vr_assert(grants->expires_at > NOW - VR_JWT_SKEW_S && grants->role < VR_ROLES);
    vr_assert(find_key(NULL, "key1", &key));
    vr_assert(vr_jwt_write(grants, &key, &token) == VR_OK);
    if (token.size <= VR_JWT_MAX) {
        vr_assert(read(vr_buf_bytes(&token), &back) == VR_OK);
        vr_assert(strcmp(back.user, grants->user) == 0 && back.admin == grants->admin &&
                  back.role == grants->role);
    }
    vr_buf_deinit(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_buf token = {0};
    struct vr_grants grants;
    uint8_t tag[32];
    const uint8_t *line;

    if (size == 0 || data[0] != '!') {
        /* Only a seed that holds a real signature may pass; those are in the corpus as they are. */
        if (read(vr_bytes(data, size), &grants) == VR_OK) {
            check(&grants);
        }
        return 0;
    }
    line = memchr(data, '\n', size);
    if (line == NULL) {
        return 0;
    }
    vr_base64url_write(vr_bytes(data + 1, (size_t)(line - data - 1)), &token);
    vr_buf_text(&token, ".");
    vr_base64url_write(vr_bytes(line + 1, size - (size_t)(line - data) - 1), &token);
    vr_assert(vr_mac(vr_bytes(secret, sizeof(secret)), vr_buf_bytes(&token), tag));
    vr_buf_text(&token, ".");
    vr_base64url_write(vr_bytes(tag, sizeof(tag)), &token);
    if (read(vr_buf_bytes(&token), &grants) == VR_OK) {
        check(&grants);
    }
    vr_buf_deinit(&token);
    return 0;
}
