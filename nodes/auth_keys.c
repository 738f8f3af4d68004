/* auth_keys.c - API keys: many at a time, so that one can follow another without a break.
 *
 * A row of KEYS is the secret alone; when it was made stands in META beside it. A key comes:
 * commit, then live. A key goes: refused at once, then the commit; if that fails it stays refused
 * here, and may be deleted again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/random.h"
#include "actors/wire/resume.h"
#include "nodes/auth_internal.h"

#define SECRET_SIZE 52 /* letters of 5 bits: 260 bits */
#define MADE_ROW "key-made:"

static struct vr_bytes made_row(char out[sizeof(MADE_ROW) + VR_KID_MAX], const char *kid)
{
    snprintf(out, sizeof(MADE_ROW) + VR_KID_MAX, "%s%s", MADE_ROW, kid);
    return vr_bytes_of(out);
}

int64_t auth_wall_s(const struct vr_auth *auth)
{
    return auth->conf.clock->wall(auth->conf.clock->ctx) / 1000000;
}

/** Under the lock, or at start. */
static struct held_key *key_find(struct vr_auth *auth, const char *kid)
{
    for (uint32_t i = 0; i < auth->key_count; i++) {
        if (strcmp(auth->keys[i].key.kid, kid) == 0) {
            return &auth->keys[i];
        }
    }
    return NULL;
}

/** Under the lock. */
static uint32_t live_count(const struct vr_auth *auth)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < auth->key_count; i++) {
        count += auth->keys[i].state == KEY_LIVE ? 1 : 0;
    }
    return count;
}

/** Under the lock. */
static void key_drop(struct vr_auth *auth, struct held_key *held)
{
    *held = auth->keys[--auth->key_count];
    explicit_bzero(&auth->keys[auth->key_count], sizeof(auth->keys[0]));
}

/* --- loading --- */

static bool key_load(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct vr_auth *auth = ctx;
    struct held_key *held = &auth->keys[auth->key_count];

    if (auth->key_count == VR_KEYS_MAX) {
        vr_log(VR_LOG_ERROR, "more API keys than can be held: the rest are not loaded");
        return false;
    }
    if (key.size > VR_KID_MAX || value.size < VR_KEY_SECRET_MIN || value.size > VR_KEY_SECRET_MAX) {
        return true;
    }
    *held = (struct held_key){.key.secret_size = value.size, .state = KEY_LIVE};
    memcpy(held->key.kid, key.data, key.size);
    memcpy(held->key.secret, value.data, value.size);
    held->hash = vr_resume_user_hint(held->key.kid).hi;
    auth->key_count++;
    return true;
}

static void made_load(struct vr_auth *auth, struct held_key *held)
{
    char row[sizeof(MADE_ROW) + VR_KID_MAX];
    struct vr_buf value = {0};

    if (vr_records_get(auth->conf.records, VR_TABLE_META, made_row(row, held->key.kid), &value) ==
            VR_OK &&
        value.size == 8) {
        held->created_at = (int64_t)vr_get64(value.data);
    }
    vr_buf_deinit(&value);
}

enum vr_err auth_keys_load(struct vr_auth *auth)
{
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = vr_records_scan(auth->conf.records, VR_TABLE_KEYS, all, all, key_load, auth);

    for (uint32_t i = 0; i < auth->key_count; i++) {
        made_load(auth, &auth->keys[i]);
    }
    return err;
}

void auth_keys_take(struct vr_auth *auth, const struct vr_auth *fresh)
{
    struct held_key kept[VR_KEYS_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < auth->key_count; i++) {
        if (auth->keys[i].state != KEY_LIVE) {
            kept[count++] = auth->keys[i];
        }
    }
    memcpy(auth->keys, kept, count * sizeof(kept[0]));
    auth->key_count = count;
    for (uint32_t i = 0; i < fresh->key_count && auth->key_count < VR_KEYS_MAX; i++) {
        if (key_find(auth, fresh->keys[i].key.kid) == NULL) {
            auth->keys[auth->key_count++] = fresh->keys[i];
        }
    }
    explicit_bzero(kept, sizeof(kept));
}

/* --- reading --- */

