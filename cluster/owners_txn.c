/* owners_txn.c - see the header: each compare is one sentence of the safety argument. */
#include "cluster/owners_txn.h"

#include <stdio.h>

static struct vr_bytes pack_owner(struct room_txn *out, uint32_t number, uint64_t incarnation,
                                  const char *reason)
{
    Vr__Cluster__Owner owner = VR__CLUSTER__OWNER__INIT;
    char text[96];

    snprintf(text, sizeof(text), "%s", reason);
    owner.node = number;
    owner.incarnation = incarnation;
    owner.reason = text;
    return vr_bytes(out->owner_value, vr__cluster__owner__pack(&owner, out->owner_value));
}

static struct vr_bytes pack_sync(struct room_txn *out, uint32_t owner, uint32_t partner,
                                 uint64_t epoch, bool idle)
{
    Vr__Cluster__Sync sync = VR__CLUSTER__SYNC__INIT;

    sync.owner = owner;
    sync.partner = partner;
    sync.owner_epoch = epoch;
    sync.idle = idle;
    return vr_bytes(out->sync_value, vr__cluster__sync__pack(&sync, out->sync_value));
}

static struct vr_bytes pack_head(struct room_txn *out, uint64_t epoch, uint64_t revision)
{
    Vr__Cluster__Head head = VR__CLUSTER__HEAD__INIT;

    head.epoch = epoch;
    head.revision = revision;
    return vr_bytes(out->head_value, vr__cluster__head__pack(&head, out->head_value));
}

static void start(struct room_txn *out, const struct cluster_room *room)
{
    const char *prefix = room->cluster->prefix;

    *out = (struct room_txn){0};
    (void)key_room(&out->owner, prefix, "owners", room->id);
    (void)key_room(&out->sync, prefix, "sync", room->id);
    (void)key_head(&out->head, prefix, room->id);
    (void)key_node(&out->node, prefix, room->cluster->name);
    out->txn = (struct vr_kv_txn){
        .compares = out->compares, .then = out->then, .otherwise = out->otherwise};
}

static void compare(struct room_txn *out, const struct cluster_key *key, int64_t mod)
{
    out->compares[out->txn.compare_count++] =
        (struct vr_kv_compare){.kind = mod == 0 ? VR_KV_ABSENT : VR_KV_MOD_IS,
                               .key = vr_bytes_of(key->text),
                               .revision = mod};
}

/* The epoch is folded from it: made under an older one it would be lower than it should be. */
static void compare_generation(struct room_txn *out, const struct cluster_room *room)
{
    snprintf(out->generation_value, sizeof(out->generation_value), "%llu",
             (unsigned long long)atomic_load(&room->cluster->generation));
    out->compares[out->txn.compare_count++] =
        (struct vr_kv_compare){.kind = VR_KV_VALUE_IS,
                               .key = key_generation(&out->generation, room->cluster->prefix),
                               .value = vr_bytes_of(out->generation_value)};
}

static void put(struct room_txn *out, const struct cluster_key *key, struct vr_bytes value,
                int64_t lease)
{
    out->then[out->txn.then_count++] =
        (struct vr_kv_op){VR_KV_PUT, vr_bytes_of(key->text), value, lease};
}

static void get(struct vr_kv_op *op, const struct cluster_key *key)
{
    *op = (struct vr_kv_op){.kind = VR_KV_GET, .key = vr_bytes_of(key->text)};
}

static void read_all(struct room_txn *out, struct vr_kv_op *ops, uint32_t *count)
{
    get(&ops[0], &out->owner);
    get(&ops[1], &out->sync);
    get(&ops[2], &out->head);
    *count = 3;
}

/* The owner key is the one that we put: our epoch is its mod_revision. */
static void compare_ours(struct room_txn *out, const struct cluster_room *room)
{
#if VR_TEETH == 1 || VR_TEETH == 4 /* any epoch will do; what the watch said is believed */
    (void)out;
    (void)room;
#else
    compare(out, &out->owner, owners_revision(room->epoch));
#endif
}

