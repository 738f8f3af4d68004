#include "nodes/users.h"

#include <stdlib.h>
#include <string.h>

#include "nodes/reminders.h"
#include "nodes/routes_admin.h"
#include "room_record.pb-c.h"

struct gather {
    struct vr_records *records;
    struct vr_deployment *deployment;
    struct vr_personal *personal;
    struct vr_id ref;
    size_t most;
    json_t *rooms;
    json_t *places;
    json_t *bans;
    json_t *deployment_bans;
    json_t *reports_by;
    json_t *reports_about;
    json_t *audit;
    json_t *reminders; /* ids of rooms */
};

static bool is(const struct gather *gather, ProtobufCBinaryData ref)
{
    return ref.len == 16 && vr_id_equal(vr_id_get(ref.data), gather->ref);
}

static void keep(const struct gather *gather, json_t *list, json_t *value)
{
    if (json_array_size(list) < gather->most) {
        json_array_append_new(list, value);
    } else {
        json_decref(value);
    }
}

static json_t *open_field(const struct gather *gather, ProtobufCBinaryData ref,
                          ProtobufCBinaryData sealed)
{
    struct vr_buf text = {0};
    json_t *value = NULL;

    if (ref.len == 16 && sealed.len > 0 &&
        vr_personal_open(gather->personal, vr_id_get(ref.data), vr_bytes(sealed.data, sealed.len),
                         &text) == VR_OK) {
        value = json_stringn((const char *)text.data, text.size);
    }
    vr_buf_deinit(&text);
    return value == NULL ? json_null() : value;
}

static bool see_room(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct gather *gather = ctx;
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);

    if (record != NULL && key.size == 16 && is(gather, record->creator_ref)) {
        keep(
            gather, gather->rooms,
            json_pack("{s:o, s:s, s:s, s:o}", "room", vr_admin_id(vr_id_get(key.data)), "title",
                      record->title, "phase",
                      record->phase <= VR_ENDED ? vr_phase_name((enum vr_phase)record->phase) : "?",
                      "created_at", vr_admin_time(record->created_at)));
    }
    if (record != NULL) {
        vr__room_record__free_unpacked(record, NULL);
    }
    return true;
}

static bool see_place(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct gather *gather = ctx;
    Vr__PersonRecord *record = vr__person_record__unpack(NULL, value.size, value.data);

    if (record != NULL && key.size == 20 && is(gather, record->user_ref)) {
        keep(gather, gather->places,
             json_pack("{s:o, s:I, s:o, s:s, s:b, s:b, s:b, s:I, s:f, s:f, s:o}", "room",
                       vr_admin_id(vr_id_get(key.data)), "participant",
                       (json_int_t)vr_get32(key.data + 16), "name",
                       open_field(gather, record->user_ref, record->name), "role",
                       record->role < VR_ROLES ? vr_role_name((enum vr_role)record->role) : "?",
                       "present", record->present ? 1 : 0, "muted_by_moderator",
                       record->muted_by_moderator ? 1 : 0, "guest", record->guest ? 1 : 0, "joins",
                       (json_int_t)record->joins, "stay_s", (double)record->stay_us / 1e6,
                       "spoke_s", (double)record->spoke_ms / 1e3, "joined_at",
                       vr_admin_time(record->joined_at)));
    }
    if (record != NULL) {
        vr__person_record__free_unpacked(record, NULL);
    }
    return true;
}

static bool see_ban(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct gather *gather = ctx;
    Vr__BanRecord *record = NULL;

    if (key.size != 32 || !vr_id_equal(vr_id_get(key.data + 16), gather->ref)) {
        return true;
    }
    record = vr__ban_record__unpack(NULL, value.size, value.data);
    if (record != NULL) {
        ProtobufCBinaryData ref = {16, (uint8_t *)(uintptr_t)(key.data + 16)};

        keep(gather, gather->bans,
             json_pack(
                 "{s:o, s:o, s:o, s:o, s:o, s:o}", "room", vr_admin_id(vr_id_get(key.data)), "id",
                 vr_admin_id(record->id.len == 16 ? vr_id_get(record->id.data) : (struct vr_id){0}),
                 "reason", open_field(gather, ref, record->reason), "by",
                 open_field(gather, record->by_ref, record->by_name), "at",
                 vr_admin_time(record->at), "until", vr_admin_time(record->until)));
        vr__ban_record__free_unpacked(record, NULL);
    }
    return true;
}

static bool see_deployment_ban(void *ctx, const struct vr_deployment_row *row)
{
    struct gather *gather = ctx;
    struct vr_deployment_ban ban;
    struct vr_buf texts = {0};

    if (vr_deployment_ban_read(gather->deployment, row, &ban, &texts) && ban.user[0] != 0 &&
        vr_id_equal(vr_personal_ref(gather->personal, ban.user), gather->ref)) {
        keep(gather, gather->deployment_bans,
             json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", vr_admin_id(ban.id), "range",
                       vr_admin_text(ban.range), "reason", vr_admin_text(ban.reason), "by",
                       vr_admin_text(ban.by), "at", vr_admin_time(ban.at), "until",
                       vr_admin_time(ban.until)));
    }
    vr_buf_deinit(&texts);
    return true;
}

