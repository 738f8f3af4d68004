/* auth.c - keys and revocations in memory, loaded at start; the store has them for good. */
#include "nodes/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/random.h"

#define KEYS_MAX 64
#define GUEST_KID "guest"
#define ADMIN_KID "admin"
#define JOIN_CODE_SIZE 12
#define GUEST_TOKEN_S (24 * 3600)

/* META rows; their names are part of the format. */
static const char guest_key_row[] = "guest-key";
static const char join_code_row[] = "join-code";

struct revoked {
    char jti[VR_JTI_MAX + 1];
};

struct vr_auth {
    struct vr_auth_conf conf;
    struct vr_key guest;
    char join_code[JOIN_CODE_SIZE + 1];
    pthread_rwlock_t lock; /* over the rest */
    uint32_t key_count;
    struct vr_key keys[KEYS_MAX];
    struct revoked *revoked; /* sorted */
    size_t revoked_count;
    size_t revoked_capacity;
};

/* --- loading --- */

static bool key_load(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct vr_auth *auth = ctx;
    struct vr_key *slot = &auth->keys[auth->key_count];

    if (auth->key_count == KEYS_MAX) {
        vr_log(VR_LOG_ERROR, "more API keys than can be held: the rest are not loaded");
        return false;
    }
    if (key.size > VR_KID_MAX || value.size < VR_KEY_SECRET_MIN || value.size > VR_KEY_SECRET_MAX) {
        return true;
    }
    *slot = (struct vr_key){.secret_size = value.size};
    memcpy(slot->kid, key.data, key.size);
    memcpy(slot->secret, value.data, value.size);
    auth->key_count++;
    return true;
}

static int by_jti(const void *a, const void *b)
{
    return strcmp(((const struct revoked *)a)->jti, ((const struct revoked *)b)->jti);
}

/** Under the lock, or at start. False: memory is out. */
static bool revoked_add(struct vr_auth *auth, const char *jti, size_t size)
{
    struct revoked entry = {{0}};

    memcpy(entry.jti, jti, size);
    if (auth->revoked_count > 0 &&
        bsearch(&entry, auth->revoked, auth->revoked_count, sizeof(entry), by_jti) != NULL) {
        return true;
    }
    if (auth->revoked_count == auth->revoked_capacity) {
        size_t capacity = auth->revoked_capacity == 0 ? 64 : auth->revoked_capacity * 2;
        struct revoked *grown = realloc(auth->revoked, capacity * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        auth->revoked = grown;
        auth->revoked_capacity = capacity;
    }
    auth->revoked[auth->revoked_count++] = entry;
    qsort(auth->revoked, auth->revoked_count, sizeof(entry), by_jti);
    return true;
}

static bool revoked_load(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)value;
    return key.size > VR_JTI_MAX || revoked_add(ctx, (const char *)key.data, key.size);
}

/** Read a META row, or make it. */
static enum vr_err meta_secret(struct vr_auth *auth, const char *row, void *out, size_t size)
{
    struct vr_buf value = {0};
    enum vr_err err = vr_records_get(auth->conf.records, VR_TABLE_META, vr_bytes_of(row), &value);

    if (err == VR_OK && value.size == size) {
        memcpy(out, value.data, size);
    } else if (err == VR_OK || err == VR_E_NOT_FOUND) {
        struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

        auth->conf.random->fill(auth->conf.random->ctx, out, size);
        err = VR_E_NO_MEMORY;
        if (commit != NULL) {
            vr_commit_put(commit, VR_TABLE_META, vr_bytes_of(row), vr_bytes(out, size));
            err = vr_records_commit(auth->conf.records, commit, NULL);
        }
    }
    vr_buf_deinit(&value);
    return err;
}

static enum vr_err admin_make(struct vr_auth *auth)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    struct vr_key key = {.kid = ADMIN_KID, .secret_size = 52};

    if (auth->key_count > 0) {
        return VR_OK;
    }
    auth->conf.random->fill(auth->conf.random->ctx, key.secret, key.secret_size);
    for (size_t i = 0; i < key.secret_size; i++) { /* text, so that it fits into a JSON file */
        key.secret[i] = (uint8_t)digits[key.secret[i] % 32];
    }
    return vr_auth_key_put(auth, &key);
}

static enum vr_err secrets_load(struct vr_auth *auth)
{
    static const char digits[] = "23456789abcdefghjkmnpqrstvwxyz"; /* easily read aloud */
    uint8_t code[JOIN_CODE_SIZE];
    enum vr_err err = meta_secret(auth, guest_key_row, auth->guest.secret, 32);

    memcpy(auth->guest.kid, GUEST_KID, sizeof(GUEST_KID));
    auth->guest.secret_size = 32;
    if (err != VR_OK) {
        return err;
    }
    err = meta_secret(auth, join_code_row, code, sizeof(code));
    if (err != VR_OK) {
        return err;
    }
    for (size_t i = 0; i < sizeof(code); i++) {
        auth->join_code[i] = digits[code[i] % (sizeof(digits) - 1)];
    }
    return VR_OK;
}