void txn_find(struct room_txn *out, const struct cluster_room *room)
{
    start(out, room);
    read_all(out, out->then, &out->txn.then_count);
}

void txn_take(struct room_txn *out, const struct cluster_room *room, const char *reason)
{
    const struct cluster_member *member = room->cluster->member;

    start(out, room);
#if VR_TEETH != 4 /* 4: the watch said that nobody owns it, and is believed */
    compare(out, &out->owner, owners_was_ours(room) ? room->owner_mod : 0);
    compare(out, &out->sync, room->sync.known ? room->sync.mod : 0);
    compare(out, &out->head, room->head.mod);
#endif
    compare_generation(out, room);
    /* A lease alone may be a revoked one's late praise; our record as it stands is proof. */
    out->compares[out->txn.compare_count++] =
        (struct vr_kv_compare){.kind = VR_KV_EXISTS, .key = vr_bytes_of(out->node.text)};
    put(out, &out->owner, pack_owner(out, room->cluster->conf.number, member->incarnation, reason),
        member->lease);
    put(out, &out->head, pack_head(out, room->head.epoch, room->head.revision), 0);
    read_all(out, out->otherwise, &out->txn.otherwise_count);
}

void txn_sync(struct room_txn *out, const struct cluster_room *room, uint32_t partner)
{
    start(out, room);
    compare_ours(out, room);
    put(out, &out->sync, pack_sync(out, room->cluster->conf.number, partner, room->epoch, false),
        0);
    read_all(out, out->otherwise, &out->txn.otherwise_count);
}

static void delete_key(struct room_txn *out, enum vr_kv_op_kind kind, struct vr_bytes key)
{
    out->then[out->txn.then_count++] = (struct vr_kv_op){.kind = kind, .key = key};
}

void txn_release(struct room_txn *out, const struct cluster_room *room, bool exists)
{
    start(out, room);
    compare_ours(out, room);
    delete_key(out, VR_KV_DELETE, vr_bytes_of(out->owner.text));
    if (exists) {
        put(out, &out->sync,
            pack_sync(out, room->sync.owner, room->sync.partner, room->epoch, true), 0);
    } else {
        delete_key(out, VR_KV_DELETE, vr_bytes_of(out->sync.text));
        delete_key(out, VR_KV_DELETE_PREFIX, key_rows(&out->rows, room->cluster->prefix, room->id));
    }
    read_all(out, out->otherwise, &out->txn.otherwise_count);
}

void txn_hand_over(struct room_txn *out, const struct cluster_room *room,
                   const struct node_entry *to, const char *reason)
{
    start(out, room);
    compare_ours(out, room);
    compare_generation(out, room);
    (void)key_node(&out->node, room->cluster->prefix, to->name);
    out->compares[out->txn.compare_count++] =
        (struct vr_kv_compare){.kind = VR_KV_EXISTS, .key = vr_bytes_of(out->node.text)};
    put(out, &out->owner, pack_owner(out, to->number, to->incarnation, reason), to->lease);
    put(out, &out->head, pack_head(out, room->head.epoch, room->head.revision), 0);
    read_all(out, out->otherwise, &out->txn.otherwise_count);
}

void txn_claim(struct room_txn *out, const struct cluster_room *room)
{
    start(out, room);
    compare(out, &out->owner, 0);
    compare(out, &out->sync, 0);
    put(out, &out->sync, pack_sync(out, room->cluster->conf.number, 0, room->epoch, true), 0);
}

void txn_durable(struct room_txn *out, const struct cluster_room *room, uint64_t revision)
{
    start(out, room);
    compare_ours(out, room);
    compare(out, &out->head, room->head.mod);
    put(out, &out->head, pack_head(out, room->epoch, revision), 0);
    read_all(out, out->otherwise, &out->txn.otherwise_count);
}

const struct vr_kv_pair *txn_pair(const struct vr_kv_result *result, struct vr_bytes key)
{
    for (uint32_t i = 0; i < result->pair_count; i++) {
        if (vr_bytes_equal(result->pairs[i].key, key)) {
            return &result->pairs[i];
        }
    }
    return NULL;
}
