/* personal.c - refs, users' keys, sealing; the only file of store/ that does cryptography.
 *
 *     | version 1 | nonce 12 | ciphertext ... | tag 16 |      a sealed field
 *
 * AES-256-GCM with a random nonce for each sealing: with 96 bits and one user's few fields a repeat
 * is out of reach (NIST SP 800-38D, 8.3 allows 2^32 sealings under one key). The ref is
 * authenticated beside the field, so that one user's field can't be laid under another. */
#include "store/personal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

#include "personal.pb-c.h"
#include "store/personal_cache.h"

#define SEAL_VERSION 1
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SEAL_EXTRA (1 + NONCE_BYTES + TAG_BYTES)
#define PEPPER_BYTES 32

struct vr_personal {
    struct vr_records *records;
    const struct vr_random *random;
    uint8_t pepper[PEPPER_BYTES];
    pthread_mutex_t lock; /* of the cache */
    struct vr_personal_cache cache;
};

enum vr_err vr_personal_new(struct vr_records *records, const uint8_t pepper[32],
                            struct vr_personal **out)
{
    struct vr_personal *personal = calloc(1, sizeof(*personal));

    if (personal == NULL) {
        return VR_E_NO_MEMORY;
    }
    personal->records = records;
    personal->random = vr_random_system();
    memcpy(personal->pepper, pepper, PEPPER_BYTES);
    pthread_mutex_init(&personal->lock, NULL);
    *out = personal;
    return VR_OK;
}

void vr_personal_free(struct vr_personal *personal)
{
    if (personal == NULL) {
        return;
    }
    pthread_mutex_destroy(&personal->lock);
    OPENSSL_cleanse(personal, sizeof(*personal));
    free(personal);
}

void vr_personal_set_random(struct vr_personal *personal, const struct vr_random *random)
{
    personal->random = random;
}

struct vr_id vr_personal_ref(const struct vr_personal *personal, const char *user)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};

    HMAC(EVP_sha256(), personal->pepper, PEPPER_BYTES, (const uint8_t *)user, strlen(user), digest,
         NULL);
    return vr_id_get(digest);
}

/* ---- sealing ---- */

/* `out` begins with the version and the nonce already. */
static bool gcm_seal(const uint8_t *key, const uint8_t ref[16], struct vr_bytes plain, uint8_t *out)
{
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    const uint8_t *nonce = out + 1;
    uint8_t *text = out + 1 + NONCE_BYTES;
    int size = 0;
    bool ok;

    ok = gcm != NULL && EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
         EVP_EncryptUpdate(gcm, NULL, &size, ref, 16) == 1 &&
         (plain.size == 0 ||
          EVP_EncryptUpdate(gcm, text, &size, plain.data, (int)plain.size) == 1) &&
         EVP_EncryptFinal_ex(gcm, text + plain.size, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + plain.size) == 1;
    EVP_CIPHER_CTX_free(gcm);
    return ok;
}

/* `out` has room for sealed.size - SEAL_EXTRA bytes. */
static bool gcm_open(const uint8_t *key, const uint8_t ref[16], struct vr_bytes sealed,
                     uint8_t *out)
{
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    const uint8_t *nonce = sealed.data + 1;
    const uint8_t *text = nonce + NONCE_BYTES;
    size_t text_size = sealed.size - SEAL_EXTRA;
    void *tag = (void *)(uintptr_t)(text + text_size);
    int size = 0;
    bool ok;

    ok = gcm != NULL && EVP_DecryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
         EVP_DecryptUpdate(gcm, NULL, &size, ref, 16) == 1 &&
         (text_size == 0 || EVP_DecryptUpdate(gcm, out, &size, text, (int)text_size) == 1) &&
         EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
         EVP_DecryptFinal_ex(gcm, out + text_size, &size) == 1;
    EVP_CIPHER_CTX_free(gcm);
    return ok;
}

static enum vr_err seal_with(const struct vr_random *random, const uint8_t *key, struct vr_id ref,
                             struct vr_bytes plain, struct vr_buf *out)
{
    uint8_t name[16];
    uint8_t *sealed;
    enum vr_err err = VR_E_INTERNAL;

