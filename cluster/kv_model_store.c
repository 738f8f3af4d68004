/* kv_model_store.c - what etcd's own store does, without time. */
#include "cluster/kv_model_store.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"

static struct vr_bytes copy_bytes(struct vr_bytes bytes)
{
    uint8_t *data = malloc(bytes.size + 1);

    vr_assert(data != NULL); /* tests only */
    if (bytes.size > 0) {
        memcpy(data, bytes.data, bytes.size);
    }
    return vr_bytes(data, bytes.size);
}

static struct vr_kv_pair copy_pair(const struct vr_kv_pair *pair)
{
    struct vr_kv_pair copy = *pair;

    copy.key = copy_bytes(pair->key);
    copy.value = copy_bytes(pair->value);
    return copy;
}

static void free_pair(const struct vr_kv_pair *pair)
{
    free((void *)(uintptr_t)pair->key.data);
    free((void *)(uintptr_t)pair->value.data);
}

static int order(struct vr_bytes a, struct vr_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int first = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return first != 0 ? first : (a.size > b.size) - (a.size < b.size);
}

bool model_has_prefix(struct vr_bytes key, struct vr_bytes prefix)
{
    return key.size >= prefix.size && memcmp(key.data, prefix.data, prefix.size) == 0;
}

void model_store_init(struct model_store *store)
{
    *store = (struct model_store){.revision = 1, .last_lease = 7000, .cluster_id = 0xe7cd};
    vr_list_init(&store->keys);
    vr_list_init(&store->leases);
    vr_list_init(&store->history);
}

static void free_key(struct model_key *key)
{
    vr_list_remove(&key->link);
    free_pair(&key->pair);
    free(key);
}

void model_forget_history(struct model_store *store)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&store->history)) != NULL) {
        struct model_change *change = VR_OWNER(link, struct model_change, link);

        free_pair(&change->event.pair);
        free(change);
    }
    store->compacted = store->revision;
}

void model_store_deinit(struct model_store *store)
{
    struct vr_list *link;

    if (store->keys.next == NULL) {
        return;
    }
    model_forget_history(store);
    while ((link = vr_list_pop(&store->keys)) != NULL) {
        free_key(VR_OWNER(link, struct model_key, link));
    }
    while ((link = vr_list_pop(&store->leases)) != NULL) {
        free(VR_OWNER(link, struct model_lease, link));
    }
}

struct model_key *model_find(const struct model_store *store, struct vr_bytes key)
{
    VR_LIST_EACH(link, &store->keys)
    {
        struct model_key *found = VR_OWNER(link, struct model_key, link);

        if (vr_bytes_equal(found->pair.key, key)) {
            return found;
        }
    }
    return NULL;
}

static struct vr_list *place_for(struct model_store *store, struct vr_bytes key)
{
    VR_LIST_EACH(link, &store->keys)
    {
        if (order(VR_OWNER(link, struct model_key, link)->pair.key, key) > 0) {
            return link;
        }
    }
    return &store->keys;
}

static void note_change(struct model_store *store, const struct vr_kv_pair *pair, bool deleted)
{
    struct model_change *change = calloc(1, sizeof(*change));

    vr_assert(change != NULL);
    vr_list_init(&change->link);
    change->event.pair = copy_pair(pair);
    change->event.deleted = deleted;
    vr_list_push(&store->history, &change->link);
}

static void put(struct model_store *store, const struct vr_kv_op *op, int64_t revision)
{
    struct model_key *key = model_find(store, op->key);

    if (key == NULL) {
        key = calloc(1, sizeof(*key));
        vr_assert(key != NULL);
        vr_list_init(&key->link);
        key->pair.key = copy_bytes(op->key);
        key->pair.create_revision = revision;
        vr_list_push(place_for(store, op->key), &key->link);
    } else {
        free((void *)(uintptr_t)key->pair.value.data);
    }
    key->pair.value = copy_bytes(op->value);
    key->pair.mod_revision = revision;
    key->pair.lease = op->lease;
    note_change(store, &key->pair, false);
}

static void delete_key(struct model_store *store, struct model_key *key, int64_t revision)
{
    struct vr_kv_pair gone = {.key = key->pair.key, .mod_revision = revision};

    note_change(store, &gone, true);
    free_key(key);
}

static uint32_t delete_prefix(struct model_store *store, struct vr_bytes prefix, int64_t revision)
{
    uint32_t count = 0;

    VR_LIST_EACH(link, &store->keys)
    {
        struct model_key *key = VR_OWNER(link, struct model_key, link);

        if (model_has_prefix(key->pair.key, prefix)) {
            delete_key(store, key, revision);
            count++;
        }
    }
    return count;
}

static bool holds(const struct model_store *store, const struct vr_kv_compare *compare)
{
    const struct model_key *key = model_find(store, compare->key);

    switch (compare->kind) {
    case VR_KV_ABSENT:
        return key == NULL;
    case VR_KV_EXISTS:
        return key != NULL;
    case VR_KV_MOD_IS:
        return (key == NULL ? 0 : key->pair.mod_revision) == compare->revision;
    case VR_KV_VALUE_IS:
        return key != NULL && vr_bytes_equal(key->pair.value, compare->value);
    }
    return false;
}

