/* auth.c - keys and revocations in memory, loaded at start; the store has them for good. */
#include "nodes/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/random.h"
#include "actors/wire/resume.h"
#include "nodes/auth_internal.h"

#define GUEST_TOKEN_S (24 * 3600)
#define SWEPT_MAX 500 /* rows in one bite */
/* A resume token outlives by 12 hours the token that it stands for. */
#define KEPT_AFTER_S (13 * 3600)

/* META rows; their names are part of the format. */
static const char guest_key_row[] = "guest-key";
static const char join_code_row[] = "join-code";

/* --- loading --- */

static int by_jti(const void *a, const void *b)
{
    return strcmp(((const struct revoked *)a)->jti, ((const struct revoked *)b)->jti);
}

/** Under the lock, or at start. False: memory is out. */
static bool revoked_add(struct vr_auth *auth, const char *jti, size_t size, int64_t until)
{
    struct revoked entry = {.until = until};
    struct revoked *known = NULL;

    memcpy(entry.jti, jti, size);
    entry.hash = vr_resume_user_hint(entry.jti).hi;
    if (auth->revoked_count > 0) {
        known = bsearch(&entry, auth->revoked, auth->revoked_count, sizeof(entry), by_jti);
    }
    if (known != NULL) {
        known->until = until;
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
    int64_t until = value.size == 16 ? (int64_t)vr_get64(value.data + 8) : 0;

    return key.size > VR_JTI_MAX || revoked_add(ctx, (const char *)key.data, key.size, until);
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
    struct vr_key key = {.kid = ADMIN_KID};

    if (auth->key_count > 0) {
        return VR_OK;
    }
    vr_auth_secret_make(auth->conf.random, &key);
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
    err = auth_keys_load(auth);
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

static bool key_of(void *ctx, const char *kid, struct vr_key *out)
{
    return vr_auth_key(ctx, kid, out);
}

static bool is_revoked(void *ctx, const char *jti)
{
    struct vr_auth *auth = ctx;
    struct revoked key = {.until = 0};
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

uint64_t vr_auth_changes(const struct vr_auth *auth)
{
    return atomic_load(&auth->changes);
}

void vr_auth_use(struct vr_auth *auth, struct vr_records *records)
{
    auth->conf.records = records;
}

/* Into fresh lists, then all at once; what is on its way here (coming, going) stays as it is. */
void vr_auth_reload(struct vr_auth *auth)
{
    struct vr_auth *fresh = calloc(1, sizeof(*fresh));
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = fresh == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK) {
        fresh->conf = auth->conf;
        err = auth_keys_load(fresh);
    }
    if (err == VR_OK) {
        err = vr_records_scan(auth->conf.records, VR_TABLE_REVOKED, all, all, revoked_load, fresh);
    }
    if (err != VR_OK) {
        vr_log(VR_LOG_ERROR, "keys of other nodes cannot be read", VR_S("why", vr_err_text(err)));
    } else {
        struct revoked *old;

        pthread_rwlock_wrlock(&auth->lock);
        auth_keys_take(auth, fresh);
        old = auth->revoked;
        auth->revoked = fresh->revoked;
        auth->revoked_count = fresh->revoked_count;
        auth->revoked_capacity = fresh->revoked_capacity;
        fresh->revoked = old;
        pthread_rwlock_unlock(&auth->lock);
        atomic_fetch_add(&auth->changes, 1);
    }
    if (fresh != NULL) {
        free(fresh->revoked);
        explicit_bzero(fresh, sizeof(*fresh));
        free(fresh);
    }
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
    out->no_publish = !grants->can_publish;
    out->no_subscribe = !grants->can_subscribe;
    out->no_request = !grants->can_request_to_speak;
    return VR_OK;
}

/* --- changing --- */

void vr_auth_revoke(struct vr_auth *auth, const char *jti, int64_t until, vr_committed_fn done,
                    void *ctx)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    size_t size = strlen(jti);
    uint8_t row[16]; /* when it was revoked, until when it must be known */
    bool added = false;

    if (size == 0 || size > VR_JTI_MAX || commit == NULL) {
        vr_commit_free(commit);
        done(ctx, 0, commit == NULL ? VR_E_NO_MEMORY : VR_E_UNPROCESSABLE, 0);
        return;
    }
    pthread_rwlock_wrlock(&auth->lock);
    added = revoked_add(auth, jti, size, until);
    pthread_rwlock_unlock(&auth->lock);
    if (!added) {
        vr_commit_free(commit);
        done(ctx, 0, VR_E_NO_MEMORY, 0);
        return;
    }
    atomic_fetch_add(&auth->changes, 1);
    vr_put64(row, (uint64_t)auth_wall_s(auth));
    vr_put64(row + 8, (uint64_t)until);
    vr_commit_put(commit, VR_TABLE_REVOKED, vr_bytes(jti, size), vr_bytes(row, sizeof(row)));
    vr_records_submit(auth->conf.records, commit, done, ctx);
}

static void on_swept(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    (void)revision;
    if (err != VR_OK) { /* they are loaded again at the next start, and swept then */
        vr_log(VR_LOG_WARN, "expired revocations stay in the store", VR_S("why", vr_err_text(err)));
    }
}

bool vr_auth_sweep(struct vr_auth *auth)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    int64_t now = auth_wall_s(auth);
    size_t kept = 0;
    bool more = false;

    if (commit == NULL) {
        return false;
    }
    pthread_rwlock_wrlock(&auth->lock);
    for (size_t i = 0; i < auth->revoked_count; i++) {
        const struct revoked *entry = &auth->revoked[i];
        bool over = entry->until != 0 && entry->until + KEPT_AFTER_S < now;

        if (over && commit->op_count < SWEPT_MAX) {
            vr_commit_remove(commit, VR_TABLE_REVOKED, vr_bytes_of(entry->jti));
        } else {
            more = more || over;
            auth->revoked[kept++] = *entry;
        }
    }
    auth->revoked_count = kept;
    pthread_rwlock_unlock(&auth->lock);
    if (commit->op_count == 0) {
        vr_commit_free(commit);
    } else {
        vr_records_submit(auth->conf.records, commit, on_swept, NULL);
    }
    return more;
}