static bool see_report(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct gather *gather = ctx;
    Vr__ReportRecord *record = vr__report_record__unpack(NULL, value.size, value.data);
    bool by = record != NULL && is(gather, record->by_ref);
    bool about = record != NULL && is(gather, record->target_ref);

    if (key.size == 16 && (by || about)) {
        json_t *entry = json_pack(
            "{s:o, s:o, s:o, s:s, s:o, s:o}", "id", vr_admin_id(vr_id_get(key.data)), "room",
            vr_admin_id(record->room.len == 16 ? vr_id_get(record->room.data) : (struct vr_id){0}),
            "at", vr_admin_time(record->at), "status", record->resolved ? "resolved" : "open",
            "reason", open_field(gather, record->target_ref, record->reason), "outcome",
            vr_admin_text(record->outcome));

        keep(gather, about ? gather->reports_about : gather->reports_by, entry);
    }
    if (record != NULL) {
        vr__report_record__free_unpacked(record, NULL);
    }
    return true;
}

static bool see_audit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct gather *gather = ctx;
    Vr__AuditRecord *record = vr__audit_record__unpack(NULL, value.size, value.data);
    bool by = record != NULL && is(gather, record->by_ref);
    bool about = record != NULL && is(gather, record->target_ref);

    if (key.size == 24 && vr_get64(key.data + 16) != 0 && (by || about)) {
        struct vr_id room = vr_id_get(key.data);

        if (json_array_size(gather->audit) >= gather->most) {
            json_array_remove(gather->audit, 0);
        }
        keep(gather, gather->audit,
             json_pack("{s:o, s:I, s:o, s:s, s:s, s:o, s:s}", "room",
                       vr_id_equal(room, VR_DEPLOYMENT_ROOM) ? json_null() : vr_admin_id(room),
                       "number", (json_int_t)vr_get64(key.data + 16), "at",
                       vr_admin_time(record->at), "act", record->act, "as",
                       by && about ? "both" : (by ? "actor" : "target"), "reason",
                       record->target_ref.len == 0
                           ? json_stringn((const char *)record->reason.data, record->reason.len)
                           : open_field(gather, record->target_ref, record->reason),
                       "request_id", record->request_id));
    }
    if (record != NULL) {
        vr__audit_record__free_unpacked(record, NULL);
    }
    return true;
}

static enum vr_err see_reminders(struct gather *gather)
{
    struct vr_id rooms[VR_REMINDERS_OF_ONE_MAX];
    uint32_t count = 0;
    enum vr_err err =
        vr_reminders_of(gather->records, gather->ref, rooms, VR_REMINDERS_OF_ONE_MAX, &count);

    for (uint32_t i = 0; i < count && err == VR_OK; i++) {
        keep(gather, gather->reminders, vr_admin_id(rooms[i]));
    }
    return err;
}

static enum vr_err walk(struct gather *gather)
{
    static const struct {
        enum vr_table table;
        vr_visit_fn visit;
    } walks[] = {
        {VR_TABLE_ROOMS, see_room},  {VR_TABLE_PARTICIPANTS, see_place},
        {VR_TABLE_BANS, see_ban},    {VR_TABLE_REPORTS, see_report},
        {VR_TABLE_AUDIT, see_audit},
    };
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = VR_OK;

    for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]) && err == VR_OK; i++) {
        err = vr_records_scan(gather->records, walks[i].table, all, all, walks[i].visit, gather);
    }
    if (err == VR_OK) {
        err = vr_deployment_scan(gather->records, VR_DEPLOYMENT_BAN, see_deployment_ban, gather);
    }
    return err == VR_OK ? see_reminders(gather) : err;
}

json_t *vr_user_gather(struct vr_records *records, struct vr_deployment *deployment,
                       struct vr_personal *personal, const char *user, size_t most)
{
    struct gather gather = {.records = records,
                            .deployment = deployment,
                            .personal = personal,
                            .ref = vr_personal_ref(personal, user),
                            .most = most,
                            .rooms = json_array(),
                            .places = json_array(),
                            .bans = json_array(),
                            .deployment_bans = json_array(),
                            .reports_by = json_array(),
                            .reports_about = json_array(),
                            .audit = json_array(),
                            .reminders = json_array()};
    struct vr_buf name = {0};
    enum vr_err err = walk(&gather);
    bool known = vr_personal_user(personal, gather.ref, &name) == VR_OK;
    json_t *out =
        json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "user", user, "ref",
                  vr_admin_id(gather.ref), "known", known ? 1 : 0, "rooms", gather.rooms, "places",
                  gather.places, "bans", gather.bans, "deployment_bans", gather.deployment_bans,
                  "reports_by", gather.reports_by, "reports_about", gather.reports_about, "audit",
                  gather.audit, "reminders", gather.reminders);

    vr_buf_deinit(&name);
    if (err != VR_OK) {
        json_decref(out);
        return NULL;
    }
    return out;
}

struct rooms {
    struct vr_id ref;
    struct vr_id *items;
    size_t count;
};

static bool note_room(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct rooms *rooms = ctx;
    Vr__PersonRecord *record = vr__person_record__unpack(NULL, value.size, value.data);

    if (record != NULL && key.size == 20 && record->user_ref.len == 16 &&
        vr_id_equal(vr_id_get(record->user_ref.data), rooms->ref)) {
        struct vr_id *grown = realloc(rooms->items, (rooms->count + 1) * sizeof(*grown));

        if (grown != NULL) {
            rooms->items = grown;
            rooms->items[rooms->count++] = vr_id_get(key.data);
        }
    }
    if (record != NULL) {
        vr__person_record__free_unpacked(record, NULL);
    }
    return true;
}

struct vr_id *vr_user_rooms(struct vr_records *records, struct vr_id ref, size_t *count)
{
    struct rooms rooms = {.ref = ref};
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = vr_records_scan(records, VR_TABLE_PARTICIPANTS, all, all, note_room, &rooms);

    *count = err == VR_OK ? rooms.count : 0;
    if (*count == 0) {
        free(rooms.items);
        return NULL;
    }
    return rooms.items;
}
