/* commit.c - filling a commit, reading it back, and the fencing rule. */
#include "store/commit.h"

#include <stdlib.h>

#define OP_HEADER 8
#define OP_DURABLE 0x80

struct vr_commit *vr_commit_new(struct vr_id room, uint64_t epoch, uint64_t expected)
{
    struct vr_commit *commit = calloc(1, sizeof(*commit));

    if (commit != NULL) {
        commit->room = room;
        commit->epoch = epoch;
        commit->expected = expected;
        commit->expected_epoch = UINT64_MAX;
    }
    return commit;
}

void vr_commit_free(struct vr_commit *commit)
{
    if (commit != NULL) {
        vr_buf_deinit(&commit->ops);
        free(commit);
    }
}

static void refuse(struct vr_commit *commit, enum vr_err err)
{
    if (commit->refused == VR_OK) {
        commit->refused = err;
    }
}

void vr_commit_add(struct vr_commit *commit, const struct vr_op *op)
{
    uint8_t header[OP_HEADER] = {(uint8_t)(op->durable ? op->kind | OP_DURABLE : op->kind),
                                 (uint8_t)op->table};

    if (commit == NULL) {
        return; /* out of memory when it was made; submit tells it */
    }
    if (op->key.size > VR_KEY_MAX || (op->key.size == 0 && op->kind != VR_OP_REMOVE_PREFIX) ||
        op->value.size > VR_VALUE_MAX) {
        refuse(commit, VR_E_TOO_LARGE);
        return;
    }
    if ((unsigned)op->table >= VR_TABLE_COUNT ||
        (op->table == VR_TABLE_HEADS && op->kind == VR_OP_PUT)) {
        refuse(commit, VR_E_BAD_REQUEST); /* heads are written by the back end alone */
        return;
    }
    vr_put16(header + 2, (uint16_t)op->key.size);
    vr_put32(header + 4, (uint32_t)op->value.size);
    vr_buf_append(&commit->ops, header, sizeof(header));
    vr_buf_append(&commit->ops, op->key.data, op->key.size);
    vr_buf_append(&commit->ops, op->value.data, op->value.size);
    commit->op_count++;
}

void vr_commit_put(struct vr_commit *commit, enum vr_table table, struct vr_bytes key,
                   struct vr_bytes value)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_PUT, table, key, value, false});
}

void vr_commit_remove(struct vr_commit *commit, enum vr_table table, struct vr_bytes key)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_REMOVE, table, key, {NULL, 0}, false});
}

void vr_commit_remove_prefix(struct vr_commit *commit, enum vr_table table, struct vr_bytes prefix)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_REMOVE_PREFIX, table, prefix, {NULL, 0}, false});
}

void vr_commit_put_durable(struct vr_commit *commit, enum vr_table table, struct vr_bytes key,
                           struct vr_bytes value)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_PUT, table, key, value, true});
}

void vr_commit_remove_durable(struct vr_commit *commit, enum vr_table table, struct vr_bytes key)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_REMOVE, table, key, {NULL, 0}, true});
}

void vr_commit_remove_prefix_durable(struct vr_commit *commit, enum vr_table table,
                                     struct vr_bytes prefix)
{
    vr_commit_add(commit, &(struct vr_op){VR_OP_REMOVE_PREFIX, table, prefix, {NULL, 0}, true});
}

bool vr_op_next(struct vr_bytes *rest, struct vr_op *op, bool *bad)
{
    const uint8_t *p = rest->data;
    uint8_t kind;
    size_t key_size;
    size_t value_size;

    *bad = false;
    if (rest->size == 0) {
        return false;
    }
    *bad = true;
    if (rest->size < OP_HEADER) {
        return false;
    }
    kind = p[0] & (uint8_t)~OP_DURABLE;
    if (kind < VR_OP_PUT || kind > VR_OP_REMOVE_PREFIX || p[1] >= VR_TABLE_COUNT) {
        return false;
    }
    key_size = vr_get16(p + 2);
    value_size = vr_get32(p + 4);
    if (key_size > VR_KEY_MAX || value_size > VR_VALUE_MAX ||
        rest->size - OP_HEADER < key_size + value_size) {
        return false;
    }
    *bad = false;
    op->kind = (enum vr_op_kind)kind;
    op->durable = (p[0] & OP_DURABLE) != 0;
    op->table = (enum vr_table)p[1];
    op->key = vr_bytes(p + OP_HEADER, key_size);
    op->value = vr_bytes(p + OP_HEADER + key_size, value_size);
    rest->data += OP_HEADER + key_size + value_size;
    rest->size -= OP_HEADER + key_size + value_size;
    return true;
}

struct vr_bytes vr_commit_ops(const struct vr_commit *commit)
{
    return vr_buf_bytes(&commit->ops);
}

/* Whose rows a table holds: keys of a room's begin with its id. */
enum kin { OF_ROOM, OF_USER, OF_ROOM_WITHOUT_ID, OF_ALL_NODES, OF_THIS_NODE };