static void give(struct vr_kv_result *result, const struct vr_kv_pair *pair)
{
    struct vr_kv_pair *pairs =
        realloc((void *)(uintptr_t)result->pairs, (result->pair_count + 1) * sizeof(*pairs));

    vr_assert(pairs != NULL);
    pairs[result->pair_count++] = copy_pair(pair);
    result->pairs = pairs;
}

static void give_prefix(const struct model_store *store, struct vr_bytes prefix,
                        struct vr_kv_result *result)
{
    VR_LIST_EACH(link, &store->keys)
    {
        const struct model_key *key = VR_OWNER(link, struct model_key, link);

        if (model_has_prefix(key->pair.key, prefix)) {
            give(result, &key->pair);
        }
    }
}

static bool leases_live(struct model_store *store, const struct vr_kv_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].kind == VR_KV_PUT && ops[i].lease != 0 &&
            model_lease(store, ops[i].lease) == NULL) {
            return false;
        }
    }
    return true;
}

/* Returns how many keys were written. */
static uint32_t run_op(struct model_store *store, const struct vr_kv_op *op, int64_t revision,
                       struct vr_kv_result *result)
{
    struct model_key *key;

    switch (op->kind) {
    case VR_KV_PUT:
        put(store, op, revision);
        return 1;
    case VR_KV_DELETE:
        key = model_find(store, op->key);
        if (key != NULL) {
            delete_key(store, key, revision);
        }
        return key != NULL ? 1 : 0;
    case VR_KV_DELETE_PREFIX:
        return delete_prefix(store, op->key, revision);
    case VR_KV_GET:
        key = model_find(store, op->key);
        if (key != NULL) {
            give(result, &key->pair);
        }
        return 0;
    case VR_KV_GET_PREFIX:
        give_prefix(store, op->key, result);
        return 0;
    }
    return 0;
}

/* etcd refuses a transaction that writes one key twice. */
static bool writes_twice(const struct vr_kv_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i + 1; j < count; j++) {
            if (ops[i].kind <= VR_KV_DELETE && ops[j].kind <= VR_KV_DELETE &&
                vr_bytes_equal(ops[i].key, ops[j].key)) {
                return true;
            }
        }
    }
    return false;
}

void model_txn(struct model_store *store, const struct vr_kv_txn *txn, struct vr_kv_result *result)
{
    const struct vr_kv_op *ops = txn->then;
    uint32_t count = txn->then_count;
    uint32_t written = 0;

    *result = (struct vr_kv_result){.succeeded = true, .cluster_id = store->cluster_id};
    if (txn->then_count > VR_KV_OPS_MAX || txn->otherwise_count > VR_KV_OPS_MAX ||
        writes_twice(txn->then, txn->then_count)) {
        result->err = VR_E_BAD_REQUEST;
        return;
    }
    for (uint32_t i = 0; i < txn->compare_count; i++) {
        result->succeeded = result->succeeded && holds(store, &txn->compares[i]);
    }
    if (!result->succeeded) {
        ops = txn->otherwise;
        count = txn->otherwise_count;
    }
    if (!leases_live(store, ops, count)) {
        result->err = VR_E_GONE;
        result->succeeded = false;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        written += run_op(store, &ops[i], store->revision + 1, result);
    }
    store->revision += written > 0 ? 1 : 0;
    store->transactions += written > 0 ? 1 : 0;
    result->revision = store->revision;
}

void model_result_deinit(struct vr_kv_result *result)
{
    for (uint32_t i = 0; i < result->pair_count; i++) {
        free_pair(&result->pairs[i]);
    }
    free((void *)(uintptr_t)result->pairs);
    *result = (struct vr_kv_result){0};
}

struct model_lease *model_lease(struct model_store *store, int64_t id)
{
    VR_LIST_EACH(link, &store->leases)
    {
        struct model_lease *lease = VR_OWNER(link, struct model_lease, link);

        if (lease->id == id) {
            return lease;
        }
    }
    return NULL;
}

void model_lease_end(struct model_store *store, struct model_lease *lease)
{
    uint32_t count = 0;

    VR_LIST_EACH(link, &store->keys)
    {
        struct model_key *key = VR_OWNER(link, struct model_key, link);

        if (key->pair.lease == lease->id) {
            delete_key(store, key, store->revision + 1);
            count++;
        }
    }
    store->revision += count > 0 ? 1 : 0;
    vr_list_remove(&lease->link);
    free(lease);
}

bool model_copy(struct model_store *to, const struct model_store *from)
{
    model_store_deinit(to);
    model_store_init(to);
    to->revision = from->revision;
    to->compacted = from->revision;
    to->last_lease = from->last_lease;
    to->cluster_id = from->cluster_id;
    VR_LIST_EACH(link, &from->keys)
    {
        struct model_key *key = calloc(1, sizeof(*key));

        vr_assert(key != NULL);
        vr_list_init(&key->link);
        key->pair = copy_pair(&VR_OWNER(link, struct model_key, link)->pair);
        vr_list_push(&to->keys, &key->link);
    }
    VR_LIST_EACH(link, &from->leases)
    {
        struct model_lease *lease = calloc(1, sizeof(*lease));

        vr_assert(lease != NULL);
        *lease = *VR_OWNER(link, struct model_lease, link);
        vr_list_init(&lease->link);
        vr_list_push(&to->leases, &lease->link);
    }
    return true;
}
