/* jwt_claims.c - claims (RFC 7519 4.1) and grants. Every type is exact: a claim that is there and
 * not what it should be fails the token, so nothing is ever widened by a mistake. */
#include <ctype.h>
#include <stdio.h>

#include "actors/wire/jwt_claims.h"

#define TIME_MAX 253402300799LL /* the year 9999 */

static bool copy_kid(json_t *value, char kid[VR_KID_MAX + 1])
{
    size_t size = json_string_length(value);
    const char *text = json_string_value(value);

    if (text == NULL || size == 0 || size > VR_KID_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        /* A kid is a name that we gave: letters, digits and "._-", so no path and no query hides in
         * it. */
        if (!isalnum((unsigned char)text[i]) && strchr("._-", text[i]) == NULL) {
            return false;
        }
    }
    memcpy(kid, text, size + 1);
    return true;
}

bool vr_jwt_key_id(json_t *header, json_t *payload, char kid[VR_KID_MAX + 1])
{
    /* Parameters that bring a key, or change how the rest is to be read. */
    static const char *const refused[] = {"crit", "b64", "jwk",      "jku", "x5u",
                                          "x5c",  "x5t", "x5t#S256", "zip", "enc"};
    const char *alg = json_string_value(json_object_get(header, "alg"));
    json_t *typ = json_object_get(header, "typ");
    json_t *header_kid = json_object_get(header, "kid");
    json_t *iss = json_object_get(payload, "iss");

    if (alg == NULL || strcmp(alg, "HS256") != 0) {
        return false;
    }
    if (typ != NULL && (!json_is_string(typ) || strcmp(json_string_value(typ), "JWT") != 0)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i]) != NULL) {
            return false;
        }
    }
    if (header_kid != NULL) {
        return copy_kid(header_kid, kid) && (iss == NULL || json_equal(iss, header_kid));
    }
    return copy_kid(iss, kid);
}

static enum vr_err wrong(struct vr_why *why, const char *claim)
{
    return vr_fail(why, VR_E_UNAUTHORIZED, "the token's %s is missing or not usable", claim);
}

/* Text of 1 to size - 1 bytes without control characters; absent is fine and leaves "". */
static bool take_text(json_t *object, const char *claim, char *out, size_t size)
{
    json_t *value = json_object_get(object, claim);
    size_t length = json_string_length(value);

    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || length == 0 || length >= size ||
        vr_json_has_control(json_string_value(value), length, false)) {
        return false;
    }
    memcpy(out, json_string_value(value), length + 1);
    return true;
}

static bool take_time(json_t *payload, const char *claim, int64_t *out)
{
    json_t *value = json_object_get(payload, claim);

    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > TIME_MAX) {
        return false;
    }
    *out = json_integer_value(value);
    return true;
}

static enum vr_err take_times(json_t *payload, int64_t now_s, struct vr_grants *out,
                              struct vr_why *why)
{
    int64_t not_before = 0;

    if (json_object_get(payload, "exp") == NULL || !take_time(payload, "exp", &out->expires_at)) {
        return wrong(why, "exp");
    }
    if (!take_time(payload, "nbf", &not_before)) {
        return wrong(why, "nbf");
    }
    if (!take_time(payload, "iat", &out->issued_at)) {
        return wrong(why, "iat");
    }
    if (now_s - VR_JWT_SKEW_S >= out->expires_at) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the token has expired");
    }
    if (not_before > now_s + VR_JWT_SKEW_S || out->issued_at > now_s + VR_JWT_SKEW_S) {
        return vr_fail(why, VR_E_UNAUTHORIZED,
                       "the token is not valid yet; is the clock of its maker right?");
    }
    return VR_OK;
}

static bool audience_fits(json_t *aud, const char *want)
{
    size_t i;
    json_t *item;

    if (want == NULL) {
        return true;
    }
    if (json_is_string(aud)) {
        return strcmp(json_string_value(aud), want) == 0;
    }
    json_array_foreach(aud, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), want) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_flag(json_t *grant, const char *name, bool absent, bool *out)
{
    json_t *value = json_object_get(grant, name);

    *out = value == NULL ? absent : json_is_true(value);
    return value == NULL || json_is_boolean(value);
}