    if (plain.size > VR_VALUE_MAX) {
        return VR_E_TOO_LARGE;
    }
    sealed = malloc(plain.size + SEAL_EXTRA);
    if (sealed == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_id_put(name, ref);
    sealed[0] = SEAL_VERSION;
    random->fill(random->ctx, sealed + 1, NONCE_BYTES);
    if (gcm_seal(key, name, plain, sealed)) {
        vr_buf_append(out, sealed, plain.size + SEAL_EXTRA);
        err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    free(sealed);
    return err;
}

static enum vr_err open_with(const uint8_t *key, struct vr_id ref, struct vr_bytes sealed,
                             struct vr_buf *out)
{
    uint8_t name[16];
    uint8_t *plain;
    size_t size;
    enum vr_err err = VR_E_DAMAGED;

    if (sealed.size < SEAL_EXTRA || sealed.size > VR_VALUE_MAX + SEAL_EXTRA ||
        sealed.data[0] != SEAL_VERSION) {
        return VR_E_DAMAGED;
    }
    size = sealed.size - SEAL_EXTRA;
    plain = malloc(size + 1);
    if (plain == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_id_put(name, ref);
    if (gcm_open(key, name, sealed, plain)) {
        vr_buf_append(out, plain, size);
        err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    OPENSSL_cleanse(plain, size);
    free(plain);
    return err;
}

/* ---- the users' rows ---- */

/* The row of `ref` out of the store: its key, and the sealed id if `sealed_id` is given. */
static enum vr_err row_load(struct vr_records *records, struct vr_id ref, uint8_t *key,
                            struct vr_buf *sealed_id)
{
    struct vr_buf bytes = {0};
    uint8_t name[16];
    Vr__UserRow *row = NULL;
    enum vr_err err;

    vr_id_put(name, ref);
    err = vr_records_get(records, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), &bytes);
    if (err == VR_OK) {
        row = vr__user_row__unpack(NULL, bytes.size, bytes.data);
        err = row != NULL && row->key.len == 0 && row->life > 0 ? VR_E_NOT_FOUND
              : row == NULL || row->key.len != VR_PERSONAL_KEY  ? VR_E_DAMAGED
                                                                : VR_OK;
    }
    if (err == VR_OK) {
        memcpy(key, row->key.data, VR_PERSONAL_KEY);
        if (sealed_id != NULL) {
            vr_buf_append(sealed_id, row->sealed_id.data, row->sealed_id.len);
            err = sealed_id->failed ? VR_E_NO_MEMORY : VR_OK;
        }
        OPENSSL_cleanse(row->key.data, row->key.len);
    }
    if (row != NULL) {
        vr__user_row__free_unpacked(row, NULL);
    }
    if (bytes.data != NULL) {
        OPENSSL_cleanse(bytes.data, bytes.size);
    }
    vr_buf_deinit(&bytes);
    return err;
}

/* Field sealed with one of the user's other keys: made on another node. The row tells them all. */
static enum vr_err open_with_others(struct vr_records *records, struct vr_id ref,
                                    struct vr_bytes sealed, struct vr_buf *out)
{
    struct vr_buf bytes = {0};
    uint8_t name[16];
    Vr__UserRow *row = NULL;
    enum vr_err err;

    vr_id_put(name, ref);
    err = vr_records_get(records, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), &bytes);
    if (err == VR_OK) {
        row = vr__user_row__unpack(NULL, bytes.size, bytes.data);
        err = VR_E_DAMAGED;
    }
    if (row != NULL && row->key.len == VR_PERSONAL_KEY) {
        err = open_with(row->key.data, ref, sealed, out);
    }
    for (size_t i = 0; row != NULL && err == VR_E_DAMAGED && i < row->n_more; i++) {
        if (row->more[i].len == VR_PERSONAL_KEY) {
            err = open_with(row->more[i].data, ref, sealed, out);
        }
    }
    if (row != NULL) {
        vr__user_row__free_unpacked(row, NULL);
    }
    if (bytes.data != NULL) {
        OPENSSL_cleanse(bytes.data, bytes.size);
    }
    vr_buf_deinit(&bytes);
    return err == VR_E_NOT_FOUND ? VR_E_DAMAGED : err;
}

/* Whether the row that has landed opens what is sealed with `key`, be it the first of its keys or
 * one of the others. */
static bool row_has_key(struct vr_records *records, struct vr_id ref, const uint8_t *key)
{
    struct vr_buf bytes = {0};
    uint8_t name[16];
    bool found = false;

    vr_id_put(name, ref);
    if (vr_records_get(records, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), &bytes) == VR_OK) {
        found = vr_personal_has_key(vr_buf_bytes(&bytes), key);
        OPENSSL_cleanse(bytes.data, bytes.size);
    }
    vr_buf_deinit(&bytes);
    return found;
}

static uint32_t row_life(struct vr_records *records, struct vr_id ref)
{
    struct vr_buf bytes = {0};
    uint8_t name[16];
    uint32_t life = 0;

    vr_id_put(name, ref);
    if (vr_records_get(records, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), &bytes) == VR_OK) {
        life = vr_personal_life(vr_buf_bytes(&bytes));
        OPENSSL_cleanse(bytes.data, bytes.size);
    }
    vr_buf_deinit(&bytes);
    return life;
}