bool vr_auth_key(struct vr_auth *auth, const char *kid, struct vr_key *out)
{
    const struct held_key *held = NULL;
    bool found = false;

    if (strcmp(kid, GUEST_KID) == 0) {
        *out = auth->guest;
        return true;
    }
    pthread_rwlock_rdlock(&auth->lock);
    held = key_find(auth, kid);
    found = held != NULL && held->state == KEY_LIVE;
    if (found) {
        *out = held->key;
    }
    pthread_rwlock_unlock(&auth->lock);
    return found;
}

static int by_kid(const void *a, const void *b)
{
    return strcmp(((const struct vr_key_about *)a)->kid, ((const struct vr_key_about *)b)->kid);
}

uint32_t vr_auth_keys(struct vr_auth *auth, struct vr_key_about out[VR_KEYS_MAX])
{
    uint32_t count = 0;

    pthread_rwlock_rdlock(&auth->lock);
    for (uint32_t i = 0; i < auth->key_count; i++) {
        if (auth->keys[i].state == KEY_LIVE) {
            out[count] = (struct vr_key_about){.created_at = auth->keys[i].created_at};
            memcpy(out[count++].kid, auth->keys[i].key.kid, sizeof(out->kid));
        }
    }
    pthread_rwlock_unlock(&auth->lock);
    qsort(out, count, sizeof(out[0]), by_kid);
    return count;
}

/* --- changing --- */

/** A change whose commit is under way; `done` is told on the journal's thread. */
struct change {
    struct vr_auth *auth;
    char kid[VR_KID_MAX + 1];
    vr_committed_fn done;
    void *ctx;
};

static struct vr_commit *key_commit(const struct held_key *held)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    char row[sizeof(MADE_ROW) + VR_KID_MAX];
    uint8_t at[8];

    if (commit != NULL) {
        vr_put64(at, (uint64_t)held->created_at);
        vr_commit_put(commit, VR_TABLE_KEYS, vr_bytes_of(held->key.kid),
                      vr_bytes(held->key.secret, held->key.secret_size));
        vr_commit_put(commit, VR_TABLE_META, made_row(row, held->key.kid), vr_bytes(at, 8));
    }
    return commit;
}

enum vr_err vr_auth_key_put(struct vr_auth *auth, const struct vr_key *key)
{
    struct held_key fresh = {.key = *key,
                             .hash = vr_resume_user_hint(key->kid).hi,
                             .created_at = auth_wall_s(auth),
                             .state = KEY_LIVE};
    struct held_key *held = NULL;
    enum vr_err err = VR_OK;

    if (key->secret_size < VR_KEY_SECRET_MIN || key->secret_size > VR_KEY_SECRET_MAX ||
        key->kid[0] == 0 || strcmp(key->kid, GUEST_KID) == 0) {
        return VR_E_UNPROCESSABLE;
    }
    err = VR_E_NO_MEMORY;
    struct vr_commit *commit = key_commit(&fresh);
    if (commit != NULL) {
        err = vr_records_commit(auth->conf.records, commit, NULL);
    }
    if (err != VR_OK) {
        return err;
    }
    pthread_rwlock_wrlock(&auth->lock);
    held = key_find(auth, key->kid);
    if (held == NULL && auth->key_count < VR_KEYS_MAX) {
        held = &auth->keys[auth->key_count++];
    }
    if (held != NULL) {
        *held = fresh;
    }
    pthread_rwlock_unlock(&auth->lock);
    atomic_fetch_add(&auth->changes, 1); /* the secret under this name may be another one now */
    return held != NULL ? VR_OK : VR_E_CONFLICT;
}

void vr_auth_secret_make(const struct vr_random *random, struct vr_key *key)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

    key->secret_size = SECRET_SIZE;
    random->fill(random->ctx, key->secret, key->secret_size);
    for (size_t i = 0; i < key->secret_size; i++) { /* text, so that it fits into a JSON file */
        key->secret[i] = (uint8_t)digits[key->secret[i] % 32];
    }
}

bool vr_auth_kid_valid(const char *kid)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = strlen(kid);

    return size > 0 && size <= VR_KID_MAX && strspn(kid, allowed) == size &&
           strcmp(kid, ".") != 0 && strcmp(kid, "..") != 0 && strcmp(kid, GUEST_KID) != 0;
}

