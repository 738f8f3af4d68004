#include "bench/drivers/tokens.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

bool vr_bench_key_read(const char *path, struct vr_key *key)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    const char *kid = json_string_value(json_object_get(json, "kid"));
    const char *secret = json_string_value(json_object_get(json, "secret"));
    bool fine = kid != NULL && secret != NULL && strlen(secret) <= sizeof(key->secret);

    if (fine) {
        snprintf(key->kid, sizeof(key->kid), "%s", kid);
        key->secret_size = strlen(secret);
        memcpy(key->secret, secret, key->secret_size);
    } else {
        fprintf(stderr, "voiceroom-bench: %s holds no key\n", path);
    }
    json_decref(json);
    return fine;
}

bool vr_bench_token(const struct vr_key *key, const char *user, enum vr_role role,
                    struct vr_buf *out)
{
    struct vr_grants grants = {.room_join = true,
                               .room_create = role == VR_ROLE_HOST,
                               .room_list = true,
                               .can_publish = true,
                               .can_subscribe = true,
                               .can_request_to_speak = true,
                               .role = role,
                               .issued_at = time(NULL),
                               .expires_at = time(NULL) + 7200};

    snprintf(grants.user, sizeof(grants.user), "%s", user);
    snprintf(grants.name, sizeof(grants.name), "%s", user);
    snprintf(grants.kid, sizeof(grants.kid), "%s", key->kid);
    if (vr_jwt_write(&grants, key, out) != VR_OK) {
        return false;
    }
    vr_buf_append(out, "", 1);
    return !out->failed;
}
