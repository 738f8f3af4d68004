/* records_restore.c - a room out of a backup: its rows are read from a store, and, where they come
 * in from outside, judged and put in the place of all that is there. */
#include <stdlib.h>

#include "actors/room/records.h"
#include "room_record.pb-c.h"
#include "store/commit.h"
#include "store/personal.h"

/* ---- out of a store ---- */

struct reading {
    struct vr_records *records;
    struct vr_commit *rows;
    struct vr_commit *users;
    struct vr_id *known; /* users whose keys are there already */
    size_t known_count, known_capacity;
    enum vr_table table;
    size_t skip; /* bytes of the log that are left out, from the front */
    size_t seen;
    enum vr_err err;
};

static bool is_known(struct reading *reading, struct vr_id ref)
{
    for (size_t i = 0; i < reading->known_count; i++) {
        if (vr_id_equal(reading->known[i], ref)) {
            return true;
        }
    }
    if (reading->known_count == reading->known_capacity) {
        size_t capacity = reading->known_capacity == 0 ? 64 : reading->known_capacity * 2;
        struct vr_id *grown = realloc(reading->known, capacity * sizeof(*grown));

        if (grown == NULL) {
            reading->err = VR_E_NO_MEMORY;
            return true;
        }
        reading->known = grown;
        reading->known_capacity = capacity;
    }
    reading->known[reading->known_count++] = ref;
    return false;
}

static void read_user(void *ctx, struct vr_id ref)
{
    struct reading *reading = ctx;
    struct vr_buf row = {0};
    uint8_t key[16];

    if (vr_id_is_zero(ref) || is_known(reading, ref)) {
        return;
    }
    vr_id_put(key, ref);
    if (vr_records_get(reading->records, VR_TABLE_USERS, vr_bytes(key, sizeof(key)), &row) ==
        VR_OK) {
        vr_commit_put(reading->users, VR_TABLE_USERS, vr_bytes(key, sizeof(key)),
                      vr_buf_bytes(&row));
    }
    vr_buf_deinit(&row);
}

static bool measure_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct reading *reading = ctx;

    reading->seen += key.size + value.size;
    return true;
}

static bool read_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct reading *reading = ctx;

    reading->seen += key.size + value.size;
    if (reading->table == VR_TABLE_AUDIT && reading->seen <= reading->skip) {
        return true;
    }
    vr_commit_put(reading->rows, reading->table, key, value);
    vr_room_record_refs(reading->table, key, value, read_user, reading);
    return reading->err == VR_OK;
}

static void scan(struct reading *reading, struct vr_bytes room, vr_visit_fn visit)
{
    enum vr_err err;

    reading->seen = 0;
    err = vr_records_scan(reading->records, reading->table, room, (struct vr_bytes){0}, visit,
                          reading);
    if (err != VR_OK && err != VR_E_NOT_FOUND && reading->err == VR_OK) {
        reading->err = err;
    }
}

static void read_tables(struct reading *reading, struct vr_id room, size_t audit_max)
{
    static const enum vr_table tables[] = {VR_TABLE_PARTICIPANTS, VR_TABLE_BANS,  VR_TABLE_GRANTS,
                                           VR_TABLE_ANALYTICS,    VR_TABLE_AUDIT, VR_TABLE_ROOMS};
    uint8_t key[16];

    vr_id_put(key, room);
    for (size_t i = 0; reading->err == VR_OK && i < sizeof(tables) / sizeof(tables[0]); i++) {
        reading->table = tables[i];
        if (tables[i] == VR_TABLE_AUDIT) {
            scan(reading, vr_bytes(key, sizeof(key)), measure_row);
            reading->skip = reading->seen > audit_max ? reading->seen - audit_max : 0;
        }
        scan(reading, vr_bytes(key, sizeof(key)), read_row);
    }
    if (reading->err == VR_OK && reading->seen == 0) {
        reading->err = VR_E_NOT_FOUND; /* of the last table, the room's own row */
    }
}

enum vr_err vr_room_rows_read(struct vr_records *records, struct vr_id room, size_t audit_max,
                              struct vr_buf *out)
{
    struct reading reading = {
        .records = records, .rows = vr_commit_new(room, 0, 0), .users = vr_commit_new(room, 0, 0)};
    struct vr_bytes users;
    struct vr_bytes rows;

