/* jwt.c - the verifier. Order: size, three parts, base64url, header, key, signature, then the
 * claims. What goes wrong before the signature holds is told in one sentence for all. */
#include "actors/wire/jwt.h"

#include <stdio.h>

#include "actors/wire/base64url.h"
#include "actors/wire/jwt_claims.h"
#include "actors/wire/mac.h"

#define DEPTH_MAX 8

struct parts {
    struct vr_bytes header;
    struct vr_bytes payload;
    struct vr_bytes signature;
    struct vr_bytes signing_input; /* header '.' payload, as sent (RFC 7515 5.2) */
};

static bool split(struct vr_bytes token, struct parts *parts)
{
    const uint8_t *first;
    const uint8_t *second;
    const uint8_t *end = token.data + token.size;

    if (token.size == 0 || token.size > VR_JWT_MAX) {
        return false;
    }
    first = memchr(token.data, '.', token.size);
    if (first == NULL) {
        return false;
    }
    second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL) {
        return false;
    }
    parts->header = vr_bytes(token.data, (size_t)(first - token.data));
    parts->payload = vr_bytes(first + 1, (size_t)(second - first - 1));
    parts->signature = vr_bytes(second + 1, (size_t)(end - second - 1));
    parts->signing_input = vr_bytes(token.data, (size_t)(second - token.data));
    /* A fourth part would put a '.' into the signature, which base64url refuses. */
    return parts->header.size > 0 && parts->payload.size > 0 && parts->signature.size > 0;
}

/* One part as a JSON object; NULL when it is not. */
static json_t *read_object(struct vr_bytes text)
{
    uint8_t bytes[VR_JWT_MAX];
    char problem[96];
    size_t size;
    json_t *json;

    if (!vr_base64url_read(text, bytes, sizeof(bytes), &size)) {
        return NULL;
    }
    json = vr_json_read(vr_bytes(bytes, size), DEPTH_MAX, problem, sizeof(problem));
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static bool sign(const struct vr_key *key, struct vr_bytes input, uint8_t tag[VR_MAC_SIZE])
{
    return vr_mac(vr_bytes(key->secret, key->secret_size), input, tag);
}

static bool signature_holds(const struct parts *parts, const struct vr_key *key)
{
    uint8_t given[VR_MAC_SIZE + 1];
    uint8_t tag[VR_MAC_SIZE];
    size_t size;

    if (key->secret_size < VR_KEY_SECRET_MIN || key->secret_size > VR_KEY_SECRET_MAX ||
        !vr_base64url_read(parts->signature, given, sizeof(given), &size) || size != VR_MAC_SIZE ||
        !sign(key, parts->signing_input, tag)) {
        return false;
    }
    return vr_mac_equal(given, tag, VR_MAC_SIZE);
}

enum vr_err vr_jwt_read(struct vr_bytes token, const struct vr_jwt_verify *verify,
                        struct vr_grants *out, struct vr_why *why)
{
    struct parts parts = {0};
    struct vr_key key = {0};
    char kid[VR_KID_MAX + 1];
    json_t *header = NULL;
    json_t *payload = NULL;
    enum vr_err err;

    *out = (struct vr_grants){0};
    if (split(token, &parts)) {
        header = read_object(parts.header);
        payload = read_object(parts.payload);
    }
    if (header == NULL || payload == NULL || !vr_jwt_key_id(header, payload, kid) ||
        !verify->key(verify->ctx, kid, &key) || !signature_holds(&parts, &key)) {
        err = vr_fail(why, VR_E_UNAUTHORIZED, "the token is not valid");
    } else {
        err = vr_jwt_claims(payload, verify, out, why);
    }
    if (err == VR_OK) {
        snprintf(out->kid, sizeof(out->kid), "%s", kid);
    } else {
        *out = (struct vr_grants){0};
    }
    explicit_bzero(&key, sizeof(key));
    json_decref(header);
    json_decref(payload);
    return err;
}

static void append_object(json_t *object, struct vr_buf *out)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

    if (text == NULL) {
        out->failed = true;
        return;
    }
    vr_base64url_write(vr_bytes_of(text), out);
    free(text);
}

enum vr_err vr_jwt_write(const struct vr_grants *grants, const struct vr_key *key,
                         struct vr_buf *out)
{
    json_t *header = json_pack("{s:s, s:s, s:s}", "alg", "HS256", "typ", "JWT", "kid", key->kid);
    json_t *payload = vr_jwt_payload(grants, key->kid);
    uint8_t tag[VR_MAC_SIZE];
    size_t start = out->size;
    enum vr_err err = VR_OK;

    append_object(header, out);
    vr_buf_text(out, ".");
    append_object(payload, out);
    if (out->failed) {
        err = VR_E_NO_MEMORY;
    } else if (key->secret_size < VR_KEY_SECRET_MIN || key->secret_size > VR_KEY_SECRET_MAX) {
        err = VR_E_BAD_REQUEST;
    } else if (!sign(key, vr_bytes(out->data + start, out->size - start), tag)) {
        err = VR_E_INTERNAL;
    } else {
        vr_buf_text(out, ".");
        vr_base64url_write(vr_bytes(tag, sizeof(tag)), out);
        err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    json_decref(header);
    json_decref(payload);
    return err;
}