enum vr_err vr_auth_new(const struct vr_auth_conf *conf, struct vr_auth **out, struct vr_why *why)
{
    struct vr_auth *auth = calloc(1, sizeof(*auth));
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = VR_OK;

    *out = NULL;
    if (auth == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    auth->conf = *conf;
    auth->conf.guest_token_s = conf->guest_token_s == 0 ? GUEST_TOKEN_S : conf->guest_token_s;
    pthread_rwlock_init(&auth->lock, NULL);
    err = vr_records_scan(conf->records, VR_TABLE_KEYS, all, all, key_load, auth);
    if (err == VR_OK) {
        err = vr_records_scan(conf->records, VR_TABLE_REVOKED, all, all, revoked_load, auth);
    }
    if (err == VR_OK) {
        err = secrets_load(auth);
    }
    if (err == VR_OK) {
        err = admin_make(auth);
    }
    if (err != VR_OK) {
        vr_auth_free(auth);
        return vr_fail(why, err, "keys cannot be loaded: %s", vr_err_text(err));
    }
    *out = auth;
    return VR_OK;
}

void vr_auth_free(struct vr_auth *auth)
{
    if (auth != NULL) {
        pthread_rwlock_destroy(&auth->lock);
        explicit_bzero(auth->keys, sizeof(auth->keys));
        explicit_bzero(auth->guest.secret, sizeof(auth->guest.secret));
        free(auth->revoked);
        free(auth);
    }
}

/* --- judging --- */

bool vr_auth_key(struct vr_auth *auth, const char *kid, struct vr_key *out)
{
    bool found = strcmp(kid, GUEST_KID) == 0;

    if (found) {
        *out = auth->guest;
        return true;
    }
    pthread_rwlock_rdlock(&auth->lock);
    for (uint32_t i = 0; i < auth->key_count && !found; i++) {
        if (strcmp(auth->keys[i].kid, kid) == 0) {
            *out = auth->keys[i];
            found = true;
        }
    }
    pthread_rwlock_unlock(&auth->lock);
    return found;
}

static bool key_of(void *ctx, const char *kid, struct vr_key *out)
{
    return vr_auth_key(ctx, kid, out);
}

static bool is_revoked(void *ctx, const char *jti)
{
    struct vr_auth *auth = ctx;
    struct revoked key = {{0}};
    bool found = false;

    if (strlen(jti) > VR_JTI_MAX) {
        return false;
    }
    memcpy(key.jti, jti, strlen(jti));
    pthread_rwlock_rdlock(&auth->lock);
    found = auth->revoked_count > 0 &&
            bsearch(&key, auth->revoked, auth->revoked_count, sizeof(key), by_jti) != NULL;
    pthread_rwlock_unlock(&auth->lock);
    return found;
}

enum vr_err vr_auth_token(struct vr_auth *auth, struct vr_bytes token, struct vr_grants *out,
                          struct vr_why *why)
{
    const struct vr_jwt_verify verify = {
        .key = key_of,
        .revoked = is_revoked,
        .ctx = auth,
        .now_s = auth->conf.clock->wall(auth->conf.clock->ctx) / 1000000,
    };
    enum vr_err err = vr_jwt_read(token, &verify, out, why);

    if (err != VR_OK) {
        return err;
    }
    /* A guest's token stays good only as long as guests may come in. */
    out->guest = strcmp(out->kid, GUEST_KID) == 0;
    if (out->guest && auth->conf.guests == VR_GUESTS_OFF) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "guests are not allowed here");
    }
    return VR_OK;
}

/** Without telling by its time how much of the code was right. */
static bool code_is_right(const struct vr_auth *auth, const char *code)
{
    unsigned difference = strlen(code) == JOIN_CODE_SIZE ? 0 : 1;

    for (size_t i = 0; i < JOIN_CODE_SIZE && code[i] != 0; i++) {
        difference |= (unsigned char)code[i] ^ (unsigned char)auth->join_code[i];
    }
    return difference == 0;
}

enum vr_err vr_auth_guest_allowed(const struct vr_auth *auth, bool loopback, const char *code,
                                  struct vr_why *why)
{
    switch (auth->conf.guests) {
    case VR_GUESTS_ALL:
        return VR_OK;
    case VR_GUESTS_LINK:
        if (loopback || code_is_right(auth, code)) {
            return VR_OK;
        }
        return vr_fail(why, VR_E_FORBIDDEN,
                       "open the join link that the server's owner has: it carries a code");
    case VR_GUESTS_LOCALHOST:
        if (loopback) {
            return VR_OK;
        }
        return vr_fail(why, VR_E_FORBIDDEN, "guests are allowed on the server's own machine only");
    case VR_GUESTS_OFF:
        break;
    }
    return vr_fail(why, VR_E_FORBIDDEN, "guests are not allowed here: a token is needed");
}