static struct change *change_new(struct vr_auth *auth, const char *kid, vr_committed_fn done,
                                 void *ctx)
{
    struct change *change = calloc(1, sizeof(*change));

    if (change != NULL) {
        *change = (struct change){.auth = auth, .done = done, .ctx = ctx};
        snprintf(change->kid, sizeof(change->kid), "%s", kid);
    }
    return change;
}

static void on_added(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct change *change = ctx;
    struct held_key *held = NULL;

    pthread_rwlock_wrlock(&change->auth->lock);
    held = key_find(change->auth, change->kid);
    if (held != NULL && err == VR_OK) {
        held->state = KEY_LIVE;
    } else if (held != NULL) {
        key_drop(change->auth, held);
    }
    pthread_rwlock_unlock(&change->auth->lock);
    change->done(change->ctx, ticket, err, revision);
    free(change);
}

enum vr_err vr_auth_key_add(struct vr_auth *auth, struct vr_key *key, int64_t *created_at,
                            vr_committed_fn done, void *ctx)
{
    struct held_key fresh = {.created_at = auth_wall_s(auth), .state = KEY_COMING};
    struct change *change = NULL;
    struct vr_commit *commit = NULL;
    enum vr_err err = VR_OK;

    if (!vr_auth_kid_valid(key->kid)) {
        return VR_E_UNPROCESSABLE;
    }
    vr_auth_secret_make(auth->conf.random, key);
    fresh.key = *key;
    fresh.hash = vr_resume_user_hint(key->kid).hi;
    *created_at = fresh.created_at;
    change = change_new(auth, key->kid, done, ctx);
    commit = key_commit(&fresh);
    pthread_rwlock_wrlock(&auth->lock);
    if (change == NULL || commit == NULL) {
        err = VR_E_NO_MEMORY;
    } else if (key_find(auth, key->kid) != NULL) {
        err = VR_E_EXISTS;
    } else if (auth->key_count == VR_KEYS_MAX) {
        err = VR_E_CONFLICT;
    } else {
        auth->keys[auth->key_count++] = fresh;
    }
    pthread_rwlock_unlock(&auth->lock);
    explicit_bzero(&fresh, sizeof(fresh));
    if (err != VR_OK) {
        vr_commit_free(commit);
        free(change);
        return err;
    }
    vr_records_submit(auth->conf.records, commit, on_added, change);
    return VR_OK;
}

static void on_removed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct change *change = ctx;
    struct held_key *held = NULL;

    pthread_rwlock_wrlock(&change->auth->lock);
    held = key_find(change->auth, change->kid);
    if (held != NULL && held->state == KEY_GOING && err == VR_OK) {
        key_drop(change->auth, held);
    }
    pthread_rwlock_unlock(&change->auth->lock);
    change->done(change->ctx, ticket, err, revision);
    free(change);
}

enum vr_err vr_auth_key_remove(struct vr_auth *auth, const char *kid, const char *kept,
                               vr_committed_fn done, void *ctx)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    struct change *change = change_new(auth, kid, done, ctx);
    char row[sizeof(MADE_ROW) + VR_KID_MAX];
    struct held_key *held = NULL;
    enum vr_err err = VR_OK;

    pthread_rwlock_wrlock(&auth->lock);
    held = key_find(auth, kid);
    if (commit == NULL || change == NULL) {
        err = VR_E_NO_MEMORY;
    } else if (held == NULL || held->state == KEY_COMING) {
        err = VR_E_NOT_FOUND;
    } else if (kept != NULL && held->state == KEY_LIVE &&
               (live_count(auth) == 1 || strcmp(kid, kept) == 0)) {
        err = VR_E_CONFLICT;
    } else {
        held->state = KEY_GOING;
    }
    pthread_rwlock_unlock(&auth->lock);
    if (err != VR_OK) {
        vr_commit_free(commit);
        free(change);
        return err;
    }
    atomic_fetch_add(&auth->changes, 1);
    vr_commit_remove(commit, VR_TABLE_KEYS, vr_bytes_of(kid));
    vr_commit_remove(commit, VR_TABLE_META, made_row(row, kid));
    vr_records_submit(auth->conf.records, commit, on_removed, change);
    return VR_OK;
}