    if (reading.rows == NULL || reading.users == NULL) {
        reading.err = VR_E_NO_MEMORY;
    } else {
        read_tables(&reading, room, audit_max);
    }
    if (reading.err == VR_OK &&
        (vr_commit_check(reading.rows) != VR_OK || vr_commit_check(reading.users) != VR_OK)) {
        reading.err = VR_E_NO_MEMORY;
    }
    if (reading.err == VR_OK) {
        users = vr_commit_ops(reading.users);
        rows = vr_commit_ops(reading.rows);
        vr_buf_append(out, users.data, users.size);
        vr_buf_append(out, rows.data, rows.size);
        reading.err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    vr_commit_free(reading.users);
    vr_commit_free(reading.rows);
    free(reading.known);
    return reading.err;
}

/* ---- judged ---- */

static bool is_user_row(const struct vr_op *op)
{
    struct vr_buf merged = {0};
    bool fine =
        op->key.size == 16 && vr_personal_merge(vr_bytes(NULL, 0), op->value, &merged) == VR_OK;

    vr_buf_deinit(&merged);
    return fine;
}

/* What a load reads is read here too, into a room that nobody sees, as if everybody had been
 * erased: forms are judged, not names. */
static enum vr_err judge_row(struct vr_room *room, const struct vr_op *op)
{
    size_t rest = op->key.size < 16 ? SIZE_MAX : op->key.size - 16;

    switch (op->table) {
    case VR_TABLE_USERS:
        return is_user_row(op) ? VR_OK : VR_E_UNPROCESSABLE;
    case VR_TABLE_ROOMS: /* read first */
        return rest == 0 ? VR_OK : VR_E_UNPROCESSABLE;
    case VR_TABLE_AUDIT:
        return rest == 8 ? VR_OK : VR_E_UNPROCESSABLE;
    case VR_TABLE_ANALYTICS:
        return rest == 0
                   ? vr_room_load_record(room, &vr_vault_closed, op->table, op->key, op->value)
               : rest == 16 ? VR_OK
                            : VR_E_UNPROCESSABLE;
    case VR_TABLE_PARTICIPANTS:
    case VR_TABLE_BANS:
        return vr_room_load_record(room, &vr_vault_closed, op->table, op->key, op->value);
    case VR_TABLE_GRANTS:
        return rest == 16 ? VR_OK : VR_E_UNPROCESSABLE;
    case VR_TABLE_META:
    case VR_TABLE_HEADS:
    case VR_TABLE_KEYS:
    case VR_TABLE_REVOKED:
    case VR_TABLE_IDEMPOTENCY:
    case VR_TABLE_COMMANDS:
    case VR_TABLE_DEPLOYMENT:
    case VR_TABLE_REPORTS:
    case VR_TABLE_OUTBOX:
    case VR_TABLE_MARKS:
    case VR_TABLE_COUNT:
        break;
    }
    return VR_E_UNPROCESSABLE;
}

/* The room's own row, and that there is one. */
static enum vr_err judge_room(struct vr_room *room, struct vr_bytes rows)
{
    enum vr_err err = VR_OK;
    uint32_t found = 0;
    struct vr_op op;
    bool bad;

    while (err == VR_OK && vr_op_next(&rows, &op, &bad)) {
        if (op.table == VR_TABLE_ROOMS) {
            err = found++ > 0
                      ? VR_E_UNPROCESSABLE
                      : vr_room_load_record(room, &vr_vault_closed, op.table, op.key, op.value);
        }
    }
    return err == VR_OK && found == 0 ? VR_E_UNPROCESSABLE : err;
}

static enum vr_err judge_rows(struct vr_room *room, struct vr_bytes rows)
{
    enum vr_err err = VR_OK;
    struct vr_op op;
    bool bad = false;

