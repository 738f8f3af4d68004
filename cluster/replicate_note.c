/* replicate_note.c - a commit as notes for another node: its operations, and the rows of the users
 * whose keys are needed to read them. */
#include <stdlib.h>

#include "actors/room/records.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "store/commit.h"

/* ---- a set of ids ---- */

struct id_set {
    struct vr_id *places; /* zero: free */
    size_t size;          /* a power of two */
    size_t count;
};

struct id_set *id_set_new(void)
{
    struct id_set *set = calloc(1, sizeof(*set));

    if (set != NULL) {
        set->size = 64;
        set->places = calloc(set->size, sizeof(*set->places));
        if (set->places == NULL) {
            free(set);
            return NULL;
        }
    }
    return set;
}

void id_set_free(struct id_set *set)
{
    if (set != NULL) {
        free(set->places);
        free(set);
    }
}

static struct vr_id *place_of(const struct id_set *set, struct vr_id id)
{
    size_t at = (size_t)(id.lo ^ id.hi) & (set->size - 1);

    while (!vr_id_is_zero(set->places[at]) && !vr_id_equal(set->places[at], id)) {
        at = (at + 1) & (set->size - 1);
    }
    return &set->places[at];
}

static bool grow(struct id_set *set)
{
    struct id_set grown = {calloc(set->size * 2, sizeof(struct vr_id)), set->size * 2, 0};

    if (grown.places == NULL) {
        return false;
    }
    for (size_t i = 0; i < set->size; i++) {
        if (!vr_id_is_zero(set->places[i])) {
            *place_of(&grown, set->places[i]) = set->places[i];
        }
    }
    free(set->places);
    set->places = grown.places;
    set->size = grown.size;
    return true;
}

bool id_set_add(struct id_set *set, struct vr_id id)
{
    struct vr_id *place;

    if (vr_id_is_zero(id) || (set->count * 2 >= set->size && !grow(set))) {
        return false;
    }
    place = place_of(set, id);
    if (!vr_id_is_zero(*place)) {
        return false;
    }
    *place = id;
    set->count++;
    return true;
}

/* ---- users ---- */

struct users {
    struct vr_records *local;
    struct id_set *known;
    struct vr_commit *puts;
};

static void on_ref(void *ctx, struct vr_id ref)
{
    struct users *users = ctx;
    struct vr_buf row = {0};
    uint8_t key[16];

    if (!id_set_add(users->known, ref)) {
        return;
    }
    vr_id_put(key, ref);
    if (vr_records_get(users->local, VR_TABLE_USERS, vr_bytes(key, sizeof(key)), &row) == VR_OK &&
        !row.failed) {
        vr_commit_put(users->puts, VR_TABLE_USERS, vr_bytes(key, sizeof(key)), vr_buf_bytes(&row));
    }
    if (row.data != NULL) {
        memset(row.data, 0, row.size);
    }
    vr_buf_deinit(&row);
}

void note_users(struct vr_records *local, struct vr_bytes ops, struct id_set *known,
                struct vr_buf *out)
{
    struct users users = {local, known, vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX)};
    struct vr_bytes rest = ops;
    struct vr_op op;
    bool bad;

    if (users.puts == NULL) {
        out->failed = true;
        return;
    }
    while (vr_op_next(&rest, &op, &bad)) { /* those that come along anyway */
        if (op.table == VR_TABLE_USERS && op.key.size == 16) {
            (void)id_set_add(known, vr_id_get(op.key.data));
        }
    }
    rest = ops;
    while (vr_op_next(&rest, &op, &bad)) {
        if (op.kind == VR_OP_PUT) {
            vr_room_record_refs(op.table, op.key, op.value, on_ref, &users);
        }
    }
    vr_buf_append(out, users.puts->ops.data, users.puts->ops.size);
    out->failed = out->failed || users.puts->ops.failed;
    vr_commit_free(users.puts);
}

/* ---- parts ---- */

static bool add_part(struct note_parts *parts, const struct vr_commit *commit, bool confirm,
                     struct vr_bytes ops, bool more)
{
    Vr__Cluster__Commit note = VR__CLUSTER__COMMIT__INIT;
    struct vr_blob **grown = realloc(parts->items, (parts->count + 1) * sizeof(struct vr_blob *));
    struct vr_blob *blob = NULL;
    uint8_t *bytes;
    size_t size;

    if (grown == NULL) {
        return false;
    }
    parts->items = grown;
    note.room_hi = commit->room.hi;
    note.room_lo = commit->room.lo;
    note.epoch = commit->epoch;
    note.revision = copy_revision(commit);
    note.expected = note.revision - 1; /* a revision left out shows as a gap */
    note.expected_epoch = commit->expected_epoch;
    note.ops = (ProtobufCBinaryData){ops.size, (uint8_t *)(uintptr_t)ops.data};
    note.part = parts->count;
    note.more = more;
    note.confirm = confirm;
    size = vr__cluster__commit__get_packed_size(&note);
    bytes = malloc(size + 1);
    if (bytes != NULL) {
        vr__cluster__commit__pack(&note, bytes);
        blob = vr_blob_new(vr_bytes(bytes, size));
        free(bytes);
    }
    if (blob != NULL) {
        parts->items[parts->count++] = blob;
    }
    return blob != NULL;
}

/* Whole operations of at most COPY_PART bytes, but at least one. */
static struct vr_bytes cut(struct vr_bytes *rest)
{
    struct vr_bytes part = {rest->data, 0};
    struct vr_op op;
    bool bad;

    while (rest->size > 0) {
        struct vr_bytes next = *rest;

        if (!vr_op_next(&next, &op, &bad)) {
            break;
        }
        if (part.size > 0 && part.size + (rest->size - next.size) > COPY_PART) {
            break;
        }
        part.size += rest->size - next.size;
        *rest = next;
    }
    return part;
}

enum vr_err note_parts_make(struct vr_cluster *cluster, const struct vr_commit *commit,
                            bool confirm, struct note_parts *out)
{
    struct id_set *known = id_set_new();
    struct vr_buf all = {0};
    struct vr_bytes rest;
    bool fine = known != NULL;

    *out = (struct note_parts){NULL, 0};
    if (fine) {
        note_users(cluster->conf.local, vr_commit_ops(commit), known, &all);
        vr_buf_append(&all, commit->ops.data, commit->ops.size);
        fine = !all.failed;
    }
    rest = vr_buf_bytes(&all);
    do {
        struct vr_bytes part = fine ? cut(&rest) : (struct vr_bytes){NULL, 0};

        fine = fine && add_part(out, commit, confirm, part, rest.size > 0);
    } while (fine && rest.size > 0);
    vr_buf_deinit(&all);
    id_set_free(known);
    if (!fine) {
        note_parts_free(out);
        return VR_E_NO_MEMORY;
    }
    return VR_OK;
}

void note_parts_free(struct note_parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        vr_blob_release(parts->items[i]);
    }
    free(parts->items);
    *parts = (struct note_parts){NULL, 0};
}