static enum kin kin_of(enum vr_table table)
{
    switch (table) {
    case VR_TABLE_ROOMS:
    case VR_TABLE_PARTICIPANTS:
    case VR_TABLE_BANS:
    case VR_TABLE_ANALYTICS:
    case VR_TABLE_AUDIT:
    case VR_TABLE_COMMANDS:
    case VR_TABLE_MARKS:
    case VR_TABLE_GRANTS:
        return OF_ROOM;
    case VR_TABLE_USERS:
        return OF_USER;
    case VR_TABLE_REPORTS:
    case VR_TABLE_OUTBOX:
        return OF_ROOM_WITHOUT_ID;
    case VR_TABLE_KEYS:
    case VR_TABLE_REVOKED:
    case VR_TABLE_IDEMPOTENCY:
    case VR_TABLE_DEPLOYMENT:
        return OF_ALL_NODES;
    case VR_TABLE_META:
    case VR_TABLE_HEADS:
    case VR_TABLE_COUNT:
        break;
    }
    return OF_THIS_NODE;
}

/* May another node write this for `room`? */
static bool allowed(struct vr_id room, const struct vr_op *op)
{
    enum kin kin = kin_of(op->table);
    uint8_t id[16];

    if (kin == OF_USER) {
        return op->kind != VR_OP_REMOVE_PREFIX && op->key.size == 16;
    }
    if (vr_id_is_zero(room)) {
        return op->kind != VR_OP_REMOVE_PREFIX && op->key.size > 0 &&
               (kin == OF_ALL_NODES || kin == OF_ROOM_WITHOUT_ID);
    }
    vr_id_put(id, room);
    if (kin == OF_ROOM) {
        return op->key.size >= sizeof(id) && memcmp(op->key.data, id, sizeof(id)) == 0;
    }
    return kin == OF_ROOM_WITHOUT_ID && op->kind != VR_OP_REMOVE_PREFIX && op->key.size > 0;
}

enum vr_err vr_commit_from_ops(struct vr_id room, uint64_t epoch, uint64_t expected,
                               uint64_t expected_epoch, struct vr_bytes ops, struct vr_commit **out)
{
    struct vr_commit *commit = vr_commit_new(room, epoch, expected);
    struct vr_bytes rest = ops;
    struct vr_op op;
    bool bad = false;
    bool fine = true;

    *out = NULL;
    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    commit->expected_epoch = expected_epoch;
    while (fine && vr_op_next(&rest, &op, &bad)) {
        fine = allowed(room, &op);
        commit->op_count++;
    }
    if (!fine || bad) {
        vr_commit_free(commit);
        return VR_E_BAD_WIRE;
    }
    vr_buf_append(&commit->ops, ops.data, ops.size);
    if (commit->ops.failed) {
        vr_commit_free(commit);
        return VR_E_NO_MEMORY;
    }
    *out = commit;
    return VR_OK;
}

enum vr_err vr_commit_check(const struct vr_commit *commit)
{
    struct vr_bytes rest;
    struct vr_op op;
    bool bad;

    if (commit == NULL || commit->ops.failed) {
        return VR_E_NO_MEMORY;
    }
    if (commit->refused != VR_OK) {
        return commit->refused;
    }
    rest = vr_buf_bytes(&commit->ops);
    while (vr_op_next(&rest, &op, &bad)) {
    }
    return bad ? VR_E_DAMAGED : VR_OK;
}

enum vr_err vr_head_follow(const struct vr_head *head, const struct vr_commit *commit,
                           struct vr_head *next)
{
    *next = (struct vr_head){0, 0};
    if (vr_id_is_zero(commit->room)) {
        return VR_OK;
    }
#if VR_TEETH != 1 /* 1: any epoch will do, see cluster/cluster_ask.c */
    if (head->epoch > commit->epoch) {
        return VR_E_FENCED;
    }
#endif
    if (commit->expected != UINT64_MAX && commit->expected != head->revision) {
        return VR_E_STALE;
    }
#if VR_TEETH != 1
    if (commit->expected_epoch != UINT64_MAX && commit->expected_epoch != head->epoch) {
        return VR_E_STALE;
    }
#endif
    if (commit->snapshot && commit->epoch == head->epoch && commit->revision < head->revision) {
        return VR_E_STALE;
    }
    *next = (struct vr_head){commit->epoch, head->revision + 1};
    if (commit->seal) {
        next->revision = head->revision;
    } else if (commit->revision != 0) {
        next->revision = commit->revision;
    }
    return VR_OK;
}

void vr_head_put(uint8_t out[VR_HEAD_BYTES], const struct vr_head *head)
{
    vr_put64(out, head->epoch);
    vr_put64(out + 8, head->revision);
}

bool vr_head_get(struct vr_bytes in, struct vr_head *head)
{
    if (in.size != VR_HEAD_BYTES) {
        return false;
    }
    *head = (struct vr_head){vr_get64(in.data), vr_get64(in.data + 8)};
    return true;
}
