/* reminders_row.c - a reminder as a row of the deployment, when it is due, and how a socket hears
 * of it. */
#include "actors/room/records.h"
#include "actors/wire/client_json.h"
#include "nodes/deployment_internal.h"
#include "nodes/reminders.h"

#define BEGUN_FOR VR_SECONDS(600)
#define LATE_FOR VR_SECONDS(6 * 3600) /* a host who is late is waited for so long */

struct vr_id vr_reminder_id(struct vr_id ref, struct vr_id room)
{
    return (struct vr_id){ref.hi, room.lo};
}

enum vr_err vr_reminder_body(const struct vr_reminder_row *reminder, struct vr_buf *body)
{
    Vr__DeploymentReminder record = VR__DEPLOYMENT_REMINDER__INIT;
    uint8_t ref[16];
    uint8_t room[16];

    vr_id_put(ref, reminder->ref);
    vr_id_put(room, reminder->room);
    record.user_ref = deployment_binary(vr_bytes(ref, 16));
    record.room = deployment_binary(vr_bytes(room, 16));
    record.told = reminder->told;
    record.at = reminder->at;
    return deployment_pack(&record.base, body);
}

bool vr_reminder_read(const struct vr_deployment_row *row, struct vr_reminder_row *out)
{
    Vr__DeploymentReminder *record =
        vr__deployment_reminder__unpack(NULL, row->body.size, row->body.data);
    bool fine = record != NULL && record->user_ref.len == 16 && record->room.len == 16;

    if (fine) {
        *out = (struct vr_reminder_row){.ref = vr_id_get(record->user_ref.data),
                                        .room = vr_id_get(record->room.data),
                                        .told = record->told,
                                        .at = record->at};
    }
    if (record != NULL) {
        vr__deployment_reminder__free_unpacked(record, NULL);
    }
    return fine && vr_id_equal(row->id, vr_reminder_id(out->ref, out->room));
}

struct own {
    struct vr_id ref;
    struct vr_id *rooms;
    uint32_t max;
    uint32_t count;
};

static bool visit_own(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct own *own = ctx;
    struct vr_deployment_row row;
    struct vr_reminder_row reminder;

    if (vr_deployment_row_get(key, value, &row) && !row.gone && vr_reminder_read(&row, &reminder) &&
        vr_id_equal(reminder.ref, own->ref)) {
        own->rooms[own->count++] = reminder.room;
    }
    return own->count < own->max;
}

enum vr_err vr_reminders_of(struct vr_records *records, struct vr_id ref, struct vr_id *rooms,
                            uint32_t max, uint32_t *count)
{
    struct own own = {.ref = ref, .rooms = rooms, .max = max};
    uint8_t prefix[9] = {(uint8_t)VR_DEPLOYMENT_REMINDER};
    struct vr_bytes from = vr_bytes(prefix, sizeof(prefix));
    enum vr_err err;

    vr_put64(prefix + 1, ref.hi);
    err = vr_records_scan(records, VR_TABLE_DEPLOYMENT, from, from, visit_own, &own);
    *count = own.count;
    return err;
}

void vr_reminder_remove(struct vr_id ref, struct vr_id room, struct vr_commit *commit)
{
    uint8_t key[VR_DEPLOYMENT_KEY] = {(uint8_t)VR_DEPLOYMENT_REMINDER};

    vr_id_put(key + 1, vr_reminder_id(ref, room));
    vr_commit_remove(commit, VR_TABLE_DEPLOYMENT, vr_bytes(key, sizeof(key)));
}

enum vr_reminder_state vr_reminder_state(const struct vr_room_listing *room, vr_time_us now_wall)
{
    if (room == NULL || room->phase == VR_ENDED) {
        return VR_REMINDER_OVER;
    }
    if (room->phase == VR_ACTIVE) {
        return now_wall < room->started_wall + BEGUN_FOR ? VR_REMINDER_BEGUN : VR_REMINDER_OVER;
    }
    if (room->starts_wall == 0 || now_wall < room->starts_wall - VR_REMIND_BEFORE) {
        return VR_REMINDER_WAITS;
    }
    return now_wall < room->starts_wall + LATE_FOR ? VR_REMINDER_DUE : VR_REMINDER_OVER;
}

void vr_reminder_json(const struct vr_reminder *reminder, struct vr_buf *out)
{
    char id[VR_ID_TEXT];

    /* No place in the order of the room in which this socket may be: before all that it knows. */
    vr_buf_printf(out, "{\"type\":\"schedule:reminder\",\"room\":\"%s\",\"epoch\":0,\"sequence\":0",
                  vr_id_format(reminder->room, id));
    vr_json_member_text(out, "title", reminder->title);
    vr_json_member_time(out, "starts_at", reminder->starts_wall);
    vr_buf_printf(out, ",\"begun\":%s}", reminder->begun ? "true" : "false");
}