static enum vr_err row_add(const struct vr_random *random, struct vr_commit *commit,
                           struct vr_id ref, const uint8_t *key, uint32_t life, const char *user)
{
    struct vr_buf sealed = {0};
    Vr__UserRow row = VR__USER_ROW__INIT;
    uint8_t name[16];
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum vr_err err = seal_with(random, key, ref, vr_bytes_of(user), &sealed);

    if (err == VR_OK) {
        row.key = (ProtobufCBinaryData){VR_PERSONAL_KEY, (uint8_t *)(uintptr_t)key};
        row.sealed_id = (ProtobufCBinaryData){sealed.size, sealed.data};
        row.life = life;
        size = vr__user_row__get_packed_size(&row);
        bytes = malloc(size);
        err = bytes == NULL ? VR_E_NO_MEMORY : VR_OK;
    }
    if (err == VR_OK) {
        vr__user_row__pack(&row, bytes);
        vr_id_put(name, ref);
        vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), vr_bytes(bytes, size));
        OPENSSL_cleanse(bytes, size);
    }
    free(bytes);
    vr_buf_deinit(&sealed);
    return err;
}

/* ---- keys: cache first, then the store ---- */

static struct vr_personal_entry *remember(struct vr_personal *personal, struct vr_id ref,
                                          enum vr_personal_state state, const uint8_t *key)
{
    struct vr_personal_entry *entry = vr_personal_cache_find(&personal->cache, ref);

    if (entry == NULL) {
        entry = vr_personal_cache_add(&personal->cache, ref);
        entry->life = 0;
    }
    entry->state = state;
    memcpy(entry->key, key, VR_PERSONAL_KEY);
    return entry;
}

/* Under the lock. */
static enum vr_err ensure_key(struct vr_personal *personal, struct vr_id ref, uint8_t *key,
                              uint32_t *life, bool *is_new)
{
    struct vr_personal_entry *entry = vr_personal_cache_find(&personal->cache, ref);
    enum vr_personal_state state = entry == NULL ? VR_PERSONAL_NONE : entry->state;
    enum vr_err err;

    *is_new = false;
    if (state == VR_PERSONAL_STORED) {
        return VR_OK;
    }
    err = row_load(personal->records, ref, key, NULL);
    if (err != VR_OK && err != VR_E_NOT_FOUND && err != VR_E_DAMAGED) {
        return err;
    }
    if (err == VR_OK && state == VR_PERSONAL_NONE) {
        remember(personal, ref, VR_PERSONAL_STORED, key);
        return VR_OK;
    }
    if (err == VR_OK && state == VR_PERSONAL_PENDING &&
        row_has_key(personal->records, ref, entry->key)) {
        entry->state = VR_PERSONAL_STORED;
        return VR_OK;
    }
    if (state == VR_PERSONAL_PENDING) {
        memcpy(key, entry->key,
               VR_PERSONAL_KEY); /* the row goes into this commit too: the other may fail */
    } else {
        /* New, erased, or a damaged row, whose fields nobody can open anyway. */
        personal->random->fill(personal->random->ctx, key, VR_PERSONAL_KEY);
    }
    entry = remember(personal, ref, VR_PERSONAL_PENDING, key);
    *life = row_life(personal->records, ref);
    *life = entry->life > *life ? entry->life : *life; /* the erasing may not have landed */
    entry->life = *life;
    *is_new = true;
    return VR_OK;
}

