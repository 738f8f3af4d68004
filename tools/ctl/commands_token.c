/* commands_token.c - token create, inspect, revoke; and the token that voiceroomctl itself sends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/random.h"
#include "actors/wire/base64url.h"
#include "tools/ctl/commands.h"

#define OWN_TTL_S 300 /* of the token that a command is sent with */
#define TTL_S 3600.0

static enum vr_err mint(const struct vr_key *key, struct vr_grants *grants, double ttl, char *out,
                        size_t size)
{
    struct vr_buf text = {0};
    enum vr_err err = VR_OK;

    vr_id_format(vr_random_id(vr_random_system()), grants->jti);
    grants->issued_at = time(NULL);
    grants->expires_at = grants->issued_at + (int64_t)ttl;
    err = vr_jwt_write(grants, key, &text);
    if (err == VR_OK && (text.failed || text.size >= size)) {
        err = VR_E_TOO_LARGE;
    }
    if (err == VR_OK) {
        memcpy(out, text.data, text.size);
        out[text.size] = '\0';
    }
    vr_buf_deinit(&text);
    return err;
}

enum vr_ctl_exit vr_ctl_token(struct vr_ctl *ctl, const char **token)
{
    struct vr_grants grants = {.admin = true,
                               .room_admin = true,
                               .room_create = true,
                               .room_list = true,
                               .room_join = true,
                               .can_publish = true,
                               .can_subscribe = true,
                               .can_request_to_speak = true};
    const char *login = getenv("USER");
    struct vr_key key;
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    *token = ctl->token;
    snprintf(ctl->token, sizeof(ctl->token), "%s", ctl->settings.token);
    if (ctl->token[0] != '\0' || ctl->settings.key_file[0] == '\0') {
        return VR_CTL_OK;
    }
    if (vr_ctl_key_read(ctl->settings.key_file, &key, &why) != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
    }
    snprintf(grants.user, sizeof(grants.user), "voiceroomctl:%.32s", login == NULL ? "" : login);
    snprintf(grants.name, sizeof(grants.name), "%.40s (voiceroomctl)",
             login == NULL || login[0] == '\0' ? "operator" : login);
    err = mint(&key, &grants, OWN_TTL_S, ctl->token, sizeof(ctl->token));
    explicit_bzero(&key, sizeof(key));
    return err == VR_OK ? VR_CTL_OK
                        : vr_ctl_fail(ctl, VR_CTL_USAGE, "%s makes no token: %s",
                                      ctl->settings.key_file, vr_err_text(err));
}

static enum vr_ctl_exit grants_from_flags(struct vr_ctl *ctl, struct vr_grants *out)
{
    const struct vr_ctl_line *line = ctl->line;
    const char *user = vr_ctl_arg(ctl, 0);
    const char *name = vr_ctl_text(line, "name");
    const char *room = vr_ctl_text(line, "room");
    const char *role = vr_ctl_text(line, "role");
    struct vr_id id;

    *out = (struct vr_grants){.room_join = !vr_ctl_given(line, "no-join"),
                              .room_list = true,
                              .room_create = vr_ctl_given(line, "room-create"),
                              .room_admin = vr_ctl_given(line, "room-admin"),
                              .admin = vr_ctl_given(line, "admin"),
                              .can_moderate = vr_ctl_given(line, "moderate"),
                              .hidden = vr_ctl_given(line, "hidden"),
                              .can_publish = !vr_ctl_given(line, "no-publish"),
                              .can_subscribe = !vr_ctl_given(line, "no-subscribe"),
                              .can_request_to_speak = !vr_ctl_given(line, "no-request-to-speak")};
    if (strlen(user) > VR_USER_MAX || (name != NULL && strlen(name) > VR_NAME_MAX)) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "USER has at most %d bytes, --name at most %d",
                           VR_USER_MAX, VR_NAME_MAX);
    }
    if (room != NULL && !vr_id_parse(room, &id)) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "--room '%s' is not the id of a room", room);
    }
    snprintf(out->user, sizeof(out->user), "%s", user);
    snprintf(out->name, sizeof(out->name), "%s", name == NULL ? user : name);
    snprintf(out->room, sizeof(out->room), "%s", room == NULL ? "" : room);
    if (role != NULL && !vr_role_parse(role, &out->role)) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "--role '%s' is not known", role);
    }
    return VR_CTL_OK;
}

