/* commit.c - filling a commit, reading it back, and the fencing rule. */
#include "store/commit.h"

#include <stdlib.h>

#define OP_HEADER 8

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

static void add(struct vr_commit *commit, const struct vr_op *op)
{
    uint8_t header[OP_HEADER] = {(uint8_t)op->kind, (uint8_t)op->table};

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
    add(commit, &(struct vr_op){VR_OP_PUT, table, key, value});
}

void vr_commit_remove(struct vr_commit *commit, enum vr_table table, struct vr_bytes key)
{
    add(commit, &(struct vr_op){VR_OP_REMOVE, table, key, {NULL, 0}});
}

void vr_commit_remove_prefix(struct vr_commit *commit, enum vr_table table, struct vr_bytes prefix)
{
    add(commit, &(struct vr_op){VR_OP_REMOVE_PREFIX, table, prefix, {NULL, 0}});
}

bool vr_op_next(struct vr_bytes *rest, struct vr_op *op, bool *bad)
{
    const uint8_t *p = rest->data;
    size_t key_size;
    size_t value_size;

    *bad = false;
    if (rest->size == 0) {
        return false;
    }
    *bad = true;
    if (rest->size < OP_HEADER || p[0] < VR_OP_PUT || p[0] > VR_OP_REMOVE_PREFIX ||
        p[1] >= VR_TABLE_COUNT) {
        return false;
    }
    key_size = vr_get16(p + 2);
    value_size = vr_get32(p + 4);
    if (key_size > VR_KEY_MAX || value_size > VR_VALUE_MAX ||
        rest->size - OP_HEADER < key_size + value_size) {
        return false;
    }
    *bad = false;
    op->kind = (enum vr_op_kind)p[0];
    op->table = (enum vr_table)p[1];
    op->key = vr_bytes(p + OP_HEADER, key_size);
    op->value = vr_bytes(p + OP_HEADER + key_size, value_size);
    rest->data += OP_HEADER + key_size + value_size;
    rest->size -= OP_HEADER + key_size + value_size;
    return true;
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
    if (head->epoch > commit->epoch) {
        return VR_E_FENCED;
    }
    if (commit->expected != UINT64_MAX && commit->expected != head->revision) {
        return VR_E_STALE;
    }
    if (commit->expected_epoch != UINT64_MAX && commit->expected_epoch != head->epoch) {
        return VR_E_STALE;
    }
    *next = (struct vr_head){commit->epoch, head->revision + 1};
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