static enum vr_err take_grants(json_t *grant, struct vr_grants *out, struct vr_why *why)
{
    const struct {
        const char *name;
        bool absent;
        bool *flag;
    } flags[] = {
        {"roomJoin", false, &out->room_join},
        {"roomCreate", false, &out->room_create},
        {"roomList", false, &out->room_list},
        {"roomAdmin", false, &out->room_admin},
        {"admin", false, &out->admin},
        {"canPublish", true, &out->can_publish},
        {"canSubscribe", true, &out->can_subscribe},
        {"canRequestToSpeak", true, &out->can_request_to_speak},
        {"canModerate", false, &out->can_moderate},
        {"hidden", false, &out->hidden},
        {"guest", false, &out->guest},
    };
    struct vr_id room;
    char role[16] = "listener";

    if (grant != NULL && !json_is_object(grant)) {
        return wrong(why, "voice");
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!take_flag(grant, flags[i].name, flags[i].absent, flags[i].flag)) {
            return wrong(why, flags[i].name);
        }
    }
    if (!take_text(grant, "room", out->room, sizeof(out->room)) ||
        (out->room[0] != 0 && !vr_id_parse(out->room, &room))) {
        return wrong(why, "voice.room");
    }
    if (!take_text(grant, "role", role, sizeof(role)) || !vr_role_parse(role, &out->role)) {
        return wrong(why, "voice.role");
    }
    return VR_OK;
}

/* A name to show when the token gives none: the user's id, cut between characters. */
static void name_from_user(struct vr_grants *grants)
{
    size_t size = strlen(grants->user);

    if (size > VR_NAME_MAX) {
        size = VR_NAME_MAX;
        while (size > 0 && ((uint8_t)grants->user[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    memcpy(grants->name, grants->user, size);
    grants->name[size] = 0;
}

enum vr_err vr_jwt_claims(json_t *payload, const struct vr_jwt_verify *verify,
                          struct vr_grants *out, struct vr_why *why)
{
    json_t *grant = json_object_get(payload, "voice");
    enum vr_err err = take_times(payload, verify->now_s, out, why);

    if (err != VR_OK) {
        return err;
    }
    if (!audience_fits(json_object_get(payload, "aud"), verify->audience)) {
        return wrong(why, "aud");
    }
    if (!take_text(payload, "sub", out->user, sizeof(out->user)) || out->user[0] == 0) {
        return wrong(why, "sub");
    }
    if (!take_text(payload, "name", out->name, sizeof(out->name))) {
        return wrong(why, "name");
    }
    if (!take_text(payload, "jti", out->jti, sizeof(out->jti))) {
        return wrong(why, "jti");
    }
    if (out->name[0] == 0) {
        name_from_user(out);
    }
    if (out->jti[0] != 0 && verify->revoked != NULL && verify->revoked(verify->ctx, out->jti)) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the token was revoked");
    }
    return take_grants(grant != NULL ? grant : json_object_get(payload, "video"), out, why);
}

static json_t *grants_json(const struct vr_grants *g)
{
    json_t *voice = json_pack(
        "{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s}", /* one per field */
        "roomJoin", g->room_join, "roomCreate", g->room_create, "roomList", g->room_list,
        "roomAdmin", g->room_admin, "admin", g->admin, "canPublish", g->can_publish, "canSubscribe",
        g->can_subscribe, "canRequestToSpeak", g->can_request_to_speak, "canModerate",
        g->can_moderate, "hidden", g->hidden, "role", vr_role_name(g->role));

    /* A grant that got lost would widen the token, so a failure fails the whole. */
    if (voice != NULL &&
        ((g->guest && json_object_set_new(voice, "guest", json_true()) != 0) ||
         (g->room[0] != 0 && json_object_set_new(voice, "room", json_string(g->room)) != 0))) {
        json_decref(voice);
        return NULL;
    }
    return voice;
}

static bool set_text(json_t *object, const char *name, const char *text)
{
    return text[0] == 0 || json_object_set_new(object, name, json_string(text)) == 0;
}

json_t *vr_jwt_payload(const struct vr_grants *grants, const char *kid)
{
    json_t *payload = json_pack("{s:s, s:s, s:I}", "iss", kid, "sub", grants->user, "exp",
                                (json_int_t)grants->expires_at);

    if (payload == NULL) {
        return NULL;
    }
    if (!set_text(payload, "name", grants->name) || !set_text(payload, "jti", grants->jti) ||
        (grants->issued_at != 0 &&
         json_object_set_new(payload, "iat", json_integer(grants->issued_at)) != 0) ||
        json_object_set_new(payload, "voice", grants_json(grants)) != 0) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}