static json_t *time_json(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;
    char text[32];

    if (seconds <= 0 || gmtime_r(&when, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        return json_null();
    }
    return json_string(text);
}

static const struct vr_ctl_column created_columns[] = {
    {"TOKEN", "token", false}, {"USER", "user", false},          {"NAME", "name", false},
    {"JTI", "jti", false},     {"EXPIRES", "expires_at", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape created_shape = {created_columns, "token"};

enum vr_ctl_exit vr_ctl_token_create(struct vr_ctl *ctl)
{
    struct vr_grants grants;
    struct vr_key key;
    struct vr_why why = {0};
    char token[VR_JWT_MAX + 1];
    json_t *shown = NULL;
    enum vr_err err = VR_OK;
    enum vr_ctl_exit code = grants_from_flags(ctl, &grants);

    if (code != VR_CTL_OK) {
        return code;
    }
    if (ctl->settings.key_file[0] == '\0') {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "a token is made from a key: give --key-file");
    }
    if (vr_ctl_key_read(ctl->settings.key_file, &key, &why) != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
    }
    err = mint(&key, &grants, vr_ctl_seconds(ctl->line, "ttl", TTL_S), token, sizeof(token));
    explicit_bzero(&key, sizeof(key));
    if (err != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "no token was made: %s", vr_err_text(err));
    }
    shown = json_pack("{s:s, s:s, s:s, s:s, s:o}", "token", token, "user", grants.user, "name",
                      grants.name, "jti", grants.jti, "expires_at", time_json(grants.expires_at));
    if (ctl->format == VR_CTL_TABLE) { /* so that TOKEN=$(voiceroomctl token create ana) works */
        ctl->format = VR_CTL_NAME;
        vr_ctl_say(ctl, "to take it back: voiceroomctl token revoke %s", grants.jti);
    }
    code = shown == NULL ? vr_ctl_fail(ctl, VR_CTL_USAGE, "USER or --name is not UTF-8")
                         : vr_ctl_print(ctl, shown, &created_shape);
    json_decref(shown);
    return code;
}

static bool lend_key(void *ctx, const char *kid, struct vr_key *out)
{
    const struct vr_key *key = ctx;

    *out = *key;
    return strcmp(kid, key->kid) == 0;
}

static bool none_revoked(void *ctx, const char *jti)
{
    (void)ctx;
    (void)jti;
    return false;
}

/** Is the signature that of the key at hand? null: there is no key to compare with. */
static json_t *judge(struct vr_ctl *ctl, const char *token, struct vr_why *why)
{
    struct vr_key key;
    struct vr_grants grants;
    struct vr_jwt_verify verify = {
        .key = lend_key, .revoked = none_revoked, .ctx = &key, .now_s = time(NULL)};
    bool fine = false;

    if (ctl->settings.key_file[0] == '\0' ||
        vr_ctl_key_read(ctl->settings.key_file, &key, NULL) != VR_OK) {
        return json_null();
    }
    fine = vr_jwt_read(vr_bytes_of(token), &verify, &grants, why) == VR_OK;
    explicit_bzero(&key, sizeof(key));
    return json_boolean(fine);
}

/** One of the parts between the dots, as JSON. */
static json_t *part(const char *token, size_t index)
{
    uint8_t bytes[VR_JWT_MAX];
    size_t size = 0;

    for (size_t i = 0; i < index && token != NULL; i++) {
        token = strchr(token, '.');
        token = token == NULL ? NULL : token + 1;
    }
    if (token == NULL ||
        !vr_base64url_read(vr_bytes(token, strcspn(token, ".")), bytes, sizeof(bytes), &size)) {
        return NULL;
    }
    return json_loadb((const char *)bytes, size, 0, NULL);
}

static const struct vr_ctl_column inspect_columns[] = {
    {"USER", "claims.sub", false},       {"NAME", "claims.name", false},
    {"KEY", "header.kid", false},        {"JTI", "claims.jti", false},
    {"ISSUED", "issued_at", false},      {"EXPIRES", "expires_at", false},
    {"EXPIRED", "expired", false},       {"GRANTS", "claims.voice", false},
    {"GOOD-FOR-KEY", "verified", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape inspect_shape = {inspect_columns, "claims.jti"};

enum vr_ctl_exit vr_ctl_token_inspect(struct vr_ctl *ctl)
{
    const char *file = vr_ctl_arg(ctl, 0);
    char token[VR_JWT_MAX + 1];
    struct vr_why why = {0};
    json_t *header = NULL;
    json_t *claims = NULL;
    json_t *shown = NULL;
    int64_t expires = 0;
    enum vr_ctl_exit code = VR_CTL_USAGE;

    if (vr_ctl_secret_read(file == NULL ? "-" : file, token, sizeof(token), &why) != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
    }
    header = part(token, 0);
    claims = part(token, 1);
    if (!json_is_object(header) || !json_is_object(claims)) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "this is no token (a JWT has three parts with dots)");
    } else {
        expires = json_integer_value(json_object_get(claims, "exp"));
        shown =
            json_pack("{s:O, s:O, s:o, s:o, s:b, s:o}", "header", header, "claims", claims,
                      "issued_at", time_json(json_integer_value(json_object_get(claims, "iat"))),
                      "expires_at", time_json(expires), "expired", expires <= time(NULL),
                      "verified", judge(ctl, token, &why));
        code = vr_ctl_print(ctl, shown, &inspect_shape);
        if (why.text[0] != '\0') {
            vr_ctl_say(ctl, "not good for %s: %s", ctl->settings.key_file, why.text);
        }
    }
    json_decref(shown);
    json_decref(header);
    json_decref(claims);
    explicit_bzero(token, sizeof(token));
    return code;
}

enum vr_ctl_exit vr_ctl_token_revoke(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/tokens/revoke",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Refuse this token for good?"};
    enum vr_ctl_exit code = VR_CTL_USAGE;

    request.body = json_pack("{s:s}", "jti", vr_ctl_arg(ctl, 0));
    code = request.body == NULL ? vr_ctl_fail(ctl, VR_CTL_USAGE, "JTI is not UTF-8")
                                : vr_ctl_call(ctl, &request, NULL);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "token %s is refused from now on", vr_ctl_arg(ctl, 0));
    }
    json_decref(request.body);
    return code;
}