bool vr_auth_viewer_allowed(const struct vr_auth *auth, bool loopback)
{
    switch (auth->conf.guests) {
    case VR_GUESTS_OFF:
        return false;
    case VR_GUESTS_LOCALHOST:
        return loopback;
    case VR_GUESTS_LINK:
    case VR_GUESTS_ALL:
        return true;
    }
    return false;
}

const char *vr_auth_join_code(const struct vr_auth *auth)
{
    return auth->join_code;
}

enum vr_err vr_auth_guest_mint(struct vr_auth *auth, const char *name, struct vr_grants *grants,
                               struct vr_buf *token)
{
    char id[VR_ID_TEXT];
    int64_t now = auth->conf.clock->wall(auth->conf.clock->ctx) / 1000000;

    *grants = (struct vr_grants){
        .room_join = true,
        .room_list = true,
        .room_create = auth->conf.guests_may_create,
        .can_publish = true,
        .can_subscribe = true,
        .can_request_to_speak = true,
        .role = VR_ROLE_LISTENER,
        .guest = true,
        .issued_at = now,
        .expires_at = now + auth->conf.guest_token_s,
    };
    snprintf(grants->user, sizeof(grants->user), "guest-%s",
             vr_id_format(vr_random_id(auth->conf.random), id));
    snprintf(grants->name, sizeof(grants->name), "%s", name);
    snprintf(grants->kid, sizeof(grants->kid), "%s", GUEST_KID);
    snprintf(grants->jti, sizeof(grants->jti), "%s",
             vr_id_format(vr_random_id(auth->conf.random), id));
    return vr_jwt_write(grants, &auth->guest, token);
}

enum vr_err vr_auth_identity(const struct vr_grants *grants, struct vr_id room, const char *address,
                             struct vr_actor_identity *out)
{
    char text[VR_ID_TEXT];
    bool reaches = grants->room[0] == 0 || strcmp(grants->room, vr_id_format(room, text)) == 0;

    *out = (struct vr_actor_identity){.granted = VR_ROLE_LISTENER};
    if (!reaches && !grants->admin) {
        return VR_E_FORBIDDEN;
    }
    memcpy(out->user, grants->user, sizeof(out->user));
    memcpy(out->name, grants->name, sizeof(out->name));
    snprintf(out->address, sizeof(out->address), "%s", address);
    out->granted =
        grants->can_moderate && grants->role < VR_ROLE_MODERATOR ? VR_ROLE_MODERATOR : grants->role;
    out->admin = grants->admin || grants->room_admin;
    out->guest = grants->guest;
    out->hidden = grants->hidden;
    return VR_OK;
}

/* --- changing --- */

void vr_auth_revoke(struct vr_auth *auth, const char *jti, vr_committed_fn done, void *ctx)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    size_t size = strlen(jti);
    bool added = false;

    if (size == 0 || size > VR_JTI_MAX || commit == NULL) {
        vr_commit_free(commit);
        done(ctx, 0, commit == NULL ? VR_E_NO_MEMORY : VR_E_UNPROCESSABLE, 0);
        return;
    }
    pthread_rwlock_wrlock(&auth->lock);
    added = revoked_add(auth, jti, size);
    pthread_rwlock_unlock(&auth->lock);
    if (!added) {
        vr_commit_free(commit);
        done(ctx, 0, VR_E_NO_MEMORY, 0);
        return;
    }
    uint8_t at[8];
    vr_put64(at, (uint64_t)(auth->conf.clock->wall(auth->conf.clock->ctx) / 1000000));
    vr_commit_put(commit, VR_TABLE_REVOKED, vr_bytes(jti, size), vr_bytes(at, sizeof(at)));
    vr_records_submit(auth->conf.records, commit, done, ctx);
}

enum vr_err vr_auth_key_put(struct vr_auth *auth, const struct vr_key *key)
{
    struct vr_commit *commit = NULL;
    uint32_t at = 0;
    enum vr_err err = VR_OK;

    if (key->secret_size < VR_KEY_SECRET_MIN || key->secret_size > VR_KEY_SECRET_MAX ||
        key->kid[0] == 0 || strcmp(key->kid, GUEST_KID) == 0) {
        return VR_E_UNPROCESSABLE;
    }
    commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_commit_put(commit, VR_TABLE_KEYS, vr_bytes_of(key->kid),
                  vr_bytes(key->secret, key->secret_size));
    err = vr_records_commit(auth->conf.records, commit, NULL);
    if (err != VR_OK) {
        return err;
    }
    pthread_rwlock_wrlock(&auth->lock);
    while (at < auth->key_count && strcmp(auth->keys[at].kid, key->kid) != 0) {
        at++;
    }
    if (at < KEYS_MAX) {
        auth->keys[at] = *key;
        auth->key_count += at == auth->key_count ? 1 : 0;
    }
    pthread_rwlock_unlock(&auth->lock);
    return at < KEYS_MAX ? VR_OK : VR_E_FULL;
}
