/* replicate_rows.c - what of a commit goes to the directory: its durable rows, each key once, and
 * the rows of the users with whose keys they are sealed. */
#include <stdlib.h>

#include "actors/room/records.h"
#include "cluster/copies.h"
#include "store/commit.h"
#include "store/personal.h"

static void rows_add(struct rows *rows, const struct cluster_row *row)
{
    for (uint32_t i = 0; i < rows->count;
         i++) { /* no key twice in one transaction: the last wins */
        if (rows->items[i].table == row->table && vr_bytes_equal(rows->items[i].key, row->key)) {
            rows->items[i] = *row;
            return;
        }
    }
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        struct cluster_row *grown = realloc(rows->items, capacity * sizeof(*grown));

        if (grown == NULL) {
            rows->failed = true;
            return;
        }
        rows->items = grown;
        rows->capacity = capacity;
    }
    rows->items[rows->count++] = *row;
}

struct found {
    struct vr_buf *keys;
    enum vr_table table;
    uint32_t count;
};

static bool on_found(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct found *found = ctx;
    uint8_t size = (uint8_t)key.size;

    (void)value;
    vr_buf_append(found->keys, &size, 1);
    vr_buf_append(found->keys, key.data, key.size);
    return true;
}

/* The directory removes by key: what stands in LMDB under the prefix is what stands there. */
static void rows_add_prefix(struct rows *rows, struct vr_records *local, const struct vr_op *op)
{
    struct vr_buf keys = {0};
    struct found found = {&keys, op->table, 0};
    enum vr_err err =
        vr_records_scan(local, op->table, op->key, (struct vr_bytes){0}, on_found, &found);

    if ((err != VR_OK && err != VR_E_NOT_FOUND) || keys.failed) {
        rows->failed = true;
    }
    for (size_t at = 0; at < keys.size; at += 1 + (size_t)keys.data[at]) {
        uint8_t *copy = malloc(keys.data[at]);

        if (copy == NULL) {
            rows->failed = true;
            break;
        }
        memcpy(copy, keys.data + at + 1, keys.data[at]);
        rows_add(rows, &(struct cluster_row){.removed = true,
                                             .table = op->table,
                                             .key = vr_bytes(copy, keys.data[at])});
        vr_buf_append(&rows->keys, &copy, sizeof(copy)); /* freed with the rows */
    }
    vr_buf_deinit(&keys);
}

struct standing {
    struct rows *rows;
    enum vr_table table;
};

/* One block of memory for key and value, freed with the rows. */
static bool on_standing(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct standing *standing = ctx;
    uint8_t *copy = malloc(key.size + value.size);

    if (copy == NULL) {
        standing->rows->failed = true;
        return false;
    }
    memcpy(copy, key.data, key.size);
    memcpy(copy + key.size, value.data, value.size);
    rows_add(standing->rows, &(struct cluster_row){.table = standing->table,
                                                   .key = vr_bytes(copy, key.size),
                                                   .value = vr_bytes(copy + key.size, value.size)});
    vr_buf_append(&standing->rows->keys, &copy, sizeof(copy));
    return true;
}

void rows_of_room(struct cluster_copies *copies, struct vr_id room, struct rows *rows)
{
    static const enum vr_table tables[] = {VR_TABLE_ROOMS, VR_TABLE_BANS, VR_TABLE_GRANTS};
    uint8_t key[16];

    vr_id_put(key, room);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct standing standing = {rows, tables[i]};
        enum vr_err err =
            vr_records_scan(copies->cluster->conf.local, tables[i], vr_bytes(key, sizeof(key)),
                            (struct vr_bytes){0}, on_standing, &standing);

        rows->failed = rows->failed || (err != VR_OK && err != VR_E_NOT_FOUND);
    }
}

void rows_free(struct rows *rows)
{
    for (size_t at = 0; at + sizeof(uint8_t *) <= rows->keys.size; at += sizeof(uint8_t *)) {
        uint8_t *copy;

        memcpy(&copy, rows->keys.data + at, sizeof(copy));
        free(copy);
    }
    vr_buf_deinit(&rows->keys);
    free(rows->items);
}

/* ---- whose keys they are sealed with ---- */

struct sealed {
    struct cluster_copies *copies;
    const struct vr_commit *commit;
    struct rows *rows;
};

/* As it will stand in LMDB once the commit has landed. */
static void user_row(const struct sealed *sealed, struct vr_bytes key, struct vr_buf *out)
{
    struct vr_bytes rest = vr_commit_ops(sealed->commit);
    struct vr_op op;
    bool bad;

    if (vr_records_get(sealed->copies->cluster->conf.local, VR_TABLE_USERS, key, out) != VR_OK) {
        out->size = 0;
    }
    while (vr_op_next(&rest, &op, &bad)) {
        if (op.table == VR_TABLE_USERS && op.kind == VR_OP_PUT && vr_bytes_equal(op.key, key)) {
            struct vr_buf landed = {0};

            if (vr_personal_landed(vr_buf_bytes(out), op.value, &landed) == VR_OK) {
                vr_buf_deinit(out);
                *out = landed;
            } else {
                vr_buf_deinit(&landed);
            }
        }
    }
}

static void on_ref(void *ctx, struct vr_id ref)
{
    struct sealed *sealed = ctx;
    struct standing standing = {sealed->rows, VR_TABLE_USERS};
    struct vr_buf row = {0};
    uint8_t key[16];

    if (sealed->rows->count >= CLUSTER_ROWS_MAX) {
        return; /* the rows matter more: without its key a name is unknown, no more */
    }
    vr_id_put(key, ref);
    for (uint32_t i = 0; i < sealed->rows->count; i++) {
        if (sealed->rows->items[i].table == VR_TABLE_USERS &&
            vr_bytes_equal(sealed->rows->items[i].key, vr_bytes(key, sizeof(key)))) {
            return;
        }
    }
    user_row(sealed, vr_bytes(key, sizeof(key)), &row);
    if (row.size > 0) {
        (void)on_standing(&standing, vr_bytes(key, sizeof(key)), vr_buf_bytes(&row));
    }
    vr_buf_deinit(&row);
}

/* Who takes the room when nobody in sync is left has nothing but what the directory tells. */
static void rows_add_users(struct cluster_copies *copies, const struct vr_commit *commit,
                           struct rows *rows)
{
    struct sealed sealed = {copies, commit, rows};
    uint32_t count = rows->count;

    for (uint32_t i = 0; i < count; i++) {
        struct cluster_row row = rows->items[i]; /* the array may move */

        if (!row.removed) {
            vr_room_record_refs(row.table, row.key, row.value, on_ref, &sealed);
        }
    }
}

/* What of the commit goes to the directory. Keys and values are borrowed from it. */
void rows_of(struct cluster_copies *copies, const struct vr_commit *commit, struct rows *rows)
{
    struct vr_bytes rest = vr_commit_ops(commit);
    struct vr_op op;
    bool bad;

    while (vr_op_next(&rest, &op, &bad)) {
        if (!op.durable) {
            continue;
        }
        if (op.kind == VR_OP_REMOVE_PREFIX) {
            rows_add_prefix(rows, copies->cluster->conf.local, &op);
        } else {
            rows_add(rows,
                     &(struct cluster_row){op.kind == VR_OP_REMOVE, op.table, op.key, op.value});
        }
    }
    rows_add_users(copies, commit, rows);
    rows->failed = rows->failed || rows->keys.failed;
}