    while (err == VR_OK && vr_op_next(&rows, &op, &bad)) {
        err = op.kind == VR_OP_PUT ? judge_row(room, &op) : VR_E_UNPROCESSABLE;
    }
    return err == VR_OK && bad ? VR_E_UNPROCESSABLE : err;
}

enum vr_err vr_room_rows_judge(struct vr_id room, const struct vr_room_conf *conf,
                               struct vr_bytes rows, struct vr_why *why)
{
    struct vr_room *scratch = vr_room_new(room, conf, 1);
    struct vr_commit *own = NULL;
    enum vr_err err = scratch == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK) { /* of this room, or users' */
        err = vr_commit_from_ops(room, 1, 0, 0, rows, &own);
        vr_commit_free(own);
    }
    if (err == VR_OK) {
        err = judge_room(scratch, rows);
    }
    if (err == VR_OK) {
        err = judge_rows(scratch, rows);
    }
    vr_room_free(scratch);
    if (err == VR_OK || err == VR_E_NO_MEMORY) {
        return err;
    }
    return vr_fail(why, VR_E_UNPROCESSABLE, "rows: these are not the rows of this room");
}

/* ---- into a commit ---- */

/* Both keys stay, so that what was sealed with either can be read; of two lives the later counts.
 */
static enum vr_err put_user(struct vr_records *records, const struct vr_op *op,
                            struct vr_commit *commit)
{
    struct vr_buf ours = {0};
    struct vr_buf merged = {0};
    enum vr_err err = vr_records_get(records, VR_TABLE_USERS, op->key, &ours);

    if (err == VR_E_NOT_FOUND) {
        ours.size = 0;
        err = VR_OK;
    }
    if (err == VR_OK) {
        err = vr_personal_merge(vr_buf_bytes(&ours), op->value, &merged);
    }
    if (err == VR_OK && !vr_bytes_equal(vr_buf_bytes(&ours), vr_buf_bytes(&merged))) {
        vr_commit_put(commit, VR_TABLE_USERS, op->key, vr_buf_bytes(&merged));
    }
    vr_buf_deinit(&ours);
    vr_buf_deinit(&merged);
    return err;
}

/* Numbers of participants that were given after the backup are not known any more, and resume
 * tokens with them are still about: far beyond them no new place is anybody's by an old token. */
#define NUMBERS_LEFT_OUT (1u << 20)

static enum vr_err put_counters(struct vr_bytes key, struct vr_bytes value,
                                struct vr_commit *commit)
{
    Vr__CountersRecord *record = vr__counters_record__unpack(NULL, value.size, value.data);
    uint8_t *bytes = NULL;

    if (record == NULL) {
        return VR_E_NO_MEMORY; /* it was judged */
    }
    if (record->last_participant < VR_PARTICIPANT_GIVEN - NUMBERS_LEFT_OUT) {
        record->last_participant += NUMBERS_LEFT_OUT;
    }
    bytes = malloc(vr__counters_record__get_packed_size(record) + 1);
    if (bytes != NULL) {
        vr_commit_put(commit, VR_TABLE_ANALYTICS, key,
                      vr_bytes(bytes, vr__counters_record__pack(record, bytes)));
    }
    vr__counters_record__free_unpacked(record, NULL);
    free(bytes);
    return bytes == NULL ? VR_E_NO_MEMORY : VR_OK;
}

static bool is_durable(enum vr_table table)
{
    return table == VR_TABLE_ROOMS || table == VR_TABLE_BANS || table == VR_TABLE_GRANTS;
}

enum vr_err vr_room_rows_save(const struct vr_room *room, struct vr_records *records,
                              struct vr_bytes rows, struct vr_commit *commit)
{
    struct vr_op own = {.table = VR_TABLE_COUNT};
    enum vr_err err = VR_OK;
    struct vr_bytes counters = {0};
    struct vr_op op;
    uint8_t key[16];
    bool bad;

    vr_id_put(key, vr_room_id(room));
    vr_room_save_deletion(room, commit);
    while (err == VR_OK && vr_op_next(&rows, &op, &bad)) {
        op.durable = is_durable(op.table);
        if (op.table == VR_TABLE_USERS) {
            err = put_user(records, &op, commit);
        } else if (op.table == VR_TABLE_ROOMS) {
            own = op;
        } else if (op.table == VR_TABLE_ANALYTICS && op.key.size == sizeof(key)) {
            counters = op.value;
        } else {
            vr_commit_add(commit, &op);
        }
    }
    if (err == VR_OK) {
        err = put_counters(vr_bytes(key, sizeof(key)), counters, commit);
    }
    if (err == VR_OK && own.table == VR_TABLE_ROOMS) {
        vr_commit_add(commit,
                      &own); /* in the directory, too, the room is there once all of it is */
    }
    return err;
}
