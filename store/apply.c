#include "store/apply.h"

#include "actors/base/assert.h"
#include "store/commit.h"
#include "store/personal.h"

static enum vr_err read_head(struct vr_env *env, MDB_txn *txn, struct vr_id room,
                             struct vr_head *head)
{
    struct vr_bytes value;
    uint8_t key[16];
    enum vr_err err;

    *head = (struct vr_head){0, 0};
    if (vr_id_is_zero(room)) {
        return VR_OK;
    }
    vr_id_put(key, room);
    err = vr_env_get(env, txn, VR_TABLE_HEADS, vr_bytes(key, sizeof(key)), &value);
    if (err == VR_OK && !vr_head_get(value, head)) {
        err = VR_E_DAMAGED;
    }
    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

static enum vr_err write_head(struct vr_env *env, MDB_txn *txn, struct vr_id room,
                              const struct vr_head *head)
{
    uint8_t key[16];
    uint8_t value[VR_HEAD_BYTES];

    if (vr_id_is_zero(room)) {
        return VR_OK;
    }
    vr_id_put(key, room);
    vr_head_put(value, head);
    return vr_env_put(env, txn, VR_TABLE_HEADS, vr_bytes(key, sizeof(key)),
                      vr_bytes(value, sizeof(value)));
}

static enum vr_err remove_one(struct vr_env *env, MDB_txn *txn, const struct vr_op *op)
{
    MDB_val key = {op->key.size, (void *)(uintptr_t)op->key.data};
    int rc = mdb_del(txn, env->tables[op->table], &key, NULL);

    return rc == MDB_NOTFOUND ? VR_OK : vr_env_err(rc);
}

static enum vr_err remove_prefix(struct vr_env *env, MDB_txn *txn, const struct vr_op *op)
{
    MDB_cursor *cursor;
    MDB_val key = {op->key.size, (void *)(uintptr_t)op->key.data};
    MDB_val value;
    int rc;

    if (op->key.size == 0) {
        return vr_env_err(mdb_drop(txn, env->tables[op->table], 0));
    }
    rc = mdb_cursor_open(txn, env->tables[op->table], &cursor);
    if (rc != MDB_SUCCESS) {
        return vr_env_err(rc);
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == MDB_SUCCESS && key.mv_size >= op->key.size &&
           memcmp(key.mv_data, op->key.data, op->key.size) == 0) {
        rc = mdb_cursor_del(cursor, 0);
        if (rc == MDB_SUCCESS) {
            /* After a deletion NEXT stays where the row was: on its successor. */
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? VR_OK : vr_env_err(rc);
}

/* What stands there is read in the transaction that writes: no key that landed before is lost. */
static enum vr_err put_user(struct vr_env *env, MDB_txn *txn, const struct vr_op *op)
{
    struct vr_bytes there = {0};
    struct vr_buf row = {0};
    enum vr_err err = vr_env_get(env, txn, op->table, op->key, &there);

    if (err == VR_E_NOT_FOUND) {
        there.size = 0;
        err = VR_OK;
    }
    if (err == VR_OK) {
        err = vr_personal_landed(there, op->value, &row);
    }
    if (err == VR_OK) {
        err = vr_env_put(env, txn, op->table, op->key, vr_buf_bytes(&row));
    }
    vr_buf_deinit(&row);
    return err;
}

static enum vr_err apply_one(struct vr_env *env, MDB_txn *txn, const struct vr_op *op)
{
    switch (op->kind) {
    case VR_OP_PUT:
        return op->table == VR_TABLE_USERS ? put_user(env, txn, op)
                                           : vr_env_put(env, txn, op->table, op->key, op->value);
    case VR_OP_REMOVE:
        return remove_one(env, txn, op);
    case VR_OP_REMOVE_PREFIX:
        return remove_prefix(env, txn, op);
    }
    return VR_E_INTERNAL;
}

enum vr_err vr_apply(struct vr_env *env, MDB_txn *txn, const struct vr_commit *commit,
                     uint64_t *revision)
{
    struct vr_bytes rest = vr_buf_bytes(&commit->ops);
    struct vr_head head;
    struct vr_head next;
    struct vr_op op;
    bool bad;
    enum vr_err err = read_head(env, txn, commit->room, &head);

    if (err == VR_OK) {
        err = vr_head_follow(&head, commit, &next);
    }
    while (err == VR_OK && vr_op_next(&rest, &op, &bad)) {
        err = apply_one(env, txn, &op);
    }
    if (err != VR_OK) {
        return err;
    }
    vr_assert(!bad); /* submit has checked it: only our own memory can have changed since */
    *revision = next.revision;
    return write_head(env, txn, commit->room, &next);
}

bool vr_commit_only_removes(const struct vr_commit *commit)
{
    struct vr_bytes rest = vr_buf_bytes(&commit->ops);
    struct vr_op op;
    bool bad;

    while (vr_op_next(&rest, &op, &bad)) {
        if (op.kind == VR_OP_PUT) {
            return false;
        }
    }
    return commit->op_count > 0;
}