enum vr_err vr_personal_ensure(struct vr_personal *personal, const char *user,
                               struct vr_commit *commit, struct vr_id *ref)
{
    uint8_t key[VR_PERSONAL_KEY];
    uint32_t life = 0;
    bool is_new = false;
    enum vr_err err;

    *ref = vr_personal_ref(personal, user);
    pthread_mutex_lock(&personal->lock);
    err = ensure_key(personal, *ref, key, &life, &is_new);
    pthread_mutex_unlock(&personal->lock);
    if (err == VR_OK && is_new) {
        err = row_add(personal->random, commit, *ref, key, life, user);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

static enum vr_err find_key(struct vr_personal *personal, struct vr_id ref, uint8_t *key)
{
    struct vr_personal_entry *entry;
    enum vr_err err = VR_OK;

    pthread_mutex_lock(&personal->lock);
    entry = vr_personal_cache_find(&personal->cache, ref);
    if (entry == NULL) {
        err = row_load(personal->records, ref, key, NULL);
        if (err == VR_OK) {
            remember(personal, ref, VR_PERSONAL_STORED, key);
        }
    } else if (entry->state == VR_PERSONAL_ERASED) {
        err = VR_E_NOT_FOUND;
    } else {
        memcpy(key, entry->key, VR_PERSONAL_KEY);
    }
    pthread_mutex_unlock(&personal->lock);
    return err;
}

enum vr_err vr_personal_seal(struct vr_personal *personal, struct vr_id ref, struct vr_bytes plain,
                             struct vr_buf *out)
{
    uint8_t key[VR_PERSONAL_KEY];
    enum vr_err err = find_key(personal, ref, key);

    if (err == VR_OK) {
        err = seal_with(personal->random, key, ref, plain, out);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

enum vr_err vr_personal_open(struct vr_personal *personal, struct vr_id ref, struct vr_bytes sealed,
                             struct vr_buf *out)
{
    uint8_t key[VR_PERSONAL_KEY];
    enum vr_err err = find_key(personal, ref, key);

    if (err == VR_OK) {
        err = open_with(key, ref, sealed, out);
    }
    if (err == VR_E_DAMAGED) {
        err = open_with_others(personal->records, ref, sealed, out);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

enum vr_err vr_personal_user(struct vr_personal *personal, struct vr_id ref, struct vr_buf *out)
{
    struct vr_buf sealed = {0};
    uint8_t key[VR_PERSONAL_KEY];
    enum vr_err err = find_key(personal, ref, key); /* says NOT_FOUND for the erased */

    if (err == VR_OK) {
        err = row_load(personal->records, ref, key, &sealed);
    }
    if (err == VR_OK) {
        err = open_with(key, ref, vr_buf_bytes(&sealed), out);
    }
    if (err == VR_E_DAMAGED && sealed.size > 0) {
        err = open_with_others(personal->records, ref, vr_buf_bytes(&sealed), out);
    }
    vr_buf_deinit(&sealed);
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

enum vr_err vr_personal_erase(struct vr_personal *personal, struct vr_id ref,
                              struct vr_commit *commit)
{
    static const uint8_t nothing[VR_PERSONAL_KEY];
    struct vr_personal_entry *entry;
    struct vr_buf row = {0};
    uint32_t life = row_life(personal->records, ref);
    uint8_t name[16];
    enum vr_err err;

    pthread_mutex_lock(&personal->lock);
    entry = remember(personal, ref, VR_PERSONAL_ERASED, nothing);
    entry->life = 1 + (entry->life > life ? entry->life : life);
    life = entry->life;
    pthread_mutex_unlock(&personal->lock);
    vr_id_put(name, ref);
    err = vr_personal_erased(life, &row);
    if (err == VR_OK) {
        vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(name, sizeof(name)), vr_buf_bytes(&row));
    }
    vr_buf_deinit(&row);
    return err;
}

void vr_personal_reread(struct vr_personal *personal)
{
    pthread_mutex_lock(&personal->lock);
    vr_personal_cache_drop_stored(&personal->cache);
    pthread_mutex_unlock(&personal->lock);
}
